/* Turns market actions into commands of client sessions, and knows which reference is which order.
 *
 * It keeps what is open, or sent and not yet answered, as the sessions' streams tell it; so its
 * memory is bounded by that, not by the length of the day. Orders of the source have ids, orders on
 * OUCH a session and a reference. */
#ifndef TOOLS_ORDER_DESK_H
#define TOOLS_ORDER_DESK_H

#include <stdbool.h>
#include <stdint.h>

#include "matching/base/status.h"
#include "matching/command.h"
#include "matching/event.h"
#include "tools/market_action.h"

/* What stands in ClOrdID: it decides how many bytes an order costs. */
enum order_desk_client_id {
    ORDER_DESK_EMPTY,
    ORDER_DESK_COUNTING,
    ORDER_DESK_RANDOM,
};

struct order_desk_options {
    uint32_t session_count;
    uint32_t instrument_count;
    const uint8_t (*symbols)[SYMBOL_BYTES]; /* By instrument; copied. */
    uint32_t orders_max;                    /* Open or unanswered at a time. */
    enum order_desk_client_id client_id;
    uint64_t seed; /* Of random client order ids. */
};

struct order_desk;

/* STATUS_FULL: no memory. */
MUST_USE enum status order_desk_create(struct order_desk **desk,
                                       const struct order_desk_options *options);
void order_desk_destroy(struct order_desk *desk);

/* The next reference of a session, from 1: what an Account Query says. */
void order_desk_reference_set(struct order_desk *desk, uint32_t session, uint32_t reference);

/* The command for `action`. Enter and take use `*session`; the others set it to the session that
 * has the order. STATUS_NOT_FOUND: that order is not open (any more): nothing is made. STATUS_FULL:
 * orders_max are open; nothing is made. */
MUST_USE enum status order_desk_command(struct order_desk *desk, const struct market_action *action,
                                        uint32_t *session, struct command *command);

struct order_desk_news {
    uint64_t order_id; /* The source's. */
    bool gone;         /* Not open any more. */
};

/* The next message of a session's stream. False when it tells nothing of a known order. */
bool order_desk_event(struct order_desk *desk, uint32_t session, const struct event *event,
                      struct order_desk_news *news);

/* A gateway refused the command with this reference: an order then is gone. Likewise. */
bool order_desk_refused(struct order_desk *desk, uint32_t session, uint8_t channel,
                        uint32_t reference, struct order_desk_news *news);

/* Orders open or unanswered. */
uint32_t order_desk_count(const struct order_desk *desk);

#endif
