/* A scenario as libcyaml reads it: its keys and their texts, nothing judged yet. */
#ifndef TOOLS_SCENARIO_SCHEMA_H
#define TOOLS_SCENARIO_SCHEMA_H

#include <stddef.h>
#include <stdint.h>

#include "gateway/yaml_load.h"
#include "matching/base/status.h"

struct scenario_schema_round_trip {
    char **between;
    unsigned between_count;
    char *is;
};

struct scenario_schema_line {
    char *jitter;
    char *loss;
    char *reorder;
    char *rate;
};

struct scenario_schema_site {
    char *name;
    char *provider;
    char *region;
    char *role;
};

struct scenario_schema_shard {
    char *name;
    char **prefer;
    unsigned prefer_count;
    char *commit_providers;
    char *override_placement;
};

struct scenario_schema_clients {
    char *region;
    char *sessions;
    char *rate;
    char *instruments;
};

struct scenario_schema_fault {
    char *at;
    char *does; /* `do` is a word of C. */
    char *say;
    char **who;
    unsigned who_count;
    char **from;
    unsigned from_count;
    char **to;
    unsigned to_count;
    char *one_way;
    char *lasts; /* `for` is, too. */
    char *times;
    char *every;
    char *over;
    char *delay;
    char *jitter;
    char *loss;
    char *rate;
    char *by;
    char *shard;
};

struct scenario_schema_expect {
    char *recovery;
    char **moves;
    unsigned moves_count;
};

struct scenario_schema {
    char *title;
    char *about;
    char *duration;
    char *within_region;
    struct scenario_schema_round_trip *round_trips;
    unsigned round_trips_count;
    struct scenario_schema_line *line;
    struct scenario_schema_site *sites;
    unsigned sites_count;
    struct scenario_schema_shard *shards;
    unsigned shards_count;
    struct scenario_schema_clients *clients;
    struct scenario_schema_fault *timeline;
    unsigned timeline_count;
    struct scenario_schema_expect *expect;
};

/* As yaml_load(). */
MUST_USE enum status scenario_schema_load(struct scenario_schema **file, const uint8_t *text,
                                          size_t text_bytes, struct yaml_load_error *error);
void scenario_schema_free(struct scenario_schema *file);

#endif
