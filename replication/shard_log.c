/* Segments as they stand in a shard's log: what the chain does not say, and where the log ends. */
#include <string.h>

#include "matching/base/assertion.h"
#include "replication/shard_inside.h"

enum replica_entry_kind shard_log_kind(const struct segment *segment)
{
    if ((segment->flags & SEGMENT_OPENS_TERM) != 0) {
        return REPLICA_ENTRY_OPENING;
    }
    return (segment->flags & SEGMENT_PLACEMENT) != 0 ? REPLICA_ENTRY_PLACEMENT
                                                     : REPLICA_ENTRY_COMMANDS;
}

void shard_log_position(const struct segment *segment, struct replica_position *position)
{
    position->log_index = segment->log_index;
    position->term = segment->term;
    static_assert(REPLICA_HASH_BYTES == SEGMENT_HASH_BYTES, "one hash");
    memcpy(position->chain_hash, segment->chain_hash, SEGMENT_HASH_BYTES);
}

/* A term begins with the segment that opens it, which has no commands; commands are numbered
 * without gaps; time does not go back. */
enum status shard_log_check(const struct segment *segment, const struct replica_position *before,
                            uint64_t next_command_sequence, uint64_t last_timestamp_ns,
                            struct placement_record *record)
{
    ASSERT(segment->log_index == before->log_index + 1);
    enum replica_entry_kind kind = shard_log_kind(segment);
    bool opens = kind == REPLICA_ENTRY_OPENING;
    if (segment->term < before->term || opens != (segment->term > before->term) ||
        (opens && segment->command_count > 0) ||
        (kind == REPLICA_ENTRY_COMMANDS && segment->command_count == 0) ||
        segment->first_command_sequence != next_command_sequence) {
        return STATUS_BAD_CHAIN;
    }
    if (segment->base_timestamp_ns < last_timestamp_ns) {
        return STATUS_BAD_FORMAT;
    }
    if (kind != REPLICA_ENTRY_PLACEMENT) {
        return STATUS_OK;
    }
    if (segment->codec != CODEC_STORED || segment->raw_bytes != segment->stored_bytes) {
        return STATUS_BAD_FORMAT;
    }
    return placement_record_load(record, segment->payload, segment->stored_bytes);
}

void shard_log_placed(struct shard *shard, const struct placement_record *record)
{
    ASSERT(placement_voters(&record->placement) != 0);
    for (uint32_t at = 0; at < SITES_MAX; at++) {
        if (record->placement.sites[at].role != PLACEMENT_ABSENT) {
            shard_trust(shard, record->placement.sites[at].public_key);
        }
    }
    if (shard->peers.placed != NULL) {
        shard->peers.placed(shard->peers.context, shard->options.shard_id, record);
    }
}

void shard_log_extend(struct shard *shard, const struct segment *segment,
                      const struct placement_record *record)
{
    ASSERT(segment->log_index == shard->last_log_index + 1);
    ASSERT(segment->term >= shard->last_term);
    shard->last_log_index = segment->log_index;
    shard->last_term = segment->term;
    memcpy(shard->last_chain_hash, segment->chain_hash, SEGMENT_HASH_BYTES);
    shard->next_command_sequence = segment->first_command_sequence + segment->command_count;
    shard->last_timestamp_ns = segment->base_timestamp_ns;
    shard->records_logged += shard->phase == SHARD_RUNNING ? segment->command_count : 0;
    if (shard_log_kind(segment) == REPLICA_ENTRY_PLACEMENT) {
        shard->previous_membership = shard->membership;
        shard->membership =
            (struct shard_membership){.log_index = segment->log_index, .record = *record};
        shard_log_placed(shard, record);
    }
}

void shard_log_cut(struct shard *shard)
{
    struct journal_tail tail;
    journal_appended(shard->journal, shard->options.shard_id, &tail);
    ASSERT(tail.last_log_index < shard->last_log_index);
    shard->last_log_index = tail.last_log_index;
    shard->last_term = tail.last_term;
    memcpy(shard->last_chain_hash, tail.last_chain_hash, SEGMENT_HASH_BYTES);
    shard->next_command_sequence = tail.next_command_sequence;
    shard->last_timestamp_ns = tail.last_timestamp_ns;
    if (shard->membership.log_index > tail.last_log_index) {
        /* A change is only made after the one before is committed, so a cut takes the last alone.
         */
        shard->membership = shard->previous_membership;
        ASSERT(shard->membership.log_index <= tail.last_log_index);
    }
    shard->outbox_count = 0;
}

enum status shard_log_read(struct shard *shard, uint64_t log_index, struct segment *segment)
{
    size_t bytes = 0;
    enum status status = journal_read(shard->journal, shard->options.shard_id, log_index,
                                      shard->scratch, SEGMENT_BYTES_MAX, &bytes);
    if (status != STATUS_OK) {
        return status;
    }
    status = segment_open(segment, shard->scratch, bytes);
    if (status == STATUS_OK && segment->log_index != log_index) {
        return STATUS_BAD_CHAIN;
    }
    return status;
}
