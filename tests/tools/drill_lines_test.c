/* Lines of a drill under the faults of its scenario. */
#include "tools/drill_lines.h"

#include <string.h>

#include "tests/support/cmocka_all.h"

#define MS UINT64_C(1000000)
#define S  UINT64_C(1000000000)

static struct drill_lines lines;

/* Three sites in three regions, 10 ms apart, the clients in the first. */
static void usual(void)
{
    static struct scenario scenario;
    memset(&scenario, 0, sizeof scenario);
    scenario.site_count = 3;
    scenario.region_count = 3;
    scenario.line = (struct wan_line){.jitter_ns = MS, .loss_ppm = 10, .rate_bytes = 1000000};
    for (uint32_t one = 0; one < 3; one++) {
        scenario.sites[one].region = (uint8_t)one;
        for (uint32_t other = 0; other < 3; other++) {
            scenario.round_trip_ns[one][other] = one == other ? MS : 10 * MS;
        }
    }
    drill_lines_init(&lines, &scenario);
}

static void as_usual(void **state)
{
    (void)state;
    usual();
    struct wan_line line = drill_lines_at(&lines, 0, 1, 7 * S);
    assert_true(line.delay_ns == 5 * MS);
    assert_int_equal(line.loss_ppm, 10);
    assert_false(line.cut);
    assert_true(drill_lines_at(&lines, 3, 0, 0).delay_ns == MS / 2);
}

static void cut(void **state)
{
    (void)state;
    usual();
    struct scenario_fault both = {.kind = SCENARIO_CUT, .from = 1, .to = 6};
    struct scenario_fault one_way = {.kind = SCENARIO_CUT, .from = 2, .to = 1, .one_way = true};
    drill_lines_fault(&lines, &both, 0);
    assert_true(drill_lines_at(&lines, 0, 1, S).cut);
    assert_true(drill_lines_at(&lines, 1, 0, S).cut);
    assert_true(drill_lines_at(&lines, 0, 2, S).cut);
    assert_false(drill_lines_at(&lines, 1, 2, S).cut);
    assert_false(drill_lines_at(&lines, 0, 3, S).cut);
    drill_lines_fault(&lines, &one_way, S); /* A second one over the first. */
    both.kind = SCENARIO_HEAL;
    drill_lines_fault(&lines, &both, 2 * S);
    assert_false(drill_lines_at(&lines, 0, 1, 2 * S).cut);
    assert_true(drill_lines_at(&lines, 1, 0, 2 * S).cut);
    one_way.kind = SCENARIO_HEAL;
    drill_lines_fault(&lines, &one_way, 3 * S);
    drill_lines_fault(&lines, &one_way, 3 * S); /* Once more than it was cut: nothing. */
    assert_false(drill_lines_at(&lines, 1, 0, 3 * S).cut);
}

static void deaf(void **state)
{
    (void)state;
    usual();
    struct scenario_fault fault = {
        .kind = SCENARIO_LOSE_CONNECTS, .from = 8, .to = 1, .one_way = true};
    drill_lines_fault(&lines, &fault, 0);
    assert_true(drill_lines_at(&lines, 3, 0, 0).connects_lost);
    assert_false(drill_lines_at(&lines, 0, 3, 0).connects_lost);
    fault.kind = SCENARIO_HEAR_CONNECTS;
    drill_lines_fault(&lines, &fault, 0);
    assert_false(drill_lines_at(&lines, 3, 0, 0).connects_lost);
}

static void by_and_by(void **state)
{
    (void)state;
    usual();
    struct scenario_fault fault = {.kind = SCENARIO_DEGRADE,
                                   .from = 1,
                                   .to = 2,
                                   .over_ns = 10 * S,
                                   .strain = {.delay_ns = 100 * MS,
                                              .jitter_ns = 20 * MS,
                                              .loss_ppm = 1000,
                                              .rate_bytes = 500000}};
    drill_lines_fault(&lines, &fault, 5 * S);
    assert_true(drill_lines_at(&lines, 0, 1, 5 * S).delay_ns == 5 * MS);
    struct wan_line line = drill_lines_at(&lines, 1, 0, 10 * S);
    assert_true(line.delay_ns == 55 * MS);
    assert_true(line.jitter_ns == 11 * MS);
    assert_int_equal(line.loss_ppm, 510);
    assert_int_equal(line.rate_bytes, 750000);
    assert_true(drill_lines_at(&lines, 0, 2, 10 * S).delay_ns == 5 * MS);
    assert_true(drill_lines_at(&lines, 0, 1, 99 * S).delay_ns == 105 * MS);
    /* Back from where it is, half way up. */
    fault.kind = SCENARIO_RESTORE;
    drill_lines_fault(&lines, &fault, 10 * S);
    assert_true(drill_lines_at(&lines, 0, 1, 10 * S).delay_ns == 55 * MS);
    assert_true(drill_lines_at(&lines, 0, 1, 15 * S).delay_ns == 30 * MS);
    assert_true(drill_lines_at(&lines, 0, 1, 20 * S).delay_ns == 5 * MS);
    /* What ends by its `for` ends at once. */
    fault.kind = SCENARIO_DEGRADE;
    drill_lines_fault(&lines, &fault, 30 * S);
    fault.kind = SCENARIO_RESTORE;
    fault.undoes = true;
    drill_lines_fault(&lines, &fault, 50 * S);
    assert_true(drill_lines_at(&lines, 0, 1, 50 * S).delay_ns == 5 * MS);
}

/* Never beyond what a line can be. */
static void bounded(void **state)
{
    (void)state;
    usual();
    struct scenario_fault fault = {.kind = SCENARIO_DEGRADE,
                                   .from = 1,
                                   .to = 2,
                                   .strain = {.delay_ns = WAN_LINE_DELAY_NS_MAX,
                                              .jitter_ns = WAN_LINE_DELAY_NS_MAX,
                                              .loss_ppm = WAN_LINE_PPM}};
    drill_lines_fault(&lines, &fault, 0);
    struct wan_line line = drill_lines_at(&lines, 0, 1, 0);
    assert_true(wan_line_valid(&line));
    assert_int_equal(line.loss_ppm, WAN_LINE_PPM);
    assert_int_equal(line.rate_bytes, 1000000); /* As usual. */
}

static void concerns(void **state)
{
    (void)state;
    assert_true(drill_lines_concerns(SCENARIO_CUT));
    assert_true(drill_lines_concerns(SCENARIO_HEAR_CONNECTS));
    assert_false(drill_lines_concerns(SCENARIO_KILL));
    assert_false(drill_lines_concerns(SCENARIO_DNS_GONE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_usual), cmocka_unit_test(cut),
                                       cmocka_unit_test(deaf),     cmocka_unit_test(by_and_by),
                                       cmocka_unit_test(bounded),  cmocka_unit_test(concerns)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
