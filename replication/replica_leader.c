/* A leader's log: what is sealed, sent, answered, committed. */
#include <string.h>

#include "matching/base/assertion.h"
#include "replication/commit.h"
#include "replication/replica_inside.h"

void replica_leader_begin(struct replica *replica, struct replica_output *output)
{
    ASSERT(replica->role == REPLICA_CANDIDATE);
    ASSERT(replica->persisted_term == replica->term); /* Rule 3. */
    ASSERT(replica->persisted_vote == replica->options.site_id);
    ASSERT(replica->persisted.log_index == replica->log.last.log_index);
    replica->role = REPLICA_LEADER;
    replica->leader_site_id = replica->options.site_id;
    replica->planned = replica->transferred;
    replica->transferred = false;
    replica->term_first_log_index = replica->log.last.log_index + 1;
    replica_membership_begin(replica);
    replica->transfer_site_id = 0;
    replica->better_site_id = 0;
    replica->quorum_heard_ns = replica->now_ns;
    for (uint32_t at = 0; at < SITES_MAX; at++) {
        replica_progress_begin(&replica->progress[at], replica->term_first_log_index,
                               replica->now_ns);
    }
    output->role_changed = true;
}

/* Voters whose durable, matching log counts. The own disk is one of them, not a must (rule 5). */
static void leader_commit(struct replica *replica, struct replica_output *output)
{
    /* Only a segment of the own term is counted (rule 5; Raft's Figure 8). */
    struct commit commit = {.term_log_index = replica->term_first_log_index,
                            .commit_providers = replica_membership_commit_providers(replica)};
    for (uint8_t site_id = 1; site_id <= SITES_MAX; site_id++) {
        if (placement_role_of(&replica->placement, site_id) != PLACEMENT_VOTER) {
            continue; /* Learners follow without counting. */
        }
        bool own = site_id == replica->options.site_id;
        commit.matched_log_index[commit.voter_count] =
            own ? replica->persisted.log_index : replica->progress[site_id - 1].matched_log_index;
        commit.provider_id[commit.voter_count] = replica->placement.sites[site_id - 1].provider_id;
        commit.voter_count++;
    }
    uint64_t log_index = commit_log_index(&commit, replica->commit_log_index);
    ASSERT(log_index <= replica->log.last.log_index);
    if (log_index == replica->commit_log_index) {
        return;
    }
    replica->commit_log_index = log_index;
    for (uint8_t site_id = 1; site_id <= SITES_MAX; site_id++) {
        if (site_id != replica->options.site_id &&
            placement_role_of(&replica->placement, site_id) != PLACEMENT_ABSENT &&
            replica->progress[site_id - 1].state == REPLICA_PROGRESS_STREAM) {
            replica_leader_touch(replica, output, site_id);
        }
    }
    replica_membership_committed(replica, output);
}

/* ---- Sending ---- */

static struct replica_message *leader_message(struct replica *replica,
                                              struct replica_output *output,
                                              enum replica_message_type type, uint8_t site_id,
                                              const struct replica_position *position)
{
    struct replica_message *message = replica_send(replica, output, type, site_id);
    message->position = *position;
    message->commit_log_index = replica->commit_log_index;
    message->round_trip_ns = replica_told_round_trip_ns(replica);
    message->fence = replica->progress[site_id - 1].fenced;
    replica_audit_latest(replica, &message->audit);
    return message;
}

/* Bytes that one message to this follower may carry now (rule 6). */
static uint64_t leader_batch_bytes(const struct replica *replica,
                                   const struct replica_progress *progress)
{
    uint64_t bytes = replica->options.batch_bytes_max;
    if (progress->flight_bytes < replica->options.in_flight_bytes_max) {
        uint64_t room = replica->options.in_flight_bytes_max - progress->flight_bytes;
        return bytes < room ? bytes : room;
    }
    return 0;
}

/* Ask the journal for headers that the ring no longer has. */
static void leader_want_headers(struct replica *replica, struct replica_output *output,
                                uint8_t site_id)
{
    ASSERT(output->headers_wanted_count < SITES_MAX);
    struct replica_progress *progress = &replica->progress[site_id - 1];
    ASSERT(progress->next_log_index > 0);
    progress->waits = true;
    output->headers_wanted[output->headers_wanted_count++] =
        (struct replica_headers_wanted){site_id, progress->next_log_index - 1,
                                        replica->options.batch_entries_max + 1};
}

/* One message from the ring. False: nothing more to send now. */
static bool leader_send_one(struct replica *replica, struct replica_output *output, uint8_t site_id)
{
    struct replica_progress *progress = &replica->progress[site_id - 1];
    if (progress->next_log_index > replica->log.last.log_index ||
        !replica_progress_may_send(progress, replica->options.in_flight_messages_max,
                                   replica->options.in_flight_bytes_max)) {
        return false;
    }
    struct replica_position before;
    if (progress->next_log_index < replica->first_log_index ||
        !replica_log_find(&replica->log, progress->next_log_index - 1, &before)) {
        leader_want_headers(replica, output, site_id);
        return false;
    }
    bool probe = progress->state == REPLICA_PROGRESS_PROBE;
    uint32_t count_max = probe ? 1 : replica->options.batch_entries_max;
    uint64_t bytes_max = leader_batch_bytes(replica, progress);
    uint32_t count = 0;
    uint64_t bytes = 0;
    while (count < count_max) {
        const struct replica_log_slot *slot =
            replica_log_slot_of(&replica->log, progress->next_log_index + count);
        if (slot == NULL || (count > 0 && bytes + slot->segment_bytes > bytes_max)) {
            break;
        }
        bytes += slot->segment_bytes;
        count++;
    }
    ASSERT(count > 0);
    leader_message(replica, output, REPLICA_APPEND, site_id, &before)->entry_count = count;
    replica_progress_sent(progress, before.log_index + count, (uint32_t)bytes, replica->now_ns);
    return true;
}

static void leader_send(struct replica *replica, struct replica_output *output, uint8_t site_id)
{
    ASSERT(site_id != replica->options.site_id);
    uint32_t sent = 0;
    while (sent < REPLICA_BURST_MAX && leader_send_one(replica, output, site_id)) {
        sent++;
    }
}

void replica_leader_touch(struct replica *replica, struct replica_output *output, uint8_t site_id)
{
    struct replica_progress *progress = &replica->progress[site_id - 1];
    if (progress->state == REPLICA_PROGRESS_SNAPSHOT) {
        leader_message(replica, output, REPLICA_SNAPSHOT, site_id, &replica->snapshot)->sent_ns =
            replica->now_ns;
        progress->sent_ns = replica->now_ns;
        return;
    }
    struct replica_position before;
    if (!replica_log_find(&replica->log, progress->next_log_index - 1, &before)) {
        leader_want_headers(replica, output, site_id);
        before = replica->log.last; /* Says at least that there is a leader. */
    }
    leader_message(replica, output, REPLICA_APPEND, site_id, &before)->sent_ns = replica->now_ns;
    progress->sent_ns = replica->now_ns;
}

void replica_leader_headers(struct replica *replica, struct replica_output *output,
                            const struct replica_input *input)
{
    ASSERT(input->site_id >= 1 && input->site_id <= SITES_MAX);
    ASSERT(input->entry_count <= REPLICA_BATCH_ENTRIES_MAX + 1);
    struct replica_progress *progress = &replica->progress[input->site_id - 1];
    if (replica->role != REPLICA_LEADER || !progress->waits ||
        progress->state == REPLICA_PROGRESS_SNAPSHOT) {
        return;
    }
    progress->waits = false;
    if (input->entry_count == 0) {
        /* Gone from the journal: only a snapshot helps (rule 6). */
        progress->state = REPLICA_PROGRESS_SNAPSHOT;
        replica_leader_touch(replica, output, input->site_id);
        return;
    }
    const struct replica_position *before = &input->entries[0].position;
    if (before->log_index != progress->next_log_index - 1 ||
        !replica_progress_may_send(progress, replica->options.in_flight_messages_max,
                                   replica->options.in_flight_bytes_max)) {
        return;
    }
    uint64_t bytes_max = leader_batch_bytes(replica, progress);
    bool probe = progress->state == REPLICA_PROGRESS_PROBE;
    uint32_t count = 0;
    uint64_t bytes = 0;
    while (count + 1 < input->entry_count && (count == 0 || !probe)) {
        uint32_t segment_bytes = input->entries[count + 1].segment_bytes;
        if (count > 0 && bytes + segment_bytes > bytes_max) {
            break;
        }
        bytes += segment_bytes;
        count++;
    }
    leader_message(replica, output, REPLICA_APPEND, input->site_id, before)->entry_count = count;
    replica_progress_sent(progress, before->log_index + count, (uint32_t)bytes, replica->now_ns);
    leader_send(replica, output, input->site_id);
}

/* ---- Inputs ---- */

void replica_leader_appended(struct replica *replica, struct replica_output *output,
                             const struct replica_entry *entry)
{
    ASSERT(replica->role == REPLICA_LEADER);
    ASSERT(entry->position.term == replica->term);
    /* Rule 5: a term opens with an empty segment, and with nothing else. */
    ASSERT((entry->kind == REPLICA_ENTRY_OPENING) ==
           (entry->position.log_index == replica->term_first_log_index));
    ASSERT((entry->kind == REPLICA_ENTRY_PLACEMENT) <= replica->placement_waits);
    replica_log_append(&replica->log, &entry->position, entry->segment_bytes, replica->now_ns);
    if (entry->kind == REPLICA_ENTRY_PLACEMENT) {
        replica->placement_waits = false;
        struct placement placement = replica->wanted_placement;
        replica_membership_take(replica, &placement, entry->position.log_index);
    }
    uint16_t members = placement_members(&replica->placement);
    for (uint8_t site_id = 1; site_id <= SITES_MAX; site_id++) {
        if (site_id != replica->options.site_id && (members & replica_bit(site_id)) != 0) {
            leader_send(replica, output, site_id);
        }
    }
}

void replica_leader_persisted(struct replica *replica, struct replica_output *output)
{
    ASSERT(replica->role == REPLICA_LEADER);
    leader_commit(replica, output);
}

static void leader_rejected(struct replica *replica, struct replica_output *output,
                            const struct replica_message *message)
{
    struct replica_progress *progress = &replica->progress[message->from_site_id - 1];
    uint64_t rejected = message->rejected_log_index;
    bool stale = false;
    switch (progress->state) {
    case REPLICA_PROGRESS_PROBE:
        stale = rejected != progress->next_log_index - 1;
        break;
    case REPLICA_PROGRESS_STREAM:
        stale = rejected <= progress->matched_log_index;
        break;
    case REPLICA_PROGRESS_SNAPSHOT:
        rejected++; /* The place of the snapshot itself matches. */
        break;
    }
    bool forth = message->hint_log_index > rejected;
    if (stale || (rejected == 0 && !forth)) {
        return;
    }
    /* Rule 6: back over whole terms, to where both may have the same; or forth, when the question
     * was below what the follower has in memory: also from the very beginning, when it has
     * installed another leader's snapshot since it was asked. */
    uint64_t next =
        replica_log_find_term(&replica->log, message->hint_log_index, message->hint_term) + 1;
    replica_progress_probe(progress, next < rejected || forth ? next : rejected);
    leader_send(replica, output, message->from_site_id);
}

/* Rule 1: an acknowledgement counts only if its chain equals ours. Below the ring it cannot be
 * compared, and need not be: what a commit may still count is in the ring
 * (replica_seal_position()), and the next append to this follower is compared there. */
static bool leader_chain_equal(const struct replica *replica, struct replica_output *output,
                               const struct replica_message *message)
{
    struct replica_position own;
    if (message->position.log_index > replica->log.last.log_index) {
        return false; /* Nobody can hold what has not been sealed. */
    }
    if (!replica_log_find(&replica->log, message->position.log_index, &own)) {
        ASSERT(message->position.log_index < replica->term_first_log_index ||
               message->position.log_index <= replica->commit_log_index);
        return true;
    }
    if (replica_message_same_chain(&own, &message->position)) {
        return true;
    }
    output->forked = true;
    output->fork = (struct replica_fork){own, message->position, message->from_site_id};
    return false;
}

static void leader_heard(struct replica *replica, const struct replica_message *message)
{
    struct replica_progress *progress = &replica->progress[message->from_site_id - 1];
    progress->heard = true;
    progress->heard_ns = replica->now_ns;
    if (message->sent_ns == 0 || message->sent_ns > replica->now_ns) {
        return;
    }
    replica_progress_measure(progress, replica->now_ns - message->sent_ns);
    uint64_t slowest_ns = 0;
    uint16_t heard = replica_duty_heard(replica);
    for (uint8_t site_id = 1; site_id <= SITES_MAX; site_id++) {
        const struct replica_progress *other = &replica->progress[site_id - 1];
        if ((heard & replica_bit(site_id)) != 0 && site_id != replica->options.site_id &&
            other->round_trip_ns > slowest_ns) {
            slowest_ns = other->round_trip_ns;
        }
    }
    if (slowest_ns > 0) {
        replica->round_trip_ns = slowest_ns;
    }
}

void replica_leader_reply(struct replica *replica, struct replica_output *output,
                          const struct replica_message *message)
{
    uint8_t site_id = message->from_site_id;
    if (replica->role != REPLICA_LEADER || message->term != replica->term ||
        placement_role_of(&replica->placement, site_id) == PLACEMENT_ABSENT) {
        return;
    }
    leader_heard(replica, message);
    replica_audit_receive(replica, output, message);
    if (replica->role != REPLICA_LEADER || !leader_chain_equal(replica, output, message)) {
        return;
    }
    struct replica_progress *progress = &replica->progress[site_id - 1];
    bool news = replica_progress_matched(progress, message->position.log_index);
    if (message->rejected) {
        leader_rejected(replica, output, message);
    } else if (progress->state == REPLICA_PROGRESS_PROBE ||
               (progress->state == REPLICA_PROGRESS_SNAPSHOT &&
                progress->matched_log_index >= replica->snapshot.log_index)) {
        /* Go on from what is sure: the answer may be to an older question. */
        replica_progress_probe(progress, progress->matched_log_index + 1);
        progress->state = REPLICA_PROGRESS_STREAM;
    }
    if (news) {
        leader_commit(replica, output);
    }
    if (replica->role == REPLICA_LEADER) {
        leader_send(replica, output, site_id);
        replica_duty_hand_over(replica, output);
    }
}

enum status replica_seal_position(const struct replica *replica, struct replica_seal *seal)
{
    if (replica->role != REPLICA_LEADER || replica->halt != REPLICA_RUNS) {
        return STATUS_NOT_YET;
    }
    const struct replica_position *last = &replica->log.last;
    *seal = (struct replica_seal){.log_index = last->log_index + 1,
                                  .term = replica->term,
                                  .kind = REPLICA_ENTRY_OPENING,
                                  .planned = replica->planned};
    memcpy(seal->previous_chain_hash, last->chain_hash, REPLICA_HASH_BYTES);
    if (last->log_index < replica->term_first_log_index) {
        return STATUS_OK; /* Rule 5: the term opens with an empty segment, whatever else waits. */
    }
    if (!replica_serves(replica) || replica->transfer_site_id != 0) {
        return STATUS_NOT_YET;
    }
    if (last->log_index - replica->commit_log_index >= replica->options.slots_max / 2) {
        return STATUS_FULL; /* All that may still be counted stays in the ring. */
    }
    if (replica->placement_waits) {
        seal->kind = REPLICA_ENTRY_PLACEMENT;
        seal->placement = &replica->wanted_placement;
        seal->repair = replica->repaired && !replica->repair_logged;
        return STATUS_OK;
    }
    seal->kind = REPLICA_ENTRY_COMMANDS;
    /* A leader that lacks only the providers stays, and refuses orders. */
    if (!placement_commits_across(&replica->placement, replica_duty_heard(replica),
                                  replica_membership_commit_providers(replica))) {
        return STATUS_NOT_YET;
    }
    const struct replica_log_slot *oldest =
        replica_log_slot_of(&replica->log, replica->commit_log_index + 1);
    bool old = oldest != NULL &&
               replica->now_ns - oldest->sealed_ns > replica->options.uncommitted_age_ns_max;
    return old ? STATUS_NOT_YET : STATUS_OK; /* Rule 5. */
}
