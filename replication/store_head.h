/* The head pointer, kept apart from the store: what its last commit was, in a small file of its
 * own.
 *
 * LMDB checks no pages and may come back, after a disk that did not keep its word, with an older
 * root that looks perfectly sound. Then it lies behind the head pointer, and the site must not
 * start. Two slots, written in turn, each with a checksum: one is always whole. Layout:
 * protocol.md, "Journal", 1.3. The thread that commits owns it. */
#ifndef REPLICATION_STORE_HEAD_H
#define REPLICATION_STORE_HEAD_H

#include <stdint.h>

#include "matching/base/status.h"
#include "replication/journal_file.h"
#include "replication/wal_frame.h"

#define STORE_HEAD_NAME "store.head"

struct store_head_facts {
    uint8_t incarnation[WAL_KEY_BYTES];
    uint64_t commit_number; /* From 1: the journal's birth. */
    uint64_t frame_number;
    uint8_t frame_hash[WAL_HASH_BYTES];
    uint8_t digest[JOURNAL_BLOCK_HASH_BYTES]; /* Of the records of all shards. */
};

struct store_head {
    int descriptor; /* -1: not open. */
    char path[JOURNAL_PATH_BYTES];
};

/* Create PATH with `facts` in one slot. */
MUST_USE enum status store_head_create(const char *path, const struct store_head_facts *facts,
                                       struct journal_error *error);

/* Open PATH and read the newer of the whole slots. STATUS_NOT_FOUND, STATUS_DAMAGED when no slot is
 * whole, STATUS_IO. `writable` false: for a reader. */
MUST_USE enum status store_head_open(struct store_head *head, struct store_head_facts *facts,
                                     const char *path, bool writable, struct journal_error *error);

/* Durable when it returns. */
MUST_USE enum status store_head_write(struct store_head *head, const struct store_head_facts *facts,
                                      struct journal_error *error);
void store_head_close(struct store_head *head);

/* Compare with what the store itself says. STATUS_FOREIGN, STATUS_DAMAGED. */
MUST_USE enum status store_head_compare(const struct store_head *head,
                                        const struct store_head_facts *facts,
                                        const struct store_head_facts *store,
                                        struct journal_error *error);

#endif
