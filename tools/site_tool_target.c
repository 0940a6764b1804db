/* What each verb of `causeway site` makes of a membership. */
#include <stdio.h>
#include <string.h>

#include "tools/options.h"
#include "tools/site_tool.h"

/* Ids of a list of names with commas. False: it has said which one is no site. */
static bool site_tool_list(const struct site_view *view, const char *list,
                           uint8_t site_ids[static SITES_MAX], uint32_t *count)
{
    *count = 0;
    for (const char *at = list; at != NULL;) {
        const char *comma = strchr(at, ',');
        char name[CONFIG_NAME_BYTES];
        size_t bytes = comma != NULL ? (size_t)(comma - at) : strlen(at);
        (void)snprintf(name, sizeof name, "%.*s", (int)(bytes < sizeof name ? bytes : 0), at);
        uint8_t site_id = site_view_find(view, name);
        if (site_id == 0 || *count == SITES_MAX) {
            (void)options_failed(SITE_DESK_COMMAND, "there is no site '%.*s'", (int)bytes, at);
            return false;
        }
        site_ids[(*count)++] = site_id;
        at = comma != NULL ? comma + 1 : NULL;
    }
    return true;
}

/* The place of a member that is named. 0: it has said that there is none. */
uint8_t site_tool_target_member(const struct site_view *view, const struct placement *placement,
                                const char *name)
{
    uint8_t site_id = site_view_find(view, name);
    if (site_id == 0 || placement_role_of(placement, site_id) == PLACEMENT_ABSENT) {
        (void)options_failed(SITE_DESK_COMMAND, "%s is no member%s", name,
                             site_id == 0 ? ", and nobody has heard of it: `causeway site add` it"
                                          : " any more");
        return 0;
    }
    return site_id;
}

bool site_tool_target_add(struct site_tool *tool, const struct site_view *view,
                          struct placement *target)
{
    (void)view;
    struct placement_site *place = &target->sites[tool->join.site_id - 1];
    uint64_t incarnation = 0;
    for (uint32_t at = 0; at < sizeof incarnation; at++) { /* Little-endian, as journals say it. */
        incarnation |= (uint64_t)tool->join.site.incarnation[at] << (8 * at);
    }
    if (place->role != PLACEMENT_ABSENT &&
        (place->incarnation != incarnation ||
         memcmp(place->public_key, tool->join.site.public_key, PLACEMENT_KEY_BYTES) != 0)) {
        (void)options_failed(SITE_DESK_COMMAND,
                             "the place that %s was prepared for has been taken by another: make "
                             "a new directory with `causeway init`",
                             tool->join.site.name);
        return false;
    }
    if (place->role != PLACEMENT_ABSENT) {
        return true; /* It is one already. */
    }
    *place = (struct placement_site){.incarnation = incarnation,
                                     .provider_id = tool->join.site.provider_id,
                                     .role = PLACEMENT_LEARNER};
    memcpy(place->public_key, tool->join.site.public_key, PLACEMENT_KEY_BYTES);
    return true;
}

bool site_tool_target_promote(struct site_tool *tool, const struct site_view *view,
                              struct placement *target)
{
    uint8_t demoted[SITES_MAX];
    uint32_t count = 0;
    for (uint32_t at = 0; at < tool->name_count; at++) {
        uint8_t site_id = site_tool_target_member(view, target, tool->names[at]);
        if (site_id == 0) {
            return false;
        }
        target->sites[site_id - 1].role = PLACEMENT_VOTER;
    }
    if (tool->instead_of != NULL && !site_tool_list(view, tool->instead_of, demoted, &count)) {
        return false;
    }
    for (uint32_t at = 0; at < count; at++) {
        struct placement_site *place = &target->sites[demoted[at] - 1];
        place->role = place->role == PLACEMENT_VOTER ? PLACEMENT_LEARNER : place->role;
    }
    return true;
}

bool site_tool_target_remove(struct site_tool *tool, const struct site_view *view,
                             struct placement *target)
{
    for (uint32_t at = 0; at < tool->name_count; at++) {
        uint8_t site_id = site_view_find(view, tool->names[at]);
        if (site_id == 0) {
            (void)options_failed(SITE_DESK_COMMAND, "there is no site '%s'", tool->names[at]);
            return false;
        }
        target->sites[site_id - 1] = (struct placement_site){0};
        uint32_t kept = 0;
        for (uint32_t prefer = 0; prefer < SITES_MAX; prefer++) {
            uint8_t preferred = target->preferred_site_ids[prefer];
            target->preferred_site_ids[prefer] = 0;
            if (preferred != site_id && preferred != 0) {
                target->preferred_site_ids[kept++] = preferred;
            }
        }
    }
    return true;
}

/* What every verb may ask for besides. */
bool site_tool_target(struct site_tool *tool, const struct site_verb *verb,
                      const struct site_view *view, const struct placement *now,
                      struct placement *target)
{
    *target = *now;
    if (!verb->target(tool, view, target)) {
        return false;
    }
    if (tool->commit_providers > 0) {
        target->commit_providers = (uint8_t)tool->commit_providers;
    }
    if (tool->prefer != NULL) {
        uint32_t count = 0;
        memset(target->preferred_site_ids, 0, sizeof target->preferred_site_ids);
        return site_tool_list(view, tool->prefer, target->preferred_site_ids, &count);
    }
    return true;
}
