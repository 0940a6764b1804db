/* What the sites of a drill have executed, by their own administration ports: everybody comes to
 * the same place of every shard's log once nothing flows any more, and there the hashes of all
 * events must be equal. */
#ifndef TOOLS_DRILL_HASHES_H
#define TOOLS_DRILL_HASHES_H

#include <jansson.h>
#include <stdint.h>

#include "matching/base/limits.h"
#include "matching/base/status.h"
#include "tools/drill_fleet.h"

#define DRILL_HASHES_TEXT_BYTES 17u /* 16 digits. */

struct drill_hashes_shard {
    uint64_t log_index; /* Last segment executed; 0: the site has not told. */
    uint64_t commands;  /* Executed since the market's birth. */
    char event_hash[DRILL_HASHES_TEXT_BYTES];
};

struct drill_hashes {
    struct drill_hashes_shard sites[SITES_MAX][SHARDS_MAX];
};

/* Ask those sites (a mask), again and again, until all tell the same log index of each shard, at
 * most for `patience_ns`: STATUS_OK, else STATUS_TIMEOUT with what they told last. Blocking. */
MUST_USE enum status drill_hashes_ask(struct drill_hashes *hashes, const struct drill_fleet *fleet,
                                      uint16_t sites, uint64_t patience_ns);

/* A site's answer to GET /status. STATUS_BAD_FORMAT: it lacks a shard or a member. Pure. */
MUST_USE enum status drill_hashes_read(struct drill_hashes_shard target[static SHARDS_MAX],
                                       uint32_t shard_count, const json_t *answer);

/* Pairs of sites that told of the same place of a shard's log; returns how many, and in `differ`
 * how many of them have other hashes there. Pure. */
uint64_t drill_hashes_compare(const struct drill_hashes *hashes, uint32_t site_count,
                              uint32_t shard_count, uint64_t *differ);

#endif
