#include "matching/matcher.h"

static inline void matcher_executed(struct market *market, struct session *session,
                                    const struct order *order, uint64_t lots, int64_t price,
                                    enum liquidity liquidity)
{
    event_writer_put_trade(&market->writer,
                           event_writer_head(EVENT_ORDER_EXECUTED, order->channel,
                                             (uint8_t)liquidity, 0, order->session_id),
                           participant_sequence(session),
                           event_writer_reference(order->user_reference, order->instrument_id),
                           lots, market->match_number_next, price);
}

/* One execution against the order that has waited longest at the best price, at its price. */
static inline void matcher_fill(struct market *market, struct instrument *instrument,
                                struct session *session, struct order *incoming, uint32_t slot)
{
    struct order *resting = &market->space.pool.orders[slot];
    struct session *other = &market->participants.sessions[resting->session_id];
    uint64_t hash = market_hash(market, resting);
    uint64_t lots =
        incoming->leaves_lots < resting->leaves_lots ? incoming->leaves_lots : resting->leaves_lots;
    int64_t price = market->space.levels.levels[resting->level].price;
    ASSERT(lots > 0);
    ASSERT(resting->book_side != incoming->book_side);

    order_index_prefetch(&market->index, hash);
    matcher_executed(market, other, resting, lots, price, LIQUIDITY_ADDED);
    matcher_executed(market, session, incoming, lots, price, LIQUIDITY_REMOVED);
    market->match_number_next++;
    market->totals.executions++;
    incoming->leaves_lots -= lots;
    incoming->cumulative_lots += lots;
    if (lots == resting->leaves_lots) {
        market_remove(market, other, slot, hash);
    } else {
        resting->cumulative_lots += lots;
        book_reduce(&instrument->book, &market->space, slot, lots);
    }
}

static void matcher_rest(struct market *market, struct instrument *instrument,
                         struct session *session)
{
    const struct market_incoming *incoming = &market->incoming;
    uint64_t tick_number;
    bool on_tick = instrument_tick_number(instrument, incoming->price, &tick_number);
    ASSERT(on_tick);
    uint32_t slot = order_pool_take(&market->space.pool);
    market->space.pool.orders[slot] = incoming->order;
    market->space.pool.details[slot] = incoming->detail;
    market_rest(market, session, instrument, slot, market_hash(market, &incoming->order),
                incoming->price, tick_number);
}

enum status matcher_run(struct market *market)
{
    struct order *incoming = &market->incoming.order;
    struct instrument *instrument = &market->instruments.hot[incoming->instrument_id];
    uint32_t own = incoming->book_side;
    const struct book_side *opposite = &instrument->book.sides[own ^ 1u];
    struct session *session = &market->participants.sessions[incoming->session_id];
    ASSERT(incoming->side != 0);

    while (incoming->leaves_lots > 0 && opposite->best != 0) {
        if (market->incoming.limited &&
            !book_crosses(&instrument->book, own, market->incoming.price)) {
            break;
        }
        if (event_writer_room(&market->writer) < 2) {
            return STATUS_MORE;
        }
        uint32_t slot = market->space.levels.levels[opposite->best].head;
        __builtin_prefetch(&market->space.pool.orders[market->space.pool.links[slot].next]);
        matcher_fill(market, instrument, session, incoming, slot);
    }
    if (incoming->leaves_lots > 0) {
        if (market_rests(market->incoming.detail.time_in_force)) {
            matcher_rest(market, instrument, session);
        } else if (event_writer_room(&market->writer) < 1) {
            return STATUS_MORE;
        } else {
            market_canceled(market, session, incoming, incoming->leaves_lots, CANCEL_IMMEDIATE);
        }
    }
    return STATUS_OK;
}
