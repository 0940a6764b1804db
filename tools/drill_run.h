/* One drill at one site: trade, kill, restart, trade on, settle. What is proved of it afterwards
 * stands in drill_proof.h, what is told in drill_report.h. */
#ifndef TOOLS_DRILL_RUN_H
#define TOOLS_DRILL_RUN_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "matching/base/histogram.h"
#include "matching/base/random.h"
#include "matching/base/status.h"
#include "tools/client_setup.h"
#include "tools/drill_place.h"
#include "tools/flow.h"
#include "tools/ledger.h"
#include "tools/progress.h"
#include "tools/replay_day.h"
#include "tools/site_child.h"
#include "tools/timeline.h"
#include "tools/trader.h"

#define DRILL_KILLS_MAX       1000u
#define DRILL_SESSIONS_MAX    1000u
#define DRILL_EVENTS_MAX      1024u
#define DRILL_INSTRUMENTS_MAX 64u

struct drill_options {
    const char *directory;
    const char *flow_path; /* A LOBSTER file, or NULL: generated flow. */
    uint64_t duration_ns;  /* Of generated flow, kills included. */
    uint64_t kills;        /* 0 .. DRILL_KILLS_MAX. */
    uint64_t sessions;
    uint64_t rate;        /* Commands a second; 0: as many as the window lets through. */
    uint64_t window;      /* Unanswered commands of each session. */
    uint64_t instruments; /* Of generated flow. */
    uint64_t seed;
    bool no_rule_5; /* lobster.h. */
    bool json;
};

/* Why a drill could not be carried to its end, or that it was. */
enum drill_end {
    DRILL_DONE,
    DRILL_INTERRUPTED, /* Ctrl-C. */
    DRILL_FAILED,      /* error says why. */
};

struct drill {
    struct drill_options options;
    struct drill_place place;
    struct drill_place_site site;
    struct site_child child;
    struct client_setup setup;
    bool setup_open;
    struct ouch_client *client;
    struct flow *flow;
    struct replay_day day;
    bool day_loaded;
    struct replay_compare *compare;
    struct ledger *ledger;
    struct timeline *timeline;
    struct trader *trader;
    struct progress progress;
    struct random random;
    const volatile sig_atomic_t *interrupted;
    uint64_t start_ns;
    uint64_t end_ns;                 /* Everything settled. */
    double kill_at[DRILL_KILLS_MAX]; /* Fractions of the whole, rising. */
    uint32_t kills;                  /* So far. */
    bool down;                       /* Killed, and no order acknowledged since. */
    uint64_t killed_ns;
    uint64_t killed_acknowledged; /* How many there were when it was killed. */
    struct histogram recovery;    /* From kill to the next acknowledgement. */
    struct drill_instrument instruments[DRILL_INSTRUMENTS_MAX];
    bool reading[DRILL_SESSIONS_MAX]; /* Proof: connected again since the last start. */
    struct ouch_session_event events[DRILL_EVENTS_MAX];
    char error[DRILL_PLACE_ERROR_BYTES];
};

/* Make the place, start the site, apply the market, connect everybody. */
MUST_USE enum drill_end drill_run_prepare(struct drill *drill);
/* Trade with kills until everything that was sent is answered. */
MUST_USE enum drill_end drill_run_trade(struct drill *drill);
/* Start the site again after it was stopped or killed, and wait until it serves. */
MUST_USE enum drill_end drill_run_restart(struct drill *drill);
/* Ends the child and frees everything; for every end. */
void drill_run_close(struct drill *drill);

#endif
