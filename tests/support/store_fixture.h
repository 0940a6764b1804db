/* Frames for tests of a store, from a ring in memory, and the directory of a real store. */
#ifndef TESTS_SUPPORT_STORE_FIXTURE_H
#define TESTS_SUPPORT_STORE_FIXTURE_H

#include <semaphore.h>
#include <stdint.h>

#include "replication/store.h"
#include "replication/wal.h"
#include "tests/support/journal_fixture.h"

struct store_fixture {
    struct journal_fixture base; /* Keys and, for a real store, a directory with a new journal. */
    struct journal_id id;
    struct journal_error error;
    uint8_t *content; /* The ring's file. */
    struct io *io;
    struct wal wal;
    struct journal_state states[SHARDS_MAX]; /* As of the records made. */
    struct store *store;
    sem_t woken;
};

/* `name` NULL: without a directory; the store is store_memory.h's. The store is not open yet. */
void store_fixture_make(struct store_fixture *fixture, const char *name);
void store_fixture_free(struct store_fixture *fixture);

/* Open the store (a real one, or the one in memory anew), begin the ring behind what it holds, and
 * start it. */
enum status store_fixture_open(struct store_fixture *fixture);
void store_fixture_start(struct store_fixture *fixture);
void store_fixture_close(struct store_fixture *fixture);

/* Records into the frame being filled. */
void store_fixture_segment(struct store_fixture *fixture, uint16_t shard_id, uint32_t payload_bytes,
                           uint64_t salt);
/* `tail` is what remains. */
void store_fixture_cut(struct store_fixture *fixture, uint16_t shard_id,
                       const struct journal_tail *tail);
void store_fixture_base(struct store_fixture *fixture, uint16_t shard_id, uint64_t log_index);
void store_fixture_vote(struct store_fixture *fixture, uint16_t shard_id, uint64_t term);
/* Close and write the frame; the store is not told. Returns the position of its end. */
uint64_t store_fixture_frame(struct store_fixture *fixture);

/* Publish what is written and wait until the store has all of it, or reports an error. */
enum status store_fixture_store(struct store_fixture *fixture);

/* Read a segment from the store and check it against what store_fixture_segment() made. */
void store_fixture_check(struct store_fixture *fixture, uint16_t shard_id, uint64_t log_index,
                         uint32_t payload_bytes, uint64_t salt);
enum status store_fixture_read(struct store_fixture *fixture, uint16_t shard_id,
                               uint64_t log_index);

#endif
