#include "matching/order_entry.h"

#include "matching/base/limits.h"
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

static void enter(uint32_t session, uint32_t reference, uint8_t side, uint64_t lots, int64_t price,
                  uint8_t time_in_force)
{
    market_fixture_enter(&fixture, session, reference, side, lots, price, time_in_force);
}

static void expect_reject(struct command command, uint8_t reason)
{
    uint64_t accepted = engine_totals(fixture.engine).orders_accepted;
    market_fixture_forget(&fixture);
    market_fixture_apply(&fixture, &command);
    assert_int_equal(fixture.events_count, 1);
    assert_int_equal(fixture.events[0].type, EVENT_ORDER_REJECTED);
    assert_int_equal(fixture.events[0].reason, reason);
    assert_int_equal(fixture.events[0].user_reference, command.body.order.user_reference);
    assert_int_equal(engine_totals(fixture.engine).orders_accepted, accepted);
    assert_int_equal(engine_totals(fixture.engine).open_orders, 0);
    market_fixture_forget(&fixture);
}

static struct command order(uint32_t reference)
{
    return market_fixture_order(&fixture, 1, reference, SIDE_BUY, 10, 500, TIF_DAY);
}

/* rules.md 3.6, each detail by itself; each consumes its reference. */
static void test_rejections_of_details(void **state)
{
    (void)state;
    static const struct {
        int64_t price;
        uint64_t lots;
        uint64_t minimum;
        uint8_t side;
        uint8_t time_in_force;
        uint8_t kind;
        uint8_t reason;
    } cases[] = {
        {501, 10, 0, 1, 1, 1, REJECT_PRICE},         {0, 10, 0, 1, 1, 1, REJECT_PRICE},
        {1000005, 10, 0, 1, 1, 1, REJECT_PRICE},     {INT64_MIN, 10, 0, 1, 1, 1, REJECT_PRICE},
        {5, 10, 0, 1, 3, 2, REJECT_PRICE},           {500, 0, 0, 1, 1, 1, REJECT_QUANTITY},
        {500, 1000001, 0, 1, 1, 1, REJECT_QUANTITY}, {500, UINT64_MAX, 0, 1, 1, 1, REJECT_QUANTITY},
        {500, 10, 5, 1, 1, 1, REJECT_MINIMUM},       {500, 10, 5, 1, 4, 1, REJECT_MINIMUM},
        {500, 10, 11, 1, 3, 1, REJECT_MINIMUM},      {500, 10, 0, 0, 1, 1, REJECT_SIDE},
        {500, 10, 0, 5, 1, 1, REJECT_SIDE},          {500, 10, 0, 1, 0, 1, REJECT_TIME_IN_FORCE},
        {500, 10, 0, 1, 5, 1, REJECT_TIME_IN_FORCE}, {500, 10, 0, 1, 1, 0, REJECT_OTHER},
        {500, 10, 0, 1, 1, 3, REJECT_OTHER},         {0, 10, 0, 1, 1, 2, REJECT_MARKET_RESTS},
        {0, 10, 0, 1, 2, 2, REJECT_MARKET_RESTS},
    };
    uint32_t reference = 0;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct command command = order(++reference);
        command.body.order.price = cases[i].price;
        command.body.order.quantity_lots = cases[i].lots;
        command.body.order.minimum_lots = cases[i].minimum;
        command.body.order.side = cases[i].side;
        command.body.order.time_in_force = cases[i].time_in_force;
        command.body.order.kind = cases[i].kind;
        expect_reject(command, cases[i].reason);
    }
    enter(1, reference, SIDE_BUY, 10, 500, TIF_DAY);
    market_fixture_expect(&fixture, "");
    assert_int_equal(engine_totals(fixture.engine).duplicates, 1);
}

static void test_rejections_by_the_door_and_of_the_channel(void **state)
{
    (void)state;
    struct command command = order(1);
    command.flags = COMMAND_UNSUPPORTED;
    command.body.order.reject = REJECT_DISPLAY;
    expect_reject(command, REJECT_DISPLAY);
    command = order(2);
    command.flags = COMMAND_UNSUPPORTED;
    command.body.order.reject = REJECT_COUNT;
    expect_reject(command, REJECT_OTHER);
    command = order(3);
    command.flags = 0x80;
    expect_reject(command, REJECT_OTHER);
    command = order(4);
    command.body.order.symbol[7] = 'X';
    expect_reject(command, REJECT_SYMBOL);
    command = order(5);
    command.body.order.channel = CHANNELS_MAX;
    expect_reject(command, REJECT_CHANNEL);
    command.input_number = ++fixture.input_numbers[1];
    expect_reject(command, REJECT_CHANNEL);
}

/* rules.md 3.5: deadline, own age, the session's age. */
static void test_too_late(void **state)
{
    (void)state;
    struct command command = order(1);
    command.flags = COMMAND_HAS_DEADLINE;
    command.body.order.deadline_ns = fixture.now_ns - 1;
    expect_reject(command, REJECT_TOO_LATE);
    command = order(2);
    command.waited_ms = 11;
    command.body.order.maximum_age_ns = 10999999;
    expect_reject(command, REJECT_TOO_LATE);
    struct command session = market_fixture_session(&fixture, "S1", "FRMA", 1);
    session.body.session.maximum_age_ns = 5000000;
    market_fixture_apply(&fixture, &session);
    command = order(3);
    command.waited_ms = 6;
    expect_reject(command, REJECT_TOO_LATE);
    command = order(4);
    command.waited_ms = UINT32_MAX;
    expect_reject(command, REJECT_TOO_LATE);
    /* At the limits it is in time; its own age replaces the session's. */
    command = order(5);
    command.flags = COMMAND_HAS_DEADLINE;
    command.body.order.deadline_ns = fixture.now_ns;
    command.waited_ms = 5;
    market_fixture_apply(&fixture, &command);
    command = order(6);
    command.waited_ms = 11;
    command.body.order.maximum_age_ns = 11000000;
    market_fixture_apply(&fixture, &command);
    assert_int_equal(engine_totals(fixture.engine).orders_accepted, 2);
}

/* rules.md 7.1: orders and replaces are rejected, cancels served, the original stays. */
static void test_halted_and_disabled(void **state)
{
    (void)state;
    enter(1, 1, SIDE_BUY, 10, 500, TIF_DAY);
    market_fixture_state(&fixture, "ABC", TRADING_HALTED, 1);
    market_fixture_forget(&fixture);
    enter(1, 2, SIDE_BUY, 10, 500, TIF_DAY);
    market_fixture_replace(&fixture, 1, 1, 3, 20, 500, TIF_DAY);
    market_fixture_cancel(&fixture, 1, 1, 4);
    market_fixture_state(&fixture, "ABC", TRADING_CANCEL_ONLY, 2);
    enter(1, 4, SIDE_BUY, 10, 500, TIF_DAY);
    market_fixture_state(&fixture, "ABC", TRADING_OPEN, 3);
    struct command firm = market_fixture_firm(&fixture, "FRMA", false, 1);
    market_fixture_apply(&fixture, &firm);
    enter(1, 5, SIDE_BUY, 10, 500, TIF_DAY);
    market_fixture_cancel(&fixture, 1, 1, 0);
    market_fixture_expect(
        &fixture,
        "rejected reason=1 session=1 sequence=3 reference=2 instrument=1 lots=10 price=500 side=1 "
        "tif=1 kind=1 symbol=ABC\n"
        "rejected reason=1 session=1 sequence=4 reference=3 instrument=1 lots=20 price=500 "
        "original=1 tif=1 kind=1\n"
        "canceled reason=1 session=1 sequence=5 reference=1 instrument=1 lots=6\n"
        "administration reason=1 reference=3 match=6\n"

        "rejected reason=1 session=1 sequence=6 reference=4 instrument=1 lots=10 price=500 side=1 "
        "tif=1 kind=1 symbol=ABC\n"
        "administration reason=1 reference=4 match=7\n"
        "administration reason=1 reference=2 match=8\n"

        "rejected reason=12 session=1 sequence=7 reference=5 instrument=1 lots=10 price=500 side=1 "
        "tif=1 kind=1 symbol=ABC\n"
        "canceled reason=1 session=1 sequence=8 reference=1 instrument=1 lots=4\n");
}

/* rules.md 3.7 */
static void test_room(void **state)
{
    (void)state;
    struct command session = market_fixture_session(&fixture, "S1", "FRMA", 1);
    session.body.session.open_orders_max = 1;
    market_fixture_apply(&fixture, &session);
    enter(1, 1, SIDE_SELL, 10, 500, TIF_GTC);
    enter(1, 2, SIDE_SELL, 10, 500, TIF_GTC);
    assert_int_equal(fixture.events[fixture.events_count - 1].reason, REJECT_SESSION_ORDERS);
    enter(1, 3, SIDE_SELL, 10, 500, TIF_IOC); /* Cannot rest: served. */
    assert_int_equal(fixture.events[fixture.events_count - 1].reason, CANCEL_IMMEDIATE);
    for (uint32_t i = 1; i <= 99; i++) {
        enter(2, i, SIDE_SELL, 1, 505 + 5 * i, TIF_GTC);
    }
    enter(2, 100, SIDE_SELL, 1, 5000, TIF_GTC); /* A price too many. */
    assert_int_equal(fixture.events[fixture.events_count - 1].reason, REJECT_SHARD_FULL);
    enter(2, 101, SIDE_SELL, 1, 510, TIF_GTC); /* One that is there. */
    assert_int_equal(fixture.events[fixture.events_count - 1].type, EVENT_ORDER_ACCEPTED);
    market_fixture_forget(&fixture);
    market_fixture_replace(&fixture, 2, 101, 102, 1, 5000, TIF_GTC); /* Its level stays. */
    market_fixture_replace(&fixture, 2, 99, 103, 1, 5000, TIF_GTC);  /* Its level goes. */
    assert_int_equal(fixture.events[0].reason, REJECT_SHARD_FULL);
    assert_int_equal(fixture.events[1].type, EVENT_ORDER_REPLACED);
    assert_int_equal(engine_totals(fixture.engine).open_orders, 101);
}

/* rules.md 3.1: a duplicate and what was never there change nothing but what any such one does. */
static void test_what_is_ignored_changes_nothing(void **state)
{
    (void)state;
    uint64_t checksums[3];
    for (uint32_t run = 0; run < 3; run++) {
        (void)tear_down(state);
        (void)set_up(state);
        enter(1, 7, SIDE_BUY, 10, 500, TIF_DAY);
        market_fixture_forget(&fixture);
        if (run == 0) { /* A superfluous cancel. */
            market_fixture_cancel(&fixture, 1, 99, 0);
        } else if (run == 1) { /* A replace of nothing. */
            market_fixture_replace(&fixture, 1, 99, 100, 5, 500, TIF_DAY);
        } else { /* A cancel to as much as there is. */
            market_fixture_cancel(&fixture, 1, 7, 10);
        }
        market_fixture_expect(&fixture, "");
        checksums[run] = engine_checksum(fixture.engine);
    }
    assert_int_equal(checksums[0], checksums[1]);
    assert_int_equal(checksums[0], checksums[2]);
    enter(1, 7, SIDE_SELL, 10, 500, TIF_DAY);
    enter(1, 3, SIDE_SELL, 10, 500, TIF_DAY);
    market_fixture_replace(&fixture, 1, 7, 7, 5, 500, TIF_DAY);
    market_fixture_expect(&fixture, "");
    assert_int_equal(engine_totals(fixture.engine).duplicates, 3);
    assert_int_equal(engine_totals(fixture.engine).open_orders, 1);
}

/* rules.md 4.5 */
static void test_all_or_enough_or_nothing(void **state)
{
    (void)state;
    enter(1, 1, SIDE_SELL, 10, 500, TIF_GTC);
    enter(1, 2, SIDE_SELL, 10, 505, TIF_GTC);
    market_fixture_forget(&fixture);
    enter(2, 1, SIDE_BUY, 11, 500, TIF_FOK);
    struct command command = market_fixture_order(&fixture, 2, 2, SIDE_BUY, 30, 505, TIF_IOC);
    command.body.order.minimum_lots = 21;
    market_fixture_apply(&fixture, &command);
    enter(2, 3, SIDE_BUY, 10, 500, TIF_FOK);
    command = market_fixture_order(&fixture, 2, 4, SIDE_BUY, 30, 505, TIF_IOC);
    command.body.order.minimum_lots = 10;
    market_fixture_apply(&fixture, &command);
    market_fixture_expect(
        &fixture, "accepted state=D session=2 sequence=2 reference=1 instrument=1 lots=11 "
                  "price=500 order=3 side=1 tif=4 kind=1 symbol=ABC\n"
                  "accepted state=D session=2 sequence=3 reference=2 instrument=1 lots=30 "
                  "price=505 order=4 minimum=21 side=1 tif=3 kind=1 symbol=ABC\n"
                  "accepted state=L session=2 sequence=4 reference=3 instrument=1 lots=10 "
                  "price=500 order=5 side=1 tif=4 kind=1 symbol=ABC\n"
                  "executed reason=1 session=1 sequence=4 reference=1 instrument=1 lots=10 match=1 "
                  "price=500\n"
                  "executed reason=2 session=2 sequence=5 reference=3 instrument=1 lots=10 match=1 "
                  "price=500\n"
                  "accepted state=L session=2 sequence=6 reference=4 instrument=1 lots=30 "
                  "price=505 order=6 minimum=10 side=1 tif=3 kind=1 symbol=ABC\n"
                  "executed reason=1 session=1 sequence=5 reference=2 instrument=1 lots=10 match=2 "
                  "price=505\n"
                  "executed reason=2 session=2 sequence=7 reference=4 instrument=1 lots=10 match=2 "
                  "price=505\n"
                  "canceled reason=2 session=2 sequence=8 reference=4 instrument=1 lots=20\n");
}

/* rules.md 5.5: a replace loses its place, may trade at once, counts what was executed. */
static void test_replaces(void **state)
{
    (void)state;
    enter(1, 1, SIDE_BUY, 10, 500, TIF_GTC);
    enter(2, 1, SIDE_BUY, 10, 500, TIF_GTC);
    market_fixture_replace(&fixture, 1, 1, 2, 10, 500, TIF_GTC);
    market_fixture_forget(&fixture);
    enter(2, 2, SIDE_SELL, 14, 500, TIF_IOC);
    market_fixture_replace(&fixture, 1, 2, 3, 9, 500, TIF_DAY);
    enter(2, 3, SIDE_SELL, 3, 510, TIF_GTC);
    market_fixture_replace(&fixture, 1, 3, 4, 20, 510, TIF_IOC);
    market_fixture_replace(&fixture, 1, 4, 5, 20, 510, TIF_IOC);
    market_fixture_expect(
        &fixture,
        "accepted state=L session=2 sequence=3 reference=2 instrument=1 lots=14 price=500 order=4 "
        "side=2 tif=3 kind=1 symbol=ABC\n"
        "executed reason=1 session=2 sequence=4 reference=1 instrument=1 lots=10 match=1 "
        "price=500\n"
        "executed reason=2 session=2 sequence=5 reference=2 instrument=1 lots=10 match=1 "
        "price=500\n"
        "executed reason=1 session=1 sequence=4 reference=2 instrument=1 lots=4 match=2 price=500\n"
        "executed reason=2 session=2 sequence=6 reference=2 instrument=1 lots=4 match=2 price=500\n"
        "replaced state=L session=1 sequence=5 reference=3 instrument=1 lots=5 price=500 order=5 "
        "original=2 side=1 tif=1 kind=1 symbol=ABC\n"
        "accepted state=L session=2 sequence=7 reference=3 instrument=1 lots=3 price=510 order=6 "
        "side=2 tif=2 kind=1 symbol=ABC\n"
        "replaced state=L session=1 sequence=6 reference=4 instrument=1 lots=16 price=510 order=7 "
        "original=3 side=1 tif=3 kind=1 symbol=ABC\n"
        "executed reason=1 session=2 sequence=8 reference=3 instrument=1 lots=3 match=3 price=510\n"
        "executed reason=2 session=1 sequence=7 reference=4 instrument=1 lots=3 match=3 price=510\n"
        "canceled reason=2 session=1 sequence=8 reference=4 instrument=1 lots=13\n");
}

/* rules.md 5.3, 5.4: wrong details or nothing left cancel the original; the number stays free. */
static void test_replaces_that_cancel(void **state)
{
    (void)state;
    enter(1, 1, SIDE_BUY, 10, 500, TIF_GTC);
    enter(1, 2, SIDE_BUY, 10, 495, TIF_GTC);
    enter(1, 3, SIDE_BUY, 10, 490, TIF_GTC);
    enter(2, 1, SIDE_SELL, 4, 500, TIF_IOC);
    market_fixture_forget(&fixture);
    market_fixture_replace(&fixture, 1, 1, 4, 4, 500, TIF_GTC);
    market_fixture_replace(&fixture, 1, 2, 4, 10, 501, TIF_GTC);
    struct command command = market_fixture_replacement(&fixture, 1, 3, 4, 10, 500, TIF_GTC);
    command.flags = COMMAND_UNSUPPORTED;
    command.body.order.reject = REJECT_DISPLAY;
    market_fixture_apply(&fixture, &command);
    enter(1, 4, SIDE_BUY, 1, 500, TIF_GTC);
    market_fixture_replace(&fixture, 1, 4, 5, 1, 500, TIF_FOK);
    market_fixture_expect(
        &fixture, "canceled reason=1 session=1 sequence=6 reference=1 instrument=1 lots=6\n"
                  "canceled reason=5 session=1 sequence=7 reference=2 instrument=1 lots=10\n"
                  "canceled reason=5 session=1 sequence=8 reference=3 instrument=1 lots=10\n"
                  "accepted state=L session=1 sequence=9 reference=4 instrument=1 lots=1 price=500 "
                  "order=5 side=1 tif=2 kind=1 symbol=ABC\n"
                  "replaced state=D session=1 sequence=10 reference=5 instrument=1 lots=1 "
                  "price=500 order=6 original=4 side=1 tif=4 kind=1 symbol=ABC\n");
    assert_int_equal(engine_totals(fixture.engine).open_orders, 0);
}

/* rules.md 6.1: a smaller total keeps the place. */
static void test_cancels(void **state)
{
    (void)state;
    enter(1, 1, SIDE_BUY, 10, 500, TIF_GTC);
    enter(2, 1, SIDE_BUY, 10, 500, TIF_GTC);
    enter(2, 2, SIDE_SELL, 2, 500, TIF_IOC);
    market_fixture_forget(&fixture);
    market_fixture_cancel(&fixture, 1, 1, 7);
    enter(2, 3, SIDE_SELL, 1, 500, TIF_IOC);
    market_fixture_cancel(&fixture, 1, 1, 7);
    market_fixture_cancel(&fixture, 1, 1, 8);
    market_fixture_cancel(&fixture, 1, 1, 3);
    market_fixture_cancel(&fixture, 1, 1, 0);
    market_fixture_expect(
        &fixture,
        "canceled reason=1 session=1 sequence=4 reference=1 instrument=1 lots=3\n"
        "accepted state=L session=2 sequence=5 reference=3 instrument=1 lots=1 price=500 order=4 "
        "side=2 tif=3 kind=1 symbol=ABC\n"
        "executed reason=1 session=1 sequence=5 reference=1 instrument=1 lots=1 match=2 price=500\n"
        "executed reason=2 session=2 sequence=6 reference=3 instrument=1 lots=1 match=2 price=500\n"
        "canceled reason=1 session=1 sequence=6 reference=1 instrument=1 lots=4\n");
}

/* rules.md 6.2 */
static void test_queries(void **state)
{
    (void)state;
    struct command query = market_fixture_client(&fixture, COMMAND_ACCOUNT_QUERY, 1);
    market_fixture_apply(&fixture, &query);
    struct command last = order(UINT32_MAX);
    last.body.order.channel = 3;
    market_fixture_apply(&fixture, &last);
    market_fixture_forget(&fixture);
    static const uint8_t channels[] = {0, 3, CHANNELS_MAX};
    for (size_t i = 0; i < 3; i++) {
        query = market_fixture_client(&fixture, COMMAND_ACCOUNT_QUERY, 1);
        query.body.query.channel = channels[i];
        market_fixture_apply(&fixture, &query);
    }
    market_fixture_expect(&fixture, "account session=1 sequence=4 reference=1\n"
                                    "account channel=3 session=1 sequence=5\n"
                                    "account channel=16 session=1 sequence=6\n");
}

/* Channels count and name orders apart. */
static void test_channels(void **state)
{
    (void)state;
    struct command command = order(1);
    command.body.order.channel = 1;
    market_fixture_apply(&fixture, &command);
    command = order(1);
    command.body.order.channel = 15;
    market_fixture_apply(&fixture, &command);
    market_fixture_cancel(&fixture, 1, 1, 0); /* Channel 0 has no such order. */
    assert_int_equal(engine_totals(fixture.engine).open_orders, 2);
    command = market_fixture_client(&fixture, COMMAND_ORDER_CANCEL, 1);
    command.body.cancel.channel = 15;
    command.body.cancel.user_reference = 1;
    market_fixture_forget(&fixture);
    market_fixture_apply(&fixture, &command);
    market_fixture_expect(
        &fixture,
        "canceled channel=15 reason=1 session=1 sequence=4 reference=1 instrument=1 lots=10\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rejections_of_details, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rejections_by_the_door_and_of_the_channel, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_too_late, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_halted_and_disabled, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_room, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_ignored_changes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_all_or_enough_or_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_replaces, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_replaces_that_cancel, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cancels, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_queries, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_channels, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
