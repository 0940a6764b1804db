#include "gateway/config_file.h"

#include <cyaml/cyaml.h>

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
                                                   TEXT(struct config_file_site, incarnation),
                                                   CYAML_FIELD_END};

static const cyaml_schema_value_t site_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct config_file_site, site_fields)};

static const cyaml_schema_field_t shard_fields[] = {
    TEXT(struct config_file_shard, id),
    TEXT(struct config_file_shard, name),
    LIST(struct config_file_shard, prefer, &text_schema, LIST_ENTRIES_MAX),
    TEXT(struct config_file_shard, commit_providers),
    LIST(struct config_file_shard, override, &text_schema, LIST_ENTRIES_MAX),
    CYAML_FIELD_END};

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

static const cyaml_schema_field_t price_fields[] = {TEXT(struct config_file_price, provider),
                                                    TEXT(struct config_file_price, price),
                                                    CYAML_FIELD_END};

static const cyaml_schema_value_t price_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct config_file_price, price_fields)};

static const cyaml_schema_field_t snapshots_fields[] = {
    TEXT(struct config_file_snapshots, bytes),   TEXT(struct config_file_snapshots, segments),
    TEXT(struct config_file_snapshots, seconds), TEXT(struct config_file_snapshots, keep),
    TEXT(struct config_file_snapshots, trim),    CYAML_FIELD_END};

static const cyaml_schema_field_t file_fields[] = {
    TEXT(struct config_file, cluster),
    TEXT(struct config_file, site),
    TEXT(struct config_file, data),
    MAPPING(struct config_file, listen, listen_fields),
    MAPPING(struct config_file, bootstrap, bootstrap_fields),
    TEXT(struct config_file, threading),
    TEXT(struct config_file, idle),
    TEXT(struct config_file, soupbin),
    TEXT(struct config_file, wall_offset),
    MAPPING(struct config_file, tuning, tuning_fields),
    MAPPING(struct config_file, snapshots, snapshots_fields),
    TEXT(struct config_file, site_silence),
    LIST(struct config_file, egress, &price_schema, LIST_ENTRIES_MAX),
    CYAML_FIELD_END};

static const cyaml_schema_value_t file_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct config_file, file_fields)};

enum status config_file_load(struct config_file **file, const uint8_t *text, size_t text_bytes,
                             struct yaml_load_error *error)
{
    ASSERT(file != NULL);
    void *data = NULL;
    enum status status = yaml_load(&data, &file_schema, text, text_bytes, error);
    *file = data;
    return status;
}

void config_file_free(struct config_file *file)
{
    yaml_load_free(file, &file_schema);
}
