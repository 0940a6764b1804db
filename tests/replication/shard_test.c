#include "replication/shard.h"

#include <stdlib.h>
#include <string.h>

#include "matching/base/random.h"
#include "tests/replication/shard_fake.h"
#include "tests/support/record_machine.h"

#define NOW  UINT64_C(5000000)
#define WALL UINT64_C(1700000000000000000)

static struct journal journal;
static struct record_machine machine;
static struct record_machine before;
static struct codec_context *codec;
static struct segment_signer signer;
static struct segment_verifier verifier;
static struct shard_options options;
static struct shard *shard;

/* A voter alone has nobody to talk to. */
static void no_send(void *context, uint16_t shard_id, const struct replica_message *message,
                    const uint8_t *segments, size_t segments_bytes)
{
    (void)context;
    (void)shard_id;
    (void)message;
    (void)segments;
    (void)segments_bytes;
    fail();
}

static const struct shard_peers no_peers = {.send = no_send};

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

static int setup(void **state)
{
    (void)state;
    memset(&journal, 0, sizeof journal);
    memset(&machine, 0, sizeof machine);
    journal.first_log_index = 1;
    journal.writable = true;
    options = (struct shard_options){.shard_id = FAKE_SHARD,
                                     .site_id = FAKE_SITE,
                                     .incarnation = 11,
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
    options.genesis.sites[FAKE_SITE - 1] =
        (struct placement_site){.incarnation = 11, .provider_id = 1, .role = PLACEMENT_VOTER};
    memcpy(options.genesis.sites[FAKE_SITE - 1].public_key, verifier.public_key,
           PLACEMENT_KEY_BYTES);
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

static void create(void)
{
    const struct shard_machine description = record_machine_of(&machine);
    assert_int_equal(shard_create(&shard, &options, &description, &no_peers, &journal, codec),
                     STATUS_OK);
}

static void recover(void)
{
    uint64_t log_index;
    enum status status;
    while ((status = shard_recover(shard, &log_index)) == STATUS_MORE) {
    }
    assert_int_equal(status, STATUS_OK);
    assert_int_equal(log_index, journal.persisted);
}

static void step(uint64_t wall_ns)
{
    assert_int_equal(shard_step(shard, NOW, wall_ns), STATUS_OK);
}

static struct shard_status status_now(void)
{
    struct shard_status status;
    shard_status(shard, &status);
    return status;
}

/* A shard that leads: vote, then the opening segment, both durable. */
static void lead(uint64_t wall_ns)
{
    create();
    recover();
    assert_int_equal(shard_start(shard, NOW, wall_ns), STATUS_OK);
    fake_persist(&journal, UINT64_MAX);
    step(wall_ns);
    fake_persist(&journal, UINT64_MAX);
    step(wall_ns);
    assert_true(status_now().leader);
}

static enum status submit(uint64_t value)
{
    const struct record_machine_record record = {.value = value};
    return shard_submit(shard, &record, NOW - 7);
}

static void submit_many(uint64_t first, uint32_t count)
{
    for (uint32_t at = 0; at < count; at++) {
        assert_int_equal(submit(first + at), STATUS_OK);
    }
}

static struct segment segment_at(uint64_t log_index)
{
    struct segment segment;
    assert_true(log_index <= journal.appended);
    assert_int_equal(segment_open(&segment, journal.segments[log_index].bytes,
                                  journal.segments[log_index].size),
                     STATUS_OK);
    assert_int_equal(segment_verify_signature(&segment, journal.segments[log_index].bytes,
                                              &verifier, 1),
                     STATUS_OK);
    return segment;
}

/* Kill the process and start another on what is durable; its applies are compared by the caller. */
static void crash(void)
{
    shard_destroy(shard);
    shard = NULL;
    fake_crash(&journal);
    before = machine;
    memset(&machine, 0, sizeof machine);
}

static void test_bad_options_are_refused(void **state)
{
    (void)state;
    const struct shard_machine description = record_machine_of(&machine);
    const struct shard_options good = options;
    for (uint32_t at = 0; at < 9; at++) {
        options = good;
        options.shard_id = at == 0 ? 0 : at == 1 ? SHARDS_MAX + 1 : good.shard_id;
        options.site_id = at == 2 ? 0 : at == 3 ? SITES_MAX + 1 : good.site_id;
        options.queue_records_max = at == 4 ? 0 : good.queue_records_max;
        options.segment_records_max = at == 5   ? 0
                                      : at == 6 ? SEGMENT_COMMANDS_MAX + 1
                                                : good.segment_records_max;
        options.segments_in_flight_max = at == 7 ? 0 : good.segments_in_flight_max;
        options.signer = at == 8 ? NULL : good.signer;
        assert_int_equal(shard_create(&shard, &options, &description, &no_peers, &journal, codec),
                         STATUS_BAD_ARGUMENT);
        assert_null(shard);
    }
}

static void test_vote_then_opening_then_records(void **state)
{
    (void)state;
    create();
    recover();
    assert_int_equal(shard_start(shard, NOW, WALL), STATUS_OK);
    assert_int_equal(journal.term_appended, 1);
    assert_int_equal(journal.voted_appended, FAKE_SITE);
    assert_true(journal.term_flushed);
    step(WALL);
    assert_int_equal(journal.appended, 0); /* The vote is not durable yet. */
    assert_int_equal(submit(1), STATUS_NOT_YET);
    assert_int_equal(shard_room(shard), 0);
    fake_persist_vote(&journal);
    step(WALL);
    assert_int_equal(journal.appended, 1);
    assert_int_equal(journal.flushed, 1);
    struct segment opening = segment_at(1);
    assert_int_equal(opening.flags, SEGMENT_OPENS_TERM); /* Nobody handed over. */
    assert_int_equal(opening.command_count, 0);
    assert_int_equal(machine.opened_count, 0);
    assert_int_equal(opening.term, 1);
    assert_int_equal(opening.first_command_sequence, 1);
    assert_int_equal(submit(1), STATUS_NOT_YET); /* Nor is this segment. */
    assert_false(status_now().leader);
    fake_persist(&journal, 1);
    step(WALL);
    assert_true(status_now().leader);
    assert_int_equal(status_now().committed_log_index, 1);
    assert_int_equal(status_now().applied_log_index, 1);
    assert_int_equal(machine.opened_count, 1);
    assert_int_equal(machine.planned_count, 0);
    assert_int_equal(machine.opened_ns, opening.base_timestamp_ns);
    assert_memory_equal(status_now().chain_hash, opening.chain_hash, SEGMENT_HASH_BYTES);
    assert_int_equal(submit(1), STATUS_OK);
}

static void test_terms_grow_with_every_start(void **state)
{
    (void)state;
    for (uint64_t term = 1; term <= 4; term++) {
        lead(WALL);
        assert_int_equal(status_now().term, term);
        assert_int_equal(segment_at(term).term, term);
        assert_int_equal(segment_at(term).flags, SEGMENT_OPENS_TERM);
        crash();
    }
    /* A vote that led to nothing counts as well, also one for another site. */
    journal.term = 9;
    journal.voted_site_id = FAKE_SITE + 1;
    lead(WALL);
    assert_int_equal(status_now().term, 10);
}

static void test_applied_only_when_persisted_and_in_order(void **state)
{
    (void)state;
    lead(WALL);
    submit_many(1, 3);
    assert_int_equal(shard_room(shard), 97);
    step(WALL + 5); /* Idle: sealed at once. */
    submit_many(4, 2);
    step(WALL + 6);
    assert_int_equal(journal.flushed, 3);
    assert_int_equal(segment_at(2).command_count, 3);
    assert_int_equal(segment_at(3).command_count, 2);
    assert_int_equal(segment_at(3).first_command_sequence, 4);
    step(WALL + 7);
    assert_int_equal(machine.applied_count, 0);
    assert_int_equal(status_now().committed_log_index, 1);
    fake_persist(&journal, 2);
    assert_int_equal(machine.applied_count, 0);
    step(WALL + 7);
    assert_int_equal(machine.applied_count, 3);
    fake_persist(&journal, 3);
    step(WALL + 7);
    assert_int_equal(machine.applied_count, 5);
    for (uint64_t at = 0; at < 5; at++) {
        assert_int_equal(machine.applied[at].value, at + 1);
        assert_true(machine.applied[at].timestamp_ns == WALL + (at < 3 ? 5 : 6));
        assert_int_equal(machine.applied[at].waited_ns, 7);
    }
    struct shard_status status = status_now();
    assert_int_equal(status.applied_command_sequence, 5);
    assert_int_equal(status.records_sealed, 5);
    assert_int_equal(status.segments_sealed, 3);
    assert_int_equal(status.segment_bytes, journal.segments[1].size + journal.segments[2].size +
                                               journal.segments[3].size);
}

static void test_batches_grow_while_the_journal_is_busy(void **state)
{
    (void)state;
    lead(WALL);
    journal.writable = false;
    for (uint64_t value = 1; value <= 23; value++) {
        assert_int_equal(submit(value), STATUS_OK);
        step(WALL);
    }
    assert_int_equal(journal.appended, 1);
    assert_true(shard_due_ns(shard, NOW) > NOW);
    journal.writable = true;
    assert_int_equal(shard_due_ns(shard, NOW), NOW);
    step(WALL);
    assert_int_equal(journal.appended, 4);
    assert_int_equal(segment_at(2).command_count, 10);
    assert_int_equal(segment_at(3).command_count, 10);
    assert_int_equal(segment_at(4).command_count, 3);
}

static void test_in_flight_is_bounded(void **state)
{
    (void)state;
    lead(WALL);
    submit_many(1, 60);
    step(WALL);
    step(WALL);
    assert_int_equal(journal.appended, 5);
    assert_int_equal(shard_room(shard), 80);
    fake_persist(&journal, 3);
    step(WALL); /* Makes room for two. */
    assert_int_equal(journal.appended, 7);
    assert_int_equal(machine.applied_count, 20);
}

static void test_a_full_queue_pushes_back(void **state)
{
    (void)state;
    lead(WALL);
    journal.writable = false;
    submit_many(1, 100);
    assert_int_equal(submit(101), STATUS_FULL);
    assert_int_equal(shard_room(shard), 0);
    journal.writable = true;
    step(WALL);
    assert_int_equal(shard_room(shard), 40);
    for (uint32_t turn = 0; turn < 20; turn++) {
        fake_persist(&journal, UINT64_MAX);
        step(WALL);
    }
    assert_int_equal(machine.applied_count, 100);
    assert_int_equal(machine.applied[99].value, 100);
}

static void test_a_full_journal_gets_the_same_segment_later(void **state)
{
    (void)state;
    lead(WALL);
    submit_many(1, 12);
    journal.full_count = UINT32_MAX;
    step(WALL);
    assert_int_equal(journal.appended, 1);
    assert_true(shard_due_ns(shard, NOW) > NOW);
    assert_true(shard_due_ns(shard, NOW) < NOW + 10000000);
    step(WALL + 1000);
    step(WALL + 2000);
    assert_int_equal(journal.appended, 1);
    journal.full_count = 0;
    step(WALL + 3000);
    assert_int_equal(journal.appended, 3);
    assert_true(segment_at(2).base_timestamp_ns == WALL); /* Stamped and sealed once. */
    assert_true(segment_at(3).base_timestamp_ns == WALL + 3000);
    assert_int_equal(status_now().segments_sealed, 3);
    fake_persist(&journal, 3);
    step(WALL);
    assert_int_equal(machine.applied_count, 12);
}

static void test_time_never_goes_back(void **state)
{
    (void)state;
    lead(WALL);
    assert_int_equal(submit(1), STATUS_OK);
    step(WALL + 1000);
    assert_int_equal(submit(2), STATUS_OK);
    step(WALL - 500);
    fake_persist(&journal, 3);
    step(WALL - 400);
    assert_true(machine.applied[0].timestamp_ns == WALL + 1000);
    assert_true(machine.applied[1].timestamp_ns == WALL + 1000);
    assert_true(status_now().last_timestamp_ns == WALL + 1000);
    crash();
    lead(WALL - 100000); /* Nor over a start of the process. */
    assert_true(segment_at(4).base_timestamp_ns == WALL + 1000);
    assert_int_equal(submit(3), STATUS_OK);
    step(WALL - 99999);
    fake_persist(&journal, 5);
    step(WALL - 99999);
    assert_true(machine.applied[2].timestamp_ns == WALL + 1000);
    /* An opening segment's time counts too, though it has no commands. */
    crash();
    lead(WALL + 5000);
    crash();
    lead(WALL);
    assert_true(segment_at(7).base_timestamp_ns == WALL + 5000);
}

static void test_ticks_when_due_and_nothing_else(void **state)
{
    (void)state;
    lead(WALL);
    assert_true(shard_due_ns(shard, NOW) == UINT64_MAX);
    machine.due_set = true;
    machine.due_ns = WALL + 1000;
    assert_int_equal(shard_due_ns(shard, NOW), NOW + 1000);
    step(WALL + 999);
    assert_int_equal(journal.appended, 1);
    assert_int_equal(shard_due_ns(shard, NOW), NOW + 1);
    step(WALL + 1000);
    assert_int_equal(journal.appended, 2); /* One tick, not one every turn until it is applied. */
    step(WALL + 1001);
    assert_int_equal(journal.appended, 2);
    assert_true(shard_due_ns(shard, NOW) == NOW + options.uncommitted_age_ns_max + 1);
    fake_persist(&journal, 2);
    step(WALL + 1002);
    assert_int_equal(machine.ticks_applied, 1);
    assert_true(machine.applied[0].timestamp_ns == WALL + 1000);
    assert_int_equal(machine.applied[0].waited_ns, 0);

    machine.due_set = true;
    machine.due_ns = WALL + 2000;
    assert_int_equal(submit(1), STATUS_OK); /* A command lets the time pass as well as a tick. */
    step(WALL + 2500);
    step(WALL + 2600);
    fake_persist(&journal, 3);
    step(WALL + 2700);
    assert_int_equal(machine.ticks_applied, 1);
    assert_int_equal(machine.applied_count, 2);
    step(WALL + 2800);
    assert_int_equal(journal.appended, 3);
    /* A timer that was due before the last command: nothing under way will fire it. */
    machine.due_set = true;
    machine.due_ns = WALL + 2200;
    step(WALL + 2400);
    fake_persist(&journal, 4);
    step(WALL + 2400);
    assert_int_equal(machine.ticks_applied, 2);
}

static void test_no_sealing_behind_an_old_segment(void **state)
{
    (void)state;
    lead(WALL);
    submit_many(1, 1);
    step(WALL);
    submit_many(2, 1);
    uint64_t late = NOW + options.uncommitted_age_ns_max + 1;
    assert_int_equal(shard_step(shard, late, WALL), STATUS_OK);
    assert_int_equal(journal.appended, 2);
    assert_int_equal(submit(3), STATUS_NOT_YET);
    assert_int_equal(shard_room(shard), 0);
    fake_persist(&journal, 2);
    assert_int_equal(shard_step(shard, late, WALL), STATUS_OK);
    assert_int_equal(journal.appended, 3);
    assert_int_equal(submit(3), STATUS_OK);
    assert_int_equal(machine.applied_count, 1);
}

static void test_apply_may_submit(void **state)
{
    (void)state;
    lead(WALL);
    machine.answers = shard;
    assert_int_equal(submit(1000), STATUS_OK);
    step(WALL);
    fake_persist(&journal, 2);
    step(WALL);
    assert_int_equal(shard_due_ns(shard, NOW), NOW);
    step(WALL);
    fake_persist(&journal, 3);
    step(WALL);
    assert_int_equal(machine.applied_count, 2);
    assert_int_equal(machine.applied[1].value, 1001);
}

static void test_errors_of_the_journal_are_final(void **state)
{
    (void)state;
    lead(WALL);
    submit_many(1, 3);
    journal.append_status = STATUS_NO_SPACE;
    assert_int_equal(shard_step(shard, NOW, WALL), STATUS_NO_SPACE);
    journal.append_status = STATUS_OK;
    fake_persist(&journal, UINT64_MAX);
    assert_int_equal(shard_step(shard, NOW, WALL), STATUS_NO_SPACE);
    assert_int_equal(submit(4), STATUS_NOT_YET);
    assert_int_equal(machine.applied_count, 0);
    shard_destroy(shard);
    fake_crash(&journal);
    lead(WALL);
    submit_many(1, 3);
    step(WALL);
    journal.flush_status = STATUS_IO;
    fake_persist(&journal, UINT64_MAX);
    assert_int_equal(shard_step(shard, NOW, WALL), STATUS_IO);
    assert_int_equal(machine.applied_count, 0); /* It never acknowledges again. */
    shard_destroy(shard);
    fake_crash(&journal);
    journal.flush_status = STATUS_OK;
    journal.append_status = STATUS_IO;
    create();
    machine.applied_count = 0;
    recover();
    assert_int_equal(shard_start(shard, NOW, WALL), STATUS_IO);
    assert_int_equal(shard_step(shard, NOW, WALL), STATUS_IO);
}

/* Random submits, turns, completions and crashes: what was applied before a crash is applied again,
 * first, in the same order with the same times, and everything persisted is. */
static void test_recovery_applies_the_same(void **state)
{
    (void)state;
    const char *text = getenv("SEED");
    uint64_t seed = text != NULL ? strtoull(text, NULL, 0) : 42;
    print_message("seed %llu\n", (unsigned long long)seed);
    struct random random;
    random_seed(&random, seed);
    options.queue_records_max = 17;
    options.segment_records_max = 5;
    options.segments_in_flight_max = 3;
    uint64_t wall_ns = WALL;
    uint64_t value = 0;
    lead(wall_ns);
    for (uint32_t turn = 0; turn < 6000; turn++) {
        journal.writable = random_below(&random, 4) > 0;
        for (uint64_t count = random_below(&random, 8); count > 0; count--) {
            value += submit(value + 1) == STATUS_OK ? 1 : 0;
        }
        wall_ns += random_below(&random, 100) - 20;
        step(wall_ns);
        if (random_below(&random, 3) > 0) {
            fake_persist(&journal, journal.persisted + random_below(&random, 4));
        }
        if (random_below(&random, 300) == 0 && journal.appended < FAKE_SEGMENTS_MAX - 10) {
            crash();
            lead(wall_ns);
            assert_true(machine.applied_count >= before.applied_count);
            assert_memory_equal(machine.applied, before.applied,
                                before.applied_count * sizeof before.applied[0]);
        }
        if (journal.appended > FAKE_SEGMENTS_MAX - 20) {
            break;
        }
    }
    assert_true(machine.applied_count > 1000);
    uint64_t last_ns = 0;
    for (uint64_t at = 0; at < machine.applied_count; at++) {
        assert_true(machine.applied[at].timestamp_ns >= last_ns);
        last_ns = machine.applied[at].timestamp_ns;
        assert_true(at == 0 || machine.applied[at].value > machine.applied[at - 1].value);
    }
}

static void test_recovery_comes_in_pieces(void **state)
{
    (void)state;
    lead(WALL);
    for (uint64_t value = 1; value <= 400; value++) {
        assert_int_equal(submit(value), STATUS_OK);
        step(WALL + value);
        fake_persist(&journal, UINT64_MAX);
        step(WALL + value);
    }
    crash();
    create();
    uint64_t log_index = 0;
    uint64_t pieces = 0;
    enum status status;
    while ((status = shard_recover(shard, &log_index)) == STATUS_MORE) {
        pieces++;
        assert_true(log_index > 0 && log_index < 401);
    }
    assert_int_equal(status, STATUS_OK);
    assert_true(pieces >= 2);
    assert_int_equal(log_index, 401);
    assert_int_equal(machine.applied_count, 400);
    assert_memory_equal(machine.applied, before.applied, 400 * sizeof before.applied[0]);
}

/* Put a segment at the end of the journal that was made by this site, but is not as it should be.
 */
static void forge_count(uint16_t flags, uint64_t term, uint64_t sequence_step,
                        uint64_t timestamp_ns, uint64_t second_timestamp_ns, uint32_t count)
{
    struct segment last = segment_at(journal.appended);
    static uint8_t bytes[SEGMENT_BYTES_MAX];
    const struct record_machine_record records[2] = {{.value = 1, .timestamp_ns = timestamp_ns},
                                                     {.value = 2,
                                                      .timestamp_ns = second_timestamp_ns}};
    memcpy(bytes + SEGMENT_HEADER_BYTES, records, sizeof records);
    struct segment segment = {.flags = flags,
                              .shard_id = FAKE_SHARD,
                              .cluster_id = FAKE_CLUSTER,
                              .term = term,
                              .log_index = last.log_index + 1,
                              .first_command_sequence =
                                  last.first_command_sequence + last.command_count + sequence_step,
                              .command_count = count,
                              .base_timestamp_ns = timestamp_ns,
                              .raw_bytes = count * (uint32_t)sizeof records[0],
                              .stored_bytes = count * (uint32_t)sizeof records[0],
                              .codec = CODEC_STORED};
    memcpy(segment.previous_chain_hash, last.chain_hash, SEGMENT_HASH_BYTES);
    segment_seal(&segment, bytes, sizeof bytes, &signer);
    struct fake_segment *stored = &journal.segments[++journal.appended];
    stored->size = segment_bytes(&segment);
    stored->bytes = malloc(stored->size);
    assert_non_null(stored->bytes);
    memcpy(stored->bytes, bytes, stored->size);
    stored->last_timestamp_ns = second_timestamp_ns;
    journal.flushed = journal.persisted = journal.appended;
}

static void forge(uint16_t flags, uint64_t term, uint64_t sequence_step, uint64_t timestamp_ns,
                  uint64_t second_timestamp_ns)
{
    forge_count(flags, term, sequence_step, timestamp_ns, second_timestamp_ns, 2);
}

static void check_recovery(enum status expected, uint64_t expected_log_index)
{
    memset(&machine, 0, sizeof machine);
    create();
    uint64_t log_index = 0;
    enum status status;
    while ((status = shard_recover(shard, &log_index)) == STATUS_MORE) {
    }
    assert_int_equal(status, expected);
    assert_int_equal(log_index, expected_log_index);
    if (expected != STATUS_OK) { /* And it stays so. */
        assert_int_equal(shard_recover(shard, &log_index), expected);
    }
    shard_destroy(shard);
    shard = NULL;
}

/* Three segments: opening, and two with records. */
static void fill(void)
{
    lead(WALL);
    submit_many(1, 2);
    step(WALL + 10);
    submit_many(3, 2);
    step(WALL + 20);
    fake_persist(&journal, 3);
    step(WALL + 30);
    crash();
}

static void test_what_breaks_the_log_is_refused(void **state)
{
    (void)state;
    fill();
    check_recovery(STATUS_OK, 3);
    static const struct {
        uint16_t flags;
        uint64_t term;
        uint64_t sequence_step;
        uint64_t first_ns;
        uint64_t second_ns;
        enum status status;
    } cases[] = {
        {0, 1, 0, 20, 20, STATUS_OK},
        {0, 1, 0, 19, 19, STATUS_BAD_FORMAT}, /* Time goes back to before the last segment. */
        {0, 1, 0, 30, 29, STATUS_BAD_FORMAT}, /* Or inside. */
        {0, 1, 0, 30, 31, STATUS_BAD_FORMAT}, /* One segment, one time. */
        {0, 2, 0, 20, 20, STATUS_BAD_CHAIN},  /* A term that nobody opened. */
        {SEGMENT_OPENS_TERM, 1, 0, 20, 20, STATUS_BAD_CHAIN}, /* Opened twice. */
        {SEGMENT_OPENS_TERM, 2, 0, 20, 20, STATUS_BAD_CHAIN}, /* Opened, but not empty. */
        {0, 1, 1, 20, 20, STATUS_BAD_CHAIN},                  /* A gap in the sequence. */
    };
    for (uint32_t at = 0; at < sizeof cases / sizeof cases[0]; at++) {
        forge(cases[at].flags, cases[at].term, cases[at].sequence_step, WALL + cases[at].first_ns,
              WALL + cases[at].second_ns);
        check_recovery(cases[at].status, cases[at].status == STATUS_OK ? 4 : 3);
        assert_int_equal(machine.applied_count, cases[at].status == STATUS_OK ? 6 : 4);
        fake_drop(&journal, 3);
    }
}

/* What is read back tells the machine the same as what was sealed: that a term opened, and how. */
static void test_recovery_opens_terms(void **state)
{
    (void)state;
    fill();
    uint64_t first_ns = segment_at(1).base_timestamp_ns;
    check_recovery(STATUS_OK, 3);
    assert_int_equal(machine.opened_count, 1);
    assert_int_equal(machine.planned_count, 0);
    assert_int_equal(machine.opened_ns, first_ns);
    forge_count(SEGMENT_OPENS_TERM | SEGMENT_PLANNED, 2, 0, WALL + 40, WALL + 40, 0);
    check_recovery(STATUS_OK, 4);
    assert_int_equal(machine.opened_count, 2);
    assert_int_equal(machine.planned_count, 1);
    assert_int_equal(machine.opened_ns, WALL + 40);
    forge_count(SEGMENT_OPENS_TERM, 3, 0, WALL + 50, WALL + 50, 0);
    check_recovery(STATUS_OK, 5);
    assert_int_equal(machine.opened_count, 3);
    assert_int_equal(machine.planned_count, 1);
}

static void test_damage_and_strangers_are_refused(void **state)
{
    (void)state;
    fill();
    journal.segments[2].bytes[SEGMENT_HEADER_BYTES + 3] ^= 1;
    check_recovery(STATUS_BAD_CHECKSUM, 1);
    assert_int_equal(machine.applied_count, 0);
    journal.segments[2].bytes[SEGMENT_HEADER_BYTES + 3] ^= 1;
    journal.segments[2].bytes[24] ^= 2; /* The term: the next segment's chain shows it. */
    check_recovery(STATUS_BAD_CHAIN, 1);
    journal.segments[2].bytes[24] ^= 2;
    journal.segments[3].bytes[150] ^= 1; /* The signature at the head stands for all. */
    check_recovery(STATUS_BAD_SIGNATURE, 2);
    journal.segments[3].bytes[150] ^= 1;
    options.verifier_count = 0;
    check_recovery(STATUS_UNKNOWN_KEY, 2);
    options.verifier_count = 1;
    options.cluster_id++;
    check_recovery(STATUS_FOREIGN, 0);
    options.cluster_id--;
    journal.first_log_index = 2; /* Trimmed, and no snapshot stands for it. */
    check_recovery(STATUS_NOT_FOUND, 0);
    journal.first_log_index = 1;
    check_recovery(STATUS_OK, 3);
}

#define shard_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        shard_test(test_bad_options_are_refused),
        shard_test(test_vote_then_opening_then_records),
        shard_test(test_terms_grow_with_every_start),
        shard_test(test_applied_only_when_persisted_and_in_order),
        shard_test(test_batches_grow_while_the_journal_is_busy),
        shard_test(test_in_flight_is_bounded),
        shard_test(test_a_full_queue_pushes_back),
        shard_test(test_a_full_journal_gets_the_same_segment_later),
        shard_test(test_time_never_goes_back),
        shard_test(test_ticks_when_due_and_nothing_else),
        shard_test(test_no_sealing_behind_an_old_segment),
        shard_test(test_apply_may_submit),
        shard_test(test_errors_of_the_journal_are_final),
        shard_test(test_recovery_applies_the_same),
        shard_test(test_recovery_comes_in_pieces),
        shard_test(test_what_breaks_the_log_is_refused),
        shard_test(test_recovery_opens_terms),
        shard_test(test_damage_and_strangers_are_refused),
    };
    return cmocka_run_group_tests(tests, setup_group, teardown_group);
}
