/* A market in the snapshot store: the engine's state and the session streams as the two parts of a
 * snapshot. Written in steps by who keeps both (shadow.h), read whole at a start. Blocking; one
 * thread at a time. */
#ifndef GATEWAY_MARKET_SNAPSHOT_H
#define GATEWAY_MARKET_SNAPSHOT_H

#include "gateway/session_store_snapshot.h"
#include "matching/engine.h"
#include "replication/snapshot_store.h"

#define MARKET_SNAPSHOT_ENGINE  "engine"
#define MARKET_SNAPSHOT_STREAMS "streams"

struct market_snapshot;

/* STATUS_FULL: no memory. */
MUST_USE enum status market_snapshot_create(struct market_snapshot **snapshot);
void market_snapshot_destroy(struct market_snapshot *snapshot);

/* Begin to write a snapshot of `facts` (snapshot_store_write_begin()); the event hash is the
 * engine's. Until the last step or market_snapshot_abandon() neither engine nor streams change, and
 * nothing else is written to the store. What snapshot_store_write_begin() says. */
MUST_USE enum status market_snapshot_start(struct market_snapshot *snapshot,
                                           struct snapshot_store *store,
                                           const struct snapshot_manifest *facts,
                                           const struct engine *engine,
                                           struct session_store *streams, uint32_t sessions_max);
/* A chunk more. STATUS_MORE until it is published: STATUS_OK. Any other status: abandoned. */
MUST_USE enum status market_snapshot_step(struct market_snapshot *snapshot);
void market_snapshot_abandon(struct market_snapshot *snapshot);

/* Read into a new engine and new streams. STATUS_OK: they are as those written. Every other status:
 * throw both away. STATUS_DAMAGED, STATUS_IO of the files; STATUS_BAD_FORMAT, STATUS_BAD_VERSION,
 * STATUS_BAD_CHECKSUM, STATUS_BAD_ARGUMENT (limits of another engine); and what
 * session_store_append() says. */
MUST_USE enum status market_snapshot_read(struct market_snapshot *snapshot,
                                          struct snapshot_source *source, struct engine *engine,
                                          struct session_store *streams, uint32_t sessions_max);
/* The same from the snapshot of a shard that stands in the store at `log_index`, with what its
 * manifest says (but for the list of parts) in `facts`. What snapshot_store_source() says besides.
 */
MUST_USE enum status market_snapshot_load(struct market_snapshot *snapshot,
                                          struct snapshot_store *store, uint16_t shard_id,
                                          uint64_t log_index, struct engine *engine,
                                          struct session_store *streams, uint32_t sessions_max,
                                          struct snapshot_manifest *facts);

#endif
