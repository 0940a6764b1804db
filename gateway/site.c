#include "gateway/site.h"

#include <stdio.h>
#include <stdlib.h>

#include "gateway/log.h"
#include "gateway/members.h"
#include "gateway/site_failure.h"
#include "gateway/site_halt.h"
#include "gateway/site_inside.h"
#include "gateway/site_serving.h"
#include "gateway/wall_offset.h"
#include "matching/base/assertion.h"
#include "replication/key_store.h"

#define SITE_HOUSEKEEPING_NS UINT64_C(10000000)
#define SITE_SHUTDOWN_NS     UINT64_C(2000000000)
#define SITE_LATE_NS         UINT64_C(1000000)

void site_log_market(const struct site *site, uint32_t index, const char *event)
{
    const struct engine *engine = site->markets[index].engine;
    struct engine_totals totals = engine_totals(engine);
    log_line(LOG_LEVEL_INFO, event, "shard=%u commands=%llu open_orders=%llu event_hash=%016llx",
             index + 1, (unsigned long long)totals.commands, (unsigned long long)totals.open_orders,
             (unsigned long long)engine_event_hash(engine));
}

enum status site_streams_failed(const struct site *site, uint32_t index, char *error)
{
    enum status status = site->markets[index].stream_status;
    ASSERT(status != STATUS_OK);
    (void)snprintf(error, SITE_ERROR_BYTES,
                   "the session streams of shard %u cannot be written (%s): make room in %s and "
                   "start again; nothing is lost, they are rebuilt from the journal",
                   index + 1, status_text(status), site->config.data);
    return status;
}

static enum status site_dispatch(struct site *site, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct io_completion *completion = &site->completions[i];
        switch ((enum site_token_class)(completion->token >> 56)) {
        case SITE_TOKEN_OTHER:
            break;
        case SITE_TOKEN_JOURNAL: {
            enum status status = journal_complete(site->journal, completion);
            if (status != STATUS_OK) {
                return status;
            }
            break;
        }
        case SITE_TOKEN_DOORS:
            doors_complete(site->doors, completion);
            break;
        case SITE_TOKEN_PEERS:
            site_peers_complete(&site->peers, completion);
            break;
        }
    }
    return STATUS_OK;
}

void site_log_wall_offset(const struct site *site)
{
    log_line(LOG_LEVEL_WARN, "wall-offset", "offset_ns=%lld file=%s",
             (long long)site->wall_offset_ns, site->config.wall_offset);
}

/* A clock that jumps, where the configuration asks for the rehearsal. */
static void site_rehearse(struct site *site)
{
    int64_t offset_ns = 0;
    if (site->config.wall_offset[0] == '\0' ||
        wall_offset_read(site->config.wall_offset, &offset_ns) != STATUS_OK ||
        offset_ns == site->wall_offset_ns) {
        return;
    }
    site->wall_offset_ns = offset_ns;
    io_wall_shift(site->io, offset_ns);
    site_log_wall_offset(site);
}

static void site_housekeeping(struct site *site, uint64_t now_ns)
{
    if (now_ns < site->housekeeping_due_ns) {
        return;
    }
    site->housekeeping_due_ns = now_ns + SITE_HOUSEKEEPING_NS;
    site_rehearse(site);
    struct journal_usage usage;
    journal_usage(site->journal, &usage);
    if (usage.store_warn && !site->warned) {
        log_line(LOG_LEVEL_WARN, "store-filling",
                 "used_bytes=%llu of_bytes=%llu advice=\"archive and trim, or start with a larger "
                 "tuning.store\"",
                 (unsigned long long)usage.store_used_bytes, (unsigned long long)usage.store_bytes);
    }
    if (usage.store_refuse != site->admin.orders_refused) {
        log_line(usage.store_refuse ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO, "store-full",
                 "refusing_orders=%d used_bytes=%llu of_bytes=%llu", usage.store_refuse,
                 (unsigned long long)usage.store_used_bytes, (unsigned long long)usage.store_bytes);
    }
    site->warned = usage.store_warn;
    site->admin.orders_refused = usage.store_refuse;
}

static uint64_t site_due_ns(const struct site *site)
{
    uint64_t now_ns = io_now_ns(site->io);
    uint64_t due_ns = doors_due_ns(site->doors);
    uint64_t peers_ns = site_peers_due_ns(&site->peers, now_ns);
    due_ns = peers_ns < due_ns ? peers_ns : due_ns;
    uint64_t snapshots_ns = site_snapshots_due_ns(&site->snapshots, now_ns);
    due_ns = snapshots_ns < due_ns ? snapshots_ns : due_ns;
    uint64_t silence_ns = site_silence_due_ns(&site->silence, now_ns);
    due_ns = silence_ns < due_ns ? silence_ns : due_ns;
    for (uint32_t i = 0; i < site->config.shard_count; i++) {
        uint64_t shard_ns = shard_due_ns(site->shards[i], now_ns);
        due_ns = shard_ns < due_ns ? shard_ns : due_ns;
    }
    return due_ns;
}

/* Since when, at the earliest that matters, what a poll brought has been waiting. A poll that came
 * back after it was due was kept from running (stopped, moved, starved of processor time): its
 * bytes may have waited in the kernel since then, and orders must not be taken for younger than
 * they are (DESIGN P5). They were not there at the poll before. */
static uint64_t site_arrived_ns(uint64_t before_ns, uint64_t due_ns, uint64_t now_ns)
{
    ASSERT(before_ns <= now_ns);
    uint64_t arrived_ns = due_ns < now_ns ? due_ns : now_ns;
    return arrived_ns > before_ns ? arrived_ns : before_ns;
}

/* Who leads, whenever that changes. */
static void site_watch_leader(struct site *site, uint32_t index, const struct shard_status *status)
{
    struct site_leader *known = &site->leaders[index];
    uint8_t leader = status->role != REPLICA_LEADER || status->leader ? status->leader_site_id : 0;
    if (known->site_id == leader && known->term == status->term) {
        return;
    }
    *known = (struct site_leader){leader, status->term};
    log_line(LOG_LEVEL_INFO, "leader", "shard=%u term=%llu leader=%s here=%d log_index=%llu",
             index + 1, (unsigned long long)status->term,
             members_name_of(site->config.sites, leader), leader == site->config.site_index + 1,
             (unsigned long long)status->appended_log_index);
}

/* Rule 1: two chains at one index and term; said once for each place. */
static void site_watch_fork(struct site *site, uint32_t index, const struct shard_status *status)
{
    const struct shard_fork *fork = &status->fork;
    struct site_fork *known = &site->forks[index];
    if (known->log_index == fork->log_index && known->proven == fork->proven) {
        return;
    }
    *known = (struct site_fork){fork->log_index, fork->proven};
    const struct config_site *sites = site->config.sites;
    log_line(LOG_LEVEL_ERROR, "fork",
             "shard=%u log_index=%llu term=%llu signer=%s peer=%s peer_signer=%s proven=%d",
             index + 1, (unsigned long long)fork->log_index, (unsigned long long)fork->term,
             members_name_of(sites, fork->signer_site_id),
             members_name_of(sites, fork->other_site_id),
             members_name_of(sites, fork->other_signer_site_id), fork->proven);
}

/* What this turn has made of the shards. */
static void site_watch(struct site *site)
{
    for (uint32_t i = 0; i < site->config.shard_count; i++) {
        struct shard_status status;
        shard_status(site->shards[i], &status);
        site_watch_leader(site, i, &status);
        site_watch_fork(site, i, &status);
        site_halt_look(&status, i, &site->markets[i], &site->door_markets[i], site->doors);
    }
}

static void site_shard_error(const struct site *site, uint32_t index, enum status failed,
                             char *error)
{
    struct shard_status status;
    shard_status(site->shards[index], &status);
    bool journal = failed != STATUS_FOREIGN && journal_error(site->journal)[0] != '\0';
    const char *evidence = site->peers.evidence.error.text;
    if (journal) {
        site_failure_journal(error, failed, journal_error(site->journal));
    } else if (status.fork.signed_here) {
        (void)snprintf(error, SITE_ERROR_BYTES,
                       "shard %u has stopped: at log index %llu of term %llu there is another "
                       "segment with this site's signature, which its journal does not hold: its "
                       "key or its journal has been in two places, or came from a copy. It joins "
                       "again as a new site (`causeway init`, `causeway site add`); the cluster "
                       "goes on without it",
                       index + 1, (unsigned long long)status.fork.log_index,
                       (unsigned long long)status.fork.term);
    } else if (status.halt == REPLICA_RUNS && evidence[0] != '\0') {
        (void)snprintf(error, SITE_ERROR_BYTES,
                       "shard %u has a tail that was never committed and cannot keep it as "
                       "evidence: %s; it is still in the journal",
                       index + 1, evidence);
    } else {
        const char *halt = site_halt_text(status.halt);
        (void)snprintf(error, SITE_ERROR_BYTES, "shard %u has stopped: %s", index + 1,
                       halt != NULL ? halt
                                    : "a segment of its journal does not verify any more: rebuild "
                                      "it from its peers");
    }
}

/* One turn of the loop: inputs, then what they allow, then output. */
static enum status site_turn(struct site *site, char *error)
{
    uint64_t before_ns = io_now_ns(site->io);
    uint64_t due_ns = site_due_ns(site);
    uint32_t count = io_poll(site->io, site->completions, SITE_COMPLETIONS, due_ns);
    uint64_t arrived_ns = site_arrived_ns(before_ns, due_ns, io_now_ns(site->io));
    uint64_t late_ns = io_now_ns(site->io) - arrived_ns;
    if (late_ns > SITE_LATE_NS && count < SITE_COMPLETIONS) {
        /* It may have come back before it saw all: what is there now waited as long. */
        count += io_poll(site->io, site->completions + count, SITE_COMPLETIONS - count, 0);
    }
    doors_arrival(site->doors, arrived_ns);
    enum status status = site_dispatch(site, count);
    if (status == STATUS_OK) {
        status = journal_poll(site->journal);
    }
    uint64_t now_ns = io_now_ns(site->io);
    if (status != STATUS_OK) {
        site_failure_journal(error, status, journal_error(site->journal));
        return status;
    }
    for (uint32_t i = 0; i < site->config.shard_count; i++) {
        shard_late(site->shards[i], late_ns);
        status = shard_step(site->shards[i], now_ns, io_wall_ns(site->io));
        if (status != STATUS_OK) {
            site_shard_error(site, i, status, error);
            return status;
        }
    }
    if (site->peers.status != STATUS_OK) {
        (void)snprintf(error, SITE_ERROR_BYTES, "%s", site->peers.error);
        return site->peers.status;
    }
    site_watch(site);
    for (uint32_t i = 0; i < site->config.shard_count; i++) {
        if (site->markets[i].stream_status != STATUS_OK) {
            return site_streams_failed(site, i, error);
        }
    }
    site_serving_late(site);
    status = doors_run(site->doors, site->admin.orders_refused);
    if (status != STATUS_OK) {
        (void)snprintf(
            error, SITE_ERROR_BYTES,
            "a session stream does not read back as it was written (%s): start again, it "
            "is rebuilt from the journal; check the disk",
            status_text(status));
        return status;
    }
    site_admin_run(&site->admin);
    status = site_snapshots_run(&site->snapshots, now_ns);
    if (status != STATUS_OK) {
        site_failure_journal(error, status, journal_error(site->journal));
        return status;
    }
    site_silence_run(&site->silence, now_ns);
    site_peers_run(&site->peers, now_ns, io_wall_ns(site->io));
    site_housekeeping(site, now_ns);
    return site->admin.serving ? STATUS_OK : site_serving_begin(site, error);
}

/* Whether others may lead a shard. */
static bool site_has_heirs(const struct site *site, uint32_t index)
{
    uint16_t own = (uint16_t)(1u << site->config.site_index);
    const struct placement *placement = &shard_placement(site->shards[index])->placement;
    return (placement_voters(placement) & (uint16_t)~own) != 0;
}

/* Hand the leadership to the follower that has most, before leaving. */
static void site_hand_over(struct site *site, uint32_t index, uint64_t term)
{
    struct shard *shard = site->shards[index];
    uint8_t heir = 0;
    uint64_t heir_log_index = 0;
    for (uint8_t site_id = 1; site_id <= site->config.site_count; site_id++) {
        struct shard_follower follower;
        if (shard_follower(shard, site_id, io_now_ns(site->io), &follower) && !follower.fenced &&
            placement_role_of(&shard_placement(shard)->placement, site_id) == PLACEMENT_VOTER &&
            follower.matched_log_index > heir_log_index) {
            heir = site_id;
            heir_log_index = follower.matched_log_index;
        }
    }
    /* What is refused is tried again at the next turn. */
    if (heir != 0 && shard_transfer(shard, heir, io_now_ns(site->io)) == REPLICA_ACCEPTED) {
        site->handed_over_terms[index] = term;
    }
}

/* Whether a shard has nothing more to do here: what came in is executed, and somebody else leads,
 * if there is somebody. Who gets back in a later term what it has given away is the last of many
 * that leave at the same time: they would hand it round until the end. */
static bool site_shard_idle(struct site *site, uint32_t index)
{
    struct shard_status status;
    struct router_counts counts;
    shard_status(site->shards[index], &status);
    router_counts(site->peers.routers[index], &counts);
    if (status.halted) {
        return true; /* What waits for it waits in vain. */
    }
    bool heirs = site_has_heirs(site, index);
    uint64_t given_term = site->handed_over_terms[index];
    bool given_back = given_term != 0 && status.term > given_term;
    if (status.role == REPLICA_LEADER && heirs && !given_back) {
        site_hand_over(site, index, status.term);
        return false;
    }
    return counts.waiting == 0 && status.applied_log_index >= status.committed_log_index &&
           (heirs || status.role != REPLICA_LEADER ||
            status.applied_log_index == status.appended_log_index);
}

/* Close the doors and let what they still report go into the journal. */
static enum status site_shut_down(struct site *site, char *error)
{
    log_line(LOG_LEVEL_INFO, "stopping", "site=%s", site->config.site);
    doors_close_all(site->doors);
    uint64_t until_ns = io_now_ns(site->io) + SITE_SHUTDOWN_NS;
    bool idle = false;
    while (!idle && io_now_ns(site->io) < until_ns) {
        enum status status = site_turn(site, error);
        if (status != STATUS_OK) {
            return status;
        }
        struct doors_counts counts;
        doors_counts(site->doors, &counts);
        idle = counts.connections == 0 && !doors_waiting(site->doors);
        for (uint32_t i = 0; i < site->config.shard_count && idle; i++) {
            idle = site_shard_idle(site, i);
        }
    }
    site_peers_shut_down(&site->peers);
    while (!site_peers_quiet(&site->peers) && io_now_ns(site->io) < until_ns) {
        enum status status = site_turn(site, error);
        if (status != STATUS_OK) {
            return status;
        }
    }
    /* What a start from this journal must come to again. */
    for (uint32_t i = 0; i < site->config.shard_count; i++) {
        site_log_market(site, i, "executed");
    }
    return STATUS_OK;
}

enum status site_run(struct site *site, char error[static SITE_ERROR_BYTES])
{
    io_now_refresh(site->io);
    for (uint32_t i = 0; i < site->config.shard_count; i++) {
        enum status status =
            shard_start(site->shards[i], io_now_ns(site->io), io_wall_ns(site->io));
        if (status != STATUS_OK) {
            site_shard_error(site, i, status, error);
            return status;
        }
    }
    static_assert(SITE_ERROR_BYTES >= SITE_SNAPSHOTS_ERROR_BYTES, "a sentence fits");
    enum status status = site_snapshots_start(&site->snapshots, error);
    if (status != STATUS_OK) {
        return status;
    }
    while (!atomic_load_explicit(&site->stopping, memory_order_relaxed)) {
        status = site_turn(site, error);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return site_shut_down(site, error);
}

void site_stop(struct site *site)
{
    atomic_store(&site->stopping, true);
    io_wake(site->io);
}

void site_close(struct site *site)
{
    if (site->admin.link != NULL) {
        if (site->admin_thread != NULL) {
            admin_stop(site->admin_thread);
        }
        admin_link_destroy(site->admin.link);
    }
    site_snapshots_close(&site->snapshots);
    if (site->credentials != NULL) {
        credential_stop(site->credentials);
    }
    for (uint32_t i = 0; i < SHARDS_MAX; i++) {
        if (site->shards[i] != NULL) {
            shard_destroy(site->shards[i]);
        }
    }
    if (site->journal != NULL) {
        journal_close(site->journal);
    }
    if (site->io != NULL) {
        io_destroy(site->io);
    }
    if (site->doors != NULL) {
        doors_destroy(site->doors);
    }
    site_peers_close(&site->peers);
    for (uint32_t i = 0; i < SHARDS_MAX; i++) {
        site_market_close(&site->markets[i]);
    }
    if (site->codec != NULL) {
        codec_destroy(site->codec);
    }
    key_store_release(site->signer);
    free(site);
}
