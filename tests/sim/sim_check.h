/* What must hold in every run, looked at all the time: one truth for each shard, made by whoever is
 * first, with which all others must agree.
 *
 * The first violation is kept as a sentence; the run ends with it. */
#ifndef TESTS_SIM_SIM_CHECK_H
#define TESTS_SIM_SIM_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "matching/base/limits.h"
#include "matching/command.h"
#include "matching/event.h"

#define SIM_CHECK_SESSIONS_MAX 8u
#define SIM_CHECK_TERMS_MAX    65536u
#define SIM_CHECK_SNAPSHOTS    64u /* Remembered for comparison. */

/* A growing list of numbers; its memory stays from run to run. */
struct sim_list {
    uint64_t *values;
    uint64_t count;
    uint64_t capacity;
};

struct sim_check_snapshot {
    uint64_t log_index; /* 0: none. */
    uint64_t content_hash;
};

struct sim_check_shard {
    struct sim_list chains;  /* First 8 bytes of the chain hash of committed segments; [0] is 0. */
    struct sim_list terms;   /* In which they were committed. */
    struct sim_list records; /* Hash of each command, by sequence; [0] is 0. */
    struct sim_list states;  /* Event hash of the engine after it. */
    struct sim_list times;   /* Its time. */
    struct sim_list streams[SIM_CHECK_SESSIONS_MAX + 1]; /* Hash of each event of a session. */
    struct sim_list causes[SIM_CHECK_SESSIONS_MAX + 1];  /* Command that it came out of. */
    struct sim_list answers[SIM_CHECK_SESSIONS_MAX + 1]; /* `answered` after it. */
    uint32_t answered[SIM_CHECK_SESSIONS_MAX + 1];       /* Last reference with an outcome. */
    uint64_t last_timestamp_ns;
    uint8_t leaders[SIM_CHECK_TERMS_MAX]; /* Site that leads, by term. */
    uint64_t term_max;
    struct sim_check_snapshot snapshots[SIM_CHECK_SNAPSHOTS]; /* By log index, modulo. */
};

/* What a running site has come to. */
struct sim_check_seat {
    uint64_t applied;
    uint64_t streams[SIM_CHECK_SESSIONS_MAX + 1];
    struct command command; /* Being executed. */
    bool ahead;             /* It is the first to execute it. */
};

struct sim_check {
    struct sim_check_shard shards[SHARDS_MAX];
    struct sim_check_seat seats[SITES_MAX][SHARDS_MAX];
    bool failed;
    char failure[512];
    uint64_t accepted; /* These: of the run. */
    uint64_t rejected;
    uint64_t too_late;
    uint64_t elections;
};

void sim_check_reset(struct sim_check *check);
void sim_check_free(struct sim_check *check);

/* The first one counts. */
__attribute__((format(printf, 2, 3))) void sim_check_fail(struct sim_check *check,
                                                          const char *format, ...);

/* The machine of a site is made anew. */
void sim_check_begin(struct sim_check *check, uint8_t site_id, uint16_t shard_id);

/* Or restored from a snapshot, taken after command `command_sequence`; `streams`: how many events
 * of each session it has. */
void sim_check_resume(struct sim_check *check, uint8_t site_id, uint16_t shard_id,
                      uint64_t command_sequence, const uint64_t *streams);

/* A snapshot was taken at a place in the log: what it is of is the same at all sites. */
void sim_check_snapshot(struct sim_check *check, uint8_t site_id, uint16_t shard_id,
                        uint64_t log_index, uint64_t content_hash);

/* A site is about to execute a command: the same as everybody at this place, never one before its
 * time, in time. */
void sim_check_command(struct sim_check *check, uint8_t site_id, uint16_t shard_id,
                       uint64_t command_sequence, const struct command *command);
/* What came out of it. */
void sim_check_event(struct sim_check *check, uint8_t site_id, uint16_t shard_id,
                     const struct event *event);
/* It is done; what the engine's event hash is now. */
void sim_check_executed(struct sim_check *check, uint8_t site_id, uint16_t shard_id,
                        uint64_t event_hash);

/* A site leads in a term. Nobody else does. */
void sim_check_leader(struct sim_check *check, uint8_t site_id, uint16_t shard_id, uint64_t term);

/* A site in a term says that a segment is committed. True: it is the first to say so. */
bool sim_check_committed(struct sim_check *check, uint8_t site_id, uint16_t shard_id,
                         uint64_t log_index, uint64_t chain, uint64_t term);
uint64_t sim_check_committed_last(const struct sim_check *check, uint16_t shard_id);
/* The last one that was committed in this term or before: what its leader must have. One of a later
 * term can be committed already, when this one has slept since it was voted for. */
uint64_t sim_check_committed_in(const struct sim_check *check, uint16_t shard_id, uint64_t term);

/* A quorum repair keeps of what is committed the segments up to `log_index`, which end with command
 * `command_sequence`: whatever comes behind them from now on is the truth. Leaders are counted
 * anew: terms that only the lost sites have seen come again in the new generation. */
void sim_check_cut(struct sim_check *check, uint16_t shard_id, uint64_t log_index,
                   uint64_t command_sequence);

/* An event read back from a site's stream; `place` from 0. */
void sim_check_stream(struct sim_check *check, uint8_t site_id, uint16_t shard_id,
                      uint32_t session_id, uint64_t place, const struct event *event);

/* At the end: a site's engine is where its seat says, and its hash over the whole state is that of
 * the others. `*checksum` 0: it is the first. */
void sim_check_checksum(struct sim_check *check, uint8_t site_id, uint16_t shard_id,
                        uint64_t checksum, uint64_t *expected);

#endif
