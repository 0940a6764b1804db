#include "tools/pause.h"

#include "replication/io/monotonic.h"
#include "tests/support/cmocka_all.h"

static void test_a_pause_is_no_shorter(void **state)
{
    (void)state;
    static const uint64_t pauses_ns[] = {0, 1, 2000000};
    for (uint32_t at = 0; at < 3; at++) {
        uint64_t began_ns = monotonic_now_ns();
        pause_ns(pauses_ns[at]);
        assert_true(monotonic_now_ns() - began_ns >= pauses_ns[at]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_a_pause_is_no_shorter)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
