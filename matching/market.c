#include "matching/market.h"

size_t market_bytes(const struct market_limits *limits)
{
    return order_pool_bytes(limits->orders_max) + order_index_bytes(limits->orders_max) +
           price_levels_bytes(limits->price_levels_max, 2 * limits->instruments_max) +
           instrument_bytes(limits->instruments_max) +
           participant_bytes(limits->sessions_max, limits->firms_max);
}

enum status market_create(struct market *market, struct arena *arena,
                          const struct market_limits *limits)
{
    market->order_id_next = 1;
    market->match_number_next = 1;
    market->writer.hash = CHECKSUM_SEED;
    market->due_ns = UINT64_MAX;

    enum status status = order_pool_create(&market->space.pool, arena, limits->orders_max);
    if (status == STATUS_OK) {
        status = order_index_create(&market->index, arena, limits->orders_max);
    }
    if (status == STATUS_OK) {
        status = price_levels_create(&market->space.levels, arena, limits->price_levels_max,
                                     2 * limits->instruments_max);
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

void market_cancel(struct market *market, uint32_t slot, enum cancel_reason reason)
{
    const struct order *order = &market->space.pool.orders[slot];
    struct session *session = &market->participants.sessions[order->session_id];
    uint64_t hash = market_hash(market, order);
    market_canceled(market, session, order, order->leaves_lots, reason);
    market_remove(market, session, slot, hash);
}

void market_schedule(struct market *market)
{
    uint64_t due_ns = UINT64_MAX;
    uint64_t ends_ns = 0;
    if (market->day_end.set) {
        due_ns = market->day_end.due_ns;
    }
    if (market->reopening.set && market->reopening.due_ns < due_ns) {
        due_ns = market->reopening.due_ns;
    }
    if (grace_next(&market->participants.grace, &ends_ns) && ends_ns < due_ns) {
        due_ns = ends_ns;
    }
    market->due_ns = due_ns;
}

void market_system(struct market *market, uint32_t session_id, enum system_code code)
{
    struct session *session = &market->participants.sessions[session_id];
    event_writer_put_short(&market->writer,
                           event_writer_head(EVENT_SYSTEM, 0, (uint8_t)code, 0, session_id),
                           participant_sequence(session), 0, 0);
}
