/* The clients of one shard in a drill of several sites: sessions, order flow, ledger and timeline,
 * on a thread of their own. A session that loses its site goes on at another one.
 *
 * The drill tells a desk which phase to come to, and looks at its view; what the desk owns it may
 * read once the thread has ended. */
#ifndef TOOLS_DRILL_DESK_H
#define TOOLS_DRILL_DESK_H

#include <stdbool.h>
#include <stdint.h>

#include "matching/base/histogram.h"
#include "matching/base/limits.h"
#include "matching/base/status.h"
#include "tools/drill_place.h"
#include "tools/ledger.h"
#include "tools/timeline.h"
#include "tools/trader.h"

#define DRILL_DESK_ERROR_BYTES     1024u
#define DRILL_DESK_GAPS_MAX        4096u              /* Further ones are left out. */
#define DRILL_DESK_GAP_NS          UINT64_C(50000000) /* Shorter pauses are none. */
#define DRILL_DESK_INSTRUMENTS_MAX 64u

enum drill_desk_phase {
    DRILL_DESK_NONE = 0,
    DRILL_DESK_CONNECT, /* All sessions are logged on. */
    DRILL_DESK_TRADE,   /* Orders flow. */
    DRILL_DESK_SETTLE,  /* No new ones; everything sent is answered. */
    DRILL_DESK_READ,    /* Every stream has been read again from message 1, at every site asked. */
    DRILL_DESK_END,     /* The thread ends. */
};

struct drill_desk_options {
    uint16_t shard_id;
    uint32_t session_count;
    uint32_t instrument_count; /* Up to DRILL_DESK_INSTRUMENTS_MAX. */
    uint64_t rate;             /* Commands a second; 0: as many as are answered. */
    uint32_t window;           /* Unanswered commands of a session. */
    uint64_t seed;
    const char *market_path;      /* Written before drill_desk_start(). */
    const char *const *endpoints; /* Of the sites' doors, by index of site. */
    uint32_t endpoint_count;
    int namespace_fd; /* Network namespace to live in; -1: this one. */
};

/* A while without an acknowledgement. */
struct drill_desk_gap {
    uint64_t start_ns; /* Of the last one before, */
    uint64_t end_ns;   /* and of the first one after. */
};

/* What a stream read again at a site had. */
struct drill_desk_reading {
    uint64_t streams;
    uint64_t messages;
    uint64_t wrong; /* Other bytes than before, or too many, or no OUCH. */
};

/* As of a moment ago. */
struct drill_desk_view {
    enum drill_desk_phase reached;
    bool failed;
    char error[DRILL_DESK_ERROR_BYTES];
    struct trader_counts counts;
    uint64_t acknowledged_ns;
    uint64_t latency_p50_ns;
    uint64_t latency_p99_ns;
};

struct drill_desk;

/* STATUS_FULL: no memory. Makes the flow, and with it the instruments. */
MUST_USE enum status drill_desk_create(struct drill_desk **desk,
                                       const struct drill_desk_options *options);
/* Ends the thread if there is one. */
void drill_desk_destroy(struct drill_desk *desk);

/* The instruments that its flow trades; returns how many. Before the start. */
uint32_t drill_desk_instruments(const struct drill_desk *desk,
                                const struct drill_instrument **instruments);

/* Begin the thread, in phase NONE. STATUS_FULL: no thread. */
MUST_USE enum status drill_desk_start(struct drill_desk *desk);

/* Come to a phase; each only after the one before was reached. `sites`: for READ, where. */
void drill_desk_ask(struct drill_desk *desk, enum drill_desk_phase phase, uint16_t sites);
void drill_desk_look(struct drill_desk *desk, struct drill_desk_view *view);
/* After END was asked for, or a failure: wait for the thread. */
void drill_desk_join(struct drill_desk *desk);

/* After drill_desk_join(). */
struct ledger *drill_desk_ledger(struct drill_desk *desk);
struct timeline *drill_desk_timeline(struct drill_desk *desk);
const struct histogram *drill_desk_latency(const struct drill_desk *desk);
uint32_t drill_desk_gaps(const struct drill_desk *desk, const struct drill_desk_gap **gaps);
const struct drill_desk_reading *drill_desk_reading(const struct drill_desk *desk, uint32_t site);

/* How long a shard was without acknowledgements because of what happened at `at_ns`, before
 * `until_ns`: the longest gap of this time, from what happened or, when it began later, from its
 * last acknowledgement, to the first one after it. 0: it never stopped for DRILL_DESK_GAP_NS. Pure.
 */
uint64_t drill_desk_recovery_ns(const struct drill_desk_gap *gaps, uint32_t gap_count,
                                uint64_t at_ns, uint64_t until_ns);

#endif
