/* What happens to the disks of simulated sites. */
#ifndef TESTS_SIM_SIM_DAMAGE_H
#define TESTS_SIM_SIM_DAMAGE_H

#include "tests/sim/sim_world.h"

/* Whether these sites' disks may be harmed for good as well: a commit quorum of whole ones is left
 * in every shard, and nobody changes the membership. */
bool sim_damage_allowed(const struct sim_world *world, uint16_t sites);

/* Sites whose copy of a shard does not count: lost, or perhaps wrong. */
uint16_t sim_damage_doubtful(const struct sim_world *world, const struct placement *placement);

/* All that is on a site's disk is gone. It does not run. */
void sim_damage_lose(struct sim_world *world, struct sim_site *site);

/* Faults of disks. False: it found nothing to do. */
bool sim_damage_begin(struct sim_world *world, const struct sim_fault *fault,
                      struct sim_site *site);
void sim_damage_end(struct sim_world *world, const struct sim_fault *fault, struct sim_site *site);

#endif
