/* Two ways in: the input is a snapshot; or it is a list of changes, each three bytes (where, what),
 * to that of a lively market, whose hash is then made right. What is read must be an engine: it is
 * written again byte by byte, and trades on over the end of its day. */
#include "matching/snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "tests/support/engine_bytes.h"
#include "tests/support/market_stream.h"

#define SETTING_COMMANDS 700u
#define FURTHER_COMMANDS 60u
#define BYTES_MAX        16384u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct lively {
    struct engine_limits limits;
    struct reference_market reference;
    struct market_stream stream;
    struct engine_bytes original;
    struct engine_bytes changed;
    struct engine_bytes again;
    struct command further[FURTHER_COMMANDS];
    struct random random;
    void *memory;
};

static void lively_apply(struct engine *engine, const struct command *command)
{
    static struct event events[EVENT_BATCH_MAX];
    struct event_batch batch = {.events = events, .capacity = EVENT_BATCH_MAX};
    enum status status = engine_apply(engine, command, &batch);
    while (status == STATUS_MORE) {
        status = engine_resume(engine, &batch);
    }
    ASSERT(status == STATUS_OK);
}

static struct lively *lively_make(void)
{
    struct lively *lively = calloc(1, sizeof *lively);
    ASSERT(lively != NULL);
    lively->limits = market_stream_limits();
    random_seed(&lively->random, 1);
    reference_market_init(&lively->reference, &lively->limits);
    market_stream_init(&lively->stream, &lively->reference, 20231114);
    void *memory = NULL;
    struct engine *engine = engine_bytes_engine(&memory, &lively->limits);
    for (uint32_t i = 0; i < SETTING_COMMANDS + FURTHER_COMMANDS; i++) {
        struct command command = market_stream_next(&lively->stream);
        reference_market_apply(&lively->reference, &command);
        if (i < SETTING_COMMANDS) {
            lively_apply(engine, &command);
        } else {
            lively->further[i - SETTING_COMMANDS] = command;
        }
    }
    ASSERT(engine_totals(engine).open_orders > 5);
    engine_bytes_write(&lively->original, engine, &lively->random, 4096);
    ASSERT(lively->original.count <= BYTES_MAX);
    lively->changed.bytes = malloc(BYTES_MAX);
    ASSERT(lively->changed.bytes != NULL);
    free(memory);
    return lively;
}

/* Changes of the original; a last byte or two are left over. */
static void lively_change(struct lively *lively, const uint8_t *data, size_t size)
{
    lively->changed.count = lively->original.count;
    memcpy(lively->changed.bytes, lively->original.bytes, lively->original.count);
    for (size_t i = 0; i + 3 <= size; i += 3) {
        size_t at = ((size_t)data[i] << 8 | data[i + 1]) % lively->changed.count;
        lively->changed.bytes[at] = data[i + 2];
    }
    engine_bytes_mend(&lively->changed);
}

static void lively_go_on(struct lively *lively, struct engine *engine)
{
    engine_bytes_write(&lively->again, engine, &lively->random, 4096);
    ASSERT(lively->again.count == lively->changed.count);
    ASSERT(memcmp(lively->again.bytes, lively->changed.bytes, lively->changed.count) == 0);
    (void)engine_checksum(engine);
    for (uint32_t i = 0; i < FURTHER_COMMANDS; i++) {
        lively_apply(engine, &lively->further[i]);
    }
    struct command tick = {.type = COMMAND_TICK};
    uint64_t due_ns = 0;
    if (engine_due(engine, &due_ns)) {
        tick.timestamp_ns = due_ns;
        lively_apply(engine, &tick);
    }
    (void)engine_checksum(engine);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct lively *lively;
    if (lively == NULL) {
        lively = lively_make();
    }
    if (size < 1) {
        return 0;
    }
    if (data[0] % 8 == 0) {
        lively->changed.count = size - 1 < BYTES_MAX ? size - 1 : BYTES_MAX;
        memcpy(lively->changed.bytes, data + 1, lively->changed.count);
        engine_bytes_mend(&lively->changed);
    } else {
        lively_change(lively, data + 1, size - 1);
    }
    struct engine *engine = engine_bytes_engine(&lively->memory, &lively->limits);
    size_t chunk_max = data[0] < 128 ? 4096 : 7;
    if (engine_bytes_read(&lively->changed, engine, &lively->random, chunk_max) == STATUS_OK) {
        lively_go_on(lively, engine);
    }
    return 0;
}
