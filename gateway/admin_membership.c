#include "gateway/admin_membership.h"

#include <string.h>

#include "gateway/admin_change.h"
#include "gateway/members.h"
#include "matching/base/assertion.h"
#include "replication/placement_record.h"
#include "replication/repair_record.h"

/* ---- For tools ---- */

static json_t *membership_report(const struct admin_shard *shard)
{
    const struct repair_report *report = &shard->report;
    uint8_t placement[PLACEMENT_RECORD_PLACEMENT_BYTES];
    uint8_t previous[PLACEMENT_RECORD_PLACEMENT_BYTES];
    placement_record_store_one(placement, &report->placement);
    placement_record_store_one(previous, &report->previous_placement);
    uint8_t incarnation[sizeof report->incarnation];
    memcpy(incarnation, &report->incarnation, sizeof incarnation);
    json_t *json =
        json_pack("{s:o, s:I, s:I, s:I, s:o, s:I, s:o, s:I, s:o}", "incarnation",
                  admin_change_hex(incarnation, sizeof incarnation), "generation",
                  (json_int_t)report->generation, "last_log_index",
                  (json_int_t)report->last.log_index, "last_term", (json_int_t)report->last.term,
                  "last_chain_hash",
                  admin_change_hex(report->last.chain_hash, sizeof report->last.chain_hash),
                  "commit_log_index", (json_int_t)report->commit_log_index, "placement",
                  admin_change_hex(placement, sizeof placement), "placement_log_index",
                  (json_int_t)report->placement_log_index, "previous_placement",
                  admin_change_hex(previous, sizeof previous));
    if (shard->promised_set) {
        uint8_t promised[REPAIR_RECORD_BYTES];
        repair_record_store(promised, &shard->promised);
        if (json_object_set_new(json, "promised", admin_change_hex(promised, sizeof promised)) !=
            0) {
            json_decref(json);
            return NULL;
        }
    }
    return json;
}

static json_t *membership_shard(const struct admin_shard *shard)
{
    uint8_t record[PLACEMENT_RECORD_BYTES];
    placement_record_store(record, &shard->placement);
    return json_pack("{s:i, s:s, s:b, s:i, s:I, s:I, s:o, s:o}", "id", shard->shard_id, "name",
                     shard->name, "leader", shard->log.leader, "leader_site_id",
                     shard->log.leader_site_id, "log_index", (json_int_t)shard->placement_log_index,
                     "committed_log_index", (json_int_t)shard->log.committed_log_index, "record",
                     admin_change_hex(record, sizeof record), "report", membership_report(shard));
}

json_t *admin_membership_json(const struct admin_site *site, const struct admin_shard *shards)
{
    ASSERT(site->shard_count <= SHARDS_MAX);
    json_t *sites = json_array();
    json_t *list = json_array();
    int failed = 0;
    for (uint8_t site_id = 1; site_id <= SITES_MAX; site_id++) {
        if (site->sites[site_id - 1].name[0] != '\0') {
            failed |=
                json_array_append_new(sites, members_site_json(&site->sites[site_id - 1], site_id));
        }
    }
    for (uint32_t at = 0; at < site->shard_count; at++) {
        failed |= json_array_append_new(list, membership_shard(&shards[at]));
    }
    if (failed != 0) {
        json_decref(sites);
        json_decref(list);
        return NULL;
    }
    return json_pack("{s:s, s:s, s:i, s:o, s:o, s:o}", "cluster", site->cluster, "site", site->site,
                     "site_id", site->site_id, "genesis",
                     admin_change_hex(site->genesis, sizeof site->genesis), "sites", sites,
                     "shards", list);
}

/* ---- For people ---- */

static const char *membership_loss_text(enum placement_loss loss)
{
    switch (loss) {
    case PLACEMENT_HARMLESS:
        return "harmless";
    case PLACEMENT_STOPS:
        return "stops";
    case PLACEMENT_ENDANGERS:
        return "endangers";
    }
    ASSERT(false);
    return "";
}

static json_t *membership_member(const struct admin_site *site, const struct admin_shard *shard,
                                 uint8_t site_id, const struct placement_losses *losses)
{
    const struct placement_site *place = &shard->placement.placement.sites[site_id - 1];
    json_t *json = json_pack("{s:i, s:s, s:s, s:s}", "id", site_id, "name",
                             members_name_of(site->sites, site_id), "role",
                             place->role == PLACEMENT_VOTER ? "voter" : "learner", "loss",
                             membership_loss_text(losses->site[site_id - 1]));
    const struct shard_follower *follower = &shard->followers[site_id - 1];
    int failed = 0;
    if ((shard->follower_mask >> (site_id - 1) & 1u) != 0) {
        failed |= json_object_set_new(json, "matched_log_index",
                                      json_integer((json_int_t)follower->matched_log_index));
        if (follower->heard_ago_ns != UINT64_MAX) {
            failed |= json_object_set_new(json, "heard_ago_ns",
                                          json_integer((json_int_t)follower->heard_ago_ns));
        }
        failed |= json_object_set_new(json, "round_trip_ns",
                                      json_integer((json_int_t)follower->round_trip_ns));
        failed |= json_object_set_new(json, "snapshot", json_boolean(follower->snapshot));
        failed |= json_object_set_new(json, "fenced", json_boolean(follower->fenced));
    }
    if (failed != 0) {
        json_decref(json);
        return NULL;
    }
    return json;
}

static const char *membership_provider(const struct admin_site *site, uint8_t provider_id)
{
    for (uint32_t at = 0; at < SITES_MAX; at++) {
        if (site->sites[at].provider_id == provider_id) {
            return site->sites[at].provider;
        }
    }
    return "unknown";
}

static json_t *membership_providers(const struct admin_site *site,
                                    const struct placement *placement,
                                    const struct placement_losses *losses)
{
    json_t *list = json_array();
    uint16_t seen = 0;
    for (uint32_t at = 0; at < SITES_MAX; at++) {
        uint8_t provider_id = placement->sites[at].provider_id;
        if (placement->sites[at].role == PLACEMENT_ABSENT ||
            (seen >> (provider_id - 1) & 1u) != 0) {
            continue;
        }
        seen = (uint16_t)(seen | 1u << (provider_id - 1));
        if (json_array_append_new(
                list, json_pack("{s:s, s:s}", "name", membership_provider(site, provider_id),
                                "loss", membership_loss_text(losses->provider[provider_id - 1]))) !=
            0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* At the leader: members that have not been heard for long count as gone, so that what is said of
 * the next loss is true. */
static uint16_t membership_gone(const struct admin_shard *shard)
{
    uint16_t gone = 0;
    for (uint32_t at = 0; at < SITES_MAX && shard->log.leader; at++) {
        bool follows = (shard->follower_mask >> at & 1u) != 0;
        if (follows && shard->followers[at].heard_ago_ns > shard->election_ns) {
            gone = (uint16_t)(gone | 1u << at);
        }
    }
    return gone;
}

json_t *admin_membership_status(const struct admin_site *site, const struct admin_shard *shard)
{
    const struct placement *placement = &shard->placement.placement;
    struct placement_losses losses;
    placement_losses_of(placement, membership_gone(shard), &losses);
    json_t *members = json_array();
    json_t *prefer = json_array();
    int failed = 0;
    for (uint8_t site_id = 1; site_id <= SITES_MAX; site_id++) {
        if (placement_role_of(placement, site_id) != PLACEMENT_ABSENT) {
            failed |=
                json_array_append_new(members, membership_member(site, shard, site_id, &losses));
        }
        uint8_t preferred = placement->preferred_site_ids[site_id - 1];
        if (preferred != 0) {
            failed |=
                json_array_append_new(prefer, json_string(members_name_of(site->sites, preferred)));
        }
    }
    if (failed != 0) {
        json_decref(members);
        json_decref(prefer);
        return NULL;
    }
    return json_pack("{s:b, s:I, s:i, s:b, s:I, s:s, s:o, s:o, s:o}", "repairing",
                     shard->log.repairing, "epoch", (json_int_t)placement->epoch,
                     "commit_providers", placement->commit_providers, "plan",
                     shard->placement.planned, "generation", (json_int_t)shard->report.generation,
                     "leader", members_name_of(site->sites, shard->log.leader_site_id), "prefer",
                     prefer, "members", members, "providers",
                     membership_providers(site, placement, &losses));
}
