/* A configuration file as libcyaml reads it: its keys and their texts, nothing judged yet.
 *
 * Everything is optional and a text here, so that what is missing or wrong gets a message of
 * config.c's with a line; unknown keys, and lists or mappings where there should be none, are
 * libcyaml's to refuse. */
#ifndef GATEWAY_CONFIG_FILE_H
#define GATEWAY_CONFIG_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "gateway/yaml_load.h"
#include "matching/base/status.h"

struct config_file_listen {
    char *ouch;
    char *peer;
    char *admin;
};

struct config_file_site {
    char *name;
    char *provider;
    char *role;
    char **peer;
    unsigned peer_count;
    char *key;
    char *incarnation;
};

struct config_file_shard {
    char *id;
    char *name;
    char **prefer;
    unsigned prefer_count;
    char *commit_providers;
    char **override;
    unsigned override_count;
};

struct config_file_bootstrap {
    struct config_file_site *sites;
    unsigned sites_count;
    struct config_file_shard *shards;
    unsigned shards_count;
};

struct config_file_tuning {
    char *wal;
    char *store;
    char *streams;
    char *wal_writes_in_flight;
    char *segment_commands;
    char *queue;
    char *connections;
    char *orders;
    char *price_levels;
    char *instruments;
    char *firms;
    char *sessions;
    char *compression_level;
    char *io;
};

struct config_file_price {
    char *provider;
    char *price;
};

struct config_file_snapshots {
    char *bytes;
    char *segments;
    char *seconds;
    char *keep;
    char *trim;
};

struct config_file {
    char *cluster;
    char *site;
    char *data;
    struct config_file_listen *listen;
    struct config_file_bootstrap *bootstrap;
    char *threading;
    char *idle;
    char *soupbin;
    char *wall_offset;
    struct config_file_tuning *tuning;
    struct config_file_snapshots *snapshots;
    char *site_silence;
    struct config_file_price *egress;
    unsigned egress_count;
};

/* Read a text of one YAML document that is a mapping. STATUS_BAD_FORMAT sets `error`; STATUS_FULL:
 * no memory. */
MUST_USE enum status config_file_load(struct config_file **file, const uint8_t *text,
                                      size_t text_bytes, struct yaml_load_error *error);
void config_file_free(struct config_file *file);

#endif
