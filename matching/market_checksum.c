/* A hash over everything that is the market's state, and over nothing else: no slots, no order of
 * tables, no history of memory. Walks the books in order of priority and checks their sums. */
#include "matching/market.h"

static uint64_t market_checksum_order(uint64_t hash, const struct order_pool *pool, uint32_t slot)
{
    const struct order *order = &pool->orders[slot];
    const struct order_detail *detail = &pool->details[slot];
    ASSERT(order->side != 0);
    ASSERT(order->leaves_lots > 0);

    hash = checksum_mix(hash, detail->order_id);
    hash = checksum_mix(hash, order->leaves_lots);
    hash = checksum_mix(hash, order->cumulative_lots);
    hash = checksum_mix(hash, (uint64_t)order->session_id << 32 | order->user_reference);
    uint64_t small = (uint64_t)order->channel | (uint64_t)order->side << 8 |
                     (uint64_t)detail->time_in_force << 16 | (uint64_t)detail->capacity << 24 |
                     (uint64_t)detail->cross << 32;
    return checksum_mix(hash, small);
}

/* All orders of one side, best price first, oldest first. */
static uint64_t market_checksum_side(uint64_t hash, const struct book_space *space,
                                     const struct book_side *side, uint32_t own)
{
    uint64_t lots = 0;
    uint32_t index = side->best;
    while (index != 0) {
        const struct price_level *level = &space->levels.levels[index];
        uint64_t level_lots = 0;
        hash = checksum_mix(hash, (uint64_t)level->price);
        uint32_t slot = level->head;
        while (slot != 0) {
            const struct order *order = &space->pool.orders[slot];
            ASSERT(order->level == index);
            ASSERT(order->book_side == own);
            hash = market_checksum_order(hash, &space->pool, slot);
            level_lots += order->leaves_lots;
            slot = space->pool.links[slot].next;
        }
        ASSERT(level->lots == level_lots);
        lots += level_lots;
        index = price_levels_next(&space->levels, index, own == BOOK_ASKS);
    }
    ASSERT(side->lots == lots);
    return checksum_mix(hash, lots);
}

static uint64_t market_checksum_instruments(uint64_t hash, const struct market *market)
{
    const struct instruments *instruments = &market->instruments;
    hash = checksum_mix(hash, instruments->count);
    for (uint32_t id = 1; id <= instruments->count; id++) {
        const struct instrument *instrument = &instruments->hot[id];
        const struct instrument_profile *profile = &instruments->profiles[id];
        const struct book_side *bids = &instrument->book.sides[BOOK_BIDS];
        const struct book_side *asks = &instrument->book.sides[BOOK_ASKS];
        ASSERT(bids->best == 0 || asks->best == 0 || bids->best_price < asks->best_price);
        hash = checksum_bytes(hash, &profile->terms, sizeof profile->terms);
        hash = checksum_mix(hash, (uint64_t)profile->version << 32 | instrument->open_orders);
        hash = market_checksum_side(hash, &market->space, bids, BOOK_BIDS);
        hash = market_checksum_side(hash, &market->space, asks, BOOK_ASKS);
    }
    return hash;
}

static uint64_t market_checksum_participants(uint64_t hash, const struct participants *participants)
{
    hash = checksum_mix(hash, participants->firms_count);
    for (uint32_t id = 1; id <= participants->firms_count; id++) {
        const struct firm *firm = &participants->firms[id];
        hash = checksum_bytes(hash, firm->name, sizeof firm->name);
        hash = checksum_mix(hash, (uint64_t)firm->version << 1 | (firm->enabled ? 1 : 0));
    }
    hash = checksum_mix(hash, participants->sessions_count);
    for (uint32_t id = 1; id <= participants->sessions_count; id++) {
        const struct session *session = &participants->sessions[id];
        const struct session_profile *profile = &participants->profiles[id];
        hash = checksum_bytes(hash, &profile->terms, sizeof profile->terms);
        hash = checksum_mix(hash, profile->version);
        hash = checksum_mix(hash, session->input_number_next);
        hash = checksum_mix(hash, session->sequence_next);
        hash = checksum_mix(hash, session->generation);
        hash = checksum_mix(hash, (uint64_t)session->epoch << 32 | session->open_orders);
        uint64_t away = grace_runs(&participants->grace, id) ? 1 : 0;
        hash = checksum_mix(hash, away << 8 | session->attached_site_id);
        if (grace_runs(&participants->grace, id)) {
            hash = checksum_mix(hash, participants->grace.periods[id].ends_ns);
            hash = checksum_mix(hash, participants->grace.periods[id].length_ms);
        }
        for (uint32_t channel = 0; channel < CHANNELS_MAX; channel++) {
            hash = checksum_mix(hash, session->references[channel]);
        }
    }
    return hash;
}

uint64_t market_checksum(const struct market *market)
{
    uint64_t hash = CHECKSUM_SEED;
    hash = checksum_mix(hash, market->writer.hash);
    hash = checksum_mix(hash, market->timestamp_ns);
    hash = checksum_mix(hash, market->order_id_next);
    hash = checksum_mix(hash, market->match_number_next);
    hash = checksum_mix(hash, market->totals.commands);
    hash = checksum_mix(hash, market->totals.orders_accepted);
    hash = checksum_mix(hash, market->totals.orders_rejected);
    hash = checksum_mix(hash, market->totals.executions);
    hash = checksum_mix(hash, market->totals.duplicates);
    hash = checksum_mix(hash, market->totals.stale);
    hash = checksum_mix(hash, market->space.pool.count);
    hash = checksum_mix(hash, market->day_end.set ? 1 : 0);
    hash = checksum_mix(hash, market->day_end.due_ns);
    hash = checksum_mix(hash, market->reopening.set ? 1 : 0);
    hash = checksum_mix(hash, market->reopening.due_ns);
    hash = checksum_bytes(hash, &market->shard, sizeof market->shard);
    hash = checksum_mix(hash, market->shard_version);
    hash = market_checksum_instruments(hash, market);
    return market_checksum_participants(hash, &market->participants);
}
