#include "replication/io/monotonic.h"
#include "tools/pause.h"

#include <time.h>

#include "tests/support/cmocka_all.h"

static void test_it_is_the_monotonic_clock(void **state)
{
    (void)state;
    struct timespec before;
    assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &before), 0);
    uint64_t now_ns = monotonic_now_ns();
    assert_true(now_ns >= (uint64_t)before.tv_sec * 1000000000u + (uint64_t)before.tv_nsec);
    struct timespec after;
    assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &after), 0);
    assert_true(now_ns <= (uint64_t)after.tv_sec * 1000000000u + (uint64_t)after.tv_nsec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_it_is_the_monotonic_clock)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
