/* Elections: pre-vote, vote, transfer. They use durable state only (DESIGN 6, rule 3). */
#include <string.h>

#include "matching/base/assertion.h"
#include "replication/replica_inside.h"

/* Whether a candidate whose log ends at `last` has everything that may have been committed with our
 * help: compared with what is durable here, since only that has ever been acknowledged, and no
 * acknowledgement to an earlier leader is made once a vote has been given (rules 2, 3). */
static bool election_is_fresh(const struct replica *replica, const struct replica_position *last)
{
    const struct replica_position *own = &replica->persisted;
    if (!replica_membership_kept(replica, last)) {
        return false; /* A repair kept more than this. */
    }
    return last->term > own->term || (last->term == own->term && last->log_index >= own->log_index);
}

/* Whether a leader is at work as far as is known here: then nobody else is wanted. */
static bool election_is_sticky(const struct replica *replica)
{
    if (replica->role == REPLICA_LEADER) {
        return true;
    }
    return replica->leader_site_id != 0 &&
           replica->now_ns - replica->leader_heard_ns < replica_election_ns(replica);
}

/* Whether a membership has this very journal as a voter, not one that was there before (rule 4). */
static bool election_is_voter(const struct replica *replica, const struct placement *placement)
{
    uint8_t site_id = replica->options.site_id;
    return placement_role_of(placement, site_id) == PLACEMENT_VOTER &&
           placement->sites[site_id - 1].incarnation == replica->options.incarnation;
}

/* Whether it is this replica's turn at all. One whose own demotion is not known to be committed
 * still campaigns, for the votes of the others: it may be the only one that has what they lack
 * (Ongaro's dissertation, 4.2.2). */
static bool election_is_eligible(const struct replica *replica)
{
    return election_is_voter(replica, &replica->placement) ||
           (replica->placement_log_index > replica->commit_log_index &&
            election_is_voter(replica, &replica->previous_placement));
}

/* Only what is durable may stand for election, so the whole log must be (rule 3); a replica that
 * computes other events than the majority cannot lead (rule 9). */
static bool election_may_campaign(const struct replica *replica)
{
    return election_is_eligible(replica) && !replica->fenced && !replica->installing &&
           replica->persisted.log_index == replica->log.last.log_index &&
           replica->persisted_term == replica->term &&
           replica_membership_kept(replica, &replica->persisted);
}

static void election_ask(struct replica *replica, struct replica_output *output,
                         enum replica_message_type type)
{
    uint16_t voters = placement_voters(&replica->placement);
    ASSERT(voters != 0);
    for (uint8_t site_id = 1; site_id <= SITES_MAX; site_id++) {
        if (site_id == replica->options.site_id || (voters & replica_bit(site_id)) == 0) {
            continue;
        }
        struct replica_message *message = replica_send(replica, output, type, site_id);
        message->position = replica->persisted;
        message->transfer = replica->transferred;
        if (type == REPLICA_PRE_VOTE) {
            message->term = replica->term + 1;
        }
    }
}

/* Enter the next term and vote for itself; the others are asked when that is durable (rule 3). */
static void election_campaign(struct replica *replica, struct replica_output *output)
{
    ASSERT(election_may_campaign(replica));
    bool transferred = replica->transferred;
    replica_raise_term(replica, output, replica->term + 1);
    replica->transferred = transferred;
    replica->role = REPLICA_CANDIDATE;
    replica->voted_site_id = replica->options.site_id;
    replica->votes = 0;
    replica_delay_election(replica);
}

static void election_pre_campaign(struct replica *replica, struct replica_output *output)
{
    ASSERT(election_may_campaign(replica));
    replica_follow(replica, output, 0);
    replica->role = REPLICA_PRE_CANDIDATE;
    replica->votes = replica_bit(replica->options.site_id);
    output->role_changed = true;
    replica_delay_election(replica);
    if (placement_elects(&replica->placement, replica->votes)) {
        election_campaign(replica, output); /* The only voter. */
    } else {
        election_ask(replica, output, REPLICA_PRE_VOTE);
    }
}

void replica_election_tick(struct replica *replica, struct replica_output *output)
{
    ASSERT(replica->role != REPLICA_LEADER);
    if (replica->now_ns < replica->election_due_ns) {
        return;
    }
    if (!election_may_campaign(replica)) {
        replica_delay_election(replica);
        return;
    }
    replica->transferred = false;
    election_pre_campaign(replica, output);
}

static void election_pre_vote(struct replica *replica, struct replica_output *output,
                              const struct replica_message *message)
{
    bool granted = message->term > replica->term && !election_is_sticky(replica) &&
                   election_is_fresh(replica, &message->position) && !replica->installing;
    struct replica_message *reply =
        replica_send(replica, output, REPLICA_PRE_VOTE_REPLY, message->from_site_id);
    reply->granted = granted;
    reply->term = granted ? message->term : replica->term;
}

static void election_vote_reply(struct replica *replica, struct replica_output *output,
                                uint8_t site_id, bool granted)
{
    /* A vote counts elsewhere only once it is durable here (rule 3). */
    ASSERT(!granted || replica->persisted_term == replica->term);
    ASSERT(!granted || replica->persisted_vote == site_id);
    replica_send(replica, output, REPLICA_VOTE_REPLY, site_id)->granted = granted;
}

static void election_vote(struct replica *replica, struct replica_output *output,
                          const struct replica_message *message)
{
    uint8_t site_id = message->from_site_id;
    if (message->term > replica->term) {
        if (!message->transfer && election_is_sticky(replica)) {
            return; /* A transfer skips this, and nothing else (rule 3). */
        }
        replica_raise_term(replica, output, message->term);
    }
    if (message->term < replica->term || replica->role != REPLICA_FOLLOWER ||
        (replica->voted_site_id != 0 && replica->voted_site_id != site_id) ||
        replica->leader_site_id != 0 || !election_is_fresh(replica, &message->position) ||
        replica->installing) {
        election_vote_reply(replica, output, site_id, false);
        return;
    }
    replica_delay_election(replica);
    if (replica->persisted_term == replica->term && replica->persisted_vote == site_id) {
        election_vote_reply(replica, output, site_id, true);
        return;
    }
    if (replica->voted_site_id == 0) {
        replica->voted_site_id = site_id;
        output->vote = true;
    }
    replica->vote_reply_site_id = site_id;
}

/* A leader asks this replica to take over: no pre-vote, everything else as always. */
static void election_transferred(struct replica *replica, struct replica_output *output,
                                 const struct replica_message *message)
{
    if (message->term != replica->term || replica->role != REPLICA_FOLLOWER ||
        replica->leader_site_id != message->from_site_id || !election_may_campaign(replica)) {
        return;
    }
    replica->transferred = true;
    election_campaign(replica, output);
}

static void election_count(struct replica *replica, struct replica_output *output,
                           const struct replica_message *message, bool asked)
{
    if (!asked || !message->granted) {
        return;
    }
    replica->votes = (uint16_t)(replica->votes | replica_bit(message->from_site_id));
    if (!placement_elects(&replica->placement, replica->votes)) {
        return;
    }
    if (replica->role == REPLICA_CANDIDATE) {
        replica_leader_begin(replica, output);
    } else if (election_may_campaign(replica)) {
        election_campaign(replica, output);
    }
}

void replica_election_receive(struct replica *replica, struct replica_output *output,
                              const struct replica_message *message)
{
    switch ((enum replica_message_type)message->type) {
    case REPLICA_PRE_VOTE:
        election_pre_vote(replica, output, message);
        return;
    case REPLICA_PRE_VOTE_REPLY:
        election_count(replica, output, message,
                       replica->role == REPLICA_PRE_CANDIDATE &&
                           message->term == replica->term + 1);
        return;
    case REPLICA_VOTE:
        election_vote(replica, output, message);
        return;
    case REPLICA_VOTE_REPLY:
        /* Counted only beside the own vote, which is durable before anybody is asked. */
        election_count(replica, output, message,
                       replica->role == REPLICA_CANDIDATE && message->term == replica->term &&
                           replica->votes != 0);
        return;
    case REPLICA_CAMPAIGN:
        election_transferred(replica, output, message);
        return;
    case REPLICA_APPEND:
    case REPLICA_APPEND_REPLY:
    case REPLICA_SNAPSHOT:
    case REPLICA_MESSAGE_TYPE_COUNT:
        break;
    }
    ASSERT(false);
}

void replica_election_persisted(struct replica *replica, struct replica_output *output)
{
    if (replica->persisted_term != replica->term ||
        replica->persisted_vote != replica->voted_site_id) {
        return;
    }
    if (replica->vote_reply_site_id != 0) {
        ASSERT(replica->role != REPLICA_CANDIDATE);
        ASSERT(replica->role != REPLICA_LEADER);
        uint8_t site_id = replica->vote_reply_site_id;
        replica->vote_reply_site_id = 0;
        election_vote_reply(replica, output, site_id, true);
    }
    if (replica->role == REPLICA_CANDIDATE && replica->votes == 0) {
        replica->votes = replica_bit(replica->options.site_id);
        if (placement_elects(&replica->placement, replica->votes)) {
            replica_leader_begin(replica, output);
        } else {
            election_ask(replica, output, REPLICA_VOTE);
        }
    }
}
