#include "tools/replay_day.h"

#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/text_fixture.h"

static struct text_fixture fixture;

static int set_up(void **state)
{
    (void)state;
    text_fixture_make(&fixture);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    text_fixture_remove(&fixture);
    return 0;
}

static void printed(const struct replay_day *day, const struct replay_day_result *result,
                    char *text, size_t text_bytes)
{
    memset(text, 0, text_bytes);
    FILE *file = fmemopen(text, text_bytes, "w");
    assert_non_null(file);
    replay_day_print(day, result, file);
    assert_int_equal(fclose(file), 0);
}

static void test_lobster(void **state)
{
    (void)state;
    text_fixture_write(&fixture, "XYZ_day.csv",
                       "1,1,10,5,1000000,1\n2,4,10,3,1000000,1\n3,3,10,2,1000000,1\n");
    struct replay_day day;
    char error[REPLAY_DAY_ERROR_BYTES];
    assert_int_equal(replay_day_load(&day, REPLAY_DAY_LOBSTER, fixture.path, true, error),
                     STATUS_OK);
    assert_string_equal(day.symbol, "XYZ");
    assert_int_equal(day.price_decimals, 4);
    assert_int_equal(day.quantity_decimals, 0);
    replay_day_instrument(&day, 7);
    for (uint64_t i = 0; i < day.action_count; i++) {
        assert_int_equal(day.actions[i].instrument, 7);
    }
    struct replay_compare *compare;
    struct replay_day_result result;
    char text[1024];
    assert_int_equal(replay_compare_create(&compare, day.fills, day.fill_count), STATUS_OK);
    assert_int_equal(replay_day_compare(&day, compare, &result), STATUS_OK);
    assert_false(replay_day_reproduced(&day, &result));
    printed(&day, &result, text, sizeof text);
    assert_non_null(strstr(text, "0 of 1 recorded executions reproduced (0.00 %)"));
    assert_non_null(strstr(text, "line 2: incoming order 1 against order 10 at 100: recorded 3"));

    assert_int_equal(replay_compare_side(compare, 1, 10, true, 1000000, 3), STATUS_OK);
    assert_int_equal(replay_compare_side(compare, 1, MARKET_TAKE_ID + 1, false, 1000000, 3),
                     STATUS_OK);
    assert_int_equal(replay_day_compare(&day, compare, &result), STATUS_OK);
    assert_true(replay_day_reproduced(&day, &result));
    assert_int_equal(replay_compare_side(compare, 2, 10, true, 1000000, 2), STATUS_OK);
    assert_int_equal(replay_compare_side(compare, 2, 11, false, 1000000, 2), STATUS_OK);
    assert_int_equal(replay_day_compare(&day, compare, &result), STATUS_OK);
    assert_false(replay_day_reproduced(&day, &result)); /* One more than recorded. */
    printed(&day, &result, text, sizeof text);
    assert_non_null(strstr(text, "not in the file: order 11 on entry against order 10"));
    replay_compare_destroy(compare);
    replay_day_free(&day);
}

static void test_bitstamp(void **state)
{
    (void)state;
    text_fixture_write(&fixture, "orders.csv",
                       "id,timestamp,exchange.timestamp,price,volume,action,direction\n"
                       "5,1000,1000,230.5,100,created,bid\n"
                       "6,1001,1001,230.5,40,created,ask\n"
                       "6,1002,1002,230.5,0,deleted,ask\n"
                       "5,1003,1003,230.5,60,deleted,bid\n");
    struct replay_day day;
    char error[REPLAY_DAY_ERROR_BYTES];
    assert_int_equal(replay_day_load(&day, REPLAY_DAY_BITSTAMP, fixture.path, true, error),
                     STATUS_OK);
    assert_string_equal(day.symbol, "");
    assert_int_equal(day.quantity_decimals, 8);
    assert_null(day.fills);
    struct replay_compare *compare;
    struct replay_day_result result;
    assert_int_equal(replay_compare_create(&compare, NULL, 0), STATUS_OK);
    assert_int_equal(replay_compare_side(compare, 1, 5, true, 23050, 40), STATUS_OK);
    assert_int_equal(replay_compare_side(compare, 1, 6, false, 23050, 40), STATUS_OK);
    assert_int_equal(replay_day_compare(&day, compare, &result), STATUS_OK);
    assert_int_equal(result.orders_compared, 2);
    assert_int_equal(result.orders_equal, 2);
    char text[1024];
    printed(&day, &result, text, sizeof text);
    assert_non_null(strstr(text, "1 executions; executed volume as recorded for 2 of 2 orders"));
    replay_compare_destroy(compare);
    replay_day_free(&day);
}

static void test_unreadable(void **state)
{
    (void)state;
    struct replay_day day;
    char error[REPLAY_DAY_ERROR_BYTES];
    assert_int_equal(replay_day_load(&day, REPLAY_DAY_LOBSTER, "/nowhere/A_b.csv", true, error),
                     STATUS_NOT_FOUND);
    assert_non_null(strstr(error, "/nowhere/A_b.csv"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lobster, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bitstamp, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unreadable, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
