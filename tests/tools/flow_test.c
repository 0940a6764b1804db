#include "tools/flow.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "matching/base/random.h"
#include "tests/support/cmocka_all.h"
#include "tools/flow_book.h"
#include "tools/id_map.h"
#include "tools/plain_book.h"

#define ACTIONS 300000u

static uint64_t seed(void)
{
    const char *text = getenv("SEED");
    uint64_t value = text != NULL ? strtoull(text, NULL, 0) : 20260106;
    print_message("SEED=%llu\n", (unsigned long long)value);
    return value;
}

static struct flow *make(uint64_t flow_seed, uint32_t sessions, uint32_t instruments, bool reported)
{
    struct flow *flow = NULL;
    struct flow_options options = {
        .seed = flow_seed, .sessions = sessions, .instruments = instruments, .reported = reported};
    assert_int_equal(flow_create(&flow, &options), STATUS_OK);
    return flow;
}

static void test_same_seed_same_actions(void **state)
{
    (void)state;
    struct flow *flows[3] = {make(7, 50, 9, false), make(7, 50, 9, false), make(8, 50, 9, false)};
    uint32_t different = 0;
    for (uint32_t index = 0; index < 20000; index++) {
        struct market_action actions[3];
        for (uint32_t which = 0; which < 3; which++) {
            memset(&actions[which], 0, sizeof actions[which]);
            flow_next(flows[which], &actions[which]);
        }
        assert_memory_equal(&actions[0], &actions[1], sizeof actions[0]);
        different += memcmp(&actions[0], &actions[2], sizeof actions[0]) != 0 ? 1 : 0;
    }
    assert_true(different > 19000);
    for (uint32_t which = 0; which < 3; which++) {
        flow_destroy(flows[which]);
    }
}

/* An exact price-time book per instrument, which the flow knows nothing of. */
struct market {
    struct plain_book *books[3];
    struct id_map ids;
};

static void trade(struct market *market, struct flow *flow, const struct market_action *action,
                  uint32_t order, bool report)
{
    struct plain_book *book = market->books[action->instrument];
    enum side side = (enum side)action->side;
    uint64_t left = action->quantity;
    uint32_t met = plain_book_meets(book, side, action->price);
    while (left > 0 && met != PLAIN_BOOK_NONE) {
        /* Entered and replaced orders never trade at once: the flow sees the best prices. */
        assert_int_equal(action->type, MARKET_ACTION_TAKE);
        uint64_t leaves = plain_book_leaves(book, met);
        uint64_t lots = leaves < left ? leaves : left;
        plain_book_take(book, met, lots);
        left -= lots;
        if (report) {
            flow_filled(flow, market->ids.ids[met], lots);
        }
        met = plain_book_meets(book, side, action->price);
    }
    if (action->type != MARKET_ACTION_TAKE) {
        plain_book_add(book, order, side, action->price, left);
    }
}

static void apply(struct market *market, struct flow *flow, const struct market_action *action,
                  bool report)
{
    struct plain_book *book = market->books[action->instrument];
    uint32_t order = 0;
    assert_true(action->quantity > 0);
    assert_in_range(action->side, SIDE_BUY, SIDE_SELL);
    if (action->type == MARKET_ACTION_CANCEL || action->type == MARKET_ACTION_REPLACE) {
        assert_true(id_map_find(&market->ids, action->order_id, &order));
        assert_true(plain_book_leaves(book, order) > 0);
        plain_book_take(book, order, plain_book_leaves(book, order));
    }
    if (action->type != MARKET_ACTION_CANCEL) {
        int64_t low = 0;
        int64_t high = 0;
        flow_price_range(flow, action->instrument, &low, &high);
        assert_true(action->price >= low && action->price <= high);
        assert_int_equal(action->price % flow_tick_size(flow, action->instrument), 0);
        uint32_t before = market->ids.count;
        uint64_t id =
            action->type == MARKET_ACTION_REPLACE ? action->new_order_id : action->order_id;
        assert_int_equal(id_map_put(&market->ids, id, &order), STATUS_OK);
        assert_int_equal(order, before); /* Ids are never used twice. */
        trade(market, flow, action, order, report);
    }
}

/* Everything that the flow does makes sense in an exact book, and its view is that book. */
static void check_consistent(bool reported)
{
    struct flow *flow = make(seed(), 100, 3, reported);
    struct market market = {.ids = {.count = 0}};
    for (uint32_t index = 0; index < 3; index++) {
        assert_int_equal(plain_book_create(&market.books[index], ACTIONS), STATUS_OK);
    }
    uint64_t time_ns = 0;
    uint64_t counts[6] = {0};
    for (uint32_t index = 0; index < ACTIONS / 2; index++) {
        struct market_action action;
        flow_next(flow, &action);
        assert_true(action.time_ns >= time_ns);
        assert_in_range(action.session, 0, 99);
        assert_in_range(action.instrument, 0, 2);
        time_ns = action.time_ns;
        counts[action.type]++;
        apply(&market, flow, &action, reported);
        struct flow_view view;
        flow_look(flow, action.instrument, &view);
        uint32_t bid = plain_book_best(market.books[action.instrument], SIDE_BUY);
        uint32_t ask = plain_book_best(market.books[action.instrument], SIDE_SELL);
        assert_int_equal(view.bid_set, bid != PLAIN_BOOK_NONE);
        assert_int_equal(view.ask_set, ask != PLAIN_BOOK_NONE);
        if (view.bid_set) {
            assert_int_equal(view.bid_price,
                             plain_book_price(market.books[action.instrument], bid));
        }
        if (view.ask_set) {
            assert_int_equal(view.ask_price,
                             plain_book_price(market.books[action.instrument], ask));
        }
    }
    assert_true(counts[MARKET_ACTION_ENTER] > 1000 && counts[MARKET_ACTION_TAKE] > 1000);
    assert_true(counts[MARKET_ACTION_CANCEL] > 1000 && counts[MARKET_ACTION_REPLACE] > 1000);
    for (uint32_t index = 0; index < 3; index++) {
        plain_book_destroy(market.books[index]);
    }
    id_map_destroy(&market.ids);
    flow_destroy(flow);
}

static void test_alone_its_view_is_an_exact_book(void **state)
{
    (void)state;
    check_consistent(false);
}

static void test_with_reports_its_view_is_an_exact_book(void **state)
{
    (void)state;
    check_consistent(true);
}

static void test_what_is_gone_is_not_touched_again(void **state)
{
    (void)state;
    struct flow *flow = make(seed(), 10, 2, true);
    struct id_map gone = {.count = 0};
    struct random random;
    random_seed(&random, 1);
    uint32_t index = 0;
    for (uint32_t step = 0; step < 50000; step++) {
        struct market_action action;
        flow_next(flow, &action);
        if (action.type == MARKET_ACTION_CANCEL || action.type == MARKET_ACTION_REPLACE) {
            assert_false(id_map_find(&gone, action.order_id, &index));
        }
        if (action.type == MARKET_ACTION_TAKE) {
            continue; /* Has no slot. */
        }
        uint64_t id = action.type == MARKET_ACTION_REPLACE ? action.new_order_id : action.order_id;
        if (random_below(&random, 4) == 0) {
            flow_gone(flow, id);
            flow_gone(flow, id); /* Told twice: nothing more happens. */
            assert_int_equal(id_map_put(&gone, id, &index), STATUS_OK);
        }
        /* Nor does an old id touch the order that has its slot now. */
        struct flow_view before;
        struct flow_view after;
        uint64_t old = gone.count == 0 ? 0 : gone.ids[random_below(&random, gone.count)];
        flow_look(flow, flow_slot(old) / FLOW_BOOK_ORDERS_MAX, &before);
        flow_gone(flow, old);
        flow_filled(flow, old, 1000000);
        flow_look(flow, flow_slot(old) / FLOW_BOOK_ORDERS_MAX, &after);
        assert_int_equal(before.live_count, after.live_count);
    }
    flow_gone(flow, UINT64_MAX);
    flow_gone(flow, 0);
    flow_filled(flow, (UINT64_C(1) << 40) | 5, 1);
    id_map_destroy(&gone);
    flow_destroy(flow);
}

/* How often each quantity comes must be what the table of equally likely ones says. */
static void check_sizes(const uint32_t *table, const uint64_t *seen, uint64_t seen_max,
                        uint64_t count, double bound)
{
    double distance = 0.0;
    for (uint64_t size = 0; size < seen_max; size++) {
        double expected = 0.0;
        for (uint32_t index = 0; index < FLOW_SIZES; index++) {
            expected += table[index] == size ? 1.0 / FLOW_SIZES : 0.0;
        }
        distance += fabs((double)seen[size] / (double)count - expected);
    }
    print_message("sizes: %llu orders, total variation %.4f\n", (unsigned long long)count,
                  distance / 2.0);
    assert_true(distance / 2.0 < bound);
}

static void check_rate(const char *name, double found, double fitted, double bound)
{
    print_message("%s: %.4g, fitted %.4g\n", name, found, fitted);
    assert_true(fabs(found / fitted - 1.0) < bound);
}

/* Stated bounds, all beyond five standard deviations of chance: rates within 3 % of the fitted ones
 * (6 % for takes and replaces, which are rare), mean spread within 8 %, open orders within 15 %,
 * quantities other than fitted in 1.5 % of the limit orders and 4 % of the takes. */
static void check_statistics(uint32_t which)
{
    enum { SIZES = 2048 };
    static uint64_t enter_sizes[SIZES];
    static uint64_t take_sizes[SIZES];
    memset(enter_sizes, 0, sizeof enter_sizes);
    memset(take_sizes, 0, sizeof take_sizes);
    const struct flow_parameters *fitted = flow_fitted(which);
    struct flow *flow = NULL;
    struct flow_options options = {
        .seed = seed(), .sessions = 10, .instruments = 1, .parameters = fitted};
    assert_int_equal(flow_create(&flow, &options), STATUS_OK);
    double counts[6] = {0};
    double seconds = 0.0;
    double live_time = 0.0;
    double spread_time = 0.0;
    uint64_t before_ns = 0;
    for (uint32_t index = 0; index < ACTIONS; index++) {
        struct market_action action;
        struct flow_view view;
        flow_look(flow, 0, &view);
        flow_next(flow, &action);
        double passed = 1e-9 * (double)(action.time_ns - before_ns);
        before_ns = action.time_ns;
        if (index < ACTIONS / 10) {
            continue;
        }
        seconds += passed;
        live_time += passed * view.live_count;
        spread_time +=
            passed * (double)(view.ask_price - view.bid_price) / (double)fitted->tick_size;
        assert_true(view.bid_set && view.ask_set);
        counts[action.type] += 1.0;
        assert_true(action.quantity < SIZES);
        if (action.type == MARKET_ACTION_TAKE) {
            take_sizes[action.quantity]++;
        } else if (action.type != MARKET_ACTION_CANCEL) {
            enter_sizes[action.quantity]++;
        }
    }
    flow_destroy(flow);
    double cancels = counts[MARKET_ACTION_CANCEL] + counts[MARKET_ACTION_REPLACE];
    double enters = counts[MARKET_ACTION_ENTER] + counts[MARKET_ACTION_REPLACE];
    print_message("%s, %.0f s\n", fitted->name, seconds);
    check_rate("enter_rate", counts[MARKET_ACTION_ENTER] / seconds, fitted->enter_rate, 0.03);
    check_rate("take_rate", counts[MARKET_ACTION_TAKE] / seconds, fitted->take_rate, 0.06);
    check_rate("cancel_rate", cancels / live_time, fitted->cancel_rate, 0.03);
    check_rate("replace_fraction", counts[MARKET_ACTION_REPLACE] / cancels,
               fitted->replace_fraction, 0.06);
    check_rate("live_mean", live_time / seconds, fitted->live_mean, 0.15);
    check_rate("spread_ticks_mean", spread_time / seconds, fitted->spread_ticks_mean, 0.08);
    check_sizes(fitted->enter_lots, enter_sizes, SIZES, (uint64_t)enters, 0.015);
    check_sizes(fitted->take_lots, take_sizes, SIZES, (uint64_t)counts[MARKET_ACTION_TAKE], 0.04);
}

static void test_statistics_are_the_fitted_ones(void **state)
{
    (void)state;
    for (uint32_t which = 0; which < FLOW_FITTED_COUNT; which++) {
        check_statistics(which);
    }
}

static void test_sessions_and_instruments_share_evenly(void **state)
{
    (void)state;
    struct flow *flow = make(seed(), 20, 8, false);
    uint32_t sessions[20] = {0};
    uint32_t instruments[8] = {0};
    for (uint32_t index = 0; index < 200000; index++) {
        struct market_action action;
        flow_next(flow, &action);
        sessions[action.session]++;
        instruments[action.instrument]++;
    }
    for (uint32_t index = 0; index < 20; index++) {
        assert_in_range(sessions[index], 9000, 11000);
    }
    /* Instruments with the same parameters are alike; AAPL is busier than GOOG. */
    for (uint32_t index = 2; index < 8; index++) {
        double ratio = (double)instruments[index] / instruments[index % 2];
        assert_true(ratio > 0.9 && ratio < 1.1);
    }
    assert_true(instruments[1] > 3 * instruments[0]);
    flow_destroy(flow);
}

static void test_options_are_checked(void **state)
{
    (void)state;
    struct flow *flow = NULL;
    struct flow_options options = {.sessions = 0, .instruments = 1};
    assert_int_equal(flow_create(&flow, &options), STATUS_BAD_ARGUMENT);
    options = (struct flow_options){.sessions = 1, .instruments = 0};
    assert_int_equal(flow_create(&flow, &options), STATUS_BAD_ARGUMENT);
    options = (struct flow_options){.sessions = 1, .instruments = FLOW_INSTRUMENTS_MAX + 1};
    assert_int_equal(flow_create(&flow, &options), STATUS_BAD_ARGUMENT);
    struct flow_parameters wrong = *flow_fitted(0);
    wrong.take_lots[3] = 0;
    options = (struct flow_options){.sessions = 1, .instruments = 1, .parameters = &wrong};
    assert_int_equal(flow_create(&flow, &options), STATUS_BAD_ARGUMENT);
    wrong = *flow_fitted(0);
    wrong.cancel_rate = 0.0;
    assert_int_equal(flow_create(&flow, &options), STATUS_BAD_ARGUMENT);
    wrong = *flow_fitted(0);
    assert_int_equal(flow_create(&flow, &options), STATUS_OK);
    flow_destroy(flow);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_seed_same_actions),
        cmocka_unit_test(test_alone_its_view_is_an_exact_book),
        cmocka_unit_test(test_with_reports_its_view_is_an_exact_book),
        cmocka_unit_test(test_what_is_gone_is_not_touched_again),
        cmocka_unit_test(test_statistics_are_the_fitted_ones),
        cmocka_unit_test(test_sessions_and_instruments_share_evenly),
        cmocka_unit_test(test_options_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
