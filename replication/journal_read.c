/* Segments out of a journal: journal_read() of journal.h. */
#include <inttypes.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "replication/journal_inside.h"

static enum status journal_read_memory(const struct journal *journal, uint64_t position,
                                       uint8_t *target, size_t target_bytes, size_t *bytes,
                                       uint64_t *last_timestamp_ns)
{
    const struct wal_image *image = &journal->wal.image;
    struct wal_record record;
    uint32_t record_bytes;
    uint64_t offset = position % image->ring_bytes;
    ASSERT(position >= journal->wal.released_position);
    enum status status =
        wal_record_load(&record, &record_bytes, image->ring + offset, image->ring_bytes - offset);
    ASSERT(status == STATUS_OK);
    ASSERT(record.type == WAL_RECORD_SEGMENT);
    *bytes = record.segment_bytes;
    *last_timestamp_ns = record.last_timestamp_ns;
    if (record.segment_bytes > target_bytes) {
        return STATUS_SHORT;
    }
    memcpy(target, record.segment, record.segment_bytes);
    return STATUS_OK;
}

enum status journal_read_stamped(struct journal *journal, uint16_t shard_id, uint64_t log_index,
                                 uint8_t *target, size_t target_bytes, size_t *segment_bytes,
                                 uint64_t *last_timestamp_ns)
{
    ASSERT(log_index > 0);
    struct journal_tail appended;
    journal_appended(journal, shard_id, &appended);
    if (log_index < appended.first_log_index || log_index > appended.last_log_index) {
        return STATUS_NOT_FOUND;
    }
    uint64_t position;
    if (journal_index_find(&journal->shards[shard_id - 1].index, log_index, &position)) {
        return journal_read_memory(journal, position, target, target_bytes, segment_bytes,
                                   last_timestamp_ns);
    }
    enum status status = store_read(journal->store, shard_id, log_index, target, target_bytes,
                                    segment_bytes, last_timestamp_ns);
    if (status == STATUS_NOT_FOUND) {
        journal_error_set(&journal->error,
                          "the store has lost log index %" PRIu64
                          " of shard %u; the site must be rebuilt from its peers",
                          log_index, (unsigned)shard_id);
        return STATUS_DAMAGED;
    }
    if (status != STATUS_OK && status != STATUS_SHORT) {
        journal_error_set(&journal->error, "%s", store_error(journal->store));
    }
    return status;
}

enum status journal_read(struct journal *journal, uint16_t shard_id, uint64_t log_index,
                         uint8_t *target, size_t target_bytes, size_t *segment_bytes)
{
    ASSERT(target != NULL);
    ASSERT(segment_bytes != NULL);
    uint64_t last_timestamp_ns;
    return journal_read_stamped(journal, shard_id, log_index, target, target_bytes, segment_bytes,
                                &last_timestamp_ns);
}
