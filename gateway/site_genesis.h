/* What a site does at its start about what it began with (genesis.h): a configuration that says
 * something else is refused before anything is opened; at the first start it is kept, when nothing
 * else refuses it and before the journal holds anything. So after a crash between the two the site
 * starts as for the first time, and a journal that holds something without a genesis has lost it.
 * Start-up thread only. */
#ifndef GATEWAY_SITE_GENESIS_H
#define GATEWAY_SITE_GENESIS_H

#include <stdbool.h>

#include "gateway/config.h"
#include "gateway/genesis.h"
#include "matching/base/status.h"
#include "replication/journal.h"

#define SITE_GENESIS_ERROR_BYTES 1280u

struct site_genesis {
    struct genesis genesis;
    bool kept; /* In the data directory already. */
};

/* Find out what the configuration says, and judge it. A site alone need not say the incarnation of
 * its journal: then `config` gets it. STATUS_FOREIGN: the site began with something else.
 * STATUS_DAMAGED: nothing is kept, and it is not of those that the configuration begins with. What
 * genesis_file_read() and journal_id_open() say. */
MUST_USE enum status site_genesis_check(struct site_genesis *began, struct config *config,
                                        char error[static SITE_GENESIS_ERROR_BYTES]);

/* Once the journal is open. STATUS_DAMAGED: nothing is kept, but the journal is not empty. */
MUST_USE enum status site_genesis_judge(const struct site_genesis *began,
                                        const struct config *config, const struct journal *journal,
                                        char error[static SITE_GENESIS_ERROR_BYTES]);

/* When nothing refuses the start any more, and before anything is journaled or sent: what was
 * refused may still be corrected. What genesis_file_write() says. */
MUST_USE enum status site_genesis_keep(struct site_genesis *began, const struct config *config,
                                       char error[static SITE_GENESIS_ERROR_BYTES]);

#endif
