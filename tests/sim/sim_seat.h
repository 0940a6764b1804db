/* A shard at a simulated site: between it and its market stand the checks, between it and the
 * others the simulated network. */
#ifndef TESTS_SIM_SIM_SEAT_H
#define TESTS_SIM_SIM_SEAT_H

#include "replication/link_wire.h"
#include "tests/sim/sim_world.h"

/* The shard over the site's open journal and the market that was made or restored at `origin`
 * (NULL: the very beginning), recovered. What shard_recover() says. */
MUST_USE enum status sim_seat_open(struct sim_world *world, struct sim_site *site,
                                   struct sim_seat *seat, const struct shard_origin *origin);
/* The market alone, made anew. */
void sim_seat_market(struct sim_seat *seat);
void sim_seat_send_frame(struct sim_seat *seat, uint8_t to_site_id, const struct link_frame *frame);
/* Also of one that is not open. */
void sim_seat_close(struct sim_seat *seat);

#endif
