/* What becomes of the orders of a session that is away: cancel on disconnect, grace periods, the
 * silence of a site (rules.md 2.6, 2.7). */
#include "matching/attach.h"

#include "tests/support/cmocka_all.h"
#include "tests/support/market_fixture.h"

#define SECOND UINT64_C(1000000000)

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

static void set_session(const char *name, uint32_t version, bool cancel, uint32_t grace_ms)
{
    struct command command = market_fixture_session(&fixture, name, "FRMA", version);
    command.body.session.cancel_on_disconnect = cancel ? 1 : 0;
    command.body.session.grace_ms = grace_ms;
    market_fixture_apply(&fixture, &command);
    assert_int_equal(fixture.events[fixture.events_count - 1].reason, ADMINISTRATION_DONE);
    market_fixture_forget(&fixture);
}

static void leave(uint32_t session_id)
{
    struct command command = market_fixture_client(&fixture, COMMAND_SESSION_LOGOFF, session_id);
    market_fixture_apply(&fixture, &command);
}

static void silence(uint8_t site_id)
{
    struct command command = {.timestamp_ns = fixture.now_ns,
                              .type = COMMAND_SITE_SILENT,
                              .site_id = site_id};
    market_fixture_apply(&fixture, &command);
}

static void tick_at(uint64_t after_ns)
{
    fixture.now_ns = MARKET_FIXTURE_NS + after_ns;
    struct command command = {.timestamp_ns = fixture.now_ns, .type = COMMAND_TICK};
    market_fixture_apply(&fixture, &command);
}

/* Two orders of session 1, one of them GTC, and one of session 2; their answers are forgotten. */
static void rest(void)
{
    market_fixture_enter(&fixture, 1, 1, SIDE_SELL, 7, 700, TIF_DAY);
    market_fixture_enter(&fixture, 2, 1, SIDE_SELL, 8, 600, TIF_DAY);
    market_fixture_enter(&fixture, 1, 2, SIDE_BUY, 9, 500, TIF_GTC);
    market_fixture_forget(&fixture);
}

static struct engine_session view_of(uint32_t session_id)
{
    struct engine_session view;
    assert_int_equal(engine_session_view(fixture.engine, session_id, &view), STATUS_OK);
    return view;
}

static void test_never_is_what_a_session_has_by_itself(void **state)
{
    (void)state;
    rest();
    leave(1);
    market_fixture_expect(&fixture, "logoff session=1 reference=1\n");
    uint64_t due_ns = 0;
    assert_false(engine_due(fixture.engine, &due_ns));
    tick_at(3600 * SECOND);
    market_fixture_expect(&fixture, "");
    assert_int_equal(view_of(1).open_orders, 2);
    assert_false(view_of(1).grace_runs);
}

static void test_orders_go_when_the_period_is_over(void **state)
{
    (void)state;
    set_session("S1", 1, true, 5000);
    rest();
    leave(1);
    struct engine_session view = view_of(1);
    assert_true(view.cancel_on_disconnect);
    assert_int_equal(view.grace_ms, 5000);
    assert_true(view.grace_runs);
    assert_int_equal(view.grace_ends_ns, MARKET_FIXTURE_NS + 5 * SECOND);
    uint64_t due_ns = 0;
    assert_true(engine_due(fixture.engine, &due_ns));
    assert_int_equal(due_ns, MARKET_FIXTURE_NS + 5 * SECOND);
    tick_at(5 * SECOND - 1);
    market_fixture_expect(&fixture, "logoff session=1 reference=1\n");
    /* Before the command that would have traded with one of them. */
    fixture.now_ns = MARKET_FIXTURE_NS + 5 * SECOND;
    market_fixture_enter(&fixture, 2, 2, SIDE_SELL, 9, 500, TIF_DAY);
    market_fixture_expect(
        &fixture,
        "canceled reason=6 session=1 sequence=4 at=5000000000 reference=1 instrument=1 lots=7\n"
        "canceled reason=6 session=1 sequence=5 at=5000000000 reference=2 instrument=1 lots=9\n"
        "accepted state=L session=2 sequence=3 at=5000000000 reference=2 instrument=1 lots=9 "
        "price=500 order=4 side=2 tif=1 kind=1 symbol=ABC\n");
    assert_false(engine_due(fixture.engine, &due_ns));
    assert_false(view_of(1).grace_runs);
    assert_int_equal(view_of(1).grace_ends_ns, 0);
    tick_at(20 * SECOND);
    market_fixture_expect(&fixture, "");
}

/* At whichever site. */
static void test_a_logon_in_time_keeps_them(void **state)
{
    (void)state;
    set_session("S1", 1, true, 5000);
    rest();
    leave(1);
    fixture.now_ns += 5 * SECOND - 1;
    market_fixture_logon(&fixture, 1, 2, 12);
    tick_at(60 * SECOND);
    market_fixture_expect(&fixture, "logoff session=1 reference=1\n"
                                    "logon session=1 at=4999999999 reference=2 lots=4 match=12\n");
    assert_int_equal(view_of(1).open_orders, 2);
    leave(1);
    assert_int_equal(view_of(1).grace_ends_ns, MARKET_FIXTURE_NS + 65 * SECOND);
}

/* Its own logon is late: the orders go before it, and it finds their ends in its stream. */
static void test_a_logon_too_late(void **state)
{
    (void)state;
    set_session("S1", 1, true, 5000);
    rest();
    leave(1);
    fixture.now_ns += 6 * SECOND;
    market_fixture_logon(&fixture, 1, 1, 12);
    market_fixture_expect(
        &fixture,
        "logoff session=1 reference=1\n"
        "canceled reason=6 session=1 sequence=4 at=6000000000 reference=1 instrument=1 lots=7\n"
        "canceled reason=6 session=1 sequence=5 at=6000000000 reference=2 instrument=1 lots=9\n"
        "logon session=1 at=6000000000 reference=2 lots=6 match=12\n");
}

/* Logged on elsewhere is not away. */
static void test_a_logon_elsewhere_is_no_disconnect(void **state)
{
    (void)state;
    set_session("S1", 1, true, 0);
    rest();
    market_fixture_logon(&fixture, 1, 2, 12);
    market_fixture_expect(&fixture, "logoff session=1 reference=1\n"
                                    "logon session=1 reference=2 lots=4 match=12\n");
    assert_int_equal(view_of(1).open_orders, 2);
}

static void test_no_period_is_at_once(void **state)
{
    (void)state;
    set_session("S1", 1, true, 0);
    rest();
    leave(1);
    market_fixture_expect(
        &fixture, "logoff session=1 reference=1\n"
                  "canceled reason=6 session=1 sequence=4 reference=1 instrument=1 lots=7\n"
                  "canceled reason=6 session=1 sequence=5 reference=2 instrument=1 lots=9\n");
    market_fixture_logon(&fixture, 1, 1, 13);
    leave(1); /* Nothing is open any more. */
    market_fixture_expect(&fixture, "logon session=1 reference=2 lots=6 match=13\n"
                                    "logoff session=1 reference=2\n");
}

/* An end of the generation is a disconnect of who was there; the orders end in the next one. */
static void test_the_end_of_a_session(void **state)
{
    (void)state;
    set_session("S1", 1, true, 0);
    rest();
    struct command end = market_fixture_administration(&fixture, COMMAND_SESSION_END, 2);
    market_fixture_name(end.body.session_end.name, SESSION_NAME_BYTES, "S1");
    market_fixture_apply(&fixture, &end);
    market_fixture_expect(
        &fixture, "system reason=2 session=1 sequence=4\n"
                  "logoff session=1 reference=1\n"
                  "system reason=1 session=1 sequence=1\n"
                  "administration reason=1 reference=3 match=6\n"
                  "canceled reason=6 session=1 sequence=2 reference=1 instrument=1 lots=7\n"
                  "canceled reason=6 session=1 sequence=3 reference=2 instrument=1 lots=9\n");
}

/* Each session's period is its own; a site that is silent twice is silent once. */
static void test_a_site_is_silent(void **state)
{
    (void)state;
    set_session("S1", 1, true, 5000);
    set_session("S2", 1, true, 0);
    set_session("S3", 0, true, 0);
    market_fixture_logon(&fixture, 3, 2, 30);
    rest();
    market_fixture_enter(&fixture, 3, 1, SIDE_SELL, 1, 800, TIF_DAY);
    market_fixture_forget(&fixture);
    struct command held = market_fixture_order(&fixture, 1, 3, SIDE_SELL, 1, 900, TIF_DAY);
    assert_int_equal(engine_attached(fixture.engine, 1), 2);
    silence(1);
    market_fixture_expect(
        &fixture, "logoff session=1 reference=1\n"
                  "logoff session=2 reference=1\n"
                  "canceled reason=6 session=2 sequence=3 reference=1 instrument=1 lots=8\n");
    assert_int_equal(engine_attached(fixture.engine, 1), 0);
    assert_int_equal(engine_attached(fixture.engine, 2), 1);
    uint64_t stale = engine_totals(fixture.engine).stale;
    market_fixture_apply(&fixture, &held); /* What the site still holds. */
    assert_int_equal(engine_totals(fixture.engine).stale, stale + 1);
    fixture.now_ns += SECOND;
    silence(1);
    silence(0);
    silence(SITES_MAX + 1);
    market_fixture_expect(&fixture, "");
    assert_int_equal(view_of(1).grace_ends_ns, MARKET_FIXTURE_NS + 5 * SECOND);
    market_fixture_logon(&fixture, 1, 2, 31); /* Elsewhere, in time. */
    tick_at(9 * SECOND);
    market_fixture_expect(&fixture, "logon session=1 at=1000000000 reference=2 lots=4 match=31\n");
    assert_int_equal(view_of(1).open_orders, 2);
    assert_int_equal(view_of(3).open_orders, 1);
}

/* More than one batch of logoffs, and of cancels in order of order id. */
static void test_silence_goes_in_steps(void **state)
{
    (void)state;
    for (uint32_t id = 3; id <= MARKET_FIXTURE_SESSIONS; id++) {
        const char name[] = {'T', (char)('A' + id), '\0'};
        set_session(name, 0, true, id % 2 == 0 ? 0 : 3000);
        market_fixture_logon(&fixture, id, 4, id);
    }
    for (uint32_t reference = 1; reference <= 20; reference++) {
        for (uint32_t id = MARKET_FIXTURE_SESSIONS; id >= 3; id--) {
            market_fixture_enter(&fixture, id, reference, SIDE_BUY, 1, 500, TIF_GTC);
        }
    }
    market_fixture_forget(&fixture);
    silence(4);
    assert_int_equal(fixture.events_count, 14 + 7 * 20);
    assert_true(fixture.calls >= fixture.events_count / EVENT_BATCH_MIN);
    for (uint32_t i = 0; i < 14; i++) {
        assert_int_equal(fixture.events[i].type, EVENT_SESSION_LOGOFF);
        assert_int_equal(fixture.events[i].session_id, 3 + i);
    }
    for (uint32_t i = 0; i < 7 * 20; i++) {
        const struct event *event = &fixture.events[14 + i];
        assert_int_equal(event->type, EVENT_ORDER_CANCELED);
        assert_int_equal(event->session_id, 16 - 2 * (i % 7));
        assert_int_equal(event->user_reference, 1 + i / 7);
        assert_int_equal(event->sequence, 22 + i / 7);
    }
    market_fixture_forget(&fixture);
    tick_at(3 * SECOND);
    assert_int_equal(fixture.events_count, 7 * 20);
    assert_int_equal(engine_totals(fixture.engine).open_orders, 0);
}

static void test_settings_while_it_is_away(void **state)
{
    (void)state;
    set_session("S1", 1, true, 5000);
    rest();
    leave(1);
    set_session("S1", 2, true, 1000); /* From the next disconnect on. */
    assert_int_equal(view_of(1).grace_ends_ns, MARKET_FIXTURE_NS + 5 * SECOND);
    set_session("S1", 3, false, 0);
    assert_false(view_of(1).grace_runs);
    set_session("S1", 4, true, 1000); /* Likewise. */
    assert_false(view_of(1).grace_runs);
    tick_at(60 * SECOND);
    market_fixture_expect(&fixture, "");
    assert_int_equal(view_of(1).open_orders, 2);
}

static void test_settings_out_of_range(void **state)
{
    (void)state;
    struct command commands[4];
    for (uint32_t i = 0; i < 4; i++) {
        commands[i] = market_fixture_session(&fixture, "S1", "FRMA", 1);
    }
    commands[0].body.session.cancel_on_disconnect = 2;
    commands[1].body.session.grace_ms = 1;
    commands[2].body.session.cancel_on_disconnect = 1;
    commands[2].body.session.grace_ms = GRACE_MS_MAX + 1;
    commands[3].body.session.reserved_2[3] = 1;
    for (uint32_t i = 0; i < 4; i++) {
        market_fixture_apply(&fixture, &commands[i]);
    }
    market_fixture_expect(&fixture, "administration reason=4 reference=1 match=5\n"
                                    "administration reason=4 reference=1 match=6\n"
                                    "administration reason=4 reference=1 match=7\n"
                                    "administration reason=4 reference=1 match=8\n");
    set_session("S1", 1, true, GRACE_MS_MAX);
}

/* Both timers are due at one command: the day end is first, and leaves what is GTC. */
static void test_with_the_day_end(void **state)
{
    (void)state;
    struct command shard = market_fixture_administration(&fixture, COMMAND_SHARD_SET, 0);
    shard.body.shard.day_end_set = 1;
    shard.body.shard.day_end_second = 3;
    market_fixture_apply(&fixture, &shard);
    set_session("S1", 1, true, 2000);
    rest();
    leave(1);
    tick_at(4 * SECOND);
    market_fixture_expect(
        &fixture,
        "logoff session=1 reference=1\n"
        "canceled reason=3 session=1 sequence=4 at=4000000000 reference=1 instrument=1 lots=7\n"
        "canceled reason=3 session=2 sequence=3 at=4000000000 reference=1 instrument=1 lots=8\n"
        "canceled reason=6 session=1 sequence=5 at=4000000000 reference=2 instrument=1 lots=9\n");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_never_is_what_a_session_has_by_itself),
        TEST(test_orders_go_when_the_period_is_over),
        TEST(test_a_logon_in_time_keeps_them),
        TEST(test_a_logon_too_late),
        TEST(test_a_logon_elsewhere_is_no_disconnect),
        TEST(test_no_period_is_at_once),
        TEST(test_the_end_of_a_session),
        TEST(test_a_site_is_silent),
        TEST(test_silence_goes_in_steps),
        TEST(test_settings_while_it_is_away),
        TEST(test_settings_out_of_range),
        TEST(test_with_the_day_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
