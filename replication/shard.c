#include "replication/shard.h"

#include <stdlib.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "replication/shard_inside.h"

/* Bounds of what one shard may take at start; site.c chooses far less. */
#define SEGMENTS_IN_FLIGHT_MAX 1024u
#define QUEUE_RECORDS_MAX      (1u << 24)
#define BATCH_BYTES_MAX        (4u << 20)

/* The journal's completions wake the loop; where its store is what holds it up, a look now and then
 * is enough. */
#define RETRY_NS UINT64_C(1000000)

static bool shard_consensus_options_good(const struct shard_options *options)
{
    return options->incarnation != 0 && options->election_ns_min >= REPLICA_ELECTION_NS_MIN &&
           options->election_ns_max <= REPLICA_ELECTION_NS_MAX &&
           options->election_ns_min <= options->election_ns_max &&
           options->headers_max >= REPLICA_ENTRIES_MIN &&
           options->headers_max <= REPLICA_ENTRIES_MAX &&
           (options->headers_max & (options->headers_max - 1)) == 0 &&
           options->in_flight_messages_max >= 1 &&
           options->in_flight_messages_max <= REPLICA_IN_FLIGHT_MAX &&
           options->in_flight_bytes_max > 0 && options->batch_bytes_max > 0 &&
           options->batch_bytes_max <= BATCH_BYTES_MAX &&
           placement_judge(&options->genesis, (1u << PLACEMENT_RULE_COUNT) - 1).rule ==
               PLACEMENT_GOOD;
}

static bool shard_options_good(const struct shard_options *options,
                               const struct shard_machine *machine)
{
    return options->shard_id >= 1 && options->shard_id <= SHARDS_MAX && options->site_id >= 1 &&
           options->site_id <= SITES_MAX && options->queue_records_max >= 1 &&
           options->queue_records_max <= QUEUE_RECORDS_MAX && options->segment_records_max >= 1 &&
           options->segment_records_max <= SEGMENT_COMMANDS_MAX &&
           options->segments_in_flight_max >= 1 &&
           options->segments_in_flight_max <= SEGMENTS_IN_FLIGHT_MAX && machine->record_bytes > 0 &&
           options->signer != NULL && options->verifier_count <= SITES_MAX &&
           machine->pack_bound(machine->context, options->segment_records_max) <=
               SEGMENT_RAW_BYTES_MAX &&
           shard_consensus_options_good(options);
}

static bool shard_allocate(struct shard *shard)
{
    const struct shard_options *options = &shard->options;
    uint32_t record_bytes = shard->machine.record_bytes;
    shard->ring_records = options->queue_records_max +
                          (uint64_t)options->segments_in_flight_max * options->segment_records_max;
    /* What is written before it is read is not cleared: a start would pay for megabytes that most
     * shards never touch. */
    shard->records = malloc(shard->ring_records * record_bytes);
    shard->received_ns = calloc(shard->ring_records, sizeof shard->received_ns[0]);
    shard->flights = calloc(options->segments_in_flight_max, sizeof shard->flights[0]);
    shard->slots = calloc(options->headers_max, sizeof shard->slots[0]);
    shard->raw = malloc(SEGMENT_RAW_BYTES_MAX);
    shard->sealed = malloc(SEGMENT_BYTES_MAX);
    shard->scratch = malloc(SEGMENT_BYTES_MAX);
    shard->unpacked = malloc((size_t)SEGMENT_COMMANDS_MAX * record_bytes);
    shard->inbox = malloc(shard_inbox_bytes(options));
    shard->outbox = malloc(shard_inbox_bytes(options));
    shard->received = malloc(REPLICA_BATCH_ENTRIES_MAX * sizeof shard->received[0]);
    shard->entries = malloc((REPLICA_BATCH_ENTRIES_MAX + 1) * sizeof shard->entries[0]);
    shard->placements = malloc(REPLICA_BATCH_ENTRIES_MAX * sizeof shard->placements[0]);
    return shard->records != NULL && shard->received_ns != NULL && shard->flights != NULL &&
           shard->slots != NULL && shard->raw != NULL && shard->sealed != NULL &&
           shard->scratch != NULL && shard->unpacked != NULL && shard->inbox != NULL &&
           shard->outbox != NULL && shard->received != NULL && shard->entries != NULL &&
           shard->placements != NULL;
}

enum status shard_create(struct shard **shard, const struct shard_options *options,
                         const struct shard_machine *machine, const struct shard_peers *peers,
                         struct journal *journal, struct codec_context *codec)
{
    ASSERT(journal != NULL);
    ASSERT(codec != NULL);
    *shard = NULL;
    if (!shard_options_good(options, machine)) {
        return STATUS_BAD_ARGUMENT;
    }
    struct shard *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return STATUS_FULL;
    }
    made->options = *options;
    made->machine = *machine;
    made->peers = *peers;
    made->journal = journal;
    made->codec = codec;
    if (!shard_allocate(made)) {
        shard_destroy(made);
        return STATUS_FULL;
    }
    random_seed(&made->random, options->random_seed);
    for (uint32_t at = 0; at < options->verifier_count; at++) {
        shard_trust(made, options->verifiers[at].public_key);
    }
    made->membership.record.placement = options->genesis;
    made->previous_membership = made->membership;
    shard_repair_load(made);
    journal_tail_init(&made->base);
    made->next_command_sequence = 1;
    made->applied_next_sequence = 1;
    *shard = made;
    return STATUS_OK;
}

void shard_destroy(struct shard *shard)
{
    if (shard == NULL) {
        return;
    }
    free(shard->records);
    free(shard->received_ns);
    free(shard->flights);
    free(shard->slots);
    free(shard->raw);
    free(shard->sealed);
    free(shard->scratch);
    free(shard->unpacked);
    free(shard->inbox);
    free(shard->outbox);
    free(shard->received);
    free(shard->entries);
    free(shard->placements);
    free(shard);
}

void shard_fail(struct shard *shard, enum status status)
{
    if (shard->failed == STATUS_OK && status != STATUS_OK) {
        shard->failed = status;
        shard->takes = false;
    }
}

void shard_trust(struct shard *shard, const uint8_t public_key[static PLACEMENT_KEY_BYTES])
{
    static_assert(PLACEMENT_KEY_BYTES == crypto_sign_PUBLICKEYBYTES, "a key is a key");
    struct segment_verifier verifier;
    segment_key_id(verifier.key_id, public_key);
    memcpy(verifier.public_key, public_key, sizeof verifier.public_key);
    for (uint32_t at = 0; at < shard->verifier_count; at++) {
        if (memcmp(&shard->verifiers[at], &verifier, sizeof verifier) == 0) {
            return;
        }
    }
    /* Then the oldest goes; its segments stand deep in the chain, which proves them. */
    if (shard->verifier_count == SHARD_VERIFIERS_MAX) {
        memmove(shard->verifiers, shard->verifiers + 1,
                (SHARD_VERIFIERS_MAX - 1) * sizeof shard->verifiers[0]);
        shard->verifier_count--;
    }
    shard->verifiers[shard->verifier_count++] = verifier;
}

/* ---- The queue ---- */

uint64_t shard_queued(const struct shard *shard)
{
    ASSERT(shard->applied_count <= shard->sealed_count);
    ASSERT(shard->sealed_count <= shard->submitted_count);
    return shard->submitted_count - shard->sealed_count;
}

uint32_t shard_room(const struct shard *shard)
{
    uint64_t queued = shard_queued(shard);
    if (!shard->takes || queued >= shard->options.queue_records_max) {
        return 0;
    }
    return (uint32_t)(shard->options.queue_records_max - queued);
}

uint8_t *shard_push(struct shard *shard, uint64_t received_ns)
{
    ASSERT(shard->submitted_count - shard->applied_count < shard->ring_records);
    shard->received_ns[shard->submitted_count % shard->ring_records] = received_ns;
    return shard_record(shard, shard->submitted_count++);
}

enum status shard_submit(struct shard *shard, const void *record, uint64_t received_ns)
{
    if (!shard->takes) {
        return STATUS_NOT_YET;
    }
    if (shard_room(shard) == 0) {
        return STATUS_FULL;
    }
    memcpy(shard_push(shard, received_ns), record, shard->machine.record_bytes);
    return STATUS_OK;
}

/* ---- Turns ---- */

/* Whether records are taken at all. Those of a shard that waits for its quorum for long would only
 * grow old here. */
static bool shard_may_take(struct shard *shard)
{
    enum status status;
    if (shard->failed != STATUS_OK || !replica_serves(&shard->replica)) {
        return false;
    }
    (void)shard_seal_position(shard, &status);
    return status != STATUS_NOT_YET;
}

void shard_late(struct shard *shard, uint64_t late_ns)
{
    ASSERT(shard != NULL);
    shard->late_ns = late_ns > shard->late_ns ? late_ns : shard->late_ns;
}

enum status shard_step(struct shard *shard, uint64_t now_ns, uint64_t wall_ns)
{
    ASSERT(shard->phase == SHARD_RUNNING);
    ASSERT(now_ns >= shard->now_ns);
    shard->now_ns = now_ns;
    shard->wall_ns = wall_ns;
    if (shard->failed == STATUS_OK) {
        shard_repair_turn(shard);
    }
    if (shard->failed == STATUS_OK) {
        shard_consensus_turn(shard);
    }
    if (shard->failed == STATUS_OK &&
        shard->flight_count == shard->options.segments_in_flight_max) {
        shard_apply_turn(shard); /* What is committed makes room for what is queued. */
    }
    if (shard->failed == STATUS_OK) {
        shard->takes = shard_may_take(shard);
        /* The disk first: it works while the records below are executed. */
        shard_seal_turn(shard);
    }
    if (shard->failed == STATUS_OK) {
        shard_fail(shard, journal_flush(shard->journal));
    }
    if (shard->failed == STATUS_OK) {
        shard_apply_turn(shard);
    }
    shard->takes = shard_may_take(shard);
    return shard->failed;
}

uint64_t shard_due_ns(const struct shard *shard, uint64_t now_ns)
{
    if (shard->failed != STATUS_OK) {
        return now_ns; /* To be told. */
    }
    if (shard_consensus_waits(shard) && shard->pending.evidence_due_ns > now_ns) {
        return shard->pending.evidence_due_ns; /* Everything else waits for it. */
    }
    if (shard_consensus_waits(shard) || shard->promise_waits || shard->activation_waits) {
        return now_ns + RETRY_NS;
    }
    if (shard_apply_waits(shard)) {
        return now_ns;
    }
    for (uint32_t at = 0; at < SITES_MAX; at++) {
        if (shard->headers_wanted[at].site_id != 0) {
            return now_ns;
        }
    }
    uint64_t due_ns = replica_due_ns(&shard->replica);
    if (shard_repair_ruling(shard)->planned && replica_serves(&shard->replica) &&
        shard->membership.log_index <= shard->replica.commit_log_index &&
        shard->plan_due_ns < due_ns) {
        due_ns = shard->plan_due_ns;
    }
    uint64_t tick_ns;
    if (shard->takes && shard_queued(shard) > 0) {
        uint64_t seal_ns = shard_seal_ready(shard) ? now_ns : now_ns + RETRY_NS;
        due_ns = seal_ns < due_ns ? seal_ns : due_ns;
    } else if (shard_seal_tick_due(shard, &tick_ns)) {
        uint64_t stamp_ns = shard_seal_stamp_ns(shard, now_ns);
        uint64_t wait_ns = tick_ns <= stamp_ns ? 0 : tick_ns - stamp_ns;
        uint64_t at_ns = wait_ns < UINT64_MAX - now_ns ? now_ns + wait_ns : UINT64_MAX;
        due_ns = at_ns < due_ns ? at_ns : due_ns;
    }
    return due_ns;
}

/* ---- Operations ---- */

enum replica_refusal shard_transfer(struct shard *shard, uint8_t site_id, uint64_t now_ns)
{
    ASSERT(now_ns >= shard->now_ns);
    shard->now_ns = now_ns;
    if (shard->phase != SHARD_RUNNING || shard->replica.halt != REPLICA_RUNS ||
        !shard_consensus_settle(shard)) {
        return REPLICA_REFUSED_NOT_SERVING;
    }
    struct replica_input input = {.type = REPLICA_TRANSFER, .site_id = site_id};
    shard_consensus_step(shard, &input);
    return shard->output.refusal;
}

enum replica_refusal shard_plan(struct shard *shard, const struct placement *target,
                                uint32_t waived_rules, bool replace, uint64_t now_ns,
                                struct placement_verdict *verdict)
{
    ASSERT(now_ns >= shard->now_ns);
    shard->now_ns = now_ns;
    *verdict = (struct placement_verdict){0};
    if (shard->phase != SHARD_RUNNING || !shard_consensus_settle(shard)) {
        return REPLICA_REFUSED_NOT_SERVING;
    }
    if (!replica_serves(&shard->replica)) {
        return shard->replica.role == REPLICA_LEADER ? REPLICA_REFUSED_NOT_SERVING
                                                     : REPLICA_REFUSED_NOT_LEADER;
    }
    if (shard_repair_ruling(shard)->planned && !replace) {
        return REPLICA_REFUSED_BUSY;
    }
    return shard_consensus_plan(shard, target, waived_rules, verdict);
}

/* ---- Views ---- */

struct shard_leadership shard_leadership(const struct shard *shard)
{
    const struct replica *replica = &shard->replica;
    return (struct shard_leadership){.term = replica->term,
                                     .leader_site_id = replica->halt == REPLICA_RUNS
                                                           ? replica->leader_site_id
                                                           : 0,
                                     .takes = shard->takes};
}

void shard_status(const struct shard *shard, struct shard_status *status)
{
    const struct replica *replica = &shard->replica;
    const struct shard_leadership leadership = shard_leadership(shard);
    *status = (struct shard_status){.term = leadership.term,
                                    .appended_log_index = shard->last_log_index,
                                    .persisted_log_index = replica->persisted.log_index,
                                    .committed_log_index = replica->commit_log_index,
                                    .leader_commit_log_index = replica->leader_commit_log_index,
                                    .applied_log_index = shard->applied.log_index,
                                    .applied_command_sequence = shard->applied_next_sequence - 1,
                                    .last_timestamp_ns = shard->last_timestamp_ns,
                                    .leader = replica_serves(replica),
                                    .takes = leadership.takes,
                                    .fenced = replica->fenced,
                                    .role = replica->role,
                                    .halt = replica->halt,
                                    .halted = replica_halt_is_shards(replica->halt),
                                    .generation = shard_repair_generation(shard),
                                    .repairing = replica->halt == REPLICA_HALT_REPAIR,
                                    .evidence_waits = shard->pending.evidence_due_ns > 0,
                                    .leader_site_id = leadership.leader_site_id,
                                    .segments_sealed = shard->segments_sealed,
                                    .records_sealed = shard->records_sealed,
                                    .records_logged = shard->records_logged,
                                    .segment_bytes = shard->segment_bytes,
                                    .records_dropped = shard->records_dropped,
                                    .segments_received = shard->segments_received,
                                    .messages_refused = shard->messages_refused,
                                    .forks = shard->forks,
                                    .fork = shard->fork};
    if (replica->role == REPLICA_LEADER) {
        status->clock_agrees = shard->clock.agrees;
        status->clock_outside = shard->clock.outside;
    }
    memcpy(status->chain_hash, shard->applied.chain_hash, SEGMENT_HASH_BYTES);
}

bool shard_fenced(const struct shard *shard)
{
    ASSERT(shard != NULL);
    return shard->replica.fenced;
}

uint64_t shard_election_ns(const struct shard *shard)
{
    return shard->phase == SHARD_RUNNING ? replica_election_ns(&shard->replica) : 0;
}

bool shard_follower(const struct shard *shard, uint8_t site_id, uint64_t now_ns,
                    struct shard_follower *follower)
{
    ASSERT(site_id >= 1 && site_id <= SITES_MAX);
    const struct replica *replica = &shard->replica;
    if (replica->role != REPLICA_LEADER || site_id == shard->options.site_id ||
        placement_role_of(&replica->placement, site_id) == PLACEMENT_ABSENT) {
        return false;
    }
    const struct replica_progress *progress = &replica->progress[site_id - 1];
    *follower =
        (struct shard_follower){.matched_log_index = progress->matched_log_index,
                                .heard_ago_ns = progress->heard && now_ns >= progress->heard_ns
                                                    ? now_ns - progress->heard_ns
                                                    : UINT64_MAX,
                                .round_trip_ns = progress->round_trip_ns,
                                .snapshot = progress->state == REPLICA_PROGRESS_SNAPSHOT,
                                .fenced = progress->fenced};
    return true;
}

const struct placement_record *shard_placement(const struct shard *shard)
{
    return shard_repair_ruling(shard);
}

uint64_t shard_placement_log_index(const struct shard *shard)
{
    return shard->membership.log_index;
}

const struct placement *shard_genesis(const struct shard *shard)
{
    return &shard->options.genesis;
}
