/* A store in memory behind store.h: takes frames in when the test says so, and keeps them over a
 * crash as the real one does. */
#ifndef TESTS_SUPPORT_STORE_MEMORY_H
#define TESTS_SUPPORT_STORE_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "replication/store.h"

/* Empty, as at a journal's birth. */
struct store *store_memory_create(void);
/* The same content, as a process finds it that starts now. */
struct store *store_memory_clone(const struct store *store);

/* The next store_close() keeps it, as a process finds it that starts then: whoever made it closes
 * it once more, or opens a journal with it. */
void store_memory_keep(struct store *store);

/* Bytes of frames that are published and not taken in. */
uint64_t store_memory_waiting(const struct store *store);
/* Flip a bit of some segment of a shard: reading it says STATUS_BAD_CHECKSUM. False: there is none.
 */
bool store_memory_rot(struct store *store, uint16_t shard_id, uint64_t random);

/* Take in up to `frames_max` of the published frames. Returns how many. */
uint32_t store_memory_advance(struct store *store, uint32_t frames_max);
/* From now on no frame is taken in, and progress reports `status`. */
void store_memory_fail(struct store *store, enum status status);
void store_memory_fill(struct store *store, uint64_t used_bytes, bool full);

/* Where it stands, also after store_start(). */
const struct wal_place *store_memory_place(const struct store *store);
const struct journal_state *store_memory_states(const struct store *store);

#endif
