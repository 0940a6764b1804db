/* Quorum repair in a simulated cluster: so many sites are gone for good that no quorum is left, and
 * the operator repairs what the others have (replication/repair.h). He keeps nothing but the repair
 * that he has decided on, and often not even that, as if he had been killed and began again. */
#ifndef TESTS_SIM_SIM_REPAIR_H
#define TESTS_SIM_SIM_REPAIR_H

#include "tests/sim/sim_world.h"

/* For a run. */
void sim_repair_reset(struct sim_world *world);

/* SIM_FAULT_QUORUM_GONE. False: nothing of some shard would be left, or a repair is under way. */
bool sim_repair_begin(struct sim_world *world, const struct sim_fault *fault);
/* Whoever came back is off again, and the lost ones may be replaced. */
void sim_repair_end(struct sim_world *world);

/* Each time that the operator looks: one step at some of the survivors. */
void sim_repair_look(struct sim_world *world);

#endif
