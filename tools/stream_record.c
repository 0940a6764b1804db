#include "tools/stream_record.h"

#include <stdlib.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "matching/base/checksum.h"

#define STREAM_RECORD_ROOM_FIRST 256u

void stream_record_init(struct stream_record *record, uint64_t messages_max, bool keep_content)
{
    ASSERT(messages_max > 0);
    *record = (struct stream_record){.messages_max = messages_max,
                                     .hash = CHECKSUM_SEED,
                                     .keep_content = keep_content};
}

void stream_record_destroy(struct stream_record *record)
{
    free(record->hashes);
    free(record->ends);
    free(record->content);
    *record = (struct stream_record){.messages_max = 0};
}

uint64_t stream_record_hash(const uint8_t *message, size_t message_bytes)
{
    ASSERT(message != NULL);
    return checksum_bytes(CHECKSUM_SEED, message, message_bytes);
}

/* Room for one more message of `message_bytes`. Nothing is lost when there is no memory. */
static bool stream_record_reserve(struct stream_record *record, size_t message_bytes)
{
    if (record->count == record->hashes_room) {
        uint64_t room =
            record->hashes_room == 0 ? STREAM_RECORD_ROOM_FIRST : record->hashes_room * 2;
        uint64_t *hashes = realloc(record->hashes, room * sizeof *hashes);
        if (hashes == NULL) {
            return false;
        }
        record->hashes = hashes;
        if (record->keep_content) {
            uint64_t *ends = realloc(record->ends, room * sizeof *ends);
            if (ends == NULL) {
                return false;
            }
            record->ends = ends;
        }
        record->hashes_room = room;
    }
    if (record->keep_content && record->bytes + message_bytes > record->content_room) {
        uint64_t room = (record->bytes + message_bytes) * 2;
        uint8_t *content = realloc(record->content, room);
        if (content == NULL) {
            return false;
        }
        record->content = content;
        record->content_room = room;
    }
    return true;
}

enum status stream_record_add(struct stream_record *record, uint64_t sequence,
                              const uint8_t *message, size_t message_bytes)
{
    ASSERT(sequence > 0);
    ASSERT(message_bytes > 0);

    uint64_t hash = stream_record_hash(message, message_bytes);
    if (sequence <= record->count) {
        return record->hashes[sequence - 1] == hash ? STATUS_OK : STATUS_BAD_CHECKSUM;
    }
    if (sequence != record->count + 1) {
        return STATUS_BAD_CHAIN;
    }
    if (record->count == record->messages_max || !stream_record_reserve(record, message_bytes)) {
        return STATUS_FULL;
    }
    record->hashes[record->count] = hash;
    if (record->keep_content) {
        memcpy(record->content + record->bytes, message, message_bytes);
        record->ends[record->count] = record->bytes + message_bytes;
    }
    record->count++;
    record->bytes += message_bytes;
    record->hash = checksum_mix(record->hash, hash);
    return STATUS_OK;
}

const uint8_t *stream_record_message(const struct stream_record *record, uint64_t sequence,
                                     size_t *message_bytes)
{
    ASSERT(sequence > 0);
    if (!record->keep_content || sequence > record->count) {
        return NULL;
    }
    uint64_t start = sequence == 1 ? 0 : record->ends[sequence - 2];
    ASSERT(start < record->ends[sequence - 1]);
    *message_bytes = (size_t)(record->ends[sequence - 1] - start);
    return record->content + start;
}
