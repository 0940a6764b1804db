/* What door.c (input) and door_output.c (output) share: the table of doors. Nobody else includes
 * it. */
#ifndef GATEWAY_DOOR_TABLE_H
#define GATEWAY_DOOR_TABLE_H

#include "gateway/door.h"
#include "gateway/door_logoff.h"
#include "gateway/ouch.h"

enum door_state {
    DOOR_FREE = 0,
    DOOR_LOGIN,     /* Connected; waits for a Login Request. */
    DOOR_VERIFYING, /* The password is being checked. */
    DOOR_ATTACHING, /* The logon is on its way through the journal. */
    DOOR_ATTACHED,
    DOOR_DRAINING, /* Its generation was ended: it gets the rest, and the session is free. */
    DOOR_CLOSING,  /* io_close() is under way. */
};

/* One client connection. */
struct door {
    uint8_t state; /* enum door_state. */
    bool version_4_10;
    bool receiving;     /* io_receive_start() was called. */
    bool sending;       /* The door's send buffer is with the kernel. */
    bool verified;      /* The password was right. */
    bool held_set;      /* `held` waits to be parsed from held_offset on. */
    bool paused;        /* In the list of doors that wait for room in their shard. */
    bool ready;         /* In the list of doors that have something to send. */
    bool send_accepted; /* Login Accepted is due. */
    bool send_heartbeat;
    bool send_end;         /* End of Session is due, then close. */
    bool close_when_sent;  /* `end` says why. */
    uint8_t send_rejected; /* Login Rejected with this reason is due, then close. 0: none. */
    uint8_t end;           /* enum door_end, when closing. */
    uint32_t handle;
    uint32_t reuse_count; /* How often this slot was used: part of tokens and connection ids. */
    uint32_t market_index;
    uint32_t login_session_id; /* Asked for; session_id once attached, else 0. */
    uint32_t session_id;
    uint32_t epoch;
    uint32_t next_paused; /* Lists by index, DOOR_NONE at the end. */
    uint32_t next_ready;
    uint32_t heartbeat_timeout_ms;
    uint32_t refusal_count;
    uint32_t partial_bytes;
    uint32_t held_first; /* Received, not yet taken: a list by buffer id, DOOR_NONE at its end. */
    uint32_t held_last;
    uint32_t held_offset; /* Taken of the first one. */
    uint64_t connection_id;
    uint64_t input_number_next;
    uint64_t generation;
    uint64_t login_sequence; /* Requested; 0: the next one. */
    uint64_t cursor;         /* Sequence number of the next message to send. */
    uint64_t end_sequence;   /* Of the generation's last message, with send_end. */
    uint64_t connected_ns;
    uint64_t received_ns; /* Last sign of life. */
    uint64_t arrived_ns;  /* Of what is being parsed: its age counts from here. */
    uint64_t sent_ns;
    struct ouch_refused refusals[DOOR_REFUSALS_MAX];
    /* Of each channel, the reference refused that comes next, or 0: a later one must not overtake
     * it, since the engine would then take it for a retransmission. */
    uint32_t refused_references[CHANNELS_MAX];
    uint8_t refused_reason;                   /* enum ouch_refusal, of the last of them. */
    uint8_t partial[CLIENT_PACKET_BYTES_MAX]; /* Start of a packet whose rest is still to come. */
};

/* A receive buffer that a door keeps because its shard has no room. */
struct door_held {
    struct io_completion completion;
    uint64_t arrived_ns;
    uint32_t next; /* Buffer id, DOOR_NONE at the end. */
};

/* Doors by index, first in first out. */
struct door_list {
    uint32_t first;
    uint32_t last;
};

struct doors {
    struct doors_options options;
    struct door *table; /* connections_max of them. */
    uint32_t *free_indexes;
    uint32_t free_count;
    uint32_t *attached[SHARDS_MAX]; /* By session id: the attached door, or DOOR_NONE. */
    struct door_held *held;         /* By buffer id. */
    struct door_logoff_queue logoffs[SHARDS_MAX];
    struct door_list paused;
    struct door_list ready;
    uint8_t *send_memory; /* DOOR_SEND_BYTES for each door: untouched, they cost nothing. */
    uint32_t sweep_index; /* Heartbeats: where the next sweep goes on. */
    uint64_t sweep_due_ns;
    uint64_t connection_salt; /* Random a start: connection ids differ between lives. */
    uint64_t refused_log_ns;  /* When a bad connection was last logged: once a second at most. */
    uint64_t arrived_ns;      /* What completes now came no later, if this process had run. */
    bool refuse_orders;
    struct doors_counts counts;
};

/* door.c */
void door_end(struct doors *doors, struct door *door, enum door_end end);
uint32_t door_index(const struct doors *doors, const struct door *door);
uint64_t door_token(const struct doors *doors, const struct door *door);

/* door_input.c */
void door_input_received(struct doors *doors, struct door *door,
                         const struct io_completion *completion);
void door_input_go_on(struct doors *doors, struct door *door);
/* Give every buffer that the door keeps back to io. */
void door_input_drop(struct doors *doors, struct door *door);
/* Whether the client asked for something that the session has: its generation, a number reached. */
bool door_input_fits(const struct door *door, const struct engine_session *session);
void door_input_reject(struct doors *doors, struct door *door, enum soupbin_reject reason);
/* The password is right: send the logon through the journal, now or as soon as there is room. */
void door_input_attach(struct doors *doors, struct door *door);

/* door_output.c */
void door_output_ready(struct doors *doors, struct door *door);
void door_output_sent(struct doors *doors, struct door *door, int32_t result);
MUST_USE enum status door_output_run(struct doors *doors);

#endif
