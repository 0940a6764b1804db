/* journal.id: which journal this is, and the lock of the one process that may have it.
 *
 * Layout: protocol.md, "Journal", 1.1. Written once, at birth, as the last of a journal's files:
 * without it there is no journal. */
#ifndef REPLICATION_JOURNAL_ID_H
#define REPLICATION_JOURNAL_ID_H

#include <stdbool.h>
#include <stdint.h>

#include "matching/base/status.h"
#include "replication/journal_file.h"

#define JOURNAL_INCARNATION_BYTES 16u
#define JOURNAL_SITE_BYTES        32u

#define JOURNAL_ID_NAME "journal.id"

struct journal_id {
    uint8_t incarnation[JOURNAL_INCARNATION_BYTES];
    uint64_t cluster_id;
    char site[JOURNAL_SITE_BYTES]; /* Ends with a zero. */
    uint64_t wal_bytes;
    uint64_t store_bytes;
};

void journal_id_store(uint8_t block[static JOURNAL_BLOCK_BYTES], const struct journal_id *id);
MUST_USE enum status journal_id_load(struct journal_id *id,
                                     const uint8_t block[static JOURNAL_BLOCK_BYTES]);

/* Create PATH anew, synced. */
MUST_USE enum status journal_id_create(const char *path, const struct journal_id *id,
                                       struct journal_error *error);

/* Open DIRECTORY/journal.id, lock it (`exclusive`, or shared among readers) and read it. The lock
 * lasts until `*descriptor` is closed. STATUS_NOT_FOUND, STATUS_IN_USE, STATUS_DAMAGED,
 * STATUS_BAD_VERSION, STATUS_DENIED, STATUS_IO; the descriptor is -1 then. */
MUST_USE enum status journal_id_open(struct journal_id *id, int *descriptor, const char *directory,
                                     bool exclusive, struct journal_error *error);

#endif
