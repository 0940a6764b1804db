#include "tools/drill_losses.h"

#include "matching/base/assertion.h"

/* An election that began while a leader was frozen or cut off ends within this time after that.
 * Short: it may also be the leader again that hands over to a preferred one. */
#define DRILL_LOSSES_LATE_NS UINT64_C(250000000)

uint16_t drill_losses_sites(const struct scenario_fault *fault, uint32_t site_count)
{
    uint16_t sites = (uint16_t)((1u << site_count) - 1);
    ASSERT(site_count > 0 && site_count <= SITES_MAX);
    switch (fault->kind) {
    case SCENARIO_KILL:
    case SCENARIO_STOP:
    case SCENARIO_FILL_DISK:
        return (uint16_t)(fault->who & sites);
    case SCENARIO_CUT: /* One way or both: who is not heard leads nobody. */
        return (fault->to & sites) == sites ? (uint16_t)(fault->from & sites) : 0;
    case SCENARIO_START:
    case SCENARIO_RESTART:
    case SCENARIO_CONTINUE:
    case SCENARIO_HEAL:
    case SCENARIO_DEGRADE:
    case SCENARIO_RESTORE:
    case SCENARIO_LOSE_CONNECTS:
    case SCENARIO_HEAR_CONNECTS:
    case SCENARIO_DNS_GONE:
    case SCENARIO_FREE_DISK:
    case SCENARIO_STEP_CLOCK:
    case SCENARIO_TRANSFER:
    case SCENARIO_RECOVER:
        return 0;
    case SCENARIO_FAULT_KINDS:
        break;
    }
    ASSERT(false);
    return 0;
}

bool drill_losses_take(struct drill_losses *losses, const struct scenario *scenario,
                       const struct drill_leaders *leaders, const struct scenario_fault *fault,
                       uint32_t shard, uint64_t at_ns, uint64_t over_ns, uint64_t recovery_ns)
{
    ASSERT(shard < scenario->shard_count);
    uint16_t sites = drill_losses_sites(fault, scenario->site_count);
    uint64_t term = 0;
    uint8_t leader = DRILL_LEADERS_NONE;
    bool dead = fault->kind == SCENARIO_KILL; /* A full disk may be outlived. */
    bool lost = false;
    ASSERT(at_ns <= over_ns);
    uint64_t until_ns = dead || over_ns > UINT64_MAX - DRILL_LOSSES_LATE_NS
                            ? UINT64_MAX
                            : over_ns + DRILL_LOSSES_LATE_NS;
    for (uint32_t i = 0; i < leaders->count && sites != 0; i++) {
        const struct drill_leaders_change *change = &leaders->changes[i];
        bool here = change->shard == shard && change->leader == change->site;
        if (here && change->at_ns <= at_ns && change->term > term) {
            term = change->term;
            leader = change->leader;
        }
        lost = lost ||
               (here && change->at_ns > at_ns && change->at_ns <= until_ns && change->term > term);
    }
    if (!lost || leader == DRILL_LEADERS_NONE || (sites >> leader & 1) == 0 ||
        term <= losses->terms[shard]) {
        return false;
    }
    losses->terms[shard] = term;
    losses->count++;
    histogram_record(&losses->recovery, recovery_ns);
    return true;
}
