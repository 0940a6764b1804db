/* Figures of a site as Prometheus text (exposition format 0.0.4). */
#ifndef GATEWAY_METRICS_H
#define GATEWAY_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "gateway/admin_message.h"

/* What the administration port counts about itself. */
struct metrics_admin {
    uint64_t requests;
    uint64_t unauthorized; /* Wrong token or none. */
    uint64_t timeouts;
};

/* A zero-terminated text from malloc(), the caller's to free; NULL without memory. `shards` has
 * site->shard_count elements. Every figure is an integer: nanoseconds, bytes, counts. */
char *metrics_text(const struct admin_site *site, const struct admin_shard *shards,
                   const struct metrics_admin *admin);

#endif
