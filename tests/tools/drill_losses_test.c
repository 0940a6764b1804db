/* Losses of leaders: whose, counted once, and none that was planned or not noticed. */
#include "tools/drill_losses.h"

#include <string.h>

#include "tests/support/cmocka_all.h"

#define MS UINT64_C(1000000)

static struct scenario scenario = {.site_count = 3, .shard_count = 2};
static struct drill_leaders leaders;
static struct drill_losses losses;

static void led(uint64_t at_ms, uint32_t shard, uint64_t term, uint8_t site)
{
    leaders.changes[leaders.count++] = (struct drill_leaders_change){
        .at_ns = at_ms * MS, .term = term, .shard = (uint8_t)shard, .site = site, .leader = site};
}

/* A harm that is over half a second later. */
static bool harm(enum scenario_fault_kind kind, uint16_t who, uint32_t shard, uint64_t at_ms)
{
    struct scenario_fault fault = {.kind = kind, .who = who};
    if (kind == SCENARIO_CUT) {
        fault = (struct scenario_fault){.kind = kind, .from = who, .to = 15};
    }
    return drill_losses_take(&losses, &scenario, &leaders, &fault, shard, at_ms * MS,
                             (at_ms + 500) * MS, 100 * MS);
}

static int begin(void **state)
{
    (void)state;
    memset(&losses, 0, sizeof losses);
    histogram_reset(&losses.recovery);
    leaders.count = 0;
    led(1, 0, 1, 0);
    led(1, 1, 1, 1);
    return 0;
}

static void killed_leaders(void **state)
{
    (void)state;
    led(1300, 0, 2, 2);
    led(9000, 0, 3, 1);
    assert_true(harm(SCENARIO_KILL, 1, 0, 1000));
    assert_false(harm(SCENARIO_KILL, 1, 1, 1000)); /* It did not lead that one. */
    assert_false(harm(SCENARIO_KILL, 1, 0, 1100)); /* The same term. */
    assert_false(harm(SCENARIO_KILL, 3, 0, 2000)); /* Others. */
    assert_true(harm(SCENARIO_KILL, 7, 0, 3000));  /* However long it takes. */
    assert_false(harm(SCENARIO_KILL, 7, 0, 9500)); /* Nobody led after it. */
    assert_int_equal(losses.count, 2);
    assert_int_equal(losses.recovery.max_ns, 100 * MS);
}

static void frozen_and_cut_off(void **state)
{
    (void)state;
    led(1500, 0, 2, 1);
    led(5740, 0, 3, 2); /* An election that had begun. */
    led(9000, 0, 4, 0);
    assert_false(harm(SCENARIO_FILL_DISK, 1, 0, 500)); /* It outlived that. */
    assert_true(harm(SCENARIO_STOP, 1, 0, 1000));
    assert_false(harm(SCENARIO_STOP, 2, 0, 2000)); /* Not noticed: it led on for long. */
    assert_true(harm(SCENARIO_CUT, 2, 0, 5000));
    assert_false(harm(SCENARIO_STOP, 4, 0, 8249)); /* It handed over, long after. */
    assert_int_equal(losses.count, 2);
    struct scenario_fault still = {.kind = SCENARIO_STOP, .who = 4};
    assert_true(drill_losses_take(&losses, &scenario, &leaders, &still, 0, 6000 * MS, UINT64_MAX,
                                  100 * MS));
    assert_int_equal(losses.count, 3);
}

static void what_is_none(void **state)
{
    (void)state;
    led(1100, 0, 2, 1);
    for (unsigned kind = 0; kind < SCENARIO_FAULT_KINDS; kind++) {
        bool counts = kind == SCENARIO_KILL || kind == SCENARIO_STOP || kind == SCENARIO_CUT ||
                      kind == SCENARIO_FILL_DISK;
        losses.terms[0] = 0;
        assert_int_equal(harm((enum scenario_fault_kind)kind, 1, 0, 1000), counts);
    }
    struct scenario_fault half = {.kind = SCENARIO_CUT, .from = 1, .to = 2};
    assert_int_equal(drill_losses_sites(&half, 3), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup(killed_leaders, begin),
                                       cmocka_unit_test_setup(frozen_and_cut_off, begin),
                                       cmocka_unit_test_setup(what_is_none, begin)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
