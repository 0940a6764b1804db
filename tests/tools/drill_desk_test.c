/* The clients of a shard on their own thread, against an exchange that can be wrong. */
#include "tools/drill_desk.h"

#include <string.h>
#include <time.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/fake_exchange.h"
#include "tests/support/text_fixture.h"

#define MS UINT64_C(1000000)

static void recovery(void **state)
{
    (void)state;
    const struct drill_desk_gap gaps[] = {{.start_ns = 100 * MS, .end_ns = 160 * MS},
                                          {.start_ns = 990 * MS, .end_ns = 1500 * MS},
                                          {.start_ns = 1600 * MS, .end_ns = 1700 * MS},
                                          {.start_ns = 2980 * MS, .end_ns = 4000 * MS}};
    /* The longest one that begins before what comes next; from the harm to its end. */
    assert_true(drill_desk_recovery_ns(gaps, 4, 1000 * MS, 3000 * MS) == 500 * MS);
    /* Or from its own beginning, when that comes later. */
    assert_true(drill_desk_recovery_ns(gaps, 4, 800 * MS, 3000 * MS) == 510 * MS);
    assert_true(drill_desk_recovery_ns(gaps, 4, 1550 * MS, 3000 * MS) == 100 * MS);
    /* One that begins just before the next harm is that one's. */
    assert_true(drill_desk_recovery_ns(gaps, 4, 3000 * MS, 9000 * MS) == 1000 * MS);
    assert_true(drill_desk_recovery_ns(gaps, 4, 200 * MS, 900 * MS) == 0);
    assert_true(drill_desk_recovery_ns(gaps, 4, 4000 * MS, 9000 * MS) == 0);
    assert_true(drill_desk_recovery_ns(gaps, 0, 0, 9000 * MS) == 0);
}

struct fixture {
    struct text_fixture files;
    struct fake_exchange *exchange;
    const char *endpoints[1];
    struct drill_desk *desk;
    struct drill_desk_view view;
};

static void fixture_create(struct fixture *fixture)
{
    memset(fixture, 0, sizeof *fixture);
    fixture->exchange = fake_exchange_create();
    fixture->endpoints[0] = fixture->exchange->endpoint;
    text_fixture_make(&fixture->files);
    text_fixture_write(&fixture->files, "market.yaml",
                       "shards:\n"
                       "  - id: 1\n"
                       "  - id: 3\n"
                       "    firms: [{name: CWAY}]\n"
                       "    instruments:\n"
                       "      - {symbol: Z3I00, tick: 0.01, price_max: 9999, quantity_max: 10000}\n"
                       "    sessions:\n"
                       "      - {name: S00000, firm: CWAY, password: one}\n"
                       "      - {name: S00001, firm: CWAY, password: two}\n");
    const struct drill_desk_options options = {.shard_id = 3,
                                               .session_count = 2,
                                               .instrument_count = 1,
                                               .rate = 500,
                                               .window = 16,
                                               .seed = 1,
                                               .market_path = fixture->files.path,
                                               .endpoints = fixture->endpoints,
                                               .endpoint_count = 1,
                                               .namespace_fd = -1};
    assert_int_equal(drill_desk_create(&fixture->desk, &options), STATUS_OK);
    const struct drill_instrument *instruments;
    assert_int_equal(drill_desk_instruments(fixture->desk, &instruments), 1);
    assert_string_equal(instruments[0].symbol, "Z3I00");
    assert_int_equal(drill_desk_start(fixture->desk), STATUS_OK);
}

static void fixture_destroy(struct fixture *fixture)
{
    drill_desk_destroy(fixture->desk);
    fake_exchange_destroy(fixture->exchange);
    text_fixture_remove(&fixture->files);
}

static void look(struct fixture *fixture)
{
    fake_exchange_step(fixture->exchange);
    drill_desk_look(fixture->desk, &fixture->view);
    assert_string_equal(fixture->view.error, "");
    assert_false(fixture->view.failed);
}

static void come_to(struct fixture *fixture, enum drill_desk_phase phase)
{
    const time_t limit = time(NULL) + 60;
    drill_desk_ask(fixture->desk, phase, 1);
    while (fixture->view.reached < phase) {
        look(fixture);
        assert_true(time(NULL) < limit);
    }
}

/* Until `reading`; the exchange may have become wrong by then. */
static void trade(struct fixture *fixture)
{
    const time_t limit = time(NULL) + 60;
    come_to(fixture, DRILL_DESK_CONNECT);
    come_to(fixture, DRILL_DESK_TRADE);
    while (fixture->view.counts.acknowledged < 100) {
        look(fixture);
        assert_true(time(NULL) < limit);
    }
    come_to(fixture, DRILL_DESK_SETTLE);
}

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    assert_int_equal(clock_gettime(clock, &now), 0);
    return (uint64_t)now.tv_sec * 1000 * MS + (uint64_t)now.tv_nsec;
}

static uint64_t others_ns(void)
{
    return clock_ns(CLOCK_PROCESS_CPUTIME_ID) - clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

/* A desk that has come to its phase waits, and leaves the processor to the sites. */
static void waits(void)
{
    const uint64_t used_ns = others_ns();
    const uint64_t began_ns = clock_ns(CLOCK_MONOTONIC);
    while (clock_ns(CLOCK_MONOTONIC) < began_ns + 100 * MS) {
    }
    assert_true(others_ns() - used_ns < (clock_ns(CLOCK_MONOTONIC) - began_ns) / 4);
}

static void whole_life(void **state)
{
    (void)state;
    static struct fixture fixture;
    fixture_create(&fixture);
    trade(&fixture);
    waits();
    come_to(&fixture, DRILL_DESK_READ);
    waits();
    drill_desk_ask(fixture.desk, DRILL_DESK_END, 0);
    drill_desk_join(fixture.desk);
    const struct drill_desk_reading *reading = drill_desk_reading(fixture.desk, 0);
    assert_int_equal(reading->streams, 2);
    assert_true(reading->messages >= 100);
    assert_int_equal(reading->wrong, 0);
    assert_true(fixture.view.acknowledged_ns > 0);
    assert_int_equal(ledger_close(drill_desk_ledger(fixture.desk), false), 0);
    assert_true(drill_desk_latency(fixture.desk)->count >= 100);
    const struct timeline_slice *slices;
    assert_true(timeline_slices(drill_desk_timeline(fixture.desk), &slices) > 0);
    fixture_destroy(&fixture);
}

/* One bit of one message is another one when it is read again. */
static void wrong_stream(void **state)
{
    (void)state;
    static struct fixture fixture;
    fixture_create(&fixture);
    trade(&fixture);
    fixture.exchange->fault = FAKE_EXCHANGE_FLIP;
    fixture.exchange->fault_sequence = 3;
    come_to(&fixture, DRILL_DESK_READ);
    drill_desk_ask(fixture.desk, DRILL_DESK_END, 0);
    drill_desk_join(fixture.desk);
    assert_true(drill_desk_reading(fixture.desk, 0)->wrong > 0);
    fixture_destroy(&fixture);
}

/* A pause is a gap, from the last acknowledgement to the first one after it. */
static void pause_is_a_gap(void **state)
{
    (void)state;
    static struct fixture fixture;
    fixture_create(&fixture);
    come_to(&fixture, DRILL_DESK_CONNECT);
    come_to(&fixture, DRILL_DESK_TRADE);
    while (fixture.view.counts.acknowledged < 50) {
        look(&fixture);
    }
    const uint64_t before_ns = fixture.view.acknowledged_ns;
    struct timespec now;
    do { /* The exchange stands still. */
        assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &now), 0);
    } while ((uint64_t)now.tv_sec * 1000 * MS + (uint64_t)now.tv_nsec < before_ns + 300 * MS);
    trade(&fixture);
    drill_desk_ask(fixture.desk, DRILL_DESK_END, 0);
    drill_desk_join(fixture.desk);
    const struct drill_desk_gap *gaps;
    uint32_t count = drill_desk_gaps(fixture.desk, &gaps);
    assert_true(count > 0);
    assert_true(drill_desk_recovery_ns(gaps, count, before_ns, UINT64_MAX) > 0);
    fixture_destroy(&fixture);
}

/* A market file without its shard: said, and the thread has ended. */
static void failed(void **state)
{
    (void)state;
    static struct fixture fixture;
    memset(&fixture, 0, sizeof fixture);
    text_fixture_make(&fixture.files);
    text_fixture_write(&fixture.files, "market.yaml", "shards:\n  - {id: 1}\n");
    fixture.endpoints[0] = "127.0.0.1:9";
    const struct drill_desk_options options = {.shard_id = 3,
                                               .session_count = 1,
                                               .instrument_count = 1,
                                               .window = 16,
                                               .seed = 1,
                                               .market_path = fixture.files.path,
                                               .endpoints = fixture.endpoints,
                                               .endpoint_count = 1,
                                               .namespace_fd = -1};
    assert_int_equal(drill_desk_create(&fixture.desk, &options), STATUS_OK);
    assert_int_equal(drill_desk_start(fixture.desk), STATUS_OK);
    drill_desk_join(fixture.desk);
    drill_desk_look(fixture.desk, &fixture.view);
    assert_true(fixture.view.failed);
    assert_non_null(strstr(fixture.view.error, "no such shard"));
    drill_desk_destroy(fixture.desk);
    text_fixture_remove(&fixture.files);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(recovery), cmocka_unit_test(whole_life),
                                       cmocka_unit_test(wrong_stream),
                                       cmocka_unit_test(pause_is_a_gap), cmocka_unit_test(failed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
