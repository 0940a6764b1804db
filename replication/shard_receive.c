/* What comes in from other sites. Nothing that is not verified reaches the replica (DESIGN 5). */
#include <string.h>

#include "matching/base/assertion.h"
#include "replication/shard_inside.h"

/* Open the message's segments and check each by itself and in the chain of the others. */
static bool receive_open(struct shard *shard, const struct replica_message *message,
                         size_t segments_bytes)
{
    struct replica_position before = message->position;
    size_t offset = 0;
    for (uint32_t at = 0; at < message->entry_count; at++) {
        struct segment *segment = &shard->received[at];
        if (segment_open(segment, shard->inbox + offset, segments_bytes - offset) != STATUS_OK ||
            segment_verify_chain(segment, shard->options.cluster_id, shard->options.shard_id,
                                 before.log_index, before.chain_hash) != STATUS_OK ||
            segment->term > message->term || segment_verify_payload(segment) != STATUS_OK) {
            return false;
        }
        struct replica_entry *entry = &shard->entries[at];
        *entry = (struct replica_entry){.segment_bytes = (uint32_t)segment_bytes(segment),
                                        .kind = (uint8_t)shard_log_kind(segment)};
        shard_log_position(segment, &entry->position);
        before = entry->position;
        offset += segment_bytes(segment);
    }
    return offset == segments_bytes;
}

/* Where the segments that are new here begin. Those before them have been verified already: their
 * chain is ours. */
static uint32_t receive_known(const struct shard *shard, const struct replica_message *message)
{
    uint32_t at = 0;
    struct replica_position own;
    while (at < message->entry_count &&
           replica_log_find(&shard->replica.log, shard->entries[at].position.log_index, &own) &&
           replica_message_same_chain(&own, &shard->entries[at].position)) {
        at++;
    }
    return at;
}

/* What stands before segment `at`: the end of ours, a segment of this message, or one of the
 * journal. False: it is not here, and the message will not match. */
static bool receive_before(struct shard *shard, const struct replica_message *message, uint32_t at,
                           uint64_t *next_command_sequence, uint64_t *last_timestamp_ns)
{
    struct segment segment;
    const struct segment *before = &segment;
    const struct replica_position *position = &message->position;
    if (at > 0) {
        before = &shard->received[at - 1];
    } else if (position->log_index == shard->last_log_index) {
        *next_command_sequence = shard->next_command_sequence;
        *last_timestamp_ns = shard->last_timestamp_ns;
        return memcmp(position->chain_hash, shard->last_chain_hash, SEGMENT_HASH_BYTES) == 0;
    } else if (position->log_index == shard->base.last_log_index) {
        *next_command_sequence = shard->base.next_command_sequence;
        *last_timestamp_ns = shard->base.last_timestamp_ns;
        return memcmp(position->chain_hash, shard->base.last_chain_hash, SEGMENT_HASH_BYTES) == 0;
    } else if (position->log_index == 0) {
        /* Nothing does. Here a snapshot was installed since the leader last heard of this log. */
        *next_command_sequence = 1;
        *last_timestamp_ns = 0;
        return true;
    } else if (position->log_index > shard->last_log_index ||
               shard_log_read(shard, position->log_index, &segment) != STATUS_OK ||
               memcmp(segment.chain_hash, position->chain_hash, SEGMENT_HASH_BYTES) != 0) {
        return false;
    }
    *next_command_sequence = before->first_command_sequence + before->command_count;
    *last_timestamp_ns = before->base_timestamp_ns;
    return true;
}

/* Check the segments that are new here against the rules of a log, and their signatures. A key that
 * is not known here is no offence: its site joined later than this log goes, or by a membership of
 * this very message. Then the message ends before, after `*good` segments, and the answer tells the
 * leader where to go on. */
static bool receive_check(struct shard *shard, const struct replica_message *message,
                          uint32_t *good)
{
    *good = message->entry_count;
    uint32_t first = receive_known(shard, message);
    uint64_t next_command_sequence = 0;
    uint64_t last_timestamp_ns = 0;
    if (first == message->entry_count) {
        return true;
    }
    bool matches =
        receive_before(shard, message, first, &next_command_sequence, &last_timestamp_ns);
    struct replica_position before =
        first > 0 ? shard->entries[first - 1].position : message->position;
    for (uint32_t at = first; at < message->entry_count; at++) {
        const struct segment *segment = &shard->received[at];
        const uint8_t *source = segment->payload - SEGMENT_HEADER_BYTES;
        if (!matches) { /* Only what it says of itself counts: it will be asked for again. */
            next_command_sequence = segment->first_command_sequence;
            last_timestamp_ns = 0; /* What stands here instead may bear a later time. */
            matches = true;
        }
        if (shard_log_check(segment, &before, next_command_sequence, last_timestamp_ns,
                            &shard->placements[at]) != STATUS_OK) {
            return false;
        }
        enum status status =
            segment_verify_signature(segment, source, shard->verifiers, shard->verifier_count);
        if (status == STATUS_UNKNOWN_KEY) {
            *good = at;
            return true;
        }
        if (status != STATUS_OK) {
            return false;
        }
        shard->entries[at].placement = &shard->placements[at].placement;
        next_command_sequence += segment->command_count;
        last_timestamp_ns = segment->base_timestamp_ns;
        before = shard->entries[at].position;
    }
    return true;
}

/* Those that are known already need no check, but placements among them are read all the same. */
static bool receive_placements(struct shard *shard, const struct replica_message *message)
{
    for (uint32_t at = 0; at < message->entry_count; at++) {
        struct replica_entry *entry = &shard->entries[at];
        if (entry->kind == REPLICA_ENTRY_PLACEMENT && entry->placement == NULL) {
            const struct segment *segment = &shard->received[at];
            if (placement_record_load(&shard->placements[at], segment->payload,
                                      segment->stored_bytes) != STATUS_OK) {
                return false;
            }
            entry->placement = &shard->placements[at].placement;
        } else if (entry->kind != REPLICA_ENTRY_PLACEMENT) {
            entry->placement = NULL;
        }
    }
    return true;
}

void shard_receive(struct shard *shard, const struct replica_message *message,
                   const uint8_t *segments, size_t segments_bytes, uint64_t now_ns,
                   uint64_t wall_ns)
{
    ASSERT(message->entries == NULL);
    ASSERT(now_ns >= shard->now_ns);
    shard->now_ns = now_ns;
    shard->wall_ns = wall_ns;
    if (shard->phase != SHARD_RUNNING || !shard_consensus_settle(shard)) {
        return; /* It comes again. */
    }
    struct replica_message received = *message;
    shard->received_count = 0;
    if (segments_bytes > shard_inbox_bytes(&shard->options) ||
        message->entry_count > REPLICA_BATCH_ENTRIES_MAX ||
        (message->entry_count == 0) != (segments_bytes == 0)) {
        shard->messages_refused++;
        return;
    }
    if (message->entry_count > 0) {
        memcpy(shard->inbox, segments, segments_bytes);
        if (!receive_open(shard, message, segments_bytes) ||
            !receive_check(shard, message, &received.entry_count) ||
            !receive_placements(shard, &received)) {
            shard->messages_refused++;
            return;
        }
        shard->messages_refused += received.entry_count < message->entry_count;
        received.entries = received.entry_count > 0 ? shard->entries : NULL;
        shard->received_count = received.entry_count;
        shard->segments_received += received.entry_count;
    }
    if (message->type == REPLICA_APPEND_REPLY && message->sent_ns != 0 &&
        shard->replica.role == REPLICA_LEADER && message->term == shard->replica.term &&
        message->from_site_id >= 1 && message->from_site_id <= SITES_MAX) {
        cluster_clock_sample(&shard->clock, message->from_site_id, message->sent_ns, now_ns,
                             message->wall_ns);
    }
    struct replica_input input = {.type = REPLICA_RECEIVE, .message = &received};
    shard_consensus_step(shard, &input);
}

enum status shard_receive_append(struct shard *shard)
{
    struct shard_pending *pending = &shard->pending;
    ASSERT(pending->append_end <= shard->received_count);
    while (pending->append_next < pending->append_end) {
        const struct segment *segment = &shard->received[pending->append_next];
        ASSERT(segment->first_command_sequence == shard->next_command_sequence);
        enum status status = journal_append(shard->journal, segment->payload - SEGMENT_HEADER_BYTES,
                                            segment, segment->base_timestamp_ns);
        if (status != STATUS_OK) {
            return status;
        }
        shard_log_extend(shard, segment, &shard->placements[pending->append_next]);
        pending->append_next++;
    }
    return STATUS_OK;
}
