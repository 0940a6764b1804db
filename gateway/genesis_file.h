/* The file `genesis` of a data directory: what the site began with (genesis.h), kept from its first
 * start on, before its journal holds anything. Layout: protocol.md, "Genesis".
 *
 * The file is the same at all sites of a cluster, so one that is lost can be copied from another.
 * Blocking; start-up and tools. */
#ifndef GATEWAY_GENESIS_FILE_H
#define GATEWAY_GENESIS_FILE_H

#include <stdbool.h>

#include "gateway/config.h"
#include "gateway/genesis.h"
#include "matching/base/status.h"
#include "replication/journal_error.h"

#define GENESIS_FILE_ERROR_BYTES JOURNAL_ERROR_BYTES

/* Read what the site began with. STATUS_NOT_FOUND: nothing is kept (no sentence). STATUS_DAMAGED,
 * STATUS_BAD_VERSION, STATUS_DENIED: `error` gets a sentence. */
MUST_USE enum status genesis_file_read(struct genesis *genesis, const char *directory,
                                       char error[static GENESIS_FILE_ERROR_BYTES]);

/* Judge what the configuration says by what is kept in its data directory. STATUS_FOREIGN: the site
 * began otherwise, and the sentence says with what. `*kept`: something is kept. Also what
 * genesis_file_read() says. */
MUST_USE enum status genesis_file_check(const struct config *config, const struct genesis *genesis,
                                        bool *kept, char error[static GENESIS_FILE_ERROR_BYTES]);

/* Keep it, durable when it returns. */
MUST_USE enum status genesis_file_write(const struct genesis *genesis, const char *directory,
                                        char error[static GENESIS_FILE_ERROR_BYTES]);

#endif
