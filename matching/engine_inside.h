/* What an engine is made of: for the engine itself and for snapshot.h, which writes and reads all
 * of it. Between two commands the market and the administration's answers are its whole state. */
#ifndef MATCHING_ENGINE_INSIDE_H
#define MATCHING_ENGINE_INSIDE_H

#include "matching/administration.h"
#include "matching/engine.h"
#include "matching/market.h"
#include "matching/order_sweep.h"

/* What is under way between two calls. */
enum engine_phase {
    ENGINE_IDLE,
    ENGINE_TIMERS,  /* Those that are due fire; then the command that waits, if one does. */
    ENGINE_SWEEP,   /* A timer's sweep; then the other timers. */
    ENGINE_COMMAND, /* The command that waits comes next, in an empty batch. */
    ENGINE_MATCH,   /* The incoming order trades. */
    ENGINE_SILENCE, /* A site's sessions end. */
};

struct engine {
    struct market market;
    enum engine_phase phase;
    bool waits;                 /* `waiting` comes after the timers that were due before it. */
    uint8_t silent_site_id;     /* ENGINE_SILENCE: whose sessions, */
    uint32_t silent_session_id; /* and the last one looked at. */
    struct command waiting;
    struct order_sweep sweep;
    struct administration administration;
};

#endif
