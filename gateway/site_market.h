/* The market as a shard's state machine: engine and session streams behind replication/shard.h. */
#ifndef GATEWAY_SITE_MARKET_H
#define GATEWAY_SITE_MARKET_H

#include "gateway/config.h"
#include "gateway/router.h"
#include "gateway/session_store.h"
#include "matching/command_columns.h"
#include "matching/engine.h"
#include "replication/shard.h"

/* Whoever wants the events of a market, in order, after the streams have them. */
struct site_market_listener {
    void *context;
    void (*event)(void *context, uint32_t market_index, const struct event *event);
};

/* What a market has come to: its engine and its session streams. */
struct site_market_body {
    struct engine *engine;
    struct session_store *streams;
    void *memory; /* The engine's arena. */
    size_t memory_bytes;
};

struct site_market {
    uint32_t index; /* shard_id - 1. */
    struct engine *engine;
    struct session_store *streams;
    struct command_columns_scratch *scratch;
    struct event *events; /* One batch. */
    void *memory;         /* The engine's arena. */
    size_t memory_bytes;
    struct site_market_listener listener;
    struct router *router; /* Hears of every command that is executed. NULL: not yet. */
    enum status
        stream_status; /* Not STATUS_OK: a stream could not be written; the process must end. */
};

/* STATUS_FULL without memory, or what session_store_create() says. */
MUST_USE enum status site_market_open(struct site_market *market, uint32_t index,
                                      const struct config *config,
                                      const struct site_market_listener *listener);
void site_market_close(struct site_market *market);

/* Of its engine. */
struct engine_limits site_market_limits(const struct config_tuning *tuning);

/* A new body at the very beginning, its streams in a file at `path` (replaced when it exists). By
 * any thread. STATUS_FULL, or what session_store_create() says; then there is nothing to free. */
MUST_USE enum status site_market_body_make(struct site_market_body *body,
                                           const struct config *config, const char *path);
void site_market_body_free(struct site_market_body *body);

/* The market goes on with `body`, which gets what it had. Nobody else keeps pointers into it. */
void site_market_exchange(struct site_market *market, struct site_market_body *body);

/* The functions for shard_create(); their context is `market`. */
struct shard_machine site_market_machine(struct site_market *market);

#endif
