/* Quorum repair of whole clusters (DESIGN 6): most voters are gone for good, the tool and the
 * survivors are killed at any step, operators contradict each other, and the dead come back. */
#include "replication/replica.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/replica_cluster.h"

static struct cluster *start(const char *providers, uint64_t seed)
{
    struct placement placement = cluster_placement(providers, 1);
    struct cluster *cluster = cluster_create(seed, &placement);
    cluster_start(cluster);
    assert_true(cluster_run_to_leader(cluster, 5 * CLUSTER_S) != 0);
    cluster->seals = true;
    cluster_run(cluster, CLUSTER_S / 2);
    cluster->seals = false;
    cluster_run(cluster, CLUSTER_S);
    return cluster;
}

static void kill_sites(struct cluster *cluster, uint16_t sites)
{
    for (uint8_t site_id = 1; site_id <= SITES_MAX; site_id++) {
        if ((sites >> (site_id - 1) & 1u) != 0 && cluster_site(cluster, site_id)->runs) {
            cluster_crash(cluster, site_id);
        }
    }
}

static void revive(struct cluster *cluster, uint16_t sites)
{
    for (uint8_t site_id = 1; site_id <= SITES_MAX; site_id++) {
        if ((sites >> (site_id - 1) & 1u) != 0 && !cluster_site(cluster, site_id)->runs) {
            cluster_restart(cluster, site_id);
        }
    }
}

/* A leader is there and what it seals is committed by all of `sites`. */
static void check_progress(struct cluster *cluster, uint16_t sites)
{
    uint8_t leader = 0;
    for (uint32_t tries = 0; tries < 100; tries++) {
        leader = cluster_run_to_leader(cluster, 20 * CLUSTER_S);
        assert_true(leader != 0);
        assert_true((sites >> (leader - 1) & 1u) != 0);
        if (cluster_seal(cluster, leader, 3) == 3) {
            break;
        }
        cluster_run(cluster, 100 * CLUSTER_MS);
        leader = 0;
    }
    assert_true(leader != 0);
    uint64_t goal = cluster_site(cluster, leader)->appended.last_log_index;
    assert_true(cluster_run_to_commit(cluster, sites, goal, 20 * CLUSTER_S));
}

static uint32_t count_placements(struct cluster *cluster, uint8_t site_id, uint64_t epoch)
{
    const struct cluster_log *log = &cluster_site(cluster, site_id)->durable;
    uint32_t count = 0;
    for (uint64_t at = log->base.log_index + 1; at <= log->last_log_index; at++) {
        count += log->entries[at].kind == REPLICA_ENTRY_PLACEMENT &&
                 log->entries[at].placement->epoch == epoch;
    }
    return count;
}

static void test_three_of_five_are_gone_and_two_go_on(void **state)
{
    (void)state;
    struct cluster *cluster = start("ABCDE", 3);
    uint64_t committed = cluster->committed_log_index;
    kill_sites(cluster, 7);
    cluster_run(cluster, 5 * CLUSTER_S);
    assert_int_equal(cluster_leader(cluster), 0);
    struct repair repair;
    assert_int_equal(cluster_repair(cluster, 24, 7, 0, &repair), REPAIR_ACCEPTED);
    assert_int_equal(repair.loss,
                     REPAIR_LOSES_SOME); /* As far as can be proved; here it was not. */
    assert_int_equal(cluster->lost_count, 0);
    check_progress(cluster, 24);
    assert_true(cluster->committed_log_index > committed);
    /* The membership stands in the log, once, and rules from there. */
    assert_int_equal(count_placements(cluster, 4, repair.after.epoch), 1);
    assert_int_equal(count_placements(cluster, 5, repair.after.epoch), 1);
    kill_sites(cluster, 24);
    revive(cluster, 24);
    check_progress(cluster, 24);
    assert_int_equal(count_placements(cluster, 4, repair.after.epoch), 1);
    assert_true(cluster_site(cluster, 4)->replica.placement_log_index > 0);
    /* And grows again: a new site, with a journal of the new generation. */
    uint8_t leader = cluster_leader(cluster);
    struct placement next = cluster_site(cluster, leader)->replica.placement;
    next.epoch++;
    next.sites[5] =
        (struct placement_site){.incarnation = 77, .provider_id = 1, .role = PLACEMENT_LEARNER};
    assert_int_equal(cluster_change(cluster, leader, &next), REPLICA_ACCEPTED);
    cluster_site(cluster, 6)->incarnation = 77;
    cluster_site(cluster, 6)->generation = repair.generation;
    cluster_restart(cluster, 6);
    check_progress(cluster, 56);
    cluster_destroy(cluster);
}

static void test_the_dead_come_back_and_can_do_nothing(void **state)
{
    (void)state;
    struct cluster *cluster = start("ABCDE", 4);
    kill_sites(cluster, 7);
    struct repair repair;
    assert_int_equal(cluster_repair(cluster, 24, 7, 0, &repair), REPAIR_ACCEPTED);
    check_progress(cluster, 24);
    uint64_t term = cluster_site(cluster, 4)->replica.term;
    revive(cluster, 3);
    for (uint32_t at = 0; at < 5; at++) {
        check_progress(cluster, 24);
        cluster_run(cluster, CLUSTER_S);
    }
    for (uint8_t site_id = 1; site_id <= 2; site_id++) {
        struct cluster_site *site = cluster_site(cluster, site_id);
        assert_int_equal(site->replica.halt, REPLICA_HALT_GENERATION);
        assert_int_equal(site->generation, 0);
    }
    assert_int_equal(cluster_site(cluster, 4)->replica.term, term); /* Nobody was disturbed. */
    /* Nor can they take part in another repair. */
    struct repair other;
    uint8_t site_id;
    assert_int_equal(cluster_decide(cluster, 27, 4, true, &other, &site_id),
                     REPAIR_REFUSED_GENERATION);
    struct repair_report *report = calloc(1, sizeof *report);
    cluster_report(cluster, 1, report);
    assert_int_equal(report->generation, 0);
    free(report);
    /* Out of reach of the others, a minority of the old membership elects nobody either. */
    kill_sites(cluster, 3);
    cluster_isolate(cluster, 4, true);
    cluster_isolate(cluster, 5, true);
    revive(cluster, 3);
    cluster_run(cluster, 10 * CLUSTER_S);
    assert_int_equal(cluster_site(cluster, 1)->replica.halt, REPLICA_RUNS);
    assert_true(cluster_site(cluster, 1)->replica.role != REPLICA_LEADER);
    assert_true(cluster_site(cluster, 2)->replica.role != REPLICA_LEADER);
    cluster_destroy(cluster);
}

static void test_the_uncommitted_tail_of_the_best_log_is_kept(void **state)
{
    (void)state;
    struct cluster *cluster = start("ABCDE", 5);
    uint8_t leader = cluster_leader(cluster);
    uint8_t other = leader == 5 ? 4 : 5;
    uint64_t committed = cluster->committed_log_index;
    cluster_isolate(cluster, leader, true);
    assert_int_equal(cluster_seal(cluster, leader, 7), 7);
    cluster_run(cluster, 10 * CLUSTER_MS);
    uint16_t survivors = (uint16_t)(1u << (leader - 1) | 1u << (other - 1));
    kill_sites(cluster, (uint16_t)(31 & ~survivors));
    cluster_mend(cluster);
    struct repair repair;
    assert_int_equal(cluster_repair(cluster, survivors, (uint16_t)(31 & ~survivors), 0, &repair),
                     REPAIR_ACCEPTED);
    assert_int_equal(repair.kept_site_id, leader);
    assert_int_equal(repair.kept.log_index, committed + 7);
    check_progress(cluster, survivors);
    assert_memory_equal(cluster->committed[committed + 7].chain_hash, repair.kept.chain_hash,
                        REPLICA_HASH_BYTES);
    cluster_destroy(cluster);
}

/* Three survivors, and only one has what was acknowledged: the other two are a majority of the new
 * membership, and still elect nobody without it. */
static void test_a_majority_without_the_kept_log_elects_nobody(void **state)
{
    (void)state;
    struct cluster *cluster = start("ABCDEFG", 6);
    uint8_t leader = cluster_leader(cluster);
    uint16_t lagging = 0;
    uint32_t count = 0;
    for (uint8_t site_id = 1; site_id <= 7 && count < 2; site_id++) {
        if (site_id != leader) {
            lagging = (uint16_t)(lagging | 1u << (site_id - 1));
            cluster_isolate(cluster, site_id, true);
            count++;
        }
    }
    cluster->seals = true;
    cluster_run(cluster, CLUSTER_S / 4);
    cluster->seals = false;
    cluster_run(cluster, 20 * CLUSTER_MS);
    uint16_t survivors = (uint16_t)(lagging | 1u << (leader - 1));
    kill_sites(cluster, (uint16_t)(127 & ~survivors));
    cluster_mend(cluster);
    struct repair repair;
    assert_int_equal(cluster_repair(cluster, survivors, (uint16_t)(127 & ~survivors), 0, &repair),
                     REPAIR_ACCEPTED);
    assert_int_equal(repair.kept_site_id, leader);
    assert_int_equal(cluster->lost_count, 0);
    kill_sites(cluster, (uint16_t)(1u << (leader - 1)));
    cluster_run(cluster, 20 * CLUSTER_S);
    assert_int_equal(cluster_leader(cluster), 0);
    revive(cluster, survivors);
    check_progress(cluster, survivors);
    cluster_destroy(cluster);
}

static void test_a_promise_silences_and_counts_when_it_is_durable(void **state)
{
    (void)state;
    struct cluster *cluster = start("ABC", 7);
    kill_sites(cluster, 1);
    cluster_run(cluster, 5 * CLUSTER_S);
    kill_sites(cluster, 2);
    struct repair repair;
    uint8_t site_id;
    assert_int_equal(cluster_decide(cluster, 4, 3, false, &repair, &site_id), REPAIR_ACCEPTED);
    cluster_site(cluster, 3)->disk_ns_max = UINT64_MAX;
    assert_int_equal(cluster_promise(cluster, 3, &repair), STATUS_OK);
    assert_int_equal(cluster_promised(cluster, 4, repair.generation), 0);
    while (cluster_site(cluster, 3)->durable.repair == NULL) { /* The write is lost, or not. */
        kill_sites(cluster, 4);
        if (cluster_site(cluster, 3)->durable.repair != NULL) {
            break;
        }
        revive(cluster, 4);
        assert_int_equal(cluster_site(cluster, 3)->replica.halt, REPLICA_RUNS);
        (void)cluster_promise(cluster, 3, &repair);
    }
    cluster_site(cluster, 3)->disk_ns_max = CLUSTER_MS;
    /* Silent across a restart, and no help to those that come back, until it is active. */
    revive(cluster, 7);
    assert_int_equal(cluster_site(cluster, 3)->replica.halt, REPLICA_HALT_REPAIR);
    kill_sites(cluster, 1);
    uint64_t committed = cluster->committed_log_index;
    cluster_run(cluster, 10 * CLUSTER_S);
    assert_int_equal(cluster_leader(cluster), 0);
    assert_int_equal(cluster->committed_log_index, committed);
    assert_int_equal(cluster_activate(cluster, 3, repair.generation, 0), STATUS_NOT_YET);
    kill_sites(cluster, 2);
    assert_int_equal(cluster_activate(cluster, 3, repair.generation, 4), STATUS_OK);
    check_progress(cluster, 4);
    assert_int_equal(cluster_site(cluster, 3)->generation, repair.generation);
    cluster_destroy(cluster);
}

static void test_a_repair_killed_between_two_promises_is_resumed(void **state)
{
    (void)state;
    struct cluster *cluster = start("ABCDE", 8);
    kill_sites(cluster, 28);
    struct repair repair;
    struct repair again;
    uint8_t site_id;
    assert_int_equal(cluster_decide(cluster, 3, 28, false, &repair, &site_id), REPAIR_ACCEPTED);
    assert_int_equal(cluster_promise(cluster, 1, &repair), STATUS_OK);
    cluster_run(cluster, CLUSTER_S);
    kill_sites(cluster, 3);
    revive(cluster, 3);
    /* The same again, though one of them stays silent and the operator may say another word. */
    assert_int_equal(cluster_decide(cluster, 3, 28 + 32, false, &again, &site_id), REPAIR_ACCEPTED);
    assert_int_equal(again.generation, repair.generation);
    assert_int_equal(cluster_promise(cluster, 1, &again), STATUS_EXISTS);
    assert_int_equal(cluster_promise(cluster, 2, &again), STATUS_OK);
    cluster_run(cluster, CLUSTER_S);
    assert_int_equal(cluster_promised(cluster, 3, repair.generation), 3);
    /* Killed between two activations: who is active alone is no quorum, and the other one is asked
     * to finish. */
    assert_int_equal(cluster_activate(cluster, 1, repair.generation, 3), STATUS_OK);
    cluster_run(cluster, 5 * CLUSTER_S);
    assert_int_equal(cluster_leader(cluster), 0);
    assert_int_equal(cluster_decide(cluster, 3, 28, false, &again, &site_id),
                     REPAIR_REFUSED_UNFINISHED);
    assert_int_equal(site_id, 2);
    assert_int_equal(cluster_activate(cluster, 2, repair.generation, 3), STATUS_OK);
    check_progress(cluster, 3);
    assert_int_equal(cluster_activate(cluster, 2, repair.generation, 3), STATUS_EXISTS);
    assert_int_equal(cluster_decide(cluster, 3, 28, false, &again, &site_id),
                     REPAIR_REFUSED_QUORUM);
    cluster_destroy(cluster);
}

/* A survivor dies after it has promised: the rest is repaired again, a round later. */
static void test_a_promise_that_came_to_nothing_is_replaced(void **state)
{
    (void)state;
    struct cluster *cluster = start("ABCDE", 9);
    kill_sites(cluster, 28);
    struct repair repair;
    struct repair next;
    uint8_t site_id;
    assert_int_equal(cluster_decide(cluster, 3, 28, false, &repair, &site_id), REPAIR_ACCEPTED);
    assert_int_equal(cluster_promise(cluster, 1, &repair), STATUS_OK);
    assert_int_equal(cluster_promise(cluster, 2, &repair), STATUS_OK);
    cluster_run(cluster, CLUSTER_S);
    kill_sites(cluster, 2);
    /* It was named: not without the operator's word on it. */
    assert_int_equal(cluster_decide(cluster, 1, 28, false, &next, &site_id),
                     REPAIR_REFUSED_NOT_ATTESTED);
    assert_int_equal(site_id, 2);
    assert_int_equal(cluster_repair(cluster, 1, 30, 0, &next), REPAIR_ACCEPTED);
    assert_int_equal(next.generation >> 32, (repair.generation >> 32) + 1);
    check_progress(cluster, 1);
    revive(cluster, 2); /* It promised, and is silent for ever. */
    cluster_run(cluster, 5 * CLUSTER_S);
    assert_int_equal(cluster_site(cluster, 2)->replica.halt, REPLICA_HALT_REPAIR);
    assert_int_equal(cluster_activate(cluster, 2, next.generation, 3), STATUS_NOT_FOUND);
    check_progress(cluster, 1);
    cluster_destroy(cluster);
}

/* Each operator names a majority of what it makes, they have one survivor in common, and both go on
 * as far as they get: that is to one active generation. */
static void test_two_operators_with_a_survivor_in_common(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 40; seed++) {
        struct cluster *cluster = start("ABCDEFG", 100 + seed);
        kill_sites(cluster, 96);
        cluster_isolate(cluster, 1 + (uint8_t)(seed % 5), true); /* So that they disagree. */
        cluster_run(cluster, CLUSTER_S);
        uint16_t sets[] = {7, 28};
        struct repair repairs[2];
        uint8_t site_id;
        for (uint32_t at = 0; at < 2; at++) {
            assert_int_equal(cluster_decide(cluster, sets[at], (uint16_t)(127 & ~sets[at]), true,
                                            &repairs[at], &site_id),
                             REPAIR_ACCEPTED);
        }
        cluster_mend(cluster);
        assert_int_not_equal(repairs[0].generation, repairs[1].generation);
        for (uint32_t step = 0; step < 60; step++) {
            uint32_t at = (uint32_t)random_below(&cluster->random, 2);
            uint8_t site = (uint8_t)(1 + random_below(&cluster->random, 5));
            uint64_t generation = repairs[at].generation;
            if ((sets[at] >> (site - 1) & 1u) != 0) {
                (void)cluster_promise(cluster, site, &repairs[at]);
                uint16_t promised = cluster_promised(cluster, sets[at], generation);
                (void)cluster_activate(cluster, site, generation, promised);
            }
            cluster_run(cluster, random_below(&cluster->random, 20 * CLUSTER_MS));
        }
        uint16_t first = cluster_activated(cluster, sets[0], repairs[0].generation);
        uint16_t second = cluster_activated(cluster, sets[1], repairs[1].generation);
        assert_true(first == 0 || second == 0);
        if (first == sets[0] || second == sets[1]) {
            check_progress(cluster, first | second);
        }
        cluster_destroy(cluster);
    }
}

static void test_a_snapshot_from_before_the_repair_brings_no_old_membership_back(void **state)
{
    (void)state;
    struct cluster *cluster = start("ABCDE", 11);
    uint8_t leader = cluster_leader(cluster);
    uint8_t late = leader == 1 ? 2 : 1;
    cluster_isolate(cluster, late, true);
    cluster->seals = true;
    cluster_run(cluster, CLUSTER_S);
    cluster->seals = false;
    cluster_run(cluster, CLUSTER_S / 10);
    uint16_t survivors = (uint16_t)(1u << (leader - 1) | 1u << (late - 1));
    kill_sites(cluster, (uint16_t)(31 & ~survivors));
    cluster_snapshot(cluster, leader);
    assert_true(cluster_site(cluster, leader)->trimmed_log_index >
                cluster_site(cluster, late)->durable.last_log_index);
    cluster_mend(cluster);
    struct repair repair;
    assert_int_equal(cluster_repair(cluster, survivors, (uint16_t)(31 & ~survivors), 0, &repair),
                     REPAIR_ACCEPTED);
    check_progress(cluster, survivors);
    assert_true(cluster_site(cluster, late)->durable.base.log_index > 0);
    assert_int_equal(placement_voters(&cluster_site(cluster, late)->replica.placement), survivors);
    /* Also across a restart with nothing but that snapshot and what came after. */
    kill_sites(cluster, survivors);
    revive(cluster, survivors);
    check_progress(cluster, survivors);
    cluster_destroy(cluster);
}

/* A change of the membership stands in the kept log and is news to a survivor: it does not rule
 * there, not even until the repaired one follows. */
static void test_an_older_membership_in_the_kept_log_does_not_rule(void **state)
{
    (void)state;
    struct cluster *cluster = start("ABCDE", 13);
    uint8_t leader = cluster_leader(cluster);
    uint8_t late = leader == 1 ? 2 : 1;
    cluster_isolate(cluster, late, true);
    struct placement next = cluster_site(cluster, leader)->replica.placement;
    next.epoch++;
    next.preferred_site_ids[0] = leader;
    assert_int_equal(cluster_change(cluster, leader, &next), REPLICA_ACCEPTED);
    cluster_run(cluster, CLUSTER_S / 10);
    uint64_t change = cluster_site(cluster, leader)->replica.placement_log_index;
    assert_int_equal(cluster_site(cluster, leader)->commit_log_index, change);
    uint16_t survivors = (uint16_t)(1u << (leader - 1) | 1u << (late - 1));
    kill_sites(cluster, (uint16_t)(31 & ~survivors));
    cluster->options.batch_entries_max = 1;
    struct repair repair;
    assert_int_equal(cluster_repair(cluster, survivors, (uint16_t)(31 & ~survivors), 0, &repair),
                     REPAIR_ACCEPTED);
    struct cluster_site *site = cluster_site(cluster, late);
    cluster_mend(cluster);
    for (uint32_t at = 0; at < 10000 && site->appended.last_log_index < change; at++) {
        assert_true(site->generation < repair.generation ||
                    placement_voters(&site->replica.placement) == survivors);
        cluster_run(cluster, CLUSTER_MS / 10);
    }
    assert_in_range(site->appended.last_log_index, change, change + 1);
    assert_int_equal(placement_voters(&site->replica.placement), survivors);
    check_progress(cluster, survivors);
    cluster_destroy(cluster);
}

static void test_what_was_repaired_is_repaired_again(void **state)
{
    (void)state;
    struct cluster *cluster = start("ABCDE", 12);
    struct repair repair;
    kill_sites(cluster, 7);
    assert_int_equal(cluster_repair(cluster, 24, 7, 0, &repair), REPAIR_ACCEPTED);
    check_progress(cluster, 24);
    kill_sites(cluster, 8);
    assert_int_equal(cluster_repair(cluster, 16, 15, 0, &repair), REPAIR_ACCEPTED);
    assert_int_equal(repair.generation >> 32, 2);
    /* Both were needed to commit, unless the other one had just demoted this one. */
    assert_int_equal(repair.loss, REPAIR_LOSES_UNSEEN);
    check_progress(cluster, 16);
    revive(cluster, 15);
    check_progress(cluster, 16);
    cluster_run(cluster, 5 * CLUSTER_S);
    for (uint8_t site_id = 1; site_id <= 4; site_id++) {
        assert_true(cluster_site(cluster, site_id)->replica.role != REPLICA_LEADER);
    }
    cluster_destroy(cluster);
}

/* ---- Random ---- */

/* One site more or less that votes. */
static void change(struct cluster *cluster, uint8_t site_id)
{
    uint8_t leader = cluster_leader(cluster);
    if (leader == 0) {
        return;
    }
    struct placement next = cluster_site(cluster, leader)->replica.placement;
    uint8_t *role = &next.sites[site_id - 1].role;
    next.epoch++;
    if (*role != PLACEMENT_ABSENT) {
        *role = *role == PLACEMENT_VOTER ? PLACEMENT_LEARNER : PLACEMENT_VOTER;
        (void)cluster_change(cluster, leader, &next);
    }
}

/* Faults of every day, so that logs differ when the catastrophe comes. */
static void trouble(struct cluster *cluster, uint16_t sites)
{
    cluster->seals = true;
    for (uint32_t at = 0; at < 12; at++) {
        uint8_t site_id = (uint8_t)(1 + random_below(&cluster->random, SITES_MAX));
        struct cluster_site *site = cluster_site(cluster, site_id);
        cluster_run(cluster, random_below(&cluster->random, 150 * CLUSTER_MS));
        if ((sites >> (site_id - 1) & 1u) == 0) {
            continue;
        }
        switch (random_below(&cluster->random, 6)) {
        case 0:
            if (site->runs) {
                cluster_crash(cluster, site_id);
            }
            break;
        case 1:
            cluster_isolate(cluster, site_id, random_below(&cluster->random, 2) == 0);
            break;
        case 2:
            cluster->lost = (uint32_t)random_below(&cluster->random, 200);
            break;
        case 3:
            if (site->runs) {
                cluster_snapshot(cluster, site_id);
            }
            break;
        case 4:
            change(cluster, site_id);
            break;
        default:
            revive(cluster, sites);
            break;
        }
    }
    cluster->seals = false;
}

struct sums {
    uint64_t repairs;
    uint64_t safe;
    uint64_t losses;
    uint64_t returned;
};

/* Whether `sites` could elect by themselves in a membership that anybody has ever seen: then the
 * operator's word was wrong, and what follows is not a repair's matter. */
static bool elects_somewhere(const struct cluster *cluster, uint16_t sites)
{
    for (uint32_t at = 0; at < SITES_MAX; at++) {
        const struct replica *replica = &cluster->sites[at].replica;
        if (cluster->sites[at].incarnation != 0 &&
            (placement_elects(&replica->placement, sites) ||
             placement_elects(&replica->previous_placement, sites))) {
            return true;
        }
    }
    return false;
}

static void run_seed(struct cluster *cluster, uint64_t seed, struct sums *sums)
{
    struct random random;
    random_seed(&random, seed);
    static const char *const shapes[] = {"ABC", "AABBC", "ABCAB", "AB", "ABCD", "ABCABCA"};
    struct placement placement = cluster_placement(shapes[random_below(&random, 6)], 1);
    uint32_t provider_count = placement_provider_count(&placement, UINT16_MAX);
    placement.commit_providers = (uint8_t)(1 + random_below(&random, provider_count));
    uint16_t sites = placement_members(&placement);
    if (random_below(&random, 3) == 0) {
        placement.sites[0].role = PLACEMENT_LEARNER;
        placement.commit_providers = 1;
    }
    cluster_reset(cluster, seed, &placement);
    cluster->options.slots_max = 64u << random_below(&random, 3);
    cluster->restore_max = cluster->options.slots_max;
    cluster_start(cluster);
    for (uint32_t catastrophe = 0; catastrophe < 3; catastrophe++) {
        trouble(cluster, sites);
        revive(cluster, sites);
        uint16_t survivors = sites & (uint16_t)random_u64(&cluster->random);
        if (survivors == 0) {
            survivors = sites;
        }
        uint16_t gone = sites & (uint16_t)~survivors;
        kill_sites(cluster, gone);
        struct repair repair;
        enum repair_refusal refusal =
            cluster_repair(cluster, survivors, gone, (uint32_t)random_below(&random, 60), &repair);
        cluster_mend(cluster);
        cluster->delay_ns_max = cluster->delay_ns_min + CLUSTER_MS;
        if (refusal == REPAIR_REFUSED_QUORUM) {
            revive(cluster, sites);
            continue;
        }
        assert_int_equal(refusal, REPAIR_ACCEPTED);
        check_progress(cluster, placement_members(&repair.after));
        const struct replica *replica = &cluster_site(cluster, cluster_leader(cluster))->replica;
        assert_true(replica->repair_logged); /* The log says so from now on. */
        assert_true(replica->placement.epoch >= repair.after.epoch);
        sums->repairs++;
        sums->safe += repair.loss == REPAIR_LOSES_NOTHING;
        /* Some of the dead come back, too few to elect by themselves. */
        uint16_t back = gone & (uint16_t)random_u64(&cluster->random);
        if (!elects_somewhere(cluster, back)) {
            revive(cluster, back);
            sums->returned += back != 0;
            check_progress(cluster, placement_members(&repair.after));
            cluster_run(cluster, CLUSTER_S);
            kill_sites(cluster, back);
        }
        sites = survivors;
    }
    sums->losses += cluster->lost_count > 0;
}

static void test_random_catastrophes(void **state)
{
    (void)state;
    const char *chosen = getenv("SEED");
    const char *wished = getenv("SEEDS");
    uint64_t first = chosen != NULL ? strtoull(chosen, NULL, 0) : 1;
    uint64_t count = wished != NULL ? strtoull(wished, NULL, 0) : chosen != NULL ? 1 : 200;
    struct placement placement = cluster_placement("ABC", 1);
    struct cluster *cluster = cluster_create(1, &placement);
    struct sums sums = {0};
    for (uint64_t seed = first; seed < first + count; seed++) {
        fprintf(stderr, "\rseed %" PRIu64 " (SEED=%" PRIu64 " repeats it)  ", seed, seed);
        run_seed(cluster, seed, &sums);
    }
    printf("%" PRIu64 " runs, %" PRIu64 " repairs, %" PRIu64 " provably without loss, %" PRIu64
           " runs lost something, the dead came back %" PRIu64 " times\n",
           count, sums.repairs, sums.safe, sums.losses, sums.returned);
    assert_true(sums.repairs > count / 2 || chosen != NULL);
    cluster_destroy(cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_three_of_five_are_gone_and_two_go_on),
        cmocka_unit_test(test_the_dead_come_back_and_can_do_nothing),
        cmocka_unit_test(test_the_uncommitted_tail_of_the_best_log_is_kept),
        cmocka_unit_test(test_a_majority_without_the_kept_log_elects_nobody),
        cmocka_unit_test(test_a_promise_silences_and_counts_when_it_is_durable),
        cmocka_unit_test(test_a_repair_killed_between_two_promises_is_resumed),
        cmocka_unit_test(test_a_promise_that_came_to_nothing_is_replaced),
        cmocka_unit_test(test_two_operators_with_a_survivor_in_common),
        cmocka_unit_test(test_a_snapshot_from_before_the_repair_brings_no_old_membership_back),
        cmocka_unit_test(test_an_older_membership_in_the_kept_log_does_not_rule),
        cmocka_unit_test(test_what_was_repaired_is_repaired_again),
        cmocka_unit_test(test_random_catastrophes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
