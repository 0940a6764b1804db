#include "gateway/site_serving.h"

#include <stdio.h>

#include "gateway/log.h"
#include "matching/base/assertion.h"

/* Whether this site has executed all that is known to be committed, and somebody leads: only then
 * do its answers mean anything. */
static bool serving_is_current(const struct shard_status *status)
{
    if (status->fenced || status->leader_site_id == 0 ||
        status->applied_log_index < status->committed_log_index) {
        return false;
    }
    return status->role == REPLICA_LEADER
               ? status->leader && status->applied_log_index == status->appended_log_index
               : status->leader_commit_log_index > 0 &&
                     status->applied_log_index >= status->leader_commit_log_index;
}

/* Whether all that others wait for is here. */
static bool serving_look(struct site *site)
{
    bool any = false;
    bool all = true;
    for (uint32_t i = 0; i < site->config.shard_count; i++) {
        struct shard_status status;
        shard_status(site->shards[i], &status);
        /* One that has halted serves nobody, and keeps nobody from being served by others. */
        site->current[i] =
            status.halted || (!status.fenced && (site->current[i] || serving_is_current(&status)));
        any = any || site->current[i];
        all = all && (site->current[i] || status.evidence_waits);
    }
    return all && any;
}

enum status site_serving_begin(struct site *site, char error[static SITE_ERROR_BYTES])
{
    ASSERT(!site->admin.serving);
    if (!serving_look(site)) {
        return STATUS_OK;
    }
    uint32_t handle = 0;
    uint16_t port = 0;
    enum status status = io_listen(site->io, site->config.listen_ouch,
                                   doors_listen_token(site->doors), &handle, &port);
    if (status != STATUS_OK) {
        (void)snprintf(error, SITE_ERROR_BYTES, "cannot listen for clients on %s any more: %s",
                       site->config.listen_ouch, status_text(status));
        return status;
    }
    site->admin.serving = true;
    uint32_t late = 0;
    for (uint32_t i = 0; i < site->config.shard_count; i++) {
        if (site->current[i]) {
            doors_market_reconcile(site->doors, i);
        } else {
            site->door_markets[i].closed = true;
            late++;
        }
    }
    log_line(LOG_LEVEL_INFO, "ready", "cluster=%s site=%s ouch=%s port=%u shards=%u late=%u",
             site->config.cluster, site->config.site, site->config.listen_ouch, port,
             site->config.shard_count, late);
    return STATUS_OK;
}

void site_serving_late(struct site *site)
{
    for (uint32_t i = 0; i < site->config.shard_count && site->admin.serving; i++) {
        struct door_market *market = &site->door_markets[i];
        struct shard_status status;
        if (site->current[i] || market->halted) {
            continue;
        }
        shard_status(site->shards[i], &status);
        site->current[i] = !status.fenced && serving_is_current(&status);
        market->closed = !site->current[i]; /* Also where it was made anew meanwhile. */
        if (site->current[i]) {
            ASSERT(!status.halted);
            doors_market_reconcile(site->doors, i);
            log_line(LOG_LEVEL_INFO, "shard-ready", "shard=%u applied_log_index=%llu", i + 1,
                     (unsigned long long)status.applied_log_index);
        }
    }
}
