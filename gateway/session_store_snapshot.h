/* All session streams as bytes, and back: a part of a snapshot (protocol.md 6). At the site that
 * reads them every event of the present generation of each session, and of the one before, can be
 * replayed as at the site that wrote them.
 *
 * The same events give the same bytes, however the store has cut them into blocks: where it has cut
 * as a snapshot does, its stored blocks are written as they are; else events are read and packed,
 * which gives the same. Reading unpacks every block and looks at every event; the store then keeps
 * the bytes of the blocks that it cuts alike. So bytes that this packer would not make, of a site
 * with another version of zstd or of one that wants it so, live on in what their readers write.
 * They say the same events, are no larger than a block may be, and only a comparison of whole
 * snapshots could tell: sites compare hashes of events, never snapshots.
 *
 * Writing and reading go in steps that the caller bounds by its chunks; memory is taken once and
 * does not grow with the streams. Whoever owns the store calls. */
#ifndef GATEWAY_SESSION_STORE_SNAPSHOT_H
#define GATEWAY_SESSION_STORE_SNAPSHOT_H

#include <stddef.h>
#include <stdint.h>

#include "gateway/session_store.h"

struct session_store_snapshot;

/* Does one thing at a time, any number of times. STATUS_FULL: no memory. */
MUST_USE enum status session_store_snapshot_create(struct session_store_snapshot **snapshot);
void session_store_snapshot_destroy(struct session_store_snapshot *snapshot);

/* Begin to write what is in `store`, in which `sessions` is the highest session id used. Nothing is
 * appended to it until the last chunk is written. */
void session_store_snapshot_write_start(struct session_store_snapshot *snapshot,
                                        struct session_store *store, uint32_t sessions);
/* The next bytes, at most `bytes_max` (> 0). STATUS_MORE: the chunk is full, call again. STATUS_OK:
 * these were the last ones. STATUS_DAMAGED, STATUS_IO: the store could not be read. */
MUST_USE enum status session_store_snapshot_write(struct session_store_snapshot *snapshot,
                                                  uint8_t *chunk, size_t bytes_max, size_t *bytes);

/* Begin to read into `store`, which is new, for sessions up to `sessions_max`. After an error it is
 * of no use: throw it away. */
void session_store_snapshot_read_start(struct session_store_snapshot *snapshot,
                                       struct session_store *store, uint32_t sessions_max);
/* Take the next bytes, cut anywhere. STATUS_MORE: more must follow. STATUS_OK: this was all.
 * STATUS_BAD_FORMAT, STATUS_BAD_VERSION, or what session_store_append() says; an error stays. */
MUST_USE enum status session_store_snapshot_read(struct session_store_snapshot *snapshot,
                                                 const uint8_t *bytes, size_t count);

#endif
