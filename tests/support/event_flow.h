/* Plausible events of many sessions, as an engine would give them, for tests and measurements of
 * what stores or sends events. Not an engine: prices and quantities have the shapes of a market,
 * nothing matches. Same seed, same events. */
#ifndef TESTS_SUPPORT_EVENT_FLOW_H
#define TESTS_SUPPORT_EVENT_FLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "matching/base/random.h"
#include "matching/event.h"

enum event_flow_clients {
    EVENT_FLOW_EMPTY,    /* Client order ids all spaces. */
    EVENT_FLOW_COUNTING, /* A prefix and a number that grows by one. */
    EVENT_FLOW_RANDOM,   /* Random letters and digits. */
};

#define EVENT_FLOW_LIVE 32u /* Orders that a session remembers. */

struct event_flow_order {
    uint32_t user_reference;
    uint32_t instrument_id;
    uint64_t leaves_lots;
    int64_t price;
};

struct event_flow_session {
    uint64_t sequence_next;
    uint32_t reference_next;
    uint32_t live_count;
    struct event_flow_order live[EVENT_FLOW_LIVE];
};

struct event_flow {
    struct random random;
    enum event_flow_clients clients;
    uint32_t session_count;
    uint32_t instrument_count;
    uint64_t now_ns;
    uint64_t order_id;
    uint64_t match_number;
    uint64_t orders; /* Orders entered so far. */
    int64_t *mid_prices;
    struct event_flow_session *sessions; /* By id, from 1. */
    struct event waiting[4];             /* Events of the last command, first one next. */
    uint32_t waiting_count;
};

/* Takes memory; event_flow_destroy() gives it back. */
void event_flow_create(struct event_flow *flow, uint64_t seed, uint32_t sessions,
                       uint32_t instruments, enum event_flow_clients clients);
void event_flow_destroy(struct event_flow *flow);

/* The next event. A session's first one is the start of its generation. About one in 4,000 begins
 * a new generation, but only with `generations` set. */
void event_flow_next(struct event_flow *flow, bool generations, struct event *event);

#endif
