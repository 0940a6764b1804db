/* The store in LMDB, with the thread that moves frames into it.
 *
 * The thread sleeps until the ring has filled to an eighth or 10 ms have passed, never woken frame
 * by frame: few large commits (each costs two flushes and the head pointer's) instead of many small
 * ones. It reads frames from the ring's memory, which stay unchanged until it has passed them. */
#ifndef REPLICATION_STORE_LMDB_H
#define REPLICATION_STORE_LMDB_H

#include <stdint.h>

#include "matching/base/status.h"
#include "replication/journal_file.h"
#include "replication/store.h"
#include "replication/wal_frame.h"

struct store_lmdb_options {
    const char *directory; /* Holds store.mdb and store.head. */
    uint64_t store_bytes;
    uint64_t ring_bytes;
    uint8_t incarnation[WAL_KEY_BYTES];
};

/* Open and compare with the head pointer. STATUS_FOREIGN, STATUS_DAMAGED, STATUS_NOT_FOUND,
 * STATUS_BAD_VERSION, STATUS_IO; `error` has the sentence. */
MUST_USE enum status store_lmdb_open(struct store **store, const struct store_lmdb_options *options,
                                     struct journal_error *error);

#endif
