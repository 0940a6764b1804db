/* One frame from arbitrary bytes, with a header of the right length put in front as well, so that
 * bodies are reached; and a stream cut into frames. What is accepted must come out the same when
 * encoded again: one frame has one form. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "matching/base/bytes.h"
#include "replication/link_framer.h"

#define INPUT_BYTES_MAX 65536u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_records(const struct link_forward *forward)
{
    uint32_t offset = 0;
    uint32_t count = 0;
    const uint8_t *record;
    uint32_t record_bytes;
    while (link_wire_record_next(forward, &offset, &record, &record_bytes) == STATUS_OK) {
        ASSERT(record_bytes > 0);
        ASSERT(record + record_bytes <= forward->records + forward->records_bytes);
        count++;
    }
    ASSERT(count == forward->record_count);
}

static void fuzz_frame(const uint8_t *data, size_t size)
{
    static uint8_t again[INPUT_BYTES_MAX + 1024];
    struct link_frame frame;
    if (link_wire_decode(&frame, data, size) != STATUS_OK) {
        return;
    }
    if (frame.type == LINK_WIRE_FORWARD) {
        fuzz_records(&frame.forward);
    }
    size_t bytes_max = link_wire_bytes_max(&frame);
    ASSERT(bytes_max >= size);
    ASSERT(bytes_max <= sizeof again);
    size_t bytes = link_wire_encode(again, bytes_max, &frame);
    ASSERT(bytes == size);
    ASSERT(memcmp(again, data, size) == 0);
}

static void fuzz_body(const uint8_t *data, size_t size)
{
    static uint8_t bytes[INPUT_BYTES_MAX];
    if (size < LINK_WIRE_HEADER_BYTES) {
        return;
    }
    memcpy(bytes, data, size);
    bytes_store_le32(bytes, (uint32_t)(size - LINK_WIRE_HEADER_BYTES));
    bytes[4] = LINK_WIRE_VERSION;
    bytes[5] = (uint8_t)(1 + data[5] % (LINK_WIRE_TYPE_COUNT - 1));
    bytes[7] = 0;
    fuzz_frame(bytes, size);
}

/* In pieces of a length that the first byte says. */
static void fuzz_stream(const uint8_t *data, size_t size)
{
    static uint8_t memory[LINK_FRAMER_BYTES];
    struct link_framer framer;
    link_framer_init(&framer, memory);
    size_t piece = size > 0 ? (size_t)data[0] + 1 : 1;
    size_t taken = 0;
    for (size_t at = 0; at < size;) {
        uint32_t bytes_max;
        uint8_t *room = link_framer_room(&framer, &bytes_max);
        size_t bytes = piece < size - at ? piece : size - at;
        ASSERT(bytes <= bytes_max);
        memcpy(room, data + at, bytes);
        link_framer_received(&framer, (uint32_t)bytes);
        at += bytes;
        const uint8_t *frame;
        uint32_t frame_bytes;
        enum status status = link_framer_next(&framer, &frame, &frame_bytes);
        while (status == STATUS_OK) {
            ASSERT(memcmp(frame, data + taken, frame_bytes) == 0);
            taken += frame_bytes;
            ASSERT(taken <= at);
            status = link_framer_next(&framer, &frame, &frame_bytes);
        }
        if (status != STATUS_NOT_YET) {
            return;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > INPUT_BYTES_MAX) {
        return 0;
    }
    fuzz_frame(data, size);
    fuzz_body(data, size);
    fuzz_stream(data, size);
    return 0;
}
