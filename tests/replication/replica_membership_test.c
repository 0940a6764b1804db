/* Membership: when it may change, and what becomes of a change that is not committed. */
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/replica_cluster.h"

static struct cluster *start(const char *providers, uint8_t commit_providers, uint8_t *leader)
{
    struct placement placement = cluster_placement(providers, commit_providers);
    struct cluster *cluster = cluster_create(31, &placement);
    cluster_start(cluster);
    *leader = cluster_run_to_leader(cluster, CLUSTER_S);
    assert_true(*leader != 0);
    cluster_run(cluster, CLUSTER_S);
    return cluster;
}

static struct placement now(struct cluster *cluster, uint8_t site_id)
{
    struct placement next = cluster_site(cluster, site_id)->replica.placement;
    next.epoch++;
    return next;
}

static void join(struct cluster *cluster, uint8_t leader, uint8_t site_id, uint8_t provider_id)
{
    struct placement next = now(cluster, leader);
    next.sites[site_id - 1] = (struct placement_site){.incarnation = 500,
                                                      .provider_id = provider_id,
                                                      .role = PLACEMENT_LEARNER};
    assert_int_equal(cluster_change(cluster, leader, &next), REPLICA_ACCEPTED);
    cluster_site(cluster, site_id)->incarnation = 500;
    cluster_restart(cluster, site_id);
}

/* Learners follow without counting; a voter counts. */
static void test_a_learner_joins_follows_and_votes(void **state)
{
    (void)state;
    uint8_t leader;
    struct cluster *cluster = start("ABC", 2, &leader);
    assert_int_equal(cluster_seal(cluster, leader, 200), 200);
    cluster_run(cluster, CLUSTER_S);
    join(cluster, leader, 4, 1);
    struct placement next = now(cluster, leader);
    next.sites[3].role = PLACEMENT_VOTER;
    assert_int_equal(cluster_change(cluster, leader, &next), REPLICA_REFUSED_BUSY);
    cluster->stop_types = 1u << REPLICA_APPEND_REPLY;
    cluster_run(cluster, 50 * CLUSTER_MS);
    cluster->stop_types = 0;
    assert_true(cluster_run_to_commit(cluster, 15, cluster->committed_log_index, CLUSTER_S));
    cluster_run(cluster, CLUSTER_S);
    leader = cluster_leader(cluster);
    next = now(cluster, leader);
    next.sites[3].role = PLACEMENT_VOTER;
    assert_int_equal(cluster_change(cluster, leader, &next), REPLICA_ACCEPTED);
    cluster_run(cluster, CLUSTER_S);
    assert_int_equal(placement_voters(&cluster_site(cluster, 4)->replica.placement), 15);
    cluster_destroy(cluster);
}

static void test_a_learner_does_not_count(void **state)
{
    (void)state;
    uint8_t leader;
    struct cluster *cluster = start("ABC", 1, &leader);
    join(cluster, leader, 4, 1);
    cluster_run(cluster, CLUSTER_S);
    for (uint8_t site_id = 1; site_id <= 3; site_id++) { /* Leader and learner remain. */
        if (site_id != leader) {
            cluster_crash(cluster, site_id);
        }
    }
    uint64_t committed = cluster->committed_log_index;
    assert_int_equal(cluster_seal(cluster, leader, 1), 1);
    cluster_run(cluster, CLUSTER_S);
    assert_int_equal(cluster->committed_log_index, committed);
    assert_true(cluster_site(cluster, 4)->durable.last_log_index > committed);
    assert_int_equal(cluster_leader(cluster), 0); /* It has left: no election majority. */
    assert_int_equal(cluster_site(cluster, 4)->replica.role, REPLICA_FOLLOWER);
    cluster_destroy(cluster);
}

static void test_a_learner_behind_is_not_promoted(void **state)
{
    (void)state;
    uint8_t leader;
    struct cluster *cluster = start("ABC", 2, &leader);
    join(cluster, leader, 4, 1);
    cluster_run(cluster, CLUSTER_S);
    cluster_crash(cluster, 4);
    assert_int_equal(cluster_seal(cluster, leader, REPLICA_PROMOTE_LAG_MAX + 5),
                     REPLICA_PROMOTE_LAG_MAX + 5);
    cluster_run(cluster, CLUSTER_S);
    struct placement next = now(cluster, leader);
    next.sites[3].role = PLACEMENT_VOTER;
    assert_int_equal(cluster_change(cluster, leader, &next), REPLICA_REFUSED_LEARNER_BEHIND);
    cluster_restart(cluster, 4);
    cluster_run(cluster, CLUSTER_S);
    assert_int_equal(cluster_change(cluster, leader, &next), REPLICA_ACCEPTED);
    cluster_destroy(cluster);
}

/* Of one voter and a learner that computes something else, no hash would have a majority. */
static void test_a_fenced_learner_is_not_promoted(void **state)
{
    (void)state;
    uint8_t leader;
    struct cluster *cluster = start("A", 1, &leader);
    join(cluster, leader, 2, 1);
    cluster_site(cluster, 2)->audit_poison = 1;
    for (uint32_t round = 0; round < 2; round++) {
        cluster->seals = true;
        cluster_run(cluster, CLUSTER_S);
        cluster->seals = false;
        cluster_run(cluster, CLUSTER_S);
        struct placement next = now(cluster, leader);
        next.sites[1].role = PLACEMENT_VOTER;
        assert_int_equal(cluster_site(cluster, 2)->fenced, round == 0);
        assert_int_equal(cluster_change(cluster, leader, &next),
                         round == 0 ? REPLICA_REFUSED_LEARNER_BEHIND : REPLICA_ACCEPTED);
        cluster_site(cluster, 2)->audit_poison = 0;
        struct replica_input input = {.type = REPLICA_REBUILT};
        cluster_step(cluster, 2, &input);
    }
    cluster_run(cluster, CLUSTER_S);
    assert_int_equal(placement_voters(&cluster_site(cluster, 2)->replica.placement), 3);
    assert_int_equal(cluster_site(cluster, leader)->replica.halt, REPLICA_RUNS);
    cluster_destroy(cluster);
}

static void test_no_change_before_the_own_term_commits(void **state)
{
    (void)state;
    uint8_t leader;
    struct cluster *cluster = start("ABC", 2, &leader);
    cluster->stop_types = 1u << REPLICA_APPEND_REPLY;
    uint8_t target = leader == 1 ? 2 : 1;
    struct placement next = now(cluster, leader);
    next.sites[3] =
        (struct placement_site){.incarnation = 500, .provider_id = 1, .role = PLACEMENT_LEARNER};
    cluster->stop_types = 0;
    assert_int_equal(cluster_transfer(cluster, leader, target), REPLICA_ACCEPTED);
    while (cluster_site(cluster, target)->replica.role != REPLICA_LEADER) {
        cluster_run(cluster, CLUSTER_MS / 10);
    }
    assert_int_equal(cluster_change(cluster, target, &next), REPLICA_REFUSED_NOT_SERVING);
    assert_int_equal(cluster_change(cluster, leader, &next), REPLICA_REFUSED_NOT_LEADER);
    cluster_run(cluster, 10 * CLUSTER_MS);
    assert_int_equal(cluster_change(cluster, target, &next), REPLICA_ACCEPTED);
    struct placement two = next;
    two.epoch++;
    two.commit_providers = 1;
    assert_int_equal(cluster_change(cluster, target, &two), REPLICA_REFUSED_BUSY);
    cluster_run(cluster, 10 * CLUSTER_MS);
    next = two;
    next.sites[4] = next.sites[3];
    assert_int_equal(cluster_change(cluster, target, &next), REPLICA_REFUSED_PLACEMENT);
    assert_int_equal(cluster->output.verdict.rule, PLACEMENT_MANY_CHANGES);
    cluster_destroy(cluster);
}

/* A change that another leader's log lacks is undone with the tail it stood in. */
static void test_a_change_is_rolled_back(void **state)
{
    (void)state;
    uint8_t leader;
    struct cluster *cluster = start("ABC", 2, &leader);
    uint8_t out = leader == 3 ? 2 : 3;
    cluster_isolate(cluster, leader, true);
    struct placement next = now(cluster, leader);
    next.sites[out - 1].role = PLACEMENT_LEARNER;
    assert_int_equal(cluster_change(cluster, leader, &next), REPLICA_ACCEPTED);
    struct replica *replica = &cluster_site(cluster, leader)->replica;
    assert_int_equal(placement_role_of(&replica->placement, out), PLACEMENT_LEARNER);
    cluster_run(cluster, 2 * CLUSTER_S);
    uint8_t other = cluster_leader(cluster);
    assert_true(other != 0 && other != leader);
    cluster_mend(cluster);
    cluster_run(cluster, CLUSTER_S);
    assert_int_equal(placement_voters(&replica->placement), 7);
    assert_int_equal(cluster_site(cluster, leader)->evidence_count, 1);
    next = now(cluster, other);
    next.sites[out - 1].role = PLACEMENT_VOTER;
    next.commit_providers = 1;
    assert_int_equal(cluster_change(cluster, other, &next), REPLICA_ACCEPTED);
    cluster_run(cluster, CLUSTER_S);
    assert_int_equal(replica->placement.commit_providers, 1);
    cluster_destroy(cluster);
}

/* Fewer providers: the change itself still commits under the old rule. */
static void test_commit_providers_change_under_both_rules(void **state)
{
    (void)state;
    uint8_t leader;
    struct cluster *cluster = start("AAB", 2, &leader);
    if (leader == 3) {
        assert_int_equal(cluster_transfer(cluster, 3, 1), REPLICA_ACCEPTED);
        cluster_run(cluster, CLUSTER_S);
        leader = cluster_leader(cluster);
    }
    cluster_isolate(cluster, 3, true);
    struct placement next = now(cluster, leader);
    next.commit_providers = 1;
    assert_int_equal(cluster_change(cluster, leader, &next), REPLICA_ACCEPTED);
    uint64_t committed = cluster->committed_log_index;
    cluster_run(cluster, CLUSTER_S);
    assert_int_equal(cluster->committed_log_index, committed);
    cluster_mend(cluster);
    cluster_run(cluster, CLUSTER_S);
    assert_int_equal(cluster->committed_log_index, committed + 1);
    cluster_isolate(cluster, 3, true);
    assert_int_equal(cluster_seal(cluster, leader, 1), 1);
    cluster_run(cluster, CLUSTER_S);
    assert_int_equal(cluster->committed_log_index, committed + 2);
    cluster_mend(cluster);
    cluster_run(cluster, CLUSTER_S);
    next = now(cluster, leader);
    next.commit_providers = 2;
    cluster_isolate(cluster, 3, true);
    assert_int_equal(cluster_change(cluster, leader, &next), REPLICA_ACCEPTED);
    cluster_run(cluster, CLUSTER_S);
    assert_int_equal(cluster->committed_log_index, committed + 2);
    cluster_destroy(cluster);
}

/* A leader that is removed leads until that is committed, then hands over without a timeout. */
static void test_a_leader_removes_itself(void **state)
{
    (void)state;
    uint8_t leader;
    struct cluster *cluster = start("ABCA", 2, &leader);
    struct placement next = now(cluster, leader);
    next.sites[leader - 1] = (struct placement_site){0};
    assert_int_equal(cluster_change(cluster, leader, &next), REPLICA_ACCEPTED);
    uint64_t began_ns = cluster->now_ns;
    while (cluster_leader(cluster) == leader || cluster_leader(cluster) == 0) {
        cluster_run(cluster, CLUSTER_MS);
        assert_true(cluster->now_ns - began_ns < 30 * CLUSTER_MS);
    }
    uint8_t heir = cluster_leader(cluster);
    assert_int_equal(cluster_site(cluster, heir)->replica.placement.sites[leader - 1].role,
                     PLACEMENT_ABSENT);
    cluster_run(cluster, 10 * CLUSTER_S);
    assert_int_equal(cluster_leader(cluster), heir); /* Who was removed disturbs nobody. */
    cluster_destroy(cluster);
}

/* One to three to five sites, and a provider replaced, while orders flow: every step of the plans
 * is taken by whoever leads. */
static void test_growing_while_trading(void **state)
{
    (void)state;
    static const char *const targets[] = {"ABC", "ABCDE", "ABC.E"};
    uint8_t leader;
    struct cluster *cluster = start("A", 1, &leader);
    cluster->seals = true;
    for (uint32_t goal = 0; goal < 3; goal++) {
        struct placement target = {.commit_providers = 2};
        for (uint32_t at = 0; targets[goal][at] != '\0'; at++) {
            if (targets[goal][at] != '.') {
                target.sites[at] =
                    (struct placement_site){.incarnation = 1000 + at,
                                            .provider_id = (uint8_t)(targets[goal][at] - 'A' + 1),
                                            .role = PLACEMENT_VOTER};
            }
        }
        uint32_t tries = 0;
        for (;;) {
            struct placement next;
            struct placement_verdict verdict;
            leader = cluster_run_to_leader(cluster, CLUSTER_S);
            assert_true(leader != 0 && tries++ < 100);
            enum status status =
                placement_plan_next(&cluster_site(cluster, leader)->replica.placement, &target,
                                    1u << PLACEMENT_PROVIDER_LOSS, &next, &verdict);
            if (status == STATUS_NOT_FOUND) {
                break;
            }
            assert_int_equal(status, STATUS_OK);
            (void)cluster_change(cluster, leader, &next);
            for (uint8_t site_id = 1; site_id <= SITES_MAX; site_id++) {
                struct cluster_site *site = cluster_site(cluster, site_id);
                if (next.sites[site_id - 1].role == PLACEMENT_LEARNER && site->incarnation == 0) {
                    site->incarnation = next.sites[site_id - 1].incarnation;
                    cluster_restart(cluster, site_id);
                }
            }
            cluster_run(cluster, 200 * CLUSTER_MS);
        }
    }
    uint64_t committed = cluster->committed_log_index;
    cluster_run(cluster, CLUSTER_S);
    assert_true(cluster->committed_log_index > committed + 100);
    cluster_destroy(cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_learner_joins_follows_and_votes),
        cmocka_unit_test(test_a_learner_does_not_count),
        cmocka_unit_test(test_a_learner_behind_is_not_promoted),
        cmocka_unit_test(test_a_fenced_learner_is_not_promoted),
        cmocka_unit_test(test_no_change_before_the_own_term_commits),
        cmocka_unit_test(test_a_change_is_rolled_back),
        cmocka_unit_test(test_commit_providers_change_under_both_rules),
        cmocka_unit_test(test_a_leader_removes_itself),
        cmocka_unit_test(test_growing_while_trading),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
