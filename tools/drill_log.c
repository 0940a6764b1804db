#include "tools/drill_log.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "matching/base/assertion.h"

#define DRILL_LOG_LINE_BYTES 2048u

/* What stands behind `key` in the line; NULL: it does not have it. */
static const char *drill_log_value(const char *line, const char *key)
{
    const char *at = strstr(line, key);
    return at == NULL ? NULL : at + strlen(key);
}

enum status drill_log_market(const char *path, const char *event, uint16_t shard_id,
                             struct drill_log_market *market)
{
    char line[DRILL_LOG_LINE_BYTES];
    char wanted[64];
    int bytes = snprintf(wanted, sizeof wanted, " event=%s shard=%u ", event, shard_id);
    ASSERT(bytes > 0);
    ASSERT((size_t)bytes < sizeof wanted);
    FILE *file = fopen(path, "re");
    bool found = false;
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        const char *commands = drill_log_value(line, " commands=");
        const char *hash = drill_log_value(line, " event_hash=");
        if (strstr(line, wanted) != NULL && strchr(line, '\n') != NULL && commands != NULL &&
            hash != NULL) {
            found = true;
            market->commands = strtoull(commands, NULL, 10);
            (void)snprintf(market->event_hash, sizeof market->event_hash, "%.16s", hash);
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return found ? STATUS_OK : STATUS_NOT_FOUND;
}
