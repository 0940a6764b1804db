/* A whole site's silence: who leads a shard journals that a site is not heard any more, so that the
 * grace periods of the sessions logged on there begin (rules.md 2.6, 2.7). A region's death is not
 * a client's disconnect: the clients have that time to log on elsewhere.
 *
 * A site is silent when its link has been down for config.site_silence_ns, as this site has seen
 * it. It is said once for each loss of the link and each term, and only while sessions are logged
 * on there. Should it have been wrong, those sessions log on again. Loop thread only. */
#ifndef GATEWAY_SITE_SILENCE_H
#define GATEWAY_SITE_SILENCE_H

#include "gateway/site_market.h"
#include "gateway/site_peers.h"

/* What has been said of a site in a shard. */
struct site_silence_said {
    uint64_t lost_ns; /* Of which loss, */
    uint64_t term;    /* and in which term; 0: nothing. */
};

struct site_silence {
    const struct config *config; /* These outlive it. */
    const struct site_peers *peers;
    struct shard *const *shards;
    const struct site_market *markets;
    struct site_silence_said said[SHARDS_MAX][SITES_MAX];
};

/* Once a turn, behind shard_step(). */
void site_silence_run(struct site_silence *silence, uint64_t now_ns);
/* When site_silence_run() wants to be called at the latest; UINT64_MAX: only after news. */
uint64_t site_silence_due_ns(const struct site_silence *silence, uint64_t now_ns);

#endif
