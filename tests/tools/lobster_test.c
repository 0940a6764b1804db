#include "tools/lobster.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/text_fixture.h"

#define GOOG "data/lobster/GOOG_2012-06-21_34200000_57600000_message_10.csv.xz"
#define AAPL "data/lobster/AAPL_2012-06-21_message_50.csv.xz"

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

/* One line for each action: "N 10 B 100 5", "R 10 2 -> 3", "C 10", "X 1 S 100 5". */
static void write_actions(const struct lobster *lobster, char *text, size_t text_bytes)
{
    size_t used = 0;
    for (uint64_t index = 0; index < lobster->action_count; index++) {
        const struct market_action *action = &lobster->actions[index];
        bool take = action->type == MARKET_ACTION_TAKE;
        uint64_t id = take ? action->order_id - MARKET_TAKE_ID : action->order_id;
        char side = action->side == SIDE_BUY ? 'B' : 'S';
        int bytes = 0;
        if (action->type == MARKET_ACTION_CANCEL) {
            bytes = snprintf(text + used, text_bytes - used, "C %" PRIu64 "\n", id);
        } else if (action->type == MARKET_ACTION_REDUCE) {
            bytes = snprintf(text + used, text_bytes - used,
                             "R %" PRIu64 " %" PRIu64 " -> %" PRIu64 "\n", id, action->quantity,
                             action->total);
        } else {
            bytes = snprintf(text + used, text_bytes - used,
                             "%c %" PRIu64 " %c %" PRId64 " %" PRIu64 "\n", take ? 'X' : 'N', id,
                             side, action->price, action->quantity);
        }
        assert_true(bytes > 0 && used + (size_t)bytes < text_bytes);
        used += (size_t)bytes;
    }
}

static void check_actions(const char *rows, bool rule_5, const char *expected)
{
    struct lobster lobster;
    char message[LOBSTER_MESSAGE_MAX];
    char text[2048] = "";
    text_fixture_write(&fixture, "rules.csv", rows);
    assert_int_equal(lobster_load(&lobster, fixture.path, rule_5, message), STATUS_OK);
    write_actions(&lobster, text, sizeof text);
    assert_string_equal(text, expected);
    lobster_destroy(&lobster);
}

static void test_rules_3_4_and_6(void **state)
{
    (void)state;
    check_actions("1,1,10,5,100,1\n"
                  "1,1,11,5,101,1\n"
                  "1,1,12,9,90,1\n"
                  "2,4,11,5,101,1\n" /* One incoming sell: 5 at 101, hidden 7, 2 at 100. */
                  "2,5,0,7,101,1\n"
                  "2,4,10,2,100,1\n"
                  "3,4,10,1,100,1\n" /* Another time: another order; 10's rest was deleted. */
                  "4,2,12,4,90,1\n"
                  "5,2,12,1,90,1\n"
                  "6,3,12,4,90,1\n",
                  true,
                  "N 10 B 100 5\nN 11 B 101 5\nN 12 B 90 9\nX 1 S 100 7\nX 2 S 100 1\nC 10\n"
                  "R 12 4 -> 5\nR 12 1 -> 4\nC 12\n");
}

static void test_incoming_orders_end_where_the_side_changes(void **state)
{
    (void)state;
    check_actions("1,1,10,5,100,1\n1,1,11,5,102,-1\n2,4,10,5,100,1\n2,4,11,5,102,-1\n", true,
                  "N 10 B 100 5\nN 11 S 102 5\nX 1 S 100 5\nX 2 B 102 5\n");
}

static void test_early_orders_and_sizes(void **state)
{
    (void)state;
    /* 15 has no type-1 row and is entered before 20, with the sum of its rows. */
    check_actions("1,1,10,5,100,1\n2,1,20,5,100,1\n3,4,10,5,100,1\n3,4,15,3,100,1\n4,2,15,2,100,1\n"
                  "5,3,20,5,100,1\n",
                  true, "N 10 B 100 5\nN 15 B 100 5\nN 20 B 100 5\nX 1 S 100 8\nC 15\nC 20\n");
    /* New only after a row of its own: entered once, before that row. */
    check_actions("1,4,11,2,100,1\n2,1,11,5,100,1\n3,3,11,5,100,1\n", true,
                  "N 11 B 100 7\nX 1 S 100 2\nC 11\n");
    /* A burst: 30 and 20 are older than their rows; 20's size is the larger of both. */
    check_actions(
        "1,1,10,5,100,1\n2,1,40,5,99,1\n3,1,30,5,100,1\n3,1,20,2,100,1\n4,3,20,4,100,1\n"
        "5,3,30,5,100,1\n6,3,10,5,100,1\n7,3,40,5,99,1\n",
        true, "N 10 B 100 5\nN 20 B 100 4\nN 30 B 100 5\nN 40 B 99 5\nC 20\nC 30\nC 10\nC 40\n");
}

static void test_rule_5_enters_passed_over_orders_again(void **state)
{
    (void)state;
    const char *rows = "1,1,10,5,100,1\n1,1,11,5,100,1\n2,4,11,3,100,1\n3,3,10,5,100,1\n"
                       "4,3,11,2,100,1\n";
    check_actions(rows, true,
                  "N 10 B 100 5\nN 11 B 100 5\nC 10\nN 10 B 100 5\nX 1 S 100 3\nC 10\nC 11\n");
    check_actions(rows, false, "N 10 B 100 5\nN 11 B 100 5\nX 1 S 100 3\nC 10\nC 11\n");
    struct lobster lobster;
    char message[LOBSTER_MESSAGE_MAX];
    assert_int_equal(lobster_load(&lobster, fixture.path, true, message), STATUS_OK);
    assert_int_equal(lobster.exception_count, 1);
    assert_int_equal(lobster.exceptions[0].line, 3);
    assert_int_equal(lobster.exceptions[0].order_id, 10);
    assert_int_equal(lobster.unmatched_takes, 0);
    assert_int_equal(lobster.fill_count, 1);
    assert_int_equal(lobster.fills[0].line, 3);
    assert_int_equal(lobster.fills[0].resting_id, 11);
    assert_int_equal(lobster.fills[0].take_id, MARKET_TAKE_ID + 1);
    assert_int_equal(lobster.fills[0].quantity, 3);
    assert_int_equal(lobster.fills[0].price, 100);
    lobster_destroy(&lobster);
    assert_int_equal(lobster_load(&lobster, fixture.path, false, message), STATUS_OK);
    assert_int_equal(lobster.unmatched_takes, 1);
    assert_int_equal(lobster.exception_count, 0);
    lobster_destroy(&lobster);
}

static void test_bad_file(void **state)
{
    (void)state;
    struct lobster lobster;
    char message[LOBSTER_MESSAGE_MAX] = "";
    text_fixture_write(&fixture, "bad.csv", "1,1,10,5,100,1\n1,1,11,5,100,2\n");
    assert_int_equal(lobster_load(&lobster, fixture.path, true, message), STATUS_BAD_FORMAT);
    assert_non_null(strstr(message, "bad.csv:2: direction \"2\""));
    assert_int_equal(lobster_load(&lobster, "/nowhere.csv", true, message), STATUS_NOT_FOUND);
    assert_non_null(strstr(message, "/nowhere.csv"));
}

/* The three files of the published converter, from our conversion. */
static void write_like_python(const struct lobster *lobster, const char *prefix)
{
    char path[TEST_PATH_BYTES + 80];
    (void)snprintf(path, sizeof path, "%s.cmds.csv", prefix);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (uint64_t index = 0; index < lobster->action_count; index++) {
        const struct market_action *action = &lobster->actions[index];
        bool take = action->type == MARKET_ACTION_TAKE;
        (void)fprintf(file, "%" PRIu64 ",SYM,%c,%s%" PRIu64 ",", action->time_ns,
                      " NXRC"[action->type], take ? "x" : "",
                      take ? action->order_id - MARKET_TAKE_ID : action->order_id);
        if (action->type == MARKET_ACTION_ENTER || take) {
            (void)fprintf(file, "%c,%" PRId64 ",%" PRIu64 "\n",
                          action->side == SIDE_BUY ? 'B' : 'S', action->price, action->quantity);
        } else if (action->type == MARKET_ACTION_REDUCE) {
            (void)fprintf(file, ",,%" PRIu64 "\n", action->quantity);
        } else {
            (void)fprintf(file, ",,\n");
        }
    }
    assert_int_equal(fclose(file), 0);
    (void)snprintf(path, sizeof path, "%s.fills.csv", prefix);
    file = fopen(path, "w");
    assert_non_null(file);
    for (uint64_t index = 0; index < lobster->fill_count; index++) {
        const struct market_fill *fill = &lobster->fills[index];
        (void)fprintf(file, "%" PRIu64 ",SYM,x%" PRIu64 ",%" PRIu64 ",%" PRId64 ",%" PRIu64 "\n",
                      fill->time_ns, fill->take_id - MARKET_TAKE_ID, fill->resting_id, fill->price,
                      fill->quantity);
    }
    assert_int_equal(fclose(file), 0);
    (void)snprintf(path, sizeof path, "%s.exceptions.csv", prefix);
    file = fopen(path, "w");
    assert_non_null(file);
    for (uint64_t index = 0; index < lobster->exception_count; index++) {
        (void)fprintf(file, "%" PRIu64 ",%" PRIu64 "\n", lobster->exceptions[index].line,
                      lobster->exceptions[index].order_id);
    }
    assert_int_equal(fclose(file), 0);
}

struct day {
    const char *file;
    uint64_t counts[4]; /* Enter, take, reduce, cancel. */
    uint64_t fills;
    uint64_t exceptions;
    uint64_t unmatched_without_rule_5;
};

static const struct day days[] = {
    {GOOG, {74470, 5931, 19, 68905}, 7765, 2, 3},
    {AAPL, {44342, 3290, 469, 41390}, 4067, 6, 8},
};

static void check_counts(const struct lobster *lobster, const struct day *day)
{
    uint64_t counts[6] = {0};
    uint64_t time_ns = 0;
    for (uint64_t index = 0; index < lobster->action_count; index++) {
        const struct market_action *action = &lobster->actions[index];
        assert_in_range(action->type, MARKET_ACTION_ENTER, MARKET_ACTION_CANCEL);
        counts[action->type]++;
        assert_true(action->time_ns >= time_ns);
        time_ns = action->time_ns;
    }
    assert_memory_equal(&counts[MARKET_ACTION_ENTER], day->counts, sizeof day->counts);
    assert_int_equal(lobster->fill_count, day->fills);
    assert_int_equal(lobster->exception_count, day->exceptions);
    assert_int_equal(lobster->unmatched_takes, 0);
}

static void compare_with_python(const struct lobster *lobster, const char *path)
{
    char script[TEST_PATH_BYTES];
    char ours[TEST_PATH_BYTES + 16];
    char theirs[TEST_PATH_BYTES + 16];
    const char *const version[] = {"python3", "--version", NULL};
    if (!test_paths_shared(script, "data/lobster_convert.py") || !text_fixture_run(version)) {
        print_message("only counts compared: no python3 or no converter\n");
        return;
    }
    (void)snprintf(ours, sizeof ours, "%s/ours", fixture.directory);
    (void)snprintf(theirs, sizeof theirs, "%s/theirs", fixture.directory);
    const char *const convert[] = {"python3", script, "SYM", path, theirs, NULL};
    assert_true(text_fixture_run(convert));
    write_like_python(lobster, ours);
    static const char *const endings[] = {".cmds.csv", ".fills.csv", ".exceptions.csv"};
    for (size_t index = 0; index < 3; index++) {
        char left[TEST_PATH_BYTES + 48];
        char right[TEST_PATH_BYTES + 48];
        (void)snprintf(left, sizeof left, "%s%s", ours, endings[index]);
        (void)snprintf(right, sizeof right, "%s%s", theirs, endings[index]);
        assert_true(text_fixture_equal(left, right));
    }
}

static void test_real_days_equal_the_published_converter(void **state)
{
    (void)state;
    for (size_t index = 0; index < sizeof days / sizeof days[0]; index++) {
        char path[TEST_PATH_BYTES];
        if (!test_paths_shared(path, days[index].file)) {
            print_message("skipped: no data\n");
            skip();
        }
        struct lobster lobster;
        char message[LOBSTER_MESSAGE_MAX] = "";
        if (lobster_load(&lobster, path, true, message) != STATUS_OK) {
            fail_msg("%s", message);
        }
        check_counts(&lobster, &days[index]);
        compare_with_python(&lobster, path);
        lobster_destroy(&lobster);
        assert_int_equal(lobster_load(&lobster, path, false, message), STATUS_OK);
        assert_int_equal(lobster.unmatched_takes, days[index].unmatched_without_rule_5);
        assert_int_equal(lobster.exception_count, 0);
        lobster_destroy(&lobster);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules_3_4_and_6),
        cmocka_unit_test(test_incoming_orders_end_where_the_side_changes),
        cmocka_unit_test(test_early_orders_and_sizes),
        cmocka_unit_test(test_rule_5_enters_passed_over_orders_again),
        cmocka_unit_test(test_bad_file),
        cmocka_unit_test(test_real_days_equal_the_published_converter),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
