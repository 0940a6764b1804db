#include "gateway/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/config_parts.h"
#include "matching/base/assertion.h"

#define CONFIG_FILE_BYTES_MAX (256u * 1024u)

/* The directory of a file, absolute; free() it. NULL: errno says why. */
static char *config_directory(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *directory = slash == NULL   ? strdup(".")
                      : slash == path ? strdup("/")
                                      : strndup(path, (size_t)(slash - path));
    char *absolute = directory != NULL ? realpath(directory, NULL) : NULL;
    free(directory);
    return absolute;
}

/* A relative path is one from the configuration file's directory, wherever the process runs. */
static void config_read_path(struct config_reader *reader, const char *key, const char *text,
                             char target[static CONFIG_PATH_BYTES])
{
    char relative[CONFIG_PATH_BYTES] = "";
    config_reader_text(reader, key, text, relative, sizeof relative);
    if (reader->failed) {
        return;
    }
    if (relative[0] == '/') {
        memcpy(target, relative, strlen(relative) + 1);
        return;
    }
    char *directory = config_directory(reader->path);
    if (directory == NULL) {
        config_reader_fail(reader, key, "the directory of this file cannot be found: %s",
                           strerror(errno));
        return;
    }
    const char *tail = strncmp(relative, "./", 2) == 0 ? relative + 2 : relative;
    int bytes = snprintf(target, CONFIG_PATH_BYTES, "%s/%s",
                         strcmp(directory, "/") == 0 ? "" : directory, tail);
    if (bytes < 0 || (size_t)bytes >= CONFIG_PATH_BYTES) {
        config_reader_fail(reader, key,
                           "`%s` as an absolute path has %d characters; at most %u fit", key, bytes,
                           CONFIG_PATH_BYTES - 1);
    }
    free(directory);
}

static void config_read_listen(struct config *config, struct config_reader *reader,
                               const struct config_file_listen *file)
{
    static const struct config_file_listen nothing = {0};
    const struct config_file_listen *listen = file != NULL ? file : &nothing;
    config_reader_endpoint(reader, "listen.ouch", listen->ouch, true, config->listen_ouch,
                           sizeof config->listen_ouch);
    config_reader_endpoint(reader, "listen.admin", listen->admin, true, config->listen_admin,
                           sizeof config->listen_admin);
    if (listen->peer != NULL || config->site_count > 1) {
        config_reader_endpoint(reader, "listen.peer", listen->peer, true, config->listen_peer,
                               sizeof config->listen_peer);
    }
    const char *const keys[] = {"listen.ouch", "listen.peer", "listen.admin"};
    const char *const endpoints[] = {config->listen_ouch, config->listen_peer,
                                     config->listen_admin};
    for (size_t i = 1; i < 3 && !reader->failed; i++) {
        for (size_t before = 0; before < i; before++) {
            const char *port = strrchr(endpoints[i], ':');
            bool any = port == NULL || strcmp(port, ":0") == 0;
            if (!any && strcmp(endpoints[i], endpoints[before]) == 0) {
                config_reader_fail(reader, keys[i], "`%s` is %s, which `%s` is already", keys[i],
                                   endpoints[i], keys[before]);
            }
        }
    }
}

static void config_read_choices(struct config *config, struct config_reader *reader,
                                const struct config_file *file)
{
    static const char *const threading[] = {"shared", "dedicated"};
    static const char *const idle[] = {"sleep", "yield", "spin"};
    static const enum io_idle idle_values[] = {IO_IDLE_SLEEP, IO_IDLE_YIELD, IO_IDLE_SPIN};
    static const char *const soupbin[] = {"3.00", "4.00", "4.10"};
    size_t choice = 0;
    config_reader_choice(reader, "threading", file->threading, threading, 2, &choice);
    config->threading = choice == 0 ? CONFIG_SHARED : CONFIG_DEDICATED;
    choice = 0;
    config_reader_choice(reader, "idle", file->idle, idle, 3, &choice);
    config->idle = idle_values[choice];
    choice = 0;
    config_reader_choice(reader, "soupbin", file->soupbin, soupbin, 3, &choice);
    config->soupbin_unsequenced = choice > 0;
}

static void config_read_file(struct config *config, struct config_reader *reader,
                             const struct config_file *file, bool joined)
{
    config_reader_name(reader, "cluster", file->cluster, false, config->cluster,
                       sizeof config->cluster);
    config_reader_name(reader, "site", file->site, false, config->site, sizeof config->site);
    config_read_path(reader, "data", file->data, config->data);
    if (file->wall_offset != NULL) {
        config_read_path(reader, "wall_offset", file->wall_offset, config->wall_offset);
    }
    if (!reader->failed) {
        config_bootstrap_read(config, reader, file->bootstrap, joined);
    }
    config_read_listen(config, reader, file->listen);
    config_read_choices(config, reader, file);
    config_tuning_read(&config->tuning, reader, file->tuning);
    config_tuning_snapshots(&config->snapshots, reader, file->snapshots);
    config_tuning_prices(config, reader, file);
    config_tuning_silence(&config->site_silence_ns, reader, file->site_silence);
}

static enum status config_read_text(struct config *config, const char *path, bool joined,
                                    const uint8_t *text, size_t text_bytes, char *error)
{
    struct yaml_lines_error syntax;
    struct yaml_load_error schema;
    struct config_reader reader = {.path = path, .error = error, .error_bytes = CONFIG_ERROR_BYTES};
    struct yaml_lines *lines = NULL;
    struct config_file *file = NULL;
    if (yaml_lines_open(&lines, text, text_bytes, &syntax) != STATUS_OK) {
        config_reader_fail_line(&reader, syntax.line, "%s", syntax.text);
        return STATUS_BAD_FORMAT;
    }
    reader.lines = lines;
    if (config_file_load(&file, text, text_bytes, &schema) != STATUS_OK) {
        config_reader_fail_schema(&reader, &schema, "gateway/config.md");
    } else {
        config_read_file(config, &reader, file, joined);
        config_file_free(file);
    }
    yaml_lines_close(lines);
    return reader.failed ? STATUS_BAD_FORMAT : STATUS_OK;
}

static enum status config_read_whole(struct config *config, const char *path, bool joined,
                                     char error[static CONFIG_ERROR_BYTES])
{
    ASSERT(config != NULL);
    ASSERT(path != NULL);

    uint8_t *text = NULL;
    size_t text_bytes = 0;
    memset(config, 0, sizeof *config);
    error[0] = '\0';
    enum status status = yaml_load_file(path, "configuration", CONFIG_FILE_BYTES_MAX, &text,
                                        &text_bytes, error, CONFIG_ERROR_BYTES);
    if (status == STATUS_OK) {
        status = config_read_text(config, path, joined, text, text_bytes, error);
        free(text);
    }
    ASSERT((status == STATUS_OK) == (error[0] == '\0'));
    return status;
}

enum status config_read(struct config *config, const char *path,
                        char error[static CONFIG_ERROR_BYTES])
{
    return config_read_whole(config, path, false, error);
}

enum status config_read_joined(struct config *config, const char *path,
                               char error[static CONFIG_ERROR_BYTES])
{
    return config_read_whole(config, path, true, error);
}
