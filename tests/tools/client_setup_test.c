#include "tools/client_setup.h"

#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/text_fixture.h"

#define MARKET                                                                                     \
    "shards:\n"                                                                                    \
    "  - id: 1\n"                                                                                  \
    "    firms: [{name: ACME}]\n"                                                                  \
    "    instruments:\n"                                                                           \
    "      - {symbol: AAA, tick: 0.01, price_max: 1000, quantity_max: 1000}\n"                     \
    "      - {symbol: BBB, tick: 0.01, price_max: 1000, quantity_max: 1000}\n"                     \
    "    sessions:\n"                                                                              \
    "      - {name: ONE, firm: ACME, password: first}\n"                                           \
    "      - {name: TWO, firm: ACME}\n"                                                            \
    "      - {name: THREE, firm: ACME, password: 0123456789}\n"

static struct text_fixture fixture;

static int set_up(void **state)
{
    (void)state;
    text_fixture_make(&fixture);
    text_fixture_write(&fixture, "market.yaml", MARKET);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    text_fixture_remove(&fixture);
    return 0;
}

static void test_sessions_and_instruments(void **state)
{
    (void)state;
    struct client_setup setup;
    char error[CLIENT_SETUP_ERROR_BYTES];
    const struct client_setup_options options = {.connect = "127.0.0.1:9",
                                                 .market_path = fixture.path};
    assert_int_equal(client_setup_open(&setup, &options, error), STATUS_OK);
    assert_string_equal(setup.endpoint, "127.0.0.1:9");
    uint32_t instrument;
    assert_int_equal(client_setup_instrument(&setup, "BBB", &instrument), STATUS_OK);
    assert_int_equal(instrument, 1);
    assert_memory_equal(setup.symbols[1], "BBB     ", 8);
    assert_int_equal(client_setup_instrument(&setup, "BB", &instrument), STATUS_NOT_FOUND);
    assert_int_equal(client_setup_instrument(&setup, "TOOLONGAAA", &instrument), STATUS_NOT_FOUND);

    struct ouch_client *client;
    const struct ouch_client_options sessions = {.window_max = 2};
    assert_int_equal(client_setup_client(&setup, sessions, 2, &client, error), STATUS_OK);
    assert_int_equal(ouch_client_session_count(client), 2);
    /* TWO has no password here: it is not ours. */
    assert_memory_equal(ouch_client_session(client, 1)->username, "THREE ", 6);
    assert_memory_equal(ouch_client_session(client, 1)->password, "0123456789", 10);
    assert_memory_equal(ouch_client_session(client, 0)->password, "first     ", 10);
    ouch_client_destroy(client);
    assert_int_equal(client_setup_client(&setup, sessions, 3, &client, error), STATUS_BAD_ARGUMENT);
    assert_null(client);
    assert_non_null(strstr(error, "2 sessions with passwords, not 3"));
    client_setup_close(&setup);
}

static void check_refused(const struct client_setup_options *options, enum status status,
                          const char *words)
{
    struct client_setup setup;
    char error[CLIENT_SETUP_ERROR_BYTES];
    assert_int_equal(client_setup_open(&setup, options, error), status);
    assert_non_null(strstr(error, words));
}

static void test_refusals(void **state)
{
    (void)state;
    struct client_setup_options options = {.market_path = fixture.path};
    check_refused(&options, STATUS_BAD_ARGUMENT, "--config");
    options.config_path = "/nowhere/site.yaml";
    check_refused(&options, STATUS_NOT_FOUND, "/nowhere/site.yaml");
    options.connect = "127.0.0.1:9";
    options.market_path = NULL;
    check_refused(&options, STATUS_BAD_ARGUMENT, "--market");
    options.market_path = "/nowhere/market.yaml";
    check_refused(&options, STATUS_NOT_FOUND, "/nowhere/market.yaml");
    text_fixture_write(&fixture, "empty.yaml", "shards:\n  - {id: 1}\n");
    options.market_path = fixture.path;
    check_refused(&options, STATUS_BAD_ARGUMENT, "no instrument");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sessions_and_instruments, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refusals, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
