#include "matching/timer.h"

#include "tests/support/cmocka_all.h"

#define SECOND UINT64_C(1000000000)

static void test_next_begin_of_the_second_is_after_now(void **state)
{
    (void)state;
    struct timer timer = {0};
    uint64_t midnight = 19000 * TIMER_DAY_NS;
    timer_set_daily(&timer, midnight, 60);
    assert_true(timer.set);
    assert_int_equal(timer.due_ns, midnight + 60 * SECOND);
    assert_false(timer_is_due(&timer, midnight + 60 * SECOND - 1));
    assert_true(timer_is_due(&timer, midnight + 60 * SECOND));
    timer_set_daily(&timer, midnight + 60 * SECOND, 60);
    assert_int_equal(timer.due_ns, midnight + TIMER_DAY_NS + 60 * SECOND);
    timer_set_daily(&timer, midnight + 60 * SECOND - 1, 60);
    assert_int_equal(timer.due_ns, midnight + 60 * SECOND);
    timer_set_daily(&timer, midnight, 0);
    assert_int_equal(timer.due_ns, midnight + TIMER_DAY_NS);
    timer_set_daily(&timer, midnight + 5, 86399);
    assert_int_equal(timer.due_ns, midnight + 86399 * SECOND);
}

static void test_later(void **state)
{
    (void)state;
    struct timer timer = {0};
    timer_set_later(&timer, 7, 2000);
    assert_true(timer.set);
    assert_int_equal(timer.due_ns, 7 + 2 * SECOND);
    timer_set_later(&timer, UINT64_MAX - 2 * SECOND, 2000); /* Beyond the range of timestamps. */
    assert_false(timer.set);
    assert_int_equal(timer.due_ns, 0);
    assert_int_equal(timer_later_ns(UINT64_MAX, 0), UINT64_MAX);
    assert_int_equal(timer_later_ns(UINT64_MAX - SECOND, UINT32_MAX), UINT64_MAX);
}

static void test_cleared_or_beyond_the_range_is_never_due(void **state)
{
    (void)state;
    struct timer timer = {0};
    timer_set_daily(&timer, UINT64_MAX - 5, 86399);
    assert_false(timer.set);
    assert_false(timer_is_due(&timer, UINT64_MAX));
    timer_set_daily(&timer, 0, 1);
    assert_true(timer.set);
    timer_clear(&timer);
    assert_false(timer_is_due(&timer, UINT64_MAX));
    assert_int_equal(timer.due_ns, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_next_begin_of_the_second_is_after_now),
        cmocka_unit_test(test_later),
        cmocka_unit_test(test_cleared_or_beyond_the_range_is_never_due),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
