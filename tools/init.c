#include "tools/init.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/config.h"
#include "gateway/site_files.h"
#include "matching/base/assertion.h"
#include "replication/journal.h"
#include "replication/journal_file.h"
#include "replication/key_store.h"
#include "tools/options.h"
#include "tools/subcommands.h"

#define INIT_PATH_BYTES   (CONFIG_PATH_BYTES + 64u)
#define INIT_TOKEN_BYTES  32u /* Random ones; as text twice as long. */
#define INIT_CONFIG_BYTES 2048u

struct init_paths {
    char config[INIT_PATH_BYTES];
    char data[INIT_PATH_BYTES];
    char key[INIT_PATH_BYTES];
    char key_public[INIT_PATH_BYTES];
    char token[INIT_PATH_BYTES];
    char journal[INIT_PATH_BYTES];
};

static enum status init_fail(enum status status, char error[static INIT_ERROR_BYTES],
                             const char *format, ...) __attribute__((format(printf, 3, 4)));
static enum status init_fail(enum status status, char error[static INIT_ERROR_BYTES],
                             const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(error, INIT_ERROR_BYTES, format, arguments);
    va_end(arguments);
    ASSERT(status != STATUS_OK);
    return status;
}

static enum status init_system(char error[static INIT_ERROR_BYTES], const char *what,
                               const char *path)
{
    return init_fail(journal_file_status(errno), error, "cannot %s %s: %s", what, path,
                     strerror(errno));
}

/* Write a whole file that must not be there yet, durable. */
static enum status init_write(const char *path, const char *text, mode_t mode,
                              char error[static INIT_ERROR_BYTES])
{
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (file < 0) {
        return init_system(error, "create", path);
    }
    size_t bytes = strlen(text);
    ssize_t written = write(file, text, bytes);
    if (written != (ssize_t)bytes || fsync(file) != 0) {
        enum status status = init_system(error, "write", path);
        (void)close(file);
        return status;
    }
    return close(file) == 0 ? STATUS_OK : init_system(error, "write", path);
}

/* The sizes that the journal is made with; the configuration must name the same ones. */
static void init_tuning(const struct init_options *options, char *text, size_t text_bytes)
{
    ASSERT(text_bytes > 0);
    if (options->wal == NULL && options->store == NULL) {
        return;
    }
    int used = snprintf(text, text_bytes, "tuning:\n");
    if (options->wal != NULL) {
        used += snprintf(text + used, text_bytes - (size_t)used, "  wal: %.40s\n", options->wal);
    }
    if (options->store != NULL) {
        (void)snprintf(text + used, text_bytes - (size_t)used, "  store: %.40s\n", options->store);
    }
}

static enum status init_config(const struct init_options *options, const char *path,
                               const char *key, char error[static INIT_ERROR_BYTES])
{
    char text[INIT_CONFIG_BYTES];
    char listen_peer[CONFIG_ENDPOINT_BYTES + 128] = "";
    char site_peer[CONFIG_ENDPOINT_BYTES + 32] = "";
    if (options->peer != NULL) {
        (void)snprintf(listen_peer, sizeof listen_peer,
                       "  peer: \"%s\"     # Other sites: TLS 1.3 with pinned keys.\n",
                       options->peer);
        (void)snprintf(site_peer, sizeof site_peer, "       peer: ['%s'],\n", options->peer);
    }
    char tuning[2 * CONFIG_ENDPOINT_BYTES + 64] = "";
    init_tuning(options, tuning, sizeof tuning);
    int bytes = snprintf(
        text, sizeof text,
        "# One site of Causeway: who I am and how to start. What decides outcomes of the market "
        "is\n"
        "# not here but in the journal: change it with `causeway market apply`.\n"
        "cluster: %s\n"
        "site: %s\n"
        "data: ./" INIT_DATA_NAME "    # Relative to this file: keys, token, journal, streams.\n"
        "listen:\n"
        "  ouch: \"%s\"     # Clients: OUCH 5.0 over SoupBinTCP, passwords in clear text.\n"
        "%s"
        "  admin: \"%s\"    # Operators and metrics: HTTP. Keep both off the open network.\n"
        "bootstrap:                 # Used once; later changes are commands.\n"
        "  sites:\n"
        "    - {name: %s, provider: %s, role: voter,\n"
        "%s"
        "       key: %s}\n"
        "  shards:\n"
        "    - {id: 1, name: MAIN, prefer: [%s], commit_providers: 1}\n"
        "threading: shared          # One loop thread for doors and shard.\n"
        "idle: sleep                # sleep, yield or spin: spin needs a core of its own.\n"
        "%s",
        options->cluster, options->site, options->ouch, listen_peer, options->admin, options->site,
        options->provider, site_peer, key, options->site, tuning);
    ASSERT(bytes > 0);
    if ((size_t)bytes >= sizeof text) {
        return init_fail(STATUS_BAD_ARGUMENT, error, "the names or addresses are too long");
    }
    return init_write(path, text, 0644, error);
}

static enum status init_token(const char *path, char error[static INIT_ERROR_BYTES])
{
    uint8_t random[INIT_TOKEN_BYTES];
    char text[2 * INIT_TOKEN_BYTES + 2];
    randombytes_buf(random, sizeof random);
    (void)sodium_bin2hex(text, sizeof text - 1, random, sizeof random);
    text[2 * INIT_TOKEN_BYTES] = '\n';
    text[2 * INIT_TOKEN_BYTES + 1] = '\0';
    enum status status = init_write(path, text, 0600, error);
    sodium_memzero(text, sizeof text);
    return status;
}

static enum status init_journal(const struct config *config, const char *path,
                                char error[static INIT_ERROR_BYTES])
{
    if (mkdir(path, 0700) != 0) {
        return init_system(error, "create", path);
    }
    struct journal_options options = {.directory = path,
                                      .wal_bytes = config->tuning.wal_bytes,
                                      .store_bytes = config->tuning.store_bytes,
                                      .wal_writes_in_flight = config->tuning.wal_writes_in_flight,
                                      .cluster_id = segment_cluster_id(config->cluster)};
    static_assert(sizeof options.site == sizeof config->site, "the journal keeps the whole name");
    memcpy(options.site, config->site, sizeof options.site);
    return journal_create(&options, error, INIT_ERROR_BYTES);
}

static enum status init_paths(struct init_paths *paths, const char *directory,
                              char error[static INIT_ERROR_BYTES])
{
    if (strlen(directory) + 32 > CONFIG_PATH_BYTES) {
        return init_fail(STATUS_BAD_ARGUMENT, error, "the directory's name is too long");
    }
    const struct {
        char *path;
        const char *name;
    } names[] = {
        {paths->config, INIT_CONFIG_FILE},
        {paths->data, INIT_DATA_NAME},
        {paths->key, INIT_DATA_NAME "/" SITE_KEY_FILE},
        {paths->key_public, INIT_DATA_NAME "/" SITE_KEY_FILE ".pub"},
        {paths->token, INIT_DATA_NAME "/" SITE_ADMIN_TOKEN_FILE},
        {paths->journal, INIT_DATA_NAME "/" SITE_JOURNAL_DIRECTORY},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)snprintf(names[i].path, INIT_PATH_BYTES, "%s/%s", directory, names[i].name);
    }
    return STATUS_OK;
}

/* What was made of a site that could not be made whole. */
static void init_undo(const struct init_paths *paths, const char *directory, bool made_directory)
{
    (void)rmdir(paths->journal); /* journal_create() cleans up what it made. */
    (void)unlink(paths->token);
    (void)unlink(paths->key);
    (void)unlink(paths->key_public);
    (void)rmdir(paths->data);
    (void)unlink(paths->config);
    if (made_directory) {
        (void)rmdir(directory);
    }
}

static enum status init_fill(const struct init_options *options, const struct init_paths *paths,
                             char error[static INIT_ERROR_BYTES])
{
    if (mkdir(paths->data, 0700) != 0) {
        return init_system(error, "create", paths->data);
    }
    uint8_t public_key[crypto_sign_PUBLICKEYBYTES];
    static_assert(KEY_STORE_ERROR_BYTES <= INIT_ERROR_BYTES, "the sentence fits");
    enum status status = key_store_create(paths->key, public_key, error);
    if (status != STATUS_OK) {
        return status;
    }
    char key[KEY_STORE_HEX_BYTES];
    key_store_print(key, public_key);
    status = init_config(options, paths->config, key, error);
    struct config *config = malloc(sizeof *config);
    if (status == STATUS_OK) {
        static_assert(CONFIG_ERROR_BYTES <= INIT_ERROR_BYTES, "the sentence fits");
        status = config == NULL ? init_fail(STATUS_FULL, error, "no memory")
                                : config_read(config, paths->config, error);
        /* Read back with the reader that causewayd has: what a user typed wrong shows here. */
        status = status == STATUS_BAD_FORMAT ? STATUS_BAD_ARGUMENT : status;
    }
    if (status == STATUS_OK) {
        status = init_token(paths->token, error);
    }
    if (status == STATUS_OK) {
        status = init_journal(config, paths->journal, error);
    }
    free(config);
    return status;
}

static bool init_empty(const char *directory)
{
    DIR *entries = opendir(directory);
    if (entries == NULL) {
        return false;
    }
    bool empty = true;
    const struct dirent *entry;
    while (empty && (entry = readdir(entries)) != NULL) {
        empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    }
    (void)closedir(entries);
    return empty;
}

enum status init_site(const struct init_options *options, char error[static INIT_ERROR_BYTES])
{
    ASSERT(options->directory != NULL);
    struct init_paths paths;
    enum status status = init_paths(&paths, options->directory, error);
    if (status != STATUS_OK) {
        return status;
    }
    bool made_directory = mkdir(options->directory, 0755) == 0;
    if (!made_directory && errno != EEXIST) {
        return init_system(error, "create", options->directory);
    }
    if (!made_directory && !init_empty(options->directory)) {
        return init_fail(STATUS_EXISTS, error,
                         "%s is not an empty directory: a site is made in a new one",
                         options->directory);
    }
    status = init_fill(options, &paths, error);
    if (status != STATUS_OK) {
        init_undo(&paths, options->directory, made_directory);
    }
    return status;
}

int init_main(int argc, char **argv)
{
    struct init_options site = {.provider = "local",
                                .ouch = INIT_OUCH_DEFAULT,
                                .admin = INIT_ADMIN_DEFAULT};
    const struct option_row rows[] = {
        {"cluster", 0, OPTION_TEXT, &site.cluster, "NAME",
         "The cluster's name, part of every signature (required).", 0, 0, NULL},
        {"site", 0, OPTION_TEXT, &site.site, "NAME", "This site's name (required).", 0, 0, NULL},
        {"provider", 0, OPTION_TEXT, &site.provider, "NAME",
         "Who owns the machine: a cloud company, or 'local' (default).", 0, 0, NULL},
        {"ouch", 0, OPTION_TEXT, &site.ouch, "ADDR:PORT",
         "Where clients connect (default " INIT_OUCH_DEFAULT ").", 0, 0, NULL},
        {"admin", 0, OPTION_TEXT, &site.admin, "ADDR:PORT",
         "Where operators connect (default " INIT_ADMIN_DEFAULT ").", 0, 0, NULL},
        {"peer", 0, OPTION_TEXT, &site.peer, "ADDR:PORT",
         "Where other sites connect (default: there are none; see `causeway bootstrap`).", 0, 0,
         NULL},
        {"wal", 0, OPTION_TEXT, &site.wal, "SIZE",
         "Size of the journal's write-ahead ring, for good (default 64MiB).", 0, 0, NULL},
        {"store", 0, OPTION_TEXT, &site.store, "SIZE",
         "Size that the journal's store may grow to (default 4GiB).", 0, 0, NULL},
    };
    const struct options_command command = {
        .name = "init",
        .operands = "DIR",
        .operands_min = 1,
        .operands_max = 1,
        .summary =
            "Make a new site in DIR: configuration (DIR/site.yaml), signing key, operator's\n"
            "token and empty journal (DIR/data). DIR must not hold anything yet. Names are\n"
            "1 to 31 of a-z, 0-9 and '-'; addresses are numeric.",
        .rows = rows,
        .row_count = sizeof rows / sizeof rows[0],
        .examples = "  causeway init ./site --cluster demo --site nyc1\n"
                    "  causewayd --config ./site/site.yaml\n"};
    int operand;
    switch (options_parse(&command, argc, argv, &operand)) {
    case OPTIONS_HELP:
        return OPTIONS_EXIT_DONE;
    case OPTIONS_WRONG:
        return OPTIONS_EXIT_USAGE;
    case OPTIONS_GO:
        break;
    }
    if (site.cluster == NULL || site.site == NULL) {
        return options_wrong(command.name, "--cluster and --site are required");
    }
    if (sodium_init() < 0) {
        return options_failed(command.name, "libsodium does not start: no source of randomness");
    }
    site.directory = argv[operand];
    char error[INIT_ERROR_BYTES];
    enum status status = init_site(&site, error);
    if (status != STATUS_OK) {
        (void)options_failed(command.name, "%s", error);
        return status == STATUS_BAD_ARGUMENT ? OPTIONS_EXIT_USAGE : OPTIONS_EXIT_FAILED;
    }
    (void)printf("Site %s of cluster %s is made. Start it with:\n  causewayd --config %s/%s\n",
                 site.site, site.cluster, site.directory, INIT_CONFIG_FILE);
    return OPTIONS_EXIT_DONE;
}
