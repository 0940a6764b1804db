#include "gateway/site_market.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/site_files.h"
#include "matching/base/assertion.h"
#include "replication/io/pages.h"

#define SITE_MILLISECOND_NS UINT64_C(1000000)

static void site_market_stamp(void *context, void *record, uint64_t timestamp_ns,
                              uint64_t waited_ns)
{
    (void)context;
    struct command command;
    memcpy(&command, record, sizeof command);
    uint64_t waited_ms = command.waited_ms + waited_ns / SITE_MILLISECOND_NS;
    command.waited_ms = waited_ms < UINT32_MAX ? (uint32_t)waited_ms : UINT32_MAX;
    command.timestamp_ns = timestamp_ns;
    memcpy(record, &command, sizeof command);
}

static uint64_t site_market_timestamp_ns(void *context, const void *record)
{
    (void)context;
    struct command command;
    memcpy(&command, record, sizeof command);
    return command.timestamp_ns;
}

static void site_market_deliver(struct site_market *market, const struct event_batch *batch)
{
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct event *event = &batch->events[i];
        if (event->sequence > 0 && market->stream_status == STATUS_OK) {
            market->stream_status = session_store_append(market->streams, event);
        }
        market->listener.event(market->listener.context, market->index, event);
    }
}

static void site_market_anticipate(void *context, const void *records, uint32_t record_count)
{
    const struct site_market *market = context;
    ASSERT(((uintptr_t)records & (_Alignof(struct command) - 1)) == 0);
    engine_anticipate(market->engine, records, record_count);
}

static void site_market_apply(void *context, uint64_t command_sequence, const void *record)
{
    struct site_market *market = context;
    ASSERT(command_sequence > 0);
    struct command command;
    memcpy(&command, record, sizeof command);
    if (market->router != NULL) {
        router_applied(market->router, &command);
    }
    struct event_batch batch = {.events = market->events, .capacity = EVENT_BATCH_MAX};
    enum status status = engine_apply(market->engine, &command, &batch);
    site_market_deliver(market, &batch);
    while (status == STATUS_MORE) {
        status = engine_resume(market->engine, &batch);
        site_market_deliver(market, &batch);
    }
    ASSERT(status == STATUS_OK);
}

static void site_market_opened(void *context, uint64_t timestamp_ns, bool planned)
{
    const struct site_market *market = context;
    engine_term_opened(market->engine, timestamp_ns, planned);
}

static bool site_market_due(void *context, uint64_t *due_ns)
{
    const struct site_market *market = context;
    return engine_due(market->engine, due_ns);
}

static void site_market_tick(void *context, void *record)
{
    (void)context;
    struct command command = {.type = COMMAND_TICK};
    memcpy(record, &command, sizeof command);
}

static uint64_t site_market_event_hash(void *context)
{
    const struct site_market *market = context;
    return engine_event_hash(market->engine);
}

static size_t site_market_pack_bound(void *context, uint32_t count)
{
    (void)context;
    return command_columns_bound(count);
}

static size_t site_market_pack(void *context, void *target, size_t target_bytes,
                               const void *records, uint32_t count, uint64_t base_timestamp_ns)
{
    struct site_market *market = context;
    ASSERT(((uintptr_t)records & (_Alignof(struct command) - 1)) == 0);
    size_t packed_bytes = 0;
    command_columns_pack(target, target_bytes, &packed_bytes, records, count, base_timestamp_ns,
                         market->scratch);
    return packed_bytes;
}

static enum status site_market_unpack(void *context, void *records, uint32_t count,
                                      const void *source, size_t source_bytes,
                                      uint64_t base_timestamp_ns)
{
    struct site_market *market = context;
    ASSERT(((uintptr_t)records & (_Alignof(struct command) - 1)) == 0);
    return command_columns_unpack(records, count, source, source_bytes, base_timestamp_ns,
                                  market->scratch);
}

struct shard_machine site_market_machine(struct site_market *market)
{
    return (struct shard_machine){
        .context = market,
        .record_bytes = sizeof(struct command),
        .stamp = site_market_stamp,
        .timestamp_ns = site_market_timestamp_ns,
        .anticipate = site_market_anticipate,
        .apply = site_market_apply,
        .opened = site_market_opened,
        .due = site_market_due,
        .tick = site_market_tick,
        .event_hash = site_market_event_hash,
        .pack_bound = site_market_pack_bound,
        .pack = site_market_pack,
        .unpack = site_market_unpack,
    };
}

static enum status body_engine(struct site_market_body *body, const struct config_tuning *tuning)
{
    struct engine_limits limits = site_market_limits(tuning);
    body->memory_bytes = (engine_bytes(&limits) + 8191) & ~(size_t)4095;
    body->memory = pages_take(body->memory_bytes);
    if (body->memory == NULL) {
        return STATUS_FULL;
    }
    struct arena arena;
    arena_init(&arena, body->memory, body->memory_bytes);
    enum status status = engine_create(&body->engine, &arena, &limits);
    arena_seal(&arena);
    return status;
}

struct engine_limits site_market_limits(const struct config_tuning *tuning)
{
    return (struct engine_limits){.orders_max = tuning->orders_max,
                                  .price_levels_max = tuning->price_levels_max,
                                  .instruments_max = tuning->instruments_max,
                                  .firms_max = tuning->firms_max,
                                  .sessions_max = tuning->sessions_max};
}

enum status site_market_body_make(struct site_market_body *body, const struct config *config,
                                  const char *path)
{
    *body = (struct site_market_body){0};
    enum status status = body_engine(body, &config->tuning);
    if (status == STATUS_OK) {
        struct session_store_options options = {.path = path,
                                                .sessions_max = config->tuning.sessions_max,
                                                .block_events = SESSION_STORE_BLOCK_EVENTS,
                                                .file_bytes_max = config->tuning.stream_bytes_max};
        status = session_store_create(&body->streams, &options);
    }
    if (status != STATUS_OK) {
        site_market_body_free(body);
    }
    return status;
}

void site_market_body_free(struct site_market_body *body)
{
    session_store_destroy(body->streams);
    pages_give(body->memory, body->memory_bytes);
    *body = (struct site_market_body){0};
}

enum status site_market_open(struct site_market *market, uint32_t index,
                             const struct config *config,
                             const struct site_market_listener *listener)
{
    ASSERT(index < config->shard_count);
    *market = (struct site_market){.index = index, .listener = *listener};
    market->events = malloc(EVENT_BATCH_MAX * sizeof market->events[0]);
    market->scratch = malloc(command_columns_scratch_bytes());
    if (market->events == NULL || market->scratch == NULL) {
        return STATUS_FULL;
    }
    char path[CONFIG_PATH_BYTES + 32];
    (void)snprintf(path, sizeof path, "%s/" SITE_STREAM_FILE, config->data, index + 1);
    struct site_market_body body;
    enum status status = site_market_body_make(&body, config, path);
    if (status == STATUS_OK) {
        site_market_exchange(market, &body);
    }
    return status;
}

void site_market_exchange(struct site_market *market, struct site_market_body *body)
{
    ASSERT(body->engine != NULL);
    struct site_market_body before = {market->engine, market->streams, market->memory,
                                      market->memory_bytes};
    market->engine = body->engine;
    market->streams = body->streams;
    market->memory = body->memory;
    market->memory_bytes = body->memory_bytes;
    *body = before;
}

void site_market_close(struct site_market *market)
{
    struct site_market_body body = {market->engine, market->streams, market->memory,
                                    market->memory_bytes};
    site_market_body_free(&body);
    free(market->scratch);
    free(market->events);
    *market = (struct site_market){0};
}
