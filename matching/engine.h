/* The engine: one shard's market as a deterministic state machine. rules.md has the market's rules.
 *
 * Same state and command give the same events and state on every site, compiler and CPU. No clock,
 * no random source, no I/O, no allocation after engine_create(). One thread owns an engine. */
#ifndef MATCHING_ENGINE_H
#define MATCHING_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "matching/base/arena.h"
#include "matching/base/status.h"
#include "matching/command.h"
#include "matching/event.h"

struct engine;

/* Configured ceilings: each from 1 to its namesake in base/limits.h. Beyond one, commands are
 * rejected with a reason; ceilings decide outcomes, so every site of a shard has the same. */
struct engine_limits {
    uint32_t orders_max;
    uint32_t price_levels_max;
    uint32_t instruments_max;
    uint32_t firms_max;
    uint32_t sessions_max;
};

/* What engine_apply() fills. The caller owns `events`; capacity EVENT_BATCH_MIN .. EVENT_BATCH_MAX.
 */
struct event_batch {
    struct event *events;
    uint32_t capacity;
    uint32_t count; /* Set by the engine at every call. */
};

/* Read-only views for doors and operators; valid until the next engine_apply(). */
struct engine_session {
    uint32_t session_id;
    uint32_t version; /* For administration: counts changes, from 1. */
    uint8_t name[SESSION_NAME_BYTES];
    uint8_t firm[FIRM_NAME_BYTES];
    uint32_t epoch;             /* Of the last logon; 0 before the first. */
    uint8_t attached_site_id;   /* 0 when nobody is logged on. */
    uint64_t input_number_next; /* What the engine takes next in this epoch. */
    uint64_t generation;        /* From 1: SoupBinTCP's Session field. */
    uint64_t sequence_next;     /* Of the stream in this generation. */
    uint32_t open_orders;
    uint32_t open_orders_max;
    uint64_t maximum_age_ns;
    uint32_t hash_operations;
    uint32_t hash_memory_kib;
    uint8_t salt[CREDENTIAL_SALT_BYTES];
    uint8_t hash[CREDENTIAL_HASH_BYTES];
    bool cancel_on_disconnect;
    bool grace_runs; /* Disconnected; its orders go at grace_ends_ns, unless it logs on. */
    uint32_t grace_ms;
    uint64_t grace_ends_ns; /* 0 while none runs. */
};

struct engine_instrument {
    uint32_t instrument_id;
    uint32_t version;
    struct command_instrument terms; /* As last set; `state` is the present one. */
    uint32_t open_orders;
    bool bid_set; /* Best prices and the lots displayed there. */
    bool ask_set;
    int64_t bid_price;
    int64_t ask_price;
    uint64_t bid_lots;
    uint64_t ask_lots;
};

struct engine_firm {
    uint32_t firm_id;
    uint32_t version;
    uint8_t name[FIRM_NAME_BYTES];
    bool enabled;
};

struct engine_shard {
    struct command_shard terms; /* As last set; zeros before. */
    uint32_t version;           /* 0 before it was ever set. */
    bool reopening;             /* Only cancels until opens_ns: after an unplanned opening. */
    uint64_t opens_ns;          /* 0 unless reopening. */
};

/* Counts since the engine's birth; replicated state, part of the checksum. */
struct engine_totals {
    uint64_t commands; /* Applied, of every kind. */
    uint64_t orders_accepted;
    uint64_t orders_rejected;
    uint64_t executions;  /* Trades, each counted once. */
    uint64_t duplicates;  /* References seen before: not executed. */
    uint64_t stale;       /* Old epoch or wrong input number: not executed. */
    uint64_t open_orders; /* Now. */
};

/* Bytes of memory that engine_create() takes for these limits. */
size_t engine_bytes(const struct engine_limits *limits);

/* A new, empty market in memory of `arena`. STATUS_BAD_ARGUMENT when a limit is zero or above its
 * ceiling; STATUS_FULL when the arena has less than engine_bytes() left. */
MUST_USE enum status engine_create(struct engine **engine, struct arena *arena,
                                   const struct engine_limits *limits);

/* Execute one command. Time is command->timestamp_ns; timers due by then fire first. Fields are
 * validated here, whatever their origin: a bad value is an event with a reason, or, for a type that
 * does not exist, nothing but a count. Returns STATUS_OK when done, STATUS_MORE when the batch is
 * full or a piece of the work is done: call engine_resume() until STATUS_OK before the next command
 * (asserted).
 * A timestamp below the last one is taken as the last one: time never goes back (rules.md 1.2). */
MUST_USE enum status engine_apply(struct engine *engine, const struct command *command,
                                  struct event_batch *events);

/* The shard has a new leader, from `timestamp_ns` (UTC) on: running grace periods begin anew
 * (rules.md 2.8), and unless the change was planned the shard reopens as its terms say (7.3). No
 * time passes: timers fire with the next command. Makes no event, but reaches the event hash.
 * Asserts: no command is under way. */
void engine_term_opened(struct engine *engine, uint64_t timestamp_ns, bool planned);

/* What will be applied next, `commands[0]` first: brings what a few of them will touch a step
 * closer to the processor. For who has many at hand, as in a segment: called before each
 * engine_apply() with what is left. Optional; changes nothing, and nothing follows from it. */
void engine_anticipate(const struct engine *engine, const struct command *commands, size_t count);

/* Continue the command of which engine_apply() returned STATUS_MORE. Resets events->count first. */
MUST_USE enum status engine_resume(struct engine *engine, struct event_batch *events);

/* When the next timer is due; false when none is set. Timers, here and in all rules: the day end,
 * the ends of grace periods, the reopening. */
bool engine_due(const struct engine *engine, uint64_t *due_ns);

/* Running hash over every event so far, with the command count: O(1). */
uint64_t engine_event_hash(const struct engine *engine);

/* Hash over the whole replicated state, independent of pointers, table order and history of memory:
 * O(state). For comparing replicas, replays and compilers. */
uint64_t engine_checksum(const struct engine *engine);

struct engine_totals engine_totals(const struct engine *engine);

/* Look up by name (padded with spaces) or by id; ids run from 1 to the count without gaps.
 * STATUS_NOT_FOUND changes nothing. */
MUST_USE enum status engine_session_find(const struct engine *engine,
                                         const uint8_t name[SESSION_NAME_BYTES],
                                         uint32_t *session_id);
MUST_USE enum status engine_session_view(const struct engine *engine, uint32_t session_id,
                                         struct engine_session *view);
MUST_USE enum status engine_instrument_find(const struct engine *engine,
                                            const uint8_t symbol[SYMBOL_BYTES],
                                            uint32_t *instrument_id);
MUST_USE enum status engine_instrument_view(const struct engine *engine, uint32_t instrument_id,
                                            struct engine_instrument *view);
MUST_USE enum status engine_firm_find(const struct engine *engine,
                                      const uint8_t name[FIRM_NAME_BYTES], uint32_t *firm_id);
MUST_USE enum status engine_firm_view(const struct engine *engine, uint32_t firm_id,
                                      struct engine_firm *view);
void engine_shard_view(const struct engine *engine, struct engine_shard *view);
/* Sessions that are logged on at this site (1 .. SITES_MAX). */
uint32_t engine_attached(const struct engine *engine, uint8_t site_id);

#endif
