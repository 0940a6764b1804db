#include "matching/matcher.h"

static void matcher_executed(struct market *market, const struct order *order, uint64_t lots,
                             int64_t price, enum liquidity liquidity)
{
    struct session *session = &market->participants.sessions[order->session_id];
    event_writer_put_trade(&market->writer,
                           event_writer_head(EVENT_ORDER_EXECUTED, order->channel,
                                             (uint8_t)liquidity, 0, order->session_id),
                           participant_sequence(session),
                           event_writer_reference(order->user_reference, order->instrument_id),
                           lots, market->match_number_next, price);
}

/* One execution against the order that has waited longest at the best price, at its price. */
static void matcher_fill(struct market *market, struct instrument *instrument,
                         struct order *incoming, uint32_t slot)
{
    struct order *resting = &market->space.pool.orders[slot];
    uint64_t lots =
        incoming->leaves_lots < resting->leaves_lots ? incoming->leaves_lots : resting->leaves_lots;
    ASSERT(lots > 0);
    ASSERT(book_side_index(resting->side) != book_side_index(incoming->side));

    matcher_executed(market, resting, lots, resting->price, LIQUIDITY_ADDED);
    matcher_executed(market, incoming, lots, resting->price, LIQUIDITY_REMOVED);
    market->match_number_next++;
    market->totals.executions++;
    incoming->leaves_lots -= lots;
    incoming->cumulative_lots += lots;
    if (lots == resting->leaves_lots) {
        market_remove(market, slot);
    } else {
        resting->cumulative_lots += lots;
        book_reduce(&instrument->book, &market->space, slot, lots);
    }
}

enum status matcher_run(struct market *market)
{
    struct order *incoming = &market->incoming.order;
    struct instrument *instrument = &market->instruments.hot[incoming->instrument_id];
    uint32_t own = book_side_index(incoming->side);
    const struct book_side *opposite = &instrument->book.sides[own ^ 1u];
    ASSERT(incoming->side != 0);

    while (incoming->leaves_lots > 0 && opposite->best != 0) {
        if (market->incoming.limited && !book_crosses(&instrument->book, own, incoming->price)) {
            break;
        }
        if (event_writer_room(&market->writer) < 2) {
            return STATUS_MORE;
        }
        uint32_t slot = market->space.levels.levels[opposite->best].head;
        matcher_fill(market, instrument, incoming, slot);
    }
    if (incoming->leaves_lots > 0) {
        if (market_rests(incoming->time_in_force)) {
            market_rest(market, incoming);
        } else if (event_writer_room(&market->writer) < 1) {
            return STATUS_MORE;
        } else {
            market_canceled(market, incoming, incoming->leaves_lots, CANCEL_IMMEDIATE);
        }
    }
    return STATUS_OK;
}
