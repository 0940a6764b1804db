/* A shard at a simulated site: between it and its market stand the checks, between it and the
 * others the simulated network. */
#ifndef TESTS_SIM_SIM_SEAT_H
#define TESTS_SIM_SIM_SEAT_H

#include "tests/sim/sim_world.h"

/* Market and shard over the site's open journal, recovered. What shard_recover() says. */
MUST_USE enum status sim_seat_open(struct sim_world *world, struct sim_site *site,
                                   struct sim_seat *seat);
/* Also of one that is not open. */
void sim_seat_close(struct sim_seat *seat);

#endif
