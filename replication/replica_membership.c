/* Membership: one change at a time, in force from where it stands in the log (DESIGN 6, rule 7).
 * After a quorum repair the repaired one rules from outside the log, until the log holds it: what
 * is older than that (by epoch) rules no more, wherever it stands. */
#include <stddef.h>

#include "matching/base/assertion.h"
#include "replication/replica_inside.h"

/* The placements as they are, or the repaired one in place of older ones. */
static void membership_raise(struct replica *replica)
{
    const struct placement *repaired = &replica->repair_placement;
    if (!replica->repaired) {
        return;
    }
    if (replica->placement.epoch < repaired->epoch) {
        replica->placement = *repaired;
        replica->placement_log_index = 0;
        replica->repair_logged = false;
    }
    if (replica->previous_placement.epoch < repaired->epoch) {
        replica->previous_placement = *repaired;
    }
    ASSERT(placement_voters(&replica->placement) != 0);
}

/* A placement stands in the log at `log_index`. */
static void membership_log(struct replica *replica, const struct placement *placement,
                           uint64_t log_index)
{
    ASSERT(log_index <= replica->log.last.log_index);
    if (replica->repaired && placement->epoch >= replica->repair_placement.epoch) {
        bool itself = placement->epoch == replica->repair_placement.epoch;
        replica->repair_log_index = itself ? log_index : replica->repair_log_index;
        replica->repair_logged = true;
    }
}

void replica_membership_repair(struct replica *replica, const struct repair *repair)
{
    ASSERT(!replica->repaired);
    ASSERT(repair->generation == replica->options.generation);
    replica->repaired = true;
    replica->repair_placement = repair->after;
    replica->kept = repair->kept;
    replica->repair_logged = replica->placement.epoch >= repair->after.epoch;
    if (replica->placement.epoch == repair->after.epoch) {
        replica->repair_log_index = replica->placement_log_index;
    }
    membership_raise(replica);
}

bool replica_membership_kept(const struct replica *replica, const struct replica_position *last)
{
    const struct replica_position *kept = &replica->kept;
    ASSERT(replica->repaired || kept->log_index == 0);
    return last->term > kept->term ||
           (last->term == kept->term && last->log_index >= kept->log_index);
}

void replica_membership_begin(struct replica *replica)
{
    ASSERT(replica->role == REPLICA_LEADER);
    ASSERT(!replica->repair_logged || replica->repaired);
    replica->placement_waits = replica->repaired && !replica->repair_logged;
    if (replica->placement_waits) {
        replica->wanted_placement = replica->repair_placement;
    }
}

void replica_membership_install(struct replica *replica, const struct placement *placement,
                                uint64_t log_index)
{
    ASSERT(replica->role != REPLICA_LEADER);
    ASSERT(log_index <= replica->log.last.log_index);
    replica->placement = *placement;
    replica->placement_log_index = log_index;
    replica->previous_placement = *placement;
    replica->repair_log_index = 0;
    membership_log(replica, placement, log_index);
    membership_raise(replica);
}

void replica_membership_take(struct replica *replica, const struct placement *placement,
                             uint64_t log_index)
{
    ASSERT(log_index <= replica->log.last.log_index);
    if (replica->repaired && placement->epoch < replica->repair_placement.epoch) {
        return;
    }
    membership_log(replica, placement, log_index);
    for (uint8_t site_id = 1; site_id <= SITES_MAX; site_id++) {
        if (replica->role == REPLICA_LEADER &&
            placement_role_of(&replica->placement, site_id) == PLACEMENT_ABSENT) {
            replica_progress_begin(&replica->progress[site_id - 1], log_index, replica->now_ns);
        }
    }
    replica->previous_placement = replica->placement;
    replica->placement = *placement;
    replica->placement_log_index = log_index;
}

/* A change is only made after the one before is committed, so a cut takes at most the last. */
void replica_membership_cut(struct replica *replica, uint64_t log_index)
{
    if (replica->placement_log_index < log_index) {
        return;
    }
    ASSERT(replica->role != REPLICA_LEADER);
    if (replica->repair_log_index >= log_index) {
        replica->repair_log_index = 0;
        replica->repair_logged = false;
    }
    replica->placement = replica->previous_placement;
    replica->placement_log_index = 0;
}

uint8_t replica_membership_commit_providers(const struct replica *replica)
{
    uint8_t old = replica->previous_placement.commit_providers;
    uint8_t new = replica->placement.commit_providers;
    bool settled = replica->placement_log_index <= replica->commit_log_index;
    return settled || new > old ? new : old;
}

/* Whether a step would make a voter of a site that is far behind: commits would wait for it. Or of
 * one that computes something else: the hashes of those that are right might have no majority any
 * more, and all would halt. */
static bool membership_behind(const struct replica *replica, const struct placement *placement)
{
    for (uint8_t site_id = 1; site_id <= SITES_MAX; site_id++) {
        const struct replica_progress *progress = &replica->progress[site_id - 1];
        if (placement_role_of(placement, site_id) == PLACEMENT_VOTER &&
            placement_role_of(&replica->placement, site_id) == PLACEMENT_LEARNER &&
            site_id != replica->options.site_id &&
            (!progress->heard || progress->fenced ||
             progress->matched_log_index + REPLICA_PROMOTE_LAG_MAX < replica->log.last.log_index)) {
            return true;
        }
    }
    return false;
}

void replica_membership_change(struct replica *replica, struct replica_output *output,
                               const struct placement *placement)
{
    ASSERT(placement != NULL);
    if (replica->role != REPLICA_LEADER) {
        output->refusal = REPLICA_REFUSED_NOT_LEADER;
        return;
    }
    if (!replica_serves(replica)) {
        /* Rule 5: not before a segment of the own term is committed, or two leaders could each
         * count a majority of another membership. */
        output->refusal = REPLICA_REFUSED_NOT_SERVING;
        return;
    }
    if (replica->placement_waits || replica->transfer_site_id != 0 ||
        replica->placement_log_index > replica->commit_log_index) {
        output->refusal = REPLICA_REFUSED_BUSY;
        return;
    }
    output->verdict = placement_judge_step(&replica->placement, placement);
    if (output->verdict.rule != PLACEMENT_GOOD) {
        output->refusal = REPLICA_REFUSED_PLACEMENT;
        return;
    }
    if (membership_behind(replica, placement)) {
        output->refusal = REPLICA_REFUSED_LEARNER_BEHIND;
        return;
    }
    replica->placement_waits = true;
    replica->wanted_placement = *placement;
}

/* The voter that is furthest, to lead after this one. */
static uint8_t membership_heir(const struct replica *replica)
{
    uint16_t heard = replica_duty_heard(replica);
    uint8_t heir = 0;
    for (uint8_t site_id = 1; site_id <= SITES_MAX; site_id++) {
        if ((heard & replica_bit(site_id)) == 0 || site_id == replica->options.site_id) {
            continue;
        }
        if (heir == 0 || replica->progress[site_id - 1].matched_log_index >
                             replica->progress[heir - 1].matched_log_index) {
            heir = site_id;
        }
    }
    return heir;
}

void replica_membership_committed(struct replica *replica, struct replica_output *output)
{
    if (replica->role != REPLICA_LEADER ||
        replica->placement_log_index > replica->commit_log_index ||
        placement_role_of(&replica->placement, replica->options.site_id) == PLACEMENT_VOTER) {
        return;
    }
    uint8_t heir = membership_heir(replica);
    if (heir != 0) {
        replica_send(replica, output, REPLICA_CAMPAIGN, heir);
    }
    replica_follow(replica, output, 0);
}
