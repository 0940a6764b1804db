/* What a quorum repair keeps, by the simulator's own reading of the disks. */
#ifndef TESTS_SIM_SIM_REPAIR_CUT_H
#define TESTS_SIM_SIM_REPAIR_CUT_H

#include "tests/sim/sim_world.h"

/* All survivors have promised the repair in world->repairs: check that it keeps all that it must,
 * and make what it keeps the truth of the shard. `reports`: what they say now. */
void sim_repair_cut(struct sim_world *world, uint16_t shard_id, const struct repair_report *reports,
                    uint32_t report_count);

#endif
