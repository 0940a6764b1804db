/* A snapshot of a simulated market as a row of bytes: the real manifest, the engine's state, the
 * session streams; so as one site serves it to another. No files: what is kept where is
 * sim_shelf.h. */
#ifndef TESTS_SIM_SIM_SNAPSHOT_H
#define TESTS_SIM_SIM_SNAPSHOT_H

#include "gateway/session_store_snapshot.h"
#include "gateway/site_market.h"
#include "replication/shard.h"
#include "replication/snapshot_manifest.h"

struct sim_snapshot {
    struct replica_position position;
    uint8_t *row; /* NULL: there is none. */
    size_t bytes;
    uint64_t content_hash; /* Of one made here: the same for the same state and streams. */
};

void sim_snapshot_free(struct sim_snapshot *snapshot);

/* Of a market that stands at `origin`. */
void sim_snapshot_make(struct sim_snapshot *snapshot, uint64_t cluster_id, uint16_t shard_id,
                       const struct shard_origin *origin, const struct site_market *market,
                       struct session_store_snapshot *streams, uint32_t sessions_max,
                       const struct segment_signer *signer);

/* Verify every byte, as a reader of a snapshot store does. `manifest->list` points into the row. */
MUST_USE enum status sim_snapshot_verify(const struct sim_snapshot *snapshot, uint64_t cluster_id,
                                         uint16_t shard_id,
                                         const struct segment_verifier *verifiers,
                                         uint32_t verifier_count,
                                         struct snapshot_manifest *manifest);

/* Where it stands. STATUS_BAD_FORMAT: its membership is none. */
MUST_USE enum status sim_snapshot_origin(const struct snapshot_manifest *manifest,
                                         struct shard_origin *origin);
/* Read a verified one into a new market. */
MUST_USE enum status sim_snapshot_read(const struct sim_snapshot *snapshot,
                                       const struct snapshot_manifest *manifest,
                                       struct site_market *market,
                                       struct session_store_snapshot *streams,
                                       uint32_t sessions_max);

#endif
