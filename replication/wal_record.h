/* Records in the frames of the write-ahead ring: bytes to fields and back. Pure. Layout, byte for
 * byte: protocol.md, "Journal", 2.2. */
#ifndef REPLICATION_WAL_RECORD_H
#define REPLICATION_WAL_RECORD_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "matching/base/limits.h"
#include "matching/base/status.h"
#include "replication/journal_tail.h"
#include "replication/wal_frame.h"

#define WAL_RECORD_HEADER_BYTES 16u

static_assert(WAL_FRAME_OTHERS_BYTES >=
                  WAL_FRAME_HEADER_BYTES + WAL_RECORD_HEADER_BYTES + SEGMENT_BYTES_MAX + 8,
              "a frame holds a largest segment");

/* Values are the format: never renumber. */
enum wal_record_type {
    WAL_RECORD_START = 1,    /* First record of a start-up; from here its nonce holds. */
    WAL_RECORD_SEGMENT = 2,  /* One sealed segment. */
    WAL_RECORD_TRUNCATE = 3, /* Drop from log_index on; `tail` is what remains. */
    WAL_RECORD_BASE = 4,     /* A snapshot stands for everything up to `tail`. */
    WAL_RECORD_VOTE = 5,
    WAL_RECORD_REPAIR = 6, /* A quorum repair is promised, active, or joined. */
};

struct wal_record {
    enum wal_record_type type;
    uint16_t shard_id;          /* 0 in START, else 1 .. SHARDS_MAX. */
    uint64_t last_timestamp_ns; /* SEGMENT. */
    const uint8_t *segment;     /* SEGMENT: into the source. */
    uint32_t segment_bytes;
    uint64_t log_index;       /* TRUNCATE. */
    struct journal_tail tail; /* TRUNCATE, BASE. */
    uint64_t term;            /* VOTE. */
    uint8_t voted_site_id;
    uint64_t generation;   /* REPAIR. */
    uint8_t repair_state;  /* REPAIR: enum journal_repair_state, not NONE. */
    const uint8_t *repair; /* REPAIR: JOURNAL_REPAIR_BYTES, into the source; NULL when JOINED. */
};

/* Bytes of an encoded record, header and padding to 8 included. */
uint32_t wal_record_bytes(const struct wal_record *record);
void wal_record_store(uint8_t *target, size_t target_bytes, const struct wal_record *record);

/* Decode the record at `source`; `*record_bytes` says where the next one starts. STATUS_BAD_FORMAT:
 * never a valid record. */
MUST_USE enum status wal_record_load(struct wal_record *record, uint32_t *record_bytes,
                                     const uint8_t *source, size_t source_bytes);

#endif
