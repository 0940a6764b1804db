#include "gateway/site_halt.h"

#include "gateway/log.h"
#include "matching/base/assertion.h"

const char *site_halt_text(enum replica_halt halt)
{
    switch (halt) {
    case REPLICA_RUNS:
    case REPLICA_HALT_REPAIR: /* It idles, and is halted no more once that is active. */
        return NULL;
    case REPLICA_HALT_DISK:
        return "its disk failed";
    case REPLICA_HALT_GENERATION:
        return "the cluster was repaired without this site: it joins again as a new one";
    case REPLICA_HALT_COMMITTED_CONFLICT:
        return "a leader contradicts what is committed here: compare the journals before any "
               "other step";
    case REPLICA_HALT_TWO_LEADERS:
        return "two sites lead in one term: compare the journals before any other step";
    case REPLICA_HALT_HASHES:
        return "no majority of sites computes the same events: compare `causeway journal execute` "
               "of all sites; stop all of them before any starts again";
    }
    ASSERT(false);
    return NULL;
}

void site_halt_look(const struct shard_status *status, uint32_t index,
                    const struct site_market *market, struct door_market *door_market,
                    struct doors *doors)
{
    if (!status->halted || door_market->halted) {
        return;
    }
    ASSERT(site_halt_text(status->halt) != NULL);
    log_line(LOG_LEVEL_ERROR, "shard-halted",
             "shard=%u term=%llu committed_log_index=%llu applied_log_index=%llu "
             "event_hash=%016llx text=\"%s. It takes no part here any more; other shards go on\"",
             index + 1, (unsigned long long)status->term,
             (unsigned long long)status->committed_log_index,
             (unsigned long long)status->applied_log_index,
             (unsigned long long)engine_event_hash(market->engine), site_halt_text(status->halt));
    door_market->closed = true;
    door_market->halted = true;
    doors_market_halt(doors, index);
}
