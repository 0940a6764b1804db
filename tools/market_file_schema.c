#include "tools/market_file_schema.h"

#include <cyaml/cyaml.h>

#include "matching/base/limits.h"

#define TEXT(structure, member)                                                                    \
    CYAML_FIELD_STRING_PTR(#member, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,                      \
                           struct market_file_schema_##structure, member, 0, CYAML_UNLIMITED)
#define LIST(structure, member, entry, most)                                                       \
    CYAML_FIELD_SEQUENCE(#member, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, structure, member,     \
                         entry, 0, most)
#define ENTRY(structure, fields)                                                                   \
    {                                                                                              \
        CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct market_file_schema_##structure, fields)     \
    }

static const cyaml_schema_field_t firm_fields[] = {TEXT(firm, name), TEXT(firm, enabled),
                                                   CYAML_FIELD_END};
static const cyaml_schema_value_t firm_schema = ENTRY(firm, firm_fields);

static const cyaml_schema_field_t instrument_fields[] = {
    TEXT(instrument, symbol),         TEXT(instrument, tick),
    TEXT(instrument, price_decimals), TEXT(instrument, quantity_decimals),
    TEXT(instrument, price_min),      TEXT(instrument, price_max),
    TEXT(instrument, quantity_max),   TEXT(instrument, equity),
    TEXT(instrument, state),          CYAML_FIELD_END};
static const cyaml_schema_value_t instrument_schema = ENTRY(instrument, instrument_fields);

static const cyaml_schema_field_t session_fields[] = {TEXT(session, name),
                                                      TEXT(session, firm),
                                                      TEXT(session, password),
                                                      TEXT(session, password_file),
                                                      TEXT(session, open_orders_max),
                                                      TEXT(session, maximum_age),
                                                      TEXT(session, cancel_on_disconnect),
                                                      CYAML_FIELD_END};
static const cyaml_schema_value_t session_schema = ENTRY(session, session_fields);

static const cyaml_schema_field_t shard_fields[] = {
    TEXT(shard, id),
    TEXT(shard, day_end),
    TEXT(shard, reopen),
    LIST(struct market_file_schema_shard, firms, &firm_schema, FIRMS_MAX),
    LIST(struct market_file_schema_shard, instruments, &instrument_schema, INSTRUMENTS_MAX),
    LIST(struct market_file_schema_shard, sessions, &session_schema, SESSIONS_MAX),
    CYAML_FIELD_END};
static const cyaml_schema_value_t shard_schema = ENTRY(shard, shard_fields);

static const cyaml_schema_field_t file_fields[] = {
    LIST(struct market_file_schema, shards, &shard_schema, SHARDS_MAX), CYAML_FIELD_END};
static const cyaml_schema_value_t file_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct market_file_schema, file_fields)};

enum status market_file_schema_load(struct market_file_schema **file, const uint8_t *text,
                                    size_t text_bytes, struct yaml_load_error *error)
{
    void *data = NULL;
    enum status status = yaml_load(&data, &file_schema, text, text_bytes, error);
    *file = data;
    return status;
}

void market_file_schema_free(struct market_file_schema *file)
{
    yaml_load_free(file, &file_schema);
}
