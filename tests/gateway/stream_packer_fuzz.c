/* Any bytes may come to stream_packer_unpack(), and a real block with bytes changed (two say where,
 * one what): it refuses them or gives events that are packed to bytes of their own, always the
 * same, which give the same events again. */
#include "gateway/stream_packer.h"

#include <stdlib.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "tests/support/event_flow.h"

#define FUZZ_EVENTS 64u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz {
    struct stream_packer *packer;
    struct event events[2][FUZZ_EVENTS];
    struct event *targets[2][FUZZ_EVENTS];
    uint8_t *original; /* As large as any, like the next two. */
    uint8_t *changed;
    uint8_t *again;
    struct stream_packer_sizes sizes; /* Of the original. */
};

static struct fuzz *fuzz_make(void)
{
    struct fuzz *fuzz = calloc(1, sizeof *fuzz);
    ASSERT(fuzz != NULL);
    enum status status = stream_packer_create(&fuzz->packer, FUZZ_EVENTS);
    ASSERT(status == STATUS_OK);
    fuzz->original = malloc(stream_packer_bound(FUZZ_EVENTS));
    fuzz->changed = malloc(stream_packer_bound(FUZZ_EVENTS));
    fuzz->again = malloc(stream_packer_bound(FUZZ_EVENTS));
    ASSERT(fuzz->original != NULL && fuzz->changed != NULL && fuzz->again != NULL);
    struct event_flow flow;
    event_flow_create(&flow, 3, 1, 5, EVENT_FLOW_COUNTING);
    for (uint32_t index = 0; index < FUZZ_EVENTS; index++) {
        event_flow_next(&flow, false, &fuzz->events[0][index]);
        fuzz->targets[0][index] = &fuzz->events[0][index];
        fuzz->targets[1][index] = &fuzz->events[1][index];
    }
    event_flow_destroy(&flow);
    stream_packer_pack(fuzz->packer, (const struct event *const *)fuzz->targets[0], FUZZ_EVENTS,
                       fuzz->original, &fuzz->sizes);
    return fuzz;
}

static void fuzz_unpack(struct fuzz *fuzz, const uint8_t *stored,
                        const struct stream_packer_sizes *sizes, uint32_t count)
{
    if (!stream_packer_fits(sizes, count) ||
        stream_packer_unpack(fuzz->packer, stored, sizes, fuzz->targets[0], count) != STATUS_OK) {
        return;
    }
    struct stream_packer_sizes again[2];
    for (uint32_t round = 0; round < 2; round++) {
        uint8_t *target = round == 0 ? fuzz->again : fuzz->changed;
        stream_packer_pack(fuzz->packer, (const struct event *const *)fuzz->targets[round], count,
                           target, &again[round]);
        enum status status =
            stream_packer_unpack(fuzz->packer, target, &again[round], fuzz->targets[1], count);
        ASSERT(status == STATUS_OK);
        ASSERT(memcmp(fuzz->events[0], fuzz->events[1], count * sizeof(struct event)) == 0);
    }
    ASSERT(again[0].stored_bytes == again[1].stored_bytes);
    ASSERT(memcmp(fuzz->again, fuzz->changed, again[0].stored_bytes) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fuzz *fuzz;
    if (fuzz == NULL) {
        fuzz = fuzz_make();
    }
    if (size < 6) {
        return 0;
    }
    struct stream_packer_sizes sizes = fuzz->sizes;
    uint32_t count = FUZZ_EVENTS;
    if (data[0] % 2 == 0) {
        count = 1 + data[1] % FUZZ_EVENTS;
        sizes.dense_bytes = (uint16_t)(data[2] << 8 | data[3]);
        sizes.raw_bytes = (uint32_t)data[4] << 8 | data[5];
        sizes.stored_bytes = (uint32_t)(size - 6);
        fuzz_unpack(fuzz, data + 6, &sizes, count);
        return 0;
    }
    memcpy(fuzz->changed, fuzz->original, sizes.stored_bytes);
    for (size_t i = 1; i + 3 <= size; i += 3) {
        fuzz->changed[((size_t)data[i] << 8 | data[i + 1]) % sizes.stored_bytes] = data[i + 2];
    }
    fuzz_unpack(fuzz, fuzz->changed, &sizes, count);
    return 0;
}
