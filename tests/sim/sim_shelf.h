/* The snapshots of a shard at a simulated site: taken, kept over the end of its process, offered,
 * fetched from others over the simulated network, installed. What the real site does with files and
 * a shadow (gateway/shadow.h); here a snapshot is taken of the live market between two turns and
 * is durable some time later. */
#ifndef TESTS_SIM_SIM_SHELF_H
#define TESTS_SIM_SIM_SHELF_H

#include "replication/link_wire.h"
#include "tests/sim/sim_world.h"

/* A new disk: nothing is here. */
void sim_shelf_clear(struct sim_shelf *shelf);
/* The process ends: what is not durable is gone, or just got there. */
void sim_shelf_crash(struct sim_shelf *shelf, struct random *random);

/* A start: make the market, restore the newest snapshot that is whole and in the journal.
 * STATUS_NOT_FOUND: none, and the journal does not begin at the beginning either. `*restored`:
 * there was one, at `origin`. */
MUST_USE enum status sim_shelf_open(struct sim_world *world, struct sim_seat *seat,
                                    struct shard_origin *origin, bool *restored);
/* The shard runs: tell it what is here. */
void sim_shelf_offer(struct sim_world *world, struct sim_seat *seat);

/* Around each shard_step(): finish what has become durable; take the next one when it is due. */
MUST_USE enum status sim_shelf_turn(struct sim_world *world, struct sim_seat *seat);
void sim_shelf_take(struct sim_world *world, struct sim_seat *seat);
/* The shard has been fenced (rule 9): its market begins again. STATUS_NOT_FOUND: there is nothing
 * to begin from. */
MUST_USE enum status sim_shelf_rebuild(struct sim_world *world, struct sim_seat *seat);

/* For shard_peers.fetch_snapshot. */
void sim_shelf_fetch(struct sim_seat *seat, const struct replica_position *position,
                     uint8_t site_id);
/* A request or a piece from another site. */
void sim_shelf_frame(struct sim_world *world, struct sim_seat *seat, uint8_t from_site_id,
                     const struct link_frame *frame);
/* SIM_EVENT_SNAPSHOT: `index` says which one is durable now. */
void sim_shelf_durable(struct sim_world *world, struct sim_site *site, uint32_t index);
/* Whether the next turn has something to do here. */
bool sim_shelf_waits(const struct sim_shelf *shelf);

/* Flip a bit of some snapshot. False: there is none. */
bool sim_shelf_rot(struct sim_shelf *shelf, struct random *random);

#endif
