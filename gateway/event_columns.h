/* A session's consecutive events to compressible bytes and back. Pure; every block opens alone, and
 * what it is packed to follows from its events alone.
 *
 * What a reader knows anyway (session, sequence, zero fields) is not stored. The rest is predicted
 * from the block itself (the order that a reference names, the last price and the symbol of an
 * instrument, the next client order id) and the difference goes to a column of its kind, so that a
 * general compressor finds runs of zeros. Exact for every event whose bytes beyond
 * event_bytes(type), and whose reserved bytes, are zero, as matching/event.h says. */
#ifndef GATEWAY_EVENT_COLUMNS_H
#define GATEWAY_EVENT_COLUMNS_H

#include <stddef.h>
#include <stdint.h>

#include "matching/base/status.h"
#include "matching/event.h"

#define EVENT_COLUMNS_EVENTS_MAX 1024u

/* Working memory of one call, owned by the caller, content meaningless between calls. */
struct event_columns_scratch;
size_t event_columns_scratch_bytes(void);

/* Largest output of event_columns_pack() for `count` events. */
size_t event_columns_bound(uint32_t count);

/* The packed form: columns that a compressor makes smaller, then `dense_bytes` of bits that it
 * cannot (the lower bits of times, prices and numbers). */
struct event_columns_packed {
    size_t bytes; /* Of both. */
    size_t dense_bytes;
};

/* Pack `count` (1 .. EVENT_COLUMNS_EVENTS_MAX) events into `target`, which has room for
 * event_columns_bound(count). `events` points to each. */
struct event_columns_packed event_columns_pack(uint8_t *target, const struct event *const *events,
                                               uint32_t count,
                                               struct event_columns_scratch *scratch);

/* The inverse: fills all but session_id and sequence, which are zero. `source` may hold any bytes
 * and `packed` any sizes up to what is readable there: STATUS_BAD_FORMAT when it is not exactly the
 * packed form of `count` events; their content is then unspecified. Never reads or writes out of
 * bounds. */
MUST_USE enum status event_columns_unpack(struct event *const *events, uint32_t count,
                                          const uint8_t *source, struct event_columns_packed packed,
                                          struct event_columns_scratch *scratch);

#endif
