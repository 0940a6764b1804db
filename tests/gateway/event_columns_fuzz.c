/* Any bytes may come to event_columns_unpack(): it refuses them or gives events that pack and
 * unpack to the same events again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/event_columns.h"
#include "matching/base/assertion.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_EVENTS 64u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3) {
        return 0;
    }
    uint32_t count = 1 + data[0] % FUZZ_EVENTS;
    struct event *events = calloc(2 * FUZZ_EVENTS, sizeof *events);
    struct event_columns_scratch *scratch = malloc(event_columns_scratch_bytes());
    uint8_t *packed = malloc(event_columns_bound(FUZZ_EVENTS));
    ASSERT(events != NULL);
    ASSERT(scratch != NULL);
    ASSERT(packed != NULL);
    struct event *targets[2 * FUZZ_EVENTS];
    for (uint32_t index = 0; index < 2 * FUZZ_EVENTS; index++) {
        targets[index] = &events[index];
    }
    struct event_columns_packed given = {.bytes = size - 3,
                                         .dense_bytes = (size_t)data[1] << 8 | data[2]};
    if (event_columns_unpack(targets, count, data + 3, given, scratch) == STATUS_OK) {
        struct event_columns_packed again =
            event_columns_pack(packed, (const struct event *const *)targets, count, scratch);
        ASSERT(event_columns_unpack(targets + FUZZ_EVENTS, count, packed, again, scratch) ==
               STATUS_OK);
        ASSERT(memcmp(events, events + FUZZ_EVENTS, count * sizeof *events) == 0);
    }
    free(events);
    free(scratch);
    free(packed);
    return 0;
}
