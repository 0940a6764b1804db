/* Frames and records of the ring from arbitrary bytes: as they are, and behind a valid hash, so
 * that what stands behind it is reached. What is accepted must come out the same when stored again.
 */
#include <sodium.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "replication/journal_recovery.h"
#include "replication/wal_record.h"

#define RING_BYTES ((uint64_t)4 * WAL_FRAME_BYTES_MAX)
#define FRAMES_MAX 3u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static _Alignas(4096) uint8_t ring[RING_BYTES];
static const uint8_t key[WAL_KEY_BYTES] = {1, 2, 3};

static void fuzz_record(const uint8_t *data, size_t size)
{
    struct wal_record record;
    uint32_t record_bytes;
    if (wal_record_load(&record, &record_bytes, data, size) != STATUS_OK) {
        return;
    }
    ASSERT(record_bytes <= size);
    ASSERT(record_bytes == wal_record_bytes(&record));
    uint8_t *copy = malloc(record_bytes);
    ASSERT(copy != NULL);
    wal_record_store(copy, record_bytes, &record);
    ASSERT(memcmp(copy, data, record_bytes) == 0);
    free(copy);
}

static void fuzz_frame(const uint8_t *data, size_t size)
{
    struct wal_frame frame;
    enum status status = wal_frame_open(&frame, data, size, key);
    if (status == STATUS_OK) {
        ASSERT(wal_frame_bytes(&frame) <= size);
        ASSERT(frame.number > frame.persisted_number);
    }
}

static void fuzz_recovery(void)
{
    struct wal_image image = {.ring = ring, .ring_bytes = RING_BYTES};
    struct journal_recovery_options options = {.image = &image, .path = "wal.ring"};
    static struct journal_recovery recovery;
    struct journal_state states[SHARDS_MAX];
    struct wal_place place = {0};
    struct journal_error error;
    memcpy(image.key, key, sizeof key);
    for (uint32_t i = 0; i < SHARDS_MAX; i++) {
        journal_tail_init(&states[i].tail);
        journal_tail_init(&states[i].base);
    }
    journal_recovery_init(&recovery, &options, &place, states);
    enum status status = STATUS_OK;
    while (status == STATUS_OK) {
        struct wal_record record;
        struct segment segment;
        status = journal_recovery_next(&recovery, &record, &segment, &error);
    }
    ASSERT(recovery.place.number <= FRAMES_MAX);
}

/* Up to FRAMES_MAX frames that chain, their records cut out of the input. */
static void fuzz_chain(const uint8_t *data, size_t size)
{
    uint8_t previous[WAL_HASH_BYTES] = {0};
    uint64_t offset = 0;
    for (uint32_t i = 0; i < FRAMES_MAX && size >= 4; i++) {
        size_t records_bytes = (size_t)(data[0] | data[1] << 8);
        struct wal_frame frame = {.number = i + 1, .persisted_number = data[2] % (i + 1)};
        memset(frame.start_nonce, data[3], sizeof frame.start_nonce);
        data += 4;
        size -= 4;
        records_bytes = records_bytes < size ? records_bytes : size;
        if (records_bytes == 0) {
            break;
        }
        frame.records_bytes = (uint32_t)records_bytes;
        memcpy(frame.previous_hash, previous, sizeof previous);
        memcpy(ring + offset + WAL_FRAME_HEADER_BYTES, data, records_bytes);
        wal_frame_seal(&frame, ring + offset, RING_BYTES - offset, key);
        memcpy(previous, frame.hash, sizeof previous);
        offset += wal_frame_bytes(&frame);
        data += records_bytes;
        size -= records_bytes;
    }
    fuzz_recovery();
    memset(ring, 0, offset);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (sodium_init() < 0) {
        return 0;
    }
    fuzz_record(data, size);
    fuzz_frame(data, size);
    fuzz_chain(data, size);
    return 0;
}
