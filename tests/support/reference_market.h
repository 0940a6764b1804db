/* The market's rules once more, plain and slow, for comparing the engine with.
 *
 * Written from rules.md without any of the engine's parts: orders stand in one list and everything
 * is found by looking at all of them; events are filled in field by field; division is division.
 * Small limits only. Also a source of what is there, for generators of commands. */
#ifndef TESTS_SUPPORT_REFERENCE_MARKET_H
#define TESTS_SUPPORT_REFERENCE_MARKET_H

#include <stdbool.h>
#include <stdint.h>

#include "matching/base/limits.h"
#include "matching/engine.h"

#define REFERENCE_ORDERS_MAX      512u
#define REFERENCE_INSTRUMENTS_MAX 8u
#define REFERENCE_FIRMS_MAX       8u
#define REFERENCE_SESSIONS_MAX    16u
#define REFERENCE_EVENTS_MAX      4096u

struct reference_order {
    uint64_t order_id; /* Also its rank in time. */
    uint32_t session_id;
    uint32_t reference;
    uint32_t instrument_id;
    uint8_t channel;
    uint8_t side;
    uint8_t time_in_force;
    uint8_t capacity;
    uint8_t cross;
    bool market;
    int64_t price;
    uint64_t leaves;
    uint64_t executed;
};

struct reference_session {
    struct engine_session view;
    struct command_session terms;
    uint32_t references[CHANNELS_MAX];
    uint32_t grace_length_ms; /* Of the period that runs. */
};

struct reference_answer {
    uint64_t request_id;
    uint32_t version;
    uint8_t result;
};

struct reference_market {
    struct engine_limits limits;
    struct reference_order orders[REFERENCE_ORDERS_MAX]; /* Resting, in no order. */
    uint32_t orders_count;
    struct reference_session sessions[REFERENCE_SESSIONS_MAX]; /* Id less one. */
    uint32_t sessions_count;
    struct engine_instrument instruments[REFERENCE_INSTRUMENTS_MAX];
    uint32_t instruments_count;
    struct engine_firm firms[REFERENCE_FIRMS_MAX];
    uint32_t firms_count;
    struct reference_answer answers[ADMIN_REQUESTS_MAX]; /* Oldest first. */
    uint32_t answers_count;
    struct command_shard shard;
    uint32_t shard_version;
    bool day_end_set;
    uint64_t day_end_ns;
    bool reopening;
    uint64_t opens_ns;
    uint64_t now_ns;
    uint64_t order_ids;
    uint64_t match_numbers;
    struct engine_totals totals;
    struct event events[REFERENCE_EVENTS_MAX]; /* Of the last command. */
    uint32_t events_count;
};

/* Asserts: the limits are at most the ones above. */
void reference_market_init(struct reference_market *market, const struct engine_limits *limits);

/* Execute a command completely: market->events are its events. */
void reference_market_apply(struct reference_market *market, const struct command *command);

/* A term opens between two commands. */
void reference_market_opened(struct reference_market *market, uint64_t timestamp_ns, bool planned);

/* When the first timer is due; false: none is set. */
bool reference_market_due(const struct reference_market *market, uint64_t *due_ns);

/* As the engine's view would be, best prices included. */
struct engine_instrument reference_market_instrument(const struct reference_market *market,
                                                     uint32_t instrument_id);

#endif
