/* A term opens: running grace periods begin anew, and the shard reopens as it is set (rules.md 2.8,
 * 7.3). */
#include "matching/engine.h"

#include <stdlib.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/engine_bytes.h"
#include "tests/support/market_fixture.h"
#include "tests/support/test_seed.h"

#define SECOND UINT64_C(1000000000)

static struct market_fixture fixture;
static struct engine_limits limits;

static void tick_at(uint64_t after_ns)
{
    fixture.now_ns = MARKET_FIXTURE_NS + after_ns;
    struct command command = {.timestamp_ns = fixture.now_ns, .type = COMMAND_TICK};
    market_fixture_apply(&fixture, &command);
}

static void set_cancel_only(uint32_t version, uint32_t cancel_only_ms)
{
    struct command command = market_fixture_administration(&fixture, COMMAND_SHARD_SET, version);
    command.body.shard.cancel_only_ms = cancel_only_ms;
    market_fixture_apply(&fixture, &command);
    assert_int_equal(fixture.events[fixture.events_count - 1].reason, ADMINISTRATION_DONE);
    market_fixture_forget(&fixture);
}

static struct engine_shard view(void)
{
    struct engine_shard shard;
    engine_shard_view(fixture.engine, &shard);
    return shard;
}

/* Session 1, with an order and a grace period of 5 s, is away; session 2 is there. */
static int set_up(void **state)
{
    (void)state;
    limits = market_fixture_limits();
    market_fixture_open(&fixture, &limits, EVENT_BATCH_MIN);
    market_fixture_trade(&fixture);
    struct command command = market_fixture_session(&fixture, "S1", "FRMA", 1);
    command.body.session.cancel_on_disconnect = 1;
    command.body.session.grace_ms = 5000;
    market_fixture_apply(&fixture, &command);
    market_fixture_enter(&fixture, 1, 1, SIDE_SELL, 7, 700, TIF_DAY);
    command = market_fixture_client(&fixture, COMMAND_SESSION_LOGOFF, 1);
    market_fixture_apply(&fixture, &command);
    market_fixture_forget(&fixture);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    market_fixture_close(&fixture);
    return 0;
}

/* The outage was longer than the period, and cost the client nothing of it. */
static void test_grace_periods_begin_anew(void **state)
{
    (void)state;
    tick_at(4 * SECOND);
    engine_term_opened(fixture.engine, MARKET_FIXTURE_NS + 60 * SECOND, true);
    uint64_t due_ns = 0;
    assert_true(engine_due(fixture.engine, &due_ns));
    assert_int_equal(due_ns, MARKET_FIXTURE_NS + 65 * SECOND);
    tick_at(65 * SECOND - 1);
    market_fixture_expect(&fixture, "");
    tick_at(65 * SECOND);
    market_fixture_expect(
        &fixture,
        "canceled reason=6 session=1 sequence=3 at=65000000000 reference=1 instrument=1 lots=7\n");
}

/* Its time does not go back either. */
static void test_an_opening_before_the_last_command(void **state)
{
    (void)state;
    tick_at(4 * SECOND);
    engine_term_opened(fixture.engine, MARKET_FIXTURE_NS, false);
    uint64_t due_ns = 0;
    assert_true(engine_due(fixture.engine, &due_ns));
    assert_int_equal(due_ns, MARKET_FIXTURE_NS + 9 * SECOND);
}

static void test_a_shard_opens_at_once_by_itself(void **state)
{
    (void)state;
    engine_term_opened(fixture.engine, MARKET_FIXTURE_NS + SECOND, false);
    assert_false(view().reopening);
    market_fixture_enter(&fixture, 2, 1, SIDE_SELL, 8, 600, TIF_DAY);
    assert_int_equal(fixture.events[0].type, EVENT_ORDER_ACCEPTED);
}

static void test_cancels_only_and_then_open(void **state)
{
    (void)state;
    set_cancel_only(0, 2000);
    market_fixture_enter(&fixture, 2, 1, SIDE_SELL, 8, 600, TIF_DAY);
    market_fixture_forget(&fixture);
    engine_term_opened(fixture.engine, MARKET_FIXTURE_NS + SECOND, false);
    assert_true(view().reopening);
    assert_int_equal(view().opens_ns, MARKET_FIXTURE_NS + 3 * SECOND);
    assert_int_equal(view().terms.cancel_only_ms, 2000);
    uint64_t due_ns = 0;
    assert_true(engine_due(fixture.engine, &due_ns));
    assert_int_equal(due_ns, MARKET_FIXTURE_NS + 3 * SECOND);
    fixture.now_ns = MARKET_FIXTURE_NS + 3 * SECOND - 1;
    market_fixture_enter(&fixture, 2, 2, SIDE_SELL, 8, 605, TIF_DAY);
    market_fixture_replace(&fixture, 2, 1, 3, 9, 600, TIF_DAY);
    market_fixture_cancel(&fixture, 2, 1, 3);
    fixture.now_ns++;
    market_fixture_enter(&fixture, 2, 4, SIDE_SELL, 8, 605, TIF_DAY);
    market_fixture_expect(
        &fixture,
        "rejected reason=1 session=2 sequence=3 at=2999999999 reference=2 instrument=1 lots=8 "
        "price=605 side=2 tif=1 kind=1 symbol=ABC\n"
        "rejected reason=1 session=2 sequence=4 at=2999999999 reference=3 instrument=1 lots=9 "
        "price=600 original=1 tif=1 kind=1\n"
        "canceled reason=1 session=2 sequence=5 at=2999999999 reference=1 instrument=1 lots=5\n"
        "accepted state=L session=2 sequence=6 at=3000000000 reference=4 instrument=1 lots=8 "
        "price=605 order=3 side=2 tif=1 kind=1 symbol=ABC\n");
    assert_false(view().reopening);
    assert_int_equal(view().opens_ns, 0);
}

static void test_a_planned_opening_changes_no_state(void **state)
{
    (void)state;
    set_cancel_only(0, 2000);
    engine_term_opened(fixture.engine, MARKET_FIXTURE_NS + SECOND, true);
    assert_false(view().reopening);
    engine_term_opened(fixture.engine, MARKET_FIXTURE_NS + SECOND, false);
    engine_term_opened(fixture.engine, MARKET_FIXTURE_NS + 2 * SECOND, true);
    assert_int_equal(view().opens_ns, MARKET_FIXTURE_NS + 3 * SECOND);
    engine_term_opened(fixture.engine, MARKET_FIXTURE_NS + 2 * SECOND, false);
    assert_int_equal(view().opens_ns, MARKET_FIXTURE_NS + 4 * SECOND);
}

static void test_the_setting_while_it_reopens(void **state)
{
    (void)state;
    set_cancel_only(0, 2000);
    engine_term_opened(fixture.engine, MARKET_FIXTURE_NS, false);
    set_cancel_only(1, 9000); /* From the next opening on. */
    assert_int_equal(view().opens_ns, MARKET_FIXTURE_NS + 2 * SECOND);
    set_cancel_only(2, 0);
    assert_false(view().reopening);
    market_fixture_enter(&fixture, 2, 1, SIDE_SELL, 8, 600, TIF_DAY);
    assert_int_equal(fixture.events[0].type, EVENT_ORDER_ACCEPTED);
    market_fixture_forget(&fixture);
    struct command command = market_fixture_administration(&fixture, COMMAND_SHARD_SET, 3);
    command.body.shard.cancel_only_ms = CANCEL_ONLY_MS_MAX + 1;
    market_fixture_apply(&fixture, &command);
    market_fixture_expect(&fixture, "administration reason=4 reference=3 match=9\n");
}

/* What only some sites were told shows in what they compare. */
static void test_an_opening_reaches_the_hash(void **state)
{
    (void)state;
    uint64_t before = engine_event_hash(fixture.engine);
    engine_term_opened(fixture.engine, MARKET_FIXTURE_NS, true);
    uint64_t planned = engine_event_hash(fixture.engine);
    assert_true(planned != before);
    (void)tear_down(state);
    (void)set_up(state);
    assert_int_equal(engine_event_hash(fixture.engine), before);
    engine_term_opened(fixture.engine, MARKET_FIXTURE_NS, false);
    assert_true(engine_event_hash(fixture.engine) != planned);
}

/* Everything that runs is there in an engine that was read, and goes on in the same way. */
static void test_snapshot_while_both_run(void **state)
{
    (void)state;
    struct random random;
    test_seed(&random);
    set_cancel_only(0, 2000);
    engine_term_opened(fixture.engine, MARKET_FIXTURE_NS + SECOND, false);
    struct engine_bytes bytes = {.bytes = NULL};
    engine_bytes_write(&bytes, fixture.engine, &random, 100);
    void *memory = NULL;
    struct engine *read = engine_bytes_engine(&memory, &limits);
    assert_int_equal(engine_bytes_read(&bytes, read, &random, 100), STATUS_OK);
    assert_int_equal(engine_checksum(read), engine_checksum(fixture.engine));
    uint64_t due_ns = 0;
    assert_true(engine_due(read, &due_ns));
    assert_int_equal(due_ns, MARKET_FIXTURE_NS + 3 * SECOND);
    struct engine *written = fixture.engine;
    fixture.engine = read;
    assert_true(view().reopening);
    tick_at(6 * SECOND);
    market_fixture_expect(
        &fixture,
        "canceled reason=6 session=1 sequence=3 at=6000000000 reference=1 instrument=1 lots=7\n");
    assert_false(view().reopening);
    fixture.engine = written;
    tick_at(6 * SECOND);
    assert_int_equal(engine_checksum(read), engine_checksum(written));
    assert_int_equal(engine_event_hash(read), engine_event_hash(written));
    free(memory);
    engine_bytes_free(&bytes);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_grace_periods_begin_anew),
        TEST(test_an_opening_before_the_last_command),
        TEST(test_a_shard_opens_at_once_by_itself),
        TEST(test_cancels_only_and_then_open),
        TEST(test_a_planned_opening_changes_no_state),
        TEST(test_the_setting_while_it_reopens),
        TEST(test_an_opening_reaches_the_hash),
        TEST(test_snapshot_while_both_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
