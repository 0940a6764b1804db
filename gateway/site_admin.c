#include "gateway/site_admin.h"

#include <stdio.h>
#include <string.h>

#include "gateway/egress.h"
#include "matching/base/assertion.h"

#define SITE_ADMIN_REQUESTS 64u /* In one turn: trading goes first. */

static void site_admin_describe_links(const struct site_admin *site, struct admin_site *answer)
{
    const struct config *config = site->config;
    const struct link *link = site->peers->link;
    struct link_counts strangers;
    if (link == NULL) {
        return;
    }
    link_counts(link, &strangers);
    memcpy(answer->link_ends, strangers.ends, sizeof answer->link_ends);
    for (uint8_t site_id = 1; site_id <= config->site_count; site_id++) {
        struct link_peer_counts counts;
        struct admin_peer *peer = &answer->peers[site_id - 1];
        if (site_id == config->site_index + 1 || config->sites[site_id - 1].name[0] == '\0') {
            continue;
        }
        link_peer_counts(link, site_id, &counts);
        *peer = (struct admin_peer){
            .known = true,
            .connected = counts.connected,
            .bytes_out = counts.wire_bytes_out,
            .bytes_in = counts.wire_bytes_in,
            .connects = counts.connects,
            .millibytes_per_command =
                egress_millibytes_per_command(counts.wire_bytes_out, answer->commands_logged),
            .cost_micros =
                egress_cost_micros(config->prices, config->price_count,
                                   config->sites[site_id - 1].provider, counts.wire_bytes_out)};
        for (uint32_t class = 0; class < LINK_PRIORITY_COUNT; class ++) {
            peer->dropped += counts.dropped[class];
        }
        for (uint32_t path = 0; path < LINK_PATHS_MAX; path++) {
            peer->round_trip_ns += counts.paths[path].best ? counts.paths[path].round_trip_ns : 0;
        }
        for (uint32_t end = 0; end < LINK_END_COUNT; end++) {
            answer->link_ends[end] += counts.ends[end];
        }
    }
}

static void site_admin_describe(const struct site_admin *site, struct admin_site *answer)
{
    const struct config *config = site->config;
    const struct config_site *own = &config->sites[config->site_index];
    memcpy(answer->cluster, config->cluster, sizeof answer->cluster);
    memcpy(answer->site, config->site, sizeof answer->site);
    memcpy(answer->provider, own->provider, sizeof answer->provider);
    answer->io_features = io_features(site->io);
    answer->shard_count = config->shard_count;
    answer->site_id = (uint8_t)(config->site_index + 1);
    memcpy(answer->sites, config->sites, sizeof answer->sites);
    memcpy(answer->genesis, site->genesis->hash, sizeof answer->genesis);
    answer->serving = site->serving;
    answer->orders_refused = site->orders_refused;
    answer->wall_ns = io_wall_ns(site->io);
    answer->uptime_ns = io_now_ns(site->io) - site->started_ns;
    journal_usage(site->journal, &answer->journal);
    doors_counts(site->doors, &answer->doors);
    answer->evidence_files = site->peers->evidence.files;
    answer->evidence_bytes = site->peers->evidence.bytes;
    for (uint32_t at = 0; at < config->shard_count; at++) {
        struct shard_status status;
        shard_status(site->shards[at], &status);
        answer->commands_logged += status.records_logged;
    }
    site_admin_describe_links(site, answer);
}

static void site_admin_describe_members(const struct site_admin *site, uint32_t index,
                                        struct admin_shard *answer)
{
    const struct shard *shard = site->shards[index];
    answer->placement = *shard_placement(shard);
    answer->placement_log_index = shard_placement_log_index(shard);
    shard_repair_report(shard, &answer->report, &answer->promised);
    answer->promised_set = answer->report.promised != NULL;
    answer->report.promised = NULL;
    for (uint8_t site_id = 1; site_id <= SITES_MAX; site_id++) {
        if (shard_follower(shard, site_id, io_now_ns(site->io), &answer->followers[site_id - 1])) {
            answer->follower_mask = (uint16_t)(answer->follower_mask | 1u << (site_id - 1));
        }
    }
}

static void site_admin_describe_shard(const struct site_admin *site, uint32_t index,
                                      struct admin_shard *answer)
{
    const struct site_market *market = &site->markets[index];
    answer->shard_id = site->config->shards[index].id;
    memcpy(answer->name, site->config->shards[index].name, sizeof answer->name);
    answer->queue_room = shard_room(site->shards[index]);
    shard_status(site->shards[index], &answer->log);
    answer->election_ns = shard_election_ns(site->shards[index]);
    answer->totals = engine_totals(market->engine);
    answer->event_hash = engine_event_hash(market->engine);
    engine_shard_view(market->engine, &answer->market);
    session_store_usage(market->streams, &answer->streams);
    site_admin_describe_members(site, index, answer);
}

static void site_admin_command(struct site_admin *site, const struct admin_request *request,
                               struct admin_answer *answer)
{
    struct shard_status status;
    shard_status(site->shards[request->shard_id - 1], &status);
    answer->status = status.halted ? STATUS_FOREIGN
                                   : router_submit(site->peers->routers[request->shard_id - 1],
                                                   &request->command, io_now_ns(site->io));
    if (answer->status == STATUS_OK) {
        admin_link_wait(site->link, request);
    } else {
        admin_link_answer(site->link, answer);
    }
}

static void site_admin_plan(struct shard *shard, const struct admin_change *change, uint64_t now_ns,
                            struct admin_change_result *result)
{
    const struct placement_record *record = shard_placement(shard);
    result->stale = record->placement.epoch != change->plan.epoch;
    if (!result->stale) {
        result->refusal = shard_plan(shard, &change->plan.target, change->plan.waived_rules,
                                     change->plan.replace, now_ns, &result->verdict);
    }
}

static void site_admin_change(struct site_admin *site, const struct admin_request *request,
                              struct admin_answer *answer)
{
    const struct admin_change *change = &request->change;
    struct admin_change_result *result = &answer->body.change;
    uint64_t now_ns = io_now_ns(site->io);
    if (change->what == ADMIN_CHANGE_INTRODUCE) {
        result->status = site_peers_introduce(site->peers, change->text, strlen(change->text));
        admin_link_answer(site->link, answer);
        return;
    }
    struct shard *shard = site->shards[change->shard_id - 1];
    struct shard_status status;
    shard_status(shard, &status);
    switch (change->what) {
    case ADMIN_CHANGE_INTRODUCE:
        ASSERT(false);
        break;
    case ADMIN_CHANGE_PLAN:
        site_admin_plan(shard, change, now_ns, result);
        break;
    case ADMIN_CHANGE_TRANSFER:
        result->refusal = shard_transfer(shard, change->site_id, now_ns);
        break;
    case ADMIN_CHANGE_PROMISE:
        result->status = shard_repair_promise(shard, &change->repair, now_ns);
        break;
    case ADMIN_CHANGE_ACTIVATE:
        result->status = shard_repair_activate(shard, change->activate.generation,
                                               change->activate.promised, now_ns);
        break;
    }
    result->leader_site_id = status.leader_site_id;
    admin_link_answer(site->link, answer);
}

static void site_admin_request(struct site_admin *site, const struct admin_request *request)
{
    struct admin_answer answer = {.ticket = request->ticket, .kind = request->kind};
    if (request->kind == ADMIN_SITE) {
        site_admin_describe(site, &answer.body.site);
        admin_link_answer(site->link, &answer);
        return;
    }
    bool none = request->shard_id == 0 || request->shard_id > site->config->shard_count;
    if (request->kind == ADMIN_CHANGE &&
        (!none || request->change.what == ADMIN_CHANGE_INTRODUCE)) {
        site_admin_change(site, request, &answer);
        return;
    }
    if (none) {
        answer.status = STATUS_NOT_FOUND;
        admin_link_answer(site->link, &answer);
        return;
    }
    const struct engine *engine = site->markets[request->shard_id - 1].engine;
    switch (request->kind) {
    case ADMIN_SITE:
    case ADMIN_CHANGE:
        ASSERT(false);
        break;
    case ADMIN_SHARD:
        site_admin_describe_shard(site, request->shard_id - 1u, &answer.body.shard);
        break;
    case ADMIN_INSTRUMENT:
        answer.status = engine_instrument_view(engine, request->object_id, &answer.body.instrument);
        break;
    case ADMIN_FIRM:
        answer.status = engine_firm_view(engine, request->object_id, &answer.body.firm);
        break;
    case ADMIN_SESSION:
        answer.status = engine_session_view(engine, request->object_id, &answer.body.session);
        break;
    case ADMIN_COMMAND:
        site_admin_command(site, request, &answer);
        return;
    }
    admin_link_answer(site->link, &answer);
}

void site_admin_run(struct site_admin *site)
{
    for (uint32_t i = 0; i < SITE_ADMIN_REQUESTS && admin_link_take(site->link, &site->request);
         i++) {
        site_admin_request(site, &site->request);
    }
}

void site_admin_event(struct site_admin *site, uint32_t market_index, const struct event *event)
{
    ASSERT(event->type == EVENT_ADMINISTRATION);
    admin_link_event(site->link, site->config->shards[market_index].id, event);
}
