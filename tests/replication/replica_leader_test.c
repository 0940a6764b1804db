/* A leader's log: what is counted, and how it flows. */
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/replica_cluster.h"
#include "tests/support/replica_solo.h"

static const uint64_t LOG_1_2[] = {1, 2, 0};

/* Figure 8 of the Raft paper: an old segment on a majority may still be overwritten. */
static void test_figure_8(void **state)
{
    (void)state;
    static struct solo solo;
    solo_start(&solo, 3, 0, LOG_1_2, 1);
    solo_lead(&solo); /* Term 4, its opening segment is 3. */
    assert_int_equal(solo.replica.term, 4);
    solo_acknowledge(&solo, 2, solo_position(2, 2, 1));
    solo_acknowledge(&solo, 3, solo_position(2, 2, 1));
    solo_acknowledge(&solo, 4, solo_position(2, 2, 1));
    assert_int_equal(solo.output.commit_log_index, 0);
    assert_false(replica_serves(&solo.replica));
    struct replica_seal seal;
    assert_int_equal(replica_seal_position(&solo.replica, &seal), STATUS_NOT_YET);
    solo_acknowledge(&solo, 2, solo_position(3, 4, 1));
    assert_int_equal(solo.output.commit_log_index, 0);
    solo_acknowledge(&solo, 3, solo_position(3, 4, 1));
    assert_int_equal(solo.output.commit_log_index, 3);
    assert_true(replica_serves(&solo.replica));
    assert_int_equal(replica_seal_position(&solo.replica, &seal), STATUS_OK);
}

static void test_another_chain_is_not_counted(void **state)
{
    (void)state;
    static struct solo solo;
    solo_start(&solo, 3, 0, LOG_1_2, 1);
    solo_lead(&solo);
    solo_acknowledge(&solo, 2, solo_position(3, 4, 1));
    solo_acknowledge(&solo, 3, solo_position(3, 4, 2));
    assert_true(solo.output.forked);
    assert_int_equal(solo.output.fork.other_site_id, 3);
    assert_int_equal(solo.output.commit_log_index, 0);
    solo_acknowledge(&solo, 3, solo_position(77, 4, 1)); /* Never sealed. */
    assert_int_equal(solo.output.commit_log_index, 0);
    struct replica_message message = solo_message(REPLICA_APPEND_REPLY, 3, 3);
    message.position = solo_position(3, 3, 1); /* Of another term. */
    solo_receive(&solo, &message);
    assert_int_equal(solo.output.commit_log_index, 0);
}

/* Sites 1 and 4 are at provider A, 2 and 5 at B, 3 at C; two providers are asked for. */
static void test_a_commit_spans_providers(void **state)
{
    (void)state;
    static struct solo solo;
    solo_start(&solo, 3, 0, LOG_1_2, 1);
    for (uint32_t at = 0; at < 5; at++) { /* Now 1, 2, 3 and 4 are at A. */
        solo.replica.placement.sites[at].provider_id = at < 4 ? 1 : 2;
    }
    solo_lead(&solo);
    solo_acknowledge(&solo, 2, solo_position(3, 4, 1));
    solo_acknowledge(&solo, 3, solo_position(3, 4, 1));
    solo_acknowledge(&solo, 4, solo_position(3, 4, 1));
    assert_int_equal(solo.output.commit_log_index, 0);
    solo_acknowledge(&solo, 5, solo_position(3, 4, 1));
    assert_int_equal(solo.output.commit_log_index, 3);
}

static void test_the_own_disk_counts_when_it_has_it(void **state)
{
    (void)state;
    static struct solo solo;
    solo_start(&solo, 3, 0, LOG_1_2, 1);
    solo_lead(&solo);
    solo_acknowledge(&solo, 2, solo_position(3, 4, 1));
    solo_acknowledge(&solo, 3, solo_position(3, 4, 1));
    struct replica_position fourth = solo_seal(&solo);
    solo_acknowledge(&solo, 2, fourth);
    solo_acknowledge(&solo, 3, fourth);
    assert_int_equal(solo.output.commit_log_index, 3); /* Two of five, and not durable here. */
    solo_persist_all(&solo);
    assert_int_equal(solo.output.commit_log_index, 4);
    struct replica_position fifth = solo_seal(&solo);
    solo_acknowledge(&solo, 2, fifth);
    solo_acknowledge(&solo, 3, fifth);
    solo_acknowledge(&solo, 5, fifth);
    assert_int_equal(solo.output.commit_log_index, 5); /* Without the own disk. */
}

static void test_sealing_stops_when_the_oldest_is_too_old(void **state)
{
    (void)state;
    static struct solo solo;
    struct replica_seal seal;
    solo_start(&solo, 3, 0, LOG_1_2, 1);
    solo_lead(&solo);
    solo_acknowledge(&solo, 2, solo_position(3, 4, 1));
    solo_acknowledge(&solo, 3, solo_position(3, 4, 1));
    (void)solo_seal(&solo);
    for (uint32_t at = 0; at < 30; at++) { /* The others answer, but never with anything new. */
        solo_wait(&solo, 50000000);
        solo_acknowledge(&solo, 2, solo_position(3, 4, 1));
        solo_acknowledge(&solo, 3, solo_position(3, 4, 1));
        bool old = at * 50 + 50 > 1000;
        assert_int_equal(replica_seal_position(&solo.replica, &seal),
                         old ? STATUS_NOT_YET : STATUS_OK);
    }
    assert_int_equal(solo.replica.role, REPLICA_LEADER);
}

static void test_sealing_stops_when_the_ring_is_full(void **state)
{
    (void)state;
    static struct solo solo;
    struct replica_seal seal;
    solo_start(&solo, 3, 0, LOG_1_2, 1);
    solo_lead(&solo);
    solo_acknowledge(&solo, 2, solo_position(3, 4, 1));
    solo_acknowledge(&solo, 3, solo_position(3, 4, 1));
    for (uint32_t at = 0; at < 32; at++) {
        (void)solo_seal(&solo);
    }
    assert_int_equal(replica_seal_position(&solo.replica, &seal), STATUS_FULL);
}

static void reject(struct solo *solo, uint8_t from, uint64_t rejected, struct replica_position hint)
{
    struct replica_message message = solo_message(REPLICA_APPEND_REPLY, from, solo->replica.term);
    message.rejected = true;
    message.rejected_log_index = rejected;
    message.hint_log_index = hint.log_index;
    message.hint_term = hint.term;
    solo_receive(solo, &message);
}

/* An empty follower is asked from the very beginning. When that question arrives, a snapshot of an
 * earlier leader stands there. */
static void test_a_probe_of_the_beginning_goes_forth(void **state)
{
    (void)state;
    static struct solo solo;
    solo_start(&solo, 3, 0, LOG_1_2, 1);
    solo_lead(&solo); /* Term 4, its opening segment is 3. */
    reject(&solo, 2, 2, (struct replica_position){0});
    const struct replica_message *sent = solo_said(&solo, REPLICA_APPEND);
    assert_non_null(sent);
    assert_int_equal(sent->position.log_index, 0);
    reject(&solo, 2, 0, (struct replica_position){0}); /* Says nothing. */
    assert_null(solo_said(&solo, REPLICA_APPEND));
    reject(&solo, 2, 0, solo_position(2, 2, 1));
    sent = solo_said(&solo, REPLICA_APPEND);
    assert_non_null(sent);
    assert_int_equal(sent->to_site_id, 2);
    assert_int_equal(sent->position.log_index, 2);
    assert_int_equal(sent->entry_count, 1);
}

/* A leader whose disk hangs goes on with the disks of the others. */
static void test_the_leaders_slow_disk_stalls_nothing(void **state)
{
    (void)state;
    struct placement placement = cluster_placement("ABC", 2);
    struct cluster *cluster = cluster_create(11, &placement);
    cluster_start(cluster);
    uint8_t leader = cluster_run_to_leader(cluster, CLUSTER_S);
    cluster_site(cluster, leader)->disk_ns_max = UINT64_MAX;
    for (uint32_t at = 0; at < 20; at++) {
        assert_int_equal(cluster_seal(cluster, leader, 10), 10);
        uint64_t goal = cluster_site(cluster, leader)->appended.last_log_index;
        assert_true(cluster_run_to_commit(cluster, 7, goal, 10 * CLUSTER_MS) ||
                    cluster_site(cluster, leader)->commit_log_index == goal);
    }
    assert_true(cluster_site(cluster, leader)->durable.last_log_index < 50);
    assert_int_equal(cluster_leader(cluster), leader);
    cluster_destroy(cluster);
}

/* The engine that was measured committed nothing with more than one entry in flight over 1 ms. */
static void test_many_in_flight_over_a_millisecond_commit(void **state)
{
    (void)state;
    struct placement placement = cluster_placement("ABC", 2);
    struct cluster *cluster = cluster_create(12, &placement);
    cluster->delay_ns_min = CLUSTER_MS;
    cluster->delay_ns_max = CLUSTER_MS;
    cluster_start(cluster);
    uint8_t leader = cluster_run_to_leader(cluster, CLUSTER_S);
    cluster_run(cluster, CLUSTER_S);
    uint64_t began_ns = cluster->now_ns;
    for (uint32_t at = 0; at < 100; at++) {
        assert_int_equal(cluster_seal(cluster, leader, 5), 5);
        cluster_run(cluster, CLUSTER_MS / 10);
    }
    assert_true(cluster_site(cluster, leader)->commit_log_index > 100);
    uint64_t goal = cluster_site(cluster, leader)->appended.last_log_index;
    assert_true(goal > 500);
    assert_true(cluster_run_to_commit(cluster, 7, goal, 10 * CLUSTER_MS));
    /* All the while, not one round trip after the other. */
    assert_true(cluster->now_ns - began_ns < 20 * CLUSTER_MS);
    cluster_destroy(cluster);
}

/* Unequal windows: one follower 10,000 behind, older than the ring, caught up in large batches
 * within the caps, while the others go on. */
static void test_a_follower_far_behind_catches_up(void **state)
{
    (void)state;
    struct placement placement = cluster_placement("ABC", 2);
    struct cluster *cluster = cluster_create(13, &placement);
    cluster->delay_ns_min = cluster->delay_ns_max; /* In order, as links are. */
    cluster_start(cluster);
    uint8_t leader = cluster_run_to_leader(cluster, CLUSTER_S);
    uint8_t away = leader == 1 ? 2 : 1;
    uint16_t others = (uint16_t)(7u & ~(1u << (away - 1)));
    cluster_isolate(cluster, away, true);
    while (cluster->committed_log_index < 10000) {
        assert_int_equal(cluster_seal(cluster, leader, 100), 100);
        uint64_t goal = cluster_site(cluster, leader)->appended.last_log_index;
        assert_true(cluster_run_to_commit(cluster, others, goal, CLUSTER_S));
    }
    cluster_isolate(cluster, away, false);
    uint64_t sent = cluster->messages_sent;
    uint64_t bytes = cluster->bytes_sent;
    assert_int_equal(cluster_seal(cluster, leader, 1), 1);
    uint64_t goal = cluster_site(cluster, leader)->appended.last_log_index;
    assert_true(cluster_run_to_commit(cluster, others, goal, 10 * CLUSTER_MS));
    assert_true(cluster_run_to_commit(cluster, 7, goal, 3 * CLUSTER_S));
    assert_true(cluster_site(cluster, leader)->headers_asked > 0);
    assert_true(cluster->messages_sent - sent < 400);
    assert_true(cluster->bytes_sent - bytes < 10100 * 1000); /* Next to nothing twice. */
    cluster_destroy(cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_figure_8),
        cmocka_unit_test(test_another_chain_is_not_counted),
        cmocka_unit_test(test_a_commit_spans_providers),
        cmocka_unit_test(test_the_own_disk_counts_when_it_has_it),
        cmocka_unit_test(test_sealing_stops_when_the_oldest_is_too_old),
        cmocka_unit_test(test_sealing_stops_when_the_ring_is_full),
        cmocka_unit_test(test_a_probe_of_the_beginning_goes_forth),
        cmocka_unit_test(test_the_leaders_slow_disk_stalls_nothing),
        cmocka_unit_test(test_many_in_flight_over_a_millisecond_commit),
        cmocka_unit_test(test_a_follower_far_behind_catches_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
