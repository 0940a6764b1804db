/* The struct behind journal.h, for the files that implement it and for nobody else: journal.c (the
 * life of a journal), journal_open.c (its start), journal_read.c (segments out), journal_repair.c
 * (generations). */
#ifndef REPLICATION_JOURNAL_INSIDE_H
#define REPLICATION_JOURNAL_INSIDE_H

#include "replication/journal.h"
#include "replication/journal_index.h"
#include "replication/store.h"
#include "replication/wal.h"

struct journal_shard {
    struct journal_state appended;
    struct journal_tail persisted;
    struct journal_tail closed[WAL_WRITES_IN_FLIGHT_MAX]; /* At the end of each frame in flight. */
    uint64_t trimmed_log_index;                           /* Segments below are gone for readers. */
    struct journal_index index;
    struct journal_repair repair;      /* As persisted. */
    struct journal_repair repair_next; /* Appended; while repair_waits, */
    bool repair_waits;
    uint64_t repair_frame; /* in this frame, once that is closed; else 0. */
};

struct journal {
    struct journal_options options;
    struct journal_id id;
    struct io *io;
    struct store *store;
    struct wal wal;
    int lock;           /* Descriptor of journal.id; -1: none. */
    enum status status; /* The final error; STATUS_OK while there is none. */
    uint64_t frames_recovered;
    uint64_t published_position;
    uint8_t *segment;    /* SEGMENT_BYTES_MAX: to look at what a truncation leaves. */
    uint64_t *positions; /* Of all shards' indexes. */
    struct journal_shard shards[SHARDS_MAX];
    struct journal_error error;
};

/* From here on every call returns `status`: nothing is acknowledged any more (DESIGN 6, rule 4). */
enum status journal_open_fail(struct journal *journal, enum status status);

/* Room for a record, or STATUS_FULL and what the store says. */
MUST_USE enum status journal_room(struct journal *journal, uint32_t record_bytes, bool vote);

/* A frame was closed with everything appended so far; frames up to `number` are persisted. */
void journal_repair_closed(struct journal *journal, uint64_t number);
void journal_repair_persisted(struct journal *journal, uint64_t number);

/* journal_read() which also says up to what time the journal had come with this segment. */
MUST_USE enum status journal_read_stamped(struct journal *journal, uint16_t shard_id,
                                          uint64_t log_index, uint8_t *target, size_t target_bytes,
                                          size_t *segment_bytes, uint64_t *last_timestamp_ns);

#endif
