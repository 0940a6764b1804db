/* Elections: what is granted, when it is said, and what a transfer may skip. */
#include "tests/support/cmocka_all.h"
#include "tests/support/replica_cluster.h"
#include "tests/support/replica_solo.h"

static const uint64_t LOG_1_1_2[] = {1, 1, 2, 0};

static struct replica_message vote(uint8_t from, uint64_t term, struct replica_position last)
{
    struct replica_message message = solo_message(REPLICA_VOTE, from, term);
    message.position = last;
    return message;
}

/* What a site is told, when everything asked for has become durable; -1: nothing. */
static int answer(struct solo *solo, const struct replica_message *message)
{
    solo_receive(solo, message);
    const struct replica_message *reply = solo_said(solo, REPLICA_VOTE_REPLY);
    if (reply == NULL) {
        solo_persist_all(solo);
        reply = solo_said(solo, REPLICA_VOTE_REPLY);
    }
    return reply == NULL ? -1 : reply->granted;
}

static void test_a_vote_is_durable_before_it_is_said(void **state)
{
    (void)state;
    static struct solo solo;
    solo_start(&solo, 2, 0, LOG_1_1_2, 1);
    struct replica_message message = vote(2, 5, solo_position(3, 2, 1));
    solo_receive(&solo, &message);
    assert_true(solo.output.vote);
    assert_int_equal(solo.output.term, 5);
    assert_int_equal(solo.output.voted_site_id, 2);
    assert_null(solo_said(&solo, REPLICA_VOTE_REPLY));
    solo_persist(&solo, 2, 0, solo_position(3, 2, 1)); /* Something else has become durable. */
    assert_null(solo_said(&solo, REPLICA_VOTE_REPLY));
    solo_persist(&solo, 5, 2, solo_position(3, 2, 1));
    assert_non_null(solo_said(&solo, REPLICA_VOTE_REPLY));
    assert_true(solo_said(&solo, REPLICA_VOTE_REPLY)->granted);
}

static void test_one_vote_a_term(void **state)
{
    (void)state;
    static struct solo solo;
    solo_start(&solo, 5, 3, LOG_1_1_2, 1); /* It has voted before it was started again. */
    struct replica_message message = vote(2, 5, solo_position(9, 4, 1));
    assert_int_equal(answer(&solo, &message), false);
    message = vote(3, 5, solo_position(3, 2, 1));
    assert_int_equal(answer(&solo, &message), true); /* Its first answer was lost. */
    message = vote(2, 6, solo_position(3, 2, 1));
    assert_int_equal(answer(&solo, &message), true);
    message = vote(3, 6, solo_position(3, 2, 1));
    assert_int_equal(answer(&solo, &message), false);
    message = vote(3, 5, solo_position(3, 2, 1));
    assert_int_equal(answer(&solo, &message), false); /* A term that is over. */
}

static void test_a_log_must_be_as_fresh(void **state)
{
    (void)state;
    static struct solo solo;
    struct replica_position stale[] = {solo_position(2, 1, 1), solo_position(9, 1, 1),
                                       solo_position(2, 2, 1), solo_position(0, 0, 1)};
    for (uint32_t at = 0; at < 4; at++) {
        solo_start(&solo, 2, 0, LOG_1_1_2, 1);
        struct replica_message message = vote(2, 5, stale[at]);
        assert_int_equal(answer(&solo, &message), false);
        message.transfer = true;
        message.term = 6;
        assert_int_equal(answer(&solo, &message), false); /* Nor for a transfer. */
    }
    struct replica_position fresh[] = {solo_position(3, 2, 1), solo_position(1, 3, 1)};
    for (uint32_t at = 0; at < 2; at++) {
        solo_start(&solo, 2, 0, LOG_1_1_2, 1);
        struct replica_message message = vote(2, 5, fresh[at]);
        assert_int_equal(answer(&solo, &message), true);
    }
}

/* Double vote through transfer: it skips the loyalty to a leader and nothing else. */
static void test_a_transfer_skips_stickiness_only(void **state)
{
    (void)state;
    static struct solo solo;
    solo_start(&solo, 2, 0, LOG_1_1_2, 1);
    solo_append(&solo, 2, 5, solo_position(3, 2, 1), 0, 0, 1, 0);
    solo_persist_all(&solo);
    struct replica_message message = vote(3, 6, solo_position(3, 2, 1));
    assert_int_equal(answer(&solo, &message), -1); /* Its leader lives: not even the term. */
    assert_int_equal(solo.replica.term, 5);
    message.transfer = true;
    assert_int_equal(answer(&solo, &message), true);
    message = vote(4, 6, solo_position(3, 2, 1));
    message.transfer = true;
    assert_int_equal(answer(&solo, &message), false); /* The vote of this term is given. */
    assert_int_equal(solo.replica.voted_site_id, 3);
}

static void test_a_pre_vote_changes_nothing(void **state)
{
    (void)state;
    static struct solo solo;
    solo_start(&solo, 2, 0, LOG_1_1_2, 1);
    struct replica_message message = solo_message(REPLICA_PRE_VOTE, 2, 9);
    message.position = solo_position(3, 2, 1);
    solo_receive(&solo, &message);
    assert_true(solo_said(&solo, REPLICA_PRE_VOTE_REPLY)->granted);
    assert_int_equal(solo_said(&solo, REPLICA_PRE_VOTE_REPLY)->term, 9);
    assert_int_equal(solo.replica.term, 2);
    assert_false(solo.output.vote);
    solo_append(&solo, 3, 2, solo_position(3, 2, 1), 0, 0, 1, 0);
    solo_receive(&solo, &message);
    assert_false(solo_said(&solo, REPLICA_PRE_VOTE_REPLY)->granted); /* There is a leader. */
}

/* Elections use durable state only: with a tail that is not, there is no campaign. */
static void test_a_tail_in_flight_does_not_campaign(void **state)
{
    (void)state;
    static struct solo solo;
    solo_start(&solo, 2, 0, LOG_1_1_2, 1);
    solo_append(&solo, 2, 2, solo_position(3, 2, 1), 1, 2, 1, 0);
    solo_wait(&solo, 5000000000u);
    assert_int_equal(solo.replica.role, REPLICA_FOLLOWER);
    assert_int_equal(solo.output.message_count, 0);
    struct replica_message message = solo_message(REPLICA_CAMPAIGN, 2, 2);
    solo_receive(&solo, &message);
    assert_int_equal(solo.replica.term, 2);
    solo_persist_all(&solo);
    solo_wait(&solo, 5000000000u);
    assert_int_equal(solo.replica.role, REPLICA_PRE_CANDIDATE);
    assert_int_equal(solo_said(&solo, REPLICA_PRE_VOTE)->position.log_index, 4);
}

static void test_the_own_vote_is_durable_before_others_are_asked(void **state)
{
    (void)state;
    static struct solo solo;
    solo_start(&solo, 2, 0, LOG_1_1_2, 1);
    solo_append(&solo, 2, 2, solo_position(3, 2, 1), 0, 0, 1, 0);
    struct replica_message message = solo_message(REPLICA_CAMPAIGN, 3, 2);
    solo_receive(&solo, &message);
    assert_int_equal(solo.replica.role, REPLICA_FOLLOWER); /* Not from its leader. */
    message = solo_message(REPLICA_CAMPAIGN, 2, 2);
    solo_receive(&solo, &message);
    assert_int_equal(solo.replica.role, REPLICA_CANDIDATE);
    assert_true(solo.output.vote);
    assert_int_equal(solo.output.message_count, 0);
    for (uint8_t from = 2; from <= 4; from++) { /* Answers to a campaign of an earlier life. */
        message = solo_message(REPLICA_VOTE_REPLY, from, 3);
        message.granted = true;
        solo_receive(&solo, &message);
    }
    assert_int_equal(solo.replica.role, REPLICA_CANDIDATE);
    solo_persist_all(&solo);
    assert_int_equal(solo.output.message_count, 4);
    assert_true(solo_said(&solo, REPLICA_VOTE)->transfer);
    for (uint8_t from = 2; from <= 4; from++) {
        message = solo_message(REPLICA_VOTE_REPLY, from, 3);
        message.granted = true;
        solo_receive(&solo, &message);
    }
    assert_int_equal(solo.replica.role, REPLICA_LEADER);
    struct replica_seal seal;
    assert_int_equal(replica_seal_position(&solo.replica, &seal), STATUS_OK);
    assert_int_equal(seal.kind, REPLICA_ENTRY_OPENING);
    assert_true(seal.planned);
}

/* While a snapshot is being put in place of the log, nothing durable answers for the log. */
static void test_no_vote_during_an_installation(void **state)
{
    (void)state;
    static struct solo solo;
    solo_start(&solo, 2, 0, LOG_1_1_2, 1);
    struct replica_input input = {.type = REPLICA_INSTALL, .persisted = solo_position(8, 2, 1)};
    struct placement placement = solo.replica.placement;
    input.placement = &placement;
    solo_step(&solo, &input);
    assert_true(solo.output.install);
    struct replica_message message = vote(2, 5, solo_position(9, 4, 1));
    assert_int_equal(answer(&solo, &message), false);
    solo_persist_all(&solo);
    message.term = 6;
    assert_int_equal(answer(&solo, &message), true);
}

static void test_a_leader_is_lost_and_replaced(void **state)
{
    (void)state;
    struct placement placement = cluster_placement("ABC", 2);
    struct cluster *cluster = cluster_create(7, &placement);
    uint64_t worst_ns = 0;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        cluster_reset(cluster, seed, &placement);
        cluster_start(cluster);
        uint8_t leader = cluster_run_to_leader(cluster, CLUSTER_S);
        assert_true(leader != 0);
        cluster_run(cluster, CLUSTER_S);
        cluster_crash(cluster, leader);
        uint64_t lost_ns = cluster->now_ns;
        uint8_t next = cluster_run_to_leader(cluster, CLUSTER_S);
        assert_true(next != 0 && next != leader);
        worst_ns = cluster->now_ns - lost_ns > worst_ns ? cluster->now_ns - lost_ns : worst_ns;
    }
    assert_true(worst_ns < 600 * CLUSTER_MS); /* DESIGN 11, round trips of a millisecond. */
    cluster_destroy(cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_vote_is_durable_before_it_is_said),
        cmocka_unit_test(test_one_vote_a_term),
        cmocka_unit_test(test_a_log_must_be_as_fresh),
        cmocka_unit_test(test_a_transfer_skips_stickiness_only),
        cmocka_unit_test(test_a_pre_vote_changes_nothing),
        cmocka_unit_test(test_a_tail_in_flight_does_not_campaign),
        cmocka_unit_test(test_the_own_vote_is_durable_before_others_are_asked),
        cmocka_unit_test(test_no_vote_during_an_installation),
        cmocka_unit_test(test_a_leader_is_lost_and_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
