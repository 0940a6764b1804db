#include "tools/lobster_plan.h"

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

static void load(struct lobster_rows *rows, struct lobster_plan *plan, const char *text)
{
    char message[TEXT_FILE_MESSAGE_MAX];
    text_fixture_write(&fixture, "plan.csv", text);
    assert_int_equal(lobster_rows_load(rows, fixture.path, message), STATUS_OK);
    assert_int_equal(lobster_plan_make(plan, rows), STATUS_OK);
}

static void check_early(const struct lobster_plan *plan, uint32_t index, uint64_t id, uint64_t row)
{
    assert_true(index < plan->early_count);
    assert_int_equal(plan->early[index].id, id);
    assert_int_equal(plan->early[index].row, row);
}

static void test_bursts_and_ids_without_entry_are_early(void **state)
{
    (void)state;
    struct lobster_rows rows;
    struct lobster_plan plan;
    load(&rows, &plan,
         "1,1,10,5,100,1\n"   /* 0 */
         "2,1,50,5,100,1\n"   /* 1: a burst, since 20 comes below 50 at the same time. */
         "2,1,20,5,100,1\n"   /* 2 */
         "2,3,10,5,100,1\n"   /* 3: in the burst's time, but no type 1. */
         "3,1,30,5,100,1\n"   /* 4: below 50 of the burst: marks its own timestamp. */
         "4,4,25,5,100,1\n"   /* 5: never entered. */
         "5,1,60,5,100,1\n"   /* 6 */
         "6,1,70,5,100,1\n"   /* 7 */
         "7,3,65,5,100,1\n"   /* 8: never entered; its place is before 70. */
         "8,4,90,5,100,1\n"); /* 9: never entered, and nothing ordinary above it. */
    assert_false(plan.burst[0]);
    assert_true(plan.burst[1]);
    assert_true(plan.burst[2]);
    assert_true(plan.burst[4]);
    assert_false(plan.burst[6]);
    assert_int_equal(plan.early_count, 6);
    check_early(&plan, 0, 20, 1); /* Not after 25 and 30, though before 60 would do: ... */
    check_early(&plan, 1, 25, 1); /* ... not after its own first row, nor those of 30 and 50. */
    check_early(&plan, 2, 30, 1);
    check_early(&plan, 3, 50, 1);
    check_early(&plan, 4, 65, 7);
    check_early(&plan, 5, 90, 9);
    lobster_plan_destroy(&plan);
    lobster_rows_destroy(&rows);
}

static void test_sums(void **state)
{
    (void)state;
    struct lobster_rows rows;
    struct lobster_plan plan;
    load(&rows, &plan,
         "1,1,10,9,100,1\n"
         "2,2,10,2,100,1\n"
         "3,5,0,100,100,1\n"
         "4,4,10,3,100,1\n"
         "5,3,10,4,100,1\n");
    assert_int_equal(plan.orders[0].first_row, 0);
    assert_int_equal(plan.orders[0].last_row, 4);
    assert_int_equal(plan.orders[0].entered, 9);
    assert_int_equal(plan.orders[0].gone, 9);
    assert_false(plan.orders[0].early);
    assert_int_equal(plan.early_count, 0);
    lobster_plan_destroy(&plan);
    lobster_rows_destroy(&rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bursts_and_ids_without_entry_are_early),
        cmocka_unit_test(test_sums),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
