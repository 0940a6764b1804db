#include "tools/bitstamp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/text_fixture.h"
#include "tools/id_map.h"
#include "tools/plain_book.h"

#define FILE_NAME "data/bitstamp/2015-05-01_orders.csv.xz"
#define HEADER    "id,timestamp,exchange.timestamp,price,volume,action,direction\n"

static struct text_fixture fixture;

static int set_up(void **state)
{
    (void)state;
    text_fixture_make(&fixture);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    text_fixture_remove(&fixture);
    return 0;
}

static void check_action(const struct bitstamp *bitstamp, uint64_t index, uint8_t type, uint64_t id,
                         uint8_t side, int64_t price, uint64_t quantity, uint64_t time_ms)
{
    assert_true(index < bitstamp->action_count);
    const struct market_action *action = &bitstamp->actions[index];
    assert_int_equal(action->type, type);
    assert_int_equal(action->order_id, id);
    assert_int_equal(action->side, side);
    assert_int_equal(action->price, price);
    assert_int_equal(action->quantity, quantity);
    assert_int_equal(action->time_ns, time_ms * 1000000);
}

static void test_rows_become_actions(void **state)
{
    (void)state;
    text_fixture_write(&fixture, "rows.csv",
                       HEADER "5,1000,1000,236.4,200,created,bid\n"
                              "3,1001,900,237,70,changed,ask\n"     /* Older: entered. */
                              "5,1002,1000,236.4,150,changed,bid\n" /* A trade: nothing. */
                              "2,1003,900,237.01,0,deleted,ask\n"   /* Older and filled. */
                              "1,1003,900,237.01,9,deleted,ask\n"   /* Older, never entered. */
                              "5,1004,1000,236.4,150,deleted,bid\n"
                              "5,1004,1000,236.4,150,deleted,bid\n" /* Said twice. */
                              "6,1005,1000,236.45,30,created,ask\n"
                              "6,1006,1000,236.45,0,deleted,ask\n");
    struct bitstamp bitstamp;
    char message[TEXT_FILE_MESSAGE_MAX];
    assert_int_equal(bitstamp_load(&bitstamp, fixture.path, message), STATUS_OK);
    assert_int_equal(bitstamp.row_count, 9);
    assert_int_equal(bitstamp.action_count, 4);
    assert_int_equal(bitstamp.older_count, 1);
    check_action(&bitstamp, 0, MARKET_ACTION_ENTER, 5, SIDE_BUY, 23640, 200, 0);
    check_action(&bitstamp, 1, MARKET_ACTION_ENTER, 3, SIDE_SELL, 23700, 70, 1);
    check_action(&bitstamp, 2, MARKET_ACTION_CANCEL, 5, SIDE_BUY, 0, 150, 4);
    check_action(&bitstamp, 3, MARKET_ACTION_ENTER, 6, SIDE_SELL, 23645, 30, 5);
    assert_int_equal(bitstamp.order_count, 2);
    assert_int_equal(bitstamp.orders[0].order_id, 5);
    assert_int_equal(bitstamp.orders[0].executed, 50);
    assert_int_equal(bitstamp.orders[1].executed, 30);
    uint64_t equal = 0;
    uint64_t compared = 0;
    uint64_t executed[2] = {50, 0};
    bitstamp_compare(&bitstamp, executed, &equal, &compared);
    assert_int_equal(equal, 1);
    assert_int_equal(compared, 2);
    bitstamp_destroy(&bitstamp);
}

static void test_bad_rows_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        const char *says;
    } cases[] = {
        {"5,1000,1000,236.4,200,created", "6 fields instead of 7"},
        {"x,1000,1000,236.4,200,created,bid", "no order id"},
        {"6,1e3,1000,236.4,200,created,bid", "no time"},
        {"6,1000,,236.4,200,created,bid", "no time"},
        {"6,999,1000,236.4,200,created,bid", "before the row above"},
        {"6,1000,1000,236.456,200,created,bid", "no price"},
        {"6,1000,1000,0,200,created,bid", "no price"},
        {"6,1000,1000,236.4,0,created,bid", "no volume"},
        {"6,1000,1000,236.4,0,changed,bid", "no volume"},
        {"6,1000,1000,236.4,1.5,created,bid", "no volume"},
        {"6,1000,1000,236.4,2,filled,bid", "action \"filled\""},
        {"6,1000,1000,236.4,2,created,buy", "direction \"buy\""},
        {"5,1000,1000,236.4,2,created,bid", "created a second time"},
        {"5,1000,1000,236.4,201,changed,bid", "more is left"},
    };
    struct bitstamp bitstamp;
    char message[TEXT_FILE_MESSAGE_MAX] = "";
    for (size_t index = 0; index < sizeof cases / sizeof cases[0]; index++) {
        char text[512];
        (void)snprintf(text, sizeof text, HEADER "5,1000,1000,236.4,200,created,bid\n%s\n",
                       cases[index].line);
        text_fixture_write(&fixture, "bad.csv", text);
        assert_int_equal(bitstamp_load(&bitstamp, fixture.path, message), STATUS_BAD_FORMAT);
        if (strstr(message, "bad.csv:3: ") == NULL || strstr(message, cases[index].says) == NULL) {
            fail_msg("\"%s\" does not say \"%s\"", message, cases[index].says);
        }
    }
    text_fixture_write(&fixture, "headless.csv", "5,1000,1000,236.4,200,created,bid\n");
    assert_int_equal(bitstamp_load(&bitstamp, fixture.path, message), STATUS_BAD_FORMAT);
    assert_non_null(strstr(message, "headless.csv:1: not the header"));
    text_fixture_write(&fixture, "empty.csv", "");
    assert_int_equal(bitstamp_load(&bitstamp, fixture.path, message), STATUS_BAD_FORMAT);
    assert_int_equal(bitstamp_load(&bitstamp, "/nowhere.csv", message), STATUS_NOT_FOUND);
}

/* Executed volumes by id, in an exact book. */
struct replay {
    struct plain_book *book;
    struct id_map ids;
    uint64_t *executed;
};

static void replay_enter(struct replay *replay, const struct market_action *action, uint32_t order)
{
    enum side side = (enum side)action->side;
    uint64_t left = action->quantity;
    uint32_t met = plain_book_meets(replay->book, side, action->price);
    while (left > 0 && met != PLAIN_BOOK_NONE) {
        uint64_t leaves = plain_book_leaves(replay->book, met);
        uint64_t lots = leaves < left ? leaves : left;
        plain_book_take(replay->book, met, lots);
        replay->executed[met] += lots;
        replay->executed[order] += lots;
        left -= lots;
        met = plain_book_meets(replay->book, side, action->price);
    }
    if (left > 0) {
        plain_book_add(replay->book, order, side, action->price, left);
    }
}

static void test_real_file_as_documented(void **state)
{
    (void)state;
    char path[TEST_PATH_BYTES];
    if (!test_paths_shared(path, FILE_NAME)) {
        print_message("skipped: no data\n");
        skip();
    }
    struct bitstamp bitstamp;
    char message[TEXT_FILE_MESSAGE_MAX] = "";
    if (bitstamp_load(&bitstamp, path, message) != STATUS_OK) {
        fail_msg("%s", message);
    }
    assert_int_equal(bitstamp.row_count, 50414);
    assert_int_equal(bitstamp.order_count, 24894);
    struct replay replay = {.executed = calloc(bitstamp.action_count, sizeof(uint64_t))};
    assert_int_equal(plain_book_create(&replay.book, (uint32_t)bitstamp.action_count), STATUS_OK);
    for (uint64_t index = 0; index < bitstamp.action_count; index++) {
        const struct market_action *action = &bitstamp.actions[index];
        uint32_t order = 0;
        assert_int_equal(id_map_put(&replay.ids, action->order_id, &order), STATUS_OK);
        if (action->type == MARKET_ACTION_ENTER) {
            replay_enter(&replay, action, order);
        } else if (plain_book_leaves(replay.book, order) > 0) {
            plain_book_take(replay.book, order, plain_book_leaves(replay.book, order));
        }
    }
    uint64_t *executed = calloc(bitstamp.order_count, sizeof *executed);
    for (uint64_t index = 0; index < bitstamp.order_count; index++) {
        uint32_t order = 0;
        assert_true(id_map_find(&replay.ids, bitstamp.orders[index].order_id, &order));
        executed[index] = replay.executed[order];
    }
    uint64_t equal = 0;
    uint64_t compared = 0;
    bitstamp_compare(&bitstamp, executed, &equal, &compared);
    print_message("%llu of %llu\n", (unsigned long long)equal, (unsigned long long)compared);
    assert_int_equal(equal, 657);
    assert_int_equal(compared, 756);
    plain_book_destroy(replay.book);
    id_map_destroy(&replay.ids);
    free(replay.executed);
    free(executed);
    bitstamp_destroy(&bitstamp);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_become_actions),
        cmocka_unit_test(test_bad_rows_are_named),
        cmocka_unit_test(test_real_file_as_documented),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
