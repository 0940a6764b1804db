/* Real trading days straight through the engine, as commands that a door makes: several sessions,
 * references, deadlines and all. What the exchange recorded must come out. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "matching/base/limits.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/market_fixture.h"
#include "tests/support/test_paths.h"
#include "tools/bitstamp.h"
#include "tools/human.h"
#include "tools/id_map.h"
#include "tools/lobster.h"
#include "tools/order_desk.h"
#include "tools/replay_compare.h"

#define GOOG "data/lobster/GOOG_2012-06-21_34200000_57600000_message_10.csv.xz"
#define AAPL "data/lobster/AAPL_2012-06-21_message_50.csv.xz"
#define BITS "data/bitstamp/2015-05-01_orders.csv.xz"

#define SESSIONS MARKET_FIXTURE_SESSIONS

/* One replay: the engine, the sessions' desk, and what is counted. */
struct replay {
    struct market_fixture fixture;
    struct order_desk *desk;
    struct replay_compare *compare;  /* Or NULL. */
    const struct id_map *volume_ids; /* Or NULL: executed volumes by order are wanted. */
    uint64_t *volumes;
    uint64_t enters_that_traded;
    uint64_t takes_with_remainder;
    uint64_t rejected;
    uint64_t passed_over; /* Reductions and cancels of orders that are not open. */
    uint64_t event_hash;
    uint64_t checksum;
};

static void open_market(struct replay *replay, const struct command_instrument *terms,
                        uint32_t batch_capacity)
{
    struct market_fixture *fixture = &replay->fixture;
    struct engine_limits limits = {.orders_max = 100000,
                                   .price_levels_max = 50000,
                                   .instruments_max = 4,
                                   .firms_max = 4,
                                   .sessions_max = SESSIONS};
    market_fixture_open(fixture, &limits, batch_capacity);
    struct command command = market_fixture_firm(fixture, "FRMA", true, 0);
    market_fixture_apply(fixture, &command);
    command = market_fixture_instrument(fixture, "ABC", 0);
    uint8_t symbol[SYMBOL_BYTES];
    memcpy(symbol, command.body.instrument.symbol, sizeof symbol);
    command.body.instrument = *terms;
    memcpy(command.body.instrument.symbol, symbol, sizeof symbol);
    market_fixture_apply(fixture, &command);
    for (uint32_t id = 1; id <= SESSIONS; id++) {
        char name[SESSION_NAME_BYTES + 1];
        (void)snprintf(name, sizeof name, "S%u", id % 100);
        command = market_fixture_session(fixture, name, "FRMA", 0);
        command.body.session.open_orders_max = 100000;
        market_fixture_apply(fixture, &command);
        assert_int_equal(fixture->events[fixture->events_count - 1].reason, ADMINISTRATION_DONE);
        market_fixture_logon(fixture, id, 1, id);
    }
    market_fixture_forget(fixture);
    struct order_desk_options options = {.session_count = SESSIONS,
                                         .instrument_count = 1,
                                         .symbols = (const uint8_t(*)[SYMBOL_BYTES])symbol,
                                         .orders_max = 100000,
                                         .client_id = ORDER_DESK_COUNTING};
    assert_int_equal(order_desk_create(&replay->desk, &options), STATUS_OK);
}

static void close_market(struct replay *replay)
{
    replay->event_hash = engine_event_hash(replay->fixture.engine);
    replay->checksum = engine_checksum(replay->fixture.engine);
    order_desk_destroy(replay->desk);
    market_fixture_close(&replay->fixture);
}

static void count_event(struct replay *replay, const struct market_action *action,
                        const struct event *event)
{
    struct order_desk_news news;
    assert_true(event->session_id >= 1 && event->session_id <= SESSIONS);
    bool known = order_desk_event(replay->desk, event->session_id - 1, event, &news);
    assert_true(known);
    if (event->type == EVENT_ORDER_REJECTED) {
        replay->rejected++;
    } else if (event->type == EVENT_ORDER_CANCELED) {
        replay->takes_with_remainder += action->type == MARKET_ACTION_TAKE ? 1 : 0;
    } else if (event->type == EVENT_ORDER_EXECUTED) {
        bool added = event->reason == LIQUIDITY_ADDED;
        replay->enters_that_traded += action->type == MARKET_ACTION_ENTER && !added ? 1 : 0;
        if (replay->compare != NULL) {
            assert_int_equal(replay_compare_side(replay->compare, event->match_number,
                                                 news.order_id, added, event->price,
                                                 event->quantity_lots),
                             STATUS_OK);
        }
        uint32_t index = 0;
        if (replay->volume_ids != NULL && id_map_find(replay->volume_ids, news.order_id, &index)) {
            replay->volumes[index] += event->quantity_lots;
        }
    }
}

static void run(struct replay *replay, const struct market_action *actions, uint64_t count)
{
    struct market_fixture *fixture = &replay->fixture;
    for (uint64_t index = 0; index < count; index++) {
        /* Whose an order is makes no difference to the market: they take turns. */
        uint32_t session = (uint32_t)(index % SESSIONS);
        struct command command;
        enum status status = order_desk_command(replay->desk, &actions[index], &session, &command);
        if (status == STATUS_NOT_FOUND) {
            replay->passed_over++;
            continue;
        }
        assert_int_equal(status, STATUS_OK);
        fixture->now_ns = MARKET_FIXTURE_NS + actions[index].time_ns;
        struct command door = market_fixture_client(fixture, command.type, session + 1);
        door.body = command.body;
        market_fixture_apply(fixture, &door);
        for (uint32_t event = 0; event < fixture->events_count; event++) {
            count_event(replay, &actions[index], &fixture->events[event]);
        }
        market_fixture_forget(fixture);
    }
}

static const struct command_instrument stock = {.tick_size = 100,
                                                .price_min = 100,
                                                .price_max = 1999999900,
                                                .quantity_lots_max = 1000000,
                                                .price_decimals = LOBSTER_PRICE_DECIMALS,
                                                .state = TRADING_OPEN,
                                                .equity = 1};

static void replay_day(struct replay *replay, const struct lobster *day, uint32_t batch_capacity,
                       struct replay_result *result)
{
    memset(replay, 0, sizeof *replay);
    assert_int_equal(replay_compare_create(&replay->compare, day->fills, day->fill_count),
                     STATUS_OK);
    open_market(replay, &stock, batch_capacity);
    run(replay, day->actions, day->action_count);
    assert_int_equal(replay_compare_close(replay->compare, result), STATUS_OK);
    replay_compare_destroy(replay->compare);
    assert_int_equal(engine_totals(replay->fixture.engine).open_orders, 0);
    assert_int_equal(order_desk_count(replay->desk), 0);
    close_market(replay);
}

static bool load(const char *file, bool rule_5, struct lobster *day)
{
    char path[TEST_PATH_BYTES];
    char message[LOBSTER_MESSAGE_MAX] = "";
    if (!test_paths_shared(path, file)) {
        print_message("skipped: no data\n");
        return false;
    }
    if (lobster_load(day, path, rule_5, message) != STATUS_OK) {
        fail_msg("%s", message);
    }
    return true;
}

static void print_result(const char *name, const char *rules, const struct replay *replay,
                         const struct replay_result *result)
{
    print_message("%s, %s: %s of %s recorded executions reproduced, %s others; event hash "
                  "%016" PRIx64 ", checksum %016" PRIx64 "\n",
                  name, rules, human_percent(result->reproduced, result->recorded).text,
                  human_number(result->recorded).text, human_number(result->unexpected).text,
                  replay->event_hash, replay->checksum);
}

/* `without`: executions reproduced without rule 5, as the data's documentation says (99.96 % and
 * 99.78 %). */
static void check_day(const char *file, const char *name, uint64_t recorded, uint64_t without)
{
    static struct replay replay;
    struct replay_result result;
    struct lobster day;
    if (!load(file, true, &day)) {
        skip();
    }
    replay_day(&replay, &day, 32, &result);
    print_result(name, "all rules", &replay, &result);
    assert_int_equal(result.recorded, recorded);
    assert_int_equal(result.reproduced, recorded);
    assert_int_equal(result.executed, recorded);
    assert_int_equal(result.unexpected, 0);
    assert_int_equal(replay.enters_that_traded, 0);
    assert_int_equal(replay.takes_with_remainder, 0);
    assert_int_equal(replay.rejected, 0);
    assert_int_equal(replay.passed_over, 0);
    uint64_t event_hash = replay.event_hash;
    uint64_t checksum = replay.checksum;
    /* The same with the smallest batch, so that steps are cut everywhere: nothing changes. */
    replay_day(&replay, &day, EVENT_BATCH_MIN, &result);
    assert_int_equal(replay.event_hash, event_hash);
    assert_int_equal(replay.checksum, checksum);
    lobster_destroy(&day);

    assert_true(load(file, false, &day));
    replay_day(&replay, &day, 32, &result);
    print_result(name, "without rule 5", &replay, &result);
    assert_int_equal(result.recorded, recorded);
    assert_int_equal(result.reproduced, without);
    assert_int_equal(replay.rejected, 0);
    lobster_destroy(&day);
}

static void test_goog_day(void **state)
{
    (void)state;
    check_day(GOOG, "GOOG", 7765, 7762);
}

static void test_aapl_hour(void **state)
{
    (void)state;
    check_day(AAPL, "AAPL", 4067, 4058);
}

/* Eight decimals of quantity, two of price. Here orders cross on entry, and the file may cancel
 * what the replay has filled. */
static void test_bitstamp_hours(void **state)
{
    (void)state;
    char path[TEST_PATH_BYTES];
    char message[TEXT_FILE_MESSAGE_MAX] = "";
    struct bitstamp bitstamp;
    if (!test_paths_shared(path, BITS)) {
        print_message("skipped: no data\n");
        skip();
    }
    if (bitstamp_load(&bitstamp, path, message) != STATUS_OK) {
        fail_msg("%s", message);
    }
    static struct replay replay;
    memset(&replay, 0, sizeof replay);
    struct id_map ids = {.count = 0};
    for (uint64_t index = 0; index < bitstamp.order_count; index++) {
        uint32_t at = 0;
        assert_int_equal(id_map_put(&ids, bitstamp.orders[index].order_id, &at), STATUS_OK);
        assert_int_equal(at, index);
    }
    replay.volume_ids = &ids;
    replay.volumes = calloc(bitstamp.order_count, sizeof *replay.volumes);
    assert_non_null(replay.volumes);
    struct command_instrument terms = {.tick_size = 1,
                                       .price_min = 1,
                                       .price_max = INT64_C(1000000000),
                                       .quantity_lots_max = UINT64_C(1) << 60,
                                       .price_decimals = BITSTAMP_PRICE_DECIMALS,
                                       .quantity_decimals = BITSTAMP_QUANTITY_DECIMALS,
                                       .state = TRADING_OPEN};
    open_market(&replay, &terms, 32);
    run(&replay, bitstamp.actions, bitstamp.action_count);
    close_market(&replay);
    uint64_t equal = 0;
    uint64_t compared = 0;
    bitstamp_compare(&bitstamp, replay.volumes, &equal, &compared);
    print_message("Bitstamp: executed volume of %" PRIu64 " of %" PRIu64
                  " orders as recorded (%s); event hash %016" PRIx64 ", checksum %016" PRIx64 "\n",
                  equal, compared, human_percent(equal, compared).text, replay.event_hash,
                  replay.checksum);
    assert_int_equal(compared, 756);
    assert_int_equal(equal, 657);
    assert_int_equal(replay.rejected, 0);
    free(replay.volumes);
    id_map_destroy(&ids);
    bitstamp_destroy(&bitstamp);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_goog_day),
        cmocka_unit_test(test_aapl_hour),
        cmocka_unit_test(test_bitstamp_hours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
