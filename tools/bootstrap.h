/* One cluster of several sites: the genesis that all of them begin with, written into the
 * configuration of each. `causeway bootstrap` and the drills use it. */
#ifndef TOOLS_BOOTSTRAP_H
#define TOOLS_BOOTSTRAP_H

#include <stdint.h>

#include "matching/base/limits.h"
#include "matching/base/status.h"

#define BOOTSTRAP_ERROR_BYTES 1024u

struct bootstrap_options {
    const char *directories[SITES_MAX]; /* Each made by `causeway init --peer`; not started yet. */
    uint32_t directory_count;           /* 1 .. SITES_MAX. */
    const char *shards; /* "EQ=nyc1,lon1;FX=lon1": names, and who leads them, the best first. NULL:
                           MAIN, led by the sites in their order. */
    const char *learners;      /* "fra1,...": sites that follow without counting; NULL: none. */
    uint32_t commit_providers; /* 0: 2 where the voters are at three providers or more, else 1. */
};

/* Put the `bootstrap` section with all sites, their keys, journals and addresses into every
 * DIRECTORY/site.yaml; the rest of each file stays. STATUS_BAD_ARGUMENT, STATUS_BAD_FORMAT (a file
 * that is no configuration), STATUS_NOT_FOUND, STATUS_EXISTS (a site that has been started before),
 * STATUS_IN_USE (a site that runs), STATUS_IO; `error` holds a sentence, and no file has changed
 * unless it names one. */
MUST_USE enum status bootstrap_sites(const struct bootstrap_options *options,
                                     char error[static BOOTSTRAP_ERROR_BYTES]);

#endif
