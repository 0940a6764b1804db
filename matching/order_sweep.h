/* Cancels many orders of the shard, in order of order_id, in bounded steps.
 *
 * Keeping all orders in a list by age would cost every order two cache misses; instead a sweep
 * gathers the orders it is for (one pass over the pool), sorts them by links in their records
 * (radix sort, stable, no memory of its own) and cancels. No other command enters between steps.
 * The day end and disconnected sessions use it. */
#ifndef MATCHING_ORDER_SWEEP_H
#define MATCHING_ORDER_SWEEP_H

#include <stdbool.h>
#include <stdint.h>

#include "matching/market.h"

#define ORDER_SWEEP_BITS    11u
#define ORDER_SWEEP_BUCKETS (1u << ORDER_SWEEP_BITS)

enum order_sweep_kind {
    ORDER_SWEEP_DAY,        /* Orders of TIF_DAY: the day ends. */
    ORDER_SWEEP_DISCONNECT, /* Orders of sessions whose grace period is over. */
    ORDER_SWEEP_ALL,        /* All orders, which are looked at alone. */
};

enum order_sweep_phase {
    ORDER_SWEEP_GATHER,
    ORDER_SWEEP_SORT,
    ORDER_SWEEP_CANCEL,
};

struct order_sweep_list {
    uint32_t head; /* Slots, linked by sweep_next; 0: empty. */
    uint32_t tail;
};

struct order_sweep {
    enum order_sweep_phase phase;
    enum order_sweep_kind kind;
    uint32_t slot;                /* Gathering: the last one looked at. */
    uint32_t shift;               /* Sorting: bits of order_id done. */
    uint64_t order_id_max;        /* Of those gathered. */
    struct order_sweep_list list; /* What is still to be done in this phase. */
    struct order_sweep_list buckets[ORDER_SWEEP_BUCKETS];
};

/* Begin. Orders of another kind stay. */
void order_sweep_start(struct order_sweep *sweep, enum order_sweep_kind kind);

/* A bounded piece: at most so many orders looked at, and at most a batch of events. Asserts: not
 * ORDER_SWEEP_ALL.
 * STATUS_MORE: call again, with an empty batch. STATUS_OK: all are canceled. */
MUST_USE enum status order_sweep_step(struct order_sweep *sweep, struct market *market);

/* Has every resting order an order_id of its own, as sweeps rely on? For who reads orders from
 * bytes. O(orders), in one go; the sweep must not be under way. */
bool order_sweep_distinct(struct order_sweep *sweep, struct order_pool *pool);

#endif
