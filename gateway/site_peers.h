/* The other sites, as one site's process sees them: its link, and what goes over it to shards,
 * routers and snapshots. A site alone has no link, and then nothing here does anything. Loop thread
 * only. */
#ifndef GATEWAY_SITE_PEERS_H
#define GATEWAY_SITE_PEERS_H

#include "gateway/config.h"
#include "gateway/router.h"
#include "replication/link.h"
#include "replication/shard.h"

#define SITE_PEERS_ERROR_BYTES 512u

struct site_peers_options {
    const struct config *config;
    struct io *io;
    const struct segment_signer *signer;
    uint8_t token_class;
    uint64_t incarnation; /* Of this site's journal. */
    uint64_t generation;
    struct shard *const *shards; /* Of shard id - 1; filled later. */
};

struct site_peers {
    struct site_peers_options options;
    struct link *link; /* NULL: this site is alone. */
    struct router *routers[SHARDS_MAX];
    uint64_t evidence_count; /* Segments kept as evidence (DESIGN 6, rule 8). */
};

/* Once the shards are there: routers, and the link where there are other sites. STATUS_FULL without
 * memory; what link_create() says. `error` gets a sentence. */
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

/* Say goodbye; io_poll() until it is quiet. */
void site_peers_shut_down(struct site_peers *peers);
bool site_peers_quiet(const struct site_peers *peers);

#endif
