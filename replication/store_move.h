/* One transaction of the store: frames from the ring's memory into LMDB.
 *
 * Segments are appended in the order of the records, truncations and bases followed, old segments
 * trimmed a few at a time; the facts (frame number, tails) are written in the same transaction,
 * then the head pointer. Called by recovery and by the store's thread, never by both at once. */
#ifndef REPLICATION_STORE_MOVE_H
#define REPLICATION_STORE_MOVE_H

#include <stdbool.h>
#include <stdint.h>

#include "matching/base/status.h"
#include "replication/store_env.h"

/* A transaction takes in about this much; a larger one would hold back the release of the ring. */
#define STORE_MOVE_BYTES_MAX (8u << 20)
/* Old segments that one transaction deletes, of each shard: trimming never makes a long pause. */
#define STORE_MOVE_TRIM_MAX 64u

struct store_move {
    struct store_env *env;
    struct store_head *head;
    const struct wal_image *image;
    struct store_facts facts;            /* As committed. */
    struct journal_repair *repairs;      /* Of SHARDS_MAX, the caller's; follow the records. */
    uint64_t trim_log_index[SHARDS_MAX]; /* Segments below may go. */
    bool trimming;                       /* Some of them are still there. */
    uint64_t room_bytes; /* No more than this is taken in; UINT64_MAX: as much as fits. */
};

/* Size of the next frame. There is one: published, not taken in yet. */
uint32_t store_move_next_bytes(const struct store_move *move);

/* Take in frames up to `position`, at most STORE_MOVE_BYTES_MAX of them, and trim; one commit. On
 * STATUS_OK `move->facts` has advanced, durably. On errors nothing has been committed (or it cannot
 * be known) and the store must not be written any more. */
MUST_USE enum status store_move_commit(struct store_move *move, uint64_t position,
                                       struct journal_error *error);

#endif
