/* Recovery: execute what the journal holds, after checking that it is one unbroken log. */
#include <string.h>

#include "matching/base/assertion.h"
#include "replication/shard_inside.h"

/* Work of one call: so many records, and so many for each segment whatever it holds. */
#define RECOVER_RECORDS       32768u
#define RECOVER_SEGMENT_EXTRA 256u

/* Read the next segment and check that it stands where it says. */
static enum status recover_read(struct shard *shard, bool head)
{
    uint64_t log_index = shard->last_log_index + 1;
    size_t bytes = 0;
    enum status status = journal_read(shard->journal, shard->options.shard_id, log_index,
                                      shard->sealed, SEGMENT_BYTES_MAX, &bytes);
    if (status != STATUS_OK) {
        return status;
    }
    struct segment *segment = &shard->segment;
    status = segment_open(segment, shard->sealed, bytes);
    if (status != STATUS_OK) {
        return status;
    }
    status = segment_verify_chain(segment, shard->options.cluster_id, shard->options.shard_id,
                                  shard->last_log_index, shard->last_chain_hash);
    if (status != STATUS_OK) {
        return status;
    }
    status = segment_verify_payload(segment);
    if (status == STATUS_OK && head) { /* Its chain hash stands for all before it. */
        status = segment_verify_signature(segment, shard->sealed, shard->options.verifiers,
                                          shard->options.verifier_count);
    }
    if (status != STATUS_OK) {
        return status;
    }
    /* What the hash chain does not say: a term begins with the segment that opens it, and commands
     * are numbered without gaps. */
    bool opens = (segment->flags & SEGMENT_OPENS_TERM) != 0;
    if (segment->term < shard->last_term || opens != (segment->term > shard->last_term) ||
        (opens && segment->command_count > 0) ||
        segment->first_command_sequence != shard->next_command_sequence) {
        return STATUS_BAD_CHAIN;
    }
    return STATUS_OK;
}

/* Unpack the segment that was read and check its records' times: they never go back. */
static enum status recover_unpack(struct shard *shard, uint64_t *last_timestamp_ns)
{
    const struct segment *segment = &shard->segment;
    const struct shard_machine *machine = &shard->machine;
    *last_timestamp_ns = segment->base_timestamp_ns;
    if (segment->base_timestamp_ns < shard->last_timestamp_ns) {
        return STATUS_BAD_FORMAT;
    }
    if (segment->command_count == 0) {
        return STATUS_OK;
    }
    enum status status = codec_decompress(shard->codec, shard->raw, segment->raw_bytes,
                                          segment->codec, segment->payload, segment->stored_bytes);
    if (status != STATUS_OK) {
        return status;
    }
    status = machine->unpack(machine->context, shard->recovered, segment->command_count, shard->raw,
                             segment->raw_bytes, segment->base_timestamp_ns);
    if (status != STATUS_OK) {
        return status;
    }
    for (uint32_t at = 0; at < segment->command_count; at++) {
        const uint8_t *record = shard->recovered + (size_t)at * machine->record_bytes;
        uint64_t timestamp_ns = machine->timestamp_ns(machine->context, record);
        if (timestamp_ns < *last_timestamp_ns) {
            return STATUS_BAD_FORMAT;
        }
        *last_timestamp_ns = timestamp_ns;
    }
    return STATUS_OK;
}

/* Only after everything has been checked: execute the records and move on. */
static void recover_apply(struct shard *shard, uint64_t last_timestamp_ns)
{
    const struct segment *segment = &shard->segment;
    const struct shard_machine *machine = &shard->machine;
    for (uint32_t at = 0; at < segment->command_count; at++) {
        machine->apply(machine->context, shard->next_command_sequence,
                       shard->recovered + (size_t)at * machine->record_bytes);
        shard->next_command_sequence++;
    }
    shard->last_log_index = segment->log_index;
    shard->last_term = segment->term;
    shard->last_timestamp_ns = last_timestamp_ns;
    memcpy(shard->last_chain_hash, segment->chain_hash, SEGMENT_HASH_BYTES);
    shard->applied_log_index = segment->log_index;
    shard->applied_command_sequence = shard->next_command_sequence - 1;
    memcpy(shard->applied_chain_hash, segment->chain_hash, SEGMENT_HASH_BYTES);
}

/* The journal's own account of its end must be the one that was found on the way there. */
static enum status recover_finish(struct shard *shard, const struct journal_tail *tail)
{
    if (tail->last_log_index > 0 &&
        (tail->last_term != shard->last_term ||
         tail->next_command_sequence != shard->next_command_sequence ||
         memcmp(tail->last_chain_hash, shard->last_chain_hash, SEGMENT_HASH_BYTES) != 0)) {
        return STATUS_BAD_CHAIN;
    }
    shard->phase = SHARD_RECOVERED;
    return STATUS_OK;
}

enum status shard_recover(struct shard *shard, uint64_t *log_index)
{
    ASSERT(shard->phase == SHARD_RECOVERING);
    *log_index = shard->applied_log_index;
    if (shard->failed != STATUS_OK) {
        return shard->failed;
    }
    struct journal_tail tail;
    journal_persisted(shard->journal, shard->options.shard_id, &tail);
    if (tail.last_log_index > 0 && tail.first_log_index > shard->applied_log_index + 1) {
        shard->failed = STATUS_NOT_FOUND; /* What stands before the oldest segment is not here. */
        return shard->failed;
    }
    shard->persisted_log_index = tail.last_log_index;
    shard->commit.matched_log_index[0] = tail.last_log_index;
    shard->committed_log_index = commit_log_index(&shard->commit, shard->committed_log_index);
    uint32_t work = 0;
    while (shard->applied_log_index < shard->committed_log_index && work < RECOVER_RECORDS) {
        uint64_t last_timestamp_ns = 0;
        enum status status = recover_read(shard, shard->last_log_index + 1 == tail.last_log_index);
        if (status == STATUS_OK) {
            status = recover_unpack(shard, &last_timestamp_ns);
        }
        if (status != STATUS_OK) {
            shard->failed = status;
            return status;
        }
        recover_apply(shard, last_timestamp_ns);
        *log_index = shard->applied_log_index;
        work += shard->segment.command_count + RECOVER_SEGMENT_EXTRA;
    }
    if (shard->applied_log_index < shard->committed_log_index) {
        return STATUS_MORE;
    }
    shard->failed = recover_finish(shard, &tail);
    return shard->failed;
}
