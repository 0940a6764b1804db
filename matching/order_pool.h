/* The resting orders of a shard: fixed records, addressed by slot numbers.
 *
 * Slots, not pointers: half the bytes, and nothing in a record depends on where memory lies. What
 * only the acceptance echoes (client order id, display, ...) is not kept, the price stands in the
 * order's level. Records are split by use, so that more of what every command touches stays in the
 * cache: who leaves a queue writes to the links of its neighbours and needs nothing else of them.
 * The engine's thread owns the pool. */
#ifndef MATCHING_ORDER_POOL_H
#define MATCHING_ORDER_POOL_H

#include <assert.h>
#include <stdint.h>

#include "matching/base/arena.h"
#include "matching/base/assertion.h"
#include "matching/base/limits.h"
#include "matching/base/status.h"

/* What trading and canceling need. */
struct order {
    uint64_t leaves_lots;     /* Open, at least 1 while it rests. */
    uint64_t cumulative_lots; /* Executed, over the whole chain of replaces. */
    uint32_t user_reference;
    uint32_t level; /* Of price_levels: has its price. */
    uint16_t session_id;
    uint16_t instrument_id;
    uint8_t channel;
    uint8_t side;      /* As entered: enum side. 0: the slot is free. */
    uint8_t book_side; /* Of `side`: BOOK_BIDS or BOOK_ASKS. */
    uint8_t reserved;
};
static_assert(sizeof(struct order) == 32, "two to a cache line");
static_assert(SESSIONS_MAX <= UINT16_MAX && INSTRUMENTS_MAX <= UINT16_MAX, "ids");

/* What is needed when it is replaced, swept or hashed. */
struct order_detail {
    uint64_t order_id;   /* From 1, grows with time: a replaced order has a new one. */
    uint32_t sweep_next; /* Link of order_sweep, meaningless otherwise. */
    uint8_t time_in_force;
    uint8_t capacity; /* These two are inherited when it is replaced. */
    uint8_t cross;
    uint8_t reserved;
};
static_assert(sizeof(struct order_detail) == 16, "four to a cache line");

struct order_link {
    uint32_t next; /* Slot behind it at its price, 0: none; in a free slot: the next free one. */
    uint32_t previous; /* Slot before it at its price, 0: none. */
};

struct order_pool {
    /* By slot, from 1; 0 means none, and what is written there means nothing. */
    struct order *orders;
    struct order_detail *details;
    struct order_link *links;
    uint32_t count_max;
    uint32_t count;     /* Slots taken. */
    uint32_t used_max;  /* Slots above were never taken. */
    uint32_t free_head; /* Last slot given back: the one most likely still in cache. */
};

size_t order_pool_bytes(uint32_t count_max);

/* STATUS_FULL: the arena is too small. */
MUST_USE enum status order_pool_create(struct order_pool *pool, struct arena *arena,
                                       uint32_t count_max);

/* A slot for an order; its record is the caller's to fill. Asserts: count < count_max. */
static inline uint32_t order_pool_take(struct order_pool *pool)
{
    ASSERT(pool->count < pool->count_max);
    uint32_t slot = pool->free_head;
    if (slot != 0) {
        uint32_t next = pool->links[slot].next;
        pool->free_head = next;
        __builtin_prefetch(&pool->orders[next], 1); /* For whoever comes next. */
        __builtin_prefetch(&pool->details[next], 1);
    } else {
        ASSERT(pool->used_max < pool->count_max);
        slot = ++pool->used_max;
    }
    pool->count++;
    return slot;
}

/* Give a slot back. Asserts: it was taken. */
static inline void order_pool_give(struct order_pool *pool, uint32_t slot)
{
    struct order *order = &pool->orders[slot];
    ASSERT(slot != 0);
    ASSERT(order->side != 0);
    ASSERT(pool->count > 0);
    order->side = 0;
    pool->links[slot].next = pool->free_head;
    pool->free_head = slot;
    pool->count--;
}

#endif
