/* Where a shard begins, or begins again: from its journal, from a snapshot. */
#include <string.h>

#include "matching/base/assertion.h"
#include "replication/shard_inside.h"

/* Work of one call: so many records, and so many for each segment whatever it holds. */
#define RECOVER_RECORDS       32768u
#define RECOVER_SEGMENT_EXTRA 256u

static void recover_stand(struct shard *shard, const struct shard_origin *origin)
{
    shard->applied = origin->position;
    shard->applied_next_sequence = origin->next_command_sequence;
    shard->applied_timestamp_ns = origin->last_timestamp_ns;
}

static void recover_tail(const struct shard_origin *origin, struct journal_tail *tail)
{
    journal_tail_init(tail);
    tail->last_log_index = origin->position.log_index;
    tail->last_term = origin->position.term;
    memcpy(tail->last_chain_hash, origin->position.chain_hash, SEGMENT_HASH_BYTES);
    tail->next_command_sequence = origin->next_command_sequence;
    tail->last_timestamp_ns = origin->last_timestamp_ns;
    tail->first_log_index = origin->position.log_index + 1;
}

/* The log ends where a snapshot stands. */
static void recover_rest(struct shard *shard, const struct shard_origin *origin)
{
    recover_tail(origin, &shard->base);
    shard->last_log_index = origin->position.log_index;
    shard->last_term = origin->position.term;
    memcpy(shard->last_chain_hash, origin->position.chain_hash, SEGMENT_HASH_BYTES);
    shard->next_command_sequence = origin->next_command_sequence;
    shard->last_timestamp_ns = origin->last_timestamp_ns;
    shard->membership = (struct shard_membership){.log_index = origin->placement_log_index,
                                                  .record = origin->placement};
    shard->previous_membership = shard->membership;
    shard->outbox_count = 0;
    shard_log_placed(shard, &origin->placement);
}

void shard_resume(struct shard *shard, const struct shard_origin *origin)
{
    ASSERT(shard->phase == SHARD_RECOVERING);
    ASSERT(shard->last_log_index == 0);
    ASSERT(origin->position.log_index > 0);
    recover_rest(shard, origin);
    recover_stand(shard, origin);
}

/* Whether what this voter holds is committed by that alone. Once it was, it stays: who was elected
 * by more voters since then needed this one's vote, and so has all that it had. */
static bool recover_decides_alone(const struct shard *shard)
{
    uint16_t own = (uint16_t)(1u << (shard->options.site_id - 1));
    return placement_commits(&shard_repair_ruling(shard)->placement, own);
}

/* Read the next segment and check that it stands where it says. */
static enum status recover_read(struct shard *shard, struct segment *segment,
                                struct placement_record *record, bool head)
{
    enum status status = shard_log_read(shard, shard->last_log_index + 1, segment);
    if (status == STATUS_OK) {
        status = segment_verify_chain(segment, shard->options.cluster_id, shard->options.shard_id,
                                      shard->last_log_index, shard->last_chain_hash);
    }
    if (status == STATUS_OK) {
        status = segment_verify_payload(segment);
    }
    if (status == STATUS_OK && head) { /* Its chain hash stands for all before it. */
        status = segment_verify_signature(segment, shard->scratch, shard->verifiers,
                                          shard->verifier_count);
    }
    if (status != STATUS_OK) {
        return status;
    }
    struct replica_position before = {.log_index = shard->last_log_index, .term = shard->last_term};
    return shard_log_check(segment, &before, shard->next_command_sequence, shard->last_timestamp_ns,
                           record);
}

/* The journal's own account of its end must be the one that was found on the way there. */
static enum status recover_finish(struct shard *shard, const struct journal_tail *tail)
{
    if (tail->last_log_index > 0 &&
        (tail->last_term != shard->last_term ||
         tail->next_command_sequence != shard->next_command_sequence ||
         memcmp(tail->last_chain_hash, shard->last_chain_hash, SEGMENT_HASH_BYTES) != 0)) {
        return STATUS_BAD_CHAIN;
    }
    shard->phase = SHARD_RECOVERED;
    return STATUS_OK;
}

static enum status recover_next(struct shard *shard, const struct journal_tail *tail,
                                uint32_t *work)
{
    struct segment segment;
    struct placement_record record;
    enum status status =
        recover_read(shard, &segment, &record, shard->last_log_index + 1 == tail->last_log_index);
    bool executes = status == STATUS_OK && recover_decides_alone(shard) &&
                    shard->applied.log_index == shard->last_log_index;
    if (executes) {
        status = shard_apply_expand(shard, &segment);
    }
    if (status != STATUS_OK) {
        return status;
    }
    if (executes) {
        shard_apply_records(shard, &segment, shard->unpacked);
    }
    struct replica_position position;
    shard_log_position(&segment, &position);
    replica_log_append(&shard->headers, &position, (uint32_t)segment_bytes(&segment), 0);
    shard_log_extend(shard, &segment, &record);
    *work += (executes ? segment.command_count : 0) + RECOVER_SEGMENT_EXTRA;
    return STATUS_OK;
}

enum status shard_recover(struct shard *shard, uint64_t *log_index)
{
    ASSERT(shard->phase == SHARD_RECOVERING);
    *log_index = shard->last_log_index;
    if (shard->failed != STATUS_OK) {
        return shard->failed;
    }
    if (shard->headers.slots == NULL) {
        struct replica_position before = {.log_index = shard->last_log_index,
                                          .term = shard->last_term};
        memcpy(before.chain_hash, shard->last_chain_hash, SEGMENT_HASH_BYTES);
        replica_log_init(&shard->headers, shard->slots, shard->options.headers_max, &before);
    }
    struct journal_tail tail;
    journal_persisted(shard->journal, shard->options.shard_id, &tail);
    if (tail.last_log_index < shard->last_log_index ||
        (tail.last_log_index > 0 && tail.first_log_index > shard->last_log_index + 1)) {
        shard->failed = STATUS_NOT_FOUND; /* What stands before the oldest segment is not here. */
        return shard->failed;
    }
    uint32_t work = 0;
    while (shard->last_log_index < tail.last_log_index && work < RECOVER_RECORDS) {
        enum status status = recover_next(shard, &tail, &work);
        if (status != STATUS_OK) {
            shard->failed = status;
            return status;
        }
        *log_index = shard->last_log_index;
    }
    if (shard->last_log_index < tail.last_log_index) {
        return STATUS_MORE;
    }
    shard->failed = recover_finish(shard, &tail);
    return shard->failed;
}

/* The replica as the journal has it, and `start` what that cannot tell. Headers move from the one
 * ring to the other, which is the same memory: each is taken out before its place is written. */
static void recover_replica(struct shard *shard, const struct journal_tail *tail,
                            struct replica_start *start)
{
    const struct shard_options *options = &shard->options;
    struct replica_log headers = shard->headers;
    struct replica_options replica = {.site_id = options->site_id,
                                      .incarnation = options->incarnation,
                                      .generation = shard_repair_generation(shard),
                                      .slots = shard->slots,
                                      .slots_max = options->headers_max,
                                      .in_flight_messages_max = options->in_flight_messages_max,
                                      .in_flight_bytes_max = options->in_flight_bytes_max,
                                      .batch_entries_max = REPLICA_BATCH_ENTRIES_MAX,
                                      .batch_bytes_max = options->batch_bytes_max,
                                      .election_ns_min = options->election_ns_min,
                                      .election_ns_max = options->election_ns_max,
                                      .uncommitted_age_ns_max = options->uncommitted_age_ns_max,
                                      .preference_hold_ns = options->preference_hold_ns};
    start->term = tail->term;
    start->voted_site_id = tail->voted_site_id;
    start->before = headers.before;
    if (start->commit_log_index < shard->applied.log_index) {
        start->commit_log_index = shard->applied.log_index;
    }
    start->placement = shard->membership.record.placement;
    start->placement_log_index = shard->membership.log_index;
    start->previous_placement = shard->previous_membership.record.placement;
    start->repair = shard->generation.accepted ? &shard->generation.repair : NULL;
    start->repair_active = shard->generation.active;
    replica_init(&shard->replica, &replica, start);
    for (uint64_t log_index = headers.before.log_index + 1; log_index <= headers.last.log_index;
         log_index++) {
        struct replica_log_slot slot = *replica_log_slot_of(&headers, log_index);
        replica_restore(&shard->replica, &slot.position, slot.segment_bytes);
    }
}

enum status shard_start(struct shard *shard, uint64_t now_ns, uint64_t wall_ns)
{
    ASSERT(shard->phase == SHARD_RECOVERED);
    ASSERT(now_ns > 0);
    if (shard->failed != STATUS_OK) {
        return shard->failed;
    }
    struct journal_tail tail;
    journal_persisted(shard->journal, shard->options.shard_id, &tail);
    struct replica_start start = {0};
    recover_replica(shard, &tail, &start);
    shard->persisted = tail;
    shard->phase = SHARD_RUNNING;
    shard->now_ns = now_ns;
    shard->wall_ns = wall_ns;
    shard_consensus_step(shard, &(struct replica_input){.type = REPLICA_TICK});
    return shard_step(shard, now_ns, wall_ns);
}

void shard_recover_again(struct shard *shard)
{
    ASSERT(shard->generation.active);
    ASSERT(!shard_consensus_waits(shard));
    const struct replica *before = &shard->replica;
    struct replica_start start = {.commit_log_index = before->commit_log_index,
                                  .snapshot = before->snapshot,
                                  .first_log_index = before->first_log_index,
                                  .fenced = before->fenced,
                                  .fence_due_ns = before->fence_due_ns};
    struct journal_tail tail;
    journal_persisted(shard->journal, shard->options.shard_id, &tail);
    ASSERT(tail.last_log_index == shard->last_log_index);
    shard->headers = shard->replica.log;
    recover_replica(shard, &tail, &start);
    shard->persisted = tail;
    shard->outbox_count = 0;
    memset(shard->headers_wanted, 0, sizeof shard->headers_wanted);
    shard_consensus_step(shard, &(struct replica_input){.type = REPLICA_TICK});
}

/* ---- Snapshots ---- */

bool shard_offer(struct shard *shard, const struct replica_position *position,
                 uint64_t first_log_index, uint64_t now_ns)
{
    ASSERT(shard->phase == SHARD_RUNNING);
    ASSERT(now_ns >= shard->now_ns);
    shard->now_ns = now_ns;
    /* A replica that idles would not hear of it, and so never offer what stands for the segments
     * that are trimmed then. */
    if (shard->replica.halt == REPLICA_HALT_REPAIR || !shard_consensus_settle(shard)) {
        return false;
    }
    struct replica_input input = {.type = REPLICA_OFFER,
                                  .persisted = *position,
                                  .first_log_index = first_log_index};
    shard_consensus_step(shard, &input);
    return true;
}

bool shard_install(struct shard *shard, const struct shard_origin *origin, uint64_t now_ns)
{
    ASSERT(shard->phase == SHARD_RUNNING);
    ASSERT(now_ns >= shard->now_ns);
    shard->now_ns = now_ns;
    if (!shard_consensus_settle(shard)) {
        return false;
    }
    recover_tail(origin, &shard->pending.base_tail);
    struct replica_input input = {.type = REPLICA_INSTALL,
                                  .persisted = origin->position,
                                  .placement = &origin->placement.placement,
                                  .placement_log_index = origin->placement_log_index};
    shard_consensus_step(shard, &input);
    if (!shard->output.install) {
        return false;
    }
    recover_rest(shard, origin);
    recover_stand(shard, origin);
    return true;
}

void shard_rebuild(struct shard *shard, const struct shard_origin *origin)
{
    ASSERT(shard->phase == SHARD_RUNNING);
    ASSERT(origin->position.log_index <= shard->replica.commit_log_index);
    recover_stand(shard, origin);
    replica_rebuild(&shard->replica);
    shard->rebuilding = true;
}

void shard_origin_now(const struct shard *shard, struct shard_origin *origin)
{
    const struct shard_membership *membership =
        shard->membership.log_index <= shard->applied.log_index ? &shard->membership
                                                                : &shard->previous_membership;
    *origin = (struct shard_origin){.position = shard->applied,
                                    .next_command_sequence = shard->applied_next_sequence,
                                    .last_timestamp_ns = shard->applied_timestamp_ns,
                                    .placement = membership->record,
                                    .placement_log_index = membership->log_index};
}
