/* A small market for engine tests: makes commands with the right epochs and numbers, runs them, and
 * compares the events of several commands with lines of text (event_text.h). */
#ifndef TESTS_SUPPORT_MARKET_FIXTURE_H
#define TESTS_SUPPORT_MARKET_FIXTURE_H

#include "matching/engine.h"

#define MARKET_FIXTURE_EVENTS   8192u
#define MARKET_FIXTURE_SESSIONS 16u
/* 2023-11-15 00:00:00 UTC: a midnight. */
#define MARKET_FIXTURE_NS UINT64_C(1700006400000000000)

struct market_fixture {
    struct engine *engine;
    void *memory;
    uint32_t capacity;   /* Of the event batch. */
    uint64_t now_ns;     /* Of the next command. */
    uint64_t request_id; /* Of the last administrative command. */
    uint32_t epochs[MARKET_FIXTURE_SESSIONS + 1];
    uint64_t input_numbers[MARKET_FIXTURE_SESSIONS + 1];
    struct event events[MARKET_FIXTURE_EVENTS]; /* Of all commands since the last comparison. */
    uint32_t events_count;
    uint32_t calls; /* Of engine_apply() and engine_resume() by the last command. */
};

/* The limits that market_fixture_open() uses. */
struct engine_limits market_fixture_limits(void);

/* An empty engine; `capacity` is that of the event batch. */
void market_fixture_open(struct market_fixture *fixture, const struct engine_limits *limits,
                         uint32_t capacity);
void market_fixture_close(struct market_fixture *fixture);

/* The usual market: firm FRMA, instrument ABC (tick 5, prices 5 .. 1,000,000, at most 1,000,000
 * lots, open) as 1, sessions S1 and S2 as 1 and 2, logged on. Their events are forgotten: sequence
 * numbers go on at 2, versions are 1, request ids go on at 5. */
void market_fixture_trade(struct market_fixture *fixture);

/* Run a command and collect its events. */
void market_fixture_apply(struct market_fixture *fixture, const struct command *command);

/* Commands with everything filled in as a door would; a test may change them before running them.
 * Client commands take the session's next input number. */
struct command market_fixture_client(struct market_fixture *fixture, uint8_t type,
                                     uint32_t session_id);
struct command market_fixture_order(struct market_fixture *fixture, uint32_t session_id,
                                    uint32_t reference, uint8_t side, uint64_t lots, int64_t price,
                                    uint8_t time_in_force);
struct command market_fixture_replacement(struct market_fixture *fixture, uint32_t session_id,
                                          uint32_t original, uint32_t reference, uint64_t lots,
                                          int64_t price, uint8_t time_in_force);
struct command market_fixture_administration(struct market_fixture *fixture, uint8_t type,
                                             uint32_t version);
struct command market_fixture_instrument(struct market_fixture *fixture, const char *symbol,
                                         uint32_t version);
struct command market_fixture_session(struct market_fixture *fixture, const char *name,
                                      const char *firm, uint32_t version);
struct command market_fixture_firm(struct market_fixture *fixture, const char *name, bool enabled,
                                   uint32_t version);

/* The same, run at once. */
void market_fixture_enter(struct market_fixture *fixture, uint32_t session_id, uint32_t reference,
                          uint8_t side, uint64_t lots, int64_t price, uint8_t time_in_force);
void market_fixture_replace(struct market_fixture *fixture, uint32_t session_id, uint32_t original,
                            uint32_t reference, uint64_t lots, int64_t price,
                            uint8_t time_in_force);
void market_fixture_cancel(struct market_fixture *fixture, uint32_t session_id, uint32_t reference,
                           uint64_t lots);
void market_fixture_state(struct market_fixture *fixture, const char *symbol, uint8_t state,
                          uint32_t version);
void market_fixture_logon(struct market_fixture *fixture, uint32_t session_id, uint8_t site_id,
                          uint64_t connection_id);

/* Text into a field, padded with spaces. */
void market_fixture_name(uint8_t *target, size_t bytes, const char *name);

/* Fails the test unless the events collected are these lines, each ended by a newline; then forgets
 * them. `at` in them counts from MARKET_FIXTURE_NS. */
void market_fixture_expect(struct market_fixture *fixture, const char *lines);

/* Forget the events collected. */
void market_fixture_forget(struct market_fixture *fixture);

#endif
