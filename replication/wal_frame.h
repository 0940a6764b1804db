/* Frames of the write-ahead ring: bytes to fields and back. Their records: wal_record.h.
 *
 * Pure but for libsodium's hash. A frame begins at a 4 KiB boundary with a header of 64 bytes,
 * records follow, zeros fill it up. Layout, byte for byte: protocol.md, "Journal", 2.1 and 2.2. The
 * frame's hash is keyed with the journal's incarnation, so bytes of another journal, or such that
 * somebody planted in a segment, are never a frame here. */
#ifndef REPLICATION_WAL_FRAME_H
#define REPLICATION_WAL_FRAME_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "matching/base/limits.h"
#include "matching/base/status.h"

#define WAL_HASH_BYTES         16u
#define WAL_NONCE_BYTES        8u
#define WAL_KEY_BYTES          16u /* The journal's incarnation. */
#define WAL_FRAME_HEADER_BYTES 64u

/* Where term and vote still fit when a frame is full for everything else. */
#define WAL_FRAME_VOTE_BYTES   (32u * 32u)
#define WAL_FRAME_OTHERS_BYTES (WAL_FRAME_BYTES_MAX - WAL_FRAME_VOTE_BYTES)

struct wal_frame {
    uint8_t hash[WAL_HASH_BYTES];
    uint8_t previous_hash[WAL_HASH_BYTES];
    uint8_t start_nonce[WAL_NONCE_BYTES];
    uint64_t number;           /* From 1. */
    uint64_t persisted_number; /* Highest frame known durable when this one was closed. */
    uint32_t records_bytes;
};

/* Whole size on disk, a multiple of WAL_ALIGNMENT_BYTES. */
uint32_t wal_frame_bytes(const struct wal_frame *frame);

/* Write the header in front of the records that stand at target + WAL_FRAME_HEADER_BYTES, zeros
 * behind them, and the hash. Fills frame->hash. */
void wal_frame_seal(struct wal_frame *frame, uint8_t *target, size_t target_bytes,
                    const uint8_t key[static WAL_KEY_BYTES]);

/* Decode whatever stands at `source`. STATUS_SHORT, STATUS_BAD_FORMAT: no frame; the cheap test, it
 * refuses nearly all other bytes; STATUS_BAD_CHECKSUM: looks like one, but is not whole. Records
 * are not looked at. */
MUST_USE enum status wal_frame_open(struct wal_frame *frame, const uint8_t *source,
                                    size_t source_bytes, const uint8_t key[static WAL_KEY_BYTES]);

/* Only the fields, unchecked: for frames that this process has sealed itself. */
void wal_frame_fields(struct wal_frame *frame, const uint8_t source[static WAL_FRAME_HEADER_BYTES]);

#endif
