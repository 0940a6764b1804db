/* Who led which shard when, as the sites' logs tell it: for detection and election times, and for
 * which shards have moved. */
#ifndef TOOLS_DRILL_LEADERS_H
#define TOOLS_DRILL_LEADERS_H

#include <stdbool.h>
#include <stdint.h>

#include "matching/base/status.h"
#include "tools/scenario.h"

#define DRILL_LEADERS_CHANGES_MAX 65536u    /* Further ones are left out. */
#define DRILL_LEADERS_NONE        SITES_MAX /* No site. */

/* A line "event=leader" of a log. */
struct drill_leaders_change {
    uint64_t at_ns; /* Monotonic. */
    uint64_t term;
    uint8_t shard;  /* Index. */
    uint8_t site;   /* Whose log. */
    uint8_t leader; /* Site, or DRILL_LEADERS_NONE. */
};

struct drill_leaders {
    struct drill_leaders_change changes[DRILL_LEADERS_CHANGES_MAX];
    uint32_t count;
};

/* Take the lines of a site's log; what is no such line, or names nobody of the scenario, is passed
 * over. `utc_offset_ns`: UTC less monotonic time. STATUS_NOT_FOUND: no such file. */
MUST_USE enum status drill_leaders_read(struct drill_leaders *leaders,
                                        const struct scenario *scenario, uint8_t site,
                                        const char *path, int64_t utc_offset_ns);
/* After all logs: into the order of time. */
void drill_leaders_sort(struct drill_leaders *leaders);

/* The site that led the shard at `at_ns` by its own word; DRILL_LEADERS_NONE. */
uint8_t drill_leaders_at(const struct drill_leaders *leaders, uint32_t shard, uint64_t at_ns);

/* What a shard went through after `at_ns` and before `until_ns`; each 0 when it did not. */
struct drill_leaders_course {
    uint64_t detected_ns; /* After at_ns: a site noticed that there is no leader, or a new term. */
    uint64_t
        elected_ns; /* After at_ns: another site than the one before, or a newer term, leads. */
};
struct drill_leaders_course drill_leaders_course(const struct drill_leaders *leaders,
                                                 uint32_t shard, uint64_t at_ns, uint64_t until_ns);

#endif
