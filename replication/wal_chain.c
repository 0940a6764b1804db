#include "replication/wal_chain.h"

#include <string.h>

#include "matching/base/assertion.h"

uint64_t wal_chain_start(const struct wal_image *image, uint64_t position)
{
    ASSERT(image->ring_bytes >= 2 * (uint64_t)WAL_FRAME_BYTES_MAX);
    ASSERT(position % WAL_ALIGNMENT_BYTES == 0);

    uint64_t left_bytes = image->ring_bytes - position % image->ring_bytes;
    return left_bytes < WAL_FRAME_BYTES_MAX ? position + left_bytes : position;
}

/* A new nonce comes with START as the first record and only there. */
static bool wal_chain_nonce_valid(const struct wal_place *place, const struct wal_frame *frame,
                                  const uint8_t *records)
{
    struct wal_record record;
    uint32_t record_bytes;
    if (wal_record_load(&record, &record_bytes, records, frame->records_bytes) != STATUS_OK) {
        return false;
    }
    bool same = memcmp(place->start_nonce, frame->start_nonce, WAL_NONCE_BYTES) == 0;
    return record.type == WAL_RECORD_START ? !same : same;
}

static bool wal_chain_records_valid(const struct wal_frame *frame, const uint8_t *records)
{
    uint32_t position = 0;
    while (position < frame->records_bytes) {
        struct wal_record record;
        uint32_t record_bytes;
        if (wal_record_load(&record, &record_bytes, records + position,
                            frame->records_bytes - position) != STATUS_OK) {
            return false;
        }
        if (record.type == WAL_RECORD_START && position > 0) {
            return false;
        }
        position += record_bytes;
    }
    return position == frame->records_bytes;
}

static void wal_chain_move(struct wal_place *place, const struct wal_frame *frame,
                           uint64_t start_position)
{
    place->number = frame->number;
    place->position = start_position + wal_frame_bytes(frame);
    memcpy(place->hash, frame->hash, WAL_HASH_BYTES);
    memcpy(place->start_nonce, frame->start_nonce, WAL_NONCE_BYTES);
}

enum status wal_chain_next(const struct wal_image *image, struct wal_place *place,
                           struct wal_frame *frame, const uint8_t **records)
{
    uint64_t start = wal_chain_start(image, place->position);
    uint64_t offset = start % image->ring_bytes;
    ASSERT(image->ring_bytes - offset >= WAL_FRAME_BYTES_MAX);

    enum status status =
        wal_frame_open(frame, image->ring + offset, image->ring_bytes - offset, image->key);
    if (status != STATUS_OK || frame->number != place->number + 1 ||
        memcmp(frame->previous_hash, place->hash, WAL_HASH_BYTES) != 0) {
        return STATUS_NOT_FOUND;
    }
    *records = image->ring + offset + WAL_FRAME_HEADER_BYTES;
    if (!wal_chain_nonce_valid(place, frame, *records) ||
        !wal_chain_records_valid(frame, *records)) {
        return STATUS_DAMAGED;
    }
    wal_chain_move(place, frame, start);
    return STATUS_OK;
}

void wal_chain_trusted(const struct wal_image *image, struct wal_place *place,
                       struct wal_frame *frame, const uint8_t **records)
{
    uint64_t start = wal_chain_start(image, place->position);
    uint64_t offset = start % image->ring_bytes;

    wal_frame_fields(frame, image->ring + offset);
    ASSERT(frame->number == place->number + 1);
    ASSERT(memcmp(frame->previous_hash, place->hash, WAL_HASH_BYTES) == 0);
    ASSERT(frame->records_bytes <= WAL_FRAME_BYTES_MAX - WAL_FRAME_HEADER_BYTES);
    *records = image->ring + offset + WAL_FRAME_HEADER_BYTES;
    wal_chain_move(place, frame, start);
}

/* From the end backwards: so the newest frames of each lap come first, and the hash of an older
 * one, which would say nothing new, need not be computed. */
void wal_chain_survey(const struct wal_image *image, struct wal_survey *survey)
{
    ASSERT(image->ring_bytes % WAL_ALIGNMENT_BYTES == 0);
    *survey = (struct wal_survey){0};
    for (uint64_t offset = image->ring_bytes; offset > 0;) {
        offset -= WAL_ALIGNMENT_BYTES;
        const uint8_t *source = image->ring + offset;
        struct wal_frame frame;
        wal_frame_fields(&frame, source);
        if ((frame.number <= survey->newest_number &&
             frame.persisted_number <= survey->persisted_number) ||
            wal_frame_open(&frame, source, image->ring_bytes - offset, image->key) != STATUS_OK) {
            continue;
        }
        if (frame.number > survey->newest_number) {
            survey->newest_number = frame.number;
        }
        if (frame.persisted_number > survey->persisted_number) {
            survey->persisted_number = frame.persisted_number;
            survey->claimant_number = frame.number;
            survey->claimant_position = offset;
        }
    }
    ASSERT(survey->persisted_number <= survey->newest_number);
}
