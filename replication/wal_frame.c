#include "replication/wal_frame.h"

#include <sodium.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "matching/base/bytes.h"

static_assert(WAL_HASH_BYTES >= crypto_generichash_BYTES_MIN, "BLAKE2b-128");
static_assert(WAL_KEY_BYTES >= crypto_generichash_KEYBYTES_MIN, "the incarnation is the key");

/* Offsets in the header. */
#define WAL_FRAME_PREVIOUS_HASH_AT    16u
#define WAL_FRAME_START_NONCE_AT      32u
#define WAL_FRAME_NUMBER_AT           40u
#define WAL_FRAME_PERSISTED_NUMBER_AT 48u
#define WAL_FRAME_RECORDS_BYTES_AT    56u
#define WAL_FRAME_RESERVED_AT         60u

static void wal_frame_hash(uint8_t hash[static WAL_HASH_BYTES], const uint8_t *source,
                           uint32_t records_bytes, const uint8_t key[static WAL_KEY_BYTES])
{
    ASSERT(records_bytes <= WAL_FRAME_BYTES_MAX - WAL_FRAME_HEADER_BYTES);
    int result = crypto_generichash(hash, WAL_HASH_BYTES, source + WAL_HASH_BYTES,
                                    WAL_FRAME_HEADER_BYTES - WAL_HASH_BYTES + records_bytes, key,
                                    WAL_KEY_BYTES);
    ASSERT(result == 0);
}

uint32_t wal_frame_bytes(const struct wal_frame *frame)
{
    uint32_t used_bytes = WAL_FRAME_HEADER_BYTES + frame->records_bytes;
    ASSERT(used_bytes <= WAL_FRAME_BYTES_MAX);
    return (used_bytes + WAL_ALIGNMENT_BYTES - 1) & ~(WAL_ALIGNMENT_BYTES - 1);
}

void wal_frame_seal(struct wal_frame *frame, uint8_t *target, size_t target_bytes,
                    const uint8_t key[static WAL_KEY_BYTES])
{
    uint32_t frame_bytes = wal_frame_bytes(frame);
    uint32_t used_bytes = WAL_FRAME_HEADER_BYTES + frame->records_bytes;
    ASSERT(frame_bytes <= target_bytes);
    ASSERT(frame->records_bytes > 0);
    ASSERT(frame->number > frame->persisted_number);
    ASSERT(frame->number - frame->persisted_number <= WAL_WRITES_IN_FLIGHT_MAX);

    memcpy(target + WAL_FRAME_PREVIOUS_HASH_AT, frame->previous_hash, WAL_HASH_BYTES);
    memcpy(target + WAL_FRAME_START_NONCE_AT, frame->start_nonce, WAL_NONCE_BYTES);
    bytes_store_le64(target + WAL_FRAME_NUMBER_AT, frame->number);
    bytes_store_le64(target + WAL_FRAME_PERSISTED_NUMBER_AT, frame->persisted_number);
    bytes_store_le32(target + WAL_FRAME_RECORDS_BYTES_AT, frame->records_bytes);
    bytes_store_le32(target + WAL_FRAME_RESERVED_AT, 0);
    memset(target + used_bytes, 0, frame_bytes - used_bytes);
    wal_frame_hash(frame->hash, target, frame->records_bytes, key);
    memcpy(target, frame->hash, WAL_HASH_BYTES);
}

void wal_frame_fields(struct wal_frame *frame, const uint8_t source[static WAL_FRAME_HEADER_BYTES])
{
    memcpy(frame->hash, source, WAL_HASH_BYTES);
    memcpy(frame->previous_hash, source + WAL_FRAME_PREVIOUS_HASH_AT, WAL_HASH_BYTES);
    memcpy(frame->start_nonce, source + WAL_FRAME_START_NONCE_AT, WAL_NONCE_BYTES);
    frame->number = bytes_load_le64(source + WAL_FRAME_NUMBER_AT);
    frame->persisted_number = bytes_load_le64(source + WAL_FRAME_PERSISTED_NUMBER_AT);
    frame->records_bytes = bytes_load_le32(source + WAL_FRAME_RECORDS_BYTES_AT);
}

enum status wal_frame_open(struct wal_frame *frame, const uint8_t *source, size_t source_bytes,
                           const uint8_t key[static WAL_KEY_BYTES])
{
    if (source_bytes < WAL_FRAME_HEADER_BYTES) {
        return STATUS_SHORT;
    }
    wal_frame_fields(frame, source);
    /* A frame is written while fewer than WAL_WRITES_IN_FLIGHT_MAX before it are unpersisted: so
     * what it knows to be durable is never far behind, and a gap in the chain shows. */
    if (frame->persisted_number >= frame->number ||
        frame->number - frame->persisted_number > WAL_WRITES_IN_FLIGHT_MAX ||
        frame->records_bytes == 0 ||
        frame->records_bytes > WAL_FRAME_BYTES_MAX - WAL_FRAME_HEADER_BYTES ||
        bytes_load_le32(source + WAL_FRAME_RESERVED_AT) != 0) {
        return STATUS_BAD_FORMAT;
    }
    if (source_bytes < wal_frame_bytes(frame)) {
        return STATUS_SHORT;
    }
    uint8_t hash[WAL_HASH_BYTES];
    wal_frame_hash(hash, source, frame->records_bytes, key);
    if (memcmp(hash, frame->hash, WAL_HASH_BYTES) != 0) {
        return STATUS_BAD_CHECKSUM;
    }
    return STATUS_OK;
}
