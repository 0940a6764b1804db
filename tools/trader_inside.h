/* What trader.c (sending) and trader_take.c (receiving) share. Nobody else looks in. */
#ifndef TOOLS_TRADER_INSIDE_H
#define TOOLS_TRADER_INSIDE_H

#include "tools/trader.h"

#define TRADER_EVENTS 256u

struct trader_session {
    uint64_t connect_next_ns; /* Not before. */
    uint64_t answered_ns;     /* When a message last came, or the connection was made. */
    uint32_t endpoint;        /* Of the next connection, or of this one. */
    bool reference_known;
    bool active; /* Logged on. */
    bool moving; /* It has been told to leave, and has not yet left. */
};

struct trader {
    struct trader_options options;
    struct order_desk *desk;
    struct trader_session *sessions;
    uint32_t session_count;
    uint32_t active_count; /* Logged on. */
    uint32_t known_count;  /* Sessions whose next reference is known. */
    uint64_t start_ns;
    uint64_t action_next; /* How many actions were taken from the source since the start. */
    bool sending;
    bool held; /* `command` is made and waits for room in its session. */
    bool held_blocked;
    uint32_t held_session;
    uint64_t held_due_ns;
    uint64_t held_order_id;
    struct command command;
    uint32_t last_session; /* Of the last command sent: recorded actions keep one order. */
    uint64_t answer_ns;    /* When something was last answered. */
    uint64_t acknowledged_ns;
    uint8_t refusal;
    struct trader_counts counts;
    struct histogram order_latency;
    struct histogram cancel_latency;
    struct ouch_session_event events[TRADER_EVENTS];
};

/* The session leaves its site; it goes on at the next. */
void trader_move(struct trader *trader, uint32_t session);
/* Take one event of the client. STATUS_FULL as trader_step(). */
MUST_USE enum status trader_take(struct trader *trader, const struct ouch_session_event *event);

#endif
