/* Configurations of the sites of a drill: each knows all of them by address and key. */
#ifndef TOOLS_DRILL_CONFIG_H
#define TOOLS_DRILL_CONFIG_H

#include <stdint.h>

#include "matching/base/status.h"
#include "tools/drill_place.h"
#include "tools/scenario.h"

/* Of sites that are small (scenario.h): the journal's ring. */
#define DRILL_CONFIG_SMALL_WAL "8MiB"

/* What a site's configuration has besides what the scenario says. */
struct drill_config_site {
    const char *directory; /* Made by `causeway init`: its key and journal are there. */
    const char *ouch;      /* "address:port". */
    const char *peer;
    const char *admin;
    const char *wall_offset; /* File (gateway/wall_offset.h); NULL: none. */
};

/* Write DIRECTORY/site.yaml of site `index` anew, with all sites of the scenario as bootstrap, and
 * read it back. STATUS_NOT_FOUND: a site has no key; STATUS_DENIED, STATUS_BAD_FORMAT; `error` has
 * a sentence. */
MUST_USE enum status drill_config_write(const struct scenario *scenario,
                                        const struct drill_config_site *sites, uint32_t index,
                                        char error[static DRILL_PLACE_ERROR_BYTES]);

#endif
