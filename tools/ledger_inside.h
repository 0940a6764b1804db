/* What ledger.c (what the wire says) and ledger_journal.c (what journals say, and what they lack)
 * share. Nobody else looks in. */
#ifndef TOOLS_LEDGER_INSIDE_H
#define TOOLS_LEDGER_INSIDE_H

#include "tools/ledger.h"

/* Bits of ledger_order.flags. */
#define LEDGER_SENT                0x01u
#define LEDGER_ACCEPTED            0x02u /* Or replaced: it lived. */
#define LEDGER_REJECTED            0x04u
#define LEDGER_LIVE                0x08u
#define LEDGER_SIDE_BUY            0x10u
#define LEDGER_MARKET              0x20u
#define LEDGER_JOURNAL             0x40u
#define LEDGER_SILENT              0x80u /* May stay without an answer: a replace, or refused by a gateway. */
#define LEDGER_CANCEL_ACKNOWLEDGED 0x100u
#define LEDGER_CANCEL_JOURNALED    0x200u
#define LEDGER_DEADLINE            0x400u

struct ledger_order {
    uint64_t key; /* 0: free. */
    uint64_t quantity_lots;
    uint64_t leaves_lots;
    uint64_t body_hash; /* Of the command as sent. */
    int64_t price;
    uint64_t deadline_ns; /* UTC; with LEDGER_DEADLINE. */
    uint32_t flags;
};

struct ledger_match {
    uint64_t quantity_lots;
    int64_t price;
    uint8_t sides; /* Seen. */
    bool first_added;
    bool first_buy;
};

struct ledger {
    struct ledger_order *orders; /* Open addressing; at most 3/4 full. */
    uint64_t order_room;         /* A power of two. */
    uint64_t order_count;
    uint64_t orders_max;
    struct ledger_match *matches; /* Match number i + 1. */
    uint64_t match_room;
    uint64_t match_last; /* Highest number seen. */
    uint64_t *sequence_next;
    uint32_t sessions_max;
    struct ledger_counts counts;
    struct ledger_finding findings[LEDGER_FINDINGS_MAX];
    uint32_t finding_count;
};

/* Counts a violation of the order with this key, and keeps the first ones. */
void ledger_find_order(struct ledger *ledger, enum ledger_violation violation, uint64_t key,
                       uint64_t sequence, uint64_t match_number);
uint64_t ledger_key(const struct ledger *ledger, uint32_t session, uint8_t channel,
                    uint32_t user_reference);
/* NULL: no such order was sent. */
struct ledger_order *ledger_get(struct ledger *ledger, uint64_t key);
/* Hash over what the client decides. */
uint64_t ledger_body_hash(const struct command *command);
/* Whether an answer to the order came out that the journal does not account for. */
bool ledger_journal_lacks(const struct ledger_order *order);

#endif
