/* Between a shard's replica and its journal: every output is obeyed whole and in order before the
 * next step. What the journal has no room for waits, and everything else with it: a site whose disk
 * cannot follow neither leads nor votes. */
#include <string.h>

#include "matching/base/assertion.h"
#include "replication/shard_inside.h"

/* After there was no room for it; twice as long each time. */
#define EVIDENCE_AGAIN_NS_MIN UINT64_C(1000000000)
#define EVIDENCE_AGAIN_NS_MAX UINT64_C(30000000000)

/* ---- The journal ---- */

/* Give all of a cut to whoever keeps it. `*peers`: what that said, when it was asked. */
static enum status consensus_give_evidence(struct shard *shard, enum status *peers)
{
    const struct shard_peers *keeper = &shard->peers;
    const struct shard_pending *pending = &shard->pending;
    *peers = STATUS_OK;
    for (uint64_t log_index = pending->evidence_first; log_index <= pending->evidence_last;
         log_index++) {
        struct segment segment;
        enum status status = shard_log_read(shard, log_index, &segment);
        if (status == STATUS_NOT_FOUND) {
            continue; /* Trimmed: it was committed, and a snapshot stands for it. */
        }
        if (status != STATUS_OK) {
            return status;
        }
        *peers = keeper->evidence(keeper->context, shard->options.shard_id, log_index,
                                  shard->scratch, segment_bytes(&segment));
        if (*peers != STATUS_OK) {
            return *peers;
        }
    }
    *peers = keeper->evidence_end(keeper->context, shard->options.shard_id);
    return *peers;
}

/* What was sealed and is now dropped is durable as evidence first (rule 8). Where there is no room
 * for it, it stays in the journal. */
static enum status consensus_evidence(struct shard *shard)
{
    struct shard_pending *pending = &shard->pending;
    ASSERT(pending->evidence_first <= pending->evidence_last);
    if (shard->now_ns < pending->evidence_due_ns) {
        return STATUS_FULL;
    }
    enum status peers;
    enum status status = consensus_give_evidence(shard, &peers);
    if (status == STATUS_OK) {
        pending->evidence = false;
        pending->evidence_due_ns = 0;
    } else if (peers == STATUS_NO_SPACE) {
        uint64_t wait_ns = 2 * pending->evidence_wait_ns;
        wait_ns = wait_ns > EVIDENCE_AGAIN_NS_MIN ? wait_ns : EVIDENCE_AGAIN_NS_MIN;
        wait_ns = wait_ns < EVIDENCE_AGAIN_NS_MAX ? wait_ns : EVIDENCE_AGAIN_NS_MAX;
        pending->evidence_wait_ns = wait_ns;
        pending->evidence_due_ns = shard->now_ns + wait_ns;
        status = STATUS_FULL;
    }
    return status;
}

static enum status consensus_vote(struct shard *shard)
{
    enum status status = journal_vote(shard->journal, shard->options.shard_id, shard->replica.term,
                                      shard->replica.voted_site_id);
    shard->pending.vote = status == STATUS_FULL;
    return status;
}

static enum status consensus_truncate(struct shard *shard)
{
    enum status status = journal_truncate(shard->journal, shard->options.shard_id,
                                          shard->pending.truncate_log_index);
    shard->pending.truncate = status == STATUS_FULL;
    if (status == STATUS_OK) {
        shard_log_cut(shard);
    }
    return status;
}

static enum status consensus_base(struct shard *shard)
{
    const struct journal_tail *tail = &shard->pending.base_tail;
    enum status status = journal_base(shard->journal, shard->options.shard_id, tail);
    shard->pending.base = status == STATUS_FULL;
    return status;
}

/* What the last step asked of the journal. */
static enum status consensus_write(struct shard *shard)
{
    struct shard_pending *pending = &shard->pending;
    enum status status = shard->failed;
    if (status == STATUS_OK && pending->vote) {
        status = consensus_vote(shard);
    }
    if (status == STATUS_OK && pending->evidence) {
        status = consensus_evidence(shard);
    }
    if (status == STATUS_OK && pending->truncate) {
        status = consensus_truncate(shard);
    }
    if (status == STATUS_OK && pending->base) {
        status = consensus_base(shard);
    }
    if (status == STATUS_OK && pending->append_next < pending->append_end) {
        status = shard_receive_append(shard);
    }
    if (status != STATUS_OK && status != STATUS_FULL) {
        shard_fail(shard, status);
    }
    return status;
}

/* ---- Outputs ---- */

/* Whose key it is, of members now or before; 0: nobody's. */
static uint8_t consensus_signer(const struct shard *shard, const uint8_t *key_id)
{
    const struct placement *const placements[] = {&shard_repair_ruling(shard)->placement,
                                                  &shard->previous_membership.record.placement,
                                                  &shard->options.genesis};
    for (uint32_t at = 0; at < sizeof placements / sizeof placements[0] * SITES_MAX; at++) {
        const struct placement_site *site = &placements[at / SITES_MAX]->sites[at % SITES_MAX];
        uint8_t site_key_id[SEGMENT_KEY_ID_BYTES];
        segment_key_id(site_key_id, site->public_key);
        if (site->role != PLACEMENT_ABSENT &&
            memcmp(site_key_id, key_id, SEGMENT_KEY_ID_BYTES) == 0) {
            return (uint8_t)(at % SITES_MAX + 1);
        }
    }
    return 0;
}

/* The other segment, where the message at hand has it: it was verified when it was received. */
static const struct segment *consensus_fork_other(const struct shard *shard)
{
    const struct replica_position *other = &shard->output.fork.other;
    for (uint32_t at = 0; at < shard->received_count; at++) {
        const struct segment *segment = &shard->received[at];
        if (segment->log_index == other->log_index &&
            memcmp(segment->chain_hash, other->chain_hash, SEGMENT_HASH_BYTES) == 0) {
            return segment;
        }
    }
    return NULL;
}

/* Whether a claim says no more of a fork than is known: chains that differ at one place differ at
 * all that follow, and heartbeats go on saying so. */
static bool consensus_fork_known(const struct shard *shard, const struct segment *own)
{
    const struct shard_fork *known = &shard->fork;
    ASSERT(own->log_index > 0);
    return known->log_index > 0 && known->term == own->term &&
           (known->proven || known->log_index <= own->log_index);
}

/* Ours verifies. This site stops when the other one has its signature, which nobody can forge: its
 * key has sealed what is not in its journal. Where only ours has it, the suspect is who signed the
 * other one: anybody in the cluster could stop this site with a segment otherwise. That is told
 * (shard_status()), and like every fork neither acknowledged nor counted. A claim without bytes
 * stops nobody. */
static void consensus_fork_judge(struct shard *shard, const struct segment *own)
{
    const struct segment *other = consensus_fork_other(shard);
    const uint8_t *key_id = shard->options.signer->key_id;
    if (other == NULL && consensus_fork_known(shard, own)) {
        return;
    }
    shard->fork = (struct shard_fork){.log_index = own->log_index,
                                      .term = own->term,
                                      .other_site_id = shard->output.fork.other_site_id,
                                      .signer_site_id = consensus_signer(shard, own->key_id),
                                      .proven = other != NULL};
    if (other == NULL) {
        return;
    }
    ASSERT(memcmp(own->chain_hash, other->chain_hash, SEGMENT_HASH_BYTES) != 0);
    shard->fork.other_signer_site_id = consensus_signer(shard, other->key_id);
    shard->fork.signed_here = memcmp(other->key_id, key_id, SEGMENT_KEY_ID_BYTES) == 0;
    if (shard->fork.signed_here) {
        shard_fail(shard, STATUS_FOREIGN);
    }
}

/* Rule 1: two chains at one index and term. Who cannot prove its own bytes stops; where both
 * verify, who has signed the one that it does not have stops. */
static void consensus_fork(struct shard *shard)
{
    const struct replica_position *own = &shard->output.fork.own;
    struct segment segment;
    shard->forks++;
    enum status status = shard_log_read(shard, own->log_index, &segment);
    if (status == STATUS_NOT_FOUND) {
        return; /* Trimmed, so a snapshot stands for it. */
    }
    if (status == STATUS_OK) {
        status = segment_verify_payload(&segment);
    }
    if (status == STATUS_OK) {
        status = segment_verify_signature(&segment, shard->scratch, shard->verifiers,
                                          shard->verifier_count);
    }
    if (status != STATUS_OK ||
        memcmp(segment.chain_hash, own->chain_hash, SEGMENT_HASH_BYTES) != 0) {
        shard_fail(shard, STATUS_DAMAGED);
        return;
    }
    consensus_fork_judge(shard, &segment);
}

/* A leader no more: what is queued is forgotten, and what is in flight is executed, if ever, as it
 * stands in the log. */
void shard_consensus_drop(struct shard *shard)
{
    shard->records_dropped += shard_queued(shard);
    shard->sealed_count = shard->submitted_count;
    shard->applied_count = shard->submitted_count;
    shard->flight_count = 0;
    shard->takes = false;
}

static void consensus_obey_log(struct shard *shard, const struct replica_output *output)
{
    struct shard_pending *pending = &shard->pending;
    pending->vote = output->vote;
    pending->truncate = output->truncate;
    pending->truncate_log_index = output->truncate_log_index;
    pending->base = output->install;
    if (output->truncate || (output->install && output->truncate_log_index > 0)) {
        pending->evidence = true;
        pending->evidence_first = output->truncate_log_index;
        pending->evidence_last = output->truncated_last.log_index;
        pending->evidence_due_ns = 0;
        pending->evidence_wait_ns = 0;
    }
    pending->append_next = output->accepted_first;
    pending->append_end = output->accepted_first + output->accepted_count;
}

static void consensus_obey(struct shard *shard)
{
    const struct replica_output *output = &shard->output;
    consensus_obey_log(shard, output);
    if (output->role_changed && shard->replica.role == REPLICA_LEADER) {
        cluster_clock_begin(&shard->clock, shard->options.site_id, shard->now_ns,
                            shard->last_timestamp_ns);
    } else if (output->role_changed) {
        shard_consensus_drop(shard);
    }
    /* Segments to be sent on must stand in the journal first; none of these messages claims what is
     * not durable. */
    (void)consensus_write(shard);
    for (uint32_t at = 0; at < output->message_count && shard->failed == STATUS_OK; at++) {
        shard_send(shard, &output->messages[at]);
    }
    for (uint32_t at = 0; at < output->headers_wanted_count; at++) {
        shard->headers_wanted[output->headers_wanted[at].site_id - 1] = output->headers_wanted[at];
    }
    if (output->snapshot_wanted) {
        shard->peers.fetch_snapshot(shard->peers.context, shard->options.shard_id,
                                    &output->snapshot, output->snapshot_site_id);
    }
    if (output->forked) {
        consensus_fork(shard);
    }
}

/* Voters whose clocks a majority contradicts, or which have not told them yet: they would hand over
 * again at once what preference gives them (DESIGN 4, "Time"). */
static uint16_t consensus_unfit(const struct shard *shard)
{
    if (shard->replica.role != REPLICA_LEADER || !shard->clock.agrees) {
        return 0;
    }
    uint16_t voters = placement_voters(&shard->replica.placement);
    return (uint16_t)(voters & ~shard->clock.heirs);
}

void shard_consensus_step(struct shard *shard, struct replica_input *input)
{
    ASSERT(shard->phase == SHARD_RUNNING);
    ASSERT(!shard->pending.vote && !shard->pending.truncate && !shard->pending.base);
    ASSERT(!shard->pending.evidence);
    ASSERT(shard->pending.append_next == shard->pending.append_end && !shard->pending.sealed);
    input->now_ns = shard->now_ns;
    input->random = random_u64(&shard->random);
    input->late_ns = shard->late_ns;
    input->unfit = input->type == REPLICA_TICK ? consensus_unfit(shard) : 0;
    shard->late_ns = 0;
    replica_step(&shard->replica, input, &shard->output);
    shard->seal_known = false;
    if (shard->output.halt == REPLICA_HALT_REPAIR) {
        shard_consensus_drop(shard);
        return; /* Nothing happens here until the repair is active. */
    }
    if (replica_halt_is_shards(shard->output.halt)) {
        shard_consensus_drop(shard); /* Nothing happens here any more. */
        memset(shard->headers_wanted, 0, sizeof shard->headers_wanted);
        for (uint32_t at = 0; at < shard->output.message_count; at++) {
            shard_send(shard, &shard->output.messages[at]);
        }
        return;
    }
    if (shard->output.halt != REPLICA_RUNS) {
        shard_fail(shard, STATUS_FOREIGN);
        return;
    }
    consensus_obey(shard);
}

/* The segment sealed here: into the journal, then the replica hears of it. */
static enum status consensus_sealed(struct shard *shard)
{
    const struct segment *segment = &shard->segment;
    enum status status =
        journal_append(shard->journal, shard->sealed, segment, segment->base_timestamp_ns);
    shard->pending.sealed = status == STATUS_FULL;
    if (status != STATUS_OK) {
        return status;
    }
    struct replica_input input = {.type = REPLICA_APPENDED};
    shard_log_position(segment, &input.entry.position);
    input.entry.segment_bytes = (uint32_t)segment_bytes(segment);
    input.entry.kind = (uint8_t)shard_log_kind(segment);
    if (input.entry.kind == REPLICA_ENTRY_PLACEMENT) {
        input.entry.placement = &shard->wanted.placement;
    }
    shard_consensus_step(shard, &input);
    return shard->failed;
}

bool shard_consensus_settle(struct shard *shard)
{
    enum status status = consensus_write(shard);
    if (status == STATUS_OK && shard->pending.sealed) {
        status = consensus_sealed(shard);
        if (status != STATUS_OK && status != STATUS_FULL) {
            shard_fail(shard, status);
        }
    }
    return status == STATUS_OK;
}

/* ---- Inputs ---- */

static void consensus_persisted(struct shard *shard)
{
    struct journal_tail tail;
    journal_persisted(shard->journal, shard->options.shard_id, &tail);
    const struct journal_tail *told = &shard->persisted;
    if (tail.last_log_index == told->last_log_index && tail.term == told->term &&
        tail.voted_site_id == told->voted_site_id &&
        memcmp(tail.last_chain_hash, told->last_chain_hash, SEGMENT_HASH_BYTES) == 0) {
        return;
    }
    shard->persisted = tail;
    struct replica_input input = {.type = REPLICA_PERSISTED,
                                  .term = tail.term,
                                  .voted_site_id = tail.voted_site_id,
                                  .persisted = {.log_index = tail.last_log_index,
                                                .term = tail.last_term}};
    memcpy(input.persisted.chain_hash, tail.last_chain_hash, SEGMENT_HASH_BYTES);
    shard_consensus_step(shard, &input);
}

bool shard_consensus_waits(const struct shard *shard)
{
    const struct shard_pending *pending = &shard->pending;
    return pending->vote || pending->evidence || pending->truncate || pending->base ||
           pending->sealed || pending->append_next < pending->append_end;
}

void shard_consensus_turn(struct shard *shard)
{
    if (!shard_consensus_settle(shard)) {
        return;
    }
    consensus_persisted(shard);
    if (shard_consensus_settle(shard) && shard->now_ns >= replica_due_ns(&shard->replica)) {
        shard_consensus_step(shard, &(struct replica_input){.type = REPLICA_TICK});
    }
    for (uint8_t site_id = 1; site_id <= SITES_MAX; site_id++) {
        if (shard->headers_wanted[site_id - 1].site_id != 0 && shard_consensus_settle(shard)) {
            shard_send_headers(shard, site_id);
        }
    }
}

/* ---- Membership ---- */

enum replica_refusal shard_consensus_plan(struct shard *shard, const struct placement *target,
                                          uint32_t waived_rules, struct placement_verdict *verdict)
{
    struct placement_record record = {.target = *target, .waived_rules = waived_rules};
    record.target.epoch = 0;
    if (placement_plan_next(&shard_repair_ruling(shard)->placement, target, waived_rules,
                            &record.placement, verdict) != STATUS_OK) {
        return REPLICA_REFUSED_PLACEMENT;
    }
    struct placement after;
    struct placement_verdict reached;
    record.planned = placement_plan_next(&record.placement, target, waived_rules, &after,
                                         &reached) != STATUS_NOT_FOUND;
    if (!record.planned) { /* This step is the last. */
        record.target = (struct placement){0};
        record.waived_rules = 0;
    }
    struct replica_input input = {.type = REPLICA_MEMBERSHIP, .placement = &record.placement};
    shard_consensus_step(shard, &input);
    if (shard->output.refusal == REPLICA_ACCEPTED) {
        shard->wanted = record;
    } else {
        *verdict = shard->output.verdict;
    }
    return shard->output.refusal;
}
