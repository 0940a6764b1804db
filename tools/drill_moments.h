/* What has happened of a scenario's timeline and what it cost: when each harm was over, and which
 * leaders it took away. Pure. */
#ifndef TOOLS_DRILL_MOMENTS_H
#define TOOLS_DRILL_MOMENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "matching/base/limits.h"
#include "tools/drill_leaders.h"
#include "tools/drill_losses.h"
#include "tools/scenario.h"

/* When an entry of the timeline really happened, and what it cost each shard. */
struct drill_moment {
    uint64_t at_ns;                                  /* Monotonic. */
    bool left_out;                                   /* This machine does not allow it. */
    uint32_t lost;                                   /* Leaders of shards (drill_losses.h). */
    uint64_t recovery_ns[SHARDS_MAX];                /* drill_desk_recovery_ns(). */
    struct drill_leaders_course courses[SHARDS_MAX]; /* As the sites' logs tell it. */
};

/* Whether a fault takes something away; its ends and repairs do not. */
bool drill_moments_harm(const struct scenario_fault *fault);

/* The next harm after entry `index`, not at the same moment; `end_ns` if none of the `count` that
 * happened is one. */
uint64_t drill_moments_until_ns(const struct scenario *scenario, const struct drill_moment *moments,
                                uint32_t count, uint32_t index, uint64_t end_ns);

/* When what entry `index` did was undone for all it concerned; UINT64_MAX: not yet. */
uint64_t drill_moments_over_ns(const struct scenario *scenario, const struct drill_moment *moments,
                               uint32_t count, uint32_t index);

/* Count all leaders lost to the `count` entries that happened, and to each of them, anew. */
void drill_moments_losses(const struct scenario *scenario, struct drill_moment *moments,
                          uint32_t count, const struct drill_leaders *leaders,
                          struct drill_losses *losses);

#endif
