/* A new site's directory made ready to join a cluster: `causeway site add`. */
#ifndef TOOLS_SITE_JOIN_H
#define TOOLS_SITE_JOIN_H

#include <stdint.h>

#include "gateway/config.h"
#include "matching/base/status.h"
#include "tools/site_view.h"

#define SITE_JOIN_ERROR_BYTES 1536u

struct site_join {
    char path[CONFIG_PATH_BYTES + 64]; /* Of its configuration. */
    struct config config;              /* As it is there; with `site` in place, as it will be. */
    uint8_t site_id;
    struct config_site site; /* How the others will know it. */
    bool joined;             /* The directory has been made ready before. */
};

/* Read DIRECTORY, made by `causeway init --peer`, and find it a place in the cluster; changes
 * nothing. STATUS_FULL: there is no place; STATUS_BAD_ARGUMENT, STATUS_NOT_FOUND and others;
 * `error` gets a sentence. */
MUST_USE enum status site_join_read(struct site_join *join, const char *directory,
                                    const struct site_view *view,
                                    char error[static SITE_JOIN_ERROR_BYTES]);

/* Give the directory the cluster's genesis (`known`: the configuration of a site of it), its
 * members, and its journal the present generations. The site must not run, its journal be empty.
 * May be repeated; then STATUS_FOREIGN: the cluster has been repaired since. */
MUST_USE enum status site_join_write(struct site_join *join, const struct site_view *view,
                                     const struct config *known,
                                     char error[static SITE_JOIN_ERROR_BYTES]);

#endif
