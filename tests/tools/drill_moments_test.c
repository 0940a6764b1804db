/* What happened of a timeline: when harm was over, what came next, and what was lost to it. */
#include "tools/drill_moments.h"

#include <string.h>

#include "tests/support/cmocka_all.h"

#define MS UINT64_C(1000000)

static struct scenario scenario;
static struct drill_leaders leaders;
static struct drill_losses losses;
static struct drill_moment moments[16];

static int begin(void **state)
{
    (void)state;
    memset(&scenario, 0, sizeof scenario);
    memset(moments, 0, sizeof moments);
    scenario.site_count = 3;
    scenario.shard_count = 2;
    leaders.count = 0;
    return 0;
}

static void happens(uint64_t at_ms, enum scenario_fault_kind kind, uint16_t who, bool undoes)
{
    struct scenario_fault *fault = &scenario.faults[scenario.fault_count];
    *fault = (struct scenario_fault){.kind = kind, .who = who, .undoes = undoes};
    if (kind == SCENARIO_CUT || kind == SCENARIO_HEAL) {
        fault->who = 0;
        fault->from = who;
        fault->to = 15;
    }
    moments[scenario.fault_count++].at_ns = at_ms * MS;
}

static void led(uint64_t at_ms, uint32_t shard, uint64_t term, uint8_t site)
{
    leaders.changes[leaders.count++] = (struct drill_leaders_change){
        .at_ns = at_ms * MS, .term = term, .shard = (uint8_t)shard, .site = site, .leader = site};
}

static uint64_t over(uint32_t index)
{
    return drill_moments_over_ns(&scenario, moments, scenario.fault_count, index);
}

static uint64_t until(uint32_t index)
{
    return drill_moments_until_ns(&scenario, moments, scenario.fault_count, index, 9000 * MS);
}

static void harms(void **state)
{
    (void)state;
    static const enum scenario_fault_kind ends[] = {SCENARIO_START,         SCENARIO_CONTINUE,
                                                    SCENARIO_HEAL,          SCENARIO_RESTORE,
                                                    SCENARIO_HEAR_CONNECTS, SCENARIO_FREE_DISK,
                                                    SCENARIO_RECOVER};
    for (unsigned kind = 0; kind < SCENARIO_FAULT_KINDS; kind++) {
        struct scenario_fault fault = {.kind = (enum scenario_fault_kind)kind};
        bool harm = true;
        for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
            harm = harm && fault.kind != ends[i];
        }
        assert_int_equal(drill_moments_harm(&fault), harm);
    }
}

static void over_when_undone_for_all(void **state)
{
    (void)state;
    happens(1000, SCENARIO_STOP, 1, false);
    happens(1100, SCENARIO_STOP, 2, false);
    happens(1200, SCENARIO_CUT, 4, false);
    happens(1300, SCENARIO_CONTINUE, 2, true);
    happens(1400, SCENARIO_START, 1, true); /* It was not dead. */
    happens(1500, SCENARIO_CONTINUE, 7, false);
    happens(1600, SCENARIO_HEAL, 1, true); /* Another's line. */
    happens(1700, SCENARIO_KILL, 6, false);
    happens(1800, SCENARIO_START, 2, true);
    happens(1900, SCENARIO_FILL_DISK, 1, false);
    happens(2000, SCENARIO_FREE_DISK, 1, true);
    happens(2100, SCENARIO_START, 1, true);
    assert_int_equal(over(0), 1500 * MS);
    assert_int_equal(over(1), 1300 * MS);
    assert_int_equal(over(2), UINT64_MAX);
    assert_int_equal(over(7), UINT64_MAX); /* One of two. */
    assert_int_equal(over(9), 2100 * MS);
    /* As of a moment ago. */
    assert_int_equal(drill_moments_over_ns(&scenario, moments, 3, 1), UINT64_MAX);
    assert_int_equal(until(0), 1100 * MS);
    assert_int_equal(until(2), 1700 * MS);
    moments[1].at_ns = moments[0].at_ns; /* Two at a moment are one harm. */
    assert_int_equal(until(0), 1200 * MS);
    assert_int_equal(until(9), 9000 * MS);
}

static void lost_to_each(void **state)
{
    (void)state;
    led(1, 0, 1, 0);
    led(1, 1, 1, 0);
    led(1200, 0, 2, 1);
    led(1210, 1, 2, 2);
    led(3200, 0, 3, 2);
    led(5100, 1, 3, 1);
    happens(1000, SCENARIO_STOP, 1, false);
    happens(1300, SCENARIO_CONTINUE, 1, true);
    happens(3000, SCENARIO_CUT, 2, false);
    happens(3400, SCENARIO_HEAL, 2, true);
    happens(5000, SCENARIO_FILL_DISK, 4, false);
    moments[0].recovery_ns[0] = 210 * MS;
    moments[0].recovery_ns[1] = 220 * MS;
    moments[2].recovery_ns[0] = 230 * MS;
    moments[4].recovery_ns[1] = 110 * MS;
    for (uint32_t again = 0; again < 2; again++) {
        drill_moments_losses(&scenario, moments, scenario.fault_count, &leaders, &losses);
        assert_int_equal(losses.count, 4);
        assert_int_equal(moments[0].lost, 2);
        assert_int_equal(moments[1].lost, 0);
        assert_int_equal(moments[2].lost, 1);
        assert_int_equal(moments[4].lost, 1);
        assert_int_equal(losses.recovery.count, 4);
        assert_int_equal(losses.recovery.max_ns, 230 * MS);
    }
    /* What this machine does not allow has taken nobody away. */
    moments[4].left_out = true;
    drill_moments_losses(&scenario, moments, scenario.fault_count, &leaders, &losses);
    assert_int_equal(losses.count, 3);
    assert_int_equal(moments[4].lost, 0);
    /* Nor has what is still to come. */
    drill_moments_losses(&scenario, moments, 2, &leaders, &losses);
    assert_int_equal(losses.count, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup(harms, begin),
                                       cmocka_unit_test_setup(over_when_undone_for_all, begin),
                                       cmocka_unit_test_setup(lost_to_each, begin)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
