#include "gateway/members_view.h"

#include <string.h>

#include "matching/base/assertion.h"
#include "matching/base/bytes.h"

uint16_t members_view_mask(const struct members_view *view)
{
    ASSERT(view->count <= SHARDS_MAX);
    uint16_t mask = 0;
    for (uint32_t at = 0; at < view->count; at++) {
        mask = (uint16_t)(mask | placement_members(view->placements[at]));
    }
    return mask;
}

bool members_view_has(const struct members_view *view, uint8_t site_id)
{
    ASSERT(site_id >= 1);
    ASSERT(site_id <= SITES_MAX);
    return (members_view_mask(view) >> (site_id - 1) & 1u) != 0;
}

bool members_view_is_settled(const struct members_view *view)
{
    ASSERT(view->count <= SHARDS_MAX);
    ASSERT((view->settled & ~view->led) == 0);
    return view->settled == (1u << view->count) - 1u;
}

bool members_view_names_key(const struct members_view *view, const uint8_t key[static 32])
{
    ASSERT(view->count <= SHARDS_MAX);
    static_assert(PLACEMENT_KEY_BYTES == 32, "a key is a key");
    for (uint32_t at = 0; at < view->count; at++) {
        for (uint32_t place = 0; place < SITES_MAX; place++) {
            const struct placement_site *member = &view->placements[at]->sites[place];
            if (member->role != PLACEMENT_ABSENT && memcmp(member->public_key, key, 32) == 0) {
                return true;
            }
        }
    }
    return false;
}

static bool view_fits(const struct placement_site *member, const struct config_site *site)
{
    return member->incarnation == bytes_load_le64(site->incarnation) &&
           member->provider_id == site->provider_id &&
           memcmp(member->public_key, site->public_key, sizeof member->public_key) == 0;
}

/* Whether what the logs say of a place may be old: nobody is heard who leads a shard that has a
 * member there, and who tells otherwise votes in one. */
static bool view_may_be_old(const struct members_view *view, uint8_t site_id)
{
    ASSERT(site_id <= SITES_MAX);
    bool told = view->teller == 0;
    for (uint32_t at = 0; at < view->count; at++) {
        const struct placement *placement = view->placements[at];
        if (placement_role_of(placement, site_id) == PLACEMENT_ABSENT) {
            continue;
        }
        if ((view->led >> at & 1u) != 0) {
            return false;
        }
        told = told || placement_role_of(placement, view->teller) == PLACEMENT_VOTER;
    }
    return told;
}

static bool view_contradicts(const struct members_view *view, const struct config_site *site,
                             uint8_t site_id)
{
    bool fits = false;
    for (uint32_t at = 0; at < view->count; at++) {
        const struct placement_site *member = &view->placements[at]->sites[site_id - 1];
        fits = fits || (member->role != PLACEMENT_ABSENT && view_fits(member, site));
    }
    return !fits && members_view_has(view, site_id);
}

enum status members_view_judge(const struct members_view *view, const struct config *config,
                               const struct config_site *site, uint8_t site_id)
{
    ASSERT(site_id >= 1 && site_id <= SITES_MAX);
    ASSERT(view->teller <= SITES_MAX);
    for (uint8_t other = 1; other <= config->site_count; other++) {
        const struct config_site *known = &config->sites[other - 1];
        bool name = strcmp(known->name, site->name) == 0;
        bool key = memcmp(known->public_key, site->public_key, sizeof known->public_key) == 0;
        if (other == site_id || known->name[0] == '\0' || (!name && !key)) {
            continue;
        }
        if (other == view->own_site_id) {
            return STATUS_DENIED;
        }
        if (key || (members_view_has(view, other) && !view_may_be_old(view, other))) {
            return STATUS_NOT_YET;
        }
    }
    return view_contradicts(view, site, site_id) && !view_may_be_old(view, site_id) ? STATUS_NOT_YET
                                                                                    : STATUS_OK;
}
