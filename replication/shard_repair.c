/* Quorum repair at one site: what it reports, promises and activates (repair.h), made durable
 * through the journal. Between promise and activation the shard idles: its log stays as it was
 * reported. */
#include <string.h>

#include "matching/base/assertion.h"
#include "replication/shard_inside.h"

/* What rules from outside the log, as long as the log holds older ones only. */
static void repair_rule(struct shard *shard)
{
    const struct journal_generation *kept = &shard->generation;
    const struct repair *repair = &kept->repair;
    shard->repaired = (struct placement_record){0};
    if (kept->accepted) {
        shard->repaired.placement = kept->active ? repair->after : repair->before;
        shard->repaired.repaired = kept->active;
    }
    if (kept->accepted && kept->active) {
        static_assert(REPAIR_HASH_BYTES == PLACEMENT_RECORD_HASH_BYTES, "the same hash");
        shard->repaired.generation = repair->generation;
        memcpy(shard->repaired.attestation_hash, repair->attestation_hash, REPAIR_HASH_BYTES);
    }
}

void shard_repair_load(struct shard *shard)
{
    journal_generation(shard->journal, shard->options.shard_id, &shard->generation);
    ASSERT(!shard->generation.active || shard->generation.accepted);
    repair_rule(shard);
}

const struct placement_record *shard_repair_ruling(const struct shard *shard)
{
    const struct journal_generation *kept = &shard->generation;
    const struct placement *in_log = &shard->membership.record.placement;
    const struct placement *ruling =
        repair_ruling(kept->accepted ? &kept->repair : NULL, kept->active, in_log);
    return ruling == in_log ? &shard->membership.record : &shard->repaired;
}

uint64_t shard_repair_generation(const struct shard *shard)
{
    uint64_t generation = shard->generation.generation;
    return generation > 0 ? generation : shard->options.generation;
}

static struct repair_stand repair_stand_of(const struct shard *shard)
{
    return (struct repair_stand){.site_id = shard->options.site_id,
                                 .incarnation = shard->options.incarnation,
                                 .generation = shard->generation.generation,
                                 .accepted =
                                     shard->generation.accepted ? &shard->generation.repair : NULL,
                                 .active = shard->generation.active,
                                 .last = shard->replica.log.last};
}

/* One thing after the other. */
static bool repair_waits(const struct shard *shard)
{
    return shard->promise_waits || shard->activation_waits || shard->repair_writing;
}

/* ---- Operations ---- */

void shard_repair_report(const struct shard *shard, struct repair_report *report,
                         struct repair *promised)
{
    const struct journal_generation *kept = &shard->generation;
    const struct placement_record *ruling = shard_repair_ruling(shard);
    const struct repair *accepted = kept->accepted ? &kept->repair : NULL;
    struct journal_tail tail;
    journal_persisted(shard->journal, shard->options.shard_id, &tail);
    *report = (struct repair_report){
        .site_id = shard->options.site_id,
        .incarnation = shard->options.incarnation,
        .generation = kept->generation,
        .last = {.log_index = tail.last_log_index, .term = tail.last_term},
        .commit_log_index = shard->replica.commit_log_index,
        .placement = ruling->placement,
        .placement_log_index =
            ruling == &shard->membership.record ? shard->membership.log_index : 0,
        .previous_placement =
            *repair_ruling(accepted, kept->active, &shard->previous_membership.record.placement)};
    memcpy(report->last.chain_hash, tail.last_chain_hash, SEGMENT_HASH_BYTES);
    if (kept->accepted && !kept->active) {
        *promised = kept->repair;
        report->promised = promised;
    }
}

enum status shard_repair_promise(struct shard *shard, const struct repair *repair, uint64_t now_ns)
{
    ASSERT(now_ns >= shard->now_ns);
    shard->now_ns = now_ns;
    if (shard->phase != SHARD_RUNNING || shard->failed != STATUS_OK || repair_waits(shard) ||
        !shard_consensus_settle(shard)) {
        return STATUS_NOT_YET;
    }
    if (replica_halt_is_shards(shard->replica.halt)) {
        return STATUS_FOREIGN; /* What its log is worth is not known. */
    }
    struct repair_stand stand = repair_stand_of(shard);
    enum status status = repair_may_promise(&stand, repair);
    if (status != STATUS_OK) {
        return status;
    }
    if (shard->replica.halt == REPLICA_RUNS) {
        shard_consensus_step(shard, &(struct replica_input){.type = REPLICA_PROMISE});
    }
    ASSERT(shard->replica.halt == REPLICA_HALT_REPAIR);
    shard->promise = *repair;
    shard->promise_waits = true;
    shard_repair_turn(shard);
    return shard->failed;
}

enum status shard_repair_activate(struct shard *shard, uint64_t generation, uint16_t promised,
                                  uint64_t now_ns)
{
    ASSERT(now_ns >= shard->now_ns);
    shard->now_ns = now_ns;
    if (shard->phase != SHARD_RUNNING || shard->failed != STATUS_OK || repair_waits(shard)) {
        return STATUS_NOT_YET;
    }
    struct repair_stand stand = repair_stand_of(shard);
    enum status status = repair_may_activate(&stand, generation, promised);
    if (status != STATUS_OK) {
        return status;
    }
    ASSERT(shard->replica.halt == REPLICA_HALT_REPAIR);
    shard->activation_waits = true;
    shard_repair_turn(shard);
    return shard->failed;
}

/* ---- Turns ---- */

/* What the journal has not taken yet. */
static void repair_write(struct shard *shard)
{
    uint16_t shard_id = shard->options.shard_id;
    enum status status = STATUS_NOT_YET;
    if (shard->promise_waits) {
        status = journal_promise(shard->journal, shard_id, &shard->promise);
    } else if (shard->activation_waits) {
        status = journal_activate(shard->journal, shard_id);
    }
    if (status == STATUS_OK) {
        shard->promise_waits = shard->activation_waits = false;
        shard->repair_writing = true;
    }
    if (status != STATUS_OK && status != STATUS_FULL && status != STATUS_NOT_YET) {
        shard_fail(shard, status);
    }
}

void shard_repair_turn(struct shard *shard)
{
    ASSERT(shard->phase == SHARD_RUNNING);
    if (shard->replica.halt != REPLICA_HALT_REPAIR) {
        return;
    }
    repair_write(shard);
    struct journal_generation now;
    journal_generation(shard->journal, shard->options.shard_id, &now);
    bool changed =
        now.accepted && (now.repair.generation != shard->generation.repair.generation ||
                         now.active != shard->generation.active || !shard->generation.accepted);
    if (!changed) {
        return;
    }
    shard->repair_writing = false;
    shard_repair_load(shard);
    if (shard->generation.active) {
        /* Both records stand behind all that was appended: so that is durable, too. */
        shard_recover_again(shard);
    }
}
