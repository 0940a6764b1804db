#include "tools/scenario_schema.h"

#include <cyaml/cyaml.h>

#include "matching/base/limits.h"

#define SCENARIO_LIST_MAX 256u /* Of any list; scenario.c knows the real bounds. */

#define TEXT_AS(structure, key, member)                                                            \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct structure,        \
                           member, 0, CYAML_UNLIMITED)
#define TEXT(structure, member) TEXT_AS(structure, #member, member)
#define LIST(structure, member, entry)                                                             \
    CYAML_FIELD_SEQUENCE(#member, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct structure,      \
                         member, entry, 0, SCENARIO_LIST_MAX)
#define PART(structure, member, fields)                                                            \
    CYAML_FIELD_MAPPING_PTR(#member, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct structure,   \
                            member, fields)
#define ENTRY(structure, fields)                                                                   \
    {                                                                                              \
        CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct structure, fields)                          \
    }

static const cyaml_schema_value_t word_schema = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 0, CYAML_UNLIMITED)};

static const cyaml_schema_field_t round_trip_fields[] = {
    LIST(scenario_schema_round_trip, between, &word_schema), TEXT(scenario_schema_round_trip, is),
    CYAML_FIELD_END};
static const cyaml_schema_value_t round_trip_schema =
    ENTRY(scenario_schema_round_trip, round_trip_fields);

static const cyaml_schema_field_t line_fields[] = {
    TEXT(scenario_schema_line, jitter), TEXT(scenario_schema_line, loss),
    TEXT(scenario_schema_line, reorder), TEXT(scenario_schema_line, rate), CYAML_FIELD_END};

static const cyaml_schema_field_t site_fields[] = {
    TEXT(scenario_schema_site, name), TEXT(scenario_schema_site, provider),
    TEXT(scenario_schema_site, region), TEXT(scenario_schema_site, role), CYAML_FIELD_END};
static const cyaml_schema_value_t site_schema = ENTRY(scenario_schema_site, site_fields);

static const cyaml_schema_field_t shard_fields[] = {
    TEXT(scenario_schema_shard, name), LIST(scenario_schema_shard, prefer, &word_schema),
    TEXT(scenario_schema_shard, commit_providers), TEXT(scenario_schema_shard, override_placement),
    CYAML_FIELD_END};
static const cyaml_schema_value_t shard_schema = ENTRY(scenario_schema_shard, shard_fields);

static const cyaml_schema_field_t clients_fields[] = {TEXT(scenario_schema_clients, region),
                                                      TEXT(scenario_schema_clients, sessions),
                                                      TEXT(scenario_schema_clients, rate),
                                                      TEXT(scenario_schema_clients, instruments),
                                                      CYAML_FIELD_END};

static const cyaml_schema_field_t fault_fields[] = {TEXT(scenario_schema_fault, at),
                                                    TEXT_AS(scenario_schema_fault, "do", does),
                                                    TEXT(scenario_schema_fault, say),
                                                    LIST(scenario_schema_fault, who, &word_schema),
                                                    LIST(scenario_schema_fault, from, &word_schema),
                                                    LIST(scenario_schema_fault, to, &word_schema),
                                                    TEXT(scenario_schema_fault, one_way),
                                                    TEXT_AS(scenario_schema_fault, "for", lasts),
                                                    TEXT(scenario_schema_fault, times),
                                                    TEXT(scenario_schema_fault, every),
                                                    TEXT(scenario_schema_fault, over),
                                                    TEXT(scenario_schema_fault, delay),
                                                    TEXT(scenario_schema_fault, jitter),
                                                    TEXT(scenario_schema_fault, loss),
                                                    TEXT(scenario_schema_fault, rate),
                                                    TEXT(scenario_schema_fault, by),
                                                    TEXT(scenario_schema_fault, shard),
                                                    CYAML_FIELD_END};
static const cyaml_schema_value_t fault_schema = ENTRY(scenario_schema_fault, fault_fields);

static const cyaml_schema_field_t expect_fields[] = {
    TEXT(scenario_schema_expect, recovery), LIST(scenario_schema_expect, moves, &word_schema),
    CYAML_FIELD_END};

static const cyaml_schema_field_t file_fields[] = {TEXT(scenario_schema, title),
                                                   TEXT(scenario_schema, about),
                                                   TEXT(scenario_schema, duration),
                                                   TEXT(scenario_schema, within_region),
                                                   LIST(scenario_schema, round_trips,
                                                        &round_trip_schema),
                                                   PART(scenario_schema, line, line_fields),
                                                   LIST(scenario_schema, sites, &site_schema),
                                                   LIST(scenario_schema, shards, &shard_schema),
                                                   PART(scenario_schema, clients, clients_fields),
                                                   LIST(scenario_schema, timeline, &fault_schema),
                                                   PART(scenario_schema, expect, expect_fields),
                                                   CYAML_FIELD_END};
static const cyaml_schema_value_t file_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct scenario_schema, file_fields)};

enum status scenario_schema_load(struct scenario_schema **file, const uint8_t *text,
                                 size_t text_bytes, struct yaml_load_error *error)
{
    void *data = NULL;
    enum status status = yaml_load(&data, &file_schema, text, text_bytes, error);
    *file = data;
    return status;
}

void scenario_schema_free(struct scenario_schema *file)
{
    yaml_load_free(file, &file_schema);
}
