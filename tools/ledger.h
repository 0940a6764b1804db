/* A client-side ledger of every order: proves from the outside that nothing acknowledged was lost
 * and nothing was executed twice.
 *
 * It knows only what went over the wire (what was sent, what each session's stream said) and, at
 * the end, which commands stand in the journal. It shares no code with the engine: a mistake there
 * is not repeated here. It must see every session that trades, from its first message on. */
#ifndef TOOLS_LEDGER_H
#define TOOLS_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "matching/base/status.h"
#include "matching/command.h"
#include "matching/event.h"

#define LEDGER_FINDINGS_MAX 10u /* Kept with their circumstances; all are counted. */

/* What must never happen. */
enum ledger_violation {
    LEDGER_STREAM_GAP = 0,     /* A session's message is not the next one. */
    LEDGER_NEVER_SENT,         /* An answer to an order that was not sent. */
    LEDGER_ANSWERED_TWICE,     /* Accepted, rejected or replaced a second time. */
    LEDGER_IN_DOUBT,           /* Sent, but no answer at the end. */
    LEDGER_LATE,               /* Accepted or replaced with a stamp behind its deadline. */
    LEDGER_NOT_LATE,           /* Rejected as too late with a stamp that is not behind it;
                                  sessions have no maximum age. */
    LEDGER_NOT_IN_JOURNAL,     /* Acknowledged, but the journal does not have it. */
    LEDGER_JOURNAL_DIFFERS,    /* The journal has another order under its reference. */
    LEDGER_UNKNOWN_ORDER,      /* Executed, canceled or replaced, but not open. */
    LEDGER_TOO_MUCH,           /* Executed or canceled beyond the order's quantity. */
    LEDGER_WORSE_THAN_LIMIT,   /* Executed at a price worse than its limit. */
    LEDGER_MATCH_TWICE,        /* A third side of one match: executed twice. */
    LEDGER_MATCH_SIDES_DIFFER, /* Two sides of a match differ in price or quantity, or agree in
                                  buy/sell or added/removed. */
    LEDGER_MATCH_ONE_SIDED,    /* The other side was never told. */
    LEDGER_MATCH_MISSING,      /* A match number below the highest that nobody was told. */
    LEDGER_MATCH_IMPOSSIBLE,   /* A match number higher than there can be matches. */
    LEDGER_VIOLATIONS
};

struct ledger_finding {
    enum ledger_violation violation;
    uint32_t session;
    uint8_t channel;
    uint32_t user_reference;
    uint64_t sequence; /* Of the message, or 0. */
    uint64_t match_number;
};

struct ledger_counts {
    uint64_t sent;
    uint64_t accepted;
    uint64_t rejected;
    uint64_t too_late; /* Of those, behind their deadline. */
    uint64_t replaced;
    uint64_t canceled;
    uint64_t messages;
    uint64_t refused;
    uint64_t executions; /* Matches: each has two sides. */
    uint64_t quantity_executed;
    uint64_t with_deadline; /* Orders and replaces answered that had one. */
    uint64_t in_journal;    /* Orders and replaces, of the journal that is being fed. */
    uint64_t violations[LEDGER_VIOLATIONS];
};

struct ledger;

/* For sessions 0 .. sessions_max - 1 and at most `orders_max` orders. STATUS_FULL: no memory. */
MUST_USE enum status ledger_create(struct ledger **ledger, uint32_t sessions_max,
                                   uint64_t orders_max);
void ledger_destroy(struct ledger *ledger);

/* An order or replace was handed to the client for the first time (other commands: ignored).
 * STATUS_FULL: orders_max; the ledger then proves nothing. */
MUST_USE enum status ledger_sent(struct ledger *ledger, uint32_t session,
                                 const struct command *command);

/* The next message of a session's stream, as decoded from OUCH; every one, once. */
MUST_USE enum status ledger_event(struct ledger *ledger, uint32_t session, uint64_t sequence,
                                  const struct event *event);

/* A gateway refused an order by itself: it may stay without an answer. */
void ledger_refused(struct ledger *ledger, uint32_t session, uint8_t channel,
                    uint32_t user_reference);

/* A command of the session stands in the journal. The same order may stand there twice: it was sent
 * again, and executed once. */
void ledger_journal(struct ledger *ledger, uint32_t session, const struct command *command);

/* Everything of one journal has been fed: look for what is missing in it, so that the next one can
 * be fed. Returns how many were missing. ledger_close() then need not look for it: `journal` false.
 */
uint64_t ledger_journal_end(struct ledger *ledger);
/* The same of a journal that need not have everything: nothing is looked for. */
void ledger_journal_forget(struct ledger *ledger);

/* After everything has been fed: look for what is missing. `journal`: the journal was fed too.
 * Returns how many violations there are in all. */
uint64_t ledger_close(struct ledger *ledger, bool journal);

struct ledger_counts ledger_counts(const struct ledger *ledger);
/* The first LEDGER_FINDINGS_MAX findings; returns how many. */
uint32_t ledger_findings(const struct ledger *ledger, const struct ledger_finding **findings);

/* A sentence's worth, for example "executed beyond its quantity". */
const char *ledger_violation_text(enum ledger_violation violation);

#endif
