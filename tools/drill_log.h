/* What a site's log says of its markets. */
#ifndef TOOLS_DRILL_LOG_H
#define TOOLS_DRILL_LOG_H

#include <stdint.h>

#include "matching/base/status.h"

#define DRILL_LOG_HASH_BYTES 17u /* 16 digits. */

struct drill_log_market {
    char event_hash[DRILL_LOG_HASH_BYTES]; /* Of everything executed, */
    uint64_t commands;                     /* so many commands. */
};

/* The last whole line that tells of `event` ("executed", "recovered") and `shard_id`.
 * STATUS_NOT_FOUND: there is none. */
MUST_USE enum status drill_log_market(const char *path, const char *event, uint16_t shard_id,
                                      struct drill_log_market *market);

#endif
