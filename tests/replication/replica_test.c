#include "replication/replica.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/replica_cluster.h"
#include "tests/support/replica_solo.h"
#include "tests/support/test_seed.h"

/* ---- Random runs ---- */

static uint64_t run_seed(struct cluster *cluster, uint64_t seed, struct cluster_chaos *chaos)
{
    struct random random;
    random_seed(&random, seed);
    static const char *const shapes[] = {"ABC", "AABBC", "ABCAB", "A", "AB", "ABCD", "ABCABCA"};
    struct placement placement = cluster_placement(shapes[random_below(&random, 7)], 1);
    uint32_t provider_count = placement_provider_count(&placement, UINT16_MAX);
    placement.commit_providers = (uint8_t)(1 + random_below(&random, provider_count));
    cluster_reset(cluster, seed, &placement);
    cluster->options.batch_entries_max = 1 + (uint32_t)random_below(&random, 8);
    cluster->options.in_flight_messages_max = 1 + (uint32_t)random_below(&random, 8);
    cluster->options.batch_bytes_max = 1000 * (1 + (uint32_t)random_below(&random, 8));
    cluster->options.in_flight_bytes_max = 1000 * (1 + random_below(&random, 40));
    cluster->options.slots_max = 64u << random_below(&random, 3);
    cluster->restore_max = cluster->options.slots_max;
    chaos->membership = random_below(&random, 2) == 0;
    chaos->snapshots = random_below(&random, 2) == 0;
    chaos->fault_ns = 3 * CLUSTER_S;
    cluster_start(cluster);
    cluster_chaos_run(cluster, chaos);
    return cluster->steps;
}

static void test_random_runs(void **state)
{
    (void)state;
    const char *chosen = getenv("SEED");
    const char *wished = getenv("SEEDS");
    uint64_t first = chosen != NULL ? strtoull(chosen, NULL, 0) : 1;
    uint64_t count = wished != NULL ? strtoull(wished, NULL, 0) : chosen != NULL ? 1 : 300;
    struct placement placement = cluster_placement("ABC", 2);
    struct cluster *cluster = cluster_create(1, &placement);
    struct cluster_chaos chaos = {0};
    uint64_t steps = 0;
    for (uint64_t seed = first; seed < first + count; seed++) {
        fprintf(stderr, "\rseed %" PRIu64 " (SEED=%" PRIu64 " repeats it)  ", seed, seed);
        steps += run_seed(cluster, seed, &chaos);
    }
    printf("%" PRIu64 " runs, %" PRIu64 " steps, %" PRIu64 " commits, %" PRIu64 " leaders, %" PRIu64
           " crashes\n",
           count, steps, chaos.commits, chaos.elections, chaos.crashes);
    assert_true(chaos.commits > count);
    cluster_destroy(cluster);
}

/* ---- Directed ---- */

static const uint64_t LOG_1_1_2[] = {1, 1, 2, 0};

static void test_other_generations_and_sites(void **state)
{
    (void)state;
    static struct solo solo;
    solo_start(&solo, 2, 0, LOG_1_1_2, 1);
    struct replica_message message = solo_message(REPLICA_APPEND, 2, 3);
    message.position = solo_position(3, 2, 1);
    message.generation = 2; /* From before a quorum repair. */
    solo_receive(&solo, &message);
    assert_int_equal(solo.replica.term, 2);
    message.generation = 3;
    message.to_site_id = 4;
    solo_receive(&solo, &message);
    assert_int_equal(solo.replica.term, 2);
    message.to_site_id = 1;
    solo_receive(&solo, &message);
    assert_int_equal(solo.replica.term, 3);
    message.generation = 4; /* The others were repaired without this site. */
    solo_receive(&solo, &message);
    assert_int_equal(solo.output.halt, REPLICA_HALT_GENERATION);
}

/* Who was removed may still have a link, and no say. */
static void test_a_site_that_is_no_member_stops_nobody(void **state)
{
    (void)state;
    static struct solo solo;
    solo_start(&solo, 2, 0, LOG_1_1_2, 1);
    struct replica_message message = solo_message(REPLICA_APPEND, 9, 3);
    assert_int_equal(placement_role_of(&solo.replica.placement, 9), PLACEMENT_ABSENT);
    message.position = solo_position(3, 2, 1);
    message.generation = UINT64_MAX;
    solo_receive(&solo, &message);
    assert_int_equal(solo.output.halt, REPLICA_RUNS);
    assert_int_equal(solo.replica.term, 2); /* Nor is anything else of it taken. */
    message.generation = 3; /* Of our time it is heard: a member that joined since may lead. */
    solo_receive(&solo, &message);
    assert_int_equal(solo.replica.term, 3);
}

/* A message of a lower generation is answered, but not by who has not had a term: that would be no
 * message at all. */
static void test_the_dead_are_answered(void **state)
{
    (void)state;
    static struct solo solo;
    static const uint64_t nothing[] = {0};
    for (uint64_t term = 0; term <= 1; term++) {
        solo_start(&solo, term, 0, nothing, 0);
        struct replica_message message = solo_message(REPLICA_PRE_VOTE, 2, 3);
        message.generation = 2;
        solo_receive(&solo, &message);
        assert_int_equal(solo.output.message_count, term);
        assert_int_equal(solo.replica.term, term);
    }
    assert_int_equal(solo.output.messages[0].type, REPLICA_PRE_VOTE_REPLY);
    assert_int_equal(solo.output.messages[0].term, 1);
}

/* Rule 4: a lost journal does not come back under an old name. */
static void test_answers_of_other_journals_do_not_count(void **state)
{
    (void)state;
    static struct solo solo;
    solo_start(&solo, 2, 0, LOG_1_1_2, 1);
    solo_lead(&solo);
    struct replica_position position = solo.replica.log.last;
    for (uint8_t site_id = 2; site_id <= 3; site_id++) {
        struct replica_message message =
            solo_message(REPLICA_APPEND_REPLY, site_id, solo.replica.term);
        message.position = position;
        message.from_incarnation += 100;
        solo_receive(&solo, &message);
    }
    assert_true(solo.replica.commit_log_index < position.log_index);
    solo_acknowledge(&solo, 2, position);
    solo_acknowledge(&solo, 3, position);
    assert_true(solo.replica.commit_log_index == position.log_index);
}

/* Who lags behind knows the members of then; one of them may have been replaced and lead by now. */
static void test_a_leader_not_known_yet_is_heard(void **state)
{
    (void)state;
    static struct solo solo;
    solo_start(&solo, 2, 0, LOG_1_1_2, 1);
    struct replica_message message = solo_message(REPLICA_APPEND, 2, 3);
    message.position = solo_position(3, 2, 1);
    message.from_incarnation += 100;
    solo_receive(&solo, &message);
    assert_int_equal(solo.replica.term, 3);
    assert_int_equal(solo.replica.leader_site_id, 2);
    solo_persist_all(&solo);
    assert_non_null(solo_said(&solo, REPLICA_APPEND_REPLY));
    solo_wait(&solo, 20 * solo.replica.options.election_ns_max);
    message = solo_message(REPLICA_VOTE, 3, solo.replica.term + 1);
    message.position = solo_position(4, 3, 1);
    message.from_incarnation += 100;
    solo_receive(&solo, &message);
    assert_int_equal(solo.replica.voted_site_id, 3);
}

/* The membership names another journal at this site: it follows, and no more. */
static void test_nobody_campaigns_in_the_place_of_another(void **state)
{
    (void)state;
    static struct solo solo;
    solo_start(&solo, 2, 0, LOG_1_1_2, 1);
    solo.replica.options.incarnation += 100;
    for (uint32_t tries = 0; tries < 20; tries++) {
        solo_wait(&solo, 2 * solo.replica.options.election_ns_max);
        assert_int_equal(solo.replica.role, REPLICA_FOLLOWER);
        assert_int_equal(solo.output.message_count, 0);
    }
    solo.replica.options.incarnation -= 100;
    solo_wait(&solo, 2 * solo.replica.options.election_ns_max);
    assert_int_equal(solo.replica.role, REPLICA_PRE_CANDIDATE);
}

/* After a disk error nothing goes out and nothing is made durable, whatever comes (rule 4). */
static void late(struct solo *solo, uint64_t late_ns)
{
    struct replica_input input = {.type = REPLICA_TICK, .late_ns = late_ns};
    solo_step(solo, &input);
}

/* A machine with too much to do starts no elections for that: timeouts outlast thrice the longest
 * wait, a third of the upper bound at most, and come back. */
static void test_who_runs_late_waits_longer(void **state)
{
    (void)state;
    static struct solo solo;
    const uint64_t ms = 1000000;
    const uint64_t half_ns = 10000 * ms;
    solo_start(&solo, 1, 0, (uint64_t[]){1, 0}, 0);
    solo_lead(&solo);
    assert_int_equal(replica_election_ns(&solo.replica), 100 * ms);
    late(&solo, 30 * ms);
    assert_int_equal(replica_election_ns(&solo.replica), 100 * ms);
    late(&solo, 80 * ms);
    late(&solo, 20 * ms);
    assert_int_equal(replica_election_ns(&solo.replica), 240 * ms);
    /* The others are told. */
    solo_wait(&solo, 60 * ms);
    const struct replica_message *append = solo_said(&solo, REPLICA_APPEND);
    assert_non_null(append);
    assert_int_equal(append->round_trip_ns, 48 * ms);
    late(&solo, 60000 * ms);
    assert_in_range(replica_election_ns(&solo.replica), 333 * ms, 334 * ms);
    solo_wait(&solo, half_ns);
    assert_in_range(replica_election_ns(&solo.replica), 166 * ms, 167 * ms);
    solo_wait(&solo, half_ns - 1);
    assert_in_range(replica_election_ns(&solo.replica), 166 * ms, 167 * ms);
    solo_wait(&solo, 100 * half_ns);
    assert_int_equal(replica_election_ns(&solo.replica), 100 * ms);
}

/* A preferred site that must not lead, as its clock is wrong, is not asked to. */
static void test_the_unfit_are_not_preferred(void **state)
{
    (void)state;
    for (uint32_t unfit = 0; unfit < 2; unfit++) {
        static struct solo solo;
        solo_start(&solo, 1, 0, (uint64_t[]){1, 0}, 0);
        solo.replica.placement.preferred_site_ids[0] = 2;
        solo.replica.placement.preferred_site_ids[1] = 1;
        solo_lead(&solo);
        struct replica_position position = solo.replica.log.last;
        bool asked = false;
        for (uint32_t i = 0; i < 40 && !asked; i++) {
            solo.now_ns += 50000000;
            for (uint8_t site_id = 2; site_id <= 5; site_id++) {
                solo_acknowledge(&solo, site_id, position);
            }
            struct replica_input input = {.type = REPLICA_TICK, .unfit = (uint16_t)(unfit << 1)};
            solo_step(&solo, &input);
            asked = solo_said(&solo, REPLICA_CAMPAIGN) != NULL;
        }
        assert_int_equal(asked, unfit == 0);
        assert_int_equal(solo.replica.role, REPLICA_LEADER);
    }
}

static void test_a_disk_error_is_final(void **state)
{
    (void)state;
    static struct solo solo;
    solo_start(&solo, 2, 0, LOG_1_1_2, 1);
    solo_lead(&solo);
    assert_int_equal(solo.replica.role, REPLICA_LEADER);
    struct replica_input input = {.type = REPLICA_DISK_ERROR};
    solo_step(&solo, &input);
    assert_int_equal(solo.output.halt, REPLICA_HALT_DISK);
    struct replica_seal seal;
    assert_int_equal(replica_seal_position(&solo.replica, &seal), STATUS_NOT_YET);
    assert_int_equal(replica_due_ns(&solo.replica), UINT64_MAX);
    for (uint64_t term = 1; term < 9; term++) {
        solo_wait(&solo, 1000000000);
        assert_int_equal(solo.output.message_count, 0);
        solo_append(&solo, 2, term, solo_position(3, 2, 1), 0, 0, 1, 3);
        assert_int_equal(solo.output.message_count, 0);
        assert_false(solo.output.vote);
        assert_int_equal(solo.output.halt, REPLICA_HALT_DISK);
    }
}

static void test_one_voter_alone(void **state)
{
    (void)state;
    struct placement placement = cluster_placement("A", 1);
    struct cluster *cluster = cluster_create(3, &placement);
    cluster_start(cluster);
    for (uint32_t life = 0; life < 5; life++) {
        assert_int_equal(cluster_run_to_leader(cluster, CLUSTER_S), 1);
        assert_int_equal(cluster_seal(cluster, 1, 10), 10);
        uint64_t goal = cluster_site(cluster, 1)->appended.last_log_index;
        assert_true(cluster_run_to_commit(cluster, 1, goal, CLUSTER_S));
        assert_int_equal(cluster_seal(cluster, 1, 10), 10);
        cluster_crash(cluster, 1);
        cluster_restart(cluster, 1);
        assert_true(cluster_site(cluster, 1)->durable.last_log_index >= goal);
    }
    assert_int_equal(cluster->messages_sent, 0);
    cluster_destroy(cluster);
}

/* A message of random fields, most of them possible. */
static struct replica_message wild(struct random *random, struct replica_entry *entries)
{
    static const struct placement placement;
    struct replica_message message =
        solo_message((enum replica_message_type)random_below(random, 10),
                     (uint8_t)random_below(random, 7), random_below(random, 9));
    message.granted = random_below(random, 2) == 0;
    message.transfer = random_below(random, 4) == 0;
    message.rejected = random_below(random, 3) == 0;
    message.position = solo_position(random_below(random, 12), random_below(random, 6), 1);
    message.commit_log_index = random_below(random, 8) == 0 ? random_u64(random) : 2;
    message.rejected_log_index = random_below(random, 8) == 0 ? random_u64(random) : 5;
    message.hint_log_index = random_below(random, 8) == 0 ? random_u64(random) : 4;
    message.hint_term = random_below(random, 4);
    message.sent_ns = random_below(random, 3) == 0 ? random_u64(random) : 0;
    message.round_trip_ns = random_below(random, 3) == 0 ? random_u64(random) : 0;
    message.audit.log_index = random_below(random, 3) * 16;
    message.audit.event_hash = random_below(random, 3);
    message.entry_count = (uint32_t)random_below(random, 4);
    message.entries = entries;
    for (uint32_t at = 0; at < message.entry_count; at++) {
        entries[at] = (struct replica_entry){
            .position = solo_position(message.position.log_index + 1 + at,
                                      message.position.term + random_below(random, 2),
                                      (uint8_t)(1 + (random_below(random, 6) == 0))),
            .segment_bytes = (uint32_t)random_u64(random) >> 1,
            .kind = (uint8_t)random_below(random, 4)};
        entries[at].placement = entries[at].kind == REPLICA_ENTRY_PLACEMENT ? &placement : NULL;
    }
    return message;
}

/* Peers may send anything: it may halt a replica, with a reason, but breaks no assertion. */
static void test_wild_messages(void **state)
{
    (void)state;
    struct random random;
    test_seed(&random);
    static struct solo solo;
    static struct replica_entry entries[4];
    uint32_t halts = 0;
    uint32_t led = 0;
    for (uint32_t life = 0; life < 3000; life++) {
        solo_start(&solo, 2, 0, LOG_1_1_2, 1);
        if (life % 3 == 0) {
            solo_lead(&solo);
            led++;
        }
        for (uint32_t at = 0; at < 50 && solo.replica.halt == REPLICA_RUNS; at++) {
            struct replica_message message = wild(&random, entries);
            solo_receive(&solo, &message);
            assert_true(solo.output.message_count <= REPLICA_MESSAGES_MAX);
            if (random_below(&random, 3) == 0) {
                solo_persist_all(&solo);
            }
            if (random_below(&random, 10) == 0) {
                solo_wait(&solo, random_below(&random, 300000000));
            }
        }
        halts += solo.replica.halt != REPLICA_RUNS;
    }
    assert_true(halts > 0 && halts < 3000 && led == 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_runs),
        cmocka_unit_test(test_other_generations_and_sites),
        cmocka_unit_test(test_a_site_that_is_no_member_stops_nobody),
        cmocka_unit_test(test_the_dead_are_answered),
        cmocka_unit_test(test_answers_of_other_journals_do_not_count),
        cmocka_unit_test(test_a_leader_not_known_yet_is_heard),
        cmocka_unit_test(test_nobody_campaigns_in_the_place_of_another),
        cmocka_unit_test(test_who_runs_late_waits_longer),
        cmocka_unit_test(test_the_unfit_are_not_preferred),
        cmocka_unit_test(test_a_disk_error_is_final),
        cmocka_unit_test(test_one_voter_alone),
        cmocka_unit_test(test_wild_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
