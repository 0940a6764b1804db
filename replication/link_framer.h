/* A stream of bytes cut into whole frames. Pure, over memory of the caller's.
 *
 * The user writes what it receives to where link_framer_room() points, tells how much, and takes
 * frames until there is no whole one left. A header is looked at as soon as it is there, so nothing
 * larger than a largest frame is ever waited for. */
#ifndef REPLICATION_LINK_FRAMER_H
#define REPLICATION_LINK_FRAMER_H

#include <stddef.h>
#include <stdint.h>

#include "matching/base/status.h"
#include "replication/link_wire.h"

/* Room behind an unfinished largest frame, so that bytes come in large pieces. */
#define LINK_FRAMER_SPARE_BYTES (64u << 10)
#define LINK_FRAMER_BYTES       (LINK_WIRE_FRAME_BYTES_MAX + LINK_FRAMER_SPARE_BYTES)

struct link_framer {
    uint8_t *memory; /* LINK_FRAMER_BYTES; the caller's. */
    uint32_t first;  /* Of what has not been taken. */
    uint32_t end;    /* Behind what has been received. */
};

void link_framer_init(struct link_framer *framer, uint8_t *memory);

/* Where the next bytes belong, `*bytes_max` of them, at least 1 once no whole frame is left in it.
 * Frames taken before are gone. */
uint8_t *link_framer_room(struct link_framer *framer, uint32_t *bytes_max);
void link_framer_received(struct link_framer *framer, uint32_t bytes);

/* The next whole frame's bytes, for link_wire_decode(); valid until link_framer_room().
 * STATUS_NOT_YET: not whole. STATUS_BAD_VERSION, STATUS_BAD_FORMAT: no frame begins here; it never
 * comes right again. */
MUST_USE enum status link_framer_next(struct link_framer *framer, const uint8_t **frame,
                                      uint32_t *frame_bytes);

#endif
