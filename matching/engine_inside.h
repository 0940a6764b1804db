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
    ENGINE_SWEEP,   /* A timer's sweep; then the command that waits. */
    ENGINE_COMMAND, /* The command that waits comes next, in an empty batch. */
    ENGINE_MATCH,   /* The incoming order trades. */
};

struct engine {
    struct market market;
    enum engine_phase phase;
    struct command waiting; /* Comes after the timer that was due before it. */
    struct order_sweep sweep;
    struct administration administration;
};

#endif
