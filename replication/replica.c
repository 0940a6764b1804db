#include "replication/replica.h"

#include <stddef.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "replication/replica_inside.h"

/* Five times: an election lasts about three round trips, and a delayed heartbeat starts none. */
#define ELECTION_ROUND_TRIPS 5u
#define HEARTBEATS           4u
/* Three times: the next wait may be longer than the longest so far, and a heartbeat is under way.
 */
#define ELECTION_LATES 3u
#define LATE_HALF_NS   UINT64_C(10000000000)
/* A process that was stopped on purpose must not make everybody slow to notice the next loss: with
 * an upper bound of 2 s, an election after it begins within 1.33 s. */
#define ELECTION_LATE_SHARE 3u

static_assert(REPLICA_MESSAGES_MAX >= (SITES_MAX - 1) * (REPLICA_BURST_MAX + 2u) + 2u,
              "a burst, a heartbeat and news of the commit to each, and two besides");

void replica_init(struct replica *replica, const struct replica_options *options,
                  const struct replica_start *start)
{
    ASSERT(options->site_id >= 1 && options->site_id <= SITES_MAX);
    ASSERT(options->in_flight_messages_max >= 1);
    ASSERT(options->in_flight_messages_max <= REPLICA_IN_FLIGHT_MAX);
    ASSERT(options->in_flight_bytes_max > 0 && options->batch_bytes_max > 0);
    ASSERT(options->batch_entries_max >= 1);
    ASSERT(options->batch_entries_max <= REPLICA_BATCH_ENTRIES_MAX);
    ASSERT(options->election_ns_min >= REPLICA_ELECTION_NS_MIN);
    ASSERT(options->election_ns_max <= REPLICA_ELECTION_NS_MAX);
    ASSERT(options->election_ns_min <= options->election_ns_max);
    memset(replica, 0, sizeof *replica);
    replica->options = *options;
    replica_log_init(&replica->log, options->slots, options->slots_max, &start->before);
    replica->term = start->term > start->before.term ? start->term : start->before.term;
    replica->voted_site_id = replica->term == start->term ? start->voted_site_id : 0;
    replica->persisted_term = replica->term;
    replica->persisted_vote = replica->voted_site_id;
    replica->persisted = start->before;
    replica->commit_log_index = start->commit_log_index;
    replica->snapshot = start->snapshot;
    replica->first_log_index = start->first_log_index;
    replica->fenced = start->fenced;
    replica->fence_due_ns = start->fence_due_ns;
    replica->placement = start->placement;
    replica->placement_log_index = start->placement_log_index;
    replica->previous_placement = start->previous_placement;
    if (start->repair != NULL && start->repair_active) {
        replica_membership_repair(replica, start->repair);
    } else if (start->repair != NULL) {
        replica_stop(replica, REPLICA_HALT_REPAIR);
    }
}

void replica_restore(struct replica *replica, const struct replica_position *position,
                     uint32_t segment_bytes)
{
    ASSERT(replica->now_ns == 0);
    ASSERT(replica->persisted.log_index == replica->log.last.log_index);
    replica_log_append(&replica->log, position, segment_bytes, 0);
    replica->persisted = *position;
    if (position->term > replica->term) {
        /* The journal holds a term's record before its segments; were it otherwise, this term has
         * been seen, and a vote in it is not known to be free: none is left (rule 3). */
        replica->term = position->term;
        replica->voted_site_id = replica->options.site_id;
        replica->persisted_term = replica->term;
        replica->persisted_vote = replica->voted_site_id;
    }
}

uint64_t replica_told_round_trip_ns(const struct replica *replica)
{
    uint64_t late_ns = replica->late_ns * ELECTION_LATES / ELECTION_ROUND_TRIPS;
    ASSERT(late_ns <= replica->options.election_ns_max);
    return late_ns > replica->round_trip_ns ? late_ns : replica->round_trip_ns;
}

uint64_t replica_election_ns(const struct replica *replica)
{
    const struct replica_options *options = &replica->options;
    uint64_t round_trip_ns = replica_told_round_trip_ns(replica);
    uint64_t limit = options->election_ns_max / ELECTION_ROUND_TRIPS;
    if (round_trip_ns >= limit) {
        return options->election_ns_max;
    }
    uint64_t timeout_ns = round_trip_ns * ELECTION_ROUND_TRIPS;
    return timeout_ns > options->election_ns_min ? timeout_ns : options->election_ns_min;
}

/* How long this process was kept from running, and that it becomes less true with time. */
static void replica_be_late(struct replica *replica, uint64_t late_ns)
{
    uint64_t most_ns = replica->options.election_ns_max / ELECTION_LATE_SHARE / ELECTION_LATES;
    uint64_t bounded_ns = late_ns < most_ns ? late_ns : most_ns;
    while (replica->late_ns > 0 && replica->now_ns - replica->late_since_ns >= LATE_HALF_NS) {
        replica->late_ns /= 2;
        replica->late_since_ns += LATE_HALF_NS;
    }
    if (bounded_ns > replica->late_ns) {
        replica->late_ns = bounded_ns;
        replica->late_since_ns = replica->now_ns;
    }
    ASSERT(replica->late_ns <= most_ns);
}

uint64_t replica_heartbeat_ns(const struct replica *replica)
{
    uint64_t heartbeat_ns = replica_election_ns(replica) / HEARTBEATS;
    ASSERT(heartbeat_ns > 0);
    return heartbeat_ns;
}

void replica_delay_election(struct replica *replica)
{
    uint64_t timeout_ns = replica_election_ns(replica);
    ASSERT(timeout_ns > 0);
    replica->election_due_ns = replica->now_ns + timeout_ns + replica->random % timeout_ns;
}

struct replica_message *replica_send(struct replica *replica, struct replica_output *output,
                                     enum replica_message_type type, uint8_t site_id)
{
    ASSERT(output->message_count < REPLICA_MESSAGES_MAX);
    ASSERT(site_id != replica->options.site_id);
    struct replica_message *message = &output->messages[output->message_count++];
    memset(message, 0, sizeof *message);
    message->type = (uint8_t)type;
    message->from_site_id = replica->options.site_id;
    message->to_site_id = site_id;
    message->generation = replica->options.generation;
    message->from_incarnation = replica->options.incarnation;
    message->term = replica->term;
    return message;
}

void replica_follow(struct replica *replica, struct replica_output *output, uint8_t leader_site_id)
{
    bool new_leader = leader_site_id != replica->leader_site_id;
    if (replica->role != REPLICA_FOLLOWER || new_leader) {
        output->role_changed = true;
    }
    if (replica->role != REPLICA_FOLLOWER) {
        replica_delay_election(replica);
    }
    if (replica->role == REPLICA_LEADER) {
        replica->placement_waits = false;
        replica->transfer_site_id = 0;
    }
    if (new_leader) {
        /* Rule 2: what has been matched was matched with another leader. */
        replica->matched = (struct replica_position){0};
        replica->leader_commit_log_index = 0;
        replica->reply_waits = false;
        replica->replied_log_index = 0;
        replica->offered = (struct replica_position){0};
    }
    replica->role = REPLICA_FOLLOWER;
    replica->transferred = false;
    replica->leader_site_id = leader_site_id;
}

void replica_raise_term(struct replica *replica, struct replica_output *output, uint64_t term)
{
    ASSERT(term > replica->term);
    replica_follow(replica, output, 0);
    replica->term = term;
    replica->voted_site_id = 0;
    replica->vote_reply_site_id = 0;
    output->role_changed = true;
    output->vote = true;
}

bool replica_halt_is_shards(enum replica_halt halt)
{
    switch (halt) {
    case REPLICA_RUNS:
    case REPLICA_HALT_DISK:
    case REPLICA_HALT_GENERATION:
    case REPLICA_HALT_REPAIR:
        return false;
    case REPLICA_HALT_COMMITTED_CONFLICT:
    case REPLICA_HALT_TWO_LEADERS:
    case REPLICA_HALT_HASHES:
        return true;
    }
    ASSERT(false);
    return false;
}

void replica_stop(struct replica *replica, enum replica_halt halt)
{
    ASSERT(halt != REPLICA_RUNS);
    if (replica->halt == REPLICA_RUNS) {
        replica->halt = halt;
    }
}

/* Messages that may tell of a higher term without making it ours: the asker of a pre-vote has not
 * entered it, and a campaign is first weighed against the leader at hand. */
static bool replica_raises(const struct replica_message *message)
{
    switch ((enum replica_message_type)message->type) {
    case REPLICA_PRE_VOTE:
    case REPLICA_VOTE:
        return false;
    case REPLICA_PRE_VOTE_REPLY:
        return !message->granted;
    case REPLICA_VOTE_REPLY:
    case REPLICA_APPEND:
    case REPLICA_APPEND_REPLY:
    case REPLICA_SNAPSHOT:
    case REPLICA_CAMPAIGN:
        return true;
    case REPLICA_MESSAGE_TYPE_COUNT:
        break;
    }
    ASSERT(false);
    return false;
}

/* Answers are counted, so they must come from the very journal that the membership names (rule 4):
 * a lost one does not come back under an old name. Questions may come from a member that took this
 * place since: whoever lags behind must hear a leader that it does not know yet, and can vote for
 * one. They prove themselves by their log; and nobody campaigns or leads under a name that is not
 * its own (election_is_eligible()). */
static bool replica_counts(const struct replica_message *message)
{
    switch ((enum replica_message_type)message->type) {
    case REPLICA_PRE_VOTE_REPLY:
    case REPLICA_VOTE_REPLY:
    case REPLICA_APPEND_REPLY:
        return true;
    case REPLICA_PRE_VOTE:
    case REPLICA_VOTE:
    case REPLICA_APPEND:
    case REPLICA_SNAPSHOT:
    case REPLICA_CAMPAIGN:
        return false;
    case REPLICA_MESSAGE_TYPE_COUNT:
        break;
    }
    ASSERT(false);
    return false;
}

/* Whether a message comes from where it says, and from our time. */
static bool replica_message_ours(struct replica *replica, struct replica_output *output,
                                 const struct replica_message *message)
{
    if (!replica_message_valid(message) || message->to_site_id != replica->options.site_id) {
        return false;
    }
    if (message->generation < replica->options.generation) {
        /* Somebody back from the dead: any answer carries our generation and stops it. Who has not
         * yet had a term has no answer. */
        if (replica->persisted_term > 0) {
            replica_send(replica, output, REPLICA_PRE_VOTE_REPLY, message->from_site_id)->term =
                replica->persisted_term;
        }
        return false;
    }
    const struct placement_site *site = &replica->placement.sites[message->from_site_id - 1];
    if (site->role != PLACEMENT_ABSENT && site->incarnation != message->from_incarnation &&
        replica_counts(message)) {
        return false;
    }
    if (message->generation > replica->options.generation) {
        /* The others were told that this is off. Not so when one says it who is no member: a site
         * that was removed would stop the shard with a word. After a repair it counts all the same:
         * those who were given up may have been repaired as well, without this one. Nothing else of
         * it is taken. */
        if (site->role != PLACEMENT_ABSENT || replica->repaired) {
            replica_stop(replica, REPLICA_HALT_GENERATION);
        }
        return false;
    }
    return true;
}

static void replica_receive(struct replica *replica, struct replica_output *output,
                            const struct replica_message *message)
{
    if (!replica_message_ours(replica, output, message)) {
        return;
    }
    if (message->halted) { /* Nobody may go on without that voice. */
        if (placement_role_of(&replica->placement, message->from_site_id) == PLACEMENT_VOTER &&
            !replica_audit_is_past(replica, message)) {
            replica_stop(replica, REPLICA_HALT_HASHES);
        }
        return;
    }
    if (message->term > replica->term && replica_raises(message)) {
        replica_raise_term(replica, output, message->term);
    }
    switch ((enum replica_message_type)message->type) {
    case REPLICA_PRE_VOTE:
    case REPLICA_PRE_VOTE_REPLY:
    case REPLICA_VOTE:
    case REPLICA_VOTE_REPLY:
    case REPLICA_CAMPAIGN:
        replica_election_receive(replica, output, message);
        return;
    case REPLICA_APPEND:
    case REPLICA_SNAPSHOT:
        replica_follower_receive(replica, output, message);
        return;
    case REPLICA_APPEND_REPLY:
        replica_leader_reply(replica, output, message);
        return;
    case REPLICA_MESSAGE_TYPE_COUNT:
        break;
    }
    ASSERT(false);
}

/* What the journal has made durable. The tail that it reports may still be one that has since been
 * cut off: it is ours only where the chain says so (rule 1), and only from the term of the last cut
 * on, since the same segments may have been cut off, replaced and put back before that. */
static void replica_persisted(struct replica *replica, struct replica_output *output,
                              const struct replica_input *input)
{
    ASSERT(input->term <= replica->term);
    if (input->term >= replica->persisted_term) {
        replica->persisted_term = input->term;
        replica->persisted_vote = input->voted_site_id;
    }
    struct replica_position own;
    if (input->term >= replica->cut_term &&
        replica_log_find(&replica->log, input->persisted.log_index, &own) &&
        replica_message_same_chain(&own, &input->persisted) &&
        (own.log_index >= replica->persisted.log_index || replica->installing)) {
        replica->persisted = own;
        replica->installing = false;
    }
    replica_election_persisted(replica, output);
    if (replica->role == REPLICA_LEADER) {
        replica_leader_persisted(replica, output);
    } else {
        replica_follower_persisted(replica, output);
    }
}

static void replica_dispatch(struct replica *replica, struct replica_output *output,
                             const struct replica_input *input)
{
    switch (input->type) {
    case REPLICA_TICK:
        if (replica->role == REPLICA_LEADER) {
            replica_duty_tick(replica, output);
        } else {
            replica_election_tick(replica, output);
        }
        return;
    case REPLICA_RECEIVE:
        replica_receive(replica, output, input->message);
        return;
    case REPLICA_PERSISTED:
        replica_persisted(replica, output, input);
        return;
    case REPLICA_APPENDED:
        replica_leader_appended(replica, output, &input->entry);
        return;
    case REPLICA_HEADERS:
        replica_leader_headers(replica, output, input);
        return;
    case REPLICA_TRANSFER:
        replica_duty_transfer(replica, output, input->site_id);
        return;
    case REPLICA_MEMBERSHIP:
        replica_membership_change(replica, output, input->placement);
        return;
    case REPLICA_OFFER:
        replica->snapshot = input->persisted;
        replica->first_log_index = input->first_log_index;
        return;
    case REPLICA_INSTALL:
        replica_follower_install(replica, output, input);
        return;
    case REPLICA_APPLIED:
        replica_audit_applied(replica, output, &input->audit);
        return;
    case REPLICA_REBUILT:
        /* The leader goes on saying so until it has heard of the hashes from now on. */
        replica->fenced = false;
        replica->fence_due_ns = replica->now_ns + replica_election_ns(replica);
        return;
    case REPLICA_PROMISE:
        /* What this log holds now is what was reported: nothing may change it or speak for it. */
        replica_follow(replica, output, 0);
        replica_stop(replica, REPLICA_HALT_REPAIR);
        return;
    case REPLICA_DISK_ERROR:
        replica_stop(replica, REPLICA_HALT_DISK); /* Rule 4. */
        return;
    }
    ASSERT(false);
}

/* Rule 9: no hash has a majority. All members hear of it from who finds out, and whoever asks later
 * hears it again: a leader that does not know would take this one for silent, judge nothing, and go
 * on with others that disagree. Who has only heard of it answers, and tells nobody else. */
static void replica_tell_halt(struct replica *replica, struct replica_output *output,
                              const struct replica_message *asked, bool now)
{
    ASSERT(replica->halt == REPLICA_HALT_HASHES);
    if (replica->persisted_term == 0) {
        return; /* It has been in no term that it may name. */
    }
    for (uint8_t site_id = 1; site_id <= SITES_MAX; site_id++) {
        bool member = placement_role_of(&replica->placement, site_id) != PLACEMENT_ABSENT;
        bool asks = asked != NULL && asked->from_site_id == site_id && !asked->halted &&
                    replica_message_valid(asked) && asked->to_site_id == replica->options.site_id;
        if (member && site_id != replica->options.site_id && (now || asks)) {
            struct replica_message *message =
                replica_send(replica, output, REPLICA_APPEND_REPLY, site_id);
            message->term = replica->persisted_term;
            message->halted = true;
        }
    }
}

void replica_rebuild(struct replica *replica)
{
    ASSERT(replica->options.site_id != 0);
    replica_audit_begin(replica);
}

void replica_step(struct replica *replica, const struct replica_input *input,
                  struct replica_output *output)
{
    ASSERT(input->now_ns >= replica->now_ns);
    ASSERT(input->now_ns > 0);
    if (replica->now_ns == 0) { /* The first step. */
        replica->now_ns = input->now_ns;
        replica->random = input->random;
        replica_delay_election(replica);
        if (placement_elects(&replica->placement, replica_bit(replica->options.site_id))) {
            replica->election_due_ns = replica->now_ns; /* The only voter waits for nobody. */
        }
    }
    replica->now_ns = input->now_ns;
    replica->random = input->random;
    replica->unfit = input->unfit;
    replica_be_late(replica, input->late_ns);
    /* Everything but the messages themselves, which message_count bounds. */
    memset(output, 0, offsetof(struct replica_output, messages));
    memset(&output->message_count, 0,
           sizeof *output - offsetof(struct replica_output, message_count));
    bool ran = replica->halt == REPLICA_RUNS;
    if (ran) {
        replica_dispatch(replica, output, input);
    }
    if (replica->halt != REPLICA_RUNS) {
        /* Rule 4 and its like: nothing goes out any more, nothing is made durable. */
        output->vote = false;
        output->truncate = false;
        output->install = false;
        output->accepted_count = 0;
        output->message_count = 0;
        output->headers_wanted_count = 0;
    }
    if (replica->halt == REPLICA_HALT_HASHES) {
        bool received = input->type == REPLICA_RECEIVE;
        replica_tell_halt(replica, output, received ? input->message : NULL,
                          ran && replica->halt_judged);
    }
    output->term = replica->term;
    output->voted_site_id = replica->voted_site_id;
    output->commit_log_index = replica->commit_log_index;
    output->halt = replica->halt;
    ASSERT(replica->persisted.log_index <= replica->log.last.log_index || replica->installing);
}

/* Whether the oldest uncommitted segment has yet to become too old (rule 5). */
static bool replica_may_grow_old(const struct replica *replica,
                                 const struct replica_log_slot *oldest)
{
    uint64_t age_ns_max = replica->options.uncommitted_age_ns_max;
    return age_ns_max < UINT64_MAX - oldest->sealed_ns &&
           replica->now_ns - oldest->sealed_ns <= age_ns_max;
}

uint64_t replica_due_ns(const struct replica *replica)
{
    if (replica->halt != REPLICA_RUNS) {
        return UINT64_MAX;
    }
    if (replica->role != REPLICA_LEADER) {
        return replica->election_due_ns;
    }
    uint16_t members = placement_members(&replica->placement);
    bool alone = members == replica_bit(replica->options.site_id);
    uint64_t heartbeat_ns = replica_heartbeat_ns(replica);
    uint64_t due_ns = alone ? UINT64_MAX : replica->now_ns + heartbeat_ns;
    const struct replica_log_slot *oldest =
        replica_log_slot_of(&replica->log, replica->commit_log_index + 1);
    if (oldest != NULL && replica_may_grow_old(replica, oldest) &&
        oldest->sealed_ns + replica->options.uncommitted_age_ns_max < due_ns) {
        /* From then on nothing more is sealed (replica_seal_position()). */
        due_ns = oldest->sealed_ns + replica->options.uncommitted_age_ns_max + 1;
    }
    uint16_t others = (uint16_t)(members & ~replica_bit(replica->options.site_id));
    for (; others != 0; others = (uint16_t)(others & (others - 1u))) {
        uint64_t next_ns = replica->progress[__builtin_ctz(others)].sent_ns + heartbeat_ns;
        due_ns = next_ns < due_ns ? next_ns : due_ns;
    }
    return due_ns;
}

bool replica_serves(const struct replica *replica)
{
    return replica->halt == REPLICA_RUNS && replica->role == REPLICA_LEADER && !replica->fenced &&
           replica->commit_log_index >= replica->term_first_log_index;
}
