/* Session streams of one shard: every event of every session by its sequence number, for replay
 * from any number. Derived data: rebuilt from the journal at start, so writes are not synced.
 *
 * Full blocks are compressed and appended to one file; the newest events of a session stay in
 * memory. A door holds a cursor (session, generation, sequence) and reads when its socket has room:
 * slow clients cost nothing here. One loop thread owns it. The present generation of a session and
 * the one before are readable; the bytes of older ones stay in the file until it is made anew.
 *
 * A block ends where the sequence is a multiple of block_events. Memory is bounded and taken at the
 * start (event_pool.h): when many sessions are busy, blocks are written before they get there, and
 * the next one begins within. Every byte that comes back from the file is checked. */
#ifndef GATEWAY_SESSION_STORE_H
#define GATEWAY_SESSION_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/stream_packer.h"
#include "matching/base/status.h"
#include "matching/event.h"

/* Events of a block in the stores of a site, and in snapshots (protocol.md 6), so that one fits the
 * other. Longer blocks pack better, but cost more to read from their middle. */
#define SESSION_STORE_BLOCK_EVENTS 128u

struct session_store;

struct session_store_options {
    const char *path;        /* The file; replaced when it exists. Mode 0600. */
    uint32_t sessions_max;   /* Ids 1 .. sessions_max. */
    uint32_t block_events;   /* SESSION_STORE_BLOCK_EVENTS, or 16 .. 1024, a multiple of 8. */
    uint64_t file_bytes_max; /* Then STATUS_NO_SPACE. */
};

/* STATUS_BAD_ARGUMENT: a number is out of its range, or there is something at `path` that is no
 * regular file. STATUS_FULL: no memory. STATUS_NOT_FOUND, STATUS_DENIED, STATUS_NO_SPACE,
 * STATUS_IO: the system's answer for `path`. */
MUST_USE enum status session_store_create(struct session_store **store,
                                          const struct session_store_options *options);
/* Leaves the file, which is of no use any more. */
void session_store_destroy(struct session_store *store);

/* Append the next event of event->session_id's stream. Its sequence is the next one (asserted), or
 * 1 with EVENT_SYSTEM / SYSTEM_START: a new generation. The generation before stays readable, one
 * older is forgotten. Generations count from 1 with a session's first event, as the engine's do.
 * STATUS_NO_SPACE or STATUS_IO: final, the process must end with a clear message. */
MUST_USE enum status session_store_append(struct session_store *store, const struct event *event);

/* Sequence number that the session's next event will have in its present generation; 1 when it has
 * none yet. */
uint64_t session_store_next(const struct session_store *store, uint32_t session_id);

/* Copy up to `events_max` events from `sequence` (from 1) on. `*count` 0: nothing there yet.
 * STATUS_NOT_FOUND: the generation is older than the one before the present one.
 * STATUS_DAMAGED: the file does not hold what was written to it. STATUS_IO: it cannot be read. */
MUST_USE enum status session_store_read(struct session_store *store, uint32_t session_id,
                                        uint64_t generation, uint64_t sequence,
                                        struct event *events, uint32_t events_max, uint32_t *count);

/* For session_store_snapshot.h: the present stream of a session, or the one before. False: there is
 * none. */
struct session_store_stream {
    uint64_t generation;
    uint64_t next_sequence;
};
bool session_store_stream(const struct session_store *store, uint32_t session_id, bool present,
                          struct session_store_stream *stream);

/* Also: begin a generation that was read from elsewhere, in a session that has none or the one
 * before it (asserted); the present one becomes the previous. What session_store_append() says. */
MUST_USE enum status session_store_restore(struct session_store *store, uint32_t session_id,
                                           uint64_t generation);
/* And its next event (sequence asserted), whatever its type. */
MUST_USE enum status session_store_put(struct session_store *store, const struct event *event);
/* Or its next `count` (> 0) events, together with what unpacks to them: `stored` is kept as it is
 * where this store has a whole block. */
MUST_USE enum status session_store_put_block(struct session_store *store,
                                             const struct event *events, uint32_t count,
                                             const uint8_t *stored,
                                             const struct stream_packer_sizes *sizes);

/* Also: the stored bytes of `count` events from `sequence` on, none of which is to come, as the
 * file has them (checked); `stored` has room for stream_packer_bound(count). STATUS_NOT_FOUND: they
 * are no block there, read the events. Else what session_store_read() says. */
MUST_USE enum status session_store_block(struct session_store *store, uint32_t session_id,
                                         uint64_t generation, uint64_t sequence, uint32_t count,
                                         uint8_t *stored, struct stream_packer_sizes *sizes);

struct session_store_usage {
    uint64_t events; /* Appended, of all generations. */
    uint64_t file_bytes;
    uint64_t memory_bytes; /* Taken at the start; what is never used costs nothing physical. */
};
void session_store_usage(const struct session_store *store, struct session_store_usage *usage);

#endif
