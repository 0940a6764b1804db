#include "tools/lobster_rows.h"

#include <stdio.h>
#include <string.h>

#include "matching/command.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/text_fixture.h"

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

static void test_rows(void **state)
{
    (void)state;
    text_fixture_write(&fixture, "rows.csv",
                       "34200.1,1,77,100,5859400,-1\r\n"
                       "34200.123456789,5,0,10,5859300,1\n"
                       "34200.1234567899999,4,77,40,5859400,-1\n"
                       "34201,7,0,0,-1,-1\n"
                       "34201,3,12,7,100,1"); /* The last line's end is missing. */
    struct lobster_rows rows;
    char message[TEXT_FILE_MESSAGE_MAX];
    assert_int_equal(lobster_rows_load(&rows, fixture.path, message), STATUS_OK);
    assert_int_equal(rows.count, 5);
    assert_int_equal(rows.ids.count, 2);
    assert_int_equal(rows.rows[0].time_ns, UINT64_C(34200100000000));
    assert_int_equal(rows.rows[0].quantity, 100);
    assert_int_equal(rows.rows[0].price, 5859400);
    assert_int_equal(rows.rows[0].side, SIDE_SELL);
    assert_int_equal(rows.rows[0].type, LOBSTER_ROW_NEW);
    assert_int_equal(rows.ids.ids[rows.rows[0].order], 77);
    assert_int_equal(rows.rows[1].type, LOBSTER_ROW_HIDDEN);
    assert_int_equal(rows.rows[2].time_ns, UINT64_C(34200123456789));
    assert_int_equal(rows.rows[2].order, rows.rows[0].order);
    assert_int_equal(rows.rows[3].type, LOBSTER_ROW_HALT);
    assert_int_equal(rows.rows[4].side, SIDE_BUY);
    assert_int_equal(rows.ids.ids[rows.rows[4].order], 12);
    lobster_rows_destroy(&rows);
}

static void test_bad_rows_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *line; /* The third of the file. */
        const char *says;
    } cases[] = {
        {"", "1 fields instead of 6"},
        {"34200,1,9,1,1", "5 fields instead of 6"},
        {"34200,1,9,1,1,1,1", "7 fields instead of 6"},
        {"time,type,order_id,size,price,direction", "type \"type\" is not 1 to 7"},
        {"34200.x,1,9,1,1,1", "time \"34200.x\""},
        {"-1,1,9,1,1,1", "time \"-1\""},
        {"86401,1,9,1,1,1", "time \"86401\""},
        {"34199.999999999,1,9,1,1,1", "is before the row above"},
        {"34200,0,9,1,1,1", "type \"0\""},
        {"34200,8,9,1,1,1", "type \"8\""},
        {"34200,1,0,1,1,1", "no order id"},
        {"34200,1,4611686018427387904,1,1,1", "no order id"},
        {"34200,1,9,0,1,1", "no size"},
        {"34200,1,9,-5,1,1", "no size"},
        {"34200,1,9,1,0,1", "no price"},
        {"34200,1,9,1,-1,1", "no price"},
        {"34200,1,9,1,1,0", "direction \"0\""},
        {"34200,1,9,1,1,11", "direction \"11\""},
        {"34200,4,1,1,100,-1", "order 1 had another price or direction"},
        {"34200,4,1,1,101,1", "order 1 had another price or direction"},
        {"34200,1,1,1,100,1", "order 1 is new a second time"},
    };
    for (size_t index = 0; index < sizeof cases / sizeof cases[0]; index++) {
        char text[256];
        (void)snprintf(text, sizeof text, "34200,1,1,5,100,1\n34200,1,2,5,100,1\n%s\n",
                       cases[index].line);
        text_fixture_write(&fixture, "bad.csv", text);
        struct lobster_rows rows;
        char message[TEXT_FILE_MESSAGE_MAX] = "";
        assert_int_equal(lobster_rows_load(&rows, fixture.path, message), STATUS_BAD_FORMAT);
        char place[TEST_PATH_BYTES + 80];
        (void)snprintf(place, sizeof place, "%s:3: ", fixture.path);
        assert_memory_equal(message, place, strlen(place));
        if (strstr(message, cases[index].says) == NULL) {
            fail_msg("\"%s\" does not say \"%s\"", message, cases[index].says);
        }
    }
}

static void test_a_file_without_orders_is_refused(void **state)
{
    (void)state;
    struct lobster_rows rows;
    char message[TEXT_FILE_MESSAGE_MAX] = "";
    text_fixture_write(&fixture, "empty.csv", "");
    assert_int_equal(lobster_rows_load(&rows, fixture.path, message), STATUS_BAD_FORMAT);
    assert_non_null(strstr(message, "there are no orders"));
    text_fixture_write(&fixture, "hidden.csv", "34200,5,0,1,1,1\n");
    assert_int_equal(lobster_rows_load(&rows, fixture.path, message), STATUS_BAD_FORMAT);
    assert_int_equal(lobster_rows_load(&rows, "/nowhere.csv", message), STATUS_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_bad_rows_are_named),
        cmocka_unit_test(test_a_file_without_orders_is_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
