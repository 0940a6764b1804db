/* A shard that has halted alone (replica_halt_is_shards()): two leaders in one term, a leader that
 * contradicts what is committed, no majority for any event hash (DESIGN 6, rules 1, 2 and 9). It
 * takes no part any more at this site: it leads nothing, follows nobody, executes nothing; its
 * snapshots are neither taken nor served, its journal is not trimmed, so that all of it can be
 * compared. All other shards of the process go on. Loop thread only. */
#ifndef GATEWAY_SITE_HALT_H
#define GATEWAY_SITE_HALT_H

#include "gateway/door.h"
#include "gateway/site_market.h"
#include "replication/shard.h"

/* Why, and what to do: a sentence for the operator. NULL for what is no halt for good. */
const char *site_halt_text(enum replica_halt halt);

/* Where a shard has halted and nobody knows yet: said in the log; who is logged on is refused from
 * now on, who is about to log on is sent away. */
void site_halt_look(const struct shard_status *status, uint32_t index,
                    const struct site_market *market, struct door_market *door_market,
                    struct doors *doors);

#endif
