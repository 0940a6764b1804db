#include "matching/market.h"

size_t market_bytes(const struct market_limits *limits)
{
    return order_pool_bytes(limits->orders_max) + order_index_bytes(limits->orders_max) +
           price_levels_bytes(limits->price_levels_max) +
           instrument_bytes(limits->instruments_max) +
           participant_bytes(limits->sessions_max, limits->firms_max);
}

enum status market_create(struct market *market, struct arena *arena,
                          const struct market_limits *limits)
{
    market->order_id_next = 1;
    market->match_number_next = 1;
    market->writer.hash = CHECKSUM_SEED;

    enum status status = order_pool_create(&market->space.pool, arena, limits->orders_max);
    if (status == STATUS_OK) {
        status = order_index_create(&market->index, arena, limits->orders_max);
    }
    if (status == STATUS_OK) {
        status = price_levels_create(&market->space.levels, arena, limits->price_levels_max);
    }
    if (status == STATUS_OK) {
        status = instrument_create(&market->instruments, arena, limits->instruments_max);
    }
    if (status == STATUS_OK) {
        status = participant_create(&market->participants, arena, limits->sessions_max,
                                    limits->firms_max);
    }
    return status;
}

void market_remove(struct market *market, uint32_t slot)
{
    const struct order *order = &market->space.pool.orders[slot];
    struct instrument *instrument = &market->instruments.hot[order->instrument_id];
    struct session *session = &market->participants.sessions[order->session_id];
    uint64_t key = order_index_key(order->session_id, order->channel, order->user_reference);
    ASSERT(instrument->open_orders > 0);
    ASSERT(session->open_orders > 0);
    ASSERT(market->totals.open_orders > 0);

    book_remove(&instrument->book, &market->space, slot);
    order_index_remove(&market->index, order_index_tag(&market->index, key), slot);
    instrument->open_orders--;
    session->open_orders--;
    market->totals.open_orders--;
    order_pool_give(&market->space.pool, slot);
}

void market_rest(struct market *market, const struct order *order)
{
    struct instrument *instrument = &market->instruments.hot[order->instrument_id];
    uint64_t tick_number;
    bool on_tick = instrument_tick_number(instrument, order->price, &tick_number);
    ASSERT(on_tick);
    ASSERT(market_rests(order->time_in_force));

    uint32_t slot = order_pool_take(&market->space.pool);
    market->space.pool.orders[slot] = *order;
    uint64_t key = order_index_key(order->session_id, order->channel, order->user_reference);
    order_index_add(&market->index, order_index_tag(&market->index, key), slot);
    book_add(&instrument->book, &market->space, slot, tick_number);
    instrument->open_orders++;
    market->participants.sessions[order->session_id].open_orders++;
    market->totals.open_orders++;
}

void market_canceled(struct market *market, const struct order *order, uint64_t lots,
                     enum cancel_reason reason)
{
    ASSERT(lots > 0);
    ASSERT(lots <= order->leaves_lots);

    struct session *session = &market->participants.sessions[order->session_id];
    event_writer_put_short(&market->writer,
                           event_writer_head(EVENT_ORDER_CANCELED, order->channel, (uint8_t)reason,
                                             0, order->session_id),
                           participant_sequence(session),
                           event_writer_reference(order->user_reference, order->instrument_id),
                           lots);
}

void market_cancel(struct market *market, uint32_t slot, enum cancel_reason reason)
{
    const struct order *order = &market->space.pool.orders[slot];
    market_canceled(market, order, order->leaves_lots, reason);
    market_remove(market, slot);
}

void market_system(struct market *market, uint32_t session_id, enum system_code code)
{
    struct session *session = &market->participants.sessions[session_id];
    event_writer_put_short(&market->writer,
                           event_writer_head(EVENT_SYSTEM, 0, (uint8_t)code, 0, session_id),
                           participant_sequence(session), 0, 0);
}
