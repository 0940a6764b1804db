#include "replication/placement.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/test_seed.h"

/* Voters as a word: the letter of each site's provider, 'A' is 1; '.' is absent, lower case a
 * learner. */
static struct placement make(const char *sites, uint8_t commit_providers)
{
    struct placement placement = {.epoch = 1, .commit_providers = commit_providers};
    for (uint32_t at = 0; sites[at] != '\0'; at++) {
        if (sites[at] == '.') {
            continue;
        }
        bool learner = sites[at] >= 'a';
        placement.sites[at] =
            (struct placement_site){.incarnation = 100 + at,
                                    .provider_id = (uint8_t)(sites[at] - (learner ? 'a' : 'A') + 1),
                                    .role = learner ? PLACEMENT_LEARNER : PLACEMENT_VOTER};
    }
    return placement;
}

static void check_rule(const char *sites, uint8_t commit_providers, enum placement_rule expected)
{
    struct placement placement = make(sites, commit_providers);
    struct placement_verdict verdict = placement_judge(&placement, 0);
    if (verdict.rule != expected) {
        fail_msg("%s with %u: %s", sites, commit_providers, placement_rule_text(verdict.rule));
    }
}

static void test_targets(void **state)
{
    (void)state;
    check_rule("A", 1, PLACEMENT_GOOD);
    check_rule("Ab", 1, PLACEMENT_GOOD);
    check_rule("ABC", 1, PLACEMENT_GOOD);
    check_rule("ABC", 2, PLACEMENT_GOOD);
    check_rule("AABBC", 2, PLACEMENT_GOOD);
    check_rule("ABCDE", 3, PLACEMENT_GOOD);
    check_rule("a", 1, PLACEMENT_NO_VOTER);
    check_rule("A", 2, PLACEMENT_TOO_FEW_PROVIDERS);
    check_rule("AAB", 1, PLACEMENT_PROVIDER_MAJORITY);
    check_rule("AAA", 1, PLACEMENT_PROVIDER_MAJORITY);
    check_rule("ABC", 3, PLACEMENT_NO_SPARE_PROVIDER);
    check_rule("AB", 1, PLACEMENT_PROVIDER_LOSS);
    check_rule("AABB", 1, PLACEMENT_PROVIDER_LOSS);
    check_rule("AAABBC", 1, PLACEMENT_PROVIDER_LOSS);
    check_rule("ABC", 0, PLACEMENT_RANGE);
    check_rule("ABC", SITES_MAX + 1, PLACEMENT_RANGE);
    /* A second learner at the provider does not count. */
    check_rule("ABCa", 2, PLACEMENT_GOOD);
}

static void test_fields_out_of_range_fail_closed(void **state)
{
    (void)state;
    struct placement placement = make("ABC", 2);
    placement.sites[1].provider_id = SITES_MAX + 1;
    assert_int_equal(placement_judge(&placement, UINT32_MAX).rule, PLACEMENT_RANGE);
    assert_int_equal(placement_judge(&placement, 0).site_id, 2);
    placement = make("ABC", 2);
    placement.sites[0].provider_id = 0;
    assert_int_equal(placement_judge(&placement, 0).rule, PLACEMENT_RANGE);
    placement = make("ABC", 2);
    placement.sites[2].role = 3;
    assert_int_equal(placement_judge(&placement, 0).rule, PLACEMENT_RANGE);
    placement = make("ABC", 2);
    placement.sites[5].incarnation = 3;
    assert_int_equal(placement_judge(&placement, 0).rule, PLACEMENT_RANGE);
    placement = make("ABC", 2);
    placement.preferred_site_ids[0] = 2;
    placement.preferred_site_ids[1] = 2;
    assert_int_equal(placement_judge(&placement, 0).rule, PLACEMENT_RANGE);
    for (uint32_t rule = 0; rule < PLACEMENT_RULE_COUNT; rule++) {
        assert_true(strlen(placement_rule_text((enum placement_rule)rule)) > 10);
    }
}

static void test_waivers_name_what_they_give_up(void **state)
{
    (void)state;
    struct placement placement = make("AAB", 1);
    struct placement_verdict verdict = placement_judge(&placement, 0);
    assert_int_equal(verdict.rule, PLACEMENT_PROVIDER_MAJORITY);
    assert_int_equal(verdict.provider_id, 1);
    verdict = placement_judge(&placement, 1u << PLACEMENT_PROVIDER_MAJORITY);
    assert_int_equal(verdict.rule, PLACEMENT_PROVIDER_LOSS);
    verdict = placement_judge(&placement,
                              1u << PLACEMENT_PROVIDER_MAJORITY | 1u << PLACEMENT_PROVIDER_LOSS);
    assert_int_equal(verdict.rule, PLACEMENT_GOOD);
    placement = make("a", 1);
    assert_int_equal(placement_judge(&placement, UINT32_MAX).rule, PLACEMENT_NO_VOTER);
}

/* Placements out of a number: five sites, each absent, learner or voter at one of three. */
static struct placement numbered(uint32_t number, uint8_t commit_providers)
{
    char sites[6] = {0};
    for (uint32_t at = 0; at < 5; at++, number /= 7) {
        sites[at] = ".abcABC"[number % 7];
    }
    return make(sites, commit_providers);
}
#define NUMBERED (7u * 7u * 7u * 7u * 7u)

/* Every commit quorum meets every election quorum; none is at one provider once two are asked. */
static void test_quorums_meet_in_every_placement(void **state)
{
    (void)state;
    for (uint32_t number = 0; number < NUMBERED; number += 3) {
        struct placement placement = numbered(number, 2);
        for (uint16_t one = 1; one < 32; one++) {
            if (!placement_commits(&placement, one)) {
                continue;
            }
            assert_true(placement_provider_count(&placement, one) >= 2);
            for (uint16_t other = 1; other < 32; other++) {
                if (placement_elects(&placement, other)) {
                    assert_true((one & other & placement_voters(&placement)) != 0);
                }
            }
        }
    }
}

/* What passes keeps the promise P1: without any one provider there is a quorum, and no provider
 * holds all copies of a commit when two are asked for. */
static void test_what_passes_survives_each_provider(void **state)
{
    (void)state;
    uint32_t passed = 0;
    for (uint32_t number = 0; number < NUMBERED; number++) {
        for (uint8_t commit_providers = 1; commit_providers <= 3; commit_providers++) {
            struct placement placement = numbered(number, commit_providers);
            struct placement_losses losses;
            if (placement_judge(&placement, 0).rule != PLACEMENT_GOOD) {
                continue;
            }
            placement_losses_of(&placement, 0, &losses);
            uint16_t voters = placement_voters(&placement);
            for (uint32_t at = 0; at < SITES_MAX; at++) {
                bool alone = voters == 1u << at;
                assert_int_equal(losses.site[at], alone ? PLACEMENT_ENDANGERS : PLACEMENT_HARMLESS);
                if ((voters & (voters - 1)) != 0) {
                    assert_int_equal(losses.provider[at], PLACEMENT_HARMLESS);
                }
            }
            passed++;
        }
    }
    assert_true(passed > 100);
}

static void check_loss(const char *sites, uint8_t commit_providers, uint16_t gone, uint16_t lost,
                       enum placement_loss expected)
{
    struct placement placement = make(sites, commit_providers);
    assert_int_equal(placement_loss_of(&placement, gone, lost), expected);
}

static void test_losses(void **state)
{
    (void)state;
    check_loss("A", 1, 0, 1, PLACEMENT_ENDANGERS);
    check_loss("Ab", 1, 0, 2, PLACEMENT_HARMLESS);
    check_loss("AB", 1, 0, 2, PLACEMENT_STOPS);
    check_loss("AB", 1, 1, 2, PLACEMENT_ENDANGERS);
    check_loss("ABC", 2, 0, 1, PLACEMENT_HARMLESS);
    check_loss("ABC", 2, 1, 2, PLACEMENT_ENDANGERS);
    check_loss("ABC", 2, 1, 1, PLACEMENT_HARMLESS); /* It has gone already. */
    check_loss("AAABC", 1, 0, 7, PLACEMENT_ENDANGERS);
    check_loss("AAABC", 2, 0, 7, PLACEMENT_STOPS);
    check_loss("AABB", 2, 0, 3, PLACEMENT_STOPS);
    check_loss("AABBC", 2, 16, 1, PLACEMENT_HARMLESS);
    check_loss("AABBC", 2, 3, 4, PLACEMENT_ENDANGERS);
}

static void check_step(const struct placement *before, const struct placement *after,
                       enum placement_rule expected, uint8_t site_id)
{
    struct placement_verdict verdict = placement_judge_step(before, after);
    assert_int_equal(verdict.rule, expected);
    assert_int_equal(verdict.site_id, site_id);
}

static void test_steps(void **state)
{
    (void)state;
    struct placement before = make("ABC", 2);
    struct placement after = make("ABCd", 2);
    check_step(&before, &after, PLACEMENT_EPOCH, 0);
    after.epoch = 2;
    check_step(&before, &after, PLACEMENT_GOOD, 0);
    after = make("ABCD", 2);
    after.epoch = 2;
    check_step(&before, &after, PLACEMENT_LEARNER_FIRST, 4);
    after = make("ABCde", 2);
    after.epoch = 2;
    check_step(&before, &after, PLACEMENT_MANY_CHANGES, 0);
    after = make("ABC", 2);
    after.epoch = 2;
    check_step(&before, &after, PLACEMENT_NO_CHANGE, 0);
    after.commit_providers = 3;
    check_step(&before, &after, PLACEMENT_GOOD, 0);
    after.commit_providers = 4;
    check_step(&before, &after, PLACEMENT_TOO_FEW_PROVIDERS, 0);
    after = make("ABC", 2);
    after.epoch = 2;
    after.sites[1].incarnation++;
    check_step(&before, &after, PLACEMENT_IDENTITY, 2);
    before = make("A", 1);
    after = make("a", 1);
    after.epoch = 2;
    check_step(&before, &after, PLACEMENT_NO_VOTER, 0);
    before.epoch = UINT64_MAX;
    after = make("Ab", 1);
    after.epoch = 0;
    check_step(&before, &after, PLACEMENT_EPOCH, 0);
}

static bool same(const struct placement *one, const struct placement *other)
{
    return memcmp(one->sites, other->sites, sizeof one->sites) == 0 &&
           one->commit_providers == other->commit_providers;
}

/* Walks a plan; returns the number of steps. Every one passes, as placement_judge_step() says. */
static uint32_t walk(struct placement current, const struct placement *target)
{
    for (uint32_t steps = 0; steps < 64; steps++) {
        struct placement next;
        struct placement_verdict verdict;
        enum status status = placement_plan_next(&current, target, 0, &next, &verdict);
        if (status == STATUS_NOT_FOUND) {
            assert_true(same(&current, target));
            return steps;
        }
        assert_int_equal(status, STATUS_OK);
        assert_int_equal(placement_judge_step(&current, &next).rule, PLACEMENT_GOOD);
        assert_true(placement_commits(&next, placement_voters(&next)));
        current = next;
    }
    fail_msg("a plan without end");
    return 0;
}

static void test_plans(void **state)
{
    (void)state;
    struct placement one = make("A", 1);
    struct placement three = make("ABC", 2);
    struct placement five = make("ABCDE", 3);
    struct placement other = make("A.C.E", 2); /* Provider B is replaced by E. */
    assert_int_equal(walk(one, &three), 5);
    assert_int_equal(walk(three, &five), 5);
    assert_int_equal(walk(five, &three), 5);
    assert_int_equal(walk(three, &one), 5);
    assert_int_equal(walk(three, &other), 4);
    struct placement again = three; /* A lost journal: the same place, another site. */
    again.sites[1].incarnation = 7;
    assert_int_equal(walk(three, &again), 4);
    struct placement full = make("ABCABCABC", 2); /* No free place: out before in. */
    struct placement moved = full;
    moved.sites[8].incarnation = 5;
    assert_int_equal(walk(full, &moved), 4);
    struct placement bad = make("AAB", 1);
    struct placement next;
    struct placement_verdict verdict;
    assert_int_equal(placement_plan_next(&one, &bad, 0, &next, &verdict), STATUS_DENIED);
    assert_int_equal(verdict.rule, PLACEMENT_PROVIDER_MAJORITY);
    assert_int_equal(placement_plan_next(&one, &bad, UINT32_MAX, &next, &verdict), STATUS_OK);
}

/* The only voter cannot become another site in its own place: somebody else must vote meanwhile. */
static bool alone_in_place(const struct placement *from, const struct placement *to)
{
    uint16_t voter = placement_voters(from);
    for (uint32_t at = 0; at < SITES_MAX; at++) {
        if (voter == 1u << at) {
            return placement_voters(to) == voter &&
                   from->sites[at].provider_id != to->sites[at].provider_id;
        }
    }
    return false;
}

static void test_plans_between_any_two_good_placements(void **state)
{
    (void)state;
    struct random random;
    test_seed(&random);
    uint32_t walked = 0;
    while (walked < 2000) {
        struct placement from = numbered((uint32_t)random_below(&random, NUMBERED),
                                         (uint8_t)(1 + random_below(&random, 2)));
        struct placement to = numbered((uint32_t)random_below(&random, NUMBERED),
                                       (uint8_t)(1 + random_below(&random, 2)));
        if (placement_judge(&from, 0).rule == PLACEMENT_GOOD &&
            placement_judge(&to, 0).rule == PLACEMENT_GOOD && !alone_in_place(&from, &to)) {
            (void)walk(from, &to);
            walked++;
        }
    }
    assert_int_equal(walked, 2000);
    struct placement from = make("A", 1);
    struct placement to = make("B", 1);
    struct placement next;
    struct placement_verdict verdict;
    assert_int_equal(placement_plan_next(&from, &to, 0, &next, &verdict), STATUS_DENIED);
    assert_int_equal(verdict.rule, PLACEMENT_NO_VOTER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_fields_out_of_range_fail_closed),
        cmocka_unit_test(test_waivers_name_what_they_give_up),
        cmocka_unit_test(test_quorums_meet_in_every_placement),
        cmocka_unit_test(test_what_passes_survives_each_provider),
        cmocka_unit_test(test_losses),
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_plans),
        cmocka_unit_test(test_plans_between_any_two_good_placements),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
