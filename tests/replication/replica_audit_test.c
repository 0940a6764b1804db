/* Event hashes at equal positions: the minority is fenced (DESIGN 6, rule 9). */
#include "tests/support/cmocka_all.h"
#include "tests/support/replica_cluster.h"

static struct cluster *start(const char *providers, uint8_t *leader)
{
    struct placement placement = cluster_placement(providers, 1);
    struct cluster *cluster = cluster_create(41, &placement);
    cluster_start(cluster);
    *leader = cluster_run_to_leader(cluster, CLUSTER_S);
    assert_true(*leader != 0);
    return cluster;
}

static void trade(struct cluster *cluster, uint64_t for_ns)
{
    cluster->seals = true;
    cluster_run(cluster, for_ns);
    cluster->seals = false;
    cluster_run(cluster, CLUSTER_S);
}

/* A follower of three computes something else, and is fenced. */
static struct cluster *start_with_a_wrong_one(uint8_t *leader, uint8_t *wrong)
{
    struct cluster *cluster = start("ABC", leader);
    *wrong = *leader == 1 ? 2 : 1;
    cluster_site(cluster, *wrong)->audit_poison = 1;
    trade(cluster, CLUSTER_S);
    assert_true(cluster_site(cluster, *wrong)->fenced);
    return cluster;
}

static struct replica_audit latest_audit(const struct replica *replica)
{
    struct replica_audit audit =
        replica->audits[(replica->audit_next + REPLICA_AUDITS_MAX - 1) % REPLICA_AUDITS_MAX];
    assert_true(audit.log_index > 0);
    return audit;
}

/* Its engine is another one, which has nothing to execute again. */
static void rebuild(struct cluster *cluster, uint8_t site_id, uint64_t poison)
{
    struct cluster_site *site = cluster_site(cluster, site_id);
    assert_true(site->fenced);
    site->audit_poison = poison;
    replica_rebuild(&site->replica);
    struct replica_input input = {.type = REPLICA_REBUILT};
    cluster_step(cluster, site_id, &input);
    assert_false(site->fenced);
}

static void test_a_follower_in_the_minority_is_fenced(void **state)
{
    (void)state;
    uint8_t leader;
    struct cluster *cluster = start("ABC", &leader);
    uint8_t wrong = leader == 1 ? 2 : 1;
    trade(cluster, CLUSTER_S);
    assert_false(cluster_site(cluster, wrong)->fenced);
    cluster_site(cluster, wrong)->audit_poison = 1;
    trade(cluster, CLUSTER_S);
    assert_true(cluster_site(cluster, wrong)->fenced);
    assert_int_equal(cluster_leader(cluster), leader);
    /* It still journals and votes, but cannot lead, by transfer or otherwise. */
    assert_int_equal(cluster_transfer(cluster, leader, wrong), REPLICA_REFUSED_SITE);
    uint8_t third = (uint8_t)(6 - leader - wrong);
    cluster_crash(cluster, leader);
    assert_int_equal(cluster_run_to_leader(cluster, 5 * CLUSTER_S), third);
    cluster_restart(cluster, leader);
    cluster_run(cluster, CLUSTER_S);
    cluster_crash(cluster, third);
    cluster_run(cluster, 5 * CLUSTER_S);
    assert_int_equal(cluster_leader(cluster), leader);
    /* Rebuilt, it may lead again. */
    rebuild(cluster, wrong, 0);
    trade(cluster, CLUSTER_S);
    assert_false(cluster_site(cluster, wrong)->fenced);
    assert_int_equal(cluster_transfer(cluster, leader, wrong), REPLICA_ACCEPTED);
    cluster_run(cluster, CLUSTER_S);
    assert_int_equal(cluster_leader(cluster), wrong);
    cluster_destroy(cluster);
}

/* What the leader says before it has heard of the right hashes does not fence it again: a rebuild
 * is dear. If it is still wrong, it is fenced again. */
static void test_who_is_rebuilt_is_given_time(void **state)
{
    (void)state;
    uint8_t leader;
    struct cluster *cluster = start("ABC", &leader);
    uint8_t wrong = leader == 1 ? 2 : 1;
    for (uint64_t poison = 0; poison < 2; poison++) {
        cluster_site(cluster, wrong)->audit_poison = 1;
        trade(cluster, CLUSTER_S);
        assert_true(cluster_site(cluster, wrong)->fenced);
        rebuild(cluster, wrong, poison);
        cluster->seals = true;
        uint32_t refenced = 0;
        for (uint32_t at = 0; at < 100; at++) {
            cluster_run(cluster, CLUSTER_S / 50);
            refenced += cluster_site(cluster, wrong)->fenced;
        }
        cluster->seals = false;
        assert_int_equal(refenced > 0, poison > 0);
        assert_int_equal(cluster_leader(cluster), leader);
    }
    cluster_destroy(cluster);
}

/* From a snapshot behind all that was compared, in a shard where nothing happens: whoever leads
 * knows the hashes of the former engine at best, which fence nobody. */
static void test_who_is_rebuilt_and_has_nothing_to_tell_is_left_alone(void **state)
{
    (void)state;
    uint8_t leader;
    uint8_t wrong;
    struct cluster *cluster = start_with_a_wrong_one(&leader, &wrong);
    uint8_t third = (uint8_t)(6 - leader - wrong);
    rebuild(cluster, wrong, 0);
    cluster_run(cluster, 5 * CLUSTER_S);
    assert_false(cluster_site(cluster, wrong)->fenced);
    assert_int_equal(cluster_transfer(cluster, leader, third), REPLICA_ACCEPTED);
    cluster_run(cluster, 5 * CLUSTER_S);
    assert_int_equal(cluster_leader(cluster), third);
    assert_false(cluster_site(cluster, wrong)->fenced);
    cluster_site(cluster, wrong)->audit_poison = 2; /* It is wrong again, and tells. */
    trade(cluster, CLUSTER_S);
    assert_true(cluster_site(cluster, wrong)->fenced);
    cluster_destroy(cluster);
}

/* What one told before it was rebuilt is not held against it, when a third one that was behind
 * comes to that place. */
static void test_a_former_engine_is_forgotten(void **state)
{
    (void)state;
    uint8_t leader;
    uint8_t wrong;
    struct cluster *cluster = start_with_a_wrong_one(&leader, &wrong);
    uint8_t third = (uint8_t)(6 - leader - wrong);
    const struct replica *replica = &cluster_site(cluster, leader)->replica;
    assert_true(replica->progress[wrong - 1].fenced);
    struct replica_audit audit = latest_audit(replica);
    rebuild(cluster, wrong, 0);
    trade(cluster, CLUSTER_S / 20);
    assert_false(replica->progress[wrong - 1].fenced);
    struct replica_message message = {.type = REPLICA_APPEND_REPLY,
                                      .from_site_id = third,
                                      .to_site_id = leader,
                                      .from_incarnation = cluster_site(cluster, third)->incarnation,
                                      .term = replica->term,
                                      .audit = audit};
    struct replica_input input = {.type = REPLICA_RECEIVE, .message = &message};
    cluster_step(cluster, leader, &input);
    bool kept = false; /* That place is judged again. */
    for (uint32_t at = 0; at < REPLICA_AUDITS_MAX; at++) {
        kept = kept || replica->audits[at].log_index == audit.log_index;
    }
    assert_true(kept);
    assert_false(replica->progress[wrong - 1].fenced);
    cluster_destroy(cluster);
}

static void test_a_leader_in_the_minority_leaves(void **state)
{
    (void)state;
    uint8_t leader;
    struct cluster *cluster = start("ABCAB", &leader);
    trade(cluster, CLUSTER_S);
    cluster_site(cluster, leader)->audit_poison = 9;
    trade(cluster, 3 * CLUSTER_S);
    assert_true(cluster_site(cluster, leader)->fenced);
    uint8_t next = cluster_leader(cluster);
    assert_true(next != 0 && next != leader);
    assert_true(cluster_run_to_commit(cluster, 31, cluster->committed_log_index, CLUSTER_S));
    cluster_destroy(cluster);
}

static void test_without_a_majority_the_shard_halts(void **state)
{
    (void)state;
    uint8_t leader;
    struct cluster *cluster = start("ABC", &leader);
    trade(cluster, CLUSTER_S);
    cluster->halts_expected = true;
    for (uint8_t site_id = 1; site_id <= 3; site_id++) {
        cluster_site(cluster, site_id)->audit_poison = site_id;
    }
    trade(cluster, CLUSTER_S);
    assert_int_equal(cluster_site(cluster, leader)->replica.halt, REPLICA_HALT_HASHES);
    struct replica_seal seal;
    assert_int_equal(replica_seal_position(&cluster_site(cluster, leader)->replica, &seal),
                     STATUS_NOT_YET);
    /* And everywhere: the next leader would miss this one's voice and go on without a majority. */
    uint64_t committed = cluster->committed_log_index;
    trade(cluster, 5 * CLUSTER_S);
    for (uint8_t site_id = 1; site_id <= 3; site_id++) {
        assert_int_equal(cluster_site(cluster, site_id)->replica.halt, REPLICA_HALT_HASHES);
        assert_int_equal(replica_due_ns(&cluster_site(cluster, site_id)->replica), UINT64_MAX);
    }
    assert_int_equal(cluster_leader(cluster), 0);
    assert_int_equal(cluster->committed_log_index, committed);
    cluster_destroy(cluster);
}

/* Who could not be told, because it was away or has started again, is told when it asks. */
static void test_who_was_away_when_it_halted_hears_of_it(void **state)
{
    (void)state;
    uint8_t leader;
    struct cluster *cluster = start("ABCAB", &leader);
    uint8_t away = leader == 1 ? 2 : 1;
    trade(cluster, CLUSTER_S);
    cluster->halts_expected = true;
    cluster_isolate(cluster, away, true);
    for (uint8_t site_id = 1; site_id <= 5; site_id++) {
        cluster_site(cluster, site_id)->audit_poison = site_id;
    }
    trade(cluster, CLUSTER_S);
    for (uint8_t site_id = 1; site_id <= 5; site_id++) {
        assert_int_equal(cluster_site(cluster, site_id)->replica.halt,
                         site_id == away ? REPLICA_RUNS : REPLICA_HALT_HASHES);
    }
    cluster_isolate(cluster, away, false);
    uint8_t again = away == 5 || leader == 5 ? 4 : 5;
    cluster_crash(cluster, again);
    cluster_restart(cluster, again);
    assert_int_equal(cluster_site(cluster, again)->replica.halt, REPLICA_RUNS);
    trade(cluster, 5 * CLUSTER_S);
    assert_int_equal(cluster_site(cluster, away)->replica.halt, REPLICA_HALT_HASHES);
    assert_int_equal(cluster_site(cluster, again)->replica.halt, REPLICA_HALT_HASHES);
    cluster_destroy(cluster);
}

/* It takes a voter to stop a shard, and the halted ones do not go on talking among themselves. */
static void test_only_a_voter_stops_the_others(void **state)
{
    (void)state;
    uint8_t leader;
    struct cluster *cluster = start("ABC", &leader);
    uint8_t other = leader == 1 ? 2 : 1;
    trade(cluster, CLUSTER_S);
    struct replica_message message = {.type = REPLICA_APPEND_REPLY,
                                      .from_site_id = 4,
                                      .to_site_id = leader,
                                      .from_incarnation = 4711,
                                      .term = cluster_site(cluster, leader)->replica.term,
                                      .halted = true};
    struct replica_input input = {.type = REPLICA_RECEIVE, .message = &message};
    cluster_step(cluster, leader, &input);
    message.from_site_id = other; /* Not of its journal. */
    cluster_step(cluster, leader, &input);
    assert_int_equal(cluster_site(cluster, leader)->replica.halt, REPLICA_RUNS);
    message.from_incarnation = cluster_site(cluster, other)->incarnation;
    cluster->halts_expected = true;
    cluster_step(cluster, leader, &input);
    assert_int_equal(cluster_site(cluster, leader)->replica.halt, REPLICA_HALT_HASHES);
    assert_int_equal(cluster->output.message_count, 0); /* It has only heard of it. */
    cluster_step(cluster, leader, &input);
    assert_int_equal(cluster->output.message_count, 0);
    message = (struct replica_message){.type = REPLICA_PRE_VOTE,
                                       .from_site_id = other,
                                       .to_site_id = leader,
                                       .from_incarnation = message.from_incarnation,
                                       .term = 99};
    cluster_step(cluster, leader, &input);
    assert_int_equal(cluster->output.message_count, 1);
    assert_int_equal(cluster->output.messages[0].type, REPLICA_APPEND_REPLY);
    assert_int_equal(cluster->output.messages[0].to_site_id, other);
    assert_true(cluster->output.messages[0].halted);
    cluster_destroy(cluster);
}

/* Who finds out tells all the others at once. */
static void test_who_finds_out_tells_all(void **state)
{
    (void)state;
    uint8_t leader;
    struct cluster *cluster = start("ABC", &leader);
    trade(cluster, CLUSTER_S);
    const struct replica *replica = &cluster_site(cluster, leader)->replica;
    struct replica_audit audit = latest_audit(replica);
    cluster->halts_expected = true;
    uint64_t right = audit.event_hash;
    uint8_t other = leader == 1 ? 2 : 1;
    /* The first is fenced and forgotten, but goes on telling what it has. */
    const uint8_t tell[] = {other, (uint8_t)(6 - leader - other), other};
    for (uint32_t at = 0; at < 3; at++) {
        uint8_t site_id = tell[at];
        assert_int_equal(replica->halt, REPLICA_RUNS);
        audit.event_hash = right + site_id;
        struct replica_message message = {.type = REPLICA_APPEND_REPLY,
                                          .from_site_id = site_id,
                                          .to_site_id = leader,
                                          .from_incarnation =
                                              cluster_site(cluster, site_id)->incarnation,
                                          .term = replica->term,
                                          .audit = audit};
        struct replica_input input = {.type = REPLICA_RECEIVE, .message = &message};
        cluster_step(cluster, leader, &input);
    }
    assert_int_equal(replica->halt, REPLICA_HALT_HASHES);
    assert_int_equal(cluster->output.message_count, 2);
    for (uint32_t at = 0; at < 2; at++) {
        assert_int_equal(cluster->output.messages[at].type, REPLICA_APPEND_REPLY);
        assert_true(cluster->output.messages[at].halted);
    }
    cluster_destroy(cluster);
}

/* One that halted in an earlier term comes back to a cluster that was started again: it stops a
 * leader that has not yet heard a majority agree in its own term, and no other. */
static void test_who_halted_earlier_stops_nobody_who_agrees(void **state)
{
    (void)state;
    for (uint32_t agreed = 0; agreed < 2; agreed++) {
        uint8_t old_leader;
        struct cluster *cluster = start("ABC", &old_leader);
        uint8_t leader = old_leader == 1 ? 2 : 1;
        trade(cluster, CLUSTER_S);
        assert_int_equal(cluster_transfer(cluster, old_leader, leader), REPLICA_ACCEPTED);
        cluster_run(cluster, CLUSTER_S);
        assert_int_equal(cluster_leader(cluster), leader);
        uint8_t third = (uint8_t)(6 - old_leader - leader);
        cluster_crash(cluster, third);
        if (agreed > 0) {
            trade(cluster, CLUSTER_S);
        }
        const struct replica *replica = &cluster_site(cluster, leader)->replica;
        struct replica_message message = {.type = REPLICA_APPEND_REPLY,
                                          .from_site_id = third,
                                          .to_site_id = leader,
                                          .from_incarnation =
                                              cluster_site(cluster, third)->incarnation,
                                          .term = replica->term - 1,
                                          .halted = true};
        struct replica_input input = {.type = REPLICA_RECEIVE, .message = &message};
        cluster->halts_expected = true;
        cluster_step(cluster, leader, &input);
        assert_int_equal(replica->halt, agreed > 0 ? REPLICA_RUNS : REPLICA_HALT_HASHES);
        message.term = replica->term; /* Of this term's places. */
        cluster_step(cluster, leader, &input);
        assert_int_equal(replica->halt, REPLICA_HALT_HASHES);
        cluster_destroy(cluster);
    }
}

/* Two of five are silent: the other three are split, and nobody is judged on a guess. */
static void test_nothing_is_judged_without_a_majority_of_all(void **state)
{
    (void)state;
    uint8_t leader;
    struct cluster *cluster = start("ABCAB", &leader);
    trade(cluster, CLUSTER_S);
    uint8_t crashed = 0;
    uint8_t wrong = 0;
    for (uint8_t site_id = 1; site_id <= 5; site_id++) {
        if (site_id != leader && crashed < 2) {
            cluster_crash(cluster, site_id);
            crashed++;
        } else if (site_id != leader) {
            wrong = site_id;
        }
    }
    cluster_site(cluster, wrong)->audit_poison = 3;
    trade(cluster, CLUSTER_S);
    assert_false(cluster_site(cluster, wrong)->fenced);
    assert_int_equal(cluster_leader(cluster), leader);
    for (uint8_t site_id = 1; site_id <= 5; site_id++) {
        if (!cluster_site(cluster, site_id)->runs) {
            cluster_restart(cluster, site_id);
        }
    }
    trade(cluster, CLUSTER_S);
    assert_true(cluster_site(cluster, wrong)->fenced);
    cluster_destroy(cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_follower_in_the_minority_is_fenced),
        cmocka_unit_test(test_who_is_rebuilt_is_given_time),
        cmocka_unit_test(test_who_is_rebuilt_and_has_nothing_to_tell_is_left_alone),
        cmocka_unit_test(test_a_former_engine_is_forgotten),
        cmocka_unit_test(test_a_leader_in_the_minority_leaves),
        cmocka_unit_test(test_without_a_majority_the_shard_halts),
        cmocka_unit_test(test_who_was_away_when_it_halted_hears_of_it),
        cmocka_unit_test(test_only_a_voter_stops_the_others),
        cmocka_unit_test(test_who_finds_out_tells_all),
        cmocka_unit_test(test_who_halted_earlier_stops_nobody_who_agrees),
        cmocka_unit_test(test_nothing_is_judged_without_a_majority_of_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
