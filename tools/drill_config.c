#include "tools/drill_config.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/config.h"
#include "gateway/site_files.h"
#include "matching/base/assertion.h"
#include "replication/journal_id.h"
#include "replication/key_store.h"
#include "tools/init.h"

#define DRILL_CONFIG_PATH_BYTES (DRILL_PLACE_PATH_BYTES + 64u)

/* A start mostly pays for memory that is touched for the first time. */
#define DRILL_CONFIG_SMALL                                                                         \
    "tuning: {wal: " DRILL_CONFIG_SMALL_WAL                                                        \
    ", orders: 65536, price_levels: 8192, instruments: 64, firms: 4, sessions: 1024}\n"

static void drill_config_shards(FILE *file, const struct scenario *scenario)
{
    (void)fputs("  shards:\n", file);
    for (uint32_t i = 0; i < scenario->shard_count; i++) {
        const struct scenario_shard *shard = &scenario->shards[i];
        (void)fprintf(file, "    - {id: %u, name: %s, commit_providers: %u, prefer: [", i + 1,
                      shard->name, shard->commit_providers);
        for (uint32_t place = 0; place < shard->prefer_count; place++) {
            (void)fprintf(file, "%s%s", place > 0 ? ", " : "",
                          scenario->sites[shard->prefer[place]].name);
        }
        (void)fprintf(file, "]%s}\n",
                      shard->placement_overridden
                          ? ", override: [provider-majority, provider-loss, no-spare-provider]"
                          : "");
    }
}

/* The journal's incarnation, which its peers know it by. */
static enum status drill_config_incarnation(FILE *file, const char *directory, char *error)
{
    char path[DRILL_CONFIG_PATH_BYTES];
    char text[2 * JOURNAL_INCARNATION_BYTES + 1];
    struct journal_id id;
    struct journal_error reason = {0};
    int descriptor;
    (void)snprintf(path, sizeof path, "%s/" INIT_DATA_NAME "/" SITE_JOURNAL_DIRECTORY, directory);
    enum status status = journal_id_open(&id, &descriptor, path, false, &reason);
    if (status != STATUS_OK) {
        (void)snprintf(error, DRILL_PLACE_ERROR_BYTES, "%s", reason.text);
        return status;
    }
    (void)close(descriptor);
    (void)sodium_bin2hex(text, sizeof text, id.incarnation, sizeof id.incarnation);
    (void)fprintf(file, ",\n       incarnation: %s}\n", text);
    return STATUS_OK;
}

static enum status drill_config_sites(FILE *file, const struct scenario *scenario,
                                      const struct drill_config_site *sites, char *error)
{
    (void)fputs("bootstrap:\n  sites:\n", file);
    for (uint32_t i = 0; i < scenario->site_count; i++) {
        const struct scenario_site *site = &scenario->sites[i];
        char path[DRILL_CONFIG_PATH_BYTES];
        char key[KEY_STORE_HEX_BYTES];
        uint8_t public_key[crypto_sign_PUBLICKEYBYTES];
        static_assert(KEY_STORE_ERROR_BYTES <= DRILL_PLACE_ERROR_BYTES, "the sentence fits");
        (void)snprintf(path, sizeof path, "%s/" INIT_DATA_NAME "/" SITE_KEY_FILE ".pub",
                       sites[i].directory);
        enum status status = key_store_read_public(public_key, path, error);
        if (status != STATUS_OK) {
            return status;
        }
        key_store_print(key, public_key);
        (void)fprintf(file,
                      "    - {name: %s, provider: %s, role: %s, peer: [\"%s\"],\n       key: %s",
                      site->name, site->provider, site->role == CONFIG_VOTER ? "voter" : "learner",
                      sites[i].peer, key);
        status = drill_config_incarnation(file, sites[i].directory, error);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

static enum status drill_config_read_back(const char *path, char *error)
{
    struct config *config = malloc(sizeof *config);
    static_assert(CONFIG_ERROR_BYTES <= DRILL_PLACE_ERROR_BYTES, "the sentence fits");
    enum status status = STATUS_FULL;
    (void)snprintf(error, DRILL_PLACE_ERROR_BYTES, "no memory");
    if (config != NULL) {
        status = config_read(config, path, error);
    }
    free(config);
    return status;
}

enum status drill_config_write(const struct scenario *scenario,
                               const struct drill_config_site *sites, uint32_t index,
                               char error[static DRILL_PLACE_ERROR_BYTES])
{
    ASSERT(index < scenario->site_count);
    const struct drill_config_site *own = &sites[index];
    char path[DRILL_CONFIG_PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/" INIT_CONFIG_FILE, own->directory);
    FILE *file = fopen(path, "we");
    if (file == NULL) {
        (void)snprintf(error, DRILL_PLACE_ERROR_BYTES, "cannot write %s: %s", path,
                       strerror(errno));
        return STATUS_DENIED;
    }
    (void)fprintf(file,
                  "# Site %s of the drill \"%s\".\ncluster: " DRILL_PLACE_CLUSTER
                  "\nsite: %s\ndata: ./" INIT_DATA_NAME
                  "\nlisten: {ouch: \"%s\", peer: \"%s\", admin: \"%s\"}\n",
                  scenario->sites[index].name, scenario->name, scenario->sites[index].name,
                  own->ouch, own->peer, own->admin);
    if (own->wall_offset != NULL) {
        (void)fprintf(file, "wall_offset: \"%s\"\n", own->wall_offset);
    }
    enum status status = drill_config_sites(file, scenario, sites, error);
    drill_config_shards(file, scenario);
    (void)fputs("threading: shared\nidle: sleep\n", file);
    (void)fputs(scenario->small ? DRILL_CONFIG_SMALL : "", file);
    if (fclose(file) != 0 && status == STATUS_OK) {
        (void)snprintf(error, DRILL_PLACE_ERROR_BYTES, "cannot write %s: %s", path,
                       strerror(errno));
        return STATUS_DENIED;
    }
    return status == STATUS_OK ? drill_config_read_back(path, error) : status;
}
