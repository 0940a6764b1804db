/* Whole snapshots of engines in memory, cut at random places, for tests. */
#ifndef TESTS_SUPPORT_ENGINE_BYTES_H
#define TESTS_SUPPORT_ENGINE_BYTES_H

#include "matching/base/random.h"
#include "matching/snapshot.h"

struct engine_bytes {
    uint8_t *bytes; /* malloc()ed; given back by engine_bytes_free(). */
    size_t count;
    size_t room;
};

/* Write `engine` in chunks of random sizes from 1 to `chunk_max`, into what `bytes` already has
 * room for or more. */
void engine_bytes_write(struct engine_bytes *bytes, const struct engine *engine,
                        struct random *random, size_t chunk_max);

/* Read them in chunks of such sizes: the last status; STATUS_MORE if the bytes are too few. */
MUST_USE enum status engine_bytes_read(const struct engine_bytes *bytes, struct engine *engine,
                                       struct random *random, size_t chunk_max);

/* Rewrite the hash at the end, so that changed records meet every other check. The records must be
 * whole, the last one an end; if they are not, nothing happens. */
void engine_bytes_mend(struct engine_bytes *bytes);

void engine_bytes_free(struct engine_bytes *bytes);

/* An empty engine in zeroed memory of `*memory`, which is malloc()ed when it is NULL and else used
 * again. */
struct engine *engine_bytes_engine(void **memory, const struct engine_limits *limits);

#endif
