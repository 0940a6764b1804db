/* Answers the administration thread's requests from a site's own state. Loop thread only. */
#ifndef GATEWAY_SITE_ADMIN_H
#define GATEWAY_SITE_ADMIN_H

#include "gateway/admin_link.h"
#include "gateway/config.h"
#include "gateway/genesis.h"
#include "gateway/site_market.h"
#include "gateway/site_peers.h"
#include "replication/journal.h"

/* What the answers are made of; everything outlives it. */
struct site_admin {
    struct admin_link *link;
    const struct config *config;
    const struct genesis *genesis;
    const struct io *io;
    const struct journal *journal;
    const struct doors *doors;
    const struct site_market *markets;
    struct shard *const *shards;
    struct site_peers *peers;
    uint64_t started_ns; /* Monotonic. */
    bool serving;
    bool orders_refused;
    struct admin_request request; /* The one at hand. */
};

/* Take and answer what waits, a bounded number a turn; commands are submitted to their shard and
 * answered when site_admin_event() brings their outcome. */
void site_admin_run(struct site_admin *site);

/* An EVENT_ADMINISTRATION of a market. */
void site_admin_event(struct site_admin *site, uint32_t market_index, const struct event *event);

#endif
