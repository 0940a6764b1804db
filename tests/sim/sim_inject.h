/* Does faults to a simulated cluster and takes them back, never more than the promises allow: what
 * would destroy all copies of something acknowledged is left out. */
#ifndef TESTS_SIM_SIM_INJECT_H
#define TESTS_SIM_SIM_INJECT_H

#include "tests/sim/sim_world.h"

/* Latencies of the run, and what the faults under way make of the network. */
void sim_inject_network(struct sim_world *world);

/* SIM_EVENT_FAULT and SIM_EVENT_MEND of the schedule's fault `index`. */
void sim_inject_begin(struct sim_world *world, uint32_t index);
void sim_inject_mend(struct sim_world *world, uint32_t index);
/* SIM_EVENT_FAULT with a stamp: flapping goes on. */
void sim_inject_flap(struct sim_world *world, uint32_t index, uint64_t stamp);

#endif
