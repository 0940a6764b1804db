#include "tools/plain_book.h"

#include <stdlib.h>

#include "matching/base/random.h"
#include "tests/support/cmocka_all.h"

#define ORDERS 200u

struct model_order {
    uint64_t leaves;
    uint64_t arrival;
    int64_t price;
    enum side side;
};

/* The next order in priority, by looking at all. `after` PLAIN_BOOK_NONE: the best. */
static uint32_t model_next(const struct model_order *orders, enum side side, uint32_t after)
{
    uint32_t best = PLAIN_BOOK_NONE;
    for (uint32_t index = 0; index < ORDERS; index++) {
        const struct model_order *order = &orders[index];
        if (order->leaves == 0 || order->side != side) {
            continue;
        }
        int64_t sign = side == SIDE_BUY ? -1 : 1;
        if (after != PLAIN_BOOK_NONE) {
            int64_t worse = (order->price - orders[after].price) * sign;
            if (worse < 0 || (worse == 0 && order->arrival <= orders[after].arrival)) {
                continue;
            }
        }
        int64_t better = best == PLAIN_BOOK_NONE ? 1 : (orders[best].price - order->price) * sign;
        if (better > 0 || (better == 0 && order->arrival < orders[best].arrival)) {
            best = index;
        }
    }
    return best;
}

static void check(const struct plain_book *book, const struct model_order *orders)
{
    for (uint32_t side = SIDE_BUY; side <= SIDE_SELL; side++) {
        uint32_t expected = model_next(orders, (enum side)side, PLAIN_BOOK_NONE);
        uint32_t found = plain_book_best(book, (enum side)side);
        while (expected != PLAIN_BOOK_NONE) {
            assert_int_equal(found, expected);
            assert_int_equal(plain_book_leaves(book, found), orders[found].leaves);
            assert_int_equal(plain_book_price(book, found), orders[found].price);
            found = plain_book_after(book, found);
            expected = model_next(orders, (enum side)side, expected);
        }
        assert_int_equal(found, PLAIN_BOOK_NONE);
    }
}

static void test_equals_a_search_through_all_orders(void **state)
{
    (void)state;
    const char *text = getenv("SEED");
    uint64_t seed = text != NULL ? strtoull(text, NULL, 0) : 20260104;
    print_message("SEED=%llu\n", (unsigned long long)seed);
    struct random random;
    random_seed(&random, seed);
    struct plain_book *book = NULL;
    static struct model_order orders[ORDERS];
    assert_int_equal(plain_book_create(&book, ORDERS), STATUS_OK);
    for (uint64_t step = 1; step <= 4000; step++) {
        uint32_t index = (uint32_t)random_below(&random, ORDERS);
        struct model_order *order = &orders[index];
        if (order->leaves == 0) {
            *order =
                (struct model_order){.leaves = 1 + random_below(&random, 5),
                                     .arrival = step,
                                     .price = (int64_t)random_below(&random, 30) - 15,
                                     .side = random_below(&random, 2) == 0 ? SIDE_BUY : SIDE_SELL};
            plain_book_add(book, index, order->side, order->price, order->leaves);
        } else {
            uint64_t quantity = 1 + random_below(&random, order->leaves);
            plain_book_take(book, index, quantity);
            order->leaves -= quantity;
            assert_int_equal(plain_book_leaves(book, index), order->leaves);
        }
        if (step % 20 == 0) {
            check(book, orders);
        }
    }
    for (uint32_t index = 0; index < ORDERS; index++) {
        if (orders[index].leaves > 0) {
            plain_book_take(book, index, orders[index].leaves);
            orders[index].leaves = 0;
        }
    }
    check(book, orders);
    plain_book_destroy(book);
}

static void test_meets_the_best_order_within_the_limit(void **state)
{
    (void)state;
    struct plain_book *book = NULL;
    assert_int_equal(plain_book_create(&book, 4), STATUS_OK);
    plain_book_add(book, 0, SIDE_BUY, 10, 1);
    plain_book_add(book, 1, SIDE_SELL, 12, 1);
    plain_book_add(book, 2, SIDE_SELL, 11, 1);
    assert_int_equal(plain_book_meets(book, SIDE_BUY, 20), 2);
    assert_int_equal(plain_book_meets(book, SIDE_BUY, 11), 2);
    assert_int_equal(plain_book_meets(book, SIDE_BUY, 10), PLAIN_BOOK_NONE);
    assert_int_equal(plain_book_meets(book, SIDE_SELL, 10), 0);
    assert_int_equal(plain_book_meets(book, SIDE_SELL, 11), PLAIN_BOOK_NONE);
    plain_book_take(book, 0, 1);
    assert_int_equal(plain_book_meets(book, SIDE_SELL, 1), PLAIN_BOOK_NONE);
    plain_book_destroy(book);
}

static void test_crosses(void **state)
{
    (void)state;
    assert_true(plain_book_crosses(SIDE_BUY, 10, 10));
    assert_true(plain_book_crosses(SIDE_BUY, 10, 9));
    assert_false(plain_book_crosses(SIDE_BUY, 10, 11));
    assert_true(plain_book_crosses(SIDE_SELL, 10, 10));
    assert_true(plain_book_crosses(SIDE_SELL, 10, 11));
    assert_false(plain_book_crosses(SIDE_SELL, -10, -11));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equals_a_search_through_all_orders),
        cmocka_unit_test(test_meets_the_best_order_within_the_limit),
        cmocka_unit_test(test_crosses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
