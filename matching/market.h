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
    struct order order; /* Its level means nothing. */
    struct order_detail detail;
    int64_t price;
    bool limited; /* False: a market order, its price means nothing. */
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
    struct timer reopening;     /* While it is set, orders are rejected (rules.md 7.3). */
    struct command_shard shard; /* As last set. */
    uint32_t shard_version;
    uint64_t due_ns; /* Of the first timer of all; the last time there is when none is set. */
};

size_t market_bytes(const struct market_limits *limits);

/* STATUS_FULL: the arena is too small. */
MUST_USE enum status market_create(struct market *market, struct arena *arena,
                                   const struct market_limits *limits);

static inline bool market_rests(uint8_t time_in_force)
{
    return time_in_force == TIF_DAY || time_in_force == TIF_GTC;
}

static inline uint64_t market_hash(const struct market *market, const struct order *order)
{
    return order_index_hash(&market->index, order->session_id, order->channel,
                            order->user_reference);
}

/* Bring what market_remove() writes to into cache, while there is other work. */
static inline void market_prefetch(const struct market *market, uint32_t slot)
{
    const struct book_space *space = &market->space;
    struct order_link link = space->pool.links[slot];
    __builtin_prefetch(&space->levels.levels[space->pool.orders[slot].level], 1);
    __builtin_prefetch(&space->pool.links[link.next], 1);
    __builtin_prefetch(&space->pool.links[link.previous], 1);
}

/* Take a resting order of this session out of book, index and counts, and give its slot back. */
static inline void market_remove(struct market *market, struct session *session, uint32_t slot,
                                 uint64_t hash)
{
    const struct order *order = &market->space.pool.orders[slot];
    struct instrument *instrument = &market->instruments.hot[order->instrument_id];
    ASSERT(instrument->open_orders > 0);
    ASSERT(session->open_orders > 0);

    book_remove(&instrument->book, &market->space, slot);
    order_index_remove(&market->index, hash, slot);
    instrument->open_orders--;
    session->open_orders--;
    order_pool_give(&market->space.pool, slot);
}

/* Put an order of this session and instrument, filled in but for its links, into book, index and
 * counts. It may rest (asserted) and there is room (book_has_room). */
static inline void market_rest(struct market *market, struct session *session,
                               struct instrument *instrument, uint32_t slot, uint64_t hash,
                               int64_t price, uint64_t tick_number)
{
    ASSERT(market_rests(market->space.pool.details[slot].time_in_force));

    order_index_add(&market->index, hash, slot);
    book_add(&instrument->book, &market->space, slot, price, tick_number);
    instrument->open_orders++;
    session->open_orders++;
}

/* Tell its session that `lots` of a resting or incoming order are canceled. */
static inline void market_canceled(struct market *market, struct session *session,
                                   const struct order *order, uint64_t lots,
                                   enum cancel_reason reason)
{
    ASSERT(lots > 0);
    ASSERT(lots <= order->leaves_lots);

    event_writer_put_short(&market->writer,
                           event_writer_head(EVENT_ORDER_CANCELED, order->channel, (uint8_t)reason,
                                             0, order->session_id),
                           participant_sequence(session),
                           event_writer_reference(order->user_reference, order->instrument_id),
                           lots);
}

/* Cancel what is open of a resting order. */
void market_cancel(struct market *market, uint32_t slot, enum cancel_reason reason);

/* After timers or grace periods were set: which one is first? */
void market_schedule(struct market *market);

/* EVENT_SYSTEM into a session's stream. */
void market_system(struct market *market, uint32_t session_id, enum system_code code);

/* A hash over all replicated state: O(state), independent of where and when things were put. */
uint64_t market_checksum(const struct market *market);

#endif
