#include "matching/column_model.h"

#include "tests/support/cmocka_all.h"

static struct column_model model;

static void test_keys_are_numbered_as_they_come(void **state)
{
    (void)state;
    column_model_reset(&model, COLUMN_MODEL_KEYS_MAX, 5);
    for (uint32_t pass = 0; pass < 2; pass++) {
        for (uint64_t at = 0; at < COLUMN_MODEL_KEYS_MAX; at++) {
            bool fresh;
            /* Keys that share their low and their high bits, as addresses and ids do. */
            uint32_t number = column_model_key(&model.session_keys, at << 40 | 7, &fresh);
            assert_int_equal(number, at);
            assert_int_equal(fresh, pass == 0);
        }
    }
    column_model_reset(&model, 1, 5);
    bool fresh;
    assert_int_equal(column_model_key(&model.session_keys, 7, &fresh), 0);
    assert_true(fresh);
}

static void test_channels_are_apart(void **state)
{
    (void)state;
    column_model_reset(&model, 4, 0);
    struct column_model_reference *first = column_model_reference(&model, 3, 0);
    assert_false(first->known);
    first->known = true;
    first->last = 9;
    assert_ptr_not_equal(column_model_reference(&model, 3, 1), first);
    assert_ptr_not_equal(column_model_reference(&model, 4, 0), first);
    assert_ptr_equal(column_model_reference(&model, 3, 0), first);
    column_model_reset(&model, 4, 0);
    assert_false(column_model_reference(&model, 3, 0)->known);
}

static void test_guess_follows_the_ratio(void **state)
{
    (void)state;
    column_model_reset(&model, 4, 0);
    assert_int_equal(column_model_guess(&model, 1000), 0);
    column_model_learn(&model, 600, 1000);
    assert_int_equal(column_model_guess(&model, 2000), 1199); /* Rounded down in 16 bits. */
    column_model_learn(&model, UINT32_MAX, UINT64_MAX - 999); /* The sum wraps to zero. */
    assert_int_equal(column_model_guess(&model, 2000), 0);
}

static void test_quantities_move_to_the_front(void **state)
{
    (void)state;
    column_model_reset(&model, 4, 0);
    for (uint64_t quantity = 1; quantity <= 9; quantity++) {
        uint32_t position = column_model_quantity_find(&model, quantity);
        assert_int_equal(position, COLUMN_MODEL_QUANTITY_COUNT);
        column_model_quantity_front(&model, position, quantity);
    }
    assert_int_equal(column_model_quantity_find(&model, 9), 0);
    assert_int_equal(column_model_quantity_find(&model, 2), 7);
    assert_int_equal(column_model_quantity_find(&model, 1), COLUMN_MODEL_QUANTITY_COUNT);
    column_model_quantity_front(&model, 3, 6);
    assert_int_equal(column_model_quantity_find(&model, 6), 0);
    assert_int_equal(column_model_quantity_find(&model, 9), 1);
    assert_int_equal(column_model_quantity_find(&model, 5), 4);
}

static void test_prices_are_near_their_side(void **state)
{
    (void)state;
    struct column_model_symbol symbol = {0};
    uint64_t near_units;
    assert_false(column_model_price(&symbol, 0, &near_units));
    column_model_price_set(&symbol, 1, 50);
    assert_true(column_model_price(&symbol, 0, &near_units));
    assert_int_equal(near_units, 50);
    column_model_price_set(&symbol, 0, 48);
    assert_true(column_model_price(&symbol, 0, &near_units));
    assert_int_equal(near_units, 48);
    assert_true(column_model_price(&symbol, 1, &near_units));
    assert_int_equal(near_units, 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_are_numbered_as_they_come),
        cmocka_unit_test(test_channels_are_apart),
        cmocka_unit_test(test_guess_follows_the_ratio),
        cmocka_unit_test(test_quantities_move_to_the_front),
        cmocka_unit_test(test_prices_are_near_their_side),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
