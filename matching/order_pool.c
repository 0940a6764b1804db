#include "matching/order_pool.h"

size_t order_pool_bytes(uint32_t count_max)
{
    return ((size_t)count_max + 1) * sizeof(struct order) + 64;
}

enum status order_pool_create(struct order_pool *pool, struct arena *arena, uint32_t count_max)
{
    ASSERT(count_max > 0);
    ASSERT(count_max < UINT32_MAX);

    *pool = (struct order_pool){.count_max = count_max};
    pool->orders = arena_take(arena, (size_t)count_max + 1, sizeof(struct order), 64);
    return pool->orders == NULL ? STATUS_FULL : STATUS_OK;
}
