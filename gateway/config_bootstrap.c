/* Genesis: the sites that a cluster begins with, and its shards. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "gateway/config_parts.h"
#include "matching/base/assertion.h"
#include "replication/placement.h"

/* "bootstrap.sites[1].peer[0]": a place from its pieces. */
static void config_place(char place[static CONFIG_PLACE_BYTES], const char *list, uint32_t index,
                         const char *key)
{
    int bytes = snprintf(place, CONFIG_PLACE_BYTES, "bootstrap.%s[%" PRIu32 "]%s%s", list, index,
                         key[0] == '\0' ? "" : ".", key);
    ASSERT(bytes > 0);
    ASSERT((size_t)bytes < CONFIG_PLACE_BYTES);
}

static void config_place_entry(char place[static CONFIG_PLACE_BYTES], const char *list,
                               uint32_t index, const char *key, uint32_t entry)
{
    config_place(place, list, index, key);
    size_t bytes = strlen(place);
    int more = snprintf(place + bytes, CONFIG_PLACE_BYTES - bytes, "[%" PRIu32 "]", entry);
    ASSERT((size_t)more < CONFIG_PLACE_BYTES - bytes);
}

static void config_read_role(struct config_site *site, struct config_reader *reader, uint32_t index,
                             const char *text)
{
    static const char *const words[] = {"voter", "learner"};
    char place[CONFIG_PLACE_BYTES];
    size_t choice = 0;
    config_place(place, "sites", index, "role");
    if (text == NULL) {
        config_reader_fail(reader, place, "`%s` is missing; it must be voter or learner", place);
    }
    config_reader_choice(reader, place, text, words, 2, &choice);
    site->role = choice == 0 ? CONFIG_VOTER : CONFIG_LEARNER;
}

static void config_read_peers(struct config_site *site, struct config_reader *reader,
                              uint32_t index, const struct config_file_site *file, bool alone)
{
    char place[CONFIG_PLACE_BYTES];
    config_place(place, "sites", index, "peer");
    if (file->peer_count > CONFIG_PATHS_MAX || (file->peer_count == 0 && !alone)) {
        config_reader_fail(reader, place,
                           "`%s` has %u addresses; a site of several needs 1 to %u of them", place,
                           file->peer_count, CONFIG_PATHS_MAX);
        return;
    }
    site->peer_count = file->peer_count;
    for (uint32_t i = 0; i < site->peer_count; i++) {
        config_place_entry(place, "sites", index, "peer", i);
        config_reader_endpoint(reader, place, file->peer[i], false, site->peer[i],
                               sizeof site->peer[i]);
    }
}

/* Names, keys and addresses of sites differ: each stands for one process. */
static void config_compare_sites(const struct config *config, struct config_reader *reader,
                                 uint32_t index)
{
    const struct config_site *site = &config->sites[index];
    char place[CONFIG_PLACE_BYTES];
    for (uint32_t i = 0; i < index; i++) {
        const struct config_site *other = &config->sites[i];
        if (strcmp(site->name, other->name) == 0) {
            config_place(place, "sites", index, "name");
            config_reader_fail(reader, place, "there is a site `%s` already; names must differ",
                               site->name);
        }
        if (site->incarnation_set && other->incarnation_set &&
            memcmp(site->incarnation, other->incarnation, sizeof site->incarnation) == 0) {
            config_place(place, "sites", index, "incarnation");
            config_reader_fail(reader, place,
                               "`%s` has the incarnation of `%s`; every journal has its own",
                               site->name, other->name);
        }
        if (memcmp(site->public_key, other->public_key, sizeof site->public_key) == 0) {
            config_place(place, "sites", index, "key");
            config_reader_fail(reader, place,
                               "`%s` has the key of `%s`; every site has a key of its own",
                               site->name, other->name);
        }
        for (uint32_t peer = 0; peer < site->peer_count * other->peer_count; peer++) {
            uint32_t own = peer / other->peer_count;
            if (strcmp(site->peer[own], other->peer[peer % other->peer_count]) == 0) {
                config_place_entry(place, "sites", index, "peer", own);
                config_reader_fail(reader, place, "%s is an address of `%s` already",
                                   site->peer[own], other->name);
            }
        }
    }
}

static void config_read_site(struct config *config, struct config_reader *reader, uint32_t index,
                             const struct config_file_site *file)
{
    struct config_site *site = &config->sites[index];
    char place[CONFIG_PLACE_BYTES];
    config_place(place, "sites", index, "name");
    config_reader_name(reader, place, file->name, false, site->name, sizeof site->name);
    config_place(place, "sites", index, "provider");
    config_reader_name(reader, place, file->provider, false, site->provider, sizeof site->provider);
    config_read_role(site, reader, index, file->role);
    config_read_peers(site, reader, index, file, config->site_count == 1);
    config_place(place, "sites", index, "key");
    config_reader_bytes(reader, place, file->key, site->public_key, sizeof site->public_key);
    site->incarnation_set = file->incarnation != NULL || config->site_count > 1;
    if (site->incarnation_set) {
        config_place(place, "sites", index, "incarnation");
        config_reader_bytes(reader, place, file->incarnation, site->incarnation,
                            sizeof site->incarnation);
    }
    if (!reader->failed) {
        config_compare_sites(config, reader, index);
    }
}

/* Index of a site by its name, or site_count. */
static uint32_t config_find_site(const struct config *config, const char *name)
{
    uint32_t index = 0;
    while (index < config->site_count && strcmp(config->sites[index].name, name) != 0) {
        index++;
    }
    return index;
}

static uint32_t config_count_providers(const struct config *config)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < config->site_count; i++) {
        bool first = config->sites[i].role == CONFIG_VOTER;
        for (uint32_t before = 0; before < i && first; before++) {
            first = config->sites[before].role != CONFIG_VOTER ||
                    strcmp(config->sites[i].provider, config->sites[before].provider) != 0;
        }
        count += first ? 1 : 0;
    }
    return count;
}

static void config_read_prefer(struct config *config, struct config_reader *reader, uint32_t index,
                               const struct config_file_shard *file)
{
    struct config_shard *shard = &config->shards[index];
    char place[CONFIG_PLACE_BYTES];
    config_place(place, "shards", index, "prefer");
    if (file->prefer_count < 1 || file->prefer_count > config->site_count) {
        config_reader_fail(reader, place, "`%s` names %u sites; it must be 1 to %u, the best first",
                           place, file->prefer_count, config->site_count);
        return;
    }
    for (uint32_t i = 0; i < file->prefer_count && !reader->failed; i++) {
        config_place_entry(place, "shards", index, "prefer", i);
        uint32_t site = config_find_site(config, file->prefer[i]);
        if (site == config->site_count) {
            config_reader_fail(reader, place, "\"%.64s\" is no site of bootstrap.sites",
                               file->prefer[i]);
        } else if (config->sites[site].role != CONFIG_VOTER) {
            config_reader_fail(reader, place, "`%s` is a learner; only voters lead",
                               config->sites[site].name);
        } else if (memchr(shard->prefer, (int)site, i) != NULL) {
            config_reader_fail(reader, place, "`%s` stands twice in `prefer`",
                               config->sites[site].name);
        } else {
            shard->prefer[i] = (uint8_t)site;
        }
    }
    shard->prefer_count = file->prefer_count;
}

static void config_read_shard_id(struct config_shard *shard, struct config_reader *reader,
                                 uint32_t index, const char *text)
{
    char place[CONFIG_PLACE_BYTES];
    uint64_t id = 0;
    config_place(place, "shards", index, "id");
    if (text == NULL) {
        config_reader_fail(reader, place, "`%s` is missing", place);
    }
    config_reader_number(reader, place, text, 1, SHARDS_MAX, &id);
    if (id != index + 1) {
        config_reader_fail(reader, place,
                           "shard id %" PRIu64 " stands where %" PRIu32
                           " should: ids are 1, 2, 3 and so on, without gaps, in this order",
                           id, index + 1);
    }
    shard->id = (uint16_t)id;
}

/* Rules that the placement may break: it says what it gives up, or is refused. */
static void config_read_override(struct config_shard *shard, struct config_reader *reader,
                                 uint32_t index, const struct config_file_shard *file)
{
    const char *words[PLACEMENT_RULE_COUNT];
    enum placement_rule rules[PLACEMENT_RULE_COUNT];
    size_t count = 0;
    for (enum placement_rule rule = PLACEMENT_GOOD; rule < PLACEMENT_RULE_COUNT; rule++) {
        if (placement_rule_name(rule) != NULL) {
            words[count] = placement_rule_name(rule);
            rules[count++] = rule;
        }
    }
    char place[CONFIG_PLACE_BYTES];
    ASSERT(shard->waived_rules == 0);
    for (uint32_t i = 0; i < file->override_count && !reader->failed; i++) {
        size_t choice = 0;
        config_place_entry(place, "shards", index, "override", i);
        config_reader_choice(reader, place, file->override[i], words, count, &choice);
        shard->waived_rules |= 1u << rules[choice];
    }
}

static void config_read_shard(struct config *config, struct config_reader *reader, uint32_t index,
                              const struct config_file_shard *file)
{
    struct config_shard *shard = &config->shards[index];
    char place[CONFIG_PLACE_BYTES];
    config_read_shard_id(shard, reader, index, file->id);
    config_place(place, "shards", index, "name");
    config_reader_name(reader, place, file->name, true, shard->name, sizeof shard->name);
    for (uint32_t i = 0; i < index; i++) {
        if (strcmp(shard->name, config->shards[i].name) == 0) {
            config_reader_fail(reader, place, "there is a shard `%s` already; names must differ",
                               shard->name);
        }
    }
    config_read_prefer(config, reader, index, file);
    uint32_t providers = config_count_providers(config);
    uint64_t commit_providers = 1;
    config_place(place, "shards", index, "commit_providers");
    config_reader_number(reader, place, file->commit_providers, 1, SITES_MAX, &commit_providers);
    if (commit_providers > providers) {
        config_reader_fail(reader, place,
                           "`commit_providers` is %" PRIu64 ", but the voters of bootstrap.sites "
                           "have %" PRIu32 " different providers",
                           commit_providers, providers);
    }
    shard->commit_providers = (uint32_t)commit_providers;
    config_read_override(shard, reader, index, file);
}

/* Providers are numbered as they first appear among the sites. */
static void config_number_providers(struct config *config)
{
    uint8_t count = 0;
    for (uint32_t at = 0; at < config->site_count; at++) {
        struct config_site *site = &config->sites[at];
        for (uint32_t before = 0; before < at && site->provider_id == 0; before++) {
            if (strcmp(config->sites[before].provider, site->provider) == 0) {
                site->provider_id = config->sites[before].provider_id;
            }
        }
        site->provider_id = site->provider_id == 0 ? ++count : site->provider_id;
    }
    ASSERT(count <= SITES_MAX);
}

/* Genesis is what the file says. Who this site is may be said elsewhere. */
static void config_read_genesis(struct config *config, struct config_reader *reader, bool joined)
{
    if (reader->failed) {
        return;
    }
    config_number_providers(config);
    memcpy(config->genesis, config->sites, sizeof config->genesis);
    config->genesis_count = config->site_count;
    config->site_index = config_find_site(config, config->site);
    if (config->site_index == config->site_count && !joined) {
        config_reader_fail(reader, "site", "`site` is \"%s\", which is not in bootstrap.sites",
                           config->site);
    }
}

void config_bootstrap_read(struct config *config, struct config_reader *reader,
                           const struct config_file_bootstrap *file, bool joined)
{
    if (file == NULL || file->sites_count < 1 || file->sites_count > SITES_MAX) {
        config_reader_fail(reader, "bootstrap.sites",
                           "`bootstrap.sites` has %u sites; it must have 1 to %u",
                           file == NULL ? 0 : file->sites_count, SITES_MAX);
        return;
    }
    if (file->shards_count < 1 || file->shards_count > SHARDS_MAX) {
        config_reader_fail(reader, "bootstrap.shards",
                           "`bootstrap.shards` has %u shards; it must have 1 to %u",
                           file->shards_count, SHARDS_MAX);
        return;
    }
    config->site_count = file->sites_count;
    for (uint32_t i = 0; i < config->site_count && !reader->failed; i++) {
        config_read_site(config, reader, i, &file->sites[i]);
    }
    if (reader->failed) {
        return;
    }
    if (config_count_providers(config) == 0) {
        config_reader_fail(reader, "bootstrap.sites",
                           "all sites are learners; at least one must be a voter");
    }
    config->shard_count = file->shards_count;
    for (uint32_t i = 0; i < config->shard_count && !reader->failed; i++) {
        config_read_shard(config, reader, i, &file->shards[i]);
    }
    config_read_genesis(config, reader, joined);
}
