/* The inside of a site, for site.c (its loop) and site_open.c (its assembly). */
#ifndef GATEWAY_SITE_INSIDE_H
#define GATEWAY_SITE_INSIDE_H

#include <stdatomic.h>

#include "gateway/admin.h"
#include "gateway/credential.h"
#include "gateway/door.h"
#include "gateway/site.h"
#include "gateway/site_admin.h"
#include "gateway/site_genesis.h"
#include "gateway/site_market.h"
#include "gateway/site_peers.h"
#include "gateway/site_silence.h"
#include "gateway/site_snapshots.h"

#define SITE_COMPLETIONS 256u

/* Top byte of a token: who gets the completion. */
enum site_token_class {
    SITE_TOKEN_OTHER = 0,
    SITE_TOKEN_JOURNAL = 1,
    SITE_TOKEN_DOORS = 2,
    SITE_TOKEN_PEERS = 3,
};

/* Who led a shard when it was last looked at, for the log. */
struct site_leader {
    uint8_t site_id;
    uint64_t term;
};

/* The fork of a shard that was last said (shard.h). */
struct site_fork {
    uint64_t log_index;
    bool proven;
};

struct site {
    struct config config;
    struct site_genesis began;
    struct io *io;
    struct segment_signer *signer;
    struct journal *journal;
    struct codec_context *codec;
    struct credential_worker *credentials;
    struct doors *doors;
    struct site_peers peers;
    struct site_snapshots snapshots;
    struct site_silence silence;
    struct segment_verifier verifiers[SITES_MAX + CONFIG_KEYS_MAX]; /* Of the genesis first. */
    struct site_market markets[SHARDS_MAX];
    struct shard *shards[SHARDS_MAX];
    struct door_market door_markets[SHARDS_MAX];
    struct site_leader leaders[SHARDS_MAX];
    struct site_fork forks[SHARDS_MAX];
    uint64_t handed_over_terms[SHARDS_MAX]; /* Shutting down: given away in that term; 0: not. */
    atomic_bool stopping;
    bool current[SHARDS_MAX]; /* Has executed, since the start, all that was committed then. */
    bool recovered;           /* What comes from the journal now is new. */
    struct admin *admin_thread;
    struct site_admin admin; /* Also: whether the doors are open, whether orders are refused. */
    bool warned;             /* The store is at 70 %, and it has been said. */
    uint64_t housekeeping_due_ns;
    int64_t wall_offset_ns; /* Of a rehearsal. */
    struct io_completion completions[SITE_COMPLETIONS];
};

/* How far a market is, and the hash of everything that has happened on it. */
void site_log_market(const struct site *site, uint32_t index, const char *event);
/* That the wall clock is set wrong on purpose, and by how much. */
void site_log_wall_offset(const struct site *site);
/* What became of a market's streams, as a sentence; returns their status. */
enum status site_streams_failed(const struct site *site, uint32_t index, char *error);

#endif
