/* Making a site: its directory, keys, configuration and empty journal. `causeway init` and the
 * drills use it. */
#ifndef TOOLS_INIT_H
#define TOOLS_INIT_H

#include "matching/base/status.h"

#define INIT_ERROR_BYTES   1024u
#define INIT_CONFIG_FILE   "site.yaml"
#define INIT_DATA_NAME     "data"
#define INIT_OUCH_DEFAULT  "127.0.0.1:7001"
#define INIT_ADMIN_DEFAULT "127.0.0.1:7901"

struct init_options {
    const char *directory; /* Made; must not hold anything yet. */
    const char *cluster;   /* Names: 1 .. 31 of [a-z0-9-]. */
    const char *site;
    const char *provider;
    const char *ouch; /* Numeric "address:port". */
    const char *admin;
    const char *peer;  /* Where other sites connect; NULL: this site is alone. */
    const char *wal;   /* Size of the write-ahead ring ("256MiB"); NULL: config.md's default. */
    const char *store; /* Size that the store may grow to; NULL: config.md's default. */
};

/* Write DIRECTORY/site.yaml and DIRECTORY/data with key, token and journal (gateway/site_files.h),
 * durable when it returns. On failure nothing is left behind and `error` holds a sentence:
 * STATUS_EXISTS, STATUS_BAD_ARGUMENT (a name or address), STATUS_DENIED (also: a file system that
 * keeps nothing), STATUS_NO_SPACE, STATUS_IO. */
MUST_USE enum status init_site(const struct init_options *options,
                               char error[static INIT_ERROR_BYTES]);

#endif
