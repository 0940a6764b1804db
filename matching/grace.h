/* Grace periods: how long the orders of a session that was disconnected stay (rules.md 2.6).
 *
 * Those that run stand in a heap, the one that ends first on top, of those that end at the same
 * time the one of the lowest session id: what is next is known at once, and a logon takes any of
 * them out quickly. Those that are over stand behind the heap, in the same array, until their
 * orders are canceled. Which period runs until when is state; where it stands means nothing. */
#ifndef MATCHING_GRACE_H
#define MATCHING_GRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "matching/base/arena.h"
#include "matching/base/assertion.h"
#include "matching/base/status.h"

/* Of one session. All zeros while none runs. */
struct grace_period {
    uint64_t ends_ns;
    uint32_t length_ms;
    uint32_t place; /* In the heap, from 1; 0: none runs. */
};

struct grace {
    struct grace_period *periods; /* By session id; 0 is not used. */
    bool *over;                   /* By session id: its orders are being canceled. */
    uint32_t *places;             /* Session ids, from 1: the heap, then those that are over. */
    uint32_t count;               /* In the heap. */
    uint32_t over_count;
    uint32_t sessions_max;
};

size_t grace_bytes(uint32_t sessions_max);

/* STATUS_FULL: the arena is too small. */
MUST_USE enum status grace_create(struct grace *grace, struct arena *arena, uint32_t sessions_max);

static inline bool grace_runs(const struct grace *grace, uint32_t session_id)
{
    ASSERT(session_id >= 1);
    ASSERT(session_id <= grace->sessions_max);
    return grace->periods[session_id].place != 0;
}

/* A period of this session begins. Asserts: none runs, none is over. */
void grace_start(struct grace *grace, uint32_t session_id, uint64_t ends_ns, uint32_t length_ms);

/* It ends without effect; nothing when none runs. Asserts: none is over. */
void grace_stop(struct grace *grace, uint32_t session_id);

/* When the first one ends. False: none runs. */
bool grace_next(const struct grace *grace, uint64_t *ends_ns);

/* All that run begin anew at `now_ns`. Asserts: none is over. */
void grace_restart(struct grace *grace, uint64_t now_ns);

/* Take out those that end by `now_ns`, a bounded number of them: they are over.
 * STATUS_MORE: call again. */
MUST_USE enum status grace_collect(struct grace *grace, uint64_t now_ns);

/* The session of one that is over; `index` below over_count. */
static inline uint32_t grace_over_session(const struct grace *grace, uint32_t index)
{
    ASSERT(index < grace->over_count);
    uint32_t session_id = grace->places[grace->count + 1 + index];
    ASSERT(grace->over[session_id]);
    return session_id;
}

/* Their orders are gone: nothing is over any more. */
void grace_forget(struct grace *grace);

#endif
