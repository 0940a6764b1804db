/* What a leader looks after: its quorum, its providers, transfers, preference, timeouts. */
#include "tests/support/cmocka_all.h"
#include "tests/support/replica_cluster.h"
#include "tests/support/replica_solo.h"

static struct cluster *start(const char *providers, uint8_t commit_providers, uint8_t *leader)
{
    struct placement placement = cluster_placement(providers, commit_providers);
    struct cluster *cluster = cluster_create(21, &placement);
    cluster_start(cluster);
    *leader = cluster_run_to_leader(cluster, CLUSTER_S);
    assert_true(*leader != 0);
    cluster_run(cluster, CLUSTER_S);
    assert_int_equal(cluster_leader(cluster), *leader);
    return cluster;
}

/* A leader that is cut off leaves; its tail is lost, and goes out as evidence where it stood. */
static void test_a_stale_leader_leaves(void **state)
{
    (void)state;
    uint8_t leader;
    struct cluster *cluster = start("ABC", 2, &leader);
    struct cluster_site *site = cluster_site(cluster, leader);
    cluster_isolate(cluster, leader, true);
    assert_int_equal(cluster_seal(cluster, leader, 5), 5);
    uint64_t committed = site->commit_log_index;
    cluster_run(cluster, CLUSTER_S);
    assert_int_equal(site->replica.role, REPLICA_PRE_CANDIDATE);
    uint64_t term = site->replica.term;
    uint8_t next = cluster_leader(cluster);
    assert_true(next != 0 && next != leader);
    assert_int_equal(cluster_seal(cluster, next, 5), 5);
    cluster_run(cluster, CLUSTER_S);
    assert_int_equal(site->commit_log_index, committed);
    assert_int_equal(site->replica.term, term); /* Pre-votes: its term has not run away. */
    cluster_mend(cluster);
    assert_true(cluster_run_to_commit(cluster, 7, cluster->committed_log_index, CLUSTER_S));
    assert_int_equal(site->evidence_count, 1);
    assert_int_equal(cluster_leader(cluster), next); /* Its return disturbs nobody. */
    cluster_destroy(cluster);
}

/* A term above its own in any answer ends a reign at once: it waits for no timeout, and what is
 * acknowledged to it from then on counts no more. */
static void test_a_leader_that_hears_of_a_higher_term_leaves(void **state)
{
    (void)state;
    static const uint64_t log[] = {1, 1, 0};
    static const enum replica_message_type answers[] = {REPLICA_APPEND_REPLY, REPLICA_VOTE_REPLY,
                                                        REPLICA_PRE_VOTE_REPLY, REPLICA_APPEND};
    for (uint32_t at = 0; at < 4; at++) {
        static struct solo solo;
        solo_start(&solo, 1, 0, log, 1);
        solo_lead(&solo);
        uint64_t term = solo.replica.term;
        struct replica_position last = solo.replica.log.last;
        uint64_t committed = solo.replica.commit_log_index;
        struct replica_message message = solo_message(answers[at], 2, term + 3);
        message.rejected = answers[at] == REPLICA_APPEND_REPLY;
        solo_receive(&solo, &message);
        assert_int_equal(solo.replica.role, REPLICA_FOLLOWER);
        assert_int_equal(solo.replica.term, term + 3);
        assert_true(solo.output.vote); /* The term is to be durable. */
        assert_true(solo.output.role_changed);
        struct replica_seal seal;
        assert_int_equal(replica_seal_position(&solo.replica, &seal), STATUS_NOT_YET);
        for (uint8_t site_id = 2; site_id <= 4; site_id++) {
            struct replica_message reply = solo_message(REPLICA_APPEND_REPLY, site_id, term);
            reply.position = last;
            solo_receive(&solo, &reply);
        }
        assert_int_equal(solo.replica.commit_log_index, committed);
    }
}

/* Without its second provider a leader stays and refuses orders, instead of endless elections. */
static void test_a_leader_without_providers_stays_and_refuses(void **state)
{
    (void)state;
    uint8_t leader;
    struct cluster *cluster = start("AAB", 2, &leader);
    if (leader == 3) {
        assert_int_equal(cluster_transfer(cluster, 3, 1), REPLICA_ACCEPTED);
        cluster_run(cluster, CLUSTER_S);
        leader = cluster_leader(cluster);
    }
    struct replica *replica = &cluster_site(cluster, leader)->replica;
    struct replica_seal seal;
    assert_int_equal(replica_seal_position(replica, &seal), STATUS_OK);
    uint64_t term = replica->term;
    cluster_isolate(cluster, 3, true);
    cluster_run(cluster, 5 * CLUSTER_S);
    assert_int_equal(replica->term, term);
    assert_int_equal(replica->role, REPLICA_LEADER);
    assert_int_equal(replica_seal_position(replica, &seal), STATUS_NOT_YET);
    cluster_mend(cluster);
    cluster_run(cluster, CLUSTER_S);
    assert_int_equal(cluster_seal(cluster, leader, 3), 3);
    assert_true(cluster_run_to_commit(cluster, 7, cluster->committed_log_index + 3, CLUSTER_S));
    cluster_destroy(cluster);
}

static void test_a_transfer(void **state)
{
    (void)state;
    uint8_t leader;
    struct cluster *cluster = start("ABC", 2, &leader);
    uint8_t target = leader == 2 ? 3 : 2;
    assert_int_equal(cluster_transfer(cluster, target, leader), REPLICA_REFUSED_NOT_LEADER);
    assert_int_equal(cluster_transfer(cluster, leader, leader), REPLICA_REFUSED_SITE);
    assert_int_equal(cluster_transfer(cluster, leader, 7), REPLICA_REFUSED_SITE);
    assert_int_equal(cluster_seal(cluster, leader, 10), 10);
    assert_int_equal(cluster_transfer(cluster, leader, target), REPLICA_ACCEPTED);
    assert_int_equal(cluster_seal(cluster, leader, 1), 0); /* Nothing more while it lasts. */
    assert_int_equal(cluster_transfer(cluster, leader, target), REPLICA_REFUSED_BUSY);
    uint64_t goal = cluster_site(cluster, leader)->appended.last_log_index;
    uint64_t began_ns = cluster->now_ns;
    while (cluster_leader(cluster) != target) {
        cluster_run(cluster, CLUSTER_MS);
        assert_true(cluster->now_ns - began_ns < 20 * CLUSTER_MS); /* No timeout was waited for. */
    }
    assert_true(cluster->committed_log_index >= goal);
    assert_true(cluster_site(cluster, target)->replica.planned);
    cluster_destroy(cluster);
}

static void test_a_transfer_that_fails_ends(void **state)
{
    (void)state;
    uint8_t leader;
    struct cluster *cluster = start("ABC", 2, &leader);
    uint8_t target = leader == 2 ? 3 : 2;
    cluster->stop_types = 1u << REPLICA_CAMPAIGN;
    assert_int_equal(cluster_transfer(cluster, leader, target), REPLICA_ACCEPTED);
    cluster_run(cluster, CLUSTER_S);
    assert_int_equal(cluster_leader(cluster), leader);
    assert_int_equal(cluster_seal(cluster, leader, 1), 1);
    cluster_destroy(cluster);
}

/* The preferred site takes over after it has been well for a while, and not while it comes and
 * goes. */
static void test_preference_has_hysteresis(void **state)
{
    (void)state;
    struct placement placement = cluster_placement("ABC", 2);
    placement.preferred_site_ids[0] = 2;
    placement.preferred_site_ids[1] = 1;
    struct cluster *cluster = cluster_create(22, &placement);
    cluster->options.preference_hold_ns = 5 * CLUSTER_S;
    cluster_start(cluster);
    cluster_run(cluster, 8 * CLUSTER_S);
    assert_int_equal(cluster_leader(cluster), 2);
    cluster_crash(cluster, 2);
    cluster_run(cluster, 10 * CLUSTER_S);
    uint8_t leader = cluster_leader(cluster);
    assert_int_equal(leader, 1); /* The next one on the list. */
    for (uint32_t at = 0; at < 5; at++) {
        cluster_restart(cluster, 2);
        cluster_run(cluster, 3 * CLUSTER_S);
        assert_int_equal(cluster_leader(cluster), 1);
        cluster_crash(cluster, 2);
        cluster_run(cluster, CLUSTER_S);
    }
    cluster_restart(cluster, 2);
    cluster_run(cluster, 7 * CLUSTER_S);
    assert_int_equal(cluster_leader(cluster), 2);
    cluster_destroy(cluster);
}

/* Timeouts follow the round trips between their bounds: seen from outside, in when the followers of
 * a leader that has died ask for votes. */
static void test_timeouts_follow_round_trips(void **state)
{
    (void)state;
    static const uint64_t rows[][3] = {/* Delay, earliest and latest campaign. */
                                       {CLUSTER_MS / 20, 75 * CLUSTER_MS, 200 * CLUSTER_MS},
                                       {10 * CLUSTER_MS, 75 * CLUSTER_MS, 220 * CLUSTER_MS},
                                       {40 * CLUSTER_MS, 300 * CLUSTER_MS, 880 * CLUSTER_MS},
                                       {100 * CLUSTER_MS, 750 * CLUSTER_MS, 2200 * CLUSTER_MS}};
    for (uint32_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        uint8_t leader;
        struct cluster *cluster = start("ABC", 2, &leader);
        while (cluster->delay_ns_max < rows[row][0]) { /* By and by, as a leader can follow. */
            cluster->delay_ns_max += CLUSTER_MS;
            cluster->delay_ns_min = cluster->delay_ns_max;
            cluster_run(cluster, CLUSTER_S);
        }
        cluster->delay_ns_min = cluster->delay_ns_max = rows[row][0];
        cluster_run(cluster, 5 * CLUSTER_S);
        leader = cluster_leader(cluster);
        assert_true(leader != 0);
        cluster_crash(cluster, leader);
        uint64_t died_ns = cluster->now_ns;
        uint8_t other = leader == 1 ? 2 : 1;
        uint8_t third = (uint8_t)(6 - leader - other);
        while (cluster_site(cluster, other)->replica.role == REPLICA_FOLLOWER &&
               cluster_site(cluster, third)->replica.role == REPLICA_FOLLOWER) {
            cluster_run(cluster, CLUSTER_MS);
            assert_true(cluster->now_ns - died_ns < 10 * CLUSTER_S);
        }
        assert_in_range(cluster->now_ns - died_ns, rows[row][1], rows[row][2]);
        cluster_destroy(cluster);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_stale_leader_leaves),
        cmocka_unit_test(test_a_leader_that_hears_of_a_higher_term_leaves),
        cmocka_unit_test(test_a_leader_without_providers_stays_and_refuses),
        cmocka_unit_test(test_a_transfer),
        cmocka_unit_test(test_a_transfer_that_fails_ends),
        cmocka_unit_test(test_preference_has_hysteresis),
        cmocka_unit_test(test_timeouts_follow_round_trips),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
