#include "replication/journal_recovery.h"

#include <inttypes.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "replication/repair_record.h"

void journal_recovery_init(struct journal_recovery *recovery,
                           const struct journal_recovery_options *options,
                           const struct wal_place *place,
                           const struct journal_state states[static SHARDS_MAX])
{
    ASSERT(options->image->ring != NULL);
    ASSERT(place->position < options->image->ring_bytes);
    memset(recovery, 0, sizeof *recovery);
    recovery->options = *options;
    recovery->stored_number = place->number;
    recovery->place = *place;
    memcpy(recovery->states, states, sizeof recovery->states);
    wal_chain_survey(options->image, &recovery->survey);
    recovery->proven = *place;
}

static uint64_t journal_recovery_offset(const struct journal_recovery *recovery)
{
    const struct wal_image *image = recovery->options.image;
    return WAL_HEADER_BYTES + wal_chain_start(image, recovery->place.position) % image->ring_bytes;
}

/* No frame continues the chain. It is a tear unless a frame was there that is known to have been
 * durable. */
static enum status journal_recovery_judge(const struct journal_recovery *recovery,
                                          struct journal_error *error)
{
    const struct wal_survey *survey = &recovery->survey;
    if (survey->persisted_number > recovery->place.number) {
        journal_error_set(error,
                          "%s is damaged: frame %" PRIu64 " at byte %" PRIu64
                          " cannot be read, but frame %" PRIu64 " at byte %" PRIu64
                          " knows that frames up to "
                          "%" PRIu64
                          " were durable; the site must not vote and be rebuilt from its peers",
                          recovery->options.path, recovery->place.number + 1,
                          journal_recovery_offset(recovery), survey->claimant_number,
                          survey->claimant_position + WAL_HEADER_BYTES, survey->persisted_number);
        return STATUS_DAMAGED;
    }
    /* The last frame stored is only overwritten by later ones. When neither is there, this is not
     * the ring that the store was fed from. */
    if (survey->newest_number < recovery->stored_number) {
        journal_error_set(error,
                          "%s is damaged or an old copy: the store holds frames up to %" PRIu64
                          ", the newest one here is %" PRIu64
                          "; the site must not vote and be rebuilt from its peers",
                          recovery->options.path, recovery->stored_number, survey->newest_number);
        return STATUS_DAMAGED;
    }
    return STATUS_NOT_FOUND;
}

enum status journal_recovery_verify(const struct journal_recovery_options *options,
                                    const uint8_t *source, size_t source_bytes, uint16_t shard_id,
                                    const struct journal_tail *tail, struct segment *segment)
{
    ASSERT(shard_id > 0);
    ASSERT(shard_id <= SHARDS_MAX);
    enum status status = segment_open(segment, source, source_bytes);
    if (status != STATUS_OK) {
        return STATUS_BAD_FORMAT;
    }
    if (segment_bytes(segment) != source_bytes) {
        return STATUS_BAD_FORMAT;
    }
    status = segment_verify_payload(segment);
    if (status == STATUS_OK) {
        status = segment_verify_chain(segment, options->cluster_id, shard_id, tail->last_log_index,
                                      tail->last_chain_hash);
    }
    if (status == STATUS_OK && (segment->first_command_sequence != tail->next_command_sequence ||
                                segment->term < tail->last_term)) {
        status = STATUS_BAD_CHAIN;
    }
    if (status == STATUS_OK) {
        status =
            segment_verify_signature(segment, source, options->verifiers, options->verifier_count);
    }
    return status;
}

static enum status journal_recovery_segment(struct journal_recovery *recovery,
                                            const struct wal_record *record,
                                            struct segment *segment, struct journal_error *error)
{
    struct journal_tail *tail = &recovery->states[record->shard_id - 1].tail;
    enum status status =
        journal_recovery_verify(&recovery->options, record->segment, record->segment_bytes,
                                record->shard_id, tail, segment);
    if (status != STATUS_OK) {
        journal_error_set(error,
                          "%s: log index %" PRIu64 " of shard %u, in frame %" PRIu64
                          " at byte %" PRIu64 ", does not verify: %s%s",
                          recovery->options.path, tail->last_log_index + 1,
                          (unsigned)record->shard_id, recovery->frame.number,
                          recovery->frame_offset, status_text(status),
                          status == STATUS_UNKNOWN_KEY
                              ? "; the key that signed it is not among those of the configuration"
                              : "; the site must be rebuilt from its peers");
        return status;
    }
    journal_tail_append(tail, segment, record->last_timestamp_ns);
    return STATUS_OK;
}

/* Whether it is a repair that this program can act on. */
static enum status journal_recovery_repair(const struct wal_record *record)
{
    struct repair repair;
    if (record->repair == NULL) {
        return STATUS_OK;
    }
    bool good = repair_record_load(&repair, record->repair, JOURNAL_REPAIR_BYTES) == STATUS_OK &&
                repair.generation == record->generation;
    return good ? STATUS_OK : STATUS_DAMAGED;
}

/* Records other than segments: what our own writer would never write is damage. */
static enum status journal_recovery_apply(struct journal_recovery *recovery,
                                          const struct wal_record *record)
{
    if (record->type == WAL_RECORD_START) {
        return STATUS_OK;
    }
    struct journal_state *state = &recovery->states[record->shard_id - 1];
    struct journal_tail *tail = &state->tail;
    switch (record->type) {
    case WAL_RECORD_TRUNCATE:
        if (record->log_index > tail->last_log_index) {
            return STATUS_DAMAGED;
        }
        journal_tail_cut(tail, &record->tail);
        return STATUS_OK;
    case WAL_RECORD_BASE:
        journal_tail_rebase(state, &record->tail);
        return STATUS_OK;
    case WAL_RECORD_VOTE:
        if (record->term < tail->term || (record->term == tail->term && tail->voted_site_id != 0 &&
                                          record->voted_site_id != tail->voted_site_id)) {
            return STATUS_DAMAGED;
        }
        journal_tail_vote(tail, record->term, record->voted_site_id);
        return STATUS_OK;
    case WAL_RECORD_REPAIR:
        return journal_recovery_repair(record);
    case WAL_RECORD_START:
    case WAL_RECORD_SEGMENT:
        break;
    }
    ASSERT(false);
    return STATUS_DAMAGED;
}

static enum status journal_recovery_frame(struct journal_recovery *recovery,
                                          struct journal_error *error)
{
    ASSERT(recovery->done_bytes == recovery->frame.records_bytes);
    uint64_t offset = journal_recovery_offset(recovery);
    enum status status = wal_chain_next(recovery->options.image, &recovery->place, &recovery->frame,
                                        &recovery->records);
    recovery->done_bytes = 0;
    if (status == STATUS_NOT_FOUND) {
        recovery->frame.records_bytes = 0;
        return journal_recovery_judge(recovery, error);
    }
    if (status != STATUS_OK) {
        recovery->frame.records_bytes = 0;
        journal_error_set(
            error,
            "%s: frame %" PRIu64 " at byte %" PRIu64
            " is whole but breaks the format; the site must be rebuilt from its peers",
            recovery->options.path, recovery->place.number + 1, offset);
        return status;
    }
    recovery->frame_offset = offset;
    recovery->frames++;
    if (recovery->place.number <= recovery->survey.persisted_number) {
        recovery->proven = recovery->place;
    }
    return STATUS_OK;
}

enum status journal_recovery_next(struct journal_recovery *recovery, struct wal_record *record,
                                  struct segment *segment, struct journal_error *error)
{
    if (recovery->done_bytes == recovery->frame.records_bytes) {
        enum status status = journal_recovery_frame(recovery, error);
        if (status != STATUS_OK) {
            return status;
        }
    }
    ASSERT(recovery->done_bytes < recovery->frame.records_bytes);
    uint32_t record_bytes;
    enum status status =
        wal_record_load(record, &record_bytes, recovery->records + recovery->done_bytes,
                        recovery->frame.records_bytes - recovery->done_bytes);
    ASSERT(status == STATUS_OK); /* wal_chain_next() has walked over all of them. */
    recovery->done_bytes += record_bytes;
    if (record->type == WAL_RECORD_SEGMENT) {
        return journal_recovery_segment(recovery, record, segment, error);
    }
    status = journal_recovery_apply(recovery, record);
    if (status != STATUS_OK) {
        journal_error_set(error,
                          "%s: a record of shard %u in frame %" PRIu64 " at byte %" PRIu64
                          " contradicts what stands before it; the site must be rebuilt from its "
                          "peers",
                          recovery->options.path, (unsigned)record->shard_id,
                          recovery->frame.number, recovery->frame_offset);
    }
    return status;
}
