#include "tools/config_text.h"

#include <fcntl.h>
#include <libgen.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/members.h"
#include "matching/base/assertion.h"
#include "replication/placement.h"

#define CONFIG_TEXT_PATH_BYTES (CONFIG_PATH_BYTES + 128u)

static void config_text_new_path(const char *path, char new_path[static CONFIG_TEXT_PATH_BYTES])
{
    int bytes = snprintf(new_path, CONFIG_TEXT_PATH_BYTES, "%s.new", path);
    ASSERT(bytes > 0);
    ASSERT((size_t)bytes < CONFIG_TEXT_PATH_BYTES);
}

/* Where a top-level key of YAML begins and its value ends. */
static bool config_text_find(const char *text, const char **begin, const char **end)
{
    static const char key[] = "bootstrap:";
    const char *line = text;
    while (strncmp(line, key, sizeof key - 1) != 0) {
        line = strchr(line, '\n');
        if (line == NULL) {
            return false;
        }
        line++;
    }
    *begin = line;
    do {
        line = strchr(line, '\n');
        if (line == NULL) {
            *end = text + strlen(text);
            return true;
        }
        line++;
    } while (*line == ' ' || *line == '\n' || *line == '#');
    *end = line;
    return true;
}

/* The whole file; free() it. NULL: there is none, or one that is too long. */
static char *config_text_read(const char *path)
{
    FILE *file = fopen(path, "re");
    char *text = malloc(CONFIG_TEXT_BYTES_MAX);
    size_t bytes = file != NULL && text != NULL ? fread(text, 1, CONFIG_TEXT_BYTES_MAX, file) : 0;
    if (file != NULL) {
        (void)fclose(file);
    }
    if (text == NULL || bytes == 0 || bytes == CONFIG_TEXT_BYTES_MAX) {
        free(text);
        return NULL;
    }
    text[bytes] = '\0';
    return text;
}

enum status config_text_propose(const char *path, const char *section, struct config *config,
                                char error[static CONFIG_TEXT_ERROR_BYTES])
{
    char *text = config_text_read(path);
    const char *begin = NULL;
    const char *end = NULL;
    if (text == NULL || !config_text_find(text, &begin, &end)) {
        free(text);
        (void)snprintf(error, CONFIG_TEXT_ERROR_BYTES,
                       "%s has no line that begins with `bootstrap:`", path);
        return STATUS_BAD_FORMAT;
    }
    char new_path[CONFIG_TEXT_PATH_BYTES];
    config_text_new_path(path, new_path);
    FILE *file = fopen(new_path, "we");
    bool written = file != NULL &&
                   fprintf(file, "%.*s%s%s", (int)(begin - text), text, section, end) > 0 &&
                   fflush(file) == 0 && fsync(fileno(file)) == 0;
    written = file != NULL && fclose(file) == 0 && written;
    free(text);
    if (!written) {
        (void)snprintf(error, CONFIG_TEXT_ERROR_BYTES, "cannot write %s", new_path);
        return STATUS_IO;
    }
    static_assert(CONFIG_TEXT_ERROR_BYTES >= MEMBERS_ERROR_BYTES, "the sentence fits");
    return members_read(config, new_path, error);
}

/* A name is durable when its directory is. */
static bool config_text_keep(const char *path)
{
    char directory[CONFIG_TEXT_PATH_BYTES];
    int bytes = snprintf(directory, sizeof directory, "%s", path);
    ASSERT(bytes > 0);
    ASSERT((size_t)bytes < sizeof directory);
    int descriptor = open(dirname(directory), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool kept = descriptor >= 0 && fsync(descriptor) == 0;
    return descriptor >= 0 && close(descriptor) == 0 && kept;
}

enum status config_text_accept(const char *path)
{
    char new_path[CONFIG_TEXT_PATH_BYTES];
    config_text_new_path(path, new_path);
    return rename(new_path, path) == 0 && config_text_keep(path) ? STATUS_OK : STATUS_IO;
}

void config_text_discard(const char *path)
{
    char new_path[CONFIG_TEXT_PATH_BYTES];
    config_text_new_path(path, new_path);
    (void)unlink(new_path); /* Perhaps it was never written. */
}

/* ---- A genesis ---- */

static void config_text_add(char section[static CONFIG_TEXT_BYTES_MAX], const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void config_text_add(char section[static CONFIG_TEXT_BYTES_MAX], const char *format, ...)
{
    size_t used = strlen(section);
    va_list arguments;
    va_start(arguments, format);
    int bytes = vsnprintf(section + used, CONFIG_TEXT_BYTES_MAX - used, format, arguments);
    va_end(arguments);
    ASSERT(bytes >= 0);
    ASSERT((size_t)bytes < CONFIG_TEXT_BYTES_MAX - used); /* SITES_MAX and SHARDS_MAX bound it. */
}

/* The rules of placement that were given up by name, when there are any. */
static void config_text_override(char section[static CONFIG_TEXT_BYTES_MAX], uint32_t waived_rules)
{
    const char *before = ", override: [";
    for (enum placement_rule rule = PLACEMENT_GOOD; rule < PLACEMENT_RULE_COUNT; rule++) {
        if ((waived_rules >> rule & 1) != 0) {
            ASSERT(placement_rule_name(rule) != NULL);
            config_text_add(section, "%s%s", before, placement_rule_name(rule));
            before = ", ";
        }
    }
    config_text_add(section, waived_rules == 0 ? "" : "]");
}

void config_text_sites(char section[static CONFIG_TEXT_BYTES_MAX], const struct config_site *sites,
                       uint32_t count)
{
    ASSERT(count >= 1 && count <= SITES_MAX);
    section[0] = '\0';
    config_text_add(section, "bootstrap:                 # Used once; later changes are commands.\n"
                             "  sites:\n");
    for (uint32_t at = 0; at < count; at++) {
        const struct config_site *site = &sites[at];
        char hex[2 * 32 + 1];
        config_text_add(section,
                        "    - name: %s\n      provider: %s\n      role: %s\n      peer: [",
                        site->name, site->provider,
                        site->role == CONFIG_VOTER ? "voter" : "learner");
        for (uint32_t path = 0; path < site->peer_count; path++) {
            config_text_add(section, "%s'%s'", path == 0 ? "" : ", ", site->peer[path]);
        }
        (void)sodium_bin2hex(hex, sizeof hex, site->public_key, sizeof site->public_key);
        config_text_add(section, "]\n      key: %s\n", hex);
        (void)sodium_bin2hex(hex, sizeof hex, site->incarnation, sizeof site->incarnation);
        config_text_add(section, "      incarnation: %s\n", hex);
    }
}

void config_text_genesis(char section[static CONFIG_TEXT_BYTES_MAX], const struct config *config)
{
    config_text_sites(section, config->genesis, config->genesis_count);
    config_text_add(section, "  shards:\n");
    for (uint32_t at = 0; at < config->shard_count; at++) {
        const struct config_shard *shard = &config->shards[at];
        config_text_add(section, "    - {id: %u, name: %s, prefer: [", shard->id, shard->name);
        for (uint32_t prefer = 0; prefer < shard->prefer_count; prefer++) {
            config_text_add(section, "%s%s", prefer == 0 ? "" : ", ",
                            config->genesis[shard->prefer[prefer]].name);
        }
        config_text_add(section, "], commit_providers: %u", shard->commit_providers);
        config_text_override(section, shard->waived_rules);
        config_text_add(section, "}\n");
    }
}
