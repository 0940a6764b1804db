/* A scenario of nothing but harm, at random: sites killed, frozen, cut off, with full disks and
 * wrong clocks, one after the other and now and then together, for as long as it is asked for. The
 * same seed and sizes give the same scenario. Pure. */
#ifndef TOOLS_CHAOS_H
#define TOOLS_CHAOS_H

#include <stdint.h>

#include "tools/scenario.h"

#define CHAOS_SITES_MIN   3u
#define CHAOS_DURATION_NS UINT64_C(5000000000) /* At least. */

struct chaos_options {
    uint64_t seed;
    uint64_t duration_ns; /* CHAOS_DURATION_NS .. SCENARIO_DURATION_MAX. */
    uint32_t site_count;  /* Odd, CHAOS_SITES_MIN .. SITES_MAX. */
    uint32_t shard_count; /* 1 .. SHARDS_MAX; their leaders are spread. */
    uint32_t sessions;    /* At least one a shard. */
    uint64_t rate;        /* Commands a second; 0: as many as are answered. */
};

/* Sites at three providers, none with a majority; every shard commits at two of them. All harm is
 * over a while before the end of the flow; where more would happen than SCENARIO_FAULTS_MAX, it
 * happens less often. Never more than a minority is harmed at a time, but for moments in which all
 * are killed. */
void chaos_make(struct scenario *scenario, const struct chaos_options *options);

#endif
