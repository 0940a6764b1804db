#include "tools/bootstrap.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/config.h"
#include "gateway/genesis_file.h"
#include "gateway/site_files.h"
#include "matching/base/assertion.h"
#include "replication/journal_id.h"
#include "tools/config_text.h"
#include "tools/init.h"
#include "tools/options.h"
#include "tools/subcommands.h"

#define BOOTSTRAP_PATH_BYTES (CONFIG_PATH_BYTES + 64u)
#define BOOTSTRAP_PROVIDERS  3u /* From so many on, two of them hold every order. */

struct bootstrap {
    const struct bootstrap_options *options;
    struct config *configs; /* One for each directory. */
    char paths[SITES_MAX][BOOTSTRAP_PATH_BYTES];
    struct config_site sites[SITES_MAX]; /* Of the genesis that is made. */
    char section[CONFIG_TEXT_BYTES_MAX];
    char *error;
};

static enum status bootstrap_fail(struct bootstrap *bootstrap, enum status status,
                                  const char *format, ...) __attribute__((format(printf, 3, 4)));
static enum status bootstrap_fail(struct bootstrap *bootstrap, enum status status,
                                  const char *format, ...)
{
    ASSERT(status != STATUS_OK);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(bootstrap->error, BOOTSTRAP_ERROR_BYTES, format, arguments);
    va_end(arguments);
    return status;
}

/* ---- What the directories hold ---- */

static const struct config_site *bootstrap_own(const struct bootstrap *bootstrap, uint32_t index)
{
    const struct config *config = &bootstrap->configs[index];
    return &config->sites[config->site_index];
}

/* Whoever has begun has begun. */
static enum status bootstrap_read_genesis(struct bootstrap *bootstrap, uint32_t index)
{
    struct genesis began;
    static_assert(GENESIS_FILE_ERROR_BYTES <= BOOTSTRAP_ERROR_BYTES, "the sentence fits");
    enum status status =
        genesis_file_read(&began, bootstrap->configs[index].data, bootstrap->error);
    if (status == STATUS_OK) {
        return bootstrap_fail(bootstrap, STATUS_EXISTS,
                              "%s has been started before, with the genesis that it has now; "
                              "`causeway site add` adds sites to a cluster that runs",
                              bootstrap->paths[index]);
    }
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status bootstrap_read_journal(struct bootstrap *bootstrap, uint32_t index)
{
    char path[BOOTSTRAP_PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/" SITE_JOURNAL_DIRECTORY, bootstrap->configs[index].data);
    struct journal_id id;
    struct journal_error reason = {0};
    int descriptor;
    enum status status = journal_id_open(&id, &descriptor, path, false, &reason);
    if (status != STATUS_OK) {
        return bootstrap_fail(bootstrap, status, "%s", reason.text);
    }
    (void)close(descriptor);
    bootstrap->sites[index] = *bootstrap_own(bootstrap, index);
    memcpy(bootstrap->sites[index].incarnation, id.incarnation, sizeof id.incarnation);
    return STATUS_OK;
}

static enum status bootstrap_read(struct bootstrap *bootstrap, uint32_t index)
{
    const char *directory = bootstrap->options->directories[index];
    (void)snprintf(bootstrap->paths[index], sizeof bootstrap->paths[index], "%s/" INIT_CONFIG_FILE,
                   directory);
    struct config *config = &bootstrap->configs[index];
    static_assert(CONFIG_ERROR_BYTES <= BOOTSTRAP_ERROR_BYTES, "the sentence fits");
    enum status status = config_read(config, bootstrap->paths[index], bootstrap->error);
    if (status != STATUS_OK) {
        return status;
    }
    if (bootstrap_own(bootstrap, index)->peer_count == 0 || config->listen_peer[0] == '\0') {
        return bootstrap_fail(bootstrap, STATUS_BAD_ARGUMENT,
                              "%s: the site says no address for other sites; make it with "
                              "`causeway init --peer`, or add listen.peer and its peer entry",
                              bootstrap->paths[index]);
    }
    for (uint32_t other = 0; other < index; other++) {
        if (strcmp(bootstrap->configs[other].cluster, config->cluster) != 0) {
            return bootstrap_fail(bootstrap, STATUS_BAD_ARGUMENT,
                                  "%s is of cluster %s, %s of %s: all must be of one",
                                  bootstrap->paths[other], bootstrap->configs[other].cluster,
                                  bootstrap->paths[index], config->cluster);
        }
    }
    status = bootstrap_read_genesis(bootstrap, index);
    return status == STATUS_OK ? bootstrap_read_journal(bootstrap, index) : status;
}

/* ---- The section ---- */

static void bootstrap_add(struct bootstrap *bootstrap, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void bootstrap_add(struct bootstrap *bootstrap, const char *format, ...)
{
    size_t used = strlen(bootstrap->section);
    size_t room = sizeof bootstrap->section - used;
    va_list arguments;
    va_start(arguments, format);
    int bytes = vsnprintf(bootstrap->section + used, room, format, arguments);
    va_end(arguments);
    ASSERT(bytes >= 0);
    ASSERT((size_t)bytes < room); /* SITES_MAX and SHARDS_MAX bound it. */
}

/* Whether a name stands in a list with commas. */
static bool bootstrap_lists(const char *list, const char *name)
{
    size_t bytes = strlen(name);
    for (const char *at = list; at != NULL && *at != '\0';) {
        const char *end = strchr(at, ',');
        size_t length = end == NULL ? strlen(at) : (size_t)(end - at);
        if (length == bytes && memcmp(at, name, bytes) == 0) {
            return true;
        }
        at = end == NULL ? NULL : end + 1;
    }
    return false;
}

static bool bootstrap_learns(const struct bootstrap *bootstrap, uint32_t index)
{
    return bootstrap_lists(bootstrap->options->learners, bootstrap_own(bootstrap, index)->name);
}

static void bootstrap_add_sites(struct bootstrap *bootstrap)
{
    uint32_t count = bootstrap->options->directory_count;
    for (uint32_t index = 0; index < count; index++) {
        bootstrap->sites[index].role =
            bootstrap_learns(bootstrap, index) ? CONFIG_LEARNER : CONFIG_VOTER;
    }
    config_text_sites(bootstrap->section, bootstrap->sites, count);
}

static uint32_t bootstrap_commit_providers(const struct bootstrap *bootstrap)
{
    uint32_t providers = 0;
    for (uint32_t index = 0; index < bootstrap->options->directory_count; index++) {
        bool first = !bootstrap_learns(bootstrap, index);
        for (uint32_t other = 0; other < index && first; other++) {
            first = bootstrap_learns(bootstrap, other) ||
                    strcmp(bootstrap_own(bootstrap, other)->provider,
                           bootstrap_own(bootstrap, index)->provider) != 0;
        }
        providers += first ? 1 : 0;
    }
    if (bootstrap->options->commit_providers > 0) {
        return bootstrap->options->commit_providers;
    }
    return providers >= BOOTSTRAP_PROVIDERS ? 2 : 1;
}

static enum status bootstrap_add_shard(struct bootstrap *bootstrap, uint32_t id, const char *text,
                                       size_t bytes)
{
    const char *equals = memchr(text, '=', bytes);
    size_t name_bytes = equals == NULL ? 0 : (size_t)(equals - text);
    if (name_bytes == 0 || name_bytes >= CONFIG_NAME_BYTES || name_bytes + 1 >= bytes ||
        bytes >= 512) {
        return bootstrap_fail(bootstrap, STATUS_BAD_ARGUMENT,
                              "\"%.*s\" is no shard; write NAME=SITE,SITE,...", (int)bytes, text);
    }
    bootstrap_add(bootstrap, "    - {id: %u, name: %.*s, prefer: [%.*s], commit_providers: %u}\n",
                  id, (int)name_bytes, text, (int)(bytes - name_bytes - 1), equals + 1,
                  bootstrap_commit_providers(bootstrap));
    return STATUS_OK;
}

static enum status bootstrap_add_shards(struct bootstrap *bootstrap)
{
    bootstrap_add(bootstrap, "  shards:\n");
    if (bootstrap->options->shards == NULL) {
        bootstrap_add(bootstrap, "    - {id: 1, name: MAIN, prefer: [");
        const char *comma = "";
        for (uint32_t index = 0; index < bootstrap->options->directory_count; index++) {
            if (!bootstrap_learns(bootstrap, index)) {
                bootstrap_add(bootstrap, "%s%s", comma, bootstrap_own(bootstrap, index)->name);
                comma = ", ";
            }
        }
        bootstrap_add(bootstrap, "], commit_providers: %u}\n",
                      bootstrap_commit_providers(bootstrap));
        return STATUS_OK;
    }
    uint32_t id = 1;
    for (const char *at = bootstrap->options->shards; at != NULL; id++) {
        const char *end = strchr(at, ';');
        if (id > SHARDS_MAX) {
            return bootstrap_fail(bootstrap, STATUS_BAD_ARGUMENT, "more than %u shards",
                                  SHARDS_MAX);
        }
        enum status status =
            bootstrap_add_shard(bootstrap, id, at, end == NULL ? strlen(at) : (size_t)(end - at));
        if (status != STATUS_OK) {
            return status;
        }
        at = end == NULL ? NULL : end + 1;
    }
    return STATUS_OK;
}

/* ---- The files ---- */

/* Write the new file beside the old one, and read it back as causewayd will. */
static enum status bootstrap_write(struct bootstrap *bootstrap, uint32_t index)
{
    static_assert(CONFIG_TEXT_ERROR_BYTES <= BOOTSTRAP_ERROR_BYTES, "the sentence fits");
    return config_text_propose(bootstrap->paths[index], bootstrap->section,
                               &bootstrap->configs[index], bootstrap->error);
}

/* Only when all of them are good does each take the place of its old one. */
static enum status bootstrap_finish(struct bootstrap *bootstrap, enum status status)
{
    for (uint32_t index = 0; index < bootstrap->options->directory_count; index++) {
        const char *path = bootstrap->paths[index];
        if (status != STATUS_OK) {
            config_text_discard(path);
        } else if (config_text_accept(path) != STATUS_OK) {
            status =
                bootstrap_fail(bootstrap, STATUS_IO, "cannot replace %s", bootstrap->paths[index]);
        }
    }
    return status;
}

enum status bootstrap_sites(const struct bootstrap_options *options,
                            char error[static BOOTSTRAP_ERROR_BYTES])
{
    ASSERT(options->directory_count >= 1);
    ASSERT(options->directory_count <= SITES_MAX);
    struct bootstrap *bootstrap = calloc(1, sizeof *bootstrap);
    struct config *configs = calloc(options->directory_count, sizeof configs[0]);
    enum status status = STATUS_FULL;
    (void)snprintf(error, BOOTSTRAP_ERROR_BYTES, "no memory");
    if (bootstrap != NULL && configs != NULL) {
        bootstrap->options = options;
        bootstrap->configs = configs;
        bootstrap->error = error;
        status = STATUS_OK;
        for (uint32_t index = 0; index < options->directory_count && status == STATUS_OK; index++) {
            status = bootstrap_read(bootstrap, index);
        }
        if (status == STATUS_OK) {
            bootstrap_add_sites(bootstrap);
            status = bootstrap_add_shards(bootstrap);
        }
        for (uint32_t index = 0; index < options->directory_count && status == STATUS_OK; index++) {
            status = bootstrap_write(bootstrap, index);
        }
        status = bootstrap_finish(bootstrap, status);
    }
    free(configs);
    free(bootstrap);
    return status;
}

int bootstrap_main(int argc, char **argv)
{
    struct bootstrap_options options = {0};
    uint64_t commit_providers = 0;
    const struct option_row rows[] = {
        {"shards", 0, OPTION_TEXT, &options.shards, "LIST",
         "Shards and who leads them, the best first: 'EQ=nyc1,lon1;FX=lon1,nyc1' (default: one, "
         "MAIN).",
         0, 0, NULL},
        {"learners", 0, OPTION_TEXT, &options.learners, "SITES",
         "Sites that follow without counting, with commas (default: none).", 0, 0, NULL},
        {"commit-providers", 0, OPTION_COUNT, &commit_providers, "COUNT",
         "Providers that hold every acknowledged order (default: 2 with three providers, else 1).",
         1, SITES_MAX, NULL},
    };
    const struct options_command command = {
        .name = "bootstrap",
        .operands = "DIR...",
        .operands_min = 1,
        .operands_max = SITES_MAX,
        .summary =
            "Make one cluster of sites that `causeway init --peer` has made: writes the same\n"
            "genesis (sites, keys, journals, addresses, shards) into each DIR/site.yaml.\n"
            "Before their first start; later changes are commands.",
        .rows = rows,
        .row_count = sizeof rows / sizeof rows[0],
        .examples =
            "  causeway init a --cluster demo --site nyc1 --provider aws --peer 10.0.0.1:7101\n"
            "  causeway bootstrap a b c --shards 'EQ=nyc1,lon1,fra1'\n"};
    int operand;
    switch (options_parse(&command, argc, argv, &operand)) {
    case OPTIONS_HELP:
        return OPTIONS_EXIT_DONE;
    case OPTIONS_WRONG:
        return OPTIONS_EXIT_USAGE;
    case OPTIONS_GO:
        break;
    }
    options.commit_providers = (uint32_t)commit_providers;
    for (int at = operand; at < argc; at++) {
        options.directories[options.directory_count++] = argv[at];
    }
    char error[BOOTSTRAP_ERROR_BYTES];
    enum status status = bootstrap_sites(&options, error);
    if (status != STATUS_OK) {
        (void)options_failed(command.name, "%s", error);
        return status == STATUS_BAD_ARGUMENT ? OPTIONS_EXIT_USAGE : OPTIONS_EXIT_FAILED;
    }
    (void)printf("%u sites share one genesis. Start each with:\n  causewayd --config DIR/%s\n",
                 options.directory_count, INIT_CONFIG_FILE);
    return OPTIONS_EXIT_DONE;
}
