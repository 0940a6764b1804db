/* Leaders that a drill's harm took away, and how long until the shard acknowledged again.
 *
 * One is lost when the site that led a shard is killed, and a newer term of that shard begins later
 * on; or when it is frozen, cut off from all or has a full disk, and a newer term begins before
 * that is over (or right behind, by an election that had begun before). A newer term is one in
 * which a site says that it leads: another one, or the same one elected anew. A term is counted
 * once, however often its leader was harmed; what an operator or a preference moves is none. */
#ifndef TOOLS_DRILL_LOSSES_H
#define TOOLS_DRILL_LOSSES_H

#include <stdbool.h>
#include <stdint.h>

#include "matching/base/histogram.h"
#include "matching/base/limits.h"
#include "tools/drill_leaders.h"
#include "tools/scenario.h"

struct drill_losses {
    uint64_t terms[SHARDS_MAX]; /* The last one whose end was counted. */
    uint64_t count;
    struct histogram recovery; /* Of each. */
};

/* Sites that a fault takes away from everybody: killed, frozen, cut off from all, full. */
uint16_t drill_losses_sites(const struct scenario_fault *fault, uint32_t site_count);

/* A fault happened to a shard at `at_ns` and was over at `over_ns` (UINT64_MAX: not yet), and the
 * shard acknowledged again `recovery_ns` after it happened; faults in the order of time. Returns
 * whether it was a loss. `leaders` are sorted. */
bool drill_losses_take(struct drill_losses *losses, const struct scenario *scenario,
                       const struct drill_leaders *leaders, const struct scenario_fault *fault,
                       uint32_t shard, uint64_t at_ns, uint64_t over_ns, uint64_t recovery_ns);

#endif
