/* What a leader looks after as time passes: heartbeats, its quorum, transfers, preference. */
#include "matching/base/assertion.h"
#include "replication/replica_inside.h"

/* A preferred site may be this far behind and still be well: what is under way. */
#define PREFERRED_LAG_MAX 64u

static bool duty_heard_within(const struct replica *replica, uint8_t site_id, uint64_t ns)
{
    if (site_id == replica->options.site_id) {
        return true;
    }
    const struct replica_progress *progress = &replica->progress[site_id - 1];
    ASSERT(progress->heard_ns <= replica->now_ns);
    return progress->heard && replica->now_ns - progress->heard_ns < ns;
}

static bool duty_heard_lately(const struct replica *replica, uint8_t site_id)
{
    return duty_heard_within(replica, site_id, replica_election_ns(replica));
}

uint16_t replica_duty_heard(const struct replica *replica)
{
    ASSERT(replica->role == REPLICA_LEADER);
    uint64_t election_ns = replica_election_ns(replica);
    uint16_t heard = 0;
    for (uint16_t voters = placement_voters(&replica->placement); voters != 0;
         voters = (uint16_t)(voters & (voters - 1u))) {
        uint8_t site_id = (uint8_t)(__builtin_ctz(voters) + 1);
        if (duty_heard_within(replica, site_id, election_ns)) {
            heard = (uint16_t)(heard | replica_bit(site_id));
        }
    }
    return heard;
}

/* A leader that hears no election majority leaves: somebody else may lead there. Providers do not
 * matter here, or elections would never end while one is lost. */
static bool duty_check_quorum(struct replica *replica, struct replica_output *output)
{
    if (placement_elects(&replica->placement, replica_duty_heard(replica))) {
        replica->quorum_heard_ns = replica->now_ns;
        return true;
    }
    if (replica->now_ns - replica->quorum_heard_ns < replica_election_ns(replica)) {
        return true;
    }
    replica_follow(replica, output, 0);
    return false;
}

/* ---- Transfer ---- */

static bool duty_may_lead(const struct replica *replica, uint8_t site_id)
{
    return site_id != replica->options.site_id &&
           placement_role_of(&replica->placement, site_id) == PLACEMENT_VOTER &&
           duty_heard_lately(replica, site_id) && !replica->progress[site_id - 1].fenced;
}

void replica_duty_hand_over(struct replica *replica, struct replica_output *output)
{
    ASSERT(replica->role == REPLICA_LEADER);
    uint8_t site_id = replica->transfer_site_id;
    if (site_id != 0 &&
        replica->progress[site_id - 1].matched_log_index == replica->log.last.log_index) {
        replica_send(replica, output, REPLICA_CAMPAIGN, site_id);
    }
}

static void duty_begin_transfer(struct replica *replica, struct replica_output *output,
                                uint8_t site_id)
{
    ASSERT(replica->transfer_site_id == 0);
    ASSERT(duty_may_lead(replica, site_id));
    replica->transfer_site_id = site_id; /* Nothing more is sealed until it ends. */
    replica->transfer_due_ns = replica->now_ns + replica_election_ns(replica);
    replica_duty_hand_over(replica, output);
}

void replica_duty_transfer(struct replica *replica, struct replica_output *output, uint8_t site_id)
{
    ASSERT(site_id >= 1 && site_id <= SITES_MAX);
    if (replica->role != REPLICA_LEADER) {
        output->refusal = REPLICA_REFUSED_NOT_LEADER;
    } else if (!replica_serves(replica)) {
        output->refusal = REPLICA_REFUSED_NOT_SERVING;
    } else if (replica->transfer_site_id != 0 || replica->placement_waits) {
        output->refusal = REPLICA_REFUSED_BUSY;
    } else if (!duty_may_lead(replica, site_id)) {
        output->refusal = REPLICA_REFUSED_SITE;
    } else {
        duty_begin_transfer(replica, output, site_id);
    }
}

/* Leadership moves to the first site of the list that is well, once it has been for a while. */
static void duty_prefer(struct replica *replica, struct replica_output *output)
{
    uint8_t better = 0;
    for (uint32_t at = 0; at < SITES_MAX && better == 0; at++) {
        uint8_t site_id = replica->placement.preferred_site_ids[at];
        if (site_id == 0 || site_id == replica->options.site_id) {
            break;
        }
        const struct replica_progress *progress = &replica->progress[site_id - 1];
        if ((replica->unfit & replica_bit(site_id)) == 0 && duty_may_lead(replica, site_id) &&
            progress->state == REPLICA_PROGRESS_STREAM &&
            progress->matched_log_index + PREFERRED_LAG_MAX >= replica->log.last.log_index) {
            better = site_id;
        }
    }
    if (better != replica->better_site_id) {
        replica->better_site_id = better;
        replica->better_since_ns = replica->now_ns;
    }
    if (better != 0 && replica_serves(replica) && replica->transfer_site_id == 0 &&
        !replica->placement_waits &&
        replica->now_ns - replica->better_since_ns >= replica->options.preference_hold_ns) {
        replica->better_since_ns = replica->now_ns; /* If it fails, not before as long again. */
        duty_begin_transfer(replica, output, better);
    }
}

void replica_duty_tick(struct replica *replica, struct replica_output *output)
{
    ASSERT(replica->role == REPLICA_LEADER);
    if (!duty_check_quorum(replica, output)) {
        return;
    }
    if (replica->transfer_site_id != 0 && replica->now_ns >= replica->transfer_due_ns) {
        replica->transfer_site_id = 0; /* It did not happen: go on leading. */
    }
    uint16_t members = placement_members(&replica->placement);
    for (uint8_t site_id = 1; site_id <= SITES_MAX; site_id++) {
        struct replica_progress *progress = &replica->progress[site_id - 1];
        if (site_id == replica->options.site_id || (members & replica_bit(site_id)) == 0 ||
            replica->now_ns - progress->sent_ns < replica_heartbeat_ns(replica)) {
            continue;
        }
        replica_leader_touch(replica, output, site_id);
    }
    replica_duty_hand_over(replica, output);
    duty_prefer(replica, output);
}
