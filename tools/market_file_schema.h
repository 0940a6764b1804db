/* A market file as libcyaml reads it: its keys and their texts, nothing judged yet. */
#ifndef TOOLS_MARKET_FILE_SCHEMA_H
#define TOOLS_MARKET_FILE_SCHEMA_H

#include <stddef.h>
#include <stdint.h>

#include "gateway/yaml_load.h"
#include "matching/base/status.h"

struct market_file_schema_firm {
    char *name;
    char *enabled;
};

struct market_file_schema_instrument {
    char *symbol;
    char *tick;
    char *price_decimals;
    char *quantity_decimals;
    char *price_min;
    char *price_max;
    char *quantity_max;
    char *equity;
    char *state;
};

struct market_file_schema_session {
    char *name;
    char *firm;
    char *password;
    char *password_file;
    char *open_orders_max;
    char *maximum_age;
    char *cancel_on_disconnect;
};

struct market_file_schema_shard {
    char *id;
    char *day_end;
    char *reopen;
    struct market_file_schema_firm *firms;
    unsigned firms_count;
    struct market_file_schema_instrument *instruments;
    unsigned instruments_count;
    struct market_file_schema_session *sessions;
    unsigned sessions_count;
};

struct market_file_schema {
    struct market_file_schema_shard *shards;
    unsigned shards_count;
};

MUST_USE enum status market_file_schema_load(struct market_file_schema **file, const uint8_t *text,
                                             size_t text_bytes, struct yaml_load_error *error);
void market_file_schema_free(struct market_file_schema *file);

#endif
