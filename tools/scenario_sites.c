/* Sites, shards and clients of a scenario. */
#include <string.h>

#include "matching/base/assertion.h"
#include "tools/scenario_parts.h"

#define SCENARIO_RATE_MAX UINT64_C(10000000)

/* The region's index; a new one is added. */
static uint8_t scenario_region(struct scenario *scenario, struct config_reader *reader,
                               struct scenario_place place, const char *text)
{
    char name[CONFIG_NAME_BYTES] = "";
    config_reader_name(reader, place.text, text, false, name, sizeof name);
    uint32_t index = 0;
    while (index < scenario->region_count && strcmp(scenario->regions[index], name) != 0) {
        index++;
    }
    if (reader->failed || index < scenario->region_count) {
        return (uint8_t)index;
    }
    if (index == SCENARIO_REGIONS_MAX) {
        config_reader_fail(reader, place.text, "more than %u regions", SCENARIO_REGIONS_MAX);
        return 0;
    }
    memcpy(scenario->regions[index], name, sizeof name);
    scenario->region_count++;
    return (uint8_t)index;
}

static void scenario_sites(struct scenario *scenario, struct config_reader *reader,
                           const struct scenario_schema *file)
{
    static const char *const roles[] = {"voter", "learner"};
    if (file->sites_count < 1 || file->sites_count > SITES_MAX) {
        config_reader_fail(reader, "sites", "there are %u `sites`; there must be 1 to %u",
                           file->sites_count, SITES_MAX);
        return;
    }
    for (uint32_t i = 0; i < file->sites_count && !reader->failed; i++) {
        const struct scenario_schema_site *from = &file->sites[i];
        struct scenario_site *site = &scenario->sites[i];
        size_t role = 0;
        config_reader_name(reader, scenario_place_of("sites", i, "name").text, from->name, false,
                           site->name, sizeof site->name);
        config_reader_name(reader, scenario_place_of("sites", i, "provider").text, from->provider,
                           false, site->provider, sizeof site->provider);
        site->region = scenario_region(scenario, reader, scenario_place_of("sites", i, "region"),
                                       from->region);
        config_reader_choice(reader, scenario_place_of("sites", i, "role").text, from->role, roles,
                             2, &role);
        site->role = role == 0 ? CONFIG_VOTER : CONFIG_LEARNER;
        for (uint32_t before = 0; before < i; before++) {
            if (strcmp(scenario->sites[before].name, site->name) == 0) {
                config_reader_fail(reader, scenario_place_of("sites", i, "name").text,
                                   "there is a site `%s` already", site->name);
            }
        }
        scenario->site_count = i + 1;
    }
}

static void scenario_shard_prefer(struct scenario *scenario, struct config_reader *reader,
                                  uint32_t index, const struct scenario_schema_shard *from)
{
    struct scenario_shard *shard = &scenario->shards[index];
    struct scenario_place place = scenario_place_of("shards", index, "prefer");
    if (from->prefer_count < 1 || from->prefer_count > scenario->site_count) {
        config_reader_fail(reader, place.text, "`%s` names %u sites; it must be 1 to %u",
                           place.text, from->prefer_count, scenario->site_count);
        return;
    }
    for (uint32_t i = 0; i < from->prefer_count && !reader->failed; i++) {
        uint32_t site = 0;
        while (site < scenario->site_count &&
               strcmp(scenario->sites[site].name, from->prefer[i]) != 0) {
            site++;
        }
        if (site == scenario->site_count || scenario->sites[site].role != CONFIG_VOTER ||
            memchr(shard->prefer, (int)site, i) != NULL) {
            config_reader_fail(reader, place.text,
                               "\"%.40s\" in `%s` must be a voter among the sites, once",
                               from->prefer[i], place.text);
            return;
        }
        shard->prefer[i] = (uint8_t)site;
        shard->prefer_count = i + 1;
    }
}

/* A placement that breaks a promise stands there on purpose, or not at all. */
static void scenario_shard_judge(struct scenario *scenario, struct config_reader *reader,
                                 uint32_t index, const struct scenario_schema_shard *from)
{
    struct scenario_shard *shard = &scenario->shards[index];
    struct scenario_place place = scenario_place_of("shards", index, "override_placement");
    struct placement placement;
    shard->placement_overridden = scenario_yes(reader, place, from->override_placement);
    if (reader->failed) {
        return;
    }
    scenario_placement(scenario, index, &placement);
    shard->placement_rule = placement_judge(&placement, 0).rule;
    if (shard->placement_rule != PLACEMENT_GOOD && !shard->placement_overridden) {
        config_reader_fail(reader, place.text,
                           "the placement of shard %s is refused: %s; a drill of just that has "
                           "`override_placement: true`",
                           shard->name, placement_rule_text(shard->placement_rule));
    } else if (shard->placement_rule == PLACEMENT_GOOD && shard->placement_overridden) {
        config_reader_fail(reader, place.text,
                           "the placement of shard %s is good: there is nothing to override",
                           shard->name);
    }
}

static void scenario_shards(struct scenario *scenario, struct config_reader *reader,
                            const struct scenario_schema *file)
{
    if (file->shards_count < 1 || file->shards_count > SHARDS_MAX) {
        config_reader_fail(reader, "shards", "there are %u `shards`; there must be 1 to %u",
                           file->shards_count, SHARDS_MAX);
        return;
    }
    for (uint32_t i = 0; i < file->shards_count && !reader->failed; i++) {
        const struct scenario_schema_shard *from = &file->shards[i];
        struct scenario_shard *shard = &scenario->shards[i];
        uint64_t commit_providers = 1;
        config_reader_name(reader, scenario_place_of("shards", i, "name").text, from->name, true,
                           shard->name, sizeof shard->name);
        config_reader_number(reader, scenario_place_of("shards", i, "commit_providers").text,
                             from->commit_providers, 1, SITES_MAX, &commit_providers);
        shard->commit_providers = (uint32_t)commit_providers;
        scenario->shard_count = i + 1;
        scenario_shard_prefer(scenario, reader, i, from);
        if (!reader->failed) {
            scenario_shard_judge(scenario, reader, i, from);
        }
        for (uint32_t before = 0; before < i; before++) {
            if (strcmp(scenario->shards[before].name, shard->name) == 0) {
                config_reader_fail(reader, scenario_place_of("shards", i, "name").text,
                                   "there is a shard `%s` already", shard->name);
            }
        }
    }
}

static void scenario_clients(struct scenario *scenario, struct config_reader *reader,
                             const struct scenario_schema *file)
{
    const struct scenario_schema_clients *from = file->clients;
    if (from == NULL) {
        config_reader_fail(reader, "clients", "`clients` is missing");
        return;
    }
    uint64_t sessions = 16;
    uint64_t instruments = 2;
    scenario->rate = 2000;
    scenario->client_region =
        scenario_region(scenario, reader, scenario_place_at("clients.region"), from->region);
    config_reader_number(reader, "clients.sessions", from->sessions, scenario->shard_count,
                         SCENARIO_SESSIONS_MAX, &sessions);
    config_reader_number(reader, "clients.rate", from->rate, 0, SCENARIO_RATE_MAX, &scenario->rate);
    config_reader_number(reader, "clients.instruments", from->instruments, 1, 64, &instruments);
    scenario->sessions = (uint32_t)sessions;
    scenario->instruments = (uint32_t)instruments;
}

void scenario_sites_read(struct scenario *scenario, struct config_reader *reader,
                         const struct scenario_schema *file)
{
    ASSERT(scenario->site_count == 0);
    ASSERT(scenario->region_count == 0);
    scenario_sites(scenario, reader, file);
    if (!reader->failed) {
        scenario_shards(scenario, reader, file);
    }
    if (!reader->failed) {
        scenario_clients(scenario, reader, file);
    }
}
