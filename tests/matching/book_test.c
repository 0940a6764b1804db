#include "matching/book.h"

#include <string.h>

#include "matching/base/limits.h"
#include "tests/support/cmocka_all.h"

static _Alignas(64) uint8_t memory[1u << 22];

static struct arena fresh(size_t bytes)
{
    memset(memory, 0, sizeof memory);
    struct arena arena;
    arena_init(&arena, memory, bytes);
    return arena;
}

static struct book_space space;
static struct book book;

static void open_book(uint32_t levels_max)
{
    struct arena arena = fresh(sizeof memory);
    assert_int_equal(order_pool_create(&space.pool, &arena, 100), STATUS_OK);
    assert_int_equal(price_levels_create(&space.levels, &arena, levels_max, 2), STATUS_OK);
    book_open(&book, &space, 0);
}

static uint32_t rest(uint8_t side, uint64_t lots, int64_t price)
{
    uint32_t slot = order_pool_take(&space.pool);
    space.pool.orders[slot] = (struct order){.leaves_lots = lots,
                                             .side = side,
                                             .book_side = (uint8_t)book_side_index(side)};
    book_add(&book, &space, slot, price, (uint64_t)price + 1000);
    return slot;
}

static void test_price_before_time(void **state)
{
    (void)state;
    open_book(10);
    uint32_t first = rest(SIDE_BUY, 10, 100);
    uint32_t second = rest(SIDE_BUY, 20, 100);
    uint32_t better = rest(SIDE_BUY, 5, 101);
    const struct book_side *bids = &book.sides[BOOK_BIDS];
    assert_int_equal(bids->best_price, 101);
    assert_int_equal(bids->lots, 35);
    assert_int_equal(space.levels.levels[bids->best].head, better);
    book_remove(&book, &space, better);
    assert_int_equal(bids->best_price, 100);
    assert_int_equal(space.levels.levels[bids->best].head, first);
    assert_int_equal(space.levels.levels[bids->best].tail, second);
    book_reduce(&book, &space, first, 9);
    assert_int_equal(space.levels.levels[bids->best].head, first);
    assert_int_equal(space.levels.levels[bids->best].lots, 21);
    book_remove(&book, &space, first);
    assert_int_equal(space.levels.levels[bids->best].head, second);
    book_remove(&book, &space, second);
    assert_int_equal(bids->best, 0);
    assert_int_equal(bids->lots, 0);
    assert_int_equal(space.levels.count, 0);
}

static void test_leaving_the_middle_of_a_queue(void **state)
{
    (void)state;
    open_book(10);
    uint32_t slots[3];
    for (uint32_t i = 0; i < 3; i++) {
        slots[i] = rest(SIDE_SELL_SHORT, 1, -7);
    }
    book_remove(&book, &space, slots[1]);
    const struct price_level *level = &space.levels.levels[book.sides[BOOK_ASKS].best];
    assert_int_equal(level->head, slots[0]);
    assert_int_equal(space.pool.links[slots[0]].next, slots[2]);
    assert_int_equal(space.pool.links[slots[2]].previous, slots[0]);
    assert_int_equal(level->tail, slots[2]);
}

static void test_crossing(void **state)
{
    (void)state;
    open_book(10);
    assert_false(book_crosses(&book, BOOK_BIDS, INT64_MAX));
    (void)rest(SIDE_SELL, 1, -3);
    assert_true(book_crosses(&book, BOOK_BIDS, -3));
    assert_true(book_crosses(&book, BOOK_BIDS, 5));
    assert_false(book_crosses(&book, BOOK_BIDS, -4));
    assert_false(book_crosses(&book, BOOK_ASKS, -100));
    (void)rest(SIDE_BUY, 1, -5);
    assert_true(book_crosses(&book, BOOK_ASKS, -5));
    assert_true(book_crosses(&book, BOOK_ASKS, -ORDER_PRICE_MAX));
    assert_false(book_crosses(&book, BOOK_ASKS, -4));
}

static void test_holding_enough_within_a_limit(void **state)
{
    (void)state;
    open_book(10);
    (void)rest(SIDE_SELL, 10, 100);
    (void)rest(SIDE_SELL, 10, 100);
    (void)rest(SIDE_SELL, 30, 110);
    assert_true(book_holds(&book, &space, BOOK_BIDS, true, 100, 20));
    assert_false(book_holds(&book, &space, BOOK_BIDS, true, 109, 21));
    assert_true(book_holds(&book, &space, BOOK_BIDS, true, 110, 50));
    assert_false(book_holds(&book, &space, BOOK_BIDS, false, 0, 51));
    assert_true(book_holds(&book, &space, BOOK_BIDS, false, 0, 50));
    assert_false(book_holds(&book, &space, BOOK_ASKS, false, 0, 1));
}

static void test_room_for_levels_and_lots(void **state)
{
    (void)state;
    open_book(2);
    uint32_t alone = rest(SIDE_BUY, 10, 100);
    (void)rest(SIDE_BUY, BOOK_LOTS_MAX - 20, 90);
    assert_true(book_has_room(&book, &space, BOOK_BIDS, 1100, 100, 10));
    assert_false(book_has_room(&book, &space, BOOK_BIDS, 1100, 100, 11));
    assert_false(book_has_room(&book, &space, BOOK_BIDS, 1080, 80, 1));
    assert_true(book_has_room_without(&book, &space, BOOK_BIDS, 1080, 80, 20, alone));
    assert_false(book_has_room_without(&book, &space, BOOK_BIDS, 1080, 80, 21, alone));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_price_before_time),
        cmocka_unit_test(test_leaving_the_middle_of_a_queue),
        cmocka_unit_test(test_crossing),
        cmocka_unit_test(test_holding_enough_within_a_limit),
        cmocka_unit_test(test_room_for_levels_and_lots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
