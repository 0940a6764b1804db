/* A follower's log: what it acknowledges, drops, and refuses to drop. */
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/replica_cluster.h"
#include "tests/support/replica_solo.h"

static const uint64_t LOG_5[] = {1, 1, 2, 2, 2, 0};

/* Log index that the last output acknowledges; -1: nothing is said. */
static int64_t acknowledged(const struct solo *solo)
{
    const struct replica_message *reply = solo_said(solo, REPLICA_APPEND_REPLY);
    return reply == NULL ? -1 : (int64_t)reply->position.log_index;
}

/* Libraries have acknowledged, and let their leader commit, a tail that it never compared. */
static void test_only_what_is_matched_is_acknowledged(void **state)
{
    (void)state;
    static struct solo solo;
    solo_start(&solo, 2, 0, LOG_5, 1);
    solo_append(&solo, 2, 3, solo_position(3, 2, 1), 0, 0, 1, 5);
    assert_int_equal(acknowledged(&solo), -1); /* The term is not durable yet. */
    solo_persist_all(&solo);
    assert_int_equal(acknowledged(&solo), 3);
    assert_int_equal(solo.output.commit_log_index, 3); /* Not 5, whatever the leader says. */
    solo_append(&solo, 2, 3, solo_position(5, 2, 1), 0, 0, 1, 5);
    assert_int_equal(acknowledged(&solo), 5);
    assert_int_equal(solo.output.commit_log_index, 5);
}

static void test_matching_starts_anew_with_each_leader(void **state)
{
    (void)state;
    static struct solo solo;
    solo_start(&solo, 3, 0, LOG_5, 1);
    solo_append(&solo, 2, 3, solo_position(5, 2, 1), 0, 0, 1, 0);
    assert_int_equal(acknowledged(&solo), 5);
    solo_append(&solo, 3, 4, solo_position(2, 1, 1), 0, 0, 1, 5);
    solo_persist_all(&solo);
    assert_int_equal(acknowledged(&solo), 2);
    assert_int_equal(solo.output.commit_log_index, 2);
}

static void test_only_what_is_durable_is_acknowledged(void **state)
{
    (void)state;
    static struct solo solo;
    solo_start(&solo, 2, 0, LOG_5, 1);
    solo_append(&solo, 2, 2, solo_position(5, 2, 1), 3, 2, 1, 8);
    assert_int_equal(solo.output.accepted_first, 0);
    assert_int_equal(solo.output.accepted_count, 3);
    assert_int_equal(acknowledged(&solo), -1);
    assert_int_equal(solo.output.commit_log_index, 5);
    solo_persist(&solo, 2, 0, solo_position(6, 2, 1));
    assert_int_equal(acknowledged(&solo), 6);
    assert_int_equal(solo.output.commit_log_index, 6);
    solo_append(&solo, 2, 2, solo_position(8, 2, 1), 0, 0, 1, 8); /* A heartbeat. */
    assert_int_equal(acknowledged(&solo), 6);
    solo_persist_all(&solo);
    assert_int_equal(acknowledged(&solo), 8);
    assert_memory_equal(solo_said(&solo, REPLICA_APPEND_REPLY)->position.chain_hash,
                        solo_position(8, 2, 1).chain_hash, REPLICA_HASH_BYTES);
    assert_int_equal(solo.output.commit_log_index, 8);
}

static void test_a_tail_of_another_term_is_dropped_and_shown(void **state)
{
    (void)state;
    static struct solo solo;
    solo_start(&solo, 2, 0, LOG_5, 1);
    /* The leader has 1 and 2, and behind them its own. */
    solo_append(&solo, 2, 3, solo_position(2, 1, 1), 2, 3, 2, 0);
    assert_true(solo.output.truncate);
    assert_int_equal(solo.output.truncate_log_index, 3);
    assert_int_equal(solo.output.truncated_last.log_index, 5);
    assert_int_equal(solo.output.truncated_last.term, 2);
    assert_int_equal(solo.output.accepted_count, 2);
    solo_persist(&solo, 3, 0, solo_position(5, 2, 1)); /* Term durable, the truncation not yet. */
    assert_int_equal(acknowledged(&solo), 2);
    solo_persist(&solo, 3, 0, solo_position(4, 3, 2));
    assert_int_equal(acknowledged(&solo), 4);
}

static void test_what_is_committed_is_never_dropped(void **state)
{
    (void)state;
    static struct solo solo;
    solo_start(&solo, 2, 0, LOG_5, 1);
    solo_append(&solo, 2, 2, solo_position(5, 2, 1), 0, 0, 1, 4);
    assert_int_equal(solo.output.commit_log_index, 4);
    solo_append(&solo, 3, 3, solo_position(2, 1, 1), 2, 3, 2, 0);
    assert_int_equal(solo.output.halt, REPLICA_HALT_COMMITTED_CONFLICT);
    assert_false(solo.output.truncate);
    assert_int_equal(solo.output.message_count, 0);
    assert_int_equal(solo.replica.log.last.log_index, 5);
    solo_start(&solo, 2, 0, LOG_5, 1);
    solo_append(&solo, 2, 2, solo_position(5, 2, 1), 0, 0, 1, 4);
    solo_append(&solo, 3, 3, solo_position(4, 3, 2), 0, 0, 2, 0);
    assert_int_equal(solo.output.halt, REPLICA_HALT_COMMITTED_CONFLICT);
}

/* Same index, same term, other bytes: nobody's are dropped or counted (rule 1). */
static void test_a_fork_is_reported(void **state)
{
    (void)state;
    static struct solo solo;
    solo_start(&solo, 2, 0, LOG_5, 1);
    solo_append(&solo, 2, 2, solo_position(4, 2, 2), 1, 2, 2, 5);
    assert_true(solo.output.forked);
    assert_int_equal(solo.output.fork.own.log_index, 4);
    assert_int_equal(solo.output.fork.other_site_id, 2);
    /* The leader is asked for what stands there, since only bytes prove who is wrong. */
    const struct replica_message *reply = solo_said(&solo, REPLICA_APPEND_REPLY);
    assert_non_null(reply);
    assert_true(reply->rejected);
    assert_int_equal(reply->position.log_index, 0);
    assert_int_equal(reply->rejected_log_index, 4);
    assert_int_equal(reply->hint_log_index, 3);
    assert_int_equal(reply->hint_term, 2);
    solo_append(&solo, 2, 2, solo_position(3, 2, 1), 2, 2, 2, 5);
    assert_true(solo.output.forked);
    assert_false(solo.output.truncate);
    assert_int_equal(acknowledged(&solo), -1);
    assert_int_equal(solo.output.commit_log_index, 0);
}

/* The same segments cut off, replaced and put back: a journal's report from before says nothing
 * about now, though the chain is the same. */
static void test_a_report_from_before_a_cut_does_not_count(void **state)
{
    (void)state;
    static struct solo solo;
    solo_start(&solo, 2, 0, LOG_5, 1);
    solo_append(&solo, 2, 2, solo_position(5, 2, 1), 1, 2, 1, 0); /* 6 of term 2 ... */
    solo_append(&solo, 3, 3, solo_position(5, 2, 1), 1, 3, 2, 0); /* ... replaced ... */
    assert_true(solo.output.truncate);
    solo_append(&solo, 4, 4, solo_position(5, 2, 1), 1, 2, 1, 0); /* ... and back. */
    assert_true(solo.output.truncate);
    solo_persist(&solo, 2, 0, solo_position(6, 2, 1));
    assert_int_equal(acknowledged(&solo), -1);
    solo_persist(&solo, 3, 0, solo_position(6, 2, 1));
    assert_int_equal(acknowledged(&solo), -1);
    assert_int_equal(solo.replica.persisted.log_index, 5);
    solo_persist(&solo, 4, 0, solo_position(6, 2, 1));
    assert_int_equal(acknowledged(&solo), 6);
}

/* A rejection skips whole terms that the leader cannot have (rule 6). */
static void test_hints_skip_terms(void **state)
{
    (void)state;
    static struct solo solo;
    static const uint64_t terms[] = {1, 1, 4, 4, 5, 5, 5, 0};
    solo_start(&solo, 6, 0, terms, 1);
    solo_append(&solo, 2, 6, solo_position(9, 3, 2), 0, 0, 2, 0);
    const struct replica_message *reply = solo_said(&solo, REPLICA_APPEND_REPLY);
    assert_true(reply->rejected);
    assert_int_equal(reply->rejected_log_index, 9);
    assert_int_equal(reply->hint_log_index, 2);
    assert_int_equal(reply->hint_term, 1);
    solo_append(&solo, 2, 6, solo_position(6, 4, 2), 0, 0, 2, 0);
    reply = solo_said(&solo, REPLICA_APPEND_REPLY);
    assert_true(reply->rejected);
    assert_int_equal(reply->hint_log_index, 4);
    assert_int_equal(reply->hint_term, 4);
}

static void test_a_stale_leader_is_told(void **state)
{
    (void)state;
    static struct solo solo;
    solo_start(&solo, 7, 0, LOG_5, 1);
    solo_append(&solo, 2, 6, solo_position(2, 1, 1), 2, 3, 2, 4);
    assert_int_equal(solo_said(&solo, REPLICA_APPEND_REPLY)->term, 7);
    assert_int_equal(solo.replica.log.last.log_index, 5);
    assert_int_equal(solo.output.commit_log_index, 0);
    assert_int_equal(solo.replica.leader_site_id, 0);
}

static void test_two_leaders_of_a_term_stop_it(void **state)
{
    (void)state;
    static struct solo solo;
    solo_start(&solo, 3, 0, LOG_5, 1);
    solo_append(&solo, 2, 3, solo_position(5, 2, 1), 0, 0, 1, 0);
    solo_append(&solo, 3, 3, solo_position(5, 2, 1), 0, 0, 1, 0);
    assert_int_equal(solo.output.halt, REPLICA_HALT_TWO_LEADERS);
}

/* A snapshot, also a stale leader's, takes away no log that goes on behind it (rule 2). */
static void test_a_snapshot_takes_nothing_away(void **state)
{
    (void)state;
    static struct solo solo;
    solo_start(&solo, 3, 0, LOG_5, 1);
    struct placement placement = solo.replica.placement;
    struct replica_input input = {.type = REPLICA_INSTALL, .placement = &placement};
    input.persisted = solo_position(4, 2, 1);
    solo_step(&solo, &input);
    assert_false(solo.output.install);
    assert_int_equal(solo.replica.log.last.log_index, 5);
    struct replica_message message = solo_message(REPLICA_SNAPSHOT, 2, 3);
    message.position = solo_position(4, 2, 1);
    solo_receive(&solo, &message);
    assert_false(solo.output.snapshot_wanted);
    assert_true(solo_said(&solo, REPLICA_APPEND_REPLY)->rejected);
    assert_int_equal(solo_said(&solo, REPLICA_APPEND_REPLY)->hint_log_index, 4);
    message.position = solo_position(9, 3, 1);
    solo_receive(&solo, &message);
    assert_true(solo.output.snapshot_wanted);
    input.persisted = solo_position(9, 3, 1);
    solo_step(&solo, &input);
    assert_true(solo.output.install);
    assert_int_equal(solo.output.truncated_last.log_index, 5);
    assert_int_equal(solo.output.commit_log_index, 9);
    solo_persist(&solo, 3, 0, solo_position(5, 2, 1)); /* The old log still. */
    assert_int_equal(acknowledged(&solo), -1);
    solo_persist(&solo, 3, 0, solo_position(9, 3, 1));
    assert_int_equal(acknowledged(&solo), 9);
}

/* One that was fetched from a leader given up since, and is ready only now. */
static void test_after_a_repair_only_what_was_offered_is_installed(void **state)
{
    (void)state;
    static struct solo solo;
    solo_start(&solo, 3, 0, LOG_5, 1);
    struct placement placement = solo.replica.placement;
    struct replica_input input = {.type = REPLICA_INSTALL,
                                  .placement = &placement,
                                  .persisted = solo_position(9, 3, 1)};
    solo.replica.repaired = true;
    solo.replica.repair_placement = placement;
    solo_step(&solo, &input);
    assert_false(solo.output.install);
    assert_int_equal(solo.replica.log.last.log_index, 5);
    struct replica_message message = solo_message(REPLICA_SNAPSHOT, 2, 3);
    message.position = solo_position(8, 3, 1);
    solo_receive(&solo, &message);
    solo_step(&solo, &input);
    assert_false(solo.output.install); /* Another one was offered. */
    input.persisted = solo_position(8, 3, 1);
    solo_step(&solo, &input);
    assert_true(solo.output.install);
    assert_int_equal(solo.output.commit_log_index, 8);
}

/* A follower that was away longer than the journal reaches back gets a snapshot and goes on. */
static void test_a_snapshot_brings_back_who_was_away(void **state)
{
    (void)state;
    struct placement placement = cluster_placement("ABC", 2);
    struct cluster *cluster = cluster_create(5, &placement);
    cluster_start(cluster);
    uint8_t leader = cluster_run_to_leader(cluster, CLUSTER_S);
    uint8_t away = leader == 3 ? 2 : 3;
    cluster_isolate(cluster, away, true);
    for (uint32_t at = 0; at < 50; at++) {
        assert_int_equal(cluster_seal(cluster, leader, 10), 10);
        cluster_run(cluster, 10 * CLUSTER_MS);
    }
    cluster_snapshot(cluster, leader);
    assert_true(cluster_site(cluster, leader)->trimmed_log_index >= 500);
    cluster_mend(cluster);
    assert_true(cluster_run_to_commit(cluster, 7, cluster->committed_log_index, 5 * CLUSTER_S));
    assert_true(cluster_site(cluster, away)->appended.base.log_index >= 500);
    assert_int_equal(cluster_seal(cluster, leader, 3), 3);
    assert_true(cluster_run_to_commit(cluster, 7, cluster->committed_log_index + 3, CLUSTER_S));
    cluster_destroy(cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_what_is_matched_is_acknowledged),
        cmocka_unit_test(test_matching_starts_anew_with_each_leader),
        cmocka_unit_test(test_only_what_is_durable_is_acknowledged),
        cmocka_unit_test(test_a_tail_of_another_term_is_dropped_and_shown),
        cmocka_unit_test(test_what_is_committed_is_never_dropped),
        cmocka_unit_test(test_a_fork_is_reported),
        cmocka_unit_test(test_a_report_from_before_a_cut_does_not_count),
        cmocka_unit_test(test_hints_skip_terms),
        cmocka_unit_test(test_a_stale_leader_is_told),
        cmocka_unit_test(test_two_leaders_of_a_term_stop_it),
        cmocka_unit_test(test_a_snapshot_takes_nothing_away),
        cmocka_unit_test(test_after_a_repair_only_what_was_offered_is_installed),
        cmocka_unit_test(test_a_snapshot_brings_back_who_was_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
