#include "tools/flow_fit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/text_fixture.h"

#define GOOG "data/lobster/GOOG_2012-06-21_34200000_57600000_message_10.csv.xz"
#define AAPL "data/lobster/AAPL_2012-06-21_message_50.csv.xz"

static const char *const files[FLOW_FITTED_COUNT] = {GOOG, AAPL};

/* The numbers in the program are what the days give. The band may differ by what another C
 * library's logarithm changes in the search. */
static void test_fitted_parameters_are_those_of_the_days(void **state)
{
    (void)state;
    for (uint32_t index = 0; index < FLOW_FITTED_COUNT; index++) {
        char path[TEST_PATH_BYTES];
        if (!test_paths_shared(path, files[index])) {
            print_message("skipped: no data\n");
            skip();
        }
        const struct flow_parameters *ours = flow_fitted(index);
        struct flow_parameters fitted = {.name = ours->name};
        char message[LOBSTER_MESSAGE_MAX] = "";
        if (flow_fit(&fitted, path, ours->tick_size, message) != STATUS_OK) {
            fail_msg("%s", message);
        }
        flow_fit_print(stdout, &fitted);
        assert_true(fabs(fitted.enter_rate / ours->enter_rate - 1.0) < 1e-6);
        assert_true(fabs(fitted.take_rate / ours->take_rate - 1.0) < 1e-6);
        assert_true(fabs(fitted.cancel_rate / ours->cancel_rate - 1.0) < 1e-6);
        assert_true(fabs(fitted.replace_fraction / ours->replace_fraction - 1.0) < 1e-6);
        assert_true(fabs(fitted.live_mean / ours->live_mean - 1.0) < 1e-6);
        assert_true(fabs(fitted.spread_ticks_mean / ours->spread_ticks_mean - 1.0) < 1e-6);
        assert_true(fabs((double)fitted.band_ticks / (double)ours->band_ticks - 1.0) < 0.05);
        assert_int_equal(fitted.start_price, ours->start_price);
        assert_memory_equal(fitted.enter_lots, ours->enter_lots, sizeof fitted.enter_lots);
        assert_memory_equal(fitted.take_lots, ours->take_lots, sizeof fitted.take_lots);
    }
}

/* A day made from known numbers gives these numbers: an entry of 10 lots each half second, a cancel
 * each second after 100 s, a take of 5 each second, spread 20. */
static void test_a_made_day_gives_its_numbers(void **state)
{
    (void)state;
    struct text_fixture fixture;
    text_fixture_make(&fixture);
    text_fixture_write(&fixture, "made.csv", "");
    FILE *file = fopen(fixture.path, "w");
    assert_non_null(file);
    (void)fprintf(file, "1000,1,1,100000,999000,1\n1000,1,2,100000,1001000,-1\n");
    uint32_t id = 3;
    for (uint32_t second = 0; second < 2400; second++) {
        (void)fprintf(file, "%u.1,1,%u,10,990000,1\n%u.6,1,%u,10,990000,1\n", 1000 + second, id,
                      1000 + second, id + 1);
        (void)fprintf(file, "%u.7,4,1,5,999000,1\n", 1000 + second);
        if (second >= 100) {
            uint32_t old = id - 200;
            (void)fprintf(file, "%u.8,3,%u,10,990000,1\n%u.8,3,%u,10,990000,1\n", 1000 + second,
                          old, 1000 + second, old + 1);
        }
        id += 2;
    }
    /* Keeps open to the end what is. */
    for (uint32_t old = id - 200; old < id; old++) {
        (void)fprintf(file, "3401,3,%u,10,990000,1\n", old);
    }
    (void)fprintf(file, "3401,3,1,1,999000,1\n3401,3,2,1,1001000,-1\n");
    assert_int_equal(fclose(file), 0);
    struct flow_parameters fitted = {.name = "made"};
    char message[LOBSTER_MESSAGE_MAX] = "";
    if (flow_fit(&fitted, fixture.path, 100, message) != STATUS_OK) {
        fail_msg("%s", message);
    }
    assert_true(fabs(fitted.enter_rate - 2.0) < 0.01);
    assert_true(fabs(fitted.take_rate - 1.0) < 0.01);
    assert_true(fabs(fitted.replace_fraction) < 1e-9);
    assert_true(fabs(fitted.spread_ticks_mean - 20.0) < 0.01);
    /* Two orders a second stay for 100.2 and 100.7 s, and the two at the best prices. */
    assert_true(fabs(fitted.live_mean - 2.0 - 2 * 100.45) < 1.0);
    /* Two a second, and 202 at the end of 2,101 s. */
    assert_true(fabs(fitted.cancel_rate * fitted.live_mean - 2.0 - 202.0 / 2101.0) < 0.005);
    assert_int_equal(fitted.enter_lots[0], 10);
    assert_int_equal(fitted.enter_lots[FLOW_SIZES - 1], 10);
    assert_int_equal(fitted.take_lots[0], 5);
    assert_int_equal(fitted.start_price, 1000000);
    assert_true(fabs(flow_fit_spread(&fitted, 2, 400000) - 20.0) < 3.0);
    text_fixture_remove(&fixture);
}

static void test_too_little_is_refused(void **state)
{
    (void)state;
    struct text_fixture fixture;
    text_fixture_make(&fixture);
    text_fixture_write(&fixture, "short.csv", "1000,1,1,5,100,1\n1500,1,2,5,100,1\n");
    struct flow_parameters fitted = {.name = "short"};
    char message[LOBSTER_MESSAGE_MAX] = "";
    assert_int_equal(flow_fit(&fitted, fixture.path, 100, message), STATUS_BAD_FORMAT);
    assert_non_null(strstr(message, "too little to fit"));
    assert_int_equal(flow_fit(&fitted, "/nowhere.csv", 100, message), STATUS_NOT_FOUND);
    text_fixture_remove(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fitted_parameters_are_those_of_the_days),
        cmocka_unit_test(test_a_made_day_gives_its_numbers),
        cmocka_unit_test(test_too_little_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
