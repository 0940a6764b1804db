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

/* Take in up to `frames_max` of the published frames. Returns how many. */
uint32_t store_memory_advance(struct store *store, uint32_t frames_max);
/* From now on no frame is taken in, and progress reports `status`. */
void store_memory_fail(struct store *store, enum status status);
void store_memory_fill(struct store *store, uint64_t used_bytes, bool full);

/* Where it stands, also after store_start(). */
const struct wal_place *store_memory_place(const struct store *store);
const struct journal_state *store_memory_states(const struct store *store);

#endif
