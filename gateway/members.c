#include "gateway/members.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/data_file.h"
#include "gateway/site_files.h"
#include "matching/base/assertion.h"
#include "replication/io/io_socket.h"

#define MEMBERS_PATH_BYTES (CONFIG_PATH_BYTES + 32u)
#define MEMBERS_FILE_BYTES (MEMBERS_TEXT_BYTES_MAX + CONFIG_KEYS_MAX * 80u)
#define MEMBERS_HEX_BYTES  (2 * 32 + 1)

const char *members_name_of(const struct config_site sites[static SITES_MAX], uint8_t site_id)
{
    ASSERT(site_id <= SITES_MAX);
    if (site_id == 0) {
        return "none";
    }
    return sites[site_id - 1].name[0] != '\0' ? sites[site_id - 1].name : "unknown";
}

/* ---- To JSON ---- */

json_t *members_site_json(const struct config_site *site, uint8_t site_id)
{
    ASSERT(site_id >= 1);
    ASSERT(site_id <= SITES_MAX);
    char key[MEMBERS_HEX_BYTES];
    char incarnation[MEMBERS_HEX_BYTES];
    (void)sodium_bin2hex(key, sizeof key, site->public_key, sizeof site->public_key);
    (void)sodium_bin2hex(incarnation, sizeof incarnation, site->incarnation,
                         sizeof site->incarnation);
    json_t *peers = json_array();
    for (uint32_t path = 0; path < site->peer_count; path++) {
        (void)json_array_append_new(peers, json_string(site->peer[path]));
    }
    return json_pack("{s:i, s:I, s:s, s:s, s:i, s:s, s:s, s:o}", "id", site_id, "version",
                     (json_int_t)site->version, "name", site->name, "provider", site->provider,
                     "provider_id", site->provider_id, "key", key, "incarnation", incarnation,
                     "peer", peers);
}

/* All that are no longer as the genesis has them: {"sites": [...]}. NULL without memory. */
static json_t *members_json(const struct config *config)
{
    ASSERT(config->site_count <= SITES_MAX);
    json_t *sites = json_array();
    for (uint8_t site_id = 1; site_id <= config->site_count; site_id++) {
        if (config->sites[site_id - 1].version > 0 &&
            json_array_append_new(sites, members_site_json(&config->sites[site_id - 1], site_id)) !=
                0) {
            json_decref(sites);
            return NULL;
        }
    }
    return json_pack("{s:o}", "sites", sites);
}

char *members_text(const struct config *config)
{
    json_t *json = members_json(config);
    char *text = json != NULL ? json_dumps(json, JSON_COMPACT) : NULL;
    json_decref(json);
    ASSERT(text == NULL || strlen(text) <= MEMBERS_TEXT_BYTES_MAX);
    return text;
}

/* ---- From JSON ---- */

static bool members_integer(const json_t *object, const char *name, uint32_t least, uint32_t most,
                            uint32_t *value)
{
    const json_t *field = json_object_get(object, name);
    json_int_t number = json_integer_value(field);
    *value = (uint32_t)number;
    return json_is_integer(field) && number >= (json_int_t)least && number <= (json_int_t)most;
}

static bool members_name(const json_t *object, const char *name,
                         char target[static CONFIG_NAME_BYTES])
{
    const char *text = json_string_value(json_object_get(object, name));
    size_t bytes = text == NULL ? 0 : strlen(text);
    if (bytes == 0 || bytes >= CONFIG_NAME_BYTES ||
        strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") != bytes) {
        return false;
    }
    memcpy(target, text, bytes + 1);
    return true;
}

static bool members_hex(const json_t *text_of, uint8_t *target, size_t bytes)
{
    const char *text = json_string_value(text_of);
    size_t made = 0;
    return text != NULL && strlen(text) == 2 * bytes &&
           sodium_hex2bin(target, bytes, text, 2 * bytes, NULL, &made, NULL) == 0 && made == bytes;
}

static bool members_peers(const json_t *list, struct config_site *site)
{
    size_t count = json_array_size(list);
    if (!json_is_array(list) || count > CONFIG_PATHS_MAX) {
        return false;
    }
    for (size_t path = 0; path < count; path++) {
        const char *text = json_string_value(json_array_get(list, path));
        struct io_address address;
        if (text == NULL || strlen(text) >= CONFIG_ENDPOINT_BYTES ||
            io_socket_parse(&address, text) != STATUS_OK) {
            return false;
        }
        memcpy(site->peer[path], text, strlen(text) + 1);
    }
    site->peer_count = (uint32_t)count;
    return true;
}

bool members_site_read(const json_t *object, struct config_site *site, uint8_t *site_id)
{
    uint32_t place = 0;
    uint32_t provider_id = 0;
    *site = (struct config_site){.role = CONFIG_LEARNER, .incarnation_set = true};
    bool good =
        json_object_size(object) == 8 && members_integer(object, "id", 1, SITES_MAX, &place) &&
        members_integer(object, "version", 0, UINT32_MAX / 2, &site->version) &&
        members_name(object, "name", site->name) &&
        members_name(object, "provider", site->provider) &&
        members_integer(object, "provider_id", 1, SITES_MAX, &provider_id) &&
        members_hex(json_object_get(object, "key"), site->public_key, sizeof site->public_key) &&
        members_hex(json_object_get(object, "incarnation"), site->incarnation,
                    sizeof site->incarnation) &&
        members_peers(json_object_get(object, "peer"), site);
    site->provider_id = (uint8_t)provider_id;
    *site_id = (uint8_t)place;
    return good;
}

/* ---- Keys ---- */

static bool members_knows(const struct config *config, const uint8_t key[static 32])
{
    for (uint32_t at = 0; at < config->genesis_count; at++) {
        if (memcmp(config->genesis[at].public_key, key, 32) == 0) {
            return true;
        }
    }
    for (uint32_t at = 0; at < config->key_count; at++) {
        if (memcmp(config->keys[at], key, 32) == 0) {
            return true;
        }
    }
    return false;
}

/* True: it is new. When there are too many the oldest goes that no member has: its segments stand
 * deep in the chain. */
static bool members_keep(struct config *config, const struct members_view *view,
                         const uint8_t key[static 32])
{
    if (members_knows(config, key)) {
        return false;
    }
    if (config->key_count == CONFIG_KEYS_MAX) {
        uint32_t at = 0;
        while (at < CONFIG_KEYS_MAX - 1 && members_view_names_key(view, config->keys[at])) {
            at++;
        }
        memmove(config->keys + at, config->keys + at + 1,
                (CONFIG_KEYS_MAX - 1 - at) * sizeof config->keys[0]);
        config->key_count--;
    }
    memcpy(config->keys[config->key_count++], key, 32);
    config->key_changes++;
    return true;
}

bool members_trust(struct config *config, const struct members_view *view,
                   const struct placement *placement)
{
    bool changed = false;
    struct members_view with = *view;
    ASSERT(with.count <= SHARDS_MAX);
    with.placements[with.count < SHARDS_MAX ? with.count++ : SHARDS_MAX - 1] = placement;
    for (uint32_t at = 0; at < SITES_MAX; at++) {
        if (placement->sites[at].role != PLACEMENT_ABSENT) {
            changed = members_keep(config, &with, placement->sites[at].public_key) || changed;
        }
    }
    ASSERT(config->key_count <= CONFIG_KEYS_MAX);
    return changed;
}

/* ---- Merging ---- */

static bool members_newer(const struct config_site *site, const struct config_site *known)
{
    if (site->version != known->version) {
        return site->version > known->version;
    }
    return memcmp(site->incarnation, known->incarnation, sizeof site->incarnation) > 0;
}

/* `view` NULL: a line of the own file, which was judged when it was heard. */
static enum status members_take(struct config *config, const struct members_view *view,
                                const struct config_site *site, uint8_t site_id, bool *changed)
{
    struct config_site *known = &config->sites[site_id - 1];
    bool own = strcmp(known->name, config->site) == 0 && known->name[0] != '\0';
    if (own || !members_newer(site, known)) {
        return STATUS_OK;
    }
    enum status status = view != NULL ? members_view_judge(view, config, site, site_id) : STATUS_OK;
    if (status != STATUS_OK) {
        return status;
    }
    static const struct members_view none = {0};
    *known = *site;
    config->site_count = config->site_count < site_id ? site_id : config->site_count;
    (void)members_keep(config, view != NULL ? view : &none, site->public_key);
    *changed = true;
    return STATUS_OK;
}

static enum status members_merge_json(struct config *config, const struct members_view *view,
                                      const json_t *root, bool *changed)
{
    struct config_site sites[SITES_MAX];
    uint8_t site_ids[SITES_MAX];
    const json_t *list = json_object_get(root, "sites");
    size_t count = json_array_size(list);
    if (!json_is_array(list) || count > SITES_MAX) {
        return STATUS_BAD_FORMAT;
    }
    for (size_t at = 0; at < count; at++) {
        if (!members_site_read(json_array_get(list, at), &sites[at], &site_ids[at]) ||
            sites[at].version == 0 || sites[at].peer_count == 0) {
            return STATUS_BAD_FORMAT;
        }
    }
    enum status all = STATUS_OK;
    for (size_t at = 0; at < count; at++) {
        enum status status = members_take(config, view, &sites[at], site_ids[at], changed);
        all = status == STATUS_OK || all == STATUS_DENIED ? all : status;
    }
    return all;
}

enum status members_merge(struct config *config, const struct members_view *view, const char *text,
                          size_t text_bytes, bool *changed)
{
    ASSERT(config->site_count <= SITES_MAX);
    ASSERT(text != NULL);
    *changed = false;
    json_t *root = json_loadb(text, text_bytes, JSON_REJECT_DUPLICATES, NULL);
    enum status status = root != NULL && json_object_size(root) == 1
                             ? members_merge_json(config, view, root, changed)
                             : STATUS_BAD_FORMAT;
    json_decref(root);
    return status;
}

/* ---- The file ---- */

static enum status members_load_text(struct config *config, const char *text, size_t bytes)
{
    bool changed = false;
    json_t *root = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, NULL);
    const json_t *keys = json_object_get(root, "keys");
    const struct members_view none = {0};
    enum status status = json_is_array(keys) && json_array_size(keys) <= CONFIG_KEYS_MAX
                             ? STATUS_OK
                             : STATUS_BAD_FORMAT;
    for (size_t at = 0; at < json_array_size(keys) && status == STATUS_OK; at++) {
        uint8_t key[32];
        if (members_hex(json_array_get(keys, at), key, sizeof key)) {
            (void)members_keep(config, &none, key);
        } else {
            status = STATUS_BAD_FORMAT;
        }
    }
    if (status == STATUS_OK) {
        /* Here alone a line may be of this site itself: it is not known otherwise. */
        status = members_merge_json(config, NULL, root, &changed);
    }
    json_decref(root);
    return status;
}

/* STATUS_NOT_FOUND: there is none. */
static enum status members_load_file(struct config *config, const char *path)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return errno == ENOENT || errno == ENOTDIR ? STATUS_NOT_FOUND : STATUS_DENIED;
    }
    char *text = malloc(MEMBERS_FILE_BYTES);
    size_t bytes = text != NULL ? fread(text, 1, MEMBERS_FILE_BYTES, file) : 0;
    enum status status = bytes > 0 && bytes < MEMBERS_FILE_BYTES
                             ? members_load_text(config, text, bytes)
                             : STATUS_BAD_FORMAT;
    free(text);
    (void)fclose(file);
    return status;
}

enum status members_load(struct config *config, char error[static MEMBERS_ERROR_BYTES])
{
    char path[MEMBERS_PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/" SITE_MEMBERS_FILE, config->data);
    enum status status = members_load_file(config, path);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND) {
        (void)snprintf(error, MEMBERS_ERROR_BYTES,
                       "%s cannot be read, or does not hold what this site wrote there: it names "
                       "the sites that joined since the genesis; copy it from another site",
                       path);
        return status;
    }
    uint32_t own = UINT32_MAX;
    for (uint32_t at = 0; at < config->site_count; at++) {
        /* Twice: it was made ready to join, and its configuration not yet. It is no longer alone.
         */
        if (strcmp(config->sites[at].name, config->site) == 0 &&
            (own == UINT32_MAX || config->sites[at].version > config->sites[own].version)) {
            own = at;
        }
    }
    if (own != UINT32_MAX) {
        config->site_index = own;
        return STATUS_OK;
    }
    (void)snprintf(error, MEMBERS_ERROR_BYTES,
                   "`site` is \"%s\", which is not in bootstrap.sites and has not joined since",
                   config->site);
    return STATUS_NOT_FOUND;
}

enum status members_read(struct config *config, const char *path,
                         char error[static MEMBERS_ERROR_BYTES])
{
    static_assert(MEMBERS_ERROR_BYTES >= CONFIG_ERROR_BYTES, "a sentence fits");
    enum status status = config_read_joined(config, path, error);
    return status == STATUS_OK ? members_load(config, error) : status;
}

static char *members_file_text(const struct config *config)
{
    json_t *json = members_json(config);
    json_t *keys = json_array();
    for (uint32_t at = 0; at < config->key_count; at++) {
        char key[MEMBERS_HEX_BYTES];
        (void)sodium_bin2hex(key, sizeof key, config->keys[at], sizeof config->keys[at]);
        (void)json_array_append_new(keys, json_string(key));
    }
    char *text =
        json_object_set_new(json, "keys", keys) == 0 ? json_dumps(json, JSON_INDENT(1)) : NULL;
    json_decref(json);
    return text;
}

enum status members_save(const struct config *config, char error[static MEMBERS_ERROR_BYTES])
{
    char *text = members_file_text(config);
    if (text == NULL) {
        (void)snprintf(error, MEMBERS_ERROR_BYTES, "no memory to write " SITE_MEMBERS_FILE);
        return STATUS_FULL;
    }
    ASSERT(strlen(text) < MEMBERS_FILE_BYTES);
    struct journal_error why = {""};
    enum status status = data_file_write(config->data, SITE_MEMBERS_FILE, text, &why);
    if (status != STATUS_OK) {
        memcpy(error, why.text, sizeof why.text);
    }
    free(text);
    return status;
}
