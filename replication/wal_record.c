#include "replication/wal_record.h"

#include <string.h>

#include "matching/base/assertion.h"
#include "matching/base/bytes.h"

#define WAL_RECORD_VOTE_BODY_BYTES   8u
#define WAL_RECORD_REPAIR_HEAD_BYTES 8u

static uint32_t wal_record_body_bytes(const struct wal_record *record)
{
    switch (record->type) {
    case WAL_RECORD_START:
        return 0;
    case WAL_RECORD_SEGMENT:
        ASSERT(record->segment_bytes >= SEGMENT_HEADER_BYTES);
        ASSERT(record->segment_bytes <= SEGMENT_BYTES_MAX);
        return record->segment_bytes;
    case WAL_RECORD_TRUNCATE:
    case WAL_RECORD_BASE:
        return JOURNAL_TAIL_BYTES;
    case WAL_RECORD_VOTE:
        return WAL_RECORD_VOTE_BODY_BYTES;
    case WAL_RECORD_REPAIR:
        ASSERT((record->repair == NULL) == (record->repair_state == JOURNAL_REPAIR_JOINED));
        return WAL_RECORD_REPAIR_HEAD_BYTES + (record->repair == NULL ? 0 : JOURNAL_REPAIR_BYTES);
    }
    ASSERT(false);
    return 0;
}

uint32_t wal_record_bytes(const struct wal_record *record)
{
    return WAL_RECORD_HEADER_BYTES + ((wal_record_body_bytes(record) + 7u) & ~7u);
}

/* The header's number: what it means depends on the type. */
static uint64_t wal_record_argument(const struct wal_record *record)
{
    switch (record->type) {
    case WAL_RECORD_START:
    case WAL_RECORD_BASE:
        return 0;
    case WAL_RECORD_SEGMENT:
        return record->last_timestamp_ns;
    case WAL_RECORD_TRUNCATE:
        return record->log_index;
    case WAL_RECORD_VOTE:
        return record->term;
    case WAL_RECORD_REPAIR:
        return record->generation;
    }
    ASSERT(false);
    return 0;
}

void wal_record_store(uint8_t *target, size_t target_bytes, const struct wal_record *record)
{
    uint32_t body_bytes = wal_record_body_bytes(record);
    uint32_t record_bytes = wal_record_bytes(record);
    uint8_t *body = target + WAL_RECORD_HEADER_BYTES;
    ASSERT(record_bytes <= target_bytes);
    ASSERT(record->shard_id <= SHARDS_MAX);
    ASSERT((record->shard_id == 0) == (record->type == WAL_RECORD_START));

    bytes_store_le32(target, body_bytes);
    target[4] = (uint8_t)record->type;
    target[5] = 0;
    bytes_store_le16(target + 6, record->shard_id);
    bytes_store_le64(target + 8, wal_record_argument(record));
    if (record->type == WAL_RECORD_SEGMENT) {
        memcpy(body, record->segment, body_bytes);
    } else if (record->type == WAL_RECORD_VOTE) {
        memset(body, 0, body_bytes);
        body[0] = record->voted_site_id;
    } else if (record->type == WAL_RECORD_REPAIR) {
        memset(body, 0, WAL_RECORD_REPAIR_HEAD_BYTES);
        body[0] = record->repair_state;
        if (record->repair != NULL) {
            memcpy(body + WAL_RECORD_REPAIR_HEAD_BYTES, record->repair, JOURNAL_REPAIR_BYTES);
        }
    } else if (body_bytes > 0) {
        journal_tail_store(body, &record->tail);
    }
    memset(body + body_bytes, 0, record_bytes - WAL_RECORD_HEADER_BYTES - body_bytes);
}

static enum status wal_record_load_repair(struct wal_record *record, uint64_t argument,
                                          const uint8_t *body, uint32_t body_bytes)
{
    static const uint8_t zeros[WAL_RECORD_REPAIR_HEAD_BYTES];

    if (body_bytes < WAL_RECORD_REPAIR_HEAD_BYTES || argument == 0 ||
        memcmp(body + 1, zeros, WAL_RECORD_REPAIR_HEAD_BYTES - 1) != 0 ||
        body[0] < JOURNAL_REPAIR_PROMISED || body[0] > JOURNAL_REPAIR_JOINED) {
        return STATUS_BAD_FORMAT;
    }
    bool joined = body[0] == JOURNAL_REPAIR_JOINED;
    record->generation = argument;
    record->repair_state = body[0];
    record->repair = joined ? NULL : body + WAL_RECORD_REPAIR_HEAD_BYTES;
    return body_bytes == WAL_RECORD_REPAIR_HEAD_BYTES + (joined ? 0 : JOURNAL_REPAIR_BYTES)
               ? STATUS_OK
               : STATUS_BAD_FORMAT;
}

static enum status wal_record_load_body(struct wal_record *record, uint64_t argument,
                                        const uint8_t *body, uint32_t body_bytes)
{
    static const uint8_t zeros[WAL_RECORD_VOTE_BODY_BYTES];

    switch (record->type) {
    case WAL_RECORD_START:
        return body_bytes == 0 && argument == 0 ? STATUS_OK : STATUS_BAD_FORMAT;
    case WAL_RECORD_SEGMENT:
        if (body_bytes < SEGMENT_HEADER_BYTES || body_bytes > SEGMENT_BYTES_MAX) {
            return STATUS_BAD_FORMAT;
        }
        record->last_timestamp_ns = argument;
        record->segment = body;
        record->segment_bytes = body_bytes;
        return STATUS_OK;
    case WAL_RECORD_TRUNCATE:
    case WAL_RECORD_BASE:
        if (body_bytes != JOURNAL_TAIL_BYTES ||
            journal_tail_load(&record->tail, body) != STATUS_OK) {
            return STATUS_BAD_FORMAT;
        }
        record->log_index = argument;
        if (record->type == WAL_RECORD_BASE) {
            return argument == 0 ? STATUS_OK : STATUS_BAD_FORMAT;
        }
        return argument == record->tail.last_log_index + 1 ? STATUS_OK : STATUS_BAD_FORMAT;
    case WAL_RECORD_VOTE:
        if (body_bytes != WAL_RECORD_VOTE_BODY_BYTES || argument == 0 ||
            memcmp(body + 1, zeros, WAL_RECORD_VOTE_BODY_BYTES - 1) != 0) {
            return STATUS_BAD_FORMAT;
        }
        record->term = argument;
        record->voted_site_id = body[0];
        return STATUS_OK;
    case WAL_RECORD_REPAIR:
        return wal_record_load_repair(record, argument, body, body_bytes);
    }
    return STATUS_BAD_FORMAT;
}

enum status wal_record_load(struct wal_record *record, uint32_t *record_bytes,
                            const uint8_t *source, size_t source_bytes)
{
    if (source_bytes < WAL_RECORD_HEADER_BYTES) {
        return STATUS_BAD_FORMAT;
    }
    uint32_t body_bytes = bytes_load_le32(source);
    if (body_bytes > SEGMENT_BYTES_MAX || source[5] != 0) {
        return STATUS_BAD_FORMAT;
    }
    uint32_t padded_bytes = (body_bytes + 7u) & ~7u;
    if (padded_bytes > source_bytes - WAL_RECORD_HEADER_BYTES) {
        return STATUS_BAD_FORMAT;
    }
    uint8_t type = source[4];
    if (type < WAL_RECORD_START || type > WAL_RECORD_REPAIR) {
        return STATUS_BAD_FORMAT;
    }
    *record = (struct wal_record){.type = (enum wal_record_type)type,
                                  .shard_id = bytes_load_le16(source + 6)};
    bool of_shard = record->shard_id > 0 && record->shard_id <= SHARDS_MAX;
    if (record->type == WAL_RECORD_START ? record->shard_id != 0 : !of_shard) {
        return STATUS_BAD_FORMAT;
    }
    const uint8_t *body = source + WAL_RECORD_HEADER_BYTES;
    for (uint32_t i = body_bytes; i < padded_bytes; i++) {
        if (body[i] != 0) {
            return STATUS_BAD_FORMAT;
        }
    }
    *record_bytes = WAL_RECORD_HEADER_BYTES + padded_bytes;
    return wal_record_load_body(record, bytes_load_le64(source + 8), body, body_bytes);
}
