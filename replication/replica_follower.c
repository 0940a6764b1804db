/* A follower's log: matching, truncation, acknowledgement, commit, snapshots. */
#include <string.h>

#include "matching/base/assertion.h"
#include "replication/replica_inside.h"

/* What may be acknowledged: durable here and matched with this leader in this term (rule 2). */
static const struct replica_position *follower_acknowledged(const struct replica *replica)
{
    bool durable = replica->matched.log_index <= replica->persisted.log_index;
    return durable ? &replica->matched : &replica->persisted;
}

/* Commit is the lesser of what the leader says and what is acknowledged (rule 2). */
static void follower_commit(struct replica *replica, struct replica_output *output)
{
    uint64_t limit = follower_acknowledged(replica)->log_index;
    uint64_t log_index =
        replica->leader_commit_log_index < limit ? replica->leader_commit_log_index : limit;
    if (log_index > replica->commit_log_index) {
        replica->commit_log_index = log_index;
        replica_membership_committed(replica, output);
    }
}

static struct replica_message *follower_reply(struct replica *replica,
                                              struct replica_output *output)
{
    ASSERT(replica->leader_site_id != 0);
    /* The term is durable before anything is said in it (rule 3). */
    ASSERT(replica->persisted_term == replica->term);
    struct replica_message *reply =
        replica_send(replica, output, REPLICA_APPEND_REPLY, replica->leader_site_id);
    reply->position = *follower_acknowledged(replica);
    replica_audit_latest(replica, &reply->audit);
    replica->reply_waits = false;
    replica->replied_log_index = reply->position.log_index;
    return reply;
}

/* Answer now if the term is durable; else when it is. */
static void follower_answer(struct replica *replica, struct replica_output *output,
                            uint64_t echo_ns)
{
    if (replica->persisted_term == replica->term && !replica->installing) {
        follower_reply(replica, output)->sent_ns = echo_ns;
    } else {
        replica->reply_waits = true;
    }
}

/* The hint is a place that this log has in memory. */
static void follower_reject_at(struct replica *replica, struct replica_output *output,
                               uint64_t rejected_log_index, uint64_t hint_log_index)
{
    if (replica->persisted_term != replica->term || replica->installing) {
        return; /* The leader asks again. */
    }
    struct replica_message *reply = follower_reply(replica, output);
    struct replica_position at = {0};
    bool known = replica_log_find(&replica->log, hint_log_index, &at);
    ASSERT(known);
    reply->rejected = true;
    reply->rejected_log_index = rejected_log_index;
    reply->hint_log_index = hint_log_index;
    reply->hint_term = at.term;
}

static void follower_reject(struct replica *replica, struct replica_output *output,
                            uint64_t rejected_log_index, uint64_t rejected_term)
{
    /* Rule 6, conflict-term backtracking: skip whole terms that the leader cannot have here. What
     * is below the headers in memory was committed long ago (replica_seal_position()). */
    uint64_t hint = replica_log_find_term(&replica->log, rejected_log_index, rejected_term);
    if (hint < replica->log.before.log_index) {
        hint = replica->log.before.log_index;
    }
    follower_reject_at(replica, output, rejected_log_index, hint);
}

static void follower_fork(struct replica_output *output, const struct replica_position *own,
                          const struct replica_message *message,
                          const struct replica_position *other)
{
    output->forked = true;
    output->fork = (struct replica_fork){*own, *other, message->from_site_id};
}

enum follower_match {
    FOLLOWER_EQUAL,
    FOLLOWER_DIFFERENT, /* Another term: an ordinary tail. */
    FOLLOWER_FORK,      /* The same term and other bytes (rule 1). */
    FOLLOWER_BEYOND,    /* Above our log. */
    FOLLOWER_UNKNOWN,   /* Below the headers in memory. */
};

static enum follower_match follower_compare(const struct replica *replica,
                                            const struct replica_position *theirs,
                                            struct replica_position *own)
{
    if (theirs->log_index > replica->log.last.log_index) {
        return FOLLOWER_BEYOND;
    }
    if (!replica_log_find(&replica->log, theirs->log_index, own)) {
        return FOLLOWER_UNKNOWN;
    }
    if (replica_message_same_chain(own, theirs)) { /* Rule 1: the chain decides. */
        return own->term == theirs->term ? FOLLOWER_EQUAL : FOLLOWER_FORK;
    }
    return own->term == theirs->term ? FOLLOWER_FORK : FOLLOWER_DIFFERENT;
}

/* Drop our log behind `last`: another leader's tail that was never committed. It goes out as
 * evidence (rule 8). False: it is committed here; then somebody is wrong and nothing is dropped. */
static bool follower_truncate(struct replica *replica, struct replica_output *output,
                              const struct replica_position *last)
{
    ASSERT(last->log_index < replica->log.last.log_index);
    if (last->log_index < replica->commit_log_index) {
        replica_stop(replica, REPLICA_HALT_COMMITTED_CONFLICT);
        return false;
    }
    output->truncate = true;
    output->truncate_log_index = last->log_index + 1;
    output->truncated_last = replica->log.last;
    replica_log_cut(&replica->log, last);
    replica_membership_cut(replica, last->log_index + 1);
    replica->cut_term = replica->term;
    if (replica->persisted.log_index > last->log_index) {
        replica->persisted = *last;
    }
    return true;
}

/* Go through the entries behind a position that matches: pass over those that are here, drop ours
 * where they differ, take the rest. False: stop, without an acknowledgement. */
static bool follower_take(struct replica *replica, struct replica_output *output,
                          const struct replica_message *message)
{
    const struct replica_position *before = &message->position;
    uint32_t at = 0;
    for (; at < message->entry_count; at++) {
        const struct replica_position *theirs = &message->entries[at].position;
        struct replica_position own;
        enum follower_match match = follower_compare(replica, theirs, &own);
        if (match == FOLLOWER_BEYOND) {
            break;
        }
        if (match == FOLLOWER_FORK) {
            follower_fork(output, &own, message, theirs);
            return false;
        }
        if (match == FOLLOWER_DIFFERENT) {
            if (!follower_truncate(replica, output, before)) {
                return false;
            }
            break;
        }
        ASSERT(match == FOLLOWER_EQUAL);
        before = theirs;
    }
    output->accepted_first = at;
    output->accepted_count = message->entry_count - at;
    for (; at < message->entry_count; at++) {
        const struct replica_entry *entry = &message->entries[at];
        replica_log_append(&replica->log, &entry->position, entry->segment_bytes, 0);
        if (entry->kind == REPLICA_ENTRY_PLACEMENT) {
            replica_membership_take(replica, entry->placement, entry->position.log_index);
        }
        before = &entry->position;
    }
    if (before->log_index > replica->matched.log_index) {
        replica->matched = *before;
    }
    return true;
}

static void follower_append(struct replica *replica, struct replica_output *output,
                            const struct replica_message *message)
{
    if (message->position.log_index + message->entry_count <= replica->matched.log_index) {
        /* Late or twice: nothing in it is news, but for the leader's commit. */
        follower_answer(replica, output, message->sent_ns);
        follower_commit(replica, output);
        return;
    }
    struct replica_position own;
    switch (follower_compare(replica, &message->position, &own)) {
    case FOLLOWER_EQUAL:
        break;
    case FOLLOWER_FORK:
        follower_fork(output, &own, message, &message->position);
        if (own.log_index > replica->log.before.log_index) {
            /* A claim proves nothing: the leader is asked for the bytes. */
            follower_reject_at(replica, output, own.log_index, own.log_index - 1);
        }
        return;
    case FOLLOWER_DIFFERENT:
        if (message->position.log_index <= replica->commit_log_index) {
            replica_stop(replica, REPLICA_HALT_COMMITTED_CONFLICT);
            return;
        }
        follower_reject(replica, output, message->position.log_index, message->position.term);
        return;
    case FOLLOWER_BEYOND:
    case FOLLOWER_UNKNOWN:
        follower_reject(replica, output, message->position.log_index, message->position.term);
        return;
    }
    if (!follower_take(replica, output, message)) {
        return;
    }
    /* New segments are answered when they are durable, everything else at once. */
    if (output->accepted_count > 0) {
        replica->reply_waits = true;
    } else {
        follower_answer(replica, output, message->sent_ns);
    }
    follower_commit(replica, output);
}

static void follower_snapshot(struct replica *replica, struct replica_output *output,
                              const struct replica_message *message)
{
    const struct replica_position *snapshot = &message->position;
    struct replica_position own;
    bool here = replica_log_find(&replica->log, snapshot->log_index, &own) &&
                replica_message_same_chain(&own, snapshot);
    if (here || snapshot->log_index <= replica->commit_log_index) {
        /* It stands in our log: the leader may go on from there. */
        follower_reject(replica, output, snapshot->log_index, snapshot->term);
        return;
    }
    replica->offered = *snapshot;
    output->snapshot_wanted = true;
    output->snapshot = *snapshot;
    output->snapshot_site_id = message->from_site_id;
    follower_answer(replica, output, message->sent_ns);
}

static bool follower_was_offered(const struct replica *replica, const struct replica_position *base)
{
    return replica->offered.log_index == base->log_index &&
           replica_message_same_chain(&replica->offered, base);
}

/* A snapshot stands for committed segments whoever made it, but it must never take away a log that
 * goes on behind it: there may be acknowledged segments (rule 2). After a repair it may be one of a
 * leader that was given up, of segments that the repair did not keep: then only what a leader of
 * this generation has offered counts. */
void replica_follower_install(struct replica *replica, struct replica_output *output,
                              const struct replica_input *input)
{
    const struct replica_position *base = &input->persisted;
    struct replica_position own;
    bool behind = base->log_index > replica->log.last.log_index;
    bool other = replica_log_find(&replica->log, base->log_index, &own) &&
                 !replica_message_same_chain(&own, base);
    if (replica->role == REPLICA_LEADER || replica->installing ||
        base->log_index <= replica->commit_log_index || base->term > replica->term ||
        !(behind || other) || (replica->repaired && !follower_was_offered(replica, base))) {
        return;
    }
    output->install = true;
    if (replica->log.last.log_index > replica->commit_log_index) {
        /* What is not committed here goes out as evidence, as in a truncation (rule 8). */
        output->truncated_last = replica->log.last;
        output->truncate_log_index = replica->commit_log_index + 1;
    }
    struct replica_log_slot *slots = replica->log.slots;
    replica_log_init(&replica->log, slots, replica->log.slots_max, base);
    replica_membership_install(replica, input->placement, input->placement_log_index);
    replica->cut_term = replica->term;
    replica->installing = true;
    replica_audit_begin(replica);
    replica->snapshot = *base;
    replica->first_log_index = base->log_index + 1;
    replica->commit_log_index = base->log_index;
    if (replica->leader_site_id != 0 && follower_was_offered(replica, base)) {
        replica->matched = *base; /* Only this leader's offer is a match with it. */
    } else {
        replica->matched = (struct replica_position){0};
    }
}

void replica_follower_receive(struct replica *replica, struct replica_output *output,
                              const struct replica_message *message)
{
    if (message->term < replica->term) {
        /* The leader learns of the term and leaves: it is stale, or this voter has been ahead. */
        if (replica->persisted_term == replica->term) {
            replica_send(replica, output, REPLICA_APPEND_REPLY, message->from_site_id)->rejected =
                true;
        }
        return;
    }
    ASSERT(message->term == replica->term);
    if (replica->role == REPLICA_LEADER ||
        (replica->leader_site_id != 0 && replica->leader_site_id != message->from_site_id)) {
        replica_stop(replica, REPLICA_HALT_TWO_LEADERS);
        return;
    }
    replica_follow(replica, output, message->from_site_id);
    replica->leader_heard_ns = replica->now_ns;
    replica->round_trip_ns = message->round_trip_ns;
    replica_delay_election(replica);
    if (message->commit_log_index > replica->leader_commit_log_index) {
        replica->leader_commit_log_index = message->commit_log_index;
    }
    replica_audit_receive(replica, output, message);
    if (replica->installing) {
        return; /* Until the base is durable there is no log to compare with. */
    }
    if (message->type == REPLICA_SNAPSHOT) {
        follower_snapshot(replica, output, message);
    } else {
        follower_append(replica, output, message);
    }
}

void replica_follower_persisted(struct replica *replica, struct replica_output *output)
{
    if (replica->leader_site_id == 0 || replica->persisted_term != replica->term ||
        replica->installing) {
        return;
    }
    ASSERT(replica->role == REPLICA_FOLLOWER);
    if (follower_acknowledged(replica)->log_index > replica->replied_log_index ||
        replica->reply_waits) {
        (void)follower_reply(replica, output);
    }
    follower_commit(replica, output);
}
