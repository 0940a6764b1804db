/* Trades on a market through the sessions of an ouch_client: takes actions from a source, sends
 * them when they are due, and tells everybody who wants to know (ledger, comparison, timeline) what
 * happened. Load, replay and the drills are loops around it.
 *
 * Latency is measured from the moment at which a command was due, not from when it could be sent:
 * what a slow or dead exchange holds up counts in full (no coordinated omission). */
#ifndef TOOLS_TRADER_H
#define TOOLS_TRADER_H

#include <stdbool.h>
#include <stdint.h>

#include "matching/base/histogram.h"
#include "matching/base/status.h"
#include "tools/flow.h"
#include "tools/ledger.h"
#include "tools/market_action.h"
#include "tools/order_desk.h"
#include "tools/ouch_client.h"
#include "tools/replay_compare.h"
#include "tools/timeline.h"

struct trader;

struct trader_options {
    struct ouch_client *client; /* All of its sessions trade; they have been added. */
    uint32_t window;            /* Unanswered commands a session; at most half of the client's. */
    uint64_t rate;              /* Commands a second; 0: as many as the window allows. */
    const char *const
        *endpoints;          /* Sites in turn, for each session: a connection that ends, or is
                                not to be had, is sought at the next one. NULL: the client's. */
    uint32_t endpoint_count; /* Session i begins at the one with index i modulo this. */
    uint64_t move_after_ns; /* Without an answer to anything sent, a session goes on to the next; 0:
                               it waits. */
    bool from_first;        /* The first login asks for message 1, not for what comes next. */
    struct flow *flow;      /* Either this... */
    const struct market_action *actions; /* ... or these, in their order over all sessions. */
    uint64_t action_count;
    uint32_t instrument_count;
    const uint8_t (*symbols)[SYMBOL_BYTES];
    uint32_t orders_max; /* Open or unanswered at a time. */
    enum order_desk_client_id client_id;
    uint64_t seed;
    uint64_t deadline_after_ns; /* Every second order of a session has a deadline, by this machine's
                                   clock, one to sixteen sixteenths of this after it is first sent;
                                   0: none has. */
    struct ledger *ledger;      /* Each may be NULL; all outlive the trader. */
    struct replay_compare *compare; /* Only with `actions`. */
    struct timeline *timeline;
};

struct trader_counts {
    uint64_t commands;     /* Handed to the client, barriers left out. */
    uint64_t orders;       /* Of those, orders and replaces. */
    uint64_t acknowledged; /* Accepted or replaced. */
    uint64_t rejected;
    uint64_t canceled;
    uint64_t executions; /* Each counted once. */
    uint64_t silent;     /* Commands that OUCH passed over in silence. */
    uint64_t skipped;    /* Actions on orders that were gone. */
    uint64_t refused;    /* By a gateway itself. */
    uint64_t disconnects;
    uint64_t
        moves; /* Of those, asked for by the session: nobody answered, or there was no quorum. */
    uint64_t logons;
    uint64_t logons_refused;
    uint64_t repeated;     /* Messages received again. */
    uint64_t wrong_starts; /* A stream did not go on at the number asked for. */
    uint64_t wrong_bytes;  /* A message differs from what it was before, or leaves a gap. */
    uint64_t not_ouch;     /* A message that is none of OUCH. */
};

/* STATUS_FULL: no memory. */
MUST_USE enum status trader_create(struct trader **trader, const struct trader_options *options);
void trader_destroy(struct trader *trader);

/* Connect every session that has no connection, at its next number, each at most every 50 ms. */
void trader_connect(struct trader *trader);
/* Whether all sessions are logged on and their next references are known. */
bool trader_ready(const struct trader *trader);

/* From now on actions are due. */
void trader_start(struct trader *trader);
/* No further actions; what was sent is still answered. */
void trader_stop(struct trader *trader);
/* Whether a recorded source has been sent to its end. */
bool trader_exhausted(const struct trader *trader);
/* Whether everything sent is answered. */
bool trader_settled(const struct trader *trader);

/* Send what is due, wait for events, at the latest until `due_ns`, and take them. STATUS_FULL: the
 * ledger or the comparison has no memory for what happened: nothing can be proved any more. */
MUST_USE enum status trader_step(struct trader *trader, uint64_t due_ns);

/* Warm-up is over: counts and latencies begin again at zero. */
void trader_measure(struct trader *trader);

struct trader_counts trader_counts(const struct trader *trader);
/* From due to answer: orders and replaces; cancels that were answered. */
const struct histogram *trader_order_latency(const struct trader *trader);
const struct histogram *trader_cancel_latency(const struct trader *trader);
/* When the last order was acknowledged; 0: none yet. */
uint64_t trader_acknowledged_ns(const struct trader *trader);
/* Which of the endpoints the session is at, or tries next. */
uint32_t trader_endpoint(const struct trader *trader, uint32_t session);
/* Log-on refusals, for messages: SoupBinTCP's reason of the last one, or 0. */
uint8_t trader_refusal(const struct trader *trader);

#endif
