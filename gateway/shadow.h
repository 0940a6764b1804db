/* The shadow: a second engine for each shard, on a low-priority thread of its own, that follows
 * behind the live one and writes the snapshots, so that trading never stops for one (DESIGN 5,
 * "Snapshots without a pause"). Its event hashes audit the live engine.
 *
 * How segments come to it: once a turn the loop thread copies a few applied ones from the journal
 * into slots that are free (shadow_feed()). The journal keeps its one thread, and the shadow can
 * never push back: while it is busy with a snapshot the slots stay full, and the loop copies
 * nothing. It catches up from the journal, where everything stays that it has not yet written into
 * two snapshots.
 *
 * What it keeps is its own: an engine, a file of session streams, memory. At a start it takes up
 * the newest good snapshot, like the live engine, and asks for the segments behind it. So a
 * snapshot is of exactly one log index, and the live engine and its streams are never looked at.
 *
 * All functions are the loop thread's. */
#ifndef GATEWAY_SHADOW_H
#define GATEWAY_SHADOW_H

#include <stdbool.h>
#include <stdint.h>

#include "matching/engine.h"
#include "replication/journal.h"
#include "replication/snapshot_store.h"

struct shadow;

struct shadow_shard_options {
    uint16_t shard_id;
    struct engine_limits limits;        /* As the live engine's. */
    const char *stream_path;            /* Of its session streams; replaced when it exists. */
    uint64_t stream_bytes_max;          /* Then it fails. */
    struct snapshot_membership genesis; /* Before the first placement in the log. */
};

struct shadow_options {
    struct snapshot_store_options store;       /* What it points to outlives the shadow. */
    const struct shadow_shard_options *shards; /* Copied, but for the texts. */
    uint32_t shard_count;                      /* 1 .. SHARDS_MAX. */
    /* A snapshot is due when so much has been applied since the last one, or so much time has
     * passed and anything has been applied. 0: not for this reason. */
    uint64_t every_segments;
    uint64_t every_bytes; /* Of segments. */
    uint64_t every_ns;
    uint32_t kept;               /* Of each shard, 2 .. SNAPSHOT_KEPT_MAX. */
    void (*wake)(void *context); /* There are reports; called by the shadow's thread. */
    void *wake_context;
};

enum shadow_report_kind {
    SHADOW_SNAPSHOT = 1, /* One is there, durable: offer it, trim the journal. */
    SHADOW_NO_SNAPSHOT,  /* One could not be written (`status`); the next one is tried when due. */
    SHADOW_DIVERGED,     /* At `log_index` the live engine's event hash was another. */
    SHADOW_FAILED,       /* It cannot go on (`status`). */
};

struct shadow_report {
    enum shadow_report_kind kind;
    uint16_t shard_id;
    enum status status;
    uint64_t log_index;
    struct replica_position position; /* SNAPSHOT: of it. */
    /* SNAPSHOT: of the oldest of those kept, to which the journal may be trimmed; 0 while there are
     * fewer than `kept`. */
    uint64_t oldest_log_index;
};

struct shadow_status {
    uint64_t log_index; /* Applied. */
    uint64_t compared;  /* Event hashes found equal. */
    uint64_t snapshots; /* Written. */
    bool follows;       /* Neither starting nor failed nor diverged. */
};

/* Starts the thread. STATUS_FULL without memory or threads; what snapshot_store_open() says, then
 * `error`, of JOURNAL_ERROR_BYTES, has a sentence. */
MUST_USE enum status shadow_create(struct shadow **shadow, const struct shadow_options *options,
                                   char *error);
/* Ends the thread; a snapshot that is being written is abandoned. NULL is fine. */
void shadow_destroy(struct shadow *shadow);

/* Once a turn for each shard: what the live engine has applied, and its event hash there. Copies a
 * bounded piece of the journal. STATUS_NOT_FOUND: what the shadow needs next is no longer in the
 * journal (a newer snapshot must come: shadow_restart()); what else journal_read() says. */
MUST_USE enum status shadow_feed(struct shadow *shadow, struct journal *journal, uint16_t shard_id,
                                 uint64_t applied_log_index, uint64_t event_hash);

/* The next report. False: there is none. */
bool shadow_report(struct shadow *shadow, struct shadow_report *report);

/* Take a snapshot as soon as something has been applied since the last one. */
void shadow_request(struct shadow *shadow, uint16_t shard_id);

/* So many verifiers stand now where options.store.verifiers points; those from before stay. Before
 * the restart that needs them. */
void shadow_trust(struct shadow *shadow, uint32_t verifier_count);

/* Another site is fetching the snapshot at `log_index` (0: nobody is): it is not removed when newer
 * ones are there. */
void shadow_spare(struct shadow *shadow, uint16_t shard_id, uint64_t log_index);

/* Forget everything and begin again with the newest good snapshot: after one was installed, and
 * after a divergence when the live engine was rebuilt. */
void shadow_restart(struct shadow *shadow, uint16_t shard_id);

void shadow_status(const struct shadow *shadow, uint16_t shard_id, struct shadow_status *status);

#endif
