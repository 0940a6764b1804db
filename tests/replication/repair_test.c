/* Quorum repair: what is decided and what a survivor accepts. Whole clusters:
 * replica_repair_test.c.
 */
#include "replication/repair.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/replica_cluster.h"

#define ALL(count) ((uint16_t)((1u << (count)) - 1))

static struct repair_report report_of(const struct placement *placement, uint8_t site_id,
                                      uint64_t term, uint64_t log_index)
{
    struct repair_report report = {.site_id = site_id,
                                   .incarnation = placement->sites[site_id - 1].incarnation,
                                   .last = {.log_index = log_index, .term = term},
                                   .placement = *placement,
                                   .previous_placement = *placement};
    report.last.chain_hash[0] = (uint8_t)(term * 16 + log_index);
    return report;
}

static enum repair_refusal decide(const struct repair_report *reports, uint32_t count,
                                  uint16_t attested, struct repair *repair)
{
    struct repair_request request = {.reports = reports,
                                     .report_count = count,
                                     .attested = attested};
    uint8_t site_id;
    return repair_decide(&request, repair, &site_id);
}

/* ---- Deciding ---- */

static void test_the_log_with_the_highest_last_term_and_index_is_kept(void **state)
{
    (void)state;
    struct placement placement = cluster_placement("ABCDE", 1);
    struct repair_report reports[] = {report_of(&placement, 2, 5, 9),
                                      report_of(&placement, 3, 7, 4),
                                      report_of(&placement, 5, 7, 4)};
    struct repair repair;
    /* Three of five would be a quorum: two are repaired. */
    assert_int_equal(decide(reports, 2, 25, &repair), REPAIR_ACCEPTED);
    assert_int_equal(repair.kept_site_id, 3);
    assert_int_equal(repair.kept.term, 7);
    assert_int_equal(repair.kept.log_index, 4);
    reports[0].last.term = 7;
    assert_int_equal(decide(reports, 2, 25, &repair), REPAIR_ACCEPTED);
    assert_int_equal(repair.kept_site_id, 2);
    /* Of equal ones that of the lower site. */
    assert_int_equal(decide(reports + 1, 2, 11, &repair), REPAIR_ACCEPTED);
    assert_int_equal(repair.kept_site_id, 3);
    assert_true(repair_valid(&repair));
}

static void test_survivors_keep_their_roles_and_the_membership_its_preferences(void **state)
{
    (void)state;
    struct placement placement = cluster_placement("ABCDE", 2);
    placement.epoch = 7;
    placement.sites[4].role = PLACEMENT_LEARNER;
    placement.preferred_site_ids[0] = 1;
    placement.preferred_site_ids[1] = 5;
    placement.preferred_site_ids[2] = 2;
    struct repair_report reports[] = {report_of(&placement, 2, 5, 9),
                                      report_of(&placement, 5, 4, 9)};
    struct repair repair;
    assert_int_equal(decide(reports, 2, 13, &repair), REPAIR_ACCEPTED);
    assert_int_equal(placement_voters(&repair.after), 2);
    assert_int_equal(placement_members(&repair.after), 18);
    assert_int_equal(repair.after.epoch, 8);
    assert_int_equal(repair.after.commit_providers, 1); /* More are not there. */
    assert_int_equal(repair.after.preferred_site_ids[0], 5);
    assert_int_equal(repair.after.preferred_site_ids[1], 2);
    assert_int_equal(repair.after.preferred_site_ids[2], 0);
    assert_int_equal(repair.generation >> 32, 1);
    /* A learner that alone has the log, or is alone, becomes a voter. */
    reports[1].last.term = 6;
    assert_int_equal(decide(reports, 2, 13, &repair), REPAIR_ACCEPTED);
    assert_int_equal(placement_voters(&repair.after), 18);
    assert_int_equal(repair.after.commit_providers, 2);
    assert_int_equal(decide(reports + 1, 1, 15, &repair), REPAIR_ACCEPTED);
    assert_int_equal(placement_voters(&repair.after), 16);
}

static void test_what_is_refused(void **state)
{
    (void)state;
    struct placement placement = cluster_placement("ABCDE", 1);
    struct repair_report reports[] = {report_of(&placement, 1, 5, 9),
                                      report_of(&placement, 2, 7, 4),
                                      report_of(&placement, 3, 7, 4)};
    struct repair_request request = {.reports = reports, .report_count = 2, .attested = 28};
    struct repair repair;
    uint8_t site_id = 0;
    assert_int_equal(repair_decide(&request, &repair, &site_id), REPAIR_ACCEPTED);
    request.attested = 12; /* 5 neither reports nor is it said to be off. */
    assert_int_equal(repair_decide(&request, &repair, &site_id), REPAIR_REFUSED_NOT_ATTESTED);
    assert_int_equal(site_id, 5);
    request.attested = 30;
    assert_int_equal(repair_decide(&request, &repair, &site_id), REPAIR_REFUSED_IS_ON);
    assert_int_equal(site_id, 2);
    request.report_count = 3;
    request.attested = 24; /* A quorum is there. */
    assert_int_equal(repair_decide(&request, &repair, &site_id), REPAIR_REFUSED_QUORUM);
    request.forced = true;
    assert_int_equal(repair_decide(&request, &repair, &site_id), REPAIR_ACCEPTED);
    assert_int_equal(repair.loss, REPAIR_LOSES_NOTHING);
    request.forced = false;
    request.report_count = 2;
    request.attested = 28;
    reports[1].incarnation++; /* A journal that was lost does not come back (rule 4). */
    assert_int_equal(repair_decide(&request, &repair, &site_id), REPAIR_REFUSED_MEMBER);
    assert_int_equal(site_id, 2);
    reports[1].incarnation--;
    reports[1].site_id = 1;
    assert_int_equal(repair_decide(&request, &repair, &site_id), REPAIR_REFUSED_REPORT);
    reports[1].site_id = 10;
    assert_int_equal(repair_decide(&request, &repair, &site_id), REPAIR_REFUSED_REPORT);
    reports[1].site_id = 2;
    reports[1].placement.commit_providers = 0;
    assert_int_equal(repair_decide(&request, &repair, &site_id), REPAIR_REFUSED_REPORT);
    reports[1].placement.commit_providers = 1;
    reports[1].generation = UINT64_C(1) << 32; /* Site 1 was left out of a repair. */
    assert_int_equal(repair_decide(&request, &repair, &site_id), REPAIR_REFUSED_GENERATION);
    assert_int_equal(site_id, 1);
    reports[0].generation = reports[1].generation = UINT64_MAX;
    assert_int_equal(repair_decide(&request, &repair, &site_id), REPAIR_REFUSED_RANGE);
    for (int at = 0; at < REPAIR_REFUSAL_COUNT; at++) {
        assert_true(strlen(repair_refusal_text((enum repair_refusal)at)) > 10);
    }
}

/* A quorum of voters that cannot span the providers asked for commits nothing: that is repaired. */
static void test_a_majority_without_its_providers_may_be_repaired(void **state)
{
    (void)state;
    struct placement placement = cluster_placement("AAB", 2);
    struct repair_report reports[] = {report_of(&placement, 1, 5, 9),
                                      report_of(&placement, 2, 5, 9)};
    struct repair repair;
    assert_int_equal(decide(reports, 2, 4, &repair), REPAIR_ACCEPTED);
    assert_int_equal(repair.loss, REPAIR_LOSES_NOTHING);
    assert_int_equal(repair.after.commit_providers, 1);
}

/* ---- What may be lost ---- */

static enum repair_loss loss_of(const struct placement *placement, uint16_t survivors)
{
    struct repair_report *reports = calloc(SITES_MAX, sizeof *reports);
    assert_non_null(reports);
    uint32_t count = 0;
    for (uint8_t site_id = 1; site_id <= SITES_MAX; site_id++) {
        if ((survivors >> (site_id - 1) & 1u) != 0) {
            reports[count++] = report_of(placement, site_id, 3, 3);
        }
    }
    struct repair_request request = {.reports = reports,
                                     .report_count = count,
                                     .attested = (uint16_t)(ALL(9) & ~survivors),
                                     .forced = true};
    struct repair repair;
    uint8_t site_id;
    assert_int_equal(repair_decide(&request, &repair, &site_id), REPAIR_ACCEPTED);
    free(reports);
    return repair.loss;
}

static void test_what_may_be_lost_is_said(void **state)
{
    (void)state;
    struct placement three = cluster_placement("ABC", 1);
    assert_int_equal(loss_of(&three, 1), REPAIR_LOSES_SOME);
    assert_int_equal(loss_of(&three, 3), REPAIR_LOSES_NOTHING);
    struct placement five = cluster_placement("AABBC", 1);
    assert_int_equal(loss_of(&five, 3), REPAIR_LOSES_SOME);
    assert_int_equal(loss_of(&five, 7), REPAIR_LOSES_NOTHING);
    /* The missing are a majority, but at one provider where two were asked for. */
    struct placement spanning = cluster_placement("AAABB", 2);
    assert_int_equal(loss_of(&spanning, 24), REPAIR_LOSES_NOTHING);
    assert_int_equal(loss_of(&spanning, 17), REPAIR_LOSES_SOME);
    /* Half of four: enough, had one of the others been removed before. */
    struct placement four = cluster_placement("ABCD", 1);
    assert_int_equal(loss_of(&four, 3), REPAIR_LOSES_UNSEEN);
    assert_int_equal(loss_of(&four, 7), REPAIR_LOSES_NOTHING);
    /* Two of four and a learner that may have been promoted. */
    struct placement learner = cluster_placement("ABCDE", 1);
    learner.sites[4].role = PLACEMENT_LEARNER;
    assert_int_equal(loss_of(&learner, 3), REPAIR_LOSES_UNSEEN);
    assert_int_equal(loss_of(&learner, 1), REPAIR_LOSES_SOME);
    for (int at = 0; at < REPAIR_LOSS_COUNT; at++) {
        assert_true(strlen(repair_loss_text((enum repair_loss)at)) > 10);
    }
}

/* The last membership in the kept log may never have been committed: the one before counts, too. */
static void test_an_unsettled_membership_may_not_have_ruled(void **state)
{
    (void)state;
    struct placement before = cluster_placement("ABC", 1);
    struct placement after = cluster_placement("ABCDE", 1);
    after.sites[4].role = PLACEMENT_LEARNER;
    struct repair_report reports[] = {report_of(&after, 1, 5, 9), report_of(&after, 4, 5, 9)};
    reports[0].placement_log_index = reports[1].placement_log_index = 9;
    reports[0].commit_log_index = reports[1].commit_log_index = 9;
    reports[0].previous_placement = reports[1].previous_placement = before;
    struct repair repair;
    assert_int_equal(decide(reports, 2, 22, &repair), REPAIR_ACCEPTED);
    assert_int_equal(repair.loss, REPAIR_LOSES_UNSEEN);
    reports[0].commit_log_index = reports[1].commit_log_index = 8;
    assert_int_equal(decide(reports, 2, 22, &repair), REPAIR_ACCEPTED);
    assert_int_equal(repair.loss, REPAIR_LOSES_SOME);
    assert_int_equal(repair.commit_log_index, 8);
}

/* A survivor has promised a repair that all of its survivors but the two that are missing now may
 * know to be active: what they acknowledge since is lost with them. */
static void test_a_promised_repair_may_be_active_at_the_missing(void **state)
{
    (void)state;
    static struct repair_report reports[SITES_MAX]; /* Of sites 1, 2, ... */
    static struct repair promised;
    struct placement placement = cluster_placement("ABCDE", 1);
    for (uint8_t site_id = 1; site_id <= 5; site_id++) {
        reports[site_id - 1] = report_of(&placement, site_id, 5, 9);
    }
    struct repair_request request = {
        .reports = reports, .report_count = 3, .attested = 24, .forced = true};
    uint8_t site_id;
    assert_int_equal(repair_decide(&request, &promised, &site_id), REPAIR_ACCEPTED);
    assert_int_equal(promised.loss, REPAIR_LOSES_NOTHING);
    /* Sites 3, 4 and 5 are a majority; 1 and 2 are one of the repair. */
    reports[2].promised = &promised;
    struct repair repair;
    assert_int_equal(decide(reports + 2, 3, 3, &repair), REPAIR_ACCEPTED);
    assert_int_equal(repair.loss, REPAIR_LOSES_SOME);
    /* One of the two reports, and has not activated it: the other alone is no quorum. */
    assert_int_equal(decide(reports + 1, 4, 1, &repair), REPAIR_ACCEPTED);
    assert_int_equal(repair.loss, REPAIR_LOSES_NOTHING);
    /* One of two is enough once the other was removed where nobody saw it. */
    reports[2].promised = NULL;
    request.reports = reports + 1;
    request.report_count = 2;
    request.attested = 25;
    assert_int_equal(repair_decide(&request, &promised, &site_id), REPAIR_ACCEPTED);
    reports[2].promised = &promised;
    assert_int_equal(decide(reports + 2, 3, 3, &repair), REPAIR_ACCEPTED);
    assert_int_equal(repair.loss, REPAIR_LOSES_UNSEEN);
}

/* ---- Accepting ---- */

static struct repair made(struct placement *placement, uint16_t attested)
{
    *placement = cluster_placement("ABCDE", 1);
    struct repair_report reports[] = {report_of(placement, 1, 5, 9), report_of(placement, 2, 5, 8)};
    struct repair repair;
    struct repair_request request = {
        .reports = reports, .report_count = 2, .attested = attested, .attestation_hash = {1}};
    uint8_t site_id;
    assert_int_equal(repair_decide(&request, &repair, &site_id), REPAIR_ACCEPTED);
    return repair;
}

static void test_who_may_promise(void **state)
{
    (void)state;
    struct placement placement;
    struct repair repair = made(&placement, 28);
    struct repair other = made(&placement, 60); /* Another operator, another word. */
    assert_int_not_equal(repair.generation, other.generation);
    assert_int_equal(repair.generation >> 32, other.generation >> 32);
    struct repair_stand one = {.site_id = 1,
                               .incarnation = placement.sites[0].incarnation,
                               .last = repair.kept};
    assert_int_equal(repair_may_promise(&one, &repair), STATUS_OK);
    one.accepted = &other; /* One repair of a round. */
    assert_int_equal(repair_may_promise(&one, &repair), STATUS_DENIED);
    one.accepted = &repair;
    assert_int_equal(repair_may_promise(&one, &repair), STATUS_EXISTS);
    assert_int_equal(repair_may_promise(&one, &other), STATUS_DENIED);
    one.accepted = NULL;
    one.incarnation++;
    assert_int_equal(repair_may_promise(&one, &repair), STATUS_FOREIGN);
    one.incarnation--;
    one.generation = 1; /* It has been repaired since. */
    assert_int_equal(repair_may_promise(&one, &repair), STATUS_DENIED);
    one.generation = 0;
    one.last.log_index++; /* It went on since its report. */
    assert_int_equal(repair_may_promise(&one, &repair), STATUS_BAD_CHAIN);
    one.last = repair.kept;
    one.last.chain_hash[5] ^= 1;
    assert_int_equal(repair_may_promise(&one, &repair), STATUS_BAD_CHAIN);
    struct repair_stand two = {.site_id = 2,
                               .incarnation = placement.sites[1].incarnation,
                               .last = {.log_index = 8, .term = 5}};
    assert_int_equal(repair_may_promise(&two, &repair), STATUS_OK);
    two.last.log_index = 7; /* Cut since: what it had is in the kept log, or worth nothing. */
    assert_int_equal(repair_may_promise(&two, &repair), STATUS_OK);
    two.last.term = 6;
    assert_int_equal(repair_may_promise(&two, &repair), STATUS_BAD_CHAIN);
    two.site_id = 3;
    assert_int_equal(repair_may_promise(&two, &repair), STATUS_FOREIGN);
}

/* A tool that was killed and began again with fresher reports has left two repairs of a round: none
 * can get all promises, so the next round is begun. */
static void test_two_promises_of_a_round_give_way_to_the_next(void **state)
{
    (void)state;
    struct placement placement;
    struct repair repair = made(&placement, 28);
    struct repair other = made(&placement, 60);
    struct repair_report reports[] = {report_of(&placement, 1, 5, 9),
                                      report_of(&placement, 2, 5, 8)};
    struct repair next;
    reports[0].promised = &repair;
    assert_int_equal(decide(reports, 2, 28, &next), REPAIR_ACCEPTED);
    assert_int_equal(next.generation, repair.generation); /* Resumed. */
    reports[1].promised = &other;
    assert_int_equal(decide(reports, 2, 28, &next), REPAIR_ACCEPTED);
    assert_int_equal(next.generation >> 32, (repair.generation >> 32) + 1);
    /* Nor is one resumed whose kept log is no longer where it was. */
    reports[1].promised = NULL;
    reports[1].last.term = 6;
    assert_int_equal(decide(reports, 2, 28, &next), REPAIR_ACCEPTED);
    assert_int_equal(next.kept_site_id, 2);
    reports[1].last.term = 5;
    reports[0].last.log_index = 8;
    assert_int_equal(decide(reports, 2, 28, &next), REPAIR_ACCEPTED);
    assert_int_not_equal(next.generation, repair.generation);
}

static void test_who_may_activate(void **state)
{
    (void)state;
    struct placement placement;
    struct repair repair = made(&placement, 28);
    struct repair_stand stand = {.site_id = 1, .incarnation = placement.sites[0].incarnation};
    assert_int_equal(repair_may_activate(&stand, repair.generation, 3), STATUS_NOT_FOUND);
    stand.accepted = &repair;
    assert_int_equal(repair_may_activate(&stand, repair.generation, 1), STATUS_NOT_YET);
    assert_int_equal(repair_may_activate(&stand, repair.generation, 2), STATUS_NOT_YET);
    assert_int_equal(repair_may_activate(&stand, repair.generation + 1, 3), STATUS_NOT_FOUND);
    assert_int_equal(repair_may_activate(&stand, repair.generation, 3), STATUS_OK);
    stand.active = true;
    assert_int_equal(repair_may_activate(&stand, repair.generation, 3), STATUS_EXISTS);
}

static void test_what_rules(void **state)
{
    (void)state;
    struct placement placement;
    struct repair repair = made(&placement, 28);
    struct placement older = placement;
    struct placement newer = repair.after;
    newer.epoch++;
    assert_ptr_equal(repair_ruling(NULL, false, &placement), &placement);
    assert_ptr_equal(repair_ruling(&repair, true, &older), &repair.after);
    assert_ptr_equal(repair_ruling(&repair, false, &older), &older);
    assert_ptr_equal(repair_ruling(&repair, true, &newer), &newer);
    repair.before.epoch++;
    assert_ptr_equal(repair_ruling(&repair, false, &older), &repair.before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_log_with_the_highest_last_term_and_index_is_kept),
        cmocka_unit_test(test_survivors_keep_their_roles_and_the_membership_its_preferences),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_a_majority_without_its_providers_may_be_repaired),
        cmocka_unit_test(test_what_may_be_lost_is_said),
        cmocka_unit_test(test_an_unsettled_membership_may_not_have_ruled),
        cmocka_unit_test(test_a_promised_repair_may_be_active_at_the_missing),
        cmocka_unit_test(test_who_may_promise),
        cmocka_unit_test(test_two_promises_of_a_round_give_way_to_the_next),
        cmocka_unit_test(test_who_may_activate),
        cmocka_unit_test(test_what_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
