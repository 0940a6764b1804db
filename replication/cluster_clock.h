/* The leader's clock: the time that goes into stamps (DESIGN 4, "Time"; protocol.md, "Agreed
 * time"). Pure. Owned by the thread that owns the shard.
 *
 * Time here is the leader's monotonic clock plus a correction. Each voter's clock, seen through a
 * heartbeat, supports an interval of corrections. The one agreed is the nearest to the own wall
 * clock that a majority of voters supports at once (Marzullo and Owicki, "Maintaining the time in a
 * distributed system", PODC 1983, in the form of RFC 5905, section 11.2.1: any majority, not the
 * largest, or a few clocks at the edge of the right ones could make each leader leave).
 *
 * What it promises:
 * - While fewer than half of the voters' clocks are wild, what is agreed lies within
 *   CLUSTER_CLOCK_TOLERANCE_NS, a round trip and CLUSTER_CLOCK_DRIFT_PPM of the sample's age of
 * what a right clock says, since every majority has one; so within twice the tolerance of the
 * truth. A clock that is off by no more than the tolerance is right.
 * - It never goes back and never stands still; it runs at half to one and a half times the speed of
 *   the monotonic clock. It jumps, forward only, at the first agreement of a term, and for a single
 *   voter. The log's last stamp is a floor: so time never goes back across leaders either.
 * - Whatever peers send, nothing overflows: a value that cannot be a time is no sample. */
#ifndef REPLICATION_CLUSTER_CLOCK_H
#define REPLICATION_CLUSTER_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "matching/base/limits.h"

/* A voter's wall clock may be off by this and still be called right. Wide enough for any machine
 * whose clock is kept at all; what a wild clock can do grows with it. */
#define CLUSTER_CLOCK_TOLERANCE_NS UINT64_C(100000000)
/* How far apart a voter's clock and ours may run: 100 millionths each, twice a bad crystal. */
#define CLUSTER_CLOCK_DRIFT_PPM 200u
/* Older samples are forgotten: a silent voter supports nothing. */
#define CLUSTER_CLOCK_SAMPLE_NS_MAX UINT64_C(60000000000)
/* The correction moves by this much per unit of monotonic time at most. */
#define CLUSTER_CLOCK_SLEW_PPM 500000u

/* Corrections: wall less monotonic, both ends included. */
struct cluster_clock_interval {
    int64_t low_ns;
    int64_t high_ns;
};

struct cluster_clock_sample {
    bool known;
    uint64_t sent_ns; /* Ages from here. */
    struct cluster_clock_interval interval;
};

/* Read by all; written by cluster_clock.c alone. */
struct cluster_clock {
    uint8_t own_site_id;
    struct cluster_clock_sample samples[SITES_MAX];
    int64_t correction_ns;
    uint64_t updated_ns; /* Monotonic, of the last update. */
    bool settled;        /* There has been an agreement in this term. */

    /* As of the last update. */
    bool agrees;         /* False: alarm; time goes on monotonically. */
    bool outside;        /* No majority supports the own wall clock: hand over to an heir. */
    int64_t agreed_ns;   /* Correction agreed on; the present one moves there. */
    uint16_t supporters; /* Voters that support it: bit (site_id - 1). */
    uint16_t heirs;      /* Other voters whose own wall clock a majority supports. */
};

/* A term begins at this site, as its leader. Time goes on from the last stamp in the own log until
 * a majority agrees. `now_ns` is the monotonic clock, at most INT64_MAX here and below (asserted);
 * 1 <= own_site_id <= SITES_MAX. */
void cluster_clock_begin(struct cluster_clock *clock, uint8_t own_site_id, uint64_t now_ns,
                         uint64_t last_stamp_ns);

/* A site said that its wall clock is at `wall_ns` (UTC), at some moment between `sent_ns` and
 * `received_ns` of our monotonic clock: a heartbeat and its answer, or the beginning of the term
 * and any answer in it. `received_ns` never falls for a site. `sent_ns` and `wall_ns` may be
 * anything: what cannot be takes the site's support away until it says something better. The
 * narrower of this sample and the one before is kept, unless they exclude each other: then its
 * clock was set, and the new one counts. */
void cluster_clock_sample(struct cluster_clock *clock, uint8_t site_id, uint64_t sent_ns,
                          uint64_t received_ns, uint64_t wall_ns);

/* Agree anew and move the correction. `now_ns` never falls; `wall_ns` is the own wall clock at that
 * moment; `voters` is not empty. Call it before stamping, at least every heartbeat. With a single
 * voter, this one, time follows the own wall clock forward at once, and back by running slower. */
void cluster_clock_update(struct cluster_clock *clock, uint64_t now_ns, uint64_t wall_ns,
                          uint16_t voters);

/* The stamp of what is sealed now: never below `last_stamp_ns`, the last one in the own log, and
 * from 1. `now_ns` is not before the last update (asserted). */
uint64_t cluster_clock_stamp_ns(const struct cluster_clock *clock, uint64_t now_ns,
                                uint64_t last_stamp_ns);

#endif
