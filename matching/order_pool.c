#include "matching/order_pool.h"

#include <stdbool.h>

size_t order_pool_bytes(uint32_t count_max)
{
    size_t each = sizeof(struct order) + sizeof(struct order_detail) + sizeof(struct order_link);
    return ((size_t)count_max + 1) * each + 3 * (size_t)64;
}

enum status order_pool_create(struct order_pool *pool, struct arena *arena, uint32_t count_max)
{
    ASSERT(count_max > 0);
    ASSERT(count_max < UINT32_MAX);

    *pool = (struct order_pool){.count_max = count_max};
    size_t slots = (size_t)count_max + 1;
    pool->orders = arena_take(arena, slots, sizeof(struct order), 64);
    pool->details = arena_take(arena, slots, sizeof(struct order_detail), 64);
    pool->links = arena_take(arena, slots, sizeof(struct order_link), 64);
    bool full = pool->orders == NULL || pool->details == NULL || pool->links == NULL;
    return full ? STATUS_FULL : STATUS_OK;
}
