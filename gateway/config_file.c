#include "gateway/config_file.h"

#include <cyaml/cyaml.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "matching/base/assertion.h"

/* A key whose value is a text, an optional mapping, an optional list. */
#define TEXT(structure, member)                                                                    \
    CYAML_FIELD_STRING_PTR(#member, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, structure, member,   \
                           0, CYAML_UNLIMITED)
#define MAPPING(structure, member, fields)                                                         \
    CYAML_FIELD_MAPPING_PTR(#member, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, structure, member,  \
                            fields)
#define LIST(structure, member, entry, most)                                                       \
    CYAML_FIELD_SEQUENCE(#member, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, structure, member,     \
                         entry, 0, most)

/* More entries than these are refused where they are judged, with the right number. */
#define LIST_ENTRIES_MAX 64

static const cyaml_schema_value_t text_schema = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 0, CYAML_UNLIMITED)};

static const cyaml_schema_field_t listen_fields[] = {TEXT(struct config_file_listen, ouch),
                                                     TEXT(struct config_file_listen, peer),
                                                     TEXT(struct config_file_listen, admin),
                                                     CYAML_FIELD_END};

static const cyaml_schema_field_t site_fields[] = {TEXT(struct config_file_site, name),
                                                   TEXT(struct config_file_site, provider),
                                                   TEXT(struct config_file_site, role),
                                                   LIST(struct config_file_site, peer, &text_schema,
                                                        LIST_ENTRIES_MAX),
                                                   TEXT(struct config_file_site, key),
                                                   CYAML_FIELD_END};

static const cyaml_schema_value_t site_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct config_file_site, site_fields)};

static const cyaml_schema_field_t shard_fields[] = {
    TEXT(struct config_file_shard, id), TEXT(struct config_file_shard, name),
    LIST(struct config_file_shard, prefer, &text_schema, LIST_ENTRIES_MAX),
    TEXT(struct config_file_shard, commit_providers), CYAML_FIELD_END};

static const cyaml_schema_value_t shard_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct config_file_shard, shard_fields)};

static const cyaml_schema_field_t bootstrap_fields[] = {
    LIST(struct config_file_bootstrap, sites, &site_schema, LIST_ENTRIES_MAX),
    LIST(struct config_file_bootstrap, shards, &shard_schema, LIST_ENTRIES_MAX), CYAML_FIELD_END};

static const cyaml_schema_field_t tuning_fields[] = {
    TEXT(struct config_file_tuning, wal),
    TEXT(struct config_file_tuning, store),
    TEXT(struct config_file_tuning, streams),
    TEXT(struct config_file_tuning, wal_writes_in_flight),
    TEXT(struct config_file_tuning, segment_commands),
    TEXT(struct config_file_tuning, queue),
    TEXT(struct config_file_tuning, connections),
    TEXT(struct config_file_tuning, orders),
    TEXT(struct config_file_tuning, price_levels),
    TEXT(struct config_file_tuning, instruments),
    TEXT(struct config_file_tuning, firms),
    TEXT(struct config_file_tuning, sessions),
    TEXT(struct config_file_tuning, compression_level),
    TEXT(struct config_file_tuning, io),
    CYAML_FIELD_END};

static const cyaml_schema_field_t file_fields[] = {
    TEXT(struct config_file, cluster),
    TEXT(struct config_file, site),
    TEXT(struct config_file, data),
    MAPPING(struct config_file, listen, listen_fields),
    MAPPING(struct config_file, bootstrap, bootstrap_fields),
    TEXT(struct config_file, threading),
    TEXT(struct config_file, idle),
    TEXT(struct config_file, soupbin),
    MAPPING(struct config_file, tuning, tuning_fields),
    CYAML_FIELD_END};

static const cyaml_schema_value_t file_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct config_file, file_fields)};

/* libcyaml tells an error in its log: a line that says what, then a backtrace whose first entry
 * with "(line: N" is the place. */
static void config_file_log(cyaml_log_t level, void *context, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));

static void config_file_log(cyaml_log_t level, void *context, const char *format, va_list arguments)
{
    struct config_file_error *error = context;
    char text[CONFIG_FILE_ERROR_BYTES];
    (void)level;
    (void)vsnprintf(text, sizeof text, format, arguments);
    text[strcspn(text, "\n")] = '\0';
    const char *line = strstr(text, "(line: ");
    if (line != NULL && error->line == 0) {
        error->line = (uint32_t)strtoul(line + strlen("(line: "), NULL, 10);
    }
    const char *prefix = "Load: ";
    if (error->text[0] == '\0' && strncmp(text, prefix, strlen(prefix)) == 0) {
        (void)snprintf(error->text, sizeof error->text, "%s", text + strlen(prefix));
    }
}

static cyaml_config_t config_file_settings(struct config_file_error *error)
{
    return (cyaml_config_t){.log_fn = error != NULL ? config_file_log : NULL,
                            .log_ctx = error,
                            .mem_fn = cyaml_mem,
                            .log_level = CYAML_LOG_ERROR};
}

enum status config_file_load(struct config_file **file, const uint8_t *text, size_t text_bytes,
                             struct config_file_error *error)
{
    ASSERT(file != NULL);
    ASSERT(error != NULL);

    *error = (struct config_file_error){0};
    cyaml_config_t settings = config_file_settings(error);
    cyaml_data_t *data = NULL;
    cyaml_err_t failure = cyaml_load_data(text, text_bytes, &settings, &file_schema, &data, NULL);
    *file = (struct config_file *)data;
    if (failure == CYAML_OK && *file != NULL) {
        return STATUS_OK;
    }
    if (error->line == 0) {
        error->line = 1;
    }
    if (error->text[0] == '\0') {
        (void)snprintf(error->text, sizeof error->text, "%s",
                       failure == CYAML_OK ? "nothing in it" : cyaml_strerror(failure));
    }
    *file = NULL;
    return failure == CYAML_ERR_OOM ? STATUS_FULL : STATUS_BAD_FORMAT;
}

void config_file_free(struct config_file *file)
{
    cyaml_config_t settings = config_file_settings(NULL);
    cyaml_err_t failure = cyaml_free(&settings, &file_schema, file, 0);
    ASSERT(failure == CYAML_OK);
}
