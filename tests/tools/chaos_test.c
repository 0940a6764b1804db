/* Chaos: the same for the same seed, whole, over in time, and never more than a minority at once.
 */
#include "tools/chaos.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"

#define S UINT64_C(1000000000)

static struct scenario scenario;
static struct scenario other;

static struct chaos_options options_of(uint64_t seed, uint32_t sites, uint64_t duration_ns)
{
    return (struct chaos_options){.seed = seed,
                                  .duration_ns = duration_ns,
                                  .site_count = sites,
                                  .shard_count = 8,
                                  .sessions = 16,
                                  .rate = 2000};
}

static void repeats(void **state)
{
    (void)state;
    struct chaos_options options = options_of(7, 5, 60 * S);
    chaos_make(&scenario, &options);
    memset(&other, 1, sizeof other);
    chaos_make(&other, &options);
    assert_memory_equal(&scenario, &other, sizeof scenario);
    options.seed = 8;
    chaos_make(&other, &options);
    assert_memory_not_equal(&scenario, &other, sizeof scenario);
}

/* Every site that is taken away comes back, and only a minority or all are away at a time. */
static void check_timeline(uint32_t sites)
{
    uint16_t away = 0;
    uint16_t lines = 0;
    uint16_t all = (uint16_t)((1u << sites) - 1);
    uint64_t before_ns = 0;
    for (uint32_t i = 0; i < scenario.fault_count; i++) {
        const struct scenario_fault *fault = &scenario.faults[i];
        assert_true(fault->at_ns >= before_ns);
        assert_true(fault->at_ns < scenario.duration_ns);
        assert_true(fault->say[0] != '\0');
        before_ns = fault->at_ns;
        if (fault->kind == SCENARIO_KILL || fault->kind == SCENARIO_STOP ||
            fault->kind == SCENARIO_FILL_DISK) {
            assert_int_equal(away & fault->who, 0);
            away = (uint16_t)(away | fault->who);
        } else if (fault->kind == SCENARIO_START || fault->kind == SCENARIO_CONTINUE) {
            assert_true(fault->undoes);
            assert_int_equal(away & fault->who, fault->who);
            away = (uint16_t)(away & ~fault->who);
        } else if (fault->kind == SCENARIO_CUT) {
            lines = (uint16_t)(lines | fault->from);
        } else if (fault->kind == SCENARIO_HEAL) {
            lines = (uint16_t)(lines & ~fault->from);
        }
        bool minority = (uint32_t)__builtin_popcount(away | lines) <= (sites - 1) / 2;
        assert_true(minority || (away == all && lines == 0));
    }
    assert_int_equal(away, 0);
    assert_int_equal(lines, 0);
}

static void well_formed(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        for (uint32_t sites = CHAOS_SITES_MIN; sites <= SITES_MAX; sites += 2) {
            struct chaos_options options = options_of(seed, sites, 40 * S);
            chaos_make(&scenario, &options);
            assert_int_equal(scenario.site_count, sites);
            for (uint32_t shard = 0; shard < scenario.shard_count; shard++) {
                struct placement placement;
                scenario_placement(&scenario, shard, &placement);
                assert_int_equal(placement_judge(&placement, 0).rule, PLACEMENT_GOOD);
            }
            assert_in_range(scenario.fault_count, 60, 900);
            check_timeline(sites);
        }
    }
}

/* The kinds of harm among the first `count` harms of all, in `kinds`; returns how often all sites
 * are killed. */
static uint32_t count_kinds(uint32_t count, uint32_t kinds[static SCENARIO_FAULT_KINDS])
{
    uint32_t all_killed = 0;
    uint32_t harms = 0;
    uint64_t last_ns = UINT64_MAX;
    memset(kinds, 0, SCENARIO_FAULT_KINDS * sizeof kinds[0]);
    for (uint32_t i = 0; i < scenario.fault_count && harms < count; i++) {
        const struct scenario_fault *fault = &scenario.faults[i];
        if (!fault->undoes) {
            harms += fault->at_ns != last_ns; /* Two sites at a moment are one. */
            last_ns = fault->at_ns;
            kinds[fault->kind]++;
            all_killed +=
                fault->kind == SCENARIO_KILL && fault->who == (1u << scenario.site_count) - 1;
        }
    }
    return all_killed;
}

/* Everything that it can do happens soon, whatever the seed: a short run sees it all. */
static void every_kind(void **state)
{
    (void)state;
    static const enum scenario_fault_kind wanted[] = {SCENARIO_KILL,      SCENARIO_STOP,
                                                      SCENARIO_CUT,       SCENARIO_RESTART,
                                                      SCENARIO_FILL_DISK, SCENARIO_DEGRADE,
                                                      SCENARIO_STEP_CLOCK};
    for (uint64_t seed = 1; seed <= 100; seed++) {
        for (uint32_t sites = 3; sites <= 5; sites += 2) {
            struct chaos_options options = options_of(seed, sites, 60 * S);
            uint32_t kinds[SCENARIO_FAULT_KINDS];
            chaos_make(&scenario, &options);
            assert_true(count_kinds(20, kinds) > 0);
            for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
                assert_true(kinds[wanted[i]] > 0);
            }
            /* Most of it takes leaders away. */
            assert_true(kinds[SCENARIO_KILL] + kinds[SCENARIO_STOP] + kinds[SCENARIO_CUT] >= 16);
        }
    }
}

/* Some harm waits for nothing; who is hit together with another one is hit at once, and both come
 * back in their time. */
static void haste(void **state)
{
    (void)state;
    struct chaos_options options = options_of(1, 5, 600 * S);
    uint32_t hasty = 0;
    uint32_t moments = 0;
    chaos_make(&scenario, &options);
    for (uint32_t i = 0; i < scenario.fault_count; i++) {
        const struct scenario_fault *fault = &scenario.faults[i];
        bool next =
            i > 0 && fault->at_ns == scenario.faults[i - 1].at_ns && !scenario.faults[i - 1].undoes;
        assert_true(!next || fault->undoes || fault->hasty);
        moments += !fault->undoes && !next;
        hasty += !fault->undoes && !next && fault->hasty;
    }
    assert_in_range(hasty, moments / 10, moments * 3 / 10);
}

/* However long, it fits, and goes on to the end. */
static void any_length(void **state)
{
    (void)state;
    static const uint64_t durations_ns[] = {CHAOS_DURATION_NS, 3600 * S, 20000 * S,
                                            SCENARIO_DURATION_MAX};
    for (size_t i = 0; i < sizeof durations_ns / sizeof durations_ns[0]; i++) {
        struct chaos_options options = options_of(3, 5, durations_ns[i]);
        chaos_make(&scenario, &options);
        assert_true(scenario.fault_count <= SCENARIO_FAULTS_MAX);
        assert_true(scenario.fault_count > 0);
        check_timeline(5);
        assert_true(scenario.faults[scenario.fault_count - 1].at_ns > durations_ns[i] / 2);
    }
}

/* Not more seldom where it may last for minutes until enough is lost. */
static void no_thinner(void **state)
{
    (void)state;
    struct chaos_options options = options_of(3, 5, 60 * S);
    chaos_make(&scenario, &options);
    options.duration_ns = 240 * S;
    chaos_make(&other, &options);
    assert_true(scenario.fault_count > 0);
    assert_in_range(other.fault_count, scenario.fault_count * 7 / 2, scenario.fault_count * 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(repeats),    cmocka_unit_test(well_formed),
                                       cmocka_unit_test(every_kind), cmocka_unit_test(haste),
                                       cmocka_unit_test(any_length), cmocka_unit_test(no_thinner)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
