#include "matching/instrument.h"

#include <string.h>

#include "matching/base/limits.h"
#include "matching/base/random.h"
#include "tests/support/cmocka_all.h"

static _Alignas(64) uint8_t memory[1u << 22];

static struct arena fresh(size_t bytes)
{
    memset(memory, 0, sizeof memory);
    struct arena arena;
    arena_init(&arena, memory, bytes);
    return arena;
}

static struct instruments instruments;
static struct book_space space;

static void open_instruments(void)
{
    struct arena arena = fresh(sizeof memory);
    assert_int_equal(order_pool_create(&space.pool, &arena, 10), STATUS_OK);
    assert_int_equal(price_levels_create(&space.levels, &arena, 10, 16), STATUS_OK);
    assert_int_equal(instrument_create(&instruments, &arena, 8), STATUS_OK);
}

static struct command_instrument terms_of(const char symbol[static 9], int64_t tick)
{
    struct command_instrument terms = {
        .tick_size = tick,
        .price_min = -ORDER_PRICE_MAX,
        .price_max = ORDER_PRICE_MAX,
        .quantity_lots_max = ORDER_LOTS_MAX,
        .state = TRADING_OPEN,
    };
    memcpy(terms.symbol, symbol, SYMBOL_BYTES);
    return terms;
}

/* Exact division by multiplication, against the division of the language. */
static void test_tick_numbers_are_exact_and_grow_with_the_price(void **state)
{
    (void)state;
    static const int64_t ticks[] = {
        1, 2, 3, 5, 7, 100, 56, 1 << 20, 99999989, ORDER_PRICE_MAX - 1, ORDER_PRICE_MAX};
    struct random random;
    random_seed(&random, 5);
    for (size_t i = 0; i < sizeof ticks / sizeof ticks[0]; i++) {
        open_instruments();
        struct command_instrument terms = terms_of("ABC     ", ticks[i]);
        (void)instrument_add(&instruments, &space, &terms);
        const struct instrument *instrument = &instruments.hot[1];
        uint64_t zero;
        assert_true(instrument_tick_number(instrument, 0, &zero));
        for (uint32_t j = 0; j < 20000; j++) {
            int64_t price = (int64_t)random_below(&random, UINT64_C(1) << 63) - ORDER_PRICE_MAX;
            price = j % 2 == 0 ? price : price / ticks[i] * ticks[i];
            uint64_t number = 0;
            bool on_tick = instrument_tick_number(instrument, price, &number);
            assert_int_equal(on_tick, price % ticks[i] == 0);
            if (on_tick) {
                assert_true((int64_t)(number - zero) == price / ticks[i]);
            }
        }
    }
}

static void test_equities_stay_below_two_hundred_thousand(void **state)
{
    (void)state;
    open_instruments();
    struct command_instrument terms = terms_of("EQ      ", 1);
    terms.equity = 1;
    terms.price_decimals = 4;
    (void)instrument_add(&instruments, &space, &terms);
    assert_int_equal(instruments.hot[1].price_max, INT64_C(1999999999));
    terms.price_max = 7;
    instrument_change(&instruments, 1, &terms);
    assert_int_equal(instruments.hot[1].price_max, 7);
    terms.price_max = ORDER_PRICE_MAX;
    terms.price_decimals = 12;
    instrument_change(&instruments, 1, &terms);
    assert_int_equal(instruments.hot[1].price_max, INT64_C(199999999999999999));
    assert_int_equal(instruments.profiles[1].version, 3);
}

static void test_each_field_out_of_its_range(void **state)
{
    (void)state;
    struct command_instrument right = terms_of("ABC     ", 5);
    assert_true(instrument_terms_valid(&right));
    struct command_instrument wrong[12];
    for (size_t i = 0; i < 12; i++) {
        wrong[i] = right;
    }
    wrong[0].symbol[0] = ' ';
    wrong[1].tick_size = 0;
    wrong[2].tick_size = ORDER_PRICE_MAX + 1;
    wrong[3].price_min = -ORDER_PRICE_MAX - 1;
    wrong[4].price_max = ORDER_PRICE_MAX + 1;
    wrong[5].price_max = right.price_min - 1;
    wrong[6].quantity_lots_max = 0;
    wrong[7].quantity_lots_max = ORDER_LOTS_MAX + 1;
    wrong[8].price_decimals = 13;
    wrong[9].quantity_decimals = 13;
    wrong[10].state = 4;
    wrong[11].reserved[3] = 1;
    for (size_t i = 0; i < 12; i++) {
        assert_false(instrument_terms_valid(&wrong[i]));
    }
    right.equity = 2;
    assert_false(instrument_terms_valid(&right));
    assert_false(instrument_state_valid(0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tick_numbers_are_exact_and_grow_with_the_price),
        cmocka_unit_test(test_equities_stay_below_two_hundred_thousand),
        cmocka_unit_test(test_each_field_out_of_its_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
