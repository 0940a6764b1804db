/* What a participant does to a market, whatever it comes from: a recorded day (lobster, bitstamp)
 * or the generator (flow). Tools turn actions into OUCH messages of real sessions; tests into
 * commands.
 *
 * Prices are integers in the source's unit, which it documents; quantities are lots. Sessions and
 * instruments are indexes from 0: whoever sends maps them to names. */
#ifndef TOOLS_MARKET_ACTION_H
#define TOOLS_MARKET_ACTION_H

#include <stdint.h>

#include "matching/command.h"

enum market_action_type {
    MARKET_ACTION_ENTER = 1,   /* A limit order, day: rests with what does not trade at once. */
    MARKET_ACTION_TAKE = 2,    /* A limit order, immediate or cancel. */
    MARKET_ACTION_REDUCE = 3,  /* Part of an open order is taken off; it keeps its priority. */
    MARKET_ACTION_CANCEL = 4,  /* An open order is taken off. */
    MARKET_ACTION_REPLACE = 5, /* An open order becomes a new one with another price or quantity. */
};

struct market_action {
    uint64_t time_ns;  /* Since the source's midnight or start; never decreases. */
    uint64_t order_id; /* The source's, unique in it: of the new order, or of the one acted on. */
    uint64_t new_order_id; /* Replace: the order's id from here on; else 0. */
    uint64_t quantity; /* Enter, take, replace: what is open at first. Reduce: what is taken off. */
    uint64_t total;    /* Reduce: the order's new whole size, what traded included, as OUCH's
                          Cancel wants it. Else as quantity. */
    int64_t price;     /* Enter, take, replace; else 0. */
    uint32_t session;  /* From 0; whose order it is. */
    uint16_t instrument; /* From 0. */
    uint8_t type;        /* enum market_action_type. */
    uint8_t side;        /* SIDE_BUY or SIDE_SELL, of the order. */
};

/* An execution that the exchange recorded: one for each pair of incoming and resting order. */
struct market_fill {
    uint64_t time_ns;
    uint64_t take_id;    /* order_id of the action that traded. */
    uint64_t resting_id; /* order_id of the order that it met. */
    uint64_t line; /* Of the file, from 1: where the incoming order's first execution stands. */
    int64_t price;
    uint64_t quantity;
};

/* Ids of takes that the source does not name lie above all that it names. */
#define MARKET_TAKE_ID (UINT64_C(1) << 62)

#endif
