/* The inside of a shelf, for sim_shelf*.c. */
#ifndef TESTS_SIM_SIM_SHELF_INSIDE_H
#define TESTS_SIM_SIM_SHELF_INSIDE_H

#include "tests/sim/sim_shelf.h"

/* The one at this place, with this chain hash; NULL: none. */
struct sim_snapshot *sim_shelf_find(struct sim_shelf *shelf,
                                    const struct replica_position *position);
void sim_shelf_drop(struct sim_shelf *shelf, uint32_t at);
/* Whether all its bytes are as they were made. */
bool sim_shelf_whole(const struct sim_world *world, const struct sim_seat *seat,
                     const struct sim_snapshot *snapshot, struct snapshot_manifest *manifest);

/* What is written to the disk now will be durable in a while. */
enum { SIM_SHELF_TAKEN = 0, SIM_SHELF_FETCHED = 1 };
void sim_shelf_due(struct sim_world *world, const struct sim_seat *seat, uint32_t which);

#endif
