/* The commands of one session that the exchange has not answered yet, in the order they were sent:
 * what a client sends again, with the same references, after it has lost its connection.
 *
 * OUCH answers in order, but not everything: a cancel that comes too late and a replace of a dead
 * order are passed over in silence (OUCH 5.0, "Cancel Order", "Replace Order"). So an answer to one
 * command also settles those before it, but for orders entered: they are always answered. One that
 * is not was refused by a gateway, and the refusal lost with the connection: it goes out again.
 * Only an answer to a later order of its channel says that it is too late for that. A gateway's
 * refusal is no such answer: it comes at once, while commands before it are still on their way, and
 * settles nothing but its own. */
#ifndef TOOLS_OUCH_PENDING_H
#define TOOLS_OUCH_PENDING_H

#include <stdbool.h>
#include <stdint.h>

#include "matching/base/status.h"
#include "matching/command.h"
#include "matching/event.h"

struct ouch_pending_entry {
    struct command command;
    uint64_t tag; /* The caller's; comes back with the answer. */
    bool settled; /* While others before it are not. Never sent again. */
};

/* Owned by whoever called ouch_pending_create(). Counters never wrap: first <= sent <= next. */
struct ouch_pending {
    struct ouch_pending_entry *entries;
    uint32_t capacity; /* A power of two. */
    uint64_t first;    /* Oldest unanswered. */
    uint64_t sent;     /* Next to go out on this connection. */
    uint64_t next;     /* Where the next command will stand. */
};

/* `capacity`: a power of two. STATUS_FULL: no memory. */
MUST_USE enum status ouch_pending_create(struct ouch_pending *pending, uint32_t capacity);
void ouch_pending_destroy(struct ouch_pending *pending);

/* Commands not answered, sent or not; those settled behind them take room, too. */
uint32_t ouch_pending_count(const struct ouch_pending *pending);

/* Put a command behind all others. STATUS_FULL changes nothing. */
MUST_USE enum status ouch_pending_put(struct ouch_pending *pending, const struct command *command,
                                      uint64_t tag);

/* The next command to go out, or NULL; ouch_pending_advance() says that it has. */
const struct command *ouch_pending_unsent(const struct ouch_pending *pending);
void ouch_pending_advance(struct ouch_pending *pending);

/* A new connection: everything unanswered goes out again, oldest first. */
void ouch_pending_rewind(struct ouch_pending *pending);

/* What an event settled. */
struct ouch_pending_answer {
    uint64_t tag;          /* Of the command that was answered. */
    uint32_t silent_count; /* Commands before it that got no answer of their own. */
    uint8_t command_type;  /* enum command_type of the one that was answered. */
};

/* Settle what `event` of the session's stream answers. False: it answers nothing pending. */
bool ouch_pending_take(struct ouch_pending *pending, const struct event *event,
                       struct ouch_pending_answer *answer);

/* Settle what a gateway refused by itself (it will never be executed). False: nothing such. */
bool ouch_pending_refuse(struct ouch_pending *pending, uint8_t channel, uint32_t user_reference,
                         struct ouch_pending_answer *answer);

#endif
