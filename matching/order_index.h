/* Resting orders by key: (session, channel, user reference) to a slot of the order pool.
 *
 * Open addressing with linear probing in entries of eight bytes, eight to a cache line, at most
 * half full; removal shifts back what follows, so there are no tombstones and lookups stay short
 * for ever. An entry holds 32 bits of the key's hash (its home position is their top) and the slot;
 * the key itself is compared in the order, which the caller needs anyway.
 *
 * Clients choose references, so a known hash would let one of them aim many orders at one place.
 * The multiplier comes from the address of the table, different at every start: positions are no
 * state and never reach output, so replicas may differ in them. */
#ifndef MATCHING_ORDER_INDEX_H
#define MATCHING_ORDER_INDEX_H

#include <stdint.h>

#include "matching/base/arena.h"
#include "matching/base/checksum.h"
#include "matching/base/status.h"
#include "matching/order_pool.h"

struct order_index_entry {
    uint32_t tag;  /* Of the key's hash. */
    uint32_t slot; /* 0: the entry is free. */
};

struct order_index {
    struct order_index_entry *entries;
    uint64_t multiplier; /* Odd. */
    uint32_t mask;       /* Entries less one. */
    uint32_t shift;      /* tag >> shift is the home position. */
};

size_t order_index_bytes(uint32_t count_max);

/* Room for `count_max` orders. STATUS_FULL: the arena is too small. */
MUST_USE enum status order_index_create(struct order_index *index, struct arena *arena,
                                        uint32_t count_max);

static inline uint64_t order_index_key(uint32_t session_id, uint8_t channel,
                                       uint32_t user_reference)
{
    return (uint64_t)session_id << 40 | (uint64_t)channel << 32 | user_reference;
}

static inline uint32_t order_index_tag(const struct order_index *index, uint64_t key)
{
    uint64_t hash = key * index->multiplier;
    hash ^= hash >> 32;
    return (uint32_t)((hash * CHECKSUM_MULTIPLIER) >> 32);
}

/* Bring the line of a key into cache: called early, used later. */
static inline void order_index_prefetch(const struct order_index *index, uint32_t tag)
{
    __builtin_prefetch(&index->entries[tag >> index->shift], 1);
}

/* The slot of the order with this key; 0: there is none. */
static inline uint32_t order_index_find(const struct order_index *index,
                                        const struct order_pool *pool, uint32_t session_id,
                                        uint8_t channel, uint32_t user_reference)
{
    uint32_t tag = order_index_tag(index, order_index_key(session_id, channel, user_reference));
    uint32_t position = tag >> index->shift;
    for (;;) {
        struct order_index_entry entry = index->entries[position];
        if (entry.slot == 0) {
            return 0;
        }
        if (entry.tag == tag) {
            const struct order *order = &pool->orders[entry.slot];
            if (order->session_id == session_id && order->user_reference == user_reference &&
                order->channel == channel) {
                return entry.slot;
            }
        }
        position = (position + 1) & index->mask;
    }
}

/* Add an order that is not there yet. Room is guaranteed by the pool's size. */
static inline void order_index_add(struct order_index *index, uint32_t tag, uint32_t slot)
{
    ASSERT(slot != 0);
    uint32_t position = tag >> index->shift;
    while (index->entries[position].slot != 0) {
        ASSERT(index->entries[position].slot != slot);
        position = (position + 1) & index->mask;
    }
    index->entries[position] = (struct order_index_entry){.tag = tag, .slot = slot};
}

/* Take an order out. Asserts: it is there. */
static inline void order_index_remove(struct order_index *index, uint32_t tag, uint32_t slot)
{
    struct order_index_entry *entries = index->entries;
    uint32_t hole = tag >> index->shift;
    while (entries[hole].slot != slot) {
        ASSERT(entries[hole].slot != 0);
        hole = (hole + 1) & index->mask;
    }
    uint32_t position = hole;
    for (;;) {
        position = (position + 1) & index->mask;
        struct order_index_entry entry = entries[position];
        if (entry.slot == 0) {
            break;
        }
        uint32_t home = entry.tag >> index->shift;
        /* It may move back to the hole unless its home lies behind the hole. */
        if (((position - home) & index->mask) >= ((position - hole) & index->mask)) {
            entries[hole] = entry;
            hole = position;
        }
    }
    entries[hole] = (struct order_index_entry){.tag = 0, .slot = 0};
}

#endif
