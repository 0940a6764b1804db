/* Everything that is the market, in one place, and the steps that several commands share: telling a
 * session of an event, and taking an order out. Private to the engine and its parts. */
#ifndef MATCHING_MARKET_H
#define MATCHING_MARKET_H

#include <stdbool.h>
#include <stdint.h>

#include "matching/event_writer.h"
#include "matching/instrument.h"
#include "matching/order_index.h"
#include "matching/participant.h"
#include "matching/timer.h"

/* The order that trades now. It is in no book; between two steps of a command it waits here. */
struct market_incoming {
    struct order order; /* Links and level mean nothing. */
    bool limited;       /* False: a market order. */
};

/* Most of each thing; engine.h says what is reached when it is. */
struct market_limits {
    uint32_t orders_max;
    uint32_t price_levels_max;
    uint32_t instruments_max;
    uint32_t firms_max;
    uint32_t sessions_max;
};

/* What has been counted since the market began; engine.h says what each is. */
struct market_totals {
    uint64_t commands;
    uint64_t orders_accepted;
    uint64_t orders_rejected;
    uint64_t executions;
    uint64_t duplicates;
    uint64_t stale;
    uint64_t open_orders;
};

struct market {
    struct event_writer writer;
    uint64_t timestamp_ns; /* Of the last command: never goes back. */
    uint64_t order_id_next;
    uint64_t match_number_next;
    struct market_totals totals;
    struct book_space space;
    struct order_index index;
    struct instruments instruments;
    struct participants participants;
    struct market_incoming incoming;
    struct timer day_end;
    struct command_shard shard; /* As last set. */
    uint32_t shard_version;
};

size_t market_bytes(const struct market_limits *limits);

/* STATUS_FULL: the arena is too small. */
MUST_USE enum status market_create(struct market *market, struct arena *arena,
                                   const struct market_limits *limits);

static inline bool market_rests(uint8_t time_in_force)
{
    return time_in_force == TIF_DAY || time_in_force == TIF_GTC;
}

/* Take a resting order out of book, index and counts, and give its slot back. */
void market_remove(struct market *market, uint32_t slot);

/* Put an order into book, index and counts. Asserts: it may rest and there is room (book_has_room,
 * a slot). */
void market_rest(struct market *market, const struct order *order);

/* Tell the session of a resting or incoming order that `lots` of it are canceled. */
void market_canceled(struct market *market, const struct order *order, uint64_t lots,
                     enum cancel_reason reason);

/* Cancel what is open of a resting order. */
void market_cancel(struct market *market, uint32_t slot, enum cancel_reason reason);

/* EVENT_SYSTEM into a session's stream. */
void market_system(struct market *market, uint32_t session_id, enum system_code code);

/* A hash over all replicated state: O(state), independent of where and when things were put. */
uint64_t market_checksum(const struct market *market);

#endif
