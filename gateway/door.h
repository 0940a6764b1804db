/* Doors: the client connections of a loop. Each speaks OUCH over SoupBinTCP for one session.
 *
 * A door turns a client's messages into commands for its session's shard, and its session's stream
 * into messages. It holds a cursor into the stream, never a queue of its own: a slow client costs
 * nothing but its place. When a shard's queue is full the door stops reading, and the client's
 * socket pushes back. All calls from the loop thread. protocol.md tells what clients see. */
#ifndef GATEWAY_DOOR_H
#define GATEWAY_DOOR_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/credential.h"
#include "gateway/router.h"
#include "gateway/session_store.h"
#include "gateway/soupbin.h"
#include "matching/base/limits.h"
#include "matching/engine.h"
#include "replication/io/io.h"

#define DOOR_SEND_BYTES     32768u /* One send of a door: many messages. */
#define DOOR_REFUSALS_MAX   8u     /* Unsent refusals of a door; then it stops reading. */
#define DOOR_LOGIN_LIMIT_MS 10000u /* From connect to a login accepted. */
#define DOOR_NONE           UINT32_MAX

/* Why a door closed; counted and logged. */
enum door_end {
    DOOR_END_LOGOUT,            /* The client said so. */
    DOOR_END_PEER_CLOSED,       /* The client closed its connection. */
    DOOR_END_CONNECTION_FAILED, /* Reset, timed out by the network. */
    DOOR_END_SILENT,            /* No packet for the heartbeat limit. */
    DOOR_END_LOGIN_TIMEOUT,     /* Connected, but did not log in in time. */
    DOOR_END_NOT_AUTHORIZED,    /* Unknown session or wrong password: Login Rejected `A`. */
    DOOR_END_NO_SUCH_SESSION,   /* Another generation or a number not yet reached: `S`. */
    DOOR_END_BAD_PACKET,        /* Bytes that are no SoupBinTCP packet, or one out of place. */
    DOOR_END_BAD_MESSAGE,       /* A payload that is no OUCH 5.0 message. */
    DOOR_END_NOT_SERVED,        /* A message of OUCH 5.0 that is not offered. */
    DOOR_END_REPLACED,          /* The session logged on again elsewhere. */
    DOOR_END_SESSION_ENDED,     /* End of Session: the generation was rolled. */
    DOOR_END_FULL,              /* No room for another connection. */
    DOOR_END_SHUTDOWN,          /* The site stops. */
    DOOR_END_MARKET_CLOSED,     /* This site cannot serve the session's shard now; others may. */
    DOOR_END_COUNT
};

const char *door_end_text(enum door_end end);

/* One shard as doors see it. */
struct door_market {
    struct router *router;
    struct engine *engine;
    struct session_store *streams;
    bool closed; /* Nobody is let in: what this site computes is wrong, or being made anew. */
    bool halted; /* For good (site_halt.h): closed, and who is logged on is refused everything. */
};

struct doors_options {
    struct io *io;
    struct credential_worker *credentials;
    const struct door_market *markets; /* Outlive the doors. */
    uint32_t market_count;
    uint32_t sessions_max; /* Of each market. */
    uint32_t connections_max;
    uint32_t buffer_ids_max; /* io's receive buffers and handles together: ids lie below. */
    uint8_t site_id;
    bool soupbin_unsequenced; /* Refusals to 49-byte logins go out as `U`, else as `+`. */
    uint8_t token_class;      /* Top byte of every token that belongs to doors. */
};

struct doors;

MUST_USE enum status doors_create(struct doors **doors, const struct doors_options *options);
/* After io_destroy(): nothing points into the send buffers any more. */
void doors_destroy(struct doors *doors);

/* The token to listen with. */
uint64_t doors_listen_token(const struct doors *doors);

/* Before the completions of a poll: what they bring counts as here since `arrived_ns`. */
void doors_arrival(struct doors *doors, uint64_t arrived_ns);

/* Take a completion whose token has the doors' class. */
void doors_complete(struct doors *doors, const struct io_completion *completion);

/* An event of a market's engine, after it has been appended to the stream. */
void doors_event(struct doors *doors, uint32_t market_index, const struct event *event);

/* A market is about to be made anew or not to be served: its connections end and are reported. */
void doors_market_close(struct doors *doors, uint32_t market_index);
/* A market has halted: those who are about to log on are sent away; the others are refused. What is
 * to be reported of them waits in vain. */
void doors_market_halt(struct doors *doors, uint32_t market_index);
/* After recovery, and when it stands again with another engine: report every session of it that a
 * former life of this site left attached as logged off. */
void doors_market_reconcile(struct doors *doors, uint32_t market_index);

/* Once a loop turn, after commits have been executed: takes password checks, lets waiting doors go
 * on, sends what the streams have. `refuse_orders`: the journal's store is nearly full.
 * STATUS_DAMAGED: a stream could not be read back; the process must end. */
MUST_USE enum status doors_run(struct doors *doors, bool refuse_orders);

/* When doors_run() wants to be called at the latest (heartbeats, silence), monotonic. */
uint64_t doors_due_ns(const struct doors *doors);

/* Whether log-offs still wait to enter the journal, those of markets that have halted aside. */
bool doors_waiting(const struct doors *doors);

/* Say End to nobody, close everything (before the process ends in good order). */
void doors_close_all(struct doors *doors);

struct doors_counts {
    uint32_t connections; /* Now. */
    uint32_t attached;    /* Logged on, now. */
    uint64_t accepted;
    uint64_t messages_in;
    uint64_t messages_out;
    uint64_t bytes_in;
    uint64_t bytes_out;
    uint64_t refused; /* Unsequenced refusals. */
    uint64_t pauses;  /* Times a door stopped reading. */
    uint64_t ends[DOOR_END_COUNT];
};
void doors_counts(const struct doors *doors, struct doors_counts *counts);

#endif
