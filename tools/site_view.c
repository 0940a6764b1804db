#include "tools/site_view.h"

#include <string.h>

#include "gateway/admin_change.h"
#include "gateway/members.h"
#include "matching/base/assertion.h"
#include "replication/repair_record.h"

/* ---- Reading ---- */

static bool view_text(const json_t *object, const char *name, char target[static CONFIG_NAME_BYTES])
{
    const char *text = json_string_value(json_object_get(object, name));
    size_t bytes = text == NULL ? CONFIG_NAME_BYTES : strlen(text);
    if (bytes >= CONFIG_NAME_BYTES) {
        return false;
    }
    memcpy(target, text, bytes + 1);
    return true;
}

static bool view_number(const json_t *object, const char *name, uint64_t most, uint64_t *value)
{
    const json_t *field = json_object_get(object, name);
    json_int_t number = json_integer_value(field);
    *value = (uint64_t)number;
    return json_is_integer(field) && number >= 0 && (uint64_t)number <= most;
}

static bool view_site_id(const json_t *object, const char *name, uint8_t *site_id)
{
    uint64_t value = 0;
    bool good = view_number(object, name, SITES_MAX, &value);
    *site_id = (uint8_t)value;
    return good;
}

static bool view_placement(const json_t *object, const char *name, struct placement *placement)
{
    uint8_t bytes[PLACEMENT_RECORD_PLACEMENT_BYTES];
    return admin_change_unhex(json_object_get(object, name), bytes, sizeof bytes) &&
           placement_record_load_one(placement, bytes);
}

static bool view_report(struct site_view_shard *shard, uint8_t site_id, const json_t *json)
{
    struct repair_report *report = &shard->report;
    uint8_t incarnation[sizeof report->incarnation];
    uint8_t promised[REPAIR_RECORD_BYTES];
    report->site_id = site_id;
    bool good =
        admin_change_unhex(json_object_get(json, "incarnation"), incarnation, sizeof incarnation) &&
        view_number(json, "generation", INT64_MAX, &report->generation) &&
        view_number(json, "last_log_index", INT64_MAX, &report->last.log_index) &&
        view_number(json, "last_term", INT64_MAX, &report->last.term) &&
        admin_change_unhex(json_object_get(json, "last_chain_hash"), report->last.chain_hash,
                           sizeof report->last.chain_hash) &&
        view_number(json, "commit_log_index", INT64_MAX, &report->commit_log_index) &&
        view_placement(json, "placement", &report->placement) &&
        view_number(json, "placement_log_index", INT64_MAX, &report->placement_log_index) &&
        view_placement(json, "previous_placement", &report->previous_placement);
    if (!good) {
        return false;
    }
    memcpy(&report->incarnation, incarnation, sizeof incarnation);
    if (json_object_get(json, "promised") == NULL) {
        return true;
    }
    report->promised = &shard->promised;
    return admin_change_unhex(json_object_get(json, "promised"), promised, sizeof promised) &&
           repair_record_load(&shard->promised, promised, sizeof promised) == STATUS_OK;
}

static bool view_shard(struct site_view_shard *shard, uint8_t site_id, const json_t *json)
{
    uint8_t record[PLACEMENT_RECORD_BYTES];
    uint64_t shard_id = 0;
    bool good = view_number(json, "id", SHARDS_MAX, &shard_id) && shard_id > 0 &&
                view_text(json, "name", shard->name) &&
                view_site_id(json, "leader_site_id", &shard->leader_site_id) &&
                view_number(json, "log_index", INT64_MAX, &shard->log_index) &&
                view_number(json, "committed_log_index", INT64_MAX, &shard->committed_log_index) &&
                admin_change_unhex(json_object_get(json, "record"), record, sizeof record) &&
                placement_record_load(&shard->record, record, sizeof record) == STATUS_OK;
    shard->shard_id = (uint16_t)shard_id;
    shard->leader = json_is_true(json_object_get(json, "leader"));
    return good && view_report(shard, site_id, json_object_get(json, "report"));
}

bool site_view_read(struct site_view *view, const json_t *json)
{
    ASSERT(view != NULL);
    memset(view, 0, sizeof *view);
    const json_t *sites = json_object_get(json, "sites");
    const json_t *shards = json_object_get(json, "shards");
    if (!view_text(json, "cluster", view->cluster) || !view_text(json, "site", view->site) ||
        !view_site_id(json, "site_id", &view->site_id) || view->site_id == 0 ||
        !admin_change_unhex(json_object_get(json, "genesis"), view->genesis,
                            sizeof view->genesis) ||
        json_array_size(sites) > SITES_MAX || json_array_size(shards) > SHARDS_MAX) {
        return false;
    }
    for (size_t at = 0; at < json_array_size(sites); at++) {
        struct config_site site;
        uint8_t site_id = 0;
        if (!members_site_read(json_array_get(sites, at), &site, &site_id)) {
            return false;
        }
        view->sites[site_id - 1] = site;
    }
    view->shard_count = (uint32_t)json_array_size(shards);
    for (uint32_t at = 0; at < view->shard_count; at++) {
        if (!view_shard(&view->shards[at], view->site_id, json_array_get(shards, at))) {
            return false;
        }
    }
    return view->shard_count > 0;
}

uint8_t site_view_find(const struct site_view *view, const char *name)
{
    ASSERT(name != NULL);
    for (uint8_t site_id = SITES_MAX; site_id >= 1; site_id--) {
        if (name[0] != '\0' && strcmp(view->sites[site_id - 1].name, name) == 0) {
            return site_id;
        }
    }
    return 0;
}

static const char *view_provider(const struct site_view *view, uint8_t provider_id)
{
    ASSERT(provider_id >= 1);
    for (uint32_t at = 0; at < SITES_MAX; at++) {
        if (view->sites[at].provider_id == provider_id) {
            return view->sites[at].provider;
        }
    }
    return "unknown";
}

/* ---- In words ---- */

static const char *view_role(enum placement_role role)
{
    switch (role) {
    case PLACEMENT_ABSENT:
        return "no member";
    case PLACEMENT_LEARNER:
        return "learner";
    case PLACEMENT_VOTER:
        return "voter";
    }
    ASSERT(false);
    return "";
}

static const char *view_loss(enum placement_loss loss)
{
    switch (loss) {
    case PLACEMENT_HARMLESS:
        return "harmless";
    case PLACEMENT_STOPS:
        return "stops trading";
    case PLACEMENT_ENDANGERS:
        return "MAY LOSE ORDERS";
    }
    ASSERT(false);
    return "";
}

static void view_print_prefer(FILE *out, const struct site_view *view,
                              const struct placement *placement)
{
    for (uint32_t at = 0; at < SITES_MAX && placement->preferred_site_ids[at] != 0; at++) {
        (void)fprintf(out, "%s%s", at == 0 ? "" : ", ",
                      members_name_of(view->sites, placement->preferred_site_ids[at]));
    }
    (void)fputs(placement->preferred_site_ids[0] == 0 ? "nobody" : "", out);
}

static void view_print_loss(FILE *out, const char *kind, const char *name, enum placement_loss now,
                            enum placement_loss then)
{
    char what[64];
    (void)snprintf(what, sizeof what, "%s %s", kind, name);
    (void)fprintf(out, "  %-28s %-16s %s\n", what, view_loss(now), view_loss(then));
}

static void view_print_losses(FILE *out, const struct site_view *view, const struct placement *now,
                              const struct placement *target)
{
    struct placement_losses before;
    struct placement_losses after;
    placement_losses_of(now, 0, &before);
    placement_losses_of(target, 0, &after);
    (void)fprintf(out, "  %-28s %-16s %s\n", "the loss of", "now", "then");
    uint16_t providers = 0;
    for (uint8_t site_id = 1; site_id <= SITES_MAX; site_id++) {
        const struct placement_site *site = placement_role_of(target, site_id) != PLACEMENT_ABSENT
                                                ? &target->sites[site_id - 1]
                                                : &now->sites[site_id - 1];
        if (site->role != PLACEMENT_ABSENT) {
            view_print_loss(out, "site", members_name_of(view->sites, site_id),
                            before.site[site_id - 1], after.site[site_id - 1]);
            providers = (uint16_t)(providers | 1u << (site->provider_id - 1));
        }
    }
    for (uint8_t provider_id = 1; provider_id <= SITES_MAX; provider_id++) {
        if ((providers >> (provider_id - 1) & 1u) != 0) {
            view_print_loss(out, "provider", view_provider(view, provider_id),
                            before.provider[provider_id - 1], after.provider[provider_id - 1]);
        }
    }
}

void site_view_print_change(FILE *out, const struct site_view *view, const struct placement *now,
                            const struct placement *target)
{
    ASSERT(out != NULL);
    for (uint8_t site_id = 1; site_id <= SITES_MAX; site_id++) {
        enum placement_role before = placement_role_of(now, site_id);
        enum placement_role after = placement_role_of(target, site_id);
        const struct placement_site *site =
            after == PLACEMENT_ABSENT ? &now->sites[site_id - 1] : &target->sites[site_id - 1];
        if (before != after) {
            (void)fprintf(out, "  %-16s %s: %s -> %s\n", members_name_of(view->sites, site_id),
                          view_provider(view, site->provider_id), view_role(before),
                          view_role(after));
        }
    }
    if (now->commit_providers != target->commit_providers) {
        (void)fprintf(out, "  providers that hold every acknowledged order: %u -> %u\n",
                      now->commit_providers, target->commit_providers);
    }
    if (memcmp(now->preferred_site_ids, target->preferred_site_ids,
               sizeof now->preferred_site_ids) != 0) {
        (void)fputs("  preferred to lead: ", out);
        view_print_prefer(out, view, now);
        (void)fputs(" -> ", out);
        view_print_prefer(out, view, target);
        (void)fputc('\n', out);
    }
    view_print_losses(out, view, now, target);
}

void site_view_print_verdict(FILE *out, const struct site_view *view,
                             const struct placement_verdict *verdict)
{
    ASSERT(verdict->rule != PLACEMENT_GOOD);
    (void)fprintf(out, "%s", placement_rule_text(verdict->rule));
    if (verdict->provider_id != 0) {
        (void)fprintf(out, " (%s)", view_provider(view, verdict->provider_id));
    } else if (verdict->site_id != 0) {
        (void)fprintf(out, " (%s)", members_name_of(view->sites, verdict->site_id));
    }
}
