#include "matching/grace.h"

#include <stdlib.h>
#include <string.h>

#include "matching/base/limits.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/test_seed.h"

#define SESSIONS 40u
#define STEPS    20000u
#define OVER_MAX 3000u /* Beyond what one step takes. */

struct plain {
    bool runs;
    uint64_t ends_ns;
    uint32_t length_ms;
};

static void *memory;

static struct grace grace_make(uint32_t sessions_max)
{
    struct grace grace;
    size_t bytes = (grace_bytes(sessions_max) + 63) / 64 * 64;
    memory = aligned_alloc(64, bytes);
    assert_non_null(memory);
    memset(memory, 0, bytes);
    struct arena arena;
    arena_init(&arena, memory, bytes);
    assert_int_equal(grace_create(&grace, &arena, sessions_max), STATUS_OK);
    return grace;
}

static void check(const struct grace *grace, const struct plain *plain)
{
    uint64_t first_ns = UINT64_MAX;
    bool any = false;
    for (uint32_t id = 1; id <= SESSIONS; id++) {
        assert_int_equal(grace_runs(grace, id), plain[id].runs);
        if (plain[id].runs) {
            any = true;
            first_ns = plain[id].ends_ns < first_ns ? plain[id].ends_ns : first_ns;
            assert_int_equal(grace->periods[id].ends_ns, plain[id].ends_ns);
        }
    }
    uint64_t ends_ns = 0;
    assert_int_equal(grace_next(grace, &ends_ns), any);
    assert_true(!any || ends_ns == first_ns);
}

/* What is over by `now_ns` comes out in order of its end, then of the session. */
static void check_collect(struct grace *grace, struct plain *plain, uint64_t now_ns)
{
    assert_int_equal(grace_collect(grace, now_ns), STATUS_OK);
    uint32_t expected = 0;
    for (uint32_t id = 1; id <= SESSIONS; id++) {
        bool over = plain[id].runs && plain[id].ends_ns <= now_ns;
        expected += over ? 1 : 0;
        assert_int_equal(grace->over[id], over);
        plain[id].runs = plain[id].runs && !over;
    }
    assert_int_equal(grace->over_count, expected);
    for (uint32_t i = 0; i < expected; i++) {
        assert_true(grace->over[grace_over_session(grace, i)]);
    }
    check(grace, plain);
    grace_forget(grace);
    assert_int_equal(grace->over_count, 0);
    for (uint32_t id = 1; id <= SESSIONS; id++) {
        assert_false(grace->over[id]);
    }
}

/* Against a table that is looked at as a whole. */
static void test_random_periods(void **state)
{
    (void)state;
    struct random random;
    test_seed(&random);
    struct grace grace = grace_make(SESSIONS);
    struct plain plain[SESSIONS + 1] = {{0}};
    uint64_t now_ns = 1000;
    for (uint32_t step = 0; step < STEPS; step++) {
        uint32_t id = 1 + (uint32_t)random_below(&random, SESSIONS);
        now_ns += random_below(&random, 300000);
        uint64_t which = random_below(&random, 100);
        if (which < 60 && !plain[id].runs) {
            plain[id] = (struct plain){true, now_ns + random_below(&random, 9) * 1000000,
                                       (uint32_t)random_below(&random, 5)};
            grace_start(&grace, id, plain[id].ends_ns, plain[id].length_ms);
        } else if (which < 85) {
            plain[id].runs = false;
            grace_stop(&grace, id);
        } else if (which < 97) {
            check_collect(&grace, plain, now_ns);
        } else {
            for (uint32_t other = 1; other <= SESSIONS; other++) {
                plain[other].ends_ns = now_ns + plain[other].length_ms * UINT64_C(1000000);
            }
            grace_restart(&grace, now_ns);
        }
        check(&grace, plain);
    }
    free(memory);
}

/* A step takes a bounded number; all of them come. */
static void test_many_end_at_once(void **state)
{
    (void)state;
    struct grace grace = grace_make(OVER_MAX);
    for (uint32_t id = OVER_MAX; id >= 1; id--) {
        grace_start(&grace, id, 7, 0);
    }
    uint32_t steps = 1;
    while (grace_collect(&grace, 7) == STATUS_MORE) {
        assert_true(grace.over_count > 0);
        steps++;
    }
    assert_true(steps > 2);
    assert_int_equal(grace.over_count, OVER_MAX);
    assert_int_equal(grace.count, 0);
    /* Behind the heap, the last one taken out is the first. */
    for (uint32_t i = 0; i < OVER_MAX; i++) {
        assert_int_equal(grace_over_session(&grace, i), OVER_MAX - i);
    }
    grace_forget(&grace);
    uint64_t ends_ns = 0;
    assert_false(grace_next(&grace, &ends_ns));
    free(memory);
}

/* Time ends before the period does. */
static void test_the_last_time_there_is(void **state)
{
    (void)state;
    struct grace grace = grace_make(2);
    grace_start(&grace, 1, 5, GRACE_MS_MAX);
    grace_restart(&grace, UINT64_MAX - 3);
    uint64_t ends_ns = 0;
    assert_true(grace_next(&grace, &ends_ns));
    assert_int_equal(ends_ns, UINT64_MAX);
    assert_int_equal(grace_collect(&grace, UINT64_MAX - 1), STATUS_OK);
    assert_int_equal(grace.over_count, 0);
    assert_int_equal(grace_collect(&grace, UINT64_MAX), STATUS_OK);
    assert_int_equal(grace.over_count, 1);
    free(memory);
}

static void test_no_memory(void **state)
{
    (void)state;
    static _Alignas(64) uint8_t little[64];
    struct arena arena;
    arena_init(&arena, little, sizeof little);
    struct grace grace;
    assert_int_equal(grace_create(&grace, &arena, SESSIONS_MAX), STATUS_FULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_periods),
        cmocka_unit_test(test_many_end_at_once),
        cmocka_unit_test(test_the_last_time_there_is),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
