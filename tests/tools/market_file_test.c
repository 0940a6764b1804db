/* Market files: every value exactly, every mistake with its line. */
#include "tools/market_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/text_fixture.h"

static struct text_fixture fixture;

/* What an outage leads to, in the file below. */
static void assert_outages(const struct market_file *file)
{
    const struct market_file_shard *shard = &file->shards[0];
    static const uint8_t cancels[] = {0, 1, 1, 0};
    static const uint32_t graces_ms[] = {0, 86400000, 0, 0};
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(shard->sessions[i].terms.cancel_on_disconnect, cancels[i]);
        assert_int_equal(shard->sessions[i].terms.grace_ms, graces_ms[i]);
    }
    assert_true(shard->reopen_given);
    assert_int_equal(shard->terms.cancel_only_ms, 60000);
    assert_true(file->shards[1].day_end_given);
    assert_int_equal(file->shards[1].terms.day_end_set, 0);
    assert_true(file->shards[1].reopen_given);
    assert_int_equal(file->shards[1].terms.cancel_only_ms, 0);
    assert_false(file->shards[2].reopen_given);
    assert_false(file->shards[2].day_end_given);
}

static void whole_file(void **state)
{
    (void)state;
    text_fixture_write(&fixture, "bob.password", "two words\n");
    text_fixture_write(
        &fixture, "market.yaml",
        "shards:\n"
        "  - id: 2\n"
        "    day_end: 22:30\n"
        "    reopen: cancel-only for 1m\n"
        "    firms: [{name: ACME}, {name: B, enabled: false}]\n"
        "    instruments:\n"
        "      - {symbol: AAPL, tick: 0.01, price_max: 199999.99, quantity_max: 10, equity: true}\n"
        "      - {symbol: BTC/USD, price_decimals: 2, quantity_decimals: 8, tick: 0.5,\n"
        "         price_min: -1.25, price_max: 46116860184273879.04, quantity_max: 0.00000001,\n"
        "         state: cancel-only}\n"
        "    sessions:\n"
        "      - {name: ALICE, firm: ACME, password: secret, open_orders_max: 7, maximum_age: 5s}\n"
        "      - {name: BOB, firm: B, password_file: bob.password, cancel_on_disconnect: after "
        "1440m}\n"
        "      - {name: CAROL, firm: B, cancel_on_disconnect: at once}\n"
        "      - {name: DAVE, firm: B, cancel_on_disconnect: never}\n"
        "  - {id: 1, day_end: never, reopen: at once}\n"
        "  - {id: 3}\n");
    struct market_file file;
    char error[MARKET_FILE_ERROR_BYTES];
    enum status status = market_file_read(&file, fixture.path, error);
    assert_string_equal(error, "");
    assert_int_equal(status, STATUS_OK);
    assert_int_equal(file.shard_count, 3);
    const struct market_file_shard *shard = &file.shards[0];
    assert_int_equal(shard->shard_id, 2);
    assert_true(shard->day_end_given);
    assert_int_equal(shard->terms.day_end_set, 1);
    assert_int_equal(shard->terms.day_end_second, (22 * 60 + 30) * 60);
    assert_int_equal(shard->firm_count, 2);
    assert_memory_equal(shard->firms[1].name, "B   ", 4);
    assert_int_equal(shard->firms[0].enabled, 1);
    assert_int_equal(shard->firms[1].enabled, 0);
    const struct command_instrument apple = {.symbol = "AAPL    ",
                                             .tick_size = 100,
                                             .price_max = 1999999900,
                                             .quantity_lots_max = 10,
                                             .price_decimals = 4,
                                             .state = TRADING_OPEN,
                                             .equity = 1};
    assert_int_equal(shard->instrument_count, 2);
    assert_memory_equal(&shard->instruments[0].terms, &apple, sizeof apple);
    assert_false(shard->instruments[0].state_given);
    const struct command_instrument coin = {.symbol = "BTC/USD ",
                                            .tick_size = 50,
                                            .price_min = -125,
                                            .price_max = INT64_C(4611686018427387904),
                                            .quantity_lots_max = 1,
                                            .price_decimals = 2,
                                            .quantity_decimals = 8,
                                            .state = TRADING_CANCEL_ONLY};
    assert_memory_equal(&shard->instruments[1].terms, &coin, sizeof coin);
    assert_true(shard->instruments[1].state_given);
    assert_int_equal(shard->session_count, 4);
    assert_memory_equal(shard->sessions[0].terms.name, "ALICE ", 6);
    assert_memory_equal(shard->sessions[0].terms.firm, "ACME", 4);
    assert_memory_equal(shard->sessions[0].password, "secret    ", 10);
    assert_int_equal(shard->sessions[0].terms.open_orders_max, 7);
    assert_int_equal(shard->sessions[0].terms.maximum_age_ns, 5000000000);
    assert_true(shard->sessions[1].password_given);
    assert_memory_equal(shard->sessions[1].password, "two words ", 10);
    assert_int_equal(shard->sessions[1].terms.open_orders_max, 10000);
    assert_false(shard->sessions[2].password_given);
    assert_outages(&file);
    market_file_free(&file);
}

/* `lines` stand below "shards:" and "  - id: 1"; the error is expected in line `line`. */
static void refuse(const char *lines, uint32_t line, const char *expected)
{
    char text[2048];
    (void)snprintf(text, sizeof text, "shards:\n  - id: 1\n%s", lines);
    text_fixture_write(&fixture, "wrong.yaml", text);
    struct market_file file;
    char error[MARKET_FILE_ERROR_BYTES];
    assert_int_equal(market_file_read(&file, fixture.path, error), STATUS_BAD_FORMAT);
    char place[32];
    (void)snprintf(place, sizeof place, "wrong.yaml:%u: ", line);
    if (strstr(error, place) == NULL || strstr(error, expected) == NULL) {
        print_error("%s\nexpected %s ... %s\n", error, place, expected);
    }
    assert_non_null(strstr(error, place));
    assert_non_null(strstr(error, expected));
}

#define INSTRUMENT(fields) "    instruments:\n      - {symbol: A, " fields "}\n"

static void mistakes_have_lines(void **state)
{
    (void)state;
    refuse("    colour: red\n", 3, "no key `colour`");
    refuse("    firms: {name: A}\n", 3, "tools/market.md");
    refuse("    day_end: 24:00:00\n", 3, "time of day in UTC");
    refuse("    day_end: 1:2:3\n", 3, "time of day in UTC");
    refuse("    day_end: later\n", 3, "time of day in UTC");
    refuse("    reopen: never\n", 3, "cancel-only for");
    refuse("    reopen: cancel-only\n", 3, "cancel-only for");
    refuse("    reopen: cancel-only for 0s\n", 3, "from 1ms to a day");
    refuse("    reopen: cancel-only for 1441m\n", 3, "from 1ms to a day");
    refuse("    firms:\n      - {name: A}\n      - {name: TOOLONG}\n", 5, "it may have 4");
    refuse("    firms:\n      - {name: A}\n      - {name: A}\n", 5, "twice");
    refuse("    firms:\n      - {name: A, enabled: yes}\n", 4, "enabled");
    refuse("    firms:\n      - {enabled: true}\n", 4, "name");
    refuse(INSTRUMENT("price_max: 1, quantity_max: 1"), 4, "tick` is missing");
    refuse(INSTRUMENT("tick: 0, price_max: 1, quantity_max: 1"), 4, "from 0.0001 to");
    refuse(INSTRUMENT("tick: 0.00001, price_max: 1, quantity_max: 1"), 4, "finer than its 4");
    refuse(INSTRUMENT("tick: 1, price_min: 2, price_max: 1, quantity_max: 1"), 4, "from 2 to");
    refuse(INSTRUMENT("tick: 1, price_max: 1e3, quantity_max: 1"), 4, "must be a number");
    refuse(INSTRUMENT("tick: 1, price_max: 1, quantity_max: 0"), 4, "quantity_max");
    refuse(INSTRUMENT("tick: 1, price_max: 1, quantity_max: 0.5"), 4, "finer than its 0");
    refuse(INSTRUMENT("tick: 1, price_max: 1, quantity_max: 1, price_decimals: 13"), 4,
           "price_decimals");
    refuse(INSTRUMENT("tick: 1, price_max: 1, quantity_max: 1, state: shut"), 4, "state");
    refuse("    sessions:\n      - {name: alice, firm: A}\n", 4, "upper case");
    refuse("    sessions:\n      - {name: A, firm: A, cancel_on_disconnect: true}\n", 4, "at once");
    refuse("    sessions:\n      - {name: A, firm: A, cancel_on_disconnect: after 5}\n", 4,
           "from 1ms to a day");
    refuse("    sessions:\n      - {name: A, firm: A, cancel_on_disconnect: after 5us}\n", 4,
           "from 1ms to a day");
    refuse("    sessions:\n      - {name: A, firm: A, cancel_on_disconnect: after 86401s}\n", 4,
           "from 1ms to a day");
    refuse("    sessions:\n      - {name: A, firm: A, password: 12345678901}\n", 4,
           "1 to 10 printable");
    refuse("    sessions:\n      - {name: A, firm: A, password: \"\"}\n", 4, "1 to 10 printable");
    refuse("    sessions:\n      - {name: A, firm: A, password: a, password_file: b}\n", 4,
           "a `password` already");
    refuse("    sessions:\n      - {name: A, firm: A, password_file: gone}\n", 4,
           "cannot read the password");
    refuse("    sessions:\n      - {name: A, firm: A, open_orders_max: 0}\n", 4, "open_orders_max");
    refuse("    sessions:\n      - {name: A, firm: A, maximum_age: 5}\n", 4, "a duration");
    refuse("  - id: 1\n", 3, "twice");
    refuse("  - id: 9\n", 3, "id");
    refuse("  - {}\n", 3, "id");
    refuse("  - id: [\n", 4, "");
}

static void other_files(void **state)
{
    (void)state;
    struct market_file file;
    char error[MARKET_FILE_ERROR_BYTES];
    assert_int_equal(market_file_read(&file, "no/such/file", error), STATUS_NOT_FOUND);
    assert_non_null(strstr(error, "cannot read the market"));
    text_fixture_write(&fixture, "empty.yaml", "");
    assert_int_equal(market_file_read(&file, fixture.path, error), STATUS_BAD_FORMAT);
    text_fixture_write(&fixture, "none.yaml", "shards: []\n");
    assert_int_equal(market_file_read(&file, fixture.path, error), STATUS_BAD_FORMAT);
    assert_non_null(strstr(error, "`shards` is missing or empty"));
}

/* The manual's example is a file that works. */
static void manual_shows_a_right_file(void **state)
{
    (void)state;
    FILE *manual = fopen("tools/market.md", "re");
    assert_non_null(manual);
    static char text[4096];
    char line[512];
    bool inside = false;
    while (fgets(line, sizeof line, manual) != NULL) {
        if (strncmp(line, "```", 3) == 0) {
            inside = !inside;
        } else if (inside) {
            assert_true(strlen(text) + strlen(line) < sizeof text);
            strcat(text, line);
        }
    }
    (void)fclose(manual);
    text_fixture_write(&fixture, "alice.password", "abc\n");
    text_fixture_write(&fixture, "manual.yaml", text);
    struct market_file file;
    char error[MARKET_FILE_ERROR_BYTES];
    enum status status = market_file_read(&file, fixture.path, error);
    assert_string_equal(error, "");
    assert_int_equal(status, STATUS_OK);
    assert_int_equal(file.shards[0].instrument_count, 2);
    assert_int_equal(file.shards[0].session_count, 1);
    market_file_free(&file);
}

static int setup(void **state)
{
    (void)state;
    text_fixture_make(&fixture);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    text_fixture_remove(&fixture);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_file),
        cmocka_unit_test(mistakes_have_lines),
        cmocka_unit_test(other_files),
        cmocka_unit_test(manual_shows_a_right_file),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
