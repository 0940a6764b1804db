/* What the administration thread and the loop thread say to each other: fixed-size messages through
 * two rings (admin.h). The HTTP side never touches an engine; the loop answers from its own state
 * between two turns. */
#ifndef GATEWAY_ADMIN_MESSAGE_H
#define GATEWAY_ADMIN_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/admin_change.h"
#include "gateway/config.h"
#include "gateway/door.h"
#include "gateway/genesis.h"
#include "gateway/session_store.h"
#include "matching/command.h"
#include "matching/engine.h"
#include "matching/event.h"
#include "replication/journal.h"
#include "replication/link.h"
#include "replication/shard.h"

enum admin_kind {
    ADMIN_SITE = 1,   /* answer.body.site. */
    ADMIN_SHARD,      /* answer.body.shard; STATUS_NOT_FOUND: no such shard. */
    ADMIN_INSTRUMENT, /* answer.body.instrument, by object_id; STATUS_NOT_FOUND ends a list. */
    ADMIN_FIRM,       /* answer.body.firm, likewise. */
    ADMIN_SESSION,    /* answer.body.session, likewise. */
    ADMIN_COMMAND,    /* answer.body.event: EVENT_ADMINISTRATION, once it has been executed. */
    ADMIN_CHANGE,     /* answer.body.change, at once: what it begins may take long. */
};

struct admin_request {
    uint64_t ticket; /* Comes back in the answer. */
    enum admin_kind kind;
    uint16_t shard_id;  /* From 1; 0 for ADMIN_SITE. */
    uint32_t object_id; /* Of an instrument, firm or session, from 1. */
    union {
        struct command command;     /* ADMIN_COMMAND: an administrative one, submitted as it is. */
        struct admin_change change; /* ADMIN_CHANGE. */
    };
};

/* A link to another site, since this process started. */
struct admin_peer {
    bool known; /* Else all zeros. */
    bool connected;
    uint64_t round_trip_ns; /* Of the best path; 0: not measured yet. */
    uint64_t bytes_out;     /* As TCP carries them. */
    uint64_t bytes_in;
    uint64_t dropped;                /* Frames that found no room, or whose connection ended. */
    uint64_t connects;               /* Paths that came up. */
    uint64_t millibytes_per_command; /* bytes_out by commands_logged of the site (egress.h). */
    uint64_t cost_micros;            /* Of bytes_out, by the price list; rounded down. */
};

struct admin_site {
    char cluster[CONFIG_NAME_BYTES];
    char site[CONFIG_NAME_BYTES];
    char provider[CONFIG_NAME_BYTES];
    const char *io_features; /* Static. */
    uint8_t site_id;
    struct config_site sites[SITES_MAX]; /* All that are known, as in struct config. */
    uint8_t genesis[GENESIS_HASH_BYTES];
    uint32_t shard_count;
    bool serving;        /* Clients are let in. */
    bool orders_refused; /* The store is nearly full. */
    uint64_t wall_ns;    /* UTC. */
    uint64_t uptime_ns;
    struct journal_usage journal;
    struct doors_counts doors;
    uint64_t evidence_files; /* Tails that were never committed, dropped and kept. */
    uint64_t evidence_bytes;
    uint64_t commands_logged; /* Of all shards, since this process started: records_logged. */
    struct admin_peer peers[SITES_MAX]; /* Of site id - 1. */
    uint64_t link_ends[LINK_END_COUNT]; /* Connections that ended or were refused, of all. */
};

struct admin_shard {
    uint16_t shard_id;
    char name[CONFIG_NAME_BYTES];
    uint32_t queue_room; /* shard_room(). */
    struct shard_status log;
    struct engine_totals totals;
    uint64_t event_hash;
    struct engine_shard market; /* engine_shard_view(). */
    struct session_store_usage streams;
    struct placement_record placement;
    uint64_t placement_log_index;
    uint64_t election_ns;   /* shard_election_ns(). */
    uint16_t follower_mask; /* At the leader: whom `followers` has, bit (site_id - 1). */
    struct shard_follower followers[SITES_MAX];
    struct repair_report report; /* Its `promised` is NULL, this is it: */
    bool promised_set;
    struct repair promised;
};

struct admin_answer {
    uint64_t ticket;
    enum admin_kind kind;
    enum status status; /* ADMIN_COMMAND: STATUS_FULL, STATUS_NOT_YET: not submitted, ask again;
                           STATUS_FOREIGN: not submitted, the shard has halted here;
                           STATUS_TIMEOUT: submitted, outcome unknown. */
    union {
        struct admin_site site;
        struct admin_shard shard;
        struct engine_instrument instrument;
        struct engine_firm firm;
        struct engine_session session;
        struct event event;
        struct admin_change_result change;
    } body;
};

#endif
