/* The thread that touches snapshots for a site's loop: it reads chunks for other sites, fetches a
 * snapshot from another one, and makes a market out of one that is here, so that the loop never
 * waits for these disks. What it writes by itself are fetched snapshots; the shadow writes the
 * site's own (shadow.h).
 *
 * Between the threads stand two bounded rows of tasks and answers. A task that finds no room is
 * dropped: whoever asked asks again. Serving is without memory: each request names snapshot and
 * place. Fetching asks for a few chunks at a time, again after a while when nothing comes, and
 * gives up after a longer one; what has come stays on disk and is not fetched again.
 *
 * All functions are the loop thread's. */
#ifndef GATEWAY_SNAPSHOT_WORKER_H
#define GATEWAY_SNAPSHOT_WORKER_H

#include "gateway/market_snapshot.h"
#include "gateway/site_market.h"
#include "replication/link_wire.h"
#include "replication/snapshot_store.h"

#define SNAPSHOT_WORKER_ERROR_BYTES 1024u

struct snapshot_worker;

struct snapshot_worker_options {
    const struct config *config;         /* Its limits and its data directory; outlives it. */
    struct snapshot_store_options store; /* Without a signer; outlived likewise. */
    void (*wake)(void *context);         /* There are answers; called by the worker's thread. */
    void *wake_context;
};

/* STATUS_FULL without memory or threads; what snapshot_store_open() says. `error` gets a sentence.
 */
MUST_USE enum status snapshot_worker_create(struct snapshot_worker **worker,
                                            const struct snapshot_worker_options *options,
                                            char error[static SNAPSHOT_WORKER_ERROR_BYTES]);
/* Ends the thread; answers not taken are thrown away. NULL is fine. */
void snapshot_worker_destroy(struct snapshot_worker *worker);

/* So many verifiers stand now where options.store.verifiers points; those from before stay. */
void snapshot_worker_trust(struct snapshot_worker *worker, uint32_t verifier_count);

/* ---- Tasks. STATUS_FULL: there is no room now. ---- */

/* Another site asks for a piece: SNAPSHOT_ANSWER_PIECE. */
MUST_USE enum status snapshot_worker_serve(struct snapshot_worker *worker, uint8_t site_id,
                                           uint16_t shard_id,
                                           const struct link_snapshot_request *request);
/* Fetch the snapshot at `position` from a site, unless another one of the shard is being fetched
 * and comes. Said again it goes on. SNAPSHOT_ANSWER_ASK often; at the end
 * SNAPSHOT_ANSWER_MARKET or SNAPSHOT_ANSWER_FAILED. */
MUST_USE enum status snapshot_worker_fetch(struct snapshot_worker *worker, uint8_t site_id,
                                           uint16_t shard_id,
                                           const struct replica_position *position);
/* A piece has come. */
MUST_USE enum status snapshot_worker_take(struct snapshot_worker *worker, uint8_t site_id,
                                          uint16_t shard_id,
                                          const struct link_snapshot_chunk *chunk);
/* Make a market of the newest good snapshot here below `below_log_index`, and set aside those from
 * there to `last_log_index`: later ones were fetched and have nothing to do with what went wrong
 * here. Without any, a new one at the very beginning. SNAPSHOT_ANSWER_MARKET or _FAILED. */
MUST_USE enum status snapshot_worker_rebuild(struct snapshot_worker *worker, uint16_t shard_id,
                                             uint64_t below_log_index, uint64_t last_log_index);
/* Throw a body away, which takes a while; its engine's state is written to the file `evidence`
 * before (matching/snapshot.md), unless that is NULL. Always taken. */
void snapshot_worker_discard(struct snapshot_worker *worker, struct site_market_body *body,
                             const char *evidence);

/* ---- Answers ---- */

enum snapshot_answer_kind {
    SNAPSHOT_ANSWER_PIECE = 1, /* For site_id: `piece`. */
    SNAPSHOT_ANSWER_ASK,       /* Ask site_id: `request`. */
    SNAPSHOT_ANSWER_FETCHED, /* The snapshot of site_id at `position` is here; a market follows. */
    SNAPSHOT_ANSWER_MARKET,  /* `body`, the caller's from now on, stands where `facts` say; it was
                                fetched, or is a rebuild. */
    SNAPSHOT_ANSWER_FAILED,  /* A fetch or rebuild, with `status`. */
    /* The one at `position`, asked for, is not good any more and was set aside. `other`: the newest
     * good one; log index 0: none. */
    SNAPSHOT_ANSWER_DAMAGED,
};

struct snapshot_answer {
    enum snapshot_answer_kind kind;
    uint8_t site_id;
    uint16_t shard_id;
    bool rebuilt; /* MARKET, FAILED: of a rebuild. */
    enum status status;
    struct replica_position position;
    struct replica_position other;
    struct link_snapshot_request request;
    struct link_snapshot_chunk piece;
    struct site_market_body body;
    struct snapshot_manifest facts; /* Without the list. Log index 0: the very beginning. */
};

/* The oldest answer, or NULL. Valid until snapshot_worker_taken(), which must follow. */
struct snapshot_answer *snapshot_worker_answer(struct snapshot_worker *worker);
void snapshot_worker_taken(struct snapshot_worker *worker);

#endif
