/* causeway replay against a real site process, as a user runs it. */
#include <stdio.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/site_process.h"
#include "tests/support/text_fixture.h"

#define OUTPUT_BYTES 16384u
#define GOOG         "data/lobster/GOOG_2012-06-21_34200000_57600000_message_10.csv.xz"
#define AAPL         "data/lobster/AAPL_2012-06-21_message_50.csv.xz"
#define BITSTAMP     "data/bitstamp/2015-05-01_orders.csv.xz"

static struct text_fixture fixture;
static struct site_process site;
static char market[TEST_PATH_BYTES + 64];
static char output[OUTPUT_BYTES];

/* Every replay needs an empty book: an instrument for each. */
static int set_up(void **state)
{
    (void)state;
    text_fixture_make(&fixture);
    site_process_init(&site, fixture.directory);
    int exit_status;
    assert_true(site_process_start(&site, &exit_status));
    char text[4096];
    int bytes = snprintf(text, sizeof text,
                         "shards:\n  - id: 1\n    firms: [{name: ACME}]\n    instruments:\n"
                         "      - {symbol: BTC, tick: 0.01, price_decimals: 2, "
                         "quantity_decimals: 8, price_max: 100000, quantity_max: 100000}\n");
    for (uint32_t i = 0; i < 8; i++) {
        bytes += snprintf(text + bytes, sizeof text - (size_t)bytes,
                          "      - {symbol: DAY%u, tick: 0.01, price_max: 100000, "
                          "quantity_max: 1000000}\n",
                          i);
    }
    (void)snprintf(text + bytes, sizeof text - (size_t)bytes,
                   "    sessions:\n"
                   "      - {name: ONE, firm: ACME, password: one, open_orders_max: 100000}\n"
                   "      - {name: TWO, firm: ACME, password: two, open_orders_max: 100000}\n"
                   "      - {name: THREE, firm: ACME, password: three, open_orders_max: 100000}\n");
    text_fixture_write(&fixture, "market.yaml", text);
    memcpy(market, fixture.path, sizeof market);
    const char *const apply[] = {site.tool,  "market",    "apply", market,
                                 "--config", site.config, NULL};
    assert_int_equal(site_process_run(output, sizeof output, apply), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    site_process_kill(&site);
    text_fixture_remove(&fixture);
    return 0;
}

static int replay(const char *file, const char *symbol, const char *more, const char *value)
{
    const char *const arguments[] = {site.tool,   "replay",   file,   "--config",
                                     site.config, "--market", market, "--symbol",
                                     symbol,      more,       value,  NULL};
    return site_process_run(output, sizeof output, arguments);
}

static void assert_said(const char *words)
{
    if (strstr(output, words) == NULL) {
        fail_msg("no \"%s\" in: %s", words, output);
    }
}

/* Two takes; the first meets 11, then 10. */
#define ROWS                                                                                       \
    "1,1,10,5,1000000,1\n1,1,11,5,1010000,1\n2,4,11,5,1010000,1\n2,4,10,2,1000000,1\n"             \
    "3,2,10,1,1000000,1\n4,1,12,7,1020000,-1\n5,4,12,3,1020000,-1\n6,3,12,4,1020000,-1\n"          \
    "7,3,10,2,1000000,1\n"

static void test_small_day(void **state)
{
    (void)state;
    text_fixture_write(&fixture, "day.csv", ROWS);
    assert_int_equal(replay(fixture.path, "DAY0", "--window", "1"), 0);
    assert_said("3 of 3 recorded executions reproduced (100.00 %), 0 unexpected");
    assert_int_equal(replay(fixture.path, "DAY1", "--sessions", "3"), 0);
    assert_said("3 of 3 recorded");
    assert_int_equal(replay(fixture.path, "DAY0", "--json", NULL), 0); /* It left nothing behind. */
    assert_said("\"all_reproduced\": true");
}

/* The exchange passed over 10, which was first: only rule 5 makes that come out. */
static void test_mismatch(void **state)
{
    (void)state;
    text_fixture_write(&fixture, "day.csv",
                       "1,1,10,5,1000000,1\n1,1,11,5,1000000,1\n2,4,11,3,1000000,1\n"
                       "3,3,10,5,1000000,1\n4,3,11,2,1000000,1\n");
    assert_int_equal(replay(fixture.path, "DAY2", "--no-rule-5", NULL), 1);
    assert_said("0 of 1 recorded executions reproduced (0.00 %), 1 unexpected");
    assert_said("line 3: incoming order 1 against order 11 at 100: recorded 3, executed here 0");
    assert_said("not in the file: incoming order 1 against order 10 at 100");
    assert_int_equal(replay(fixture.path, "DAY3", "--window", "4"), 0);
}

static void test_wrong_arguments(void **state)
{
    (void)state;
    text_fixture_write(&fixture, "day.csv", ROWS);
    assert_int_equal(replay(fixture.path, "NONE", "--window", "1"), 2);
    assert_said("no instrument 'NONE'");
    assert_int_equal(replay(fixture.path, "BTC", "--window", "1"), 2);
    assert_said("price_decimals 4");
    assert_int_equal(replay(fixture.path, "DAY4", "--sessions", "4"), 1);
    assert_said("3 sessions with passwords, not 4");
    assert_int_equal(replay(fixture.path, "DAY4", "--format", "itch"), 2);
    assert_int_equal(replay("/nowhere/day.csv", "DAY4", "--window", "1"), 1);
    assert_said("/nowhere/day.csv");
    text_fixture_write(&fixture, "bad.csv", "1,1,10,5,1000000,1\nrubbish\n");
    assert_int_equal(replay(fixture.path, "DAY4", "--window", "1"), 1);
    assert_said("2");
}

static void test_wrong_password(void **state)
{
    (void)state;
    text_fixture_write(&fixture, "other.yaml",
                       "shards:\n  - id: 1\n    instruments:\n"
                       "      - {symbol: DAY4, tick: 0.01, price_max: 1000, quantity_max: 1000}\n"
                       "    sessions: [{name: ONE, firm: ACME, password: wrong}]\n");
    memcpy(market, fixture.path, sizeof market);
    text_fixture_write(&fixture, "day.csv", ROWS);
    assert_int_equal(replay(fixture.path, "DAY4", "--window", "1"), 1);
    assert_said("refused the login (reason 'A')");
}

static void test_real_days(void **state)
{
    (void)state;
    char path[TEST_PATH_BYTES];
    if (!test_paths_shared(path, GOOG)) {
        print_message("skipped: no data\n");
        skip();
    }
    assert_int_equal(replay(path, "DAY5", "--window", "512"), 0);
    assert_said("7,765 of 7,765 recorded executions reproduced (100.00 %), 0 unexpected");
    assert_int_equal(replay(path, "DAY6", "--no-rule-5", NULL), 1);
    assert_said("7,762 of 7,765 recorded executions reproduced (99.96 %)");
    assert_true(test_paths_shared(path, AAPL));
    assert_int_equal(replay(path, "DAY7", "--window", "512"), 0);
    assert_said("4,067 of 4,067 recorded executions reproduced (100.00 %), 0 unexpected");
    assert_true(test_paths_shared(path, BITSTAMP));
    assert_int_equal(replay(path, "BTC", "--format", "bitstamp"), 0);
    assert_said("as recorded for 657 of 756 orders");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_small_day, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_mismatch, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_wrong_arguments, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_wrong_password, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_real_days, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
