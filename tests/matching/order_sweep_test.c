#include "matching/order_sweep.h"

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

#define HOUR UINT64_C(3600000000000)

static void set_day_end(uint32_t second)
{
    struct command command = market_fixture_administration(&fixture, COMMAND_SHARD_SET, 0);
    command.body.shard.day_end_set = 1;
    command.body.shard.day_end_second = second;
    market_fixture_apply(&fixture, &command);
    market_fixture_forget(&fixture);
}

/* rules.md 1.3, 1.4: DAY orders go in order of order id, before the command; GTC orders stay. */
static void test_day_end_comes_before_the_command(void **state)
{
    (void)state;
    set_day_end(3600);
    uint64_t due_ns = 0;
    assert_true(engine_due(fixture.engine, &due_ns));
    assert_int_equal(due_ns, MARKET_FIXTURE_NS + HOUR);
    market_fixture_enter(&fixture, 1, 1, SIDE_SELL, 1, 700, TIF_DAY);
    market_fixture_enter(&fixture, 2, 1, SIDE_SELL, 2, 600, TIF_DAY);
    market_fixture_enter(&fixture, 1, 2, SIDE_SELL, 3, 500, TIF_GTC);
    market_fixture_enter(&fixture, 1, 3, SIDE_BUY, 4, 400, TIF_DAY);
    market_fixture_replace(&fixture, 1, 1, 4, 5, 700, TIF_DAY);
    market_fixture_forget(&fixture);
    fixture.now_ns = MARKET_FIXTURE_NS + HOUR - 1;
    struct command tick = {.timestamp_ns = fixture.now_ns, .type = COMMAND_TICK};
    market_fixture_apply(&fixture, &tick);
    market_fixture_expect(&fixture, "");
    fixture.now_ns = MARKET_FIXTURE_NS + HOUR;
    market_fixture_enter(&fixture, 2, 2, SIDE_BUY, 9, 500, TIF_DAY);
    market_fixture_expect(
        &fixture,
        "canceled reason=3 session=2 sequence=3 at=3600000000000 reference=1 instrument=1 lots=2\n"
        "canceled reason=3 session=1 sequence=6 at=3600000000000 reference=3 instrument=1 lots=4\n"
        "canceled reason=3 session=1 sequence=7 at=3600000000000 reference=4 instrument=1 lots=5\n"
        "accepted state=L session=2 sequence=4 at=3600000000000 reference=2 instrument=1 lots=9 "
        "price=500 order=6 side=1 tif=1 kind=1 symbol=ABC\n"
        "executed reason=1 session=1 sequence=8 at=3600000000000 reference=2 instrument=1 lots=3 "
        "match=1 price=500\n"
        "executed reason=2 session=2 sequence=5 at=3600000000000 reference=2 instrument=1 lots=3 "
        "match=1 price=500\n");
    assert_true(engine_due(fixture.engine, &due_ns));
    assert_int_equal(due_ns, MARKET_FIXTURE_NS + 25 * HOUR);
}

/* A late command fires it once, with its own time; the next one is after that. */
static void test_days_that_nobody_saw(void **state)
{
    (void)state;
    set_day_end(0);
    market_fixture_enter(&fixture, 1, 1, SIDE_SELL, 1, 700, TIF_DAY);
    market_fixture_forget(&fixture);
    fixture.now_ns = MARKET_FIXTURE_NS + 75 * HOUR;
    struct command tick = {.timestamp_ns = fixture.now_ns, .type = COMMAND_TICK};
    market_fixture_apply(&fixture, &tick);
    market_fixture_apply(&fixture, &tick);
    market_fixture_expect(&fixture, "canceled reason=3 session=1 sequence=3 at=270000000000000 "
                                    "reference=1 instrument=1 lots=1\n");
    uint64_t due_ns = 0;
    assert_true(engine_due(fixture.engine, &due_ns));
    assert_int_equal(due_ns, MARKET_FIXTURE_NS + 96 * HOUR);
}

/* Many orders whose slots are in another order than their ids, over many small batches. */
static void test_order_of_order_ids(void **state)
{
    (void)state;
    set_day_end(3600);
    for (uint32_t i = 1; i <= 800; i++) {
        market_fixture_enter(&fixture, 1, i, SIDE_SELL, 1, 500 + 5 * (i % 50), TIF_DAY);
        if (i > 400 && i % 2 == 0) {
            market_fixture_cancel(&fixture, 1, i - 400, 0);
        }
    }
    assert_int_equal(engine_totals(fixture.engine).open_orders, 600);
    market_fixture_forget(&fixture);
    struct command tick = {.timestamp_ns = MARKET_FIXTURE_NS + HOUR, .type = COMMAND_TICK};
    market_fixture_apply(&fixture, &tick);
    assert_int_equal(fixture.events_count, 600);
    assert_true(fixture.calls >= 600 / EVENT_BATCH_MIN);
    for (uint32_t i = 1; i < 600; i++) {
        assert_true(fixture.events[i].user_reference > fixture.events[i - 1].user_reference);
        assert_int_equal(fixture.events[i].sequence, fixture.events[i - 1].sequence + 1);
    }
    assert_int_equal(engine_totals(fixture.engine).open_orders, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_day_end_comes_before_the_command, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_days_that_nobody_saw, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_order_of_order_ids, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
