/* A client with several orders under way, which keeps its own record of what was acknowledged and
 * holds the sites to it afterwards (DESIGN.md 1: P1, P2, P3). Orders rest: nothing trades. */
#ifndef TESTS_SUPPORT_ORDER_FLOW_H
#define TESTS_SUPPORT_ORDER_FLOW_H

#include "tests/support/site_process.h"
#include "tests/support/soup_client.h"

struct order_flow {
    struct soup_client client;
    const struct site_process *site; /* Where it is logged on. */
    const char *session;
    const char *symbol;
    uint32_t sent;     /* Reference of the last order sent. */
    uint32_t accepted; /* References 1 to this have been acknowledged, in this order. */
    uint32_t refused;  /* Unsequenced, and sent again: how often. */
    uint8_t stream_hash[32];
    bool stream_seen;
};

void order_flow_begin(struct order_flow *flow, const struct site_process *site, const char *session,
                      const char *symbol);
/* Log on at another site, behind what has been seen, and send again what was under way: it may have
 * been executed or be lost, and executes once (P2). */
void order_flow_move(struct order_flow *flow, const struct site_process *site);
void order_flow_close(struct order_flow *flow);

void order_flow_send(struct order_flow *flow);
/* Whether there is an answer that was not taken yet. */
bool order_flow_answered(struct order_flow *flow);
/* Until all that was sent is acknowledged; what is refused is sent again. */
void order_flow_drain(struct order_flow *flow);
/* So many more, several under way at once, until all of them are acknowledged. */
void order_flow_trade(struct order_flow *flow, uint32_t count);

/* Launch the site, and trade until it serves; fails when it ends instead. */
void order_flow_start(struct order_flow *flow, struct site_process *site);
/* Trade until a program has ended; returns its exit status, 128 + signal when killed. */
int order_flow_finish(struct order_flow *flow, pid_t pid);

/* The session's stream at this site is what has been acknowledged, each order once and in order,
 * and byte for byte what it was at other sites that were asked. The flow is closed. */
void order_flow_verify(struct order_flow *flow, const struct site_process *site);

#endif
