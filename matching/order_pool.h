/* The resting orders of a shard: fixed records of one cache line, addressed by slot numbers.
 *
 * Slots, not pointers: half the bytes, and nothing in a record depends on where memory lies. What
 * only the acceptance echoes (client order id, display, ...) is not kept. The engine's thread owns
 * the pool. */
#ifndef MATCHING_ORDER_POOL_H
#define MATCHING_ORDER_POOL_H

#include <assert.h>
#include <stdint.h>

#include "matching/base/arena.h"
#include "matching/base/assertion.h"
#include "matching/base/status.h"

struct order {
    uint64_t order_id; /* From 1, grows with time: a replaced order has a new one. */
    int64_t price;
    uint64_t leaves_lots;     /* Open, at least 1 while it rests. */
    uint64_t cumulative_lots; /* Executed, over the whole chain of replaces. */
    uint32_t next;            /* Slot behind it at its price; in a free slot: the next free one. */
    uint32_t previous;        /* Slot before it at its price. 0: it is the first. */
    uint32_t level;           /* Of price_levels. */
    uint32_t session_id;
    uint32_t user_reference;
    uint32_t sweep_next; /* Link of order_sweep, meaningless otherwise. */
    uint16_t instrument_id;
    uint8_t channel;
    uint8_t side; /* As entered: enum side. 0: the slot is free. */
    uint8_t time_in_force;
    uint8_t capacity; /* These two are inherited when it is replaced. */
    uint8_t cross;
    uint8_t reserved;
};
static_assert(sizeof(struct order) == 64, "one cache line");

struct order_pool {
    struct order *orders; /* Slots from 1; slot 0 means none. */
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
        pool->free_head = pool->orders[slot].next;
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
    order->next = pool->free_head;
    pool->free_head = slot;
    pool->count--;
}

#endif
