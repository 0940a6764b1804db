/* Quorum repair at one site: reported, promised, activated, killed at every step, and led by the
 * one that is left. */
#include <stdlib.h>
#include <string.h>

#include "replication/shard_inside.h"
#include "tests/replication/shard_fake.h"
#include "tests/support/record_machine.h"

#define WALL     UINT64_C(1700000000000000000)
#define TURN_NS  UINT64_C(1000000)
#define OTHERS   3u /* Sites 1 and 2, who are gone. */
#define SURVIVOR (1u << (FAKE_SITE - 1))

static struct journal journal;
static struct record_machine machine;
static struct codec_context *codec;
static struct segment_signer signer;
static struct segment_verifier verifier;
static struct shard_options options;
static struct shard *shard;
static uint64_t now_ns;
static uint64_t placed_count;
static struct placement_record placed;

static void send_nowhere(void *context, uint16_t shard_id, const struct replica_message *message,
                         const uint8_t *segments, size_t segments_bytes)
{
    (void)context;
    (void)segments;
    (void)segments_bytes;
    assert_int_equal(shard_id, FAKE_SHARD);
    assert_int_not_equal(message->to_site_id, FAKE_SITE);
}

static void remember_placed(void *context, uint16_t shard_id, const struct placement_record *record)
{
    (void)context;
    assert_int_equal(shard_id, FAKE_SHARD);
    placed_count++;
    placed = *record;
}

static const struct shard_peers peers = {.send = send_nowhere, .placed = remember_placed};

static int setup_group(void **state)
{
    (void)state;
    static const uint8_t seed[crypto_sign_SEEDBYTES] = {9};
    if (sodium_init() < 0 || codec_create(&codec, 1) != STATUS_OK) {
        return -1;
    }
    (void)crypto_sign_seed_keypair(verifier.public_key, signer.secret_key, seed);
    segment_key_id(verifier.key_id, verifier.public_key);
    memcpy(signer.key_id, verifier.key_id, sizeof signer.key_id);
    return 0;
}

static int teardown_group(void **state)
{
    (void)state;
    codec_destroy(codec);
    return 0;
}

static void create(void)
{
    memset(&machine, 0, sizeof machine);
    const struct shard_machine description = record_machine_of(&machine);
    assert_int_equal(shard_create(&shard, &options, &description, &peers, &journal, codec),
                     STATUS_OK);
    uint64_t log_index;
    enum status status;
    while ((status = shard_recover(shard, &log_index)) == STATUS_MORE) {
    }
    assert_int_equal(status, STATUS_OK);
    assert_int_equal(shard_start(shard, now_ns, WALL), STATUS_OK);
}

/* Time passes; what a write was begun for is durable. */
static void turn(void)
{
    now_ns += TURN_NS;
    assert_int_equal(shard_step(shard, now_ns, WALL + now_ns), STATUS_OK);
    fake_persist(&journal, UINT64_MAX);
}

static void turns(uint32_t count)
{
    for (uint32_t at = 0; at < count; at++) {
        turn();
    }
}

static struct shard_status status_now(void)
{
    struct shard_status status;
    shard_status(shard, &status);
    return status;
}

/* First the site alone, with records; then two more join, who are never heard of: what it can
 * commit alone ends there. */
static int setup(void **state)
{
    (void)state;
    memset(&journal, 0, sizeof journal);
    journal.first_log_index = 1;
    journal.writable = true;
    now_ns = 1000000;
    placed_count = 0;
    options = (struct shard_options){.shard_id = FAKE_SHARD,
                                     .site_id = FAKE_SITE,
                                     .incarnation = 13,
                                     .cluster_id = FAKE_CLUSTER,
                                     .random_seed = 1,
                                     .queue_records_max = 100,
                                     .segment_records_max = 10,
                                     .segments_in_flight_max = 4,
                                     .uncommitted_age_ns_max = 1000000000,
                                     .election_ns_min = 100000000,
                                     .election_ns_max = 1000000000,
                                     .headers_max = 64,
                                     .in_flight_messages_max = 8,
                                     .in_flight_bytes_max = 1 << 20,
                                     .batch_bytes_max = 1 << 16,
                                     .signer = &signer,
                                     .verifiers = &verifier,
                                     .verifier_count = 1,
                                     .genesis = {.commit_providers = 1}};
    for (uint32_t at = 0; at < 3; at++) {
        options.genesis.sites[at] = (struct placement_site){.incarnation = 11 + at,
                                                            .provider_id = (uint8_t)(at + 1),
                                                            .role = PLACEMENT_VOTER};
    }
    memcpy(options.genesis.sites[FAKE_SITE - 1].public_key, verifier.public_key,
           PLACEMENT_KEY_BYTES);
    create();
    turns(300);
    assert_int_equal(status_now().leader_site_id, 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    shard_destroy(shard);
    shard = NULL;
    fake_drop(&journal, 0);
    return 0;
}

/* What the process leaves behind, started again. */
static void crash(void)
{
    shard_destroy(shard);
    fake_crash(&journal);
    create();
}

static struct repair decide(uint16_t attested)
{
    struct repair_report report;
    struct repair promised;
    shard_repair_report(shard, &report, &promised);
    struct repair_request request = {.reports = &report, .report_count = 1, .attested = attested};
    memset(request.attestation_hash, 0x5A, sizeof request.attestation_hash);
    struct repair repair;
    uint8_t site_id;
    assert_int_equal(repair_decide(&request, &repair, &site_id), REPAIR_ACCEPTED);
    return repair;
}

static void lead(void)
{
    for (uint32_t at = 0; at < 1000 && !status_now().takes; at++) {
        turn();
    }
    assert_true(status_now().leader);
}

static void expect_trade(void)
{
    const struct record_machine_record record = {.value = machine.applied_count + 1};
    uint64_t applied = machine.applied_count;
    assert_int_equal(shard_submit(shard, &record, now_ns), STATUS_OK);
    turns(5);
    assert_int_equal(machine.applied_count, applied + 1);
}

static void expect_repaired(const struct repair *repair)
{
    const struct placement_record *record = shard_placement(shard);
    assert_true(record->repaired);
    assert_true(record->generation == repair->generation);
    assert_memory_equal(record->attestation_hash, repair->attestation_hash, REPAIR_HASH_BYTES);
    assert_memory_equal(&record->placement, &repair->after, sizeof repair->after);
    assert_true(status_now().generation == repair->generation);
    assert_false(status_now().repairing);
}

static void test_the_one_that_is_left_goes_on(void **state)
{
    (void)state;
    struct repair repair = decide(OTHERS);
    assert_int_equal(repair.loss, REPAIR_LOSES_SOME);
    assert_int_equal(shard_repair_activate(shard, repair.generation, SURVIVOR, now_ns),
                     STATUS_NOT_FOUND);
    assert_int_equal(shard_repair_promise(shard, &repair, now_ns), STATUS_OK);
    assert_true(status_now().repairing);
    assert_int_equal(shard_repair_promise(shard, &repair, now_ns), STATUS_NOT_YET);
    struct repair_report report;
    struct repair promised;
    shard_repair_report(shard, &report, &promised);
    assert_null(report.promised); /* Not durable yet. */
    turns(2);
    shard_repair_report(shard, &report, &promised);
    assert_ptr_equal(report.promised, &promised);
    assert_true(promised.generation == repair.generation);
    assert_int_equal(shard_repair_promise(shard, &repair, now_ns), STATUS_EXISTS);

    /* Between promise and activation nothing happens here. */
    uint64_t term = status_now().term;
    uint64_t appended = journal.appended;
    turns(3000);
    assert_int_equal(status_now().term, term);
    assert_int_equal(journal.appended, appended);
    assert_int_equal(shard_due_ns(shard, now_ns), UINT64_MAX);

    assert_int_equal(shard_repair_activate(shard, repair.generation, 0, now_ns), STATUS_NOT_YET);
    assert_int_equal(shard_repair_activate(shard, repair.generation, SURVIVOR, now_ns), STATUS_OK);
    lead();
    expect_repaired(&repair);
    assert_int_equal(shard_repair_activate(shard, repair.generation, SURVIVOR, now_ns),
                     STATUS_EXISTS);
    expect_trade();
    /* It stands in the log, with what the operator attested, and was told to who keeps keys. */
    assert_int_equal(placed_count, 1);
    assert_true(placed.repaired);
    assert_true(shard_placement_log_index(shard) > 0);
    assert_true(shard_genesis(shard)->epoch < shard_placement(shard)->placement.epoch);
    crash();
    /* What it holds is committed by that alone: executed before anybody leads. */
    assert_int_equal(machine.applied_count, 1);
    lead();
    expect_repaired(&repair);
    assert_int_equal(machine.applied_count, 1);
    expect_trade();
}

static void test_killed_at_every_step(void **state)
{
    (void)state;
    struct repair repair = decide(OTHERS);
    assert_int_equal(shard_repair_promise(shard, &repair, now_ns), STATUS_OK);
    crash(); /* Before it was durable: it was never given. */
    assert_false(status_now().repairing);
    repair = decide(OTHERS);
    journal.full_count = 3; /* Nor does a full journal lose it. */
    assert_int_equal(shard_repair_promise(shard, &repair, now_ns), STATUS_OK);
    turns(5);
    crash();
    assert_true(status_now().repairing);
    turns(500);
    assert_int_equal(status_now().leader_site_id, 0);
    struct repair again = decide(OTHERS); /* The tool begins anew and comes to the same. */
    assert_true(again.generation == repair.generation);
    assert_int_equal(shard_repair_promise(shard, &again, now_ns), STATUS_EXISTS);
    assert_int_equal(shard_repair_activate(shard, repair.generation, SURVIVOR, now_ns), STATUS_OK);
    crash(); /* Before that was durable. */
    assert_true(status_now().repairing);
    assert_int_equal(shard_repair_activate(shard, repair.generation, SURVIVOR, now_ns), STATUS_OK);
    now_ns += TURN_NS;
    assert_int_equal(shard_step(shard, now_ns, WALL), STATUS_OK);
    fake_persist(&journal, UINT64_MAX);
    crash(); /* Durable, and not yet begun. */
    assert_false(status_now().repairing);
    lead();
    expect_repaired(&repair);
    expect_trade();
}

/* Who comes back from the dead speaks of an old generation: heard by nobody, answered with the new
 * one. */
static void test_the_dead_are_refused(void **state)
{
    (void)state;
    struct repair repair = decide(OTHERS);
    assert_int_equal(shard_repair_promise(shard, &repair, now_ns), STATUS_OK);
    turns(2);
    assert_int_equal(shard_repair_activate(shard, repair.generation, SURVIVOR, now_ns), STATUS_OK);
    lead();
    uint64_t term = status_now().term;
    struct replica_message message = {.type = REPLICA_VOTE,
                                      .from_site_id = 1,
                                      .to_site_id = FAKE_SITE,
                                      .from_incarnation = 11,
                                      .term = term + 100,
                                      .position = {.log_index = 1000, .term = term + 50}};
    shard_receive(shard, &message, NULL, 0, now_ns, WALL);
    turns(20);
    assert_int_equal(status_now().term, term);
    assert_true(status_now().leader);
    /* One of a later generation stops it: the others were repaired without this site. */
    message.generation = repair.generation + (UINT64_C(1) << 32);
    shard_receive(shard, &message, NULL, 0, now_ns, WALL);
    now_ns += TURN_NS;
    assert_int_equal(shard_step(shard, now_ns, WALL), STATUS_FOREIGN);
    assert_int_equal(status_now().halt, REPLICA_HALT_GENERATION);
}

/* A plan that was under way ended with its members; the repaired one begins its own. */
static void test_it_grows_again(void **state)
{
    (void)state;
    struct repair repair = decide(OTHERS);
    assert_int_equal(shard_repair_promise(shard, &repair, now_ns), STATUS_OK);
    turns(2);
    assert_int_equal(shard_repair_activate(shard, repair.generation, SURVIVOR, now_ns), STATUS_OK);
    lead();
    turns(5);
    struct placement target = shard_placement(shard)->placement;
    target.sites[4] =
        (struct placement_site){.incarnation = 99, .provider_id = 5, .role = PLACEMENT_LEARNER};
    struct placement_verdict verdict;
    assert_int_equal(shard_plan(shard, &target, 0, false, now_ns, &verdict), REPLICA_ACCEPTED);
    turns(5);
    assert_int_equal(shard_placement(shard)->placement.epoch, repair.after.epoch + 1);
    assert_false(shard_placement(shard)->repaired);
    expect_trade();
    crash();
    lead();
    assert_int_equal(shard_placement(shard)->placement.epoch, repair.after.epoch + 1);
}

static void activate(const struct repair *repair)
{
    assert_int_equal(shard_repair_promise(shard, repair, now_ns), STATUS_OK);
    turns(2);
    assert_int_equal(shard_repair_activate(shard, repair->generation, SURVIVOR, now_ns), STATUS_OK);
    turns(2);
    assert_false(status_now().repairing);
}

static void rebuild(const struct shard_origin *origin)
{
    machine.applied_count = 0; /* As the snapshot had it. */
    shard_rebuild(shard, origin);
}

/* A leader has said that this engine's events are not those of the others. That is as true after a
 * repair: it does not lead before it has been rebuilt, up to all that was committed, also when that
 * was under way while the replica idled. */
static void expect_carried(bool again)
{
    struct shard_origin origin;
    struct repair repair = decide(OTHERS);
    activate(&repair);
    lead();
    turns(5);
    shard_origin_now(shard, &origin);
    expect_trade();
    expect_trade();
    uint64_t committed = status_now().committed_log_index;
    assert_true(shard_offer(shard, &origin.position, origin.position.log_index + 1, now_ns));
    shard->replica.fenced = true;
    rebuild(&origin);
    struct repair_report report;
    struct repair promised;
    shard_repair_report(shard, &report, &promised);
    struct repair_request request = {.reports = &report, .report_count = 1, .forced = true};
    uint8_t site_id;
    assert_int_equal(repair_decide(&request, &repair, &site_id), REPAIR_ACCEPTED);
    assert_int_equal(shard_repair_promise(shard, &repair, now_ns), STATUS_OK);
    turns(20);
    /* Nothing is trimmed for a snapshot that nobody would be offered. */
    assert_false(shard_offer(shard, &origin.position, origin.position.log_index + 2, now_ns));
    assert_int_equal(machine.applied_count, 2);            /* Rebuilt, while it idles. */
    assert_int_equal(status_now().role, REPLICA_FOLLOWER); /* It led: nobody waits for it now. */
    assert_int_equal(shard_transfer(shard, 1, now_ns), REPLICA_REFUSED_NOT_SERVING);
    assert_true(status_now().fenced);
    assert_int_equal(shard_repair_activate(shard, repair.generation, SURVIVOR, now_ns), STATUS_OK);
    turn();
    if (again) { /* Once more, and not done when it begins anew. */
        rebuild(&origin);
    }
    shard_repair_turn(shard);
    assert_false(status_now().repairing);
    assert_true(status_now().fenced);
    assert_int_equal(status_now().committed_log_index, committed);
    assert_memory_equal(&shard->replica.snapshot, &origin.position, sizeof origin.position);
    assert_int_equal(shard->replica.first_log_index, origin.position.log_index + 1);
    lead();
    assert_false(status_now().fenced);
    assert_int_equal(machine.applied_count, 2);
    expect_trade();
}

static void test_what_the_journal_cannot_tell_is_kept(void **state)
{
    (void)state;
    expect_carried(true);
}

static void test_what_was_rebuilt_meanwhile_is_told(void **state)
{
    (void)state;
    expect_carried(false);
}

#define repair_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        repair_test(test_the_one_that_is_left_goes_on),
        repair_test(test_killed_at_every_step),
        repair_test(test_the_dead_are_refused),
        repair_test(test_it_grows_again),
        repair_test(test_what_the_journal_cannot_tell_is_kept),
        repair_test(test_what_was_rebuilt_meanwhile_is_told),
    };
    return cmocka_run_group_tests(tests, setup_group, teardown_group);
}
