/* A shard that follows: what it takes from other sites, what it refuses, what it executes, and what
 * it gives out before a tail is dropped. The test plays its leaders. */
#include <stdlib.h>
#include <string.h>

#include "replication/shard.h"
#include "tests/replication/shard_fake.h"
#include "tests/support/record_machine.h"

#define START UINT64_C(5000000)
#define WALL  UINT64_C(1700000000000000000)

enum { SITES = 3, SEGMENTS = 4, ROOM = 1024, SAID = 64 };

/* Segments one behind the other, as a leader has them; `before` each of them. */
struct history {
    uint8_t bytes[ROOM];
    size_t begins[SEGMENTS + 1];
    struct replica_position positions[SEGMENTS + 1];
    uint64_t next_command_sequence;
    uint32_t count;
};

static struct journal journal;
static struct record_machine machine;
static struct codec_context *codec;
static struct segment_signer signers[SITES];
static struct segment_verifier verifiers[SITES];
static struct shard *shard;
static uint64_t now_ns;

static struct replica_message said[SAID];
static uint32_t said_count;
static struct {
    uint64_t log_index;
    uint8_t bytes[ROOM];
    size_t size;
    uint64_t appended; /* Where the journal ended at that moment. */
} evidence[SEGMENTS];
static uint32_t evidence_count;
static uint32_t evidence_ends;
static enum status evidence_status; /* What is said to each, and to the end. */
static enum status evidence_end_status;

static void on_send(void *context, uint16_t shard_id, const struct replica_message *message,
                    const uint8_t *segments, size_t segments_bytes)
{
    (void)context;
    assert_int_equal(shard_id, FAKE_SHARD);
    assert_null(segments);
    assert_int_equal(segments_bytes, 0);
    assert_true(said_count < SAID);
    said[said_count++] = *message;
}

static enum status on_evidence(void *context, uint16_t shard_id, uint64_t log_index,
                               const uint8_t *segment, size_t segment_bytes)
{
    (void)context;
    assert_int_equal(shard_id, FAKE_SHARD);
    assert_true(evidence_count < SEGMENTS && segment_bytes <= ROOM);
    evidence[evidence_count].log_index = log_index;
    evidence[evidence_count].size = segment_bytes;
    evidence[evidence_count].appended = journal.appended;
    memcpy(evidence[evidence_count++].bytes, segment, segment_bytes);
    return evidence_status;
}

static enum status on_evidence_end(void *context, uint16_t shard_id)
{
    (void)context;
    assert_int_equal(shard_id, FAKE_SHARD);
    assert_true(evidence_count > 0);
    evidence_ends++;
    return evidence_end_status;
}

/* The last message of a type since the last call of deliver(); NULL: none. */
static const struct replica_message *last_said(enum replica_message_type type)
{
    for (uint32_t at = said_count; at > 0; at--) {
        if (said[at - 1].type == type) {
            return &said[at - 1];
        }
    }
    return NULL;
}

static int setup_group(void **state)
{
    (void)state;
    if (sodium_init() < 0 || codec_create(&codec, 1) != STATUS_OK) {
        return -1;
    }
    for (uint8_t at = 0; at < SITES; at++) {
        uint8_t seed[crypto_sign_SEEDBYTES] = {(uint8_t)(at + 1)};
        (void)crypto_sign_seed_keypair(verifiers[at].public_key, signers[at].secret_key, seed);
        segment_key_id(verifiers[at].key_id, verifiers[at].public_key);
        memcpy(signers[at].key_id, verifiers[at].key_id, sizeof signers[at].key_id);
    }
    return 0;
}

static int teardown_group(void **state)
{
    (void)state;
    codec_destroy(codec);
    return 0;
}

/* Recover what the journal holds, and take part. */
static void start(void)
{
    struct shard_options options = {.shard_id = FAKE_SHARD,
                                    .site_id = FAKE_SITE,
                                    .incarnation = 10 + FAKE_SITE,
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
                                    .signer = &signers[FAKE_SITE - 1],
                                    .verifiers = verifiers,
                                    .verifier_count = SITES,
                                    .genesis = {.commit_providers = 2}};
    for (uint8_t at = 0; at < SITES; at++) {
        struct placement_site *site = &options.genesis.sites[at];
        site->incarnation = 11u + at;
        site->provider_id = (uint8_t)(at + 1);
        site->role = PLACEMENT_VOTER;
        memcpy(site->public_key, verifiers[at].public_key, PLACEMENT_KEY_BYTES);
    }
    const struct shard_machine description = record_machine_of(&machine);
    const struct shard_peers peers = {.send = on_send,
                                      .evidence = on_evidence,
                                      .evidence_end = on_evidence_end};
    assert_int_equal(shard_create(&shard, &options, &description, &peers, &journal, codec),
                     STATUS_OK);
    uint64_t log_index;
    assert_int_equal(shard_recover(shard, &log_index), STATUS_OK);
    assert_int_equal(log_index, journal.persisted);
    assert_int_equal(shard_start(shard, now_ns, WALL), STATUS_OK);
}

static int setup(void **state)
{
    (void)state;
    memset(&journal, 0, sizeof journal);
    memset(&machine, 0, sizeof machine);
    journal.first_log_index = 1;
    journal.writable = true;
    now_ns = START;
    said_count = evidence_count = evidence_ends = 0;
    evidence_status = evidence_end_status = STATUS_OK;
    start();
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

static void step(void)
{
    assert_int_equal(shard_step(shard, now_ns, WALL), STATUS_OK);
}

/* Everything written so far is durable, and the shard hears of it. */
static void persist(void)
{
    step();
    fake_persist(&journal, UINT64_MAX);
    step();
}

static struct shard_status status_now(void)
{
    struct shard_status status;
    shard_status(shard, &status);
    return status;
}

/* What a segment may be told to be, so that it is wrong. */
struct forgery {
    uint64_t cluster_id;
    uint16_t shard_id;
    uint64_t sequence_step;
    uint64_t timestamp_ns;
    const struct segment_signer *signer;
    bool other_chain;
};

static struct forgery honest(void)
{
    return (struct forgery){.cluster_id = FAKE_CLUSTER,
                            .shard_id = FAKE_SHARD,
                            .timestamp_ns = WALL,
                            .signer = &signers[0]};
}

/* Seal one more segment of `term`: without records, when the term is a new one. */
static void seal(struct history *history, uint64_t term, uint64_t value,
                 const struct forgery *forgery)
{
    assert_true(history->count < SEGMENTS);
    const struct replica_position *before = &history->positions[history->count];
    uint8_t *target = history->bytes + history->begins[history->count];
    bool opens = term > before->term;
    struct record_machine_record record = {.value = value, .timestamp_ns = forgery->timestamp_ns};
    memcpy(target + SEGMENT_HEADER_BYTES, &record, sizeof record);
    struct segment segment = {.flags = opens ? SEGMENT_OPENS_TERM : 0,
                              .shard_id = forgery->shard_id,
                              .cluster_id = forgery->cluster_id,
                              .term = term,
                              .log_index = before->log_index + 1,
                              .first_command_sequence =
                                  history->next_command_sequence + forgery->sequence_step,
                              .command_count = opens ? 0 : 1,
                              .base_timestamp_ns = forgery->timestamp_ns,
                              .raw_bytes = opens ? 0 : (uint32_t)sizeof record,
                              .stored_bytes = opens ? 0 : (uint32_t)sizeof record,
                              .codec = CODEC_STORED};
    memcpy(segment.previous_chain_hash, before->chain_hash, SEGMENT_HASH_BYTES);
    segment.previous_chain_hash[5] ^= forgery->other_chain ? 1 : 0;
    segment_seal(&segment, target, ROOM / SEGMENTS, forgery->signer);
    history->next_command_sequence += segment.command_count;
    history->begins[history->count + 1] = history->begins[history->count] + segment_bytes(&segment);
    struct replica_position *position = &history->positions[++history->count];
    *position = (struct replica_position){.log_index = segment.log_index, .term = term};
    memcpy(position->chain_hash, segment.chain_hash, REPLICA_HASH_BYTES);
}

/* An opening of term 1 and `records` segments of one record each, by site 1. */
static struct history begin_history(uint32_t records)
{
    struct history history = {.next_command_sequence = 1};
    struct forgery good = honest();
    seal(&history, 1, 0, &good);
    for (uint32_t at = 0; at < records; at++) {
        seal(&history, 1, at + 1, &good);
    }
    return history;
}

/* Send the segments from `first` (1: the oldest one) to `last` as site `from` leads in `term`. */
static void deliver(const struct history *history, uint32_t first, uint32_t last, uint8_t from,
                    uint64_t term, uint64_t commit_log_index)
{
    struct replica_message message = {.type = REPLICA_APPEND,
                                      .from_site_id = from,
                                      .to_site_id = FAKE_SITE,
                                      .from_incarnation = 10u + from,
                                      .term = term,
                                      .position = history->positions[first - 1],
                                      .entry_count = last - first + 1,
                                      .commit_log_index = commit_log_index};
    said_count = 0;
    const uint8_t *bytes = message.entry_count == 0 ? NULL : history->bytes;
    size_t offset = history->begins[first - 1];
    size_t size = history->begins[last] - offset;
    shard_receive(shard, &message, bytes == NULL ? NULL : bytes + offset, size, now_ns, WALL);
}

static void test_what_verifies_is_journaled_and_acknowledged_when_durable(void **state)
{
    (void)state;
    struct history history = begin_history(2);
    deliver(&history, 1, 3, 1, 1, 0);
    assert_int_equal(journal.appended, 3);
    step();
    assert_null(
        last_said(REPLICA_APPEND_REPLY)); /* Neither the term nor the segments are durable. */
    persist();
    const struct replica_message *reply = last_said(REPLICA_APPEND_REPLY);
    assert_non_null(reply);
    assert_false(reply->rejected);
    assert_int_equal(reply->to_site_id, 1);
    assert_int_equal(reply->position.log_index, 3);
    assert_memory_equal(reply->position.chain_hash, history.positions[3].chain_hash,
                        REPLICA_HASH_BYTES);
    assert_int_equal(status_now().segments_received, 3);
    assert_int_equal(status_now().records_logged, 2); /* Sealed elsewhere. */
    assert_int_equal(status_now().records_sealed, 0);
    assert_int_equal(status_now().messages_refused, 0);
}

static void test_only_what_is_committed_is_executed(void **state)
{
    (void)state;
    struct history history = begin_history(2);
    deliver(&history, 1, 3, 1, 1, 0);
    persist();
    assert_int_equal(status_now().persisted_log_index, 3);
    assert_int_equal(status_now().committed_log_index, 0);
    assert_int_equal(machine.applied_count, 0);
    assert_int_equal(machine.opened_count, 0);
    deliver(&history, 4, 3, 1, 1, 2);
    step();
    assert_int_equal(status_now().applied_log_index, 2);
    assert_int_equal(machine.applied_count, 1);
    assert_int_equal(machine.applied[0].value, 1);
    /* Nor after a start: what this journal holds may not be what the others have. */
    shard_destroy(shard);
    fake_crash(&journal);
    memset(&machine, 0, sizeof machine);
    start();
    step();
    assert_int_equal(status_now().persisted_log_index, 3);
    assert_int_equal(machine.applied_count, 0);
    deliver(&history, 4, 3, 1, 1, 3);
    step();
    assert_int_equal(machine.applied_count, 2);
}

/* Whatever does not verify is dropped whole, answered with nothing, counted, and spoils nothing:
 * the honest segments come after it. */
static void check_refused(const struct history *bad, uint32_t last)
{
    uint64_t refused = status_now().messages_refused;
    uint64_t appended = journal.appended;
    deliver(bad, 1, last, 1, 1, 0);
    step();
    assert_int_equal(said_count, 0);
    assert_int_equal(status_now().messages_refused, refused + 1);
    assert_int_equal(journal.appended, appended);
}

static void test_what_does_not_verify_reaches_nobody(void **state)
{
    (void)state;
    const struct history good = begin_history(2);
    /* A stranger who calls himself by a key that is known. */
    struct segment_signer rogue;
    static const uint8_t seed[crypto_sign_SEEDBYTES] = {99};
    uint8_t public_key[crypto_sign_PUBLICKEYBYTES];
    (void)crypto_sign_seed_keypair(public_key, rogue.secret_key, seed);
    memcpy(rogue.key_id, signers[0].key_id, sizeof rogue.key_id);
    struct history bad;
    for (uint32_t kind = 0; kind < 6; kind++) {
        bad = begin_history(1);
        struct forgery forgery = honest();
        forgery.signer = kind == 0 ? &rogue : forgery.signer;
        forgery.cluster_id += kind == 1;
        forgery.shard_id = (uint16_t)(forgery.shard_id + (kind == 2));
        forgery.sequence_step = kind == 3;
        forgery.timestamp_ns -= kind == 4;
        forgery.other_chain = kind == 5;
        seal(&bad, 1, 2, &forgery);
        check_refused(&bad, 3);
    }
    /* Any bit of header, signature and payload. */
    bad = good;
    for (size_t at = good.begins[1]; at < good.begins[2]; at += 7) {
        bad.bytes[at] ^= 4;
        check_refused(&bad, 3);
        bad.bytes[at] ^= 4;
    }
    bad.begins[3]--;
    check_refused(&bad, 3);
    bad.begins[3] += 2;
    check_refused(&bad, 3);
    bad = good; /* A segment of a term that the message is not of. */
    struct forgery honestly = honest();
    seal(&bad, 2, 0, &honestly);
    check_refused(&bad, 4);
    deliver(&good, 1, 3, 1, 1, 0);
    persist();
    assert_int_equal(journal.appended, 3);
    assert_int_equal(last_said(REPLICA_APPEND_REPLY)->position.log_index, 3);
}

/* A key that is not known here may be one of a site that joined since: the message ends before it.
 */
static void test_an_unknown_key_ends_the_message(void **state)
{
    (void)state;
    struct segment_signer new_signer;
    static const uint8_t seed[crypto_sign_SEEDBYTES] = {98};
    uint8_t public_key[crypto_sign_PUBLICKEYBYTES];
    (void)crypto_sign_seed_keypair(public_key, new_signer.secret_key, seed);
    segment_key_id(new_signer.key_id, public_key);
    struct history history = begin_history(1);
    struct forgery forgery = honest();
    forgery.signer = &new_signer;
    seal(&history, 1, 2, &forgery);
    deliver(&history, 1, 3, 1, 1, 0);
    persist();
    assert_int_equal(journal.appended, 2);
    assert_int_equal(status_now().messages_refused, 1);
    assert_int_equal(last_said(REPLICA_APPEND_REPLY)->position.log_index, 2);
}

/* Rule 8: what a deposed leader had sealed goes out as it was, before it is dropped. */
static void test_a_tail_that_is_dropped_goes_out_as_evidence(void **state)
{
    (void)state;
    struct history old = begin_history(3);
    deliver(&old, 1, 4, 1, 1, 2);
    persist();
    assert_int_equal(status_now().applied_log_index, 2);
    struct history new = begin_history(1);
    struct forgery forgery = honest();
    forgery.signer = &signers[1];
    seal(&new, 2, 0, &forgery);
    deliver(&new, 3, 3, 2, 2, 2);
    assert_int_equal(evidence_count, 2);
    assert_int_equal(evidence_ends, 1);
    for (uint32_t at = 0; at < 2; at++) {
        size_t begin = old.begins[2 + at];
        assert_int_equal(evidence[at].log_index, 3 + at);
        assert_int_equal(evidence[at].appended, 4); /* It still stood there. */
        assert_int_equal(evidence[at].size, old.begins[3 + at] - begin);
        assert_memory_equal(evidence[at].bytes, old.bytes + begin, evidence[at].size);
    }
    persist();
    assert_int_equal(journal.appended, 3);
    assert_int_equal(journal.segments[3].size, new.begins[3] - new.begins[2]);
    assert_memory_equal(journal.segments[3].bytes, new.bytes + new.begins[2],
                        journal.segments[3].size);
    deliver(&new, 4, 3, 2, 2, 3);
    step();
    assert_int_equal(status_now().applied_log_index, 3);
    assert_int_equal(machine.opened_count, 2);
    assert_int_equal(machine.applied_count, 1);
}

/* A log of term 1 with a tail of two, which a leader of term 2 replaces by one segment. */
static struct history contradict(void)
{
    struct history old = begin_history(3);
    deliver(&old, 1, 4, 1, 1, 2);
    persist();
    struct history new = begin_history(1);
    struct forgery forgery = honest();
    forgery.signer = &signers[1];
    seal(&new, 2, 0, &forgery);
    return new;
}

/* Without room for the evidence nothing is dropped and nothing acknowledged; with room it goes on
 * by itself. */
static void test_a_tail_that_cannot_be_kept_is_not_dropped(void **state)
{
    (void)state;
    struct history new = contradict();
    for (uint32_t at = 0; at < 2; at++) { /* At the first segment; when all are to be durable. */
        evidence_status = at == 0 ? STATUS_NO_SPACE : STATUS_OK;
        evidence_end_status = at == 1 ? STATUS_NO_SPACE : STATUS_OK;
        if (at == 0) {
            deliver(&new, 3, 3, 2, 2, 2);
        } else {
            step();
        }
        assert_int_equal(evidence_count, at == 0 ? 1 : 2);
        assert_int_equal(evidence_ends, at);
        persist();
        assert_int_equal(journal.appended, 4);
        assert_true(status_now().evidence_waits);
        assert_int_equal(said_count, 0);
        assert_int_equal(evidence_count, at == 0 ? 1 : 2); /* Not again at once. */
        deliver(&new, 3, 3, 2, 2, 2);
        assert_int_equal(said_count, 0);
        uint64_t due_ns = shard_due_ns(shard, now_ns);
        assert_int_equal(due_ns, now_ns + (at + 1) * UINT64_C(1000000000)); /* Twice as long. */
        now_ns = due_ns;
        evidence_count = 0;
    }
    evidence_end_status = STATUS_OK;
    step();
    assert_int_equal(evidence_count, 2); /* All of them, from the first. */
    assert_int_equal(evidence[0].log_index, 3);
    assert_int_equal(evidence[1].log_index, 4);
    assert_int_equal(evidence[1].appended, 4);
    assert_int_equal(evidence_ends, 2);
    assert_int_equal(journal.appended, 3);
    assert_false(status_now().evidence_waits);
    persist();
    assert_int_equal(last_said(REPLICA_APPEND_REPLY)->position.log_index, 3);
}

/* Any other failure is final: what could not be kept is still in the journal. */
static void test_a_disk_that_fails_keeps_the_tail(void **state)
{
    (void)state;
    struct history new = contradict();
    evidence_end_status = STATUS_IO;
    deliver(&new, 3, 3, 2, 2, 2);
    assert_int_equal(journal.appended, 4);
    assert_int_equal(shard_step(shard, now_ns, WALL), STATUS_IO);
    assert_int_equal(shard_step(shard, now_ns, WALL), STATUS_IO);
    assert_int_equal(journal.appended, 4);
    assert_int_equal(evidence_ends, 1);
}

/* ---- Rule 1: two chains at one index and term ---- */

/* An opening of term 1 and one record, which is signed by that site. */
static struct history signed_by(uint8_t site_id, uint64_t value)
{
    struct history history = begin_history(0);
    struct forgery forgery = honest();
    forgery.signer = &signers[site_id - 1];
    seal(&history, 1, value, &forgery);
    return history;
}

/* What this site has, durable and acknowledged to the leader of term 2. */
static struct history have(uint8_t signer_site_id)
{
    struct history history = signed_by(signer_site_id, 1);
    deliver(&history, 1, 2, 1, 2, 1);
    persist();
    assert_int_equal(last_said(REPLICA_APPEND_REPLY)->position.log_index, 2);
    return history;
}

/* The leader of term 3 has something else there, and sends it twice: when the term is not durable,
 * and when it is. */
static enum status hear_other(uint8_t signer_site_id)
{
    struct history other = signed_by(signer_site_id, 2);
    enum status status = STATUS_OK;
    for (uint32_t round = 0; round < 2 && status == STATUS_OK; round++) {
        deliver(&other, 2, 2, 2, 3, 2);
        status = shard_step(shard, now_ns, WALL);
        fake_persist(&journal, UINT64_MAX);
        status = status == STATUS_OK ? shard_step(shard, now_ns, WALL) : status;
        assert_null(last_said(REPLICA_APPEND_REPLY));
        assert_int_equal(status_now().forks, round + 1);
        assert_int_equal(status_now().committed_log_index, 1);
        assert_int_equal(journal.appended, 2);
    }
    return status;
}

/* Both verify, and the other one is signed by somebody else, though ours may have this site's
 * signature: told, never acknowledged, nothing dropped, and nobody stops. */
static void test_a_fork_that_another_signed(void **state)
{
    static const uint8_t signed_ours[] = {1, FAKE_SITE};
    for (uint32_t at = 0; at < sizeof signed_ours; at++) {
        (void)have(signed_ours[at]);
        assert_int_equal(hear_other(1), STATUS_OK);
        struct shard_fork fork = status_now().fork;
        assert_int_equal(fork.log_index, 2);
        assert_int_equal(fork.term, 1);
        assert_int_equal(fork.other_site_id, 2);
        assert_true(fork.proven);
        assert_int_equal(fork.signer_site_id, signed_ours[at]);
        assert_int_equal(fork.other_signer_site_id, 1);
        assert_false(fork.signed_here);
        assert_int_equal(evidence_count, 0);
        /* The heartbeats that go on claiming it say nothing new. */
        const struct history other = signed_by(1, 2);
        deliver(&other, 3, 2, 2, 3, 2);
        step();
        assert_int_equal(status_now().forks, 3);
        fork = status_now().fork;
        assert_true(fork.proven);
        assert_int_equal(fork.other_signer_site_id, 1);
        assert_int_equal(teardown(state), 0);
        assert_int_equal(setup(state), 0);
    }
}

/* Both verify, and the one that it does not have is signed with this site's key: it stops. */
static void test_a_fork_that_this_site_signed(void **state)
{
    static const uint8_t signed_ours[] = {FAKE_SITE, 1};
    for (uint32_t at = 0; at < sizeof signed_ours; at++) {
        (void)have(signed_ours[at]);
        assert_int_equal(hear_other(FAKE_SITE), STATUS_FOREIGN);
        assert_true(status_now().fork.signed_here);
        assert_true(status_now().fork.proven);
        assert_int_equal(status_now().fork.signer_site_id, signed_ours[at]);
        assert_int_equal(status_now().fork.other_signer_site_id, FAKE_SITE);
        assert_int_equal(teardown(state), 0);
        assert_int_equal(setup(state), 0);
    }
}

/* Our own bytes do not verify any more: whoever signed them, this side stops. */
static void test_a_fork_with_rotten_bytes_here(void **state)
{
    for (uint32_t at = 0; at < 3; at++) {
        (void)have(at == 0 ? FAKE_SITE : 1);
        struct fake_segment *stored = &journal.segments[2];
        static const size_t places[] = {1, 60, 100}; /* Of payload, signature, header. */
        stored->bytes[stored->size - places[at]] ^= 1;
        assert_int_equal(hear_other(1), STATUS_DAMAGED);
        assert_int_equal(status_now().fork.log_index, 0);
        assert_int_equal(teardown(state), 0);
        assert_int_equal(setup(state), 0);
    }
}

/* A leader that only says that its chain is another one: no reason to stop, but one to ask for its
 * bytes, which then prove it. */
static void test_a_fork_that_is_only_claimed(void **state)
{
    (void)state;
    (void)have(FAKE_SITE);
    const struct history other = signed_by(FAKE_SITE, 2);
    deliver(&other, 3, 2, 2, 3, 2);
    persist(); /* The term; nothing was said. */
    deliver(&other, 3, 2, 2, 3, 2);
    step();
    const struct replica_message *reply = last_said(REPLICA_APPEND_REPLY);
    assert_non_null(reply);
    assert_true(reply->rejected);
    assert_int_equal(reply->position.log_index, 0);
    assert_int_equal(reply->rejected_log_index, 2);
    assert_int_equal(reply->hint_log_index, 1);
    struct shard_fork fork = status_now().fork;
    assert_int_equal(fork.log_index, 2);
    assert_int_equal(fork.signer_site_id, FAKE_SITE);
    assert_int_equal(fork.other_signer_site_id, 0);
    assert_false(fork.proven);
    assert_false(fork.signed_here);
    deliver(&other, 2, 2, 2, 3, 2); /* As it was asked. */
    assert_int_equal(shard_step(shard, now_ns, WALL), STATUS_FOREIGN);
    assert_true(status_now().fork.signed_here);
    assert_null(last_said(REPLICA_APPEND_REPLY));
}

/* What a halted shard says to whoever tries: nothing changes any more, and that is no error. */
static void assert_halted(const struct history *history, enum replica_halt halt)
{
    uint64_t appended = journal.appended;
    uint64_t applied = machine.applied_count;
    uint8_t record[sizeof(struct record_machine_record)] = {0};
    struct repair repair = {0};
    step();
    assert_int_equal(status_now().halt, halt);
    assert_true(status_now().halted);
    assert_int_equal(status_now().leader_site_id, 0);
    deliver(history, 3, 3, 1, 5, 9);
    persist();
    assert_int_equal(journal.appended, appended);
    assert_int_equal(machine.applied_count, applied);
    assert_int_equal(shard_due_ns(shard, now_ns), UINT64_MAX);
    now_ns += UINT64_C(100000000000);
    step();
    assert_int_equal(shard_submit(shard, record, now_ns), STATUS_NOT_YET);
    assert_int_equal(shard_transfer(shard, 1, now_ns), REPLICA_REFUSED_NOT_SERVING);
    assert_int_equal(shard_repair_promise(shard, &repair, now_ns), STATUS_FOREIGN);
    assert_int_equal(status_now().halt, halt);
}

/* Two leaders of one term: this shard takes no part any more, silently. */
static void test_a_shard_halts_alone(void **state)
{
    (void)state;
    struct history history = begin_history(2);
    deliver(&history, 1, 2, 1, 1, 1);
    persist();
    said_count = 0;
    deliver(&history, 3, 2, 2, 1, 2);
    assert_halted(&history, REPLICA_HALT_TWO_LEADERS);
    assert_int_equal(said_count, 0);
}

/* A leader that contradicts what is committed here. */
static void test_what_is_committed_is_never_dropped(void **state)
{
    (void)state;
    struct history old = begin_history(3);
    deliver(&old, 1, 4, 1, 1, 4);
    persist();
    struct history new = begin_history(1);
    struct forgery forgery = honest();
    forgery.signer = &signers[1];
    seal(&new, 2, 0, &forgery);
    deliver(&new, 3, 3, 2, 2, 2);
    assert_int_equal(evidence_count, 0);
    assert_halted(&new, REPLICA_HALT_COMMITTED_CONFLICT);
    assert_int_equal(journal.appended, 4);
}

/* A voter says that no event hash has a majority: this site halts as well, and says so to who
 * asks. */
static void test_a_halt_is_told(void **state)
{
    (void)state;
    struct history history = begin_history(2);
    deliver(&history, 1, 2, 1, 1, 1);
    persist();
    const struct replica_message message = {.type = REPLICA_APPEND_REPLY,
                                            .from_site_id = 1,
                                            .to_site_id = FAKE_SITE,
                                            .from_incarnation = 11,
                                            .term = 1,
                                            .halted = true};
    said_count = 0;
    shard_receive(shard, &message, NULL, 0, now_ns, WALL);
    assert_int_equal(said_count, 0);
    deliver(&history, 3, 3, 2, 2, 2);
    assert_int_equal(said_count, 1); /* Who leads all the same hears it. */
    assert_true(said[0].halted);
    assert_int_equal(said[0].to_site_id, 2);
    assert_halted(&history, REPLICA_HALT_HASHES);
}

/* A leader that probes this log from its beginning, as it was when it last heard of it, and
 * meanwhile an earlier leader's snapshot stands here: the segments are good, and not wanted any
 * more. */
static void test_the_beginning_comes_behind_a_snapshot(void **state)
{
    (void)state;
    struct history history = begin_history(1);
    deliver(&history, 1, 0, 1, 3, 0);
    persist();
    struct shard_origin origin = {.position = {.log_index = 9, .term = 2, .chain_hash = {9}},
                                  .next_command_sequence = 7,
                                  .last_timestamp_ns = WALL,
                                  .placement = {.placement = *shard_genesis(shard)}};
    assert_true(shard_install(shard, &origin, now_ns));
    persist();
    assert_int_equal(status_now().committed_log_index, 9);
    deliver(&history, 1, 1, 2, 4, 0);
    persist(); /* The new term; nothing is said before. */
    deliver(&history, 1, 1, 2, 4, 0);
    const struct replica_message *reply = last_said(REPLICA_APPEND_REPLY);
    assert_non_null(reply);
    assert_true(reply->rejected);
    assert_int_equal(reply->rejected_log_index, 0);
    assert_int_equal(reply->hint_log_index, 9);
    assert_int_equal(status_now().messages_refused, 0);
    assert_int_equal(status_now().appended_log_index, 9);
}

/* A leader whose clock was ahead sealed a tail here that the others do not have. What comes from
 * them has earlier times, and is answered all the same: the tail gives way. */
static void test_a_tail_from_the_future_gives_way(void **state)
{
    (void)state;
    struct forgery forgery = honest();
    forgery.timestamp_ns = WALL + 1000000;
    struct history old = begin_history(1);
    seal(&old, 1, 7, &forgery);
    deliver(&old, 1, 3, 1, 1, 2);
    persist();
    forgery.timestamp_ns = WALL + 1;
    forgery.signer = &signers[1];
    struct history new = begin_history(1);
    seal(&new, 2, 0, &forgery);
    seal(&new, 2, 8, &forgery);
    deliver(&new, 4, 4, 2, 2, 2);
    persist(); /* The term. */
    deliver(&new, 4, 4, 2, 2, 2);
    assert_int_equal(status_now().messages_refused, 0);
    const struct replica_message *reply = last_said(REPLICA_APPEND_REPLY);
    assert_non_null(reply);
    assert_true(reply->rejected);
    assert_int_equal(reply->rejected_log_index, 3);
    deliver(&new, 3, 4, 2, 2, 4);
    persist();
    assert_int_equal(evidence_count, 1);
    assert_int_equal(status_now().applied_log_index, 4);
    assert_int_equal(machine.applied[1].value, 8);
}

/* Elections follow the monotonic clock; the wall clock may do what it likes (P6). */
static void test_elections_know_no_wall_clock(void **state)
{
    (void)state;
    struct history history = begin_history(1);
    deliver(&history, 1, 2, 1, 1, 0);
    persist();
    said_count = 0;
    static const uint64_t walls[] = {WALL + 3600 * UINT64_C(1000000000), 1, WALL, UINT64_MAX, 2};
    for (uint32_t at = 0; at < 5; at++) {
        now_ns += 1000;
        assert_int_equal(shard_step(shard, now_ns, walls[at]), STATUS_OK);
    }
    assert_int_equal(said_count, 0); /* Its leader has been silent for 5 us. */
    assert_true(shard_due_ns(shard, now_ns) > now_ns);
    assert_true(shard_due_ns(shard, now_ns) < now_ns + UINT64_C(1000000000));
    now_ns = shard_due_ns(shard, now_ns);
    step();
    assert_non_null(last_said(REPLICA_PRE_VOTE)); /* And now for long enough. */
    assert_int_equal(last_said(REPLICA_PRE_VOTE)->position.log_index, 2);
}

#define receive_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        receive_test(test_what_verifies_is_journaled_and_acknowledged_when_durable),
        receive_test(test_only_what_is_committed_is_executed),
        receive_test(test_what_does_not_verify_reaches_nobody),
        receive_test(test_an_unknown_key_ends_the_message),
        receive_test(test_a_tail_that_is_dropped_goes_out_as_evidence),
        receive_test(test_a_tail_that_cannot_be_kept_is_not_dropped),
        receive_test(test_a_disk_that_fails_keeps_the_tail),
        receive_test(test_a_fork_that_another_signed),
        receive_test(test_a_fork_that_this_site_signed),
        receive_test(test_a_fork_with_rotten_bytes_here),
        receive_test(test_a_fork_that_is_only_claimed),
        receive_test(test_a_shard_halts_alone),
        receive_test(test_what_is_committed_is_never_dropped),
        receive_test(test_a_halt_is_told),
        receive_test(test_the_beginning_comes_behind_a_snapshot),
        receive_test(test_a_tail_from_the_future_gives_way),
        receive_test(test_elections_know_no_wall_clock),
    };
    return cmocka_run_group_tests(tests, setup_group, teardown_group);
}
