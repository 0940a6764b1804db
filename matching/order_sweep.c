#include "matching/order_sweep.h"

/* Orders looked at in a step while gathering and sorting: well below a millisecond. */
#define ORDER_SWEEP_STEP 16384u

void order_sweep_start(struct order_sweep *sweep, enum order_sweep_kind kind)
{
    sweep->phase = ORDER_SWEEP_GATHER;
    sweep->kind = kind;
    sweep->slot = 0;
    sweep->shift = 0;
    sweep->order_id_max = 0;
    sweep->list = (struct order_sweep_list){.head = 0};
}

static void order_sweep_append(struct order_detail *details, struct order_sweep_list *list,
                               uint32_t slot)
{
    ASSERT(slot != 0);
    details[slot].sweep_next = 0;
    if (list->head == 0) {
        list->head = slot;
    } else {
        details[list->tail].sweep_next = slot;
    }
    list->tail = slot;
}

static void order_sweep_sort_start(struct order_sweep *sweep)
{
    memset(sweep->buckets, 0, sizeof sweep->buckets);
    bool sorted = sweep->shift >= 64 || sweep->order_id_max >> sweep->shift == 0;
    sweep->phase = sorted ? ORDER_SWEEP_CANCEL : ORDER_SWEEP_SORT;
}

static bool order_sweep_means(enum order_sweep_kind kind, const struct grace *grace,
                              const struct order *order, const struct order_detail *detail)
{
    switch (kind) {
    case ORDER_SWEEP_DAY:
        return detail->time_in_force == TIF_DAY;
    case ORDER_SWEEP_DISCONNECT:
        return grace->over[order->session_id];
    case ORDER_SWEEP_ALL:
        return true;
    }
    ASSERT(false);
    return false;
}

static void order_sweep_gather(struct order_sweep *sweep, struct order_pool *pool,
                               const struct grace *grace)
{
    uint32_t last = pool->used_max;
    if (last - sweep->slot > ORDER_SWEEP_STEP) {
        last = sweep->slot + ORDER_SWEEP_STEP;
    }
    while (sweep->slot < last) {
        uint32_t slot = ++sweep->slot;
        const struct order_detail *detail = &pool->details[slot];
        const struct order *order = &pool->orders[slot];
        if (order->side != 0 && order_sweep_means(sweep->kind, grace, order, detail)) {
            order_sweep_append(pool->details, &sweep->list, slot);
            if (detail->order_id > sweep->order_id_max) {
                sweep->order_id_max = detail->order_id;
            }
        }
    }
    if (sweep->slot == pool->used_max) {
        order_sweep_sort_start(sweep);
    }
}

/* One pass of the radix sort: from the list into buckets; at its end buckets become the list. */
static void order_sweep_sort(struct order_sweep *sweep, struct order_detail *details)
{
    for (uint32_t i = 0; i < ORDER_SWEEP_STEP && sweep->list.head != 0; i++) {
        uint32_t slot = sweep->list.head;
        sweep->list.head = details[slot].sweep_next;
        uint64_t digit = details[slot].order_id >> sweep->shift & (ORDER_SWEEP_BUCKETS - 1);
        order_sweep_append(details, &sweep->buckets[digit], slot);
    }
    if (sweep->list.head != 0) {
        return;
    }
    for (uint32_t i = 0; i < ORDER_SWEEP_BUCKETS; i++) {
        const struct order_sweep_list *bucket = &sweep->buckets[i];
        if (bucket->head == 0) {
            continue;
        }
        if (sweep->list.head == 0) {
            sweep->list.head = bucket->head;
        } else {
            details[sweep->list.tail].sweep_next = bucket->head;
        }
        sweep->list.tail = bucket->tail;
    }
    sweep->shift += ORDER_SWEEP_BITS;
    order_sweep_sort_start(sweep);
}

static enum status order_sweep_cancel(struct order_sweep *sweep, struct market *market)
{
    ASSERT(sweep->kind != ORDER_SWEEP_ALL);
    enum cancel_reason reason = sweep->kind == ORDER_SWEEP_DAY ? CANCEL_DAY_END : CANCEL_DISCONNECT;
    while (sweep->list.head != 0) {
        if (event_writer_room(&market->writer) == 0) {
            return STATUS_MORE;
        }
        uint32_t slot = sweep->list.head;
        const struct order_detail *details = market->space.pool.details;
        uint32_t next = details[slot].sweep_next;
        ASSERT(next == 0 || details[next].order_id > details[slot].order_id);
        market_cancel(market, slot, reason);
        sweep->list.head = next;
    }
    return STATUS_OK;
}

enum status order_sweep_step(struct order_sweep *sweep, struct market *market)
{
    switch (sweep->phase) {
    case ORDER_SWEEP_GATHER:
        order_sweep_gather(sweep, &market->space.pool, &market->participants.grace);
        return STATUS_MORE;
    case ORDER_SWEEP_SORT:
        order_sweep_sort(sweep, market->space.pool.details);
        return STATUS_MORE;
    case ORDER_SWEEP_CANCEL:
        return order_sweep_cancel(sweep, market);
    }
    ASSERT(false);
    return STATUS_OK;
}

bool order_sweep_distinct(struct order_sweep *sweep, struct order_pool *pool)
{
    order_sweep_start(sweep, ORDER_SWEEP_ALL);
    while (sweep->phase == ORDER_SWEEP_GATHER) {
        order_sweep_gather(sweep, pool, NULL);
    }
    while (sweep->phase == ORDER_SWEEP_SORT) {
        order_sweep_sort(sweep, pool->details);
    }
    uint64_t last = 0;
    uint32_t count = 0;
    for (uint32_t slot = sweep->list.head; slot != 0; slot = pool->details[slot].sweep_next) {
        if (pool->details[slot].order_id <= last) {
            return false;
        }
        last = pool->details[slot].order_id;
        count++;
    }
    ASSERT(count == pool->count);
    return true;
}
