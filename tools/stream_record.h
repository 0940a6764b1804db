/* What a session's sequenced messages were, by number: so that a verifier can prove from the
 * outside that a stream has no gap, no repeat and the same bytes every time it is read.
 *
 * SoupBinTCP does not send sequence numbers: both ends count. A server that skips or repeats a
 * message after a reconnect therefore shows only in the content, when the stream is read again from
 * the start: some number then has other bytes than before. */
#ifndef TOOLS_STREAM_RECORD_H
#define TOOLS_STREAM_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "matching/base/status.h"

struct stream_record {
    uint64_t messages_max; /* Beyond: STATUS_FULL, nothing recorded. */
    uint64_t count;        /* Messages 1 .. count are recorded. */
    uint64_t bytes;        /* Sum of their sizes. */
    uint64_t hash;         /* Running, over all of them in order (checksum.h). */
    uint64_t *hashes;      /* Of message i + 1, its size included. */
    uint64_t hashes_room;
    bool keep_content;
    uint64_t *ends; /* Content of message i + 1 ends here; with keep_content. */
    uint8_t *content;
    uint64_t content_room;
};

/* Nothing is allocated before the first message. */
void stream_record_init(struct stream_record *record, uint64_t messages_max, bool keep_content);
void stream_record_destroy(struct stream_record *record);

/* Message `sequence` was received. Number count + 1 is recorded; a number up to count is compared
 * with what it was: STATUS_BAD_CHECKSUM when it has other bytes. STATUS_BAD_CHAIN: a number beyond
 * count + 1. STATUS_FULL: messages_max, or no memory. After an error the record is unchanged. */
MUST_USE enum status stream_record_add(struct stream_record *record, uint64_t sequence,
                                       const uint8_t *message, size_t message_bytes);

/* Hash of one message as the record keeps it. */
uint64_t stream_record_hash(const uint8_t *message, size_t message_bytes);

/* A recorded message; NULL without keep_content or beyond count. The record's memory, valid until
 * the next stream_record_add(). */
const uint8_t *stream_record_message(const struct stream_record *record, uint64_t sequence,
                                     size_t *message_bytes);

#endif
