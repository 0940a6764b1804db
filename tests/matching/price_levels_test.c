#include "matching/price_levels.h"

#include <stdlib.h>
#include <string.h>

#include "matching/base/random.h"
#include "tests/support/cmocka_all.h"

#define LEVELS 300u

static _Alignas(64) uint8_t memory[1u << 22];

static struct arena fresh(size_t bytes)
{
    memset(memory, 0, sizeof memory);
    struct arena arena;
    arena_init(&arena, memory, bytes);
    return arena;
}

static struct price_levels levels;
static struct price_tree tree;

/* A plain sorted table of what is there. */
static struct {
    uint64_t tick_number;
    uint32_t level;
} sorted[LEVELS];
static uint32_t sorted_count;

static void open_levels(void)
{
    struct arena arena = fresh(sizeof memory);
    assert_int_equal(price_levels_create(&levels, &arena, LEVELS, 4), STATUS_OK);
    price_levels_plant(&levels, &tree, 3);
    sorted_count = 0;
}

static uint32_t rank_of(uint64_t tick_number)
{
    uint32_t rank = 0;
    while (rank < sorted_count && sorted[rank].tick_number < tick_number) {
        rank++;
    }
    return rank;
}

static void toggle(uint64_t tick_number)
{
    int64_t price = (int64_t)(tick_number >> 1);
    uint32_t rank = rank_of(tick_number);
    bool there = rank < sorted_count && sorted[rank].tick_number == tick_number;
    uint32_t level = price_levels_find(&levels, &tree, tick_number, price);
    assert_int_equal(level, there ? sorted[rank].level : 0);
    if (there) {
        price_levels_remove(&levels, &tree, level);
        sorted_count--;
        memmove(&sorted[rank], &sorted[rank + 1], (sorted_count - rank) * sizeof sorted[0]);
    } else if (sorted_count < LEVELS) {
        memmove(&sorted[rank + 1], &sorted[rank], (sorted_count - rank) * sizeof sorted[0]);
        sorted[rank].tick_number = tick_number;
        sorted[rank].level = price_levels_add(&levels, &tree, tick_number, price);
        sorted_count++;
    }
    assert_int_equal(levels.count, sorted_count);
}

static void expect_order(void)
{
    for (uint32_t rank = 0; rank < sorted_count; rank++) {
        uint32_t level = sorted[rank].level;
        assert_int_equal(price_levels_next(&levels, level, true),
                         rank + 1 < sorted_count ? sorted[rank + 1].level : 0);
        assert_int_equal(price_levels_next(&levels, level, false),
                         rank > 0 ? sorted[rank - 1].level : 0);
    }
}

static void run_random(uint64_t seed, uint32_t shape)
{
    struct random random;
    random_seed(&random, seed);
    for (uint32_t i = 0; i < 20000; i++) {
        uint64_t tick_number = random_u64(&random) >> 1 << 1;
        if (shape == 0) {
            tick_number = UINT64_C(1) << 40 | random_below(&random, 400) << 1;
        } else if (shape == 1) {
            tick_number = random_below(&random, 8) << (2 * random_below(&random, 30) + 1);
        }
        toggle(tick_number);
        if (i % 500 == 0) {
            expect_order();
        }
    }
    while (sorted_count > 0) {
        toggle(sorted[random_below(&random, sorted_count)].tick_number);
    }
    assert_int_equal(tree.root, 0);
}

static void test_dense_prices(void **state)
{
    (void)state;
    open_levels();
    run_random(1, 0);
    assert_int_equal(sorted_count, 0);
}

static void test_prices_at_every_distance(void **state)
{
    (void)state;
    open_levels();
    run_random(2, 1);
    assert_int_equal(sorted_count, 0);
}

/* Up to the ceiling, anywhere in 64 bits: inner nodes never run out. */
static void test_prices_anywhere(void **state)
{
    (void)state;
    open_levels();
    run_random(3, 2);
    assert_int_equal(sorted_count, 0);
    assert_true(levels.nodes_used_max <= 2 * LEVELS);
}

static void test_first_and_last_tick_number(void **state)
{
    (void)state;
    open_levels();
    uint32_t low = price_levels_add(&levels, &tree, 0, -5);
    uint32_t high = price_levels_add(&levels, &tree, UINT64_MAX, 5);
    assert_int_equal(price_levels_find(&levels, &tree, 0, -5), low);
    assert_int_equal(price_levels_find(&levels, &tree, UINT64_MAX, 5), high);
    assert_int_equal(price_levels_find(&levels, &tree, 1, -4), 0);
    assert_int_equal(price_levels_next(&levels, low, true), high);
    assert_int_equal(price_levels_next(&levels, high, false), low);
    assert_int_equal(price_levels_next(&levels, high, true), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dense_prices),
        cmocka_unit_test(test_prices_at_every_distance),
        cmocka_unit_test(test_prices_anywhere),
        cmocka_unit_test(test_first_and_last_tick_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
