/* The other sites, as one site's process sees them: its link, and what goes over it to shards,
 * routers and snapshots. A site alone has no link, and then nothing here does anything. Loop thread
 * only. */
#ifndef GATEWAY_SITE_PEERS_H
#define GATEWAY_SITE_PEERS_H

#include "gateway/config.h"
#include "gateway/genesis.h"
#include "gateway/router.h"
#include "gateway/site_evidence.h"
#include "replication/link.h"
#include "replication/shard.h"

#define SITE_PEERS_ERROR_BYTES 1024u

struct site_peers_options {
    struct config *config; /* Its `sites` and `keys` grow as others are heard of. */
    struct io *io;
    const struct segment_signer *signer;
    uint8_t token_class;
    uint64_t incarnation; /* Of this site's journal. */
    const struct genesis *genesis;
    struct shard *const *shards; /* Of shard id - 1; filled later. */
};

/* Who takes care of snapshots (site_snapshots.h). */
struct site_peers_snapshots {
    void *context;
    /* Fetch the one at `position` from that site. */
    void (*wanted)(void *context, uint8_t site_id, uint16_t shard_id,
                   const struct replica_position *position);
    void (*request)(void *context, uint8_t site_id, uint16_t shard_id,
                    const struct link_snapshot_request *request);
    void (*chunk)(void *context, uint8_t site_id, uint16_t shard_id,
                  const struct link_snapshot_chunk *chunk);
};

struct site_peers {
    struct site_peers_options options;
    struct site_peers_snapshots snapshots; /* Filled later, before the first turn. */
    /* Of site_id - 1: since when it has not been connected, monotonic; 0: it is. */
    uint64_t lost_ns[SITES_MAX];
    struct link *link; /* NULL: this site is alone. */
    struct router *routers[SHARDS_MAX];
    bool changed;    /* config->sites are to be written, and told to the link. */
    uint16_t linked; /* Peers that the link knows: bit (site_id - 1). */
    uint64_t seen;   /* What the logs said of the members when news were last judged. */
    /* The last news of each site (0: the operator) that was not taken whole; owned. */
    struct site_peers_waiting {
        char *text;
        size_t bytes;
    } waiting[SITES_MAX + 1];
    uint16_t to_tell;   /* Peers that have not been sent the news: bit (site_id - 1). */
    enum status status; /* Final: what must be written cannot be. */
    char error[SITE_PEERS_ERROR_BYTES];
    uint64_t generation; /* Least of all shards': peers of lower ones are refused. */
    struct site_evidence evidence;
};

/* Once the shards are there: routers, and the link where there are other sites. STATUS_FULL without
 * memory; what link_create() and site_evidence_open() say. `error` gets a sentence. */
MUST_USE enum status site_peers_open(struct site_peers *peers,
                                     const struct site_peers_options *options,
                                     char error[static SITE_PEERS_ERROR_BYTES]);
/* After io_destroy(). */
void site_peers_close(struct site_peers *peers);

/* The functions for shard_create(); their context is `peers`, which may be opened later. */
struct shard_peers site_peers_of(struct site_peers *peers);

/* Take a completion of the token class. */
void site_peers_complete(struct site_peers *peers, const struct io_completion *completion);
/* Once a turn: routers behind shard_step(), then what is to be sent. */
void site_peers_run(struct site_peers *peers, uint64_t now_ns, uint64_t wall_ns);
uint64_t site_peers_due_ns(const struct site_peers *peers, uint64_t now_ns);

/* A site that joins, as a tool says: members_merge(), then written and told to all. What the log
 * contradicts waits until it does not. STATUS_BAD_FORMAT, _DENIED; _CLOSED: there is no link. */
MUST_USE enum status site_peers_introduce(struct site_peers *peers, const char *text,
                                          size_t text_bytes);

/* Say goodbye; io_poll() until it is quiet. */
void site_peers_shut_down(struct site_peers *peers);
bool site_peers_quiet(const struct site_peers *peers);

#endif
