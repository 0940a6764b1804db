/* The inside of a simulated site, for sim_site*.c. */
#ifndef TESTS_SIM_SIM_SITE_INSIDE_H
#define TESTS_SIM_SIM_SITE_INSIDE_H

#include "tests/sim/sim_site.h"

/* Writes that the turn has begun: when they will be done; and frames for the store. */
void sim_site_submit(struct sim_world *world, struct sim_site *site);
/* The process ends by itself, or did not come up: for a reason, or a violation. */
void sim_site_ended(struct sim_world *world, struct sim_site *site, enum status status,
                    const char *what);

#endif
