#include "tools/drill_moments.h"

#include <string.h>

#include "matching/base/assertion.h"

bool drill_moments_harm(const struct scenario_fault *fault)
{
    switch (fault->kind) {
    case SCENARIO_KILL:
    case SCENARIO_RESTART:
    case SCENARIO_STOP:
    case SCENARIO_CUT:
    case SCENARIO_DEGRADE:
    case SCENARIO_LOSE_CONNECTS:
    case SCENARIO_DNS_GONE:
    case SCENARIO_FILL_DISK:
    case SCENARIO_STEP_CLOCK:
    case SCENARIO_TRANSFER:
        return true;
    case SCENARIO_START:
    case SCENARIO_CONTINUE:
    case SCENARIO_HEAL:
    case SCENARIO_RESTORE:
    case SCENARIO_HEAR_CONNECTS:
    case SCENARIO_FREE_DISK:
    case SCENARIO_RECOVER:
    case SCENARIO_FAULT_KINDS:
        return false;
    }
    ASSERT(false);
    return false;
}

uint64_t drill_moments_until_ns(const struct scenario *scenario, const struct drill_moment *moments,
                                uint32_t count, uint32_t index, uint64_t end_ns)
{
    ASSERT(index < count);
    ASSERT(count <= scenario->fault_count);
    for (uint32_t next = index + 1; next < count; next++) {
        if (drill_moments_harm(&scenario->faults[next]) &&
            moments[next].at_ns > moments[index].at_ns) {
            return moments[next].at_ns;
        }
    }
    return end_ns;
}

/* Whether `later` ends, for all that it concerns, what `fault` did. */
static bool drill_moments_ends(const struct scenario_fault *fault,
                               const struct scenario_fault *later)
{
    bool ends = (fault->kind == SCENARIO_KILL && later->kind == SCENARIO_START) ||
                (fault->kind == SCENARIO_FILL_DISK && later->kind == SCENARIO_START) ||
                (fault->kind == SCENARIO_STOP && later->kind == SCENARIO_CONTINUE) ||
                (fault->kind == SCENARIO_CUT && later->kind == SCENARIO_HEAL);
    return ends && (later->who & fault->who) == fault->who &&
           (later->from & fault->from) == fault->from && (later->to & fault->to) == fault->to;
}

uint64_t drill_moments_over_ns(const struct scenario *scenario, const struct drill_moment *moments,
                               uint32_t count, uint32_t index)
{
    ASSERT(index < count);
    ASSERT(count <= scenario->fault_count);
    for (uint32_t later = index + 1; later < count; later++) {
        if (drill_moments_ends(&scenario->faults[index], &scenario->faults[later])) {
            return moments[later].at_ns;
        }
    }
    return UINT64_MAX;
}

void drill_moments_losses(const struct scenario *scenario, struct drill_moment *moments,
                          uint32_t count, const struct drill_leaders *leaders,
                          struct drill_losses *losses)
{
    ASSERT(count <= scenario->fault_count);
    memset(losses->terms, 0, sizeof losses->terms);
    losses->count = 0;
    histogram_reset(&losses->recovery);
    for (uint32_t i = 0; i < count; i++) {
        struct drill_moment *moment = &moments[i];
        uint64_t over_ns = drill_moments_over_ns(scenario, moments, count, i);
        moment->lost = 0;
        for (uint32_t shard = 0; shard < scenario->shard_count && !moment->left_out; shard++) {
            moment->lost +=
                drill_losses_take(losses, scenario, leaders, &scenario->faults[i], shard,
                                  moment->at_ns, over_ns, moment->recovery_ns[shard]);
        }
    }
}
