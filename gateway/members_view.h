/* What the shards' logs say of the members, against which it is judged what other sites say.
 *
 * A key counts for a place because the log names it, and nobody's word changes that. News are
 * needed all the same: a site that was away knows the members of then; one of them may have been
 * replaced and lead by now, and the log that says so comes from that leader. So a line that
 * contradicts a membership is taken only where nobody leads a shard that has that membership, as
 * far as this site hears, and only from a voter of it; otherwise it waits for the log.
 *
 * Pure. Loop thread only. */
#ifndef GATEWAY_MEMBERS_VIEW_H
#define GATEWAY_MEMBERS_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/config.h"
#include "matching/base/status.h"
#include "replication/placement.h"

struct members_view {
    const struct placement *placements[SHARDS_MAX]; /* The ruling one of each shard. */
    uint32_t count;                                 /* Of shards, at most SHARDS_MAX. */
    uint16_t led;        /* Shards whose leader is heard: bit of the index in `placements`. */
    uint16_t settled;    /* Those of `led` whose placement is committed. */
    uint8_t teller;      /* Whose word it is: a site, or 0: the operator. */
    uint8_t own_site_id; /* This site. */
};

/* Whether any shard has that site as a member. */
bool members_view_has(const struct members_view *view, uint8_t site_id);
/* All members, as a mask: bit (site_id - 1). */
uint16_t members_view_mask(const struct members_view *view);
/* Whether every shard hears its leader and has nothing uncommitted in its membership: who is none
 * of the members is none then, and not only one that has not been heard of. */
bool members_view_is_settled(const struct members_view *view);
/* Whether a member of any shard has that key. */
bool members_view_names_key(const struct members_view *view, const uint8_t key[static 32]);

/* Whether the line `site` may stand for place `site_id`. STATUS_NOT_YET: the log says otherwise, or
 * another place has its name or key. STATUS_DENIED: it has the name or the key of this site. */
MUST_USE enum status members_view_judge(const struct members_view *view,
                                        const struct config *config, const struct config_site *site,
                                        uint8_t site_id);

#endif
