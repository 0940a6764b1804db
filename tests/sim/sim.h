/* The simulator: one seed, one run of a whole cluster, the same each time. README.md beside it says
 * what it simulates and checks. */
#ifndef TESTS_SIM_SIM_H
#define TESTS_SIM_SIM_H

#include "tests/sim/sim_world.h"

/* A world in which runs are made one after the other, one in a process; NULL without memory. */
struct sim_world *sim_create(void);
void sim_destroy(struct sim_world *world);

/* What a caller may ask for; 0: the seed decides. */
struct sim_wishes {
    uint32_t sites;
    uint32_t providers;
    uint32_t shards;
    uint64_t faults_ns;
    bool no_faults;
    const struct sim_schedule *schedule; /* NULL: made from the seed. */
    bool verbose;
};

struct sim_result {
    uint64_t trace; /* Hash of all that happened. */
    bool failed;
    char failure[512];
};

/* What a seed and these wishes make: the run's plan and its faults. */
void sim_plan_make(uint64_t seed, const struct sim_wishes *wishes, struct sim_plan *plan,
                   struct sim_schedule *schedule);

/* One run. world->totals grows; world->schedule is what it was made of. */
void sim_run(struct sim_world *world, uint64_t seed, const struct sim_wishes *wishes,
             struct sim_result *result);

/* ---- The same in pieces, for directed schedules ---- */

/* Everything in place, time 0, sites started, clients about to. */
void sim_begin(struct sim_world *world, uint64_t seed, const struct sim_plan *plan);
/* Until simulated time has gone on by `for_ns`, or a check has failed. */
void sim_go(struct sim_world *world, uint64_t for_ns);
/* Nothing goes wrong any more; wait until all is well. False: it never came to that. */
bool sim_heal(struct sim_world *world);
/* Last checks; all processes end. */
void sim_end(struct sim_world *world, struct sim_result *result);

#endif
