/* A simulated client and the door that it is at: one session, its orders and its own record of what
 * became of them. Makes commands; what carries them to a leader is sim_trade.h. Pure.
 *
 * It keeps to the rules of DESIGN 4: an attach epoch a logon, input numbers from 1 in each,
 * references that only grow. What it is not sure of it sends again, with the same references. */
#ifndef TESTS_SIM_SIM_CLIENT_H
#define TESTS_SIM_SIM_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "matching/base/random.h"
#include "matching/command.h"
#include "matching/event.h"

#define SIM_CLIENT_PENDING_MAX 64u
#define SIM_CLIENT_LIVE_MAX    16u

struct sim_pending {
    struct command command;
    uint64_t made_ns; /* Simulated time. */
};

/* What is still on the way, or was when its site went away. */
struct sim_lane {
    uint32_t epoch;
    uint64_t input_number;                              /* Last one given out. */
    struct sim_pending pending[SIM_CLIENT_PENDING_MAX]; /* A ring, oldest first. */
    uint32_t first;
    uint32_t count;
    uint32_t submitted; /* So many of them have been handed to a leader. */
};

struct sim_client {
    struct random random;
    uint32_t session_id;
    uint16_t shard_id;
    uint8_t site_id;        /* Where it is connected. */
    bool attached;          /* Its logon has been executed there. */
    uint64_t connection_id; /* Of the last logon sent; 0: none. */
    uint64_t logon_due_ns;  /* When to try another one. */
    uint32_t reference;     /* Last one given out. */
    struct sim_lane lane;
    struct sim_lane ghost; /* Of a former site: sends on, as if nothing had happened. */
    uint32_t live[SIM_CLIENT_LIVE_MAX]; /* References of orders that may rest. */
    uint32_t live_count;
    uint64_t progress_ns;      /* When something of it was last executed. */
    uint8_t submitted_site_id; /* Leader that `submitted` is about. */
    uint64_t submitted_term;
    uint64_t taken;           /* Commands of it that were executed. */
    uint32_t taken_reference; /* Highest of an order among them. */
};

void sim_client_init(struct sim_client *client, uint64_t seed, uint32_t session_id,
                     uint16_t shard_id, uint8_t site_id);

/* A logon, with a new connection id; from now on it waits for this one. */
void sim_client_logon(struct sim_client *client, uint64_t connection_id, struct command *command);

/* The logon of `connection_id` has been executed at its site: what is pending goes again in the new
 * epoch. Another one than it waits for changes nothing. */
void sim_client_attached(struct sim_client *client, uint64_t connection_id, uint32_t epoch);
/* Its epoch has ended. */
void sim_client_detached(struct sim_client *client, uint32_t epoch);

/* It leaves for another site. `ghost`: and the old connection goes on sending. */
void sim_client_move(struct sim_client *client, uint8_t site_id, bool ghost);

/* Make up to `count` more commands, as there is room. `true_utc_ns`: what a good clock says. */
void sim_client_trade(struct sim_client *client, uint32_t count, uint64_t now_ns,
                      uint64_t true_utc_ns);

/* The engine at its site takes `input_number_next` next in `epoch`: what lies below is done. */
void sim_client_progress(struct sim_client *client, uint32_t epoch, uint64_t input_number_next,
                         uint64_t now_ns);

/* What became of its orders after `answered` is lost, and so are its epochs: the sites that knew
 * are gone for good. It is not attached. */
void sim_client_forget(struct sim_client *client, uint32_t answered);

struct sim_pending *sim_client_pending(struct sim_lane *lane, uint32_t index);

#endif
