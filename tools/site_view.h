/* The membership of a cluster as one site tells it (GET /membership), and what a change of it would
 * mean, in words. */
#ifndef TOOLS_SITE_VIEW_H
#define TOOLS_SITE_VIEW_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "gateway/config.h"
#include "gateway/genesis.h"
#include "replication/placement_record.h"
#include "replication/repair.h"

struct site_view_shard {
    uint16_t shard_id;
    char name[CONFIG_NAME_BYTES];
    bool leader; /* The site that was asked leads it. */
    uint8_t leader_site_id;
    uint64_t log_index; /* Of the last membership in its log. */
    uint64_t committed_log_index;
    struct placement_record record; /* Rules, with the plan under way. */
    struct repair_report report;    /* `promised` points to the next, or is NULL. */
    struct repair promised;
};

struct site_view {
    char cluster[CONFIG_NAME_BYTES];
    char site[CONFIG_NAME_BYTES]; /* That was asked. */
    uint8_t site_id;
    uint8_t genesis[GENESIS_HASH_BYTES];
    struct config_site sites[SITES_MAX]; /* Of site id - 1; no name: not known. */
    uint32_t shard_count;
    struct site_view_shard shards[SHARDS_MAX];
};

/* False: it is not such an answer. */
bool site_view_read(struct site_view *view, const json_t *json);

/* Id of a site by its name; 0: there is none. */
uint8_t site_view_find(const struct site_view *view, const char *name);

/* What changes from one membership to another, a line each; and what the loss of any one site or
 * provider means now and then. */
void site_view_print_change(FILE *out, const struct site_view *view, const struct placement *now,
                            const struct placement *target);
/* Why a membership is refused, with the name of who is at fault. */
void site_view_print_verdict(FILE *out, const struct site_view *view,
                             const struct placement_verdict *verdict);

#endif
