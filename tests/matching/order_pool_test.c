#include "matching/order_pool.h"

#include <string.h>

#include "tests/support/cmocka_all.h"

static _Alignas(64) uint8_t memory[1u << 22];

static struct arena fresh(size_t bytes)
{
    memset(memory, 0, sizeof memory);
    struct arena arena;
    arena_init(&arena, memory, bytes);
    return arena;
}

static void test_slots_are_apart_and_come_back(void **state)
{
    (void)state;
    struct arena arena = fresh(order_pool_bytes(8));
    struct order_pool pool;
    assert_int_equal(order_pool_create(&pool, &arena, 8), STATUS_OK);
    bool taken[9] = {false};
    for (uint32_t i = 0; i < 8; i++) {
        uint32_t slot = order_pool_take(&pool);
        assert_in_range(slot, 1, 8);
        assert_false(taken[slot]);
        taken[slot] = true;
        pool.orders[slot].side = 1;
    }
    assert_int_equal(pool.count, pool.count_max);
    order_pool_give(&pool, 3);
    order_pool_give(&pool, 5);
    assert_int_equal(pool.orders[3].side, 0);
    assert_int_equal(pool.count, 6);
    assert_int_equal(order_pool_take(&pool), 5); /* The last one given is still in cache. */
    assert_int_equal(order_pool_take(&pool), 3);
    assert_int_equal(pool.used_max, 8);
}

static void test_an_arena_too_small(void **state)
{
    (void)state;
    struct arena arena = fresh(order_pool_bytes(100) - 1024);
    struct order_pool pool;
    assert_int_equal(order_pool_create(&pool, &arena, 100), STATUS_FULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slots_are_apart_and_come_back),
        cmocka_unit_test(test_an_arena_too_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
