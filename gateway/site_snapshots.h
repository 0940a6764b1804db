/* Snapshots as a site has them: who takes them (shadow.h), who reads and fetches them
 * (snapshot_worker.h), and what follows from them for shards, journal and doors.
 *
 * - A start begins at the newest good snapshot that the journal goes on from, and replays the rest.
 * - A snapshot that was taken is offered to followers; then the journal is trimmed below the oldest
 *   of those kept. While another site fetches one, this one stays on offer, is not removed, and
 *   nothing is trimmed, unless the store fills.
 * - What this site lacks and the leader has no longer is fetched, made into a market beside the
 *   present one, installed in one turn. Connections to that market end: the clients come back and
 *   go on at their next number.
 * - A shard that is fenced (DESIGN 6, rule 9) is closed to clients and made anew from its newest
 *   snapshot; fenced again, from ever older ones, at last from the beginning of the journal. What
 *   was wrong stays as evidence: the engine's state, and the snapshots that led to it.
 *
 * Loop thread only. */
#ifndef GATEWAY_SITE_SNAPSHOTS_H
#define GATEWAY_SITE_SNAPSHOTS_H

#include "gateway/door.h"
#include "gateway/shadow.h"
#include "gateway/site_market.h"
#include "gateway/site_peers.h"
#include "gateway/snapshot_worker.h"

#define SITE_SNAPSHOTS_ERROR_BYTES 1024u

struct site_snapshots_options {
    const struct config *config;
    struct io *io;
    struct journal *journal;
    const struct segment_signer *signer;
    const struct segment_verifier *verifiers; /* Copied. */
    uint32_t verifier_count;
    struct shard *const *shards; /* These by shard id - 1. */
    struct site_market *markets;
    struct door_market *door_markets;
    struct doors *doors;
    struct site_peers *peers;
};

/* A shard whose events differ from those of a majority of sites (rule 9). */
enum site_fence {
    SITE_FENCE_NONE = 0,
    SITE_FENCE_CLOSED,  /* No client is served; a new market is asked for when there is room, */
    SITE_FENCE_MAKES,   /* is being made, */
    SITE_FENCE_REPEATS, /* executes the log again. */
    SITE_FENCE_STUCK,   /* Nothing is left to try. */
};

/* Of a shard. */
struct site_snapshot_shard {
    /* What the shadow may follow to next, with the event hash there: as soon as it is persisted
     * here. A leader executes what others hold; a snapshot of that would stand behind the end of
     * this journal after a power cut, and nothing would fit together. */
    uint64_t follow_log_index;
    uint64_t follow_event_hash;
    struct replica_position newest; /* Known here and good; log index 0: none. */
    /* To be offered and trimmed to, as soon as that may be; log index 0: nothing. */
    struct replica_position offer;
    uint64_t offer_oldest_log_index;
    /* The journal has not got what the shadow needs behind `newest`: begun again once, and since
     * then waiting for another snapshot. */
    uint64_t restarted_log_index; /* `newest` when it was begun again for that; 0 is one, too. */
    bool restarted;
    bool starved;            /* As long as `newest` is that one. */
    uint64_t held_log_index; /* Another site fetches this one, */
    uint64_t held_until_ns;  /* as far as is known. */
    uint64_t wanted_said_ns;
    enum site_fence fence;
    uint64_t fence_due_ns;      /* When the next step is tried. */
    uint64_t machine_log_index; /* Of the snapshot that the market came from; 0: the beginning. */
    uint64_t rebuilds;          /* Behind one another without a while of being right. */
    uint64_t rebuilt_log_index; /* Where the last one had caught up. */
};

struct site_snapshots {
    struct site_snapshots_options options;
    char directory[CONFIG_PATH_BYTES + 32];
    char shadow_paths[SHARDS_MAX][CONFIG_PATH_BYTES + 32];
    struct shadow *shadow; /* NULL: no snapshots are taken here. */
    struct snapshot_worker *worker;
    struct site_snapshot_shard shards[SHARDS_MAX];
    /* Whose snapshots count: those of the options, then of sites that joined since the start. Only
     * ever appended to: the threads read what they have been told of. */
    struct segment_verifier verifiers[SITES_MAX + 2 * CONFIG_KEYS_MAX];
    uint32_t verifier_count;
    uint64_t keys_seen; /* config->key_changes when they were last looked at. */
    bool started;
};

/* Before shard_recover(): the market of each shard from its newest good snapshot, if there is one;
 * `error` gets a sentence: STATUS_NOT_FOUND: the journal does not reach back to any good snapshot;
 * what snapshot_store_open() says, STATUS_FULL. */
MUST_USE enum status site_snapshots_open(struct site_snapshots *snapshots,
                                         const struct site_snapshots_options *options,
                                         char error[static SITE_SNAPSHOTS_ERROR_BYTES]);
/* Behind shard_start(): threads, and what is here is offered. STATUS_FULL, and as above. */
MUST_USE enum status site_snapshots_start(struct site_snapshots *snapshots,
                                          char error[static SITE_SNAPSHOTS_ERROR_BYTES]);
/* Before markets, doors and peers end. */
void site_snapshots_close(struct site_snapshots *snapshots);

/* For site_peers.h. */
struct site_peers_snapshots site_snapshots_peers(struct site_snapshots *snapshots);

/* Once a turn, behind shard_step(). The journal's errors. */
MUST_USE enum status site_snapshots_run(struct site_snapshots *snapshots, uint64_t now_ns);
/* When site_snapshots_run() wants to be called at the latest. */
uint64_t site_snapshots_due_ns(const struct site_snapshots *snapshots, uint64_t now_ns);

/* Whether what the shard executes now is history, which nobody waits for. */
bool site_snapshots_repeats(const struct site_snapshots *snapshots, uint32_t index);

/* A manifest as the place where a machine stands. STATUS_BAD_FORMAT, STATUS_BAD_VERSION: of its
 * membership. */
MUST_USE enum status site_snapshots_open_origin(const struct placement *genesis,
                                                const struct snapshot_manifest *facts,
                                                struct shard_origin *origin);

#endif
