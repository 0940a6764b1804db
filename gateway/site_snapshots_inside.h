/* The inside of a site's snapshots, for site_snapshots*.c. */
#ifndef GATEWAY_SITE_SNAPSHOTS_INSIDE_H
#define GATEWAY_SITE_SNAPSHOTS_INSIDE_H

#include "gateway/site_snapshots.h"

/* ---- site_snapshots.c ---- */

/* The market of a shard goes on with `body`; its connections end. What was is thrown away, its
 * state kept in the file `evidence` (NULL: not). */
void site_snapshots_replace(struct site_snapshots *snapshots, uint32_t index,
                            struct site_market_body *body, const char *evidence);

/* ---- site_snapshots_fence.c ---- */

/* Look whether a shard is fenced, or right again, and take the next step. */
void site_snapshots_fence_turn(struct site_snapshots *snapshots, uint32_t index, uint64_t now_ns);
/* The market asked for is here, or cannot be made. */
void site_snapshots_fence_market(struct site_snapshots *snapshots, uint32_t index,
                                 struct snapshot_answer *answer);
void site_snapshots_fence_failed(struct site_snapshots *snapshots, uint32_t index,
                                 const struct snapshot_answer *answer);

#endif
