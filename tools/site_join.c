#include "tools/site_join.h"

#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/genesis_file.h"
#include "gateway/members.h"
#include "gateway/site_files.h"
#include "matching/base/assertion.h"
#include "replication/io/io.h"
#include "replication/journal.h"
#include "replication/journal_error.h"
#include "replication/key_store.h"
#include "tools/config_text.h"
#include "tools/init.h"

#define JOIN_IO_TOKEN UINT64_C(1)

static enum status join_fail(char error[static SITE_JOIN_ERROR_BYTES], enum status status,
                             const char *format, ...) __attribute__((format(printf, 3, 4)));
static enum status join_fail(char error[static SITE_JOIN_ERROR_BYTES], enum status status,
                             const char *format, ...)
{
    ASSERT(status != STATUS_OK);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(error, SITE_JOIN_ERROR_BYTES, format, arguments);
    va_end(arguments);
    return status;
}

/* ---- A place ---- */

static bool join_taken(const struct site_view *view, uint8_t site_id)
{
    for (uint32_t at = 0; at < view->shard_count; at++) {
        const struct placement_record *record = &view->shards[at].record;
        if (placement_role_of(&record->placement, site_id) != PLACEMENT_ABSENT ||
            (record->planned && placement_role_of(&record->target, site_id) != PLACEMENT_ABSENT)) {
            return true;
        }
    }
    return false;
}

/* One that nobody ever had; else one whose site has left. 0: none. */
static uint8_t join_place(const struct site_view *view)
{
    uint8_t left = 0;
    for (uint8_t site_id = SITES_MAX; site_id >= 1; site_id--) {
        if (join_taken(view, site_id)) {
            continue;
        }
        bool fresh = view->sites[site_id - 1].name[0] == '\0';
        bool left_fresh = left != 0 && view->sites[left - 1].name[0] == '\0';
        left = fresh || !left_fresh ? site_id : left;
    }
    return left;
}

/* The number of its provider, or one that nobody has. 0: none is left. */
static uint8_t join_provider(const struct site_view *view, const char *provider)
{
    uint16_t used = 0;
    for (uint32_t at = 0; at < SITES_MAX; at++) {
        const struct config_site *site = &view->sites[at];
        if (site->name[0] == '\0') {
            continue;
        }
        if (strcmp(site->provider, provider) == 0) {
            return site->provider_id;
        }
        used = (uint16_t)(used | 1u << (site->provider_id - 1));
    }
    uint8_t provider_id = 1;
    while (provider_id <= SITES_MAX && (used >> (provider_id - 1) & 1u) != 0) {
        provider_id++;
    }
    return provider_id <= SITES_MAX ? provider_id : 0;
}

/* ---- Reading ---- */

static enum status join_read_incarnation(struct site_join *join, char *error)
{
    char path[CONFIG_PATH_BYTES + 64];
    (void)snprintf(path, sizeof path, "%s/" SITE_JOURNAL_DIRECTORY, join->config.data);
    struct journal_id id;
    struct journal_error reason = {0};
    int descriptor;
    enum status status = journal_id_open(&id, &descriptor, path, false, &reason);
    if (status != STATUS_OK) {
        return join_fail(error, status, "%s", reason.text);
    }
    (void)close(descriptor);
    memcpy(join->site.incarnation, id.incarnation, sizeof join->site.incarnation);
    join->site.incarnation_set = true;
    return STATUS_OK;
}

static enum status join_find(struct site_join *join, const struct site_view *view, char *error)
{
    uint8_t known = site_view_find(view, join->config.site);
    if (known != 0 && memcmp(view->sites[known - 1].incarnation, join->site.incarnation,
                             sizeof join->site.incarnation) == 0) {
        join->site_id = known; /* Begun before. */
        join->site = view->sites[known - 1];
        return STATUS_OK;
    }
    if (known != 0) {
        return join_fail(error, STATUS_EXISTS,
                         "there is or was a site %s with another journal: give this one another "
                         "name (`causeway init --site`)",
                         join->config.site);
    }
    if (join->joined) { /* Killed before the cluster heard of it. */
        join->site_id = (uint8_t)(join->config.site_index + 1);
        if (join_taken(view, join->site_id) ||
            view->sites[join->site_id - 1].version >= join->site.version) {
            return join_fail(error, STATUS_EXISTS,
                             "the place that %s was prepared for has been taken by another: make "
                             "a new directory with `causeway init`",
                             join->config.site);
        }
        return STATUS_OK;
    }
    join->site_id = join_place(view);
    join->site.provider_id = join_provider(view, join->site.provider);
    if (join->site_id == 0 || join->site.provider_id == 0) {
        return join_fail(error, STATUS_FULL,
                         "the cluster has %u members, the most there can be: remove one first",
                         SITES_MAX);
    }
    join->site.version = view->sites[join->site_id - 1].version + 1;
    return STATUS_OK;
}

/* Whether the configuration still has the genesis of the directory's own: it is replaced last. */
static bool join_alone(const struct config *config)
{
    ASSERT(config->genesis_count >= 1);
    return config->genesis_count == 1 && strcmp(config->genesis[0].name, config->site) == 0;
}

enum status site_join_read(struct site_join *join, const char *directory,
                           const struct site_view *view, char error[static SITE_JOIN_ERROR_BYTES])
{
    memset(join, 0, sizeof *join);
    int bytes = snprintf(join->path, CONFIG_PATH_BYTES, "%s/" INIT_CONFIG_FILE, directory);
    if (bytes < 0 || (size_t)bytes >= CONFIG_PATH_BYTES) {
        return join_fail(error, STATUS_BAD_ARGUMENT, "the directory's name is too long");
    }
    static_assert(SITE_JOIN_ERROR_BYTES >= MEMBERS_ERROR_BYTES, "the sentence fits");
    struct config *config = &join->config;
    enum status status = members_read(config, join->path, error);
    if (status != STATUS_OK) {
        return status;
    }
    if (strcmp(config->cluster, view->cluster) != 0) {
        return join_fail(error, STATUS_FOREIGN, "%s is of cluster %s, not of %s", join->path,
                         config->cluster, view->cluster);
    }
    join->site = config->sites[config->site_index];
    join->joined = join->site.version > 0 && !join_alone(config);
    join->site.role = CONFIG_LEARNER;
    if (join->site.peer_count == 0 || config->listen_peer[0] == '\0') {
        return join_fail(error, STATUS_BAD_ARGUMENT,
                         "%s: the site says no address for other sites; make it with `causeway "
                         "init --peer`",
                         join->path);
    }
    for (uint32_t at = 0; at < SITES_MAX; at++) {
        if (view->sites[at].name[0] != '\0' && view->sites[at].peer_count == 0) {
            return join_fail(error, STATUS_BAD_ARGUMENT,
                             "site %s says no address for other sites: add listen.peer and its "
                             "`peer` entry to its configuration, start it again, then add others",
                             view->sites[at].name);
        }
    }
    if (!join->site.incarnation_set) {
        status = join_read_incarnation(join, error);
    }
    return status == STATUS_OK ? join_find(join, view, error) : status;
}

/* ---- Writing ---- */

/* A directory that was made ready before may have run since. Then its journal must be of the
 * generation that the cluster has now: a repair has left it out otherwise. */
static enum status join_compare(const struct site_join *join, struct journal *journal,
                                const struct site_view *view, char *error)
{
    ASSERT(join->joined);
    for (uint32_t at = 0; at < view->shard_count; at++) {
        struct journal_generation now;
        journal_generation(journal, view->shards[at].shard_id, &now);
        if (now.generation != view->shards[at].report.generation) {
            return join_fail(error, STATUS_FOREIGN,
                             "the cluster was repaired since %s was prepared: make a new directory "
                             "with `causeway init`",
                             join->config.site);
        }
    }
    return STATUS_OK;
}

/* Every shard's log is empty, and takes part in the generation that a repair has begun. */
static enum status join_generations(struct journal *journal, struct io *io,
                                    const struct site_view *view, char *error)
{
    bool waits = true;
    enum status status = STATUS_OK;
    for (uint32_t at = 0; at < view->shard_count && status == STATUS_OK; at++) {
        struct journal_tail tail;
        struct journal_generation now;
        uint16_t shard_id = view->shards[at].shard_id;
        uint64_t generation = view->shards[at].report.generation;
        journal_appended(journal, shard_id, &tail);
        journal_generation(journal, shard_id, &now);
        if (tail.last_log_index != 0 || tail.term != 0) {
            return join_fail(error, STATUS_EXISTS,
                             "the journal there is not empty: a site joins with a new one, made by "
                             "`causeway init`");
        }
        if (now.generation != generation) {
            status =
                now.generation == 0 ? journal_join(journal, shard_id, generation) : STATUS_FOREIGN;
        }
    }
    if (status == STATUS_OK) {
        status = journal_flush(journal);
    }
    while (status == STATUS_OK && waits) {
        struct io_completion completions[16];
        waits = false;
        for (uint32_t at = 0; at < view->shard_count; at++) {
            struct journal_generation now;
            journal_generation(journal, view->shards[at].shard_id, &now);
            waits = waits || now.generation != view->shards[at].report.generation;
        }
        uint32_t count = waits ? io_poll(io, completions, 16, UINT64_MAX) : 0;
        for (uint32_t at = 0; at < count && status == STATUS_OK; at++) {
            status = completions[at].token == JOIN_IO_TOKEN
                         ? journal_complete(journal, &completions[at])
                         : STATUS_OK;
        }
        status = status == STATUS_OK ? journal_poll(journal) : status;
    }
    return status == STATUS_OK ? STATUS_OK
                               : join_fail(error, status, "cannot write the journal there: %s",
                                           journal_error(journal));
}

static enum status join_journal(const struct site_join *join, const struct site_view *view,
                                char *error)
{
    char path[CONFIG_PATH_BYTES + 64];
    struct segment_verifier verifiers[SITES_MAX + CONFIG_KEYS_MAX + 1];
    struct io *io = NULL;
    struct journal *journal = NULL;
    const struct io_options io_options = {.handles_max = 8,
                                          .receive_buffer_bytes = 4096,
                                          .receive_buffer_count = 8};
    (void)snprintf(path, sizeof path, "%s/" SITE_JOURNAL_DIRECTORY, join->config.data);
    uint32_t verifier_count = 0; /* As causewayd has them. */
    key_store_verifier_of(&verifiers[verifier_count++], join->site.public_key);
    for (uint32_t at = 0; at < join->config.genesis_count; at++) {
        key_store_verifier_of(&verifiers[verifier_count++], join->config.genesis[at].public_key);
    }
    for (uint32_t at = 0; at < join->config.key_count; at++) {
        key_store_verifier_of(&verifiers[verifier_count++], join->config.keys[at]);
    }
    struct journal_options options = {.directory = path,
                                      .wal_bytes = join->config.tuning.wal_bytes,
                                      .store_bytes = join->config.tuning.store_bytes,
                                      .wal_writes_in_flight = 1,
                                      .cluster_id = segment_cluster_id(join->config.cluster),
                                      .io_token = JOIN_IO_TOKEN,
                                      .verifiers = verifiers,
                                      .verifier_count = verifier_count};
    (void)snprintf(options.site, sizeof options.site, "%s", join->config.site);
    enum status status = io_create(&io, &io_options);
    if (status != STATUS_OK) {
        return join_fail(error, status, "no I/O: %s", status_text(status));
    }
    status = journal_open(&journal, io, &options);
    if (join->joined && status == STATUS_IN_USE) {
        status = STATUS_OK; /* It runs: causewayd ends when it is left out. */
    } else if (status != STATUS_OK) {
        status = join_fail(error, status, "%s",
                           journal != NULL ? journal_error(journal) : "no memory for the journal");
    } else {
        status = join->joined ? join_compare(join, journal, view, error)
                              : join_generations(journal, io, view, error);
    }
    if (journal != NULL) {
        journal_close(journal);
    }
    io_destroy(io);
    return status;
}

static enum status join_members(struct site_join *join, const struct site_view *view, char *error)
{
    struct config *config = &join->config;
    memcpy(config->sites, view->sites, sizeof config->sites);
    config->sites[join->site_id - 1] = join->site;
    config->site_count = SITES_MAX;
    config->genesis_count = 0;
    config->key_count = 0;
    const struct members_view none = {0};
    for (uint32_t at = 0; at < view->shard_count; at++) {
        (void)members_trust(config, &none, &view->shards[at].record.placement);
        (void)members_trust(config, &none, &view->shards[at].report.previous_placement);
    }
    static_assert(SITE_JOIN_ERROR_BYTES >= MEMBERS_ERROR_BYTES, "the sentence fits");
    return members_save(config, error);
}

/* The site begins as the cluster did, or not at all. Kept before its configuration says so: the
 * directory starts as no site of its own any more. */
static enum status join_genesis(const struct site_join *join, const struct site_view *view,
                                char *error)
{
    struct genesis began;
    genesis_of(&began, &join->config);
    if (memcmp(began.hash, view->genesis, sizeof began.hash) != 0) {
        return join_fail(error, STATUS_FOREIGN,
                         "the bootstrap section of --config is not what cluster %s began with: it "
                         "has been edited since that site was started; put it back as the "
                         "file " SITE_GENESIS_FILE " in the site's data directory has it",
                         view->cluster);
    }
    static_assert(SITE_JOIN_ERROR_BYTES >= GENESIS_FILE_ERROR_BYTES, "the sentence fits");
    return genesis_file_write(&began, join->config.data, error);
}

static enum status join_config(struct site_join *join, const struct site_view *view,
                               const struct config *known, char *error)
{
    struct config *genesis = calloc(1, sizeof *genesis);
    char *section = malloc(CONFIG_TEXT_BYTES_MAX);
    enum status status = STATUS_FULL;
    (void)snprintf(error, SITE_JOIN_ERROR_BYTES, "no memory");
    if (genesis != NULL && section != NULL) {
        *genesis = *known;
        for (uint32_t at = 0; at < genesis->genesis_count; at++) {
            if (!genesis->genesis[at].incarnation_set) { /* A site alone need not say its own. */
                memcpy(genesis->genesis[at].incarnation, view->sites[at].incarnation,
                       sizeof genesis->genesis[at].incarnation);
            }
        }
        config_text_genesis(section, genesis);
        static_assert(SITE_JOIN_ERROR_BYTES >= CONFIG_TEXT_ERROR_BYTES, "the sentence fits");
        status = config_text_propose(join->path, section, &join->config, error);
        if (status == STATUS_OK) {
            status = join_genesis(join, view, error);
        }
        if (status != STATUS_OK) {
            config_text_discard(join->path);
        } else if (config_text_accept(join->path) != STATUS_OK) {
            status = join_fail(error, STATUS_IO, "cannot replace %s", join->path);
        }
    }
    free(section);
    free(genesis);
    return status;
}

enum status site_join_write(struct site_join *join, const struct site_view *view,
                            const struct config *known, char error[static SITE_JOIN_ERROR_BYTES])
{
    ASSERT(join->site_id >= 1);
    ASSERT(known->genesis_count >= 1);
    enum status status = join_journal(join, view, error);
    if (join->joined) {
        return status; /* Perhaps it runs already. */
    }
    if (status == STATUS_OK) {
        status = join_members(join, view, error);
    }
    return status == STATUS_OK ? join_config(join, view, known, error) : status;
}
