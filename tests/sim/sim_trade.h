/* Simulated clients and their gateways at work: logons, orders to whoever leads, reconnections. And
 * the operator who makes the market at the beginning. */
#ifndef TESTS_SIM_SIM_TRADE_H
#define TESTS_SIM_SIM_TRADE_H

#include "tests/sim/sim_world.h"

/* Clients of all shards, spread over the sites; their first events are in the queue. */
void sim_trade_start(struct sim_world *world);
/* SIM_EVENT_CLIENT. */
void sim_trade_client(struct sim_world *world, uint32_t index);
/* For sim_world.event. */
void sim_trade_event(struct sim_world *world, struct sim_seat *seat, const struct event *event);
/* A site's process has ended: its clients have lost their connections. */
void sim_trade_lost(struct sim_world *world, uint8_t site_id);

/* A repair has kept what ends with this command: whoever is attached knows of nothing beyond it,
 * what the others were told of that is lost. */
void sim_trade_cut(struct sim_world *world, uint16_t shard_id, uint64_t command_sequence);

/* Faults of clients: what one of them does. */
void sim_trade_move(struct sim_world *world, struct sim_client *client, bool ghost);
void sim_trade_resend(struct sim_client *client);

/* Whether every client is attached and knows of all its orders what became of them. */
bool sim_trade_settled(const struct sim_world *world);
/* The same as violations; and each order taken has its outcome. */
void sim_trade_end(struct sim_world *world);

#endif
