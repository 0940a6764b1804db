/* The store behind the write-ahead ring: keeps what frames say, segments by shard and log index.
 *
 * An interface: store_lmdb.h is the real one, a simulator brings its own. The ring's owner, one
 * loop thread, makes all calls. Frames go from the ring's memory into the store in order, in
 * transactions which also record the frame number; after store_publish() this happens by itself (in
 * the real one on a thread of its own), and store_progress() tells how far it is. Any write error
 * is final. */
#ifndef REPLICATION_STORE_H
#define REPLICATION_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "matching/base/limits.h"
#include "matching/base/status.h"
#include "replication/journal_tail.h"
#include "replication/wal_chain.h"

struct store;

struct store_progress {
    enum status status;  /* Other than STATUS_OK: final; store_error() has the sentence. */
    uint64_t position;   /* Frames before it are stored durably: their room in the ring is free. */
    uint64_t used_bytes; /* Of the bytes reserved: an upper bound. */
    uint64_t commits;    /* Since the journal's birth. */
    bool full;           /* Frames stay in the ring until something is trimmed. */
};

struct store_operations {
    enum status (*move)(struct store *store, const struct wal_image *image, uint64_t position);
    enum status (*start)(struct store *store, const struct wal_image *image,
                         void (*wake)(void *context), void *wake_context);
    void (*publish)(struct store *store, uint64_t position);
    void (*want)(struct store *store);
    void (*progress)(const struct store *store, struct store_progress *progress);
    enum status (*read)(struct store *store, uint16_t shard_id, uint64_t log_index, uint8_t *target,
                        size_t target_bytes, size_t *segment_bytes, uint64_t *last_timestamp_ns);
    void (*trim)(struct store *store, uint16_t shard_id, uint64_t log_index);
    const char *(*error)(const struct store *store);
    void (*close)(struct store *store);
};

/* First member of every implementation. `place` and `states` (index: shard id - 1) are what the
 * store holds, current until store_start(). */
struct store {
    const struct store_operations *operations;
    struct wal_place place;
    struct journal_state states[SHARDS_MAX];
    struct journal_repair repairs[SHARDS_MAX]; /* Likewise. */
};

/* Recovery: take in the frames from store->place up to `position` before returning. They have been
 * followed and verified. STATUS_NO_SPACE, STATUS_IO, STATUS_DAMAGED: store_error() says more. */
MUST_USE enum status store_move(struct store *store, const struct wal_image *image,
                                uint64_t position);

/* From now on published frames are taken in by themselves. `image` outlives the store's work;
 * `wake` may be called from any thread, after store_want() and on errors. */
MUST_USE enum status store_start(struct store *store, const struct wal_image *image,
                                 void (*wake)(void *context), void *wake_context);

/* Frames up to `position` are persisted and may be taken in. They are not changed or overwritten
 * before store_progress() has passed them. */
void store_publish(struct store *store, uint64_t position);

/* Call `wake` once when there is progress: somebody waits for room. */
void store_want(struct store *store);

void store_progress(const struct store *store, struct store_progress *progress);

/* Copy a segment out and check that its bytes are those put in. STATUS_NOT_FOUND, STATUS_SHORT
 * (`*segment_bytes` says what it takes), STATUS_BAD_CHECKSUM, STATUS_IO. */
MUST_USE enum status store_read(struct store *store, uint16_t shard_id, uint64_t log_index,
                                uint8_t *target, size_t target_bytes, size_t *segment_bytes,
                                uint64_t *last_timestamp_ns);

/* Segments of the shard below `log_index` may go, a few in each transaction. */
void store_trim(struct store *store, uint16_t shard_id, uint64_t log_index);

/* A sentence about the last error; valid after a call or progress has reported one. */
const char *store_error(const struct store *store);

/* Takes in what is published, then stops and frees the store. */
void store_close(struct store *store);

#endif
