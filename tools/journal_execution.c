#include "tools/journal_execution.h"

#include <stdbool.h>
#include <stdlib.h>

#include "gateway/site_market.h"
#include "matching/base/arena.h"
#include "matching/base/assertion.h"
#include "matching/engine.h"
#include "replication/io/pages.h"

struct journal_execution {
    struct journal_execution_options options;
    struct engine *engines[SHARDS_MAX]; /* By shard id - 1; NULL: it has not appeared. */
    void *memory[SHARDS_MAX];
    size_t memory_bytes; /* Of each. */
    struct event events[EVENT_BATCH_MAX];
    struct segment segment; /* Under way. */
    uint16_t shard_id;      /* Its shard; 0: there is none. */
};

enum status journal_execution_create(struct journal_execution **execution,
                                     const struct journal_execution_options *options)
{
    ASSERT(options->tuning != NULL);
    ASSERT(options->executed != NULL);
    *execution = calloc(1, sizeof **execution);
    if (*execution == NULL) {
        return STATUS_FULL;
    }
    (*execution)->options = *options;
    return STATUS_OK;
}

void journal_execution_destroy(struct journal_execution *execution)
{
    if (execution == NULL) {
        return;
    }
    for (uint32_t i = 0; i < SHARDS_MAX; i++) {
        pages_give(execution->memory[i], execution->memory_bytes);
    }
    free(execution);
}

static enum status journal_execution_engine(struct journal_execution *execution, uint32_t index)
{
    struct engine_limits limits = site_market_limits(execution->options.tuning);
    execution->memory_bytes = (engine_bytes(&limits) + 8191) & ~(size_t)4095;
    void *memory = pages_take(execution->memory_bytes);
    if (memory == NULL) {
        return STATUS_FULL;
    }
    execution->memory[index] = memory;
    struct arena arena;
    arena_init(&arena, memory, execution->memory_bytes);
    return engine_create(&execution->engines[index], &arena, &limits);
}

/* A term begins behind the commands of the segment that opens it (shard_apply.c). */
static void journal_execution_finish(struct journal_execution *execution)
{
    if (execution->shard_id == 0) {
        return;
    }
    const struct segment *segment = &execution->segment;
    struct engine *engine = execution->engines[execution->shard_id - 1];
    ASSERT(engine != NULL);
    if ((segment->flags & SEGMENT_OPENS_TERM) != 0) {
        engine_term_opened(engine, segment->base_timestamp_ns,
                           (segment->flags & SEGMENT_PLANNED) != 0);
    }
    execution->options.executed(execution->options.context, execution->shard_id, segment,
                                engine_event_hash(engine));
    execution->shard_id = 0;
}

enum status journal_execution_segment(struct journal_execution *execution, uint16_t shard_id,
                                      const struct segment *segment)
{
    ASSERT(shard_id >= 1 && shard_id <= SHARDS_MAX);
    journal_execution_finish(execution);
    uint32_t index = shard_id - 1u;
    if (execution->engines[index] == NULL) {
        if (segment->log_index != 1) {
            return STATUS_NOT_FOUND;
        }
        enum status status = journal_execution_engine(execution, index);
        if (status != STATUS_OK) {
            return status;
        }
    }
    execution->segment = *segment;
    execution->segment.payload = NULL;
    execution->shard_id = shard_id;
    return STATUS_OK;
}

void journal_execution_command(struct journal_execution *execution, const struct command *command)
{
    ASSERT(execution->shard_id != 0);
    struct engine *engine = execution->engines[execution->shard_id - 1];
    struct event_batch batch = {.events = execution->events, .capacity = EVENT_BATCH_MAX};
    enum status status = engine_apply(engine, command, &batch);
    while (status == STATUS_MORE) {
        status = engine_resume(engine, &batch);
    }
    ASSERT(status == STATUS_OK);
}

void journal_execution_end(struct journal_execution *execution)
{
    journal_execution_finish(execution);
    ASSERT(execution->shard_id == 0);
}
