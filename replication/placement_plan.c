/* Steps of a plan: from the present placement towards a target, one change at a time. */
#include <string.h>

#include "matching/base/assertion.h"
#include "replication/placement.h"

/* What a step does, in the order in which they are tried: what adds copies goes before what takes
 * some away, and the number of providers is lowered last of all. */
enum plan_move {
    PLAN_ADD,
    PLAN_PROMOTE,
    PLAN_RAISE,
    PLAN_PREFER,
    PLAN_REMOVE,
    PLAN_VACATE, /* Its place is wanted for another voter: before any other goes. */
    PLAN_DEMOTE,
    PLAN_LOWER,
    PLAN_MOVE_COUNT
};

/* Write what `move` does to one site. False: nothing to do there. */
static bool plan_move_site(enum plan_move move, struct placement_site *site,
                           const struct placement_site *wanted)
{
    bool same = placement_same_identity(site, wanted);
    bool stays = same && wanted->role != PLACEMENT_ABSENT;
    switch (move) {
    case PLAN_ADD:
        if (site->role != PLACEMENT_ABSENT || wanted->role == PLACEMENT_ABSENT) {
            return false;
        }
        *site = *wanted;
        site->role = PLACEMENT_LEARNER;
        return true;
    case PLAN_PROMOTE:
        if (!stays || site->role != PLACEMENT_LEARNER || wanted->role != PLACEMENT_VOTER) {
            return false;
        }
        site->role = PLACEMENT_VOTER;
        return true;
    case PLAN_VACATE:
        if (site->role != PLACEMENT_VOTER || same || wanted->role != PLACEMENT_VOTER) {
            return false;
        }
        site->role = PLACEMENT_LEARNER;
        return true;
    case PLAN_DEMOTE:
        if (site->role != PLACEMENT_VOTER || (stays && wanted->role == PLACEMENT_VOTER)) {
            return false;
        }
        site->role = PLACEMENT_LEARNER;
        return true;
    case PLAN_REMOVE:
        if (site->role != PLACEMENT_LEARNER || stays) {
            return false;
        }
        *site = (struct placement_site){0};
        return true;
    case PLAN_RAISE:
    case PLAN_PREFER:
    case PLAN_LOWER:
    case PLAN_MOVE_COUNT:
        break;
    }
    return false;
}

/* Write what `move` does to the whole. False: nothing to do. */
static bool plan_move_whole(enum plan_move move, struct placement *next,
                            const struct placement *target)
{
    bool rises = target->commit_providers > next->commit_providers;
    bool falls = target->commit_providers < next->commit_providers;
    if ((move == PLAN_RAISE && rises) || (move == PLAN_LOWER && falls)) {
        next->commit_providers = target->commit_providers;
        return true;
    }
    if (move == PLAN_PREFER && memcmp(next->preferred_site_ids, target->preferred_site_ids,
                                      sizeof next->preferred_site_ids) != 0) {
        memcpy(next->preferred_site_ids, target->preferred_site_ids,
               sizeof next->preferred_site_ids);
        return true;
    }
    return false;
}

/* Try one move everywhere. STATUS_OK: `next` is a step that passes; STATUS_DENIED: there is such a
 * move but it breaks a rule; STATUS_NOT_FOUND: there is none. */
static enum status plan_try(enum plan_move move, const struct placement *current,
                            const struct placement *target, struct placement *next,
                            struct placement_verdict *verdict)
{
    enum status status = STATUS_NOT_FOUND;
    for (uint32_t at = 0; at <= SITES_MAX; at++) {
        *next = *current;
        next->epoch++;
        bool moved = at < SITES_MAX ? plan_move_site(move, &next->sites[at], &target->sites[at])
                                    : plan_move_whole(move, next, target);
        if (!moved) {
            continue;
        }
        *verdict = placement_judge_step(current, next);
        if (verdict->rule == PLACEMENT_GOOD) {
            return STATUS_OK;
        }
        status = STATUS_DENIED;
    }
    return status;
}

enum status placement_plan_next(const struct placement *current, const struct placement *target,
                                uint32_t waived_rules, struct placement *next,
                                struct placement_verdict *verdict)
{
    ASSERT(current != next);
    ASSERT(target != next);
    *verdict = placement_judge(target, waived_rules);
    if (verdict->rule != PLACEMENT_GOOD) {
        return STATUS_DENIED; /* Fail closed. */
    }
    enum status status = STATUS_NOT_FOUND;
    for (uint32_t move = 0; move < PLAN_MOVE_COUNT; move++) {
        enum status tried = plan_try((enum plan_move)move, current, target, next, verdict);
        if (tried == STATUS_OK) {
            return STATUS_OK;
        }
        status = tried == STATUS_DENIED ? tried : status;
    }
    return status;
}
