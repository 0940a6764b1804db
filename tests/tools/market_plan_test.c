/* What has to be done, from a file and an answer of a site; market_tool_test.c does it. */
#include "tools/market_plan.h"

#include <jansson.h>
#include <string.h>

#include "gateway/credential.h"
#include "tests/support/cmocka_all.h"

static const char answer[] =
    "{\"shards\":[{\"id\":1,\"version\":2,\"day_end_set\":true,\"day_end_second\":100,"
    "\"cancel_only_ms\":2000,"
    "\"firms\":[{\"name\":\"ACME\",\"enabled\":true,\"version\":7}],"
    "\"instruments\":[{\"symbol\":\"AAPL\",\"tick_size\":100,\"price_min\":0,\"price_max\":500,"
    "\"quantity_lots_max\":10,\"price_decimals\":4,\"quantity_decimals\":0,\"state\":\"halted\","
    "\"equity\":false,\"version\":3}],\"sessions\":[]},"
    "{\"id\":2,\"version\":0,\"day_end_set\":false,\"day_end_second\":0,"
    "\"cancel_only_ms\":0,\"firms\":[],"
    "\"instruments\":[{\"symbol\":\"AAPL\",\"state\":\"open\",\"version\":9}],\"sessions\":[]}]}";

static json_t *market(void)
{
    json_t *root = json_loads(answer, 0, NULL);
    assert_non_null(root);
    return root;
}

static struct market_file_instrument apple(int64_t price_max)
{
    return (struct market_file_instrument){.terms = {.symbol = "AAPL    ",
                                                     .tick_size = 100,
                                                     .price_max = price_max,
                                                     .quantity_lots_max = 10,
                                                     .price_decimals = 4,
                                                     .state = TRADING_OPEN}};
}

static struct market_plan plan;
static char error[MARKET_PLAN_ERROR_BYTES];

static enum status make(const struct market_file_shard *shard)
{
    struct market_file file = {.shards = {*shard}, .shard_count = 1};
    json_t *root = market();
    enum status status = market_plan_make(&plan, &file, root, error);
    json_decref(root);
    return status;
}

static void versions_are_expected_as_seen(void **state)
{
    (void)state;
    struct command_firm firms[] = {{.name = "ACME", .enabled = 0}, {.name = "NEW ", .enabled = 1}};
    struct market_file_shard shard = {.shard_id = 1, .firms = firms, .firm_count = 2};
    assert_int_equal(make(&shard), STATUS_OK);
    assert_int_equal(plan.count, 2);
    assert_true(plan.steps[0].exists);
    assert_true(plan.steps[0].needed);
    assert_int_equal(plan.steps[0].command.epoch, 7);
    assert_string_equal(plan.steps[0].changes, "enabled true -> false");
    assert_false(plan.steps[1].exists);
    assert_true(plan.steps[1].needed);
    assert_int_equal(plan.steps[1].command.epoch, 0);
    assert_string_equal(plan.steps[1].name, "NEW");
    market_plan_free(&plan);
}

static void state_is_kept_unless_given(void **state)
{
    (void)state;
    struct market_file_instrument instrument = apple(500);
    struct market_file_shard shard = {.shard_id = 1,
                                      .instruments = &instrument,
                                      .instrument_count = 1};
    assert_int_equal(make(&shard), STATUS_OK);
    assert_false(plan.steps[0].needed);
    market_plan_free(&plan);
    instrument = apple(50000);
    assert_int_equal(make(&shard), STATUS_OK);
    assert_true(plan.steps[0].needed);
    assert_string_equal(plan.steps[0].changes, "price_max 0.05 -> 5");
    assert_int_equal(plan.steps[0].command.body.instrument.state, TRADING_HALTED);
    market_plan_free(&plan);
    instrument = apple(500);
    instrument.state_given = true;
    assert_int_equal(make(&shard), STATUS_OK);
    assert_string_equal(plan.steps[0].changes, "state halted -> open");
    market_plan_free(&plan);
}

static void day_end_only_when_given(void **state)
{
    (void)state;
    struct market_file_shard shard = {.shard_id = 1};
    assert_int_equal(make(&shard), STATUS_OK);
    assert_int_equal(plan.count, 0);
    market_plan_free(&plan);
    shard.day_end_given = true;
    assert_int_equal(make(&shard), STATUS_OK);
    assert_int_equal(plan.count, 1);
    assert_int_equal(plan.steps[0].command.type, COMMAND_SHARD_SET);
    assert_int_equal(plan.steps[0].command.epoch, 2);
    assert_string_equal(plan.steps[0].changes,
                        "day_end_set true -> false, day_end_second 100 -> 0");
    assert_int_equal(plan.steps[0].command.body.shard.cancel_only_ms, 2000);
    market_plan_free(&plan);
}

static void reopening_only_when_given(void **state)
{
    (void)state;
    struct market_file_shard shard = {.shard_id = 1,
                                      .reopen_given = true,
                                      .terms = {.cancel_only_ms = 2000}};
    assert_int_equal(make(&shard), STATUS_OK);
    assert_int_equal(plan.count, 1);
    assert_false(plan.steps[0].needed);
    market_plan_free(&plan);
    shard.terms.cancel_only_ms = 0;
    assert_int_equal(make(&shard), STATUS_OK);
    assert_string_equal(plan.steps[0].changes, "cancel_only_ms 2000 -> 0");
    assert_int_equal(plan.steps[0].command.body.shard.day_end_set, 1);
    assert_int_equal(plan.steps[0].command.body.shard.day_end_second, 100);
    market_plan_free(&plan);
}

static void new_passwords_get_salts_of_their_own(void **state)
{
    (void)state;
    struct market_file_session sessions[2] = {0};
    memcpy(sessions[0].terms.name, "A     ", SESSION_NAME_BYTES);
    memcpy(sessions[1].terms.name, "B     ", SESSION_NAME_BYTES);
    for (int i = 0; i < 2; i++) {
        memcpy(sessions[i].password, "same      ", sizeof sessions[i].password);
        sessions[i].password_given = true;
    }
    struct market_file_shard shard = {.shard_id = 2, .sessions = sessions, .session_count = 2};
    assert_int_equal(make(&shard), STATUS_OK);
    const struct command_session *a = &plan.steps[0].command.body.session;
    const struct command_session *b = &plan.steps[1].command.body.session;
    assert_memory_not_equal(a->salt, b->salt, sizeof a->salt);
    assert_memory_not_equal(a->hash, b->hash, sizeof a->hash);
    assert_int_equal(a->hash_operations, CREDENTIAL_OPERATIONS);
    assert_int_equal(a->hash_memory_kib, CREDENTIAL_MEMORY_KIB);
    market_plan_free(&plan);
    sessions[1].password_given = false;
    assert_int_equal(make(&shard), STATUS_BAD_ARGUMENT);
    assert_non_null(strstr(error, "session B"));
}

static void states_by_symbol_on_every_shard(void **state)
{
    (void)state;
    json_t *root = market();
    char symbol[] = "AAPL";
    char *symbols[] = {symbol};
    assert_int_equal(market_plan_states(&plan, TRADING_OPEN, symbols, 1, root, error), STATUS_OK);
    assert_int_equal(plan.count, 2);
    assert_true(plan.steps[0].needed);
    assert_int_equal(plan.steps[0].shard_id, 1);
    assert_int_equal(plan.steps[0].command.epoch, 3);
    assert_false(plan.steps[1].needed);
    assert_int_equal(plan.steps[1].shard_id, 2);
    market_plan_free(&plan);
    symbol[0] = 'a';
    assert_int_equal(market_plan_states(&plan, TRADING_OPEN, symbols, 1, root, error),
                     STATUS_NOT_FOUND);
    assert_int_equal(market_plan_states(&plan, TRADING_OPEN, NULL, 0, root, error), STATUS_OK);
    assert_int_equal(plan.count, 2);
    market_plan_free(&plan);
    json_decref(root);
}

static void odd_answers_are_refused(void **state)
{
    (void)state;
    struct market_file file = {.shards = {{.shard_id = 3}}, .shard_count = 1};
    json_t *root = market();
    assert_int_equal(market_plan_make(&plan, &file, root, error), STATUS_NOT_FOUND);
    json_decref(root);
    root = json_loads("{\"shards\":7}", 0, NULL);
    assert_int_equal(market_plan_make(&plan, &file, root, error), STATUS_BAD_FORMAT);
    json_decref(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_are_expected_as_seen),
        cmocka_unit_test(state_is_kept_unless_given),
        cmocka_unit_test(day_end_only_when_given),
        cmocka_unit_test(reopening_only_when_given),
        cmocka_unit_test(new_passwords_get_salts_of_their_own),
        cmocka_unit_test(states_by_symbol_on_every_shard),
        cmocka_unit_test(odd_answers_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
