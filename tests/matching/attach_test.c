#include "matching/attach.h"

#include "tests/support/cmocka_all.h"
#include "tests/support/market_fixture.h"

static struct market_fixture fixture;

static int set_up(void **state)
{
    (void)state;
    struct engine_limits limits = market_fixture_limits();
    market_fixture_open(&fixture, &limits, EVENT_BATCH_MIN);
    market_fixture_trade(&fixture);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    market_fixture_close(&fixture);
    return 0;
}

/* rules.md 2.2: a new epoch ends the former; what it still holds is stale. */
static void test_a_logon_elsewhere_ends_the_former_epoch(void **state)
{
    (void)state;
    struct command late = market_fixture_order(&fixture, 1, 1, SIDE_BUY, 10, 500, TIF_DAY);
    market_fixture_logon(&fixture, 1, 3, 99);
    market_fixture_apply(&fixture, &late);
    market_fixture_enter(&fixture, 1, 1, SIDE_BUY, 10, 500, TIF_DAY);
    market_fixture_expect(&fixture,
                          "logoff session=1 reference=1\n"
                          "logon session=1 reference=2 lots=2 match=99\n"
                          "accepted state=L session=1 sequence=2 reference=1 instrument=1 lots=10 "
                          "price=500 order=1 side=1 tif=1 kind=1 symbol=ABC\n");
    assert_int_equal(engine_totals(fixture.engine).stale, 1);
    struct engine_session view;
    assert_int_equal(engine_session_view(fixture.engine, 1, &view), STATUS_OK);
    assert_int_equal(view.epoch, 2);
    assert_int_equal(view.attached_site_id, 3);
    assert_int_equal(view.input_number_next, 2);
}

/* rules.md 2.3, 2.4: a logoff carries the present epoch and the next number; then nobody is there.
 */
static void test_logoff(void **state)
{
    (void)state;
    struct command wrong = market_fixture_client(&fixture, COMMAND_SESSION_LOGOFF, 1);
    wrong.input_number++;
    market_fixture_apply(&fixture, &wrong);
    wrong.input_number--;
    wrong.epoch++;
    market_fixture_apply(&fixture, &wrong);
    fixture.input_numbers[1]--;
    market_fixture_expect(&fixture, "");
    struct command right = market_fixture_client(&fixture, COMMAND_SESSION_LOGOFF, 1);
    market_fixture_apply(&fixture, &right);
    market_fixture_apply(&fixture, &right);
    market_fixture_enter(&fixture, 1, 1, SIDE_BUY, 10, 500, TIF_DAY);
    market_fixture_expect(&fixture, "logoff session=1 reference=1\n");
    assert_int_equal(engine_totals(fixture.engine).stale, 4);
    market_fixture_logon(&fixture, 1, 1, 5);
    market_fixture_expect(&fixture, "logon session=1 reference=2 lots=2 match=5\n");
}

static void test_logons_that_are_stale(void **state)
{
    (void)state;
    struct command command = {.timestamp_ns = fixture.now_ns, .type = COMMAND_SESSION_LOGON};
    static const uint32_t sessions[] = {0, 3, UINT32_MAX, 1, 1};
    static const uint8_t sites[] = {1, 1, 1, 0, SITES_MAX + 1};
    for (size_t i = 0; i < 5; i++) {
        command.session_id = sessions[i];
        command.site_id = sites[i];
        market_fixture_apply(&fixture, &command);
    }
    market_fixture_expect(&fixture, "");
    assert_int_equal(engine_totals(fixture.engine).stale, 5);
}

/* What is stale changes nothing: the same state as after another stale command. */
static void test_stale_commands_change_nothing(void **state)
{
    (void)state;
    struct command nothing = {.timestamp_ns = fixture.now_ns, .type = COMMAND_SESSION_LOGON};
    market_fixture_apply(&fixture, &nothing);
    uint64_t after_nothing = engine_checksum(fixture.engine);
    (void)tear_down(state);
    (void)set_up(state);
    struct command stale = market_fixture_order(&fixture, 1, 1, SIDE_BUY, 10, 500, TIF_DAY);
    stale.input_number = 7;
    market_fixture_apply(&fixture, &stale);
    assert_int_equal(engine_checksum(fixture.engine), after_nothing);
    market_fixture_expect(&fixture, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_logon_elsewhere_ends_the_former_epoch, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_logoff, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_logons_that_are_stale, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stale_commands_change_nothing, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
