#include "tools/load_market.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/text_fixture.h"

static struct text_fixture fixture;

static int set_up(void **state)
{
    (void)state;
    text_fixture_make(&fixture);
    text_fixture_write(&fixture, "market.yaml", "");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    text_fixture_remove(&fixture);
    return 0;
}

static void written(struct market_file *file, const struct load_market_options *options)
{
    char error[MARKET_FILE_ERROR_BYTES];
    assert_int_equal(load_market_write(fixture.path, options, error), STATUS_OK);
    enum status status = market_file_read(file, fixture.path, error);
    if (status != STATUS_OK) {
        fail_msg("%s", error);
    }
}

static struct flow *make_flow(uint32_t instruments)
{
    struct flow *flow;
    const struct flow_options options = {.seed = 9, .sessions = 3, .instruments = instruments};
    assert_int_equal(flow_create(&flow, &options), STATUS_OK);
    return flow;
}

/* What is written is a valid market file that takes what the generator makes. */
static void test_written_market(void **state)
{
    (void)state;
    struct market_file file;
    const struct load_market_options options = {.sessions = 20, .instruments = 5};
    written(&file, &options);
    const struct market_file_shard *shard = &file.shards[0];
    assert_int_equal(file.shard_count, 1);
    assert_int_equal(shard->instrument_count, 5);
    assert_int_equal(shard->session_count, 20);
    for (uint32_t i = 0; i < 20; i++) {
        assert_true(shard->sessions[i].password_given);
        for (uint32_t j = 0; j < i; j++) {
            assert_memory_not_equal(shard->sessions[i].password, shard->sessions[j].password, 10);
        }
    }
    struct flow *flow = make_flow(5);
    char error[LOAD_MARKET_ERROR_BYTES];
    assert_int_equal(load_market_check(shard, flow, 5, error), STATUS_OK);
    for (uint32_t i = 0; i < 20000; i++) {
        struct market_action action;
        flow_next(flow, &action);
        const struct command_instrument *terms = &shard->instruments[action.instrument].terms;
        assert_true(action.quantity <= terms->quantity_lots_max);
        if (action.price != 0) {
            assert_true(action.price >= terms->price_min && action.price <= terms->price_max);
            assert_int_equal(action.price % terms->tick_size, 0);
        }
    }
    flow_destroy(flow);
    market_file_free(&file);
}

/* It holds passwords: nobody else may read it. */
static void test_mode(void **state)
{
    (void)state;
    char path[TEST_PATH_BYTES + 32];
    char error[LOAD_MARKET_ERROR_BYTES];
    (void)snprintf(path, sizeof path, "%s/new.yaml", fixture.directory);
    const struct load_market_options options = {.sessions = 1, .instruments = 1};
    assert_int_equal(load_market_write(path, &options, error), STATUS_OK);
    struct stat found;
    assert_int_equal(stat(path, &found), 0);
    assert_int_equal(found.st_mode & 0777, 0600);
}

static void test_recorded_instrument(void **state)
{
    (void)state;
    struct market_file file;
    const struct load_market_options options = {
        .sessions = 1, .symbol = "BTCUSD", .price_decimals = 2, .quantity_decimals = 8};
    written(&file, &options);
    const struct command_instrument *terms = &file.shards[0].instruments[0].terms;
    assert_int_equal(file.shards[0].instrument_count, 1);
    assert_memory_equal(terms->symbol, "BTCUSD  ", 8);
    assert_int_equal(terms->price_decimals, 2);
    assert_int_equal(terms->quantity_decimals, 8);
    assert_int_equal(terms->tick_size, 1);
    market_file_free(&file);
}

static void test_unfit_instruments(void **state)
{
    (void)state;
    struct market_file file;
    const struct load_market_options options = {.sessions = 1, .instruments = 1};
    written(&file, &options);
    struct command_instrument *terms = &file.shards[0].instruments[0].terms;
    const struct command_instrument right = *terms;
    struct flow *flow = make_flow(1);
    char error[LOAD_MARKET_ERROR_BYTES];
    terms->price_decimals = 2;
    assert_int_equal(load_market_check(&file.shards[0], flow, 1, error), STATUS_BAD_ARGUMENT);
    assert_non_null(strstr(error, "LOAD0001"));
    *terms = right;
    terms->tick_size *= 7;
    assert_int_equal(load_market_check(&file.shards[0], flow, 1, error), STATUS_BAD_ARGUMENT);
    *terms = right;
    terms->price_max--;
    assert_int_equal(load_market_check(&file.shards[0], flow, 1, error), STATUS_BAD_ARGUMENT);
    *terms = right;
    terms->price_min++;
    assert_int_equal(load_market_check(&file.shards[0], flow, 1, error), STATUS_BAD_ARGUMENT);
    flow_destroy(flow);
    market_file_free(&file);
}

static void test_unwritable(void **state)
{
    (void)state;
    char error[LOAD_MARKET_ERROR_BYTES];
    const struct load_market_options options = {.sessions = 1, .instruments = 1};
    assert_int_equal(load_market_write("/nowhere/market.yaml", &options, error), STATUS_IO);
    assert_non_null(strstr(error, "/nowhere/market.yaml"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_written_market, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_mode, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_recorded_instrument, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unfit_instruments, set_up, tear_down),
        cmocka_unit_test(test_unwritable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
