/* What a site's shards are looked at for after every turn, and all of them at the end. */
#ifndef TESTS_SIM_SIM_INSPECT_H
#define TESTS_SIM_SIM_INSPECT_H

#include "tests/sim/sim_world.h"

/* After a turn of the site. */
void sim_inspect_site(struct sim_world *world, struct sim_site *site);

/* A site drops a segment as uncommitted. */
void sim_inspect_dropped(struct sim_seat *seat, const struct segment *segment);

/* The site whose leader of a shard serves in the highest term; 0: none. */
uint8_t sim_inspect_leader(const struct sim_world *world, uint16_t shard_id);

/* Where everybody stands, for the reader of a failed run. */
void sim_inspect_print(const struct sim_world *world);

/* Whether every member that runs has executed all that is committed, and every shard has a leader.
 */
bool sim_inspect_settled(const struct sim_world *world);
/* The same, with the reason why not, as a violation; and states and streams are compared. */
void sim_inspect_end(struct sim_world *world);

#endif
