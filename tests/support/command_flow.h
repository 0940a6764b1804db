/* A stream of commands as doors make them from clients' orders, for tests and measurements: half of
 * them passive orders, two fifths cancels of a live order, the rest orders that cross and do not
 * rest (IOC). Deterministic. Sessions keep what a real one must: input numbers without gaps,
 * increasing references. */
#ifndef TESTS_SUPPORT_COMMAND_FLOW_H
#define TESTS_SUPPORT_COMMAND_FLOW_H

#include <stdint.h>

#include "matching/base/random.h"
#include "matching/command.h"

#define COMMAND_FLOW_SESSIONS_MAX 1024u
#define COMMAND_FLOW_SYMBOLS_MAX  128u
#define COMMAND_FLOW_LIVE_MAX     32u /* Orders a session remembers for its cancels. */

enum command_flow_ids { COMMAND_FLOW_EMPTY, COMMAND_FLOW_COUNTING, COMMAND_FLOW_RANDOM };

/* How the sessions of one batch follow each other. */
enum command_flow_sessions {
    COMMAND_FLOW_ANY,   /* Each command from any session. */
    COMMAND_FLOW_TURNS, /* One after the other. */
    COMMAND_FLOW_RUNS,  /* Eight commands of a session at a time, as read from its socket. */
};

struct command_flow_options {
    uint64_t seed;
    uint32_t sessions;
    uint32_t symbols;
    enum command_flow_ids ids;
    enum command_flow_sessions order;
};

struct command_flow_session {
    uint64_t input_number;
    uint32_t user_reference;
    uint32_t live_count;
    uint32_t live[COMMAND_FLOW_LIVE_MAX];
};

struct command_flow {
    struct command_flow_options options;
    struct random random;
    uint64_t commands;
    uint64_t timestamp_ns; /* The caller moves it, once a batch. */
    uint32_t session_id;
    int64_t middle_ticks[COMMAND_FLOW_SYMBOLS_MAX];
    struct command_flow_session sessions[COMMAND_FLOW_SESSIONS_MAX];
};

void command_flow_init(struct command_flow *flow, const struct command_flow_options *options);
void command_flow_next(struct command_flow *flow, struct command *command);

#endif
