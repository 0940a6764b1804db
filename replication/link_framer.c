#include "replication/link_framer.h"

#include <string.h>

#include "matching/base/assertion.h"

void link_framer_init(struct link_framer *framer, uint8_t *memory)
{
    ASSERT(framer != NULL);
    ASSERT(memory != NULL);
    *framer = (struct link_framer){.memory = memory};
}

uint8_t *link_framer_room(struct link_framer *framer, uint32_t *bytes_max)
{
    ASSERT(framer->first <= framer->end);
    ASSERT(framer->end <= LINK_FRAMER_BYTES);
    uint32_t held = framer->end - framer->first;
    if (held == 0) {
        framer->first = 0;
        framer->end = 0;
    } else if (LINK_FRAMER_BYTES - framer->end < LINK_FRAMER_SPARE_BYTES) {
        memmove(framer->memory, framer->memory + framer->first, held);
        framer->first = 0;
        framer->end = held;
    }
    *bytes_max = LINK_FRAMER_BYTES - framer->end;
    return framer->memory + framer->end;
}

void link_framer_received(struct link_framer *framer, uint32_t bytes)
{
    ASSERT(framer->end <= LINK_FRAMER_BYTES);
    ASSERT(bytes <= LINK_FRAMER_BYTES - framer->end);
    framer->end += bytes;
}

enum status link_framer_next(struct link_framer *framer, const uint8_t **frame,
                             uint32_t *frame_bytes)
{
    ASSERT(framer->first <= framer->end);
    uint32_t held = framer->end - framer->first;
    enum status status = link_wire_peek(frame_bytes, framer->memory + framer->first, held);
    if (status == STATUS_SHORT || (status == STATUS_OK && *frame_bytes > held)) {
        return STATUS_NOT_YET;
    }
    if (status != STATUS_OK) {
        return status;
    }
    *frame = framer->memory + framer->first;
    framer->first += *frame_bytes;
    ASSERT(framer->first <= framer->end);
    return STATUS_OK;
}
