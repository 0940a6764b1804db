#include "matching/administration.h"

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

static void run(struct command command)
{
    market_fixture_apply(&fixture, &command);
}

/* rules.md 8.1: a request id is answered again, also with other content, and changes nothing. */
static void test_requests_are_answered_again(void **state)
{
    (void)state;
    struct command command = market_fixture_firm(&fixture, "FRMB", true, 0);
    run(command);
    command.body.firm.enabled = 0;
    command.epoch = 1;
    run(command);
    command.input_number = 0;
    run(command);
    run(command);
    market_fixture_expect(&fixture, "administration reason=1 reference=1 match=5\n"
                                    "administration reason=1 reference=1 match=5\n"
                                    "administration reason=4\n"
                                    "administration reason=4\n");
    struct engine_firm firm;
    assert_int_equal(engine_firm_view(fixture.engine, 2, &firm), STATUS_OK);
    assert_true(firm.enabled);
}

/* The oldest request id is forgotten when 1,024 newer ones have come. */
static void test_old_requests_are_forgotten(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < ADMIN_REQUESTS_MAX - 1; i++) {
        run(market_fixture_firm(&fixture, "FRMA", true, 1));
    }
    market_fixture_forget(&fixture);
    struct command first = market_fixture_firm(&fixture, "FRMA", true, 0);
    first.input_number = 4; /* The session S2 was set by it: still known. */
    run(first);
    struct command other = market_fixture_firm(&fixture, "FRMB", true, 0);
    other.input_number = ADMIN_REQUESTS_MAX; /* The last place of the ring. */
    run(other);
    first.input_number = 3; /* So long ago that it is new again. */
    run(first);
    market_fixture_expect(&fixture, "administration reason=1 reference=1 match=4\n"
                                    "administration reason=2 reference=1 match=1024\n"
                                    "administration reason=2 reference=1 match=3\n");
}

/* rules.md 8.2: already so, another version, must not exist yet. */
static void test_versions(void **state)
{
    (void)state;
    run(market_fixture_instrument(&fixture, "ABC", 0));
    struct command command = market_fixture_instrument(&fixture, "ABC", 0);
    command.body.instrument.price_max = 500;
    run(command);
    command.epoch = 7;
    command.input_number = ++fixture.request_id;
    run(command);
    command.epoch = 1;
    command.input_number = ++fixture.request_id;
    run(command);
    run(market_fixture_instrument(&fixture, "NEW", 1));
    market_fixture_state(&fixture, "ABC", TRADING_HALTED, 1);
    market_fixture_state(&fixture, "ABC", TRADING_HALTED, 2);
    market_fixture_state(&fixture, "ABC", TRADING_HALTED, 2);
    market_fixture_state(&fixture, "ABC", 9, 3);
    market_fixture_state(&fixture, "NONE", TRADING_OPEN, 1);
    market_fixture_expect(&fixture, "administration reason=2 reference=1 match=5\n"
                                    "administration reason=3 reference=1 match=6\n"
                                    "administration reason=3 reference=1 match=7\n"
                                    "administration reason=1 reference=2 match=8\n"
                                    "administration reason=3 match=9\n"
                                    "administration reason=3 reference=2 match=10\n"
                                    "administration reason=1 reference=3 match=11\n"
                                    "administration reason=2 reference=3 match=12\n"
                                    "administration reason=4 reference=3 match=13\n"
                                    "administration reason=5 match=14\n");
}

/* rules.md 8.3, 8.5: ticks, decimals and firms stay while orders are open. */
static void test_busy_while_orders_are_open(void **state)
{
    (void)state;
    run(market_fixture_firm(&fixture, "FRMB", true, 0));
    market_fixture_enter(&fixture, 1, 1, SIDE_BUY, 10, 500, TIF_DAY);
    market_fixture_forget(&fixture);
    struct command tick = market_fixture_instrument(&fixture, "ABC", 1);
    tick.body.instrument.tick_size = 10;
    run(tick);
    struct command decimals = market_fixture_instrument(&fixture, "ABC", 1);
    decimals.body.instrument.quantity_decimals = 1;
    run(decimals);
    run(market_fixture_session(&fixture, "S1", "FRMB", 1));
    run(market_fixture_session(&fixture, "S2", "FRMB", 1));
    market_fixture_cancel(&fixture, 1, 1, 0);
    tick.input_number = ++fixture.request_id;
    run(tick);
    run(market_fixture_session(&fixture, "S1", "FRMB", 1));
    market_fixture_expect(
        &fixture, "administration reason=7 reference=1 match=6\n"
                  "administration reason=7 reference=1 match=7\n"
                  "administration reason=7 reference=1 match=8\n"
                  "administration reason=1 reference=2 match=9\n"
                  "canceled reason=1 session=1 sequence=3 reference=1 instrument=1 lots=10\n"
                  "administration reason=1 reference=2 match=10\n"
                  "administration reason=1 reference=2 match=11\n");
}

static void test_ceilings(void **state)
{
    (void)state;
    static const char *const names[] = {"B", "C", "D", "E"};
    for (size_t i = 0; i < 4; i++) {
        run(market_fixture_instrument(&fixture, names[i], 0));
        run(market_fixture_firm(&fixture, names[i], true, 0));
    }
    market_fixture_expect(&fixture, "administration reason=1 reference=1 match=5\n"
                                    "administration reason=1 reference=1 match=6\n"
                                    "administration reason=1 reference=1 match=7\n"
                                    "administration reason=1 reference=1 match=8\n"
                                    "administration reason=1 reference=1 match=9\n"
                                    "administration reason=1 reference=1 match=10\n"
                                    "administration reason=6 match=11\n"
                                    "administration reason=6 match=12\n");
    run(market_fixture_session(&fixture, "S3", "NONE", 0));
    market_fixture_expect(&fixture, "administration reason=5 match=13\n");
}

/* rules.md 2.5: the end of a generation; references restart only without open orders. */
static void test_session_end(void **state)
{
    (void)state;
    market_fixture_enter(&fixture, 1, 5, SIDE_BUY, 10, 500, TIF_DAY);
    market_fixture_forget(&fixture);
    struct command end = market_fixture_administration(&fixture, COMMAND_SESSION_END, 1);
    market_fixture_name(end.body.session_end.name, SESSION_NAME_BYTES, "S1");
    run(end);
    end.input_number = ++fixture.request_id;
    run(end);
    market_fixture_logon(&fixture, 1, 1, 9);
    market_fixture_enter(&fixture, 1, 5, SIDE_BUY, 10, 500, TIF_DAY);
    market_fixture_cancel(&fixture, 1, 5, 0);
    end.input_number = ++fixture.request_id;
    end.epoch = 2;
    run(end);
    market_fixture_logon(&fixture, 1, 1, 9);
    market_fixture_enter(&fixture, 1, 1, SIDE_BUY, 10, 500, TIF_DAY);
    market_fixture_expect(
        &fixture, "system reason=2 session=1 sequence=3\n"
                  "logoff session=1 reference=1\n"
                  "system reason=1 session=1 sequence=1\n"
                  "administration reason=1 reference=2 match=5\n"
                  "administration reason=3 reference=2 match=6\n"

                  "logon session=1 reference=2 lots=2 match=9\n"
                  "canceled reason=1 session=1 sequence=2 reference=5 instrument=1 lots=10\n"
                  "system reason=2 session=1 sequence=3\n"
                  "logoff session=1 reference=2\n"
                  "system reason=1 session=1 sequence=1\n"
                  "administration reason=1 reference=3 match=7\n"

                  "logon session=1 reference=3 lots=2 match=9\n"
                  "accepted state=L session=1 sequence=2 reference=1 instrument=1 lots=10 "
                  "price=500 order=2 side=1 tif=1 kind=1 symbol=ABC\n");
    assert_int_equal(engine_totals(fixture.engine).duplicates, 1);
}

static void test_values_out_of_range(void **state)
{
    (void)state;
    struct command shard = market_fixture_administration(&fixture, COMMAND_SHARD_SET, 0);
    shard.body.shard.day_end_set = 1;
    shard.body.shard.day_end_second = 86400;
    run(shard);
    struct command firm = market_fixture_firm(&fixture, "FRMA", true, 1);
    firm.body.firm.reserved[0] = 1;
    run(firm);
    struct command session = market_fixture_session(&fixture, "S1", "FRMA", 1);
    session.body.session.open_orders_max = 0;
    run(session);
    market_fixture_expect(&fixture, "administration reason=4 match=5\n"
                                    "administration reason=4 reference=1 match=6\n"
                                    "administration reason=4 reference=1 match=7\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_requests_are_answered_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_old_requests_are_forgotten, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_versions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_busy_while_orders_are_open, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ceilings, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_session_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_values_out_of_range, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
