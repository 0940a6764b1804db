/* Resting orders by key: (session, channel, user reference) to a slot of the order pool.
 *
 * A hash table of cache lines. Eight references in a row of a session belong to one line, each to
 * its own place in it: orders that are entered together are mostly open together, and the common
 * case touches one line and loops over nothing. What finds its place taken strays to another place
 * of the line, or to a line behind it; each line counts what has strayed from or past it, so a
 * search knows when to go on and removal leaves no trace. A place holds a tag of the key and the
 * slot; the key itself is compared in the order, which the caller needs anyway.
 *
 * The hash is the top of a product (multiply-shift: Dietzfelbinger, Hagerup, Katajainen, Penttonen,
 * "A reliable randomized algorithm for the closest-pair problem", 1997). Clients choose references,
 * so a known multiplier would let one of them aim many orders at one line. It comes from the
 * address of the table, different at every start: places are no state and never reach output, so
 * replicas may differ in them. */
#ifndef MATCHING_ORDER_INDEX_H
#define MATCHING_ORDER_INDEX_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "matching/base/arena.h"
#include "matching/base/status.h"
#include "matching/order_pool.h"

#define ORDER_INDEX_PLACES 10u

struct order_index_line {
    uint32_t
        strayed; /* Orders of this line not in their place, orders of lines before behind it. */
    uint16_t tags[ORDER_INDEX_PLACES];  /* Valid where there is a slot. */
    uint32_t slots[ORDER_INDEX_PLACES]; /* 0: the place is free. */
};
static_assert(sizeof(struct order_index_line) == 64, "one cache line");

struct order_index {
    struct order_index_line *lines;
    uint64_t multiplier; /* Odd. */
    uint32_t mask;       /* Lines less one. */
    uint32_t shift;      /* Of a hash, to its line. */
};

size_t order_index_bytes(uint32_t count_max);

/* Room for `count_max` orders. STATUS_FULL: the arena is too small. */
MUST_USE enum status order_index_create(struct order_index *index, struct arena *arena,
                                        uint32_t count_max);

/* The hash of a key: its top is the line, its last three bits are the place. */
static inline uint64_t order_index_hash(const struct order_index *index, uint32_t session_id,
                                        uint8_t channel, uint32_t user_reference)
{
    uint64_t line =
        (uint64_t)session_id << 40 | (uint64_t)channel << 32 | (uint64_t)(user_reference >> 3);
    return (line * index->multiplier & ~UINT64_C(7)) | (user_reference & 7u);
}

/* Thirteen bits below those of the line, and the place. */
static inline uint16_t order_index_tag(uint64_t hash)
{
    return (uint16_t)((hash >> 28 & 0xFFF8u) | (hash & 7u));
}

/* Bring the line of a hash into cache: called early, used later. */
static inline void order_index_prefetch(const struct order_index *index, uint64_t hash)
{
    __builtin_prefetch(&index->lines[hash >> index->shift], 1);
}

/* For those that have strayed. */
uint32_t order_index_search(const struct order_index *index, const struct order_pool *pool,
                            uint64_t hash, uint32_t session_id, uint8_t channel,
                            uint32_t user_reference);
void order_index_add_astray(struct order_index *index, uint64_t hash, uint32_t slot);
void order_index_remove_astray(struct order_index *index, uint64_t hash, uint32_t slot);

static inline bool order_index_is(const struct order_pool *pool, uint32_t slot, uint32_t session_id,
                                  uint8_t channel, uint32_t user_reference)
{
    const struct order *order = &pool->orders[slot];
    return order->session_id == session_id && order->user_reference == user_reference &&
           order->channel == channel;
}

/* What stands in the place of a hash: most probably its order, perhaps another, or 0. */
static inline uint32_t order_index_guess(const struct order_index *index, uint64_t hash)
{
    return index->lines[hash >> index->shift].slots[hash & 7u];
}

/* The slot of the order with this key and hash; 0: there is none. */
static inline uint32_t order_index_find(const struct order_index *index,
                                        const struct order_pool *pool, uint64_t hash,
                                        uint32_t session_id, uint8_t channel,
                                        uint32_t user_reference)
{
    const struct order_index_line *line = &index->lines[hash >> index->shift];
    uint32_t place = (uint32_t)hash & 7u;
    uint32_t slot = line->slots[place];
    if (slot != 0 && line->tags[place] == order_index_tag(hash) &&
        order_index_is(pool, slot, session_id, channel, user_reference)) {
        return slot;
    }
    if (line->strayed == 0) {
        return 0;
    }
    return order_index_search(index, pool, hash, session_id, channel, user_reference);
}

/* Add an order that is not there yet. There is room for all that the pool has. */
static inline void order_index_add(struct order_index *index, uint64_t hash, uint32_t slot)
{
    struct order_index_line *line = &index->lines[hash >> index->shift];
    uint32_t place = (uint32_t)hash & 7u;
    ASSERT(slot != 0);
    if (line->slots[place] == 0) {
        line->slots[place] = slot;
        line->tags[place] = order_index_tag(hash);
    } else {
        order_index_add_astray(index, hash, slot);
    }
}

/* Take an order out. Asserts: it is there. */
static inline void order_index_remove(struct order_index *index, uint64_t hash, uint32_t slot)
{
    struct order_index_line *line = &index->lines[hash >> index->shift];
    uint32_t place = (uint32_t)hash & 7u;
    ASSERT(slot != 0);
    if (line->slots[place] == slot) {
        line->slots[place] = 0;
    } else {
        order_index_remove_astray(index, hash, slot);
    }
}

#endif
