/* Journals for tests: a key, sealed segments that continue a tail, a journal on a real disk. */
#ifndef TESTS_SUPPORT_JOURNAL_FIXTURE_H
#define TESTS_SUPPORT_JOURNAL_FIXTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "replication/io/io.h"
#include "replication/journal.h"
#include "replication/segment.h"
#include "tests/support/test_paths.h"

#define JOURNAL_FIXTURE_CLUSTER UINT64_C(0x6361757365776179)
#define JOURNAL_FIXTURE_SITE    "aws-use1"
#define JOURNAL_FIXTURE_TOKEN   UINT64_C(77)

struct journal_fixture {
    struct segment_signer signer;
    struct segment_verifier verifier;
    struct journal_options options;
    struct io *io;
    struct journal_parts parts; /* Of a journal in memory. */
    struct journal *journal;    /* NULL: closed. */
    char directory[TEST_PATH_BYTES];
    uint8_t *bytes; /* SEGMENT_BYTES_MAX: the segment sealed last. */
    struct segment segment;
};

/* Keys, buffers, options; no directory, no io. */
void journal_fixture_init(struct journal_fixture *fixture);
/* The same with a directory on a real disk, a journal born in it, and an io. */
void journal_fixture_make(struct journal_fixture *fixture, const char *name);
/* The same over io_memory.h and store_memory.h: `content` (WAL_BYTES_MIN of it, the caller's) is
 * the ring's file; `store` becomes the journal's when it is opened. */
void journal_fixture_make_memory(struct journal_fixture *fixture, uint8_t *content,
                                 struct store *store);
/* What the file of a new ring holds. */
void journal_fixture_ring(const struct journal_fixture *fixture, uint8_t *content);
void journal_fixture_free(struct journal_fixture *fixture);

enum status journal_fixture_open(struct journal_fixture *fixture);
void journal_fixture_close(struct journal_fixture *fixture);

/* Seal the segment that continues `tail`: into fixture->segment and fixture->bytes. Its payload is
 * made of its place and `salt`, so that journal_fixture_check() can tell. */
void journal_fixture_seal(struct journal_fixture *fixture, uint16_t shard_id,
                          const struct journal_tail *tail, uint64_t term, uint32_t payload_bytes,
                          uint64_t salt);
/* Seal what continues the journal's appended tail, and append it. */
enum status journal_fixture_append(struct journal_fixture *fixture, uint16_t shard_id,
                                   uint32_t payload_bytes, uint64_t salt);
/* The time that journal_fixture_append() gives to a segment. */
uint64_t journal_fixture_time(uint64_t log_index, uint64_t salt);

/* Take completions until the journal's last append of all shards is persisted. */
void journal_fixture_persist(struct journal_fixture *fixture);
/* Take what completions there are; waits up to `wait_ns`. */
enum status journal_fixture_turn(struct journal_fixture *fixture, uint64_t wait_ns);
/* Wait until the store has taken in everything. */
void journal_fixture_store(struct journal_fixture *fixture);

/* Check that `source` is the segment at that place which was sealed with `salt`. */
void journal_fixture_check_bytes(const uint8_t *source, size_t source_bytes, uint16_t shard_id,
                                 uint64_t log_index, uint32_t payload_bytes, uint64_t salt);
/* Read and check that it is the segment at that place which was sealed with `salt`. */
void journal_fixture_check(struct journal_fixture *fixture, uint16_t shard_id, uint64_t log_index,
                           uint32_t payload_bytes, uint64_t salt);

#endif
