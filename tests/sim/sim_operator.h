/* The operator of a simulated cluster: starts what is down, puts new sites in the place of lost
 * ones by changing the membership, moves leaders around. */
#ifndef TESTS_SIM_SIM_OPERATOR_H
#define TESTS_SIM_SIM_OPERATOR_H

#include "tests/sim/sim_world.h"

/* How often the operator looks. */
#define SIM_OPERATOR_NS (250 * SIM_MS)

/* SIM_EVENT_OPERATOR. */
void sim_operator_look(struct sim_world *world);

/* Faults of operators. False: refused, or nothing to do. */
bool sim_operator_begin(struct sim_world *world, const struct sim_fault *fault);
void sim_operator_end(struct sim_world *world, const struct sim_fault *fault);

/* What is left to be done, and about which site; NULL: nothing. */
const char *sim_operator_waits(const struct sim_world *world, uint8_t *which);

#endif
