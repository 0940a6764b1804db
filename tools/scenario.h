/* A scenario of a drill (YAML, tools/drills/README.md): sites and where they are, shards, clients,
 * and what happens to them when. Everything wrong is named with its line; unknown keys, names of
 * nothing and a placement that would break a promise are errors. */
#ifndef TOOLS_SCENARIO_H
#define TOOLS_SCENARIO_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/config.h"
#include "matching/base/limits.h"
#include "matching/base/status.h"
#include "replication/placement.h"
#include "tools/wan_line.h"

#define SCENARIO_ERROR_BYTES   768u
#define SCENARIO_TITLE_BYTES   96u
#define SCENARIO_ABOUT_BYTES   2048u
#define SCENARIO_SAY_BYTES     160u
#define SCENARIO_REGIONS_MAX   8u
#define SCENARIO_FAULTS_MAX    16384u /* Repeated ones counted as often as they happen. */
#define SCENARIO_SESSIONS_MAX  1000u
#define SCENARIO_DURATION_MAX  UINT64_C(86400000000000) /* A day. */
#define SCENARIO_CLIENTS_LABEL "clients"

/* Nodes of the emulated network: sites 0 .. site_count - 1, behind them the clients. Sets of nodes
 * are masks. */
static_assert(SITES_MAX + 1 <= 16, "a mask of nodes has 16 bits");

struct scenario_site {
    char name[CONFIG_NAME_BYTES];
    char provider[CONFIG_NAME_BYTES];
    uint8_t region; /* Index. */
    enum config_role role;
};

struct scenario_shard {
    char name[CONFIG_NAME_BYTES];
    uint8_t prefer[SITES_MAX]; /* Sites, the best first. */
    uint32_t prefer_count;
    uint32_t commit_providers;
    bool placement_overridden; /* The rules refuse it, and the operator said: all the same. */
    enum placement_rule placement_rule; /* The one that refuses it, or PLACEMENT_GOOD. */
};

enum scenario_fault_kind {
    SCENARIO_KILL = 0,      /* SIGKILL to `who`; they stay dead until started. */
    SCENARIO_START,         /* Those of `who` that are dead are started. */
    SCENARIO_RESTART,       /* SIGTERM, and started when they have ended. */
    SCENARIO_STOP,          /* SIGSTOP: alive, but deaf. */
    SCENARIO_CONTINUE,      /* SIGCONT. */
    SCENARIO_CUT,           /* Nothing passes from `from` to `to`. */
    SCENARIO_HEAL,          /* It passes again. */
    SCENARIO_DEGRADE,       /* Lines get worse by `strain`, over `over_ns`. */
    SCENARIO_RESTORE,       /* They get as they were, over `over_ns`. */
    SCENARIO_LOSE_CONNECTS, /* New connections are not heard, those that stand go on. */
    SCENARIO_HEAR_CONNECTS, /* They are heard again. */
    SCENARIO_DNS_GONE,      /* Names are not resolved any more: must not matter to anybody. */
    SCENARIO_FILL_DISK,     /* No byte more can be written at `who`. */
    SCENARIO_FREE_DISK,
    SCENARIO_STEP_CLOCK, /* The wall clocks of `who` jump by `step_ns`. */
    SCENARIO_TRANSFER,   /* An operator hands `shard` over to the one of `who`. */
    SCENARIO_RECOVER,    /* Quorum repair, with `who` as the survivors. */
    SCENARIO_FAULT_KINDS
};

struct scenario_strain {
    uint64_t delay_ns;   /* More than usual, each way. */
    uint64_t jitter_ns;  /* Likewise. */
    uint32_t loss_ppm;   /* More than usual. */
    uint64_t rate_bytes; /* Instead of the usual; 0: as usual. */
};

struct scenario_fault {
    uint64_t at_ns; /* After the first order; never falling. */
    enum scenario_fault_kind kind;
    uint16_t who;
    uint16_t from;
    uint16_t to;
    bool one_way;  /* From `from` to `to` only. */
    bool undoes;   /* The end of an earlier one, by its `for`. */
    bool hasty;    /* Where harm waits (scenario.patient), this one does not. */
    uint8_t shard; /* Index. */
    uint64_t over_ns;
    int64_t step_ns;
    struct scenario_strain strain;
    char say[SCENARIO_SAY_BYTES]; /* For people; never empty. */
};

struct scenario {
    char name[CONFIG_NAME_BYTES * 2]; /* Of the file, without directory and ending. */
    char title[SCENARIO_TITLE_BYTES];
    char about[SCENARIO_ABOUT_BYTES];
    uint64_t duration_ns; /* Of order flow. */
    char regions[SCENARIO_REGIONS_MAX][CONFIG_NAME_BYTES];
    uint32_t region_count;
    uint64_t round_trip_ns[SCENARIO_REGIONS_MAX][SCENARIO_REGIONS_MAX];
    struct wan_line line; /* Of every line, but for its delay. */
    struct scenario_site sites[SITES_MAX];
    uint32_t site_count;
    struct scenario_shard shards[SHARDS_MAX];
    uint32_t shard_count;
    uint8_t client_region;
    uint32_t sessions;
    uint32_t instruments; /* Of each shard. */
    uint64_t rate;        /* Commands a second, all sessions; 0: as many as are answered. */
    struct scenario_fault faults[SCENARIO_FAULTS_MAX];
    uint32_t fault_count;
    bool patient; /* Harm waits for the end of what the harm before has cost, unless it is hasty. */
    bool small;   /* Sites have room for some thousand orders a shard, and start the sooner. */
    uint64_t recovery_ns; /* At most, from loss to next acknowledgement; 0: not judged. */
    bool moves_given;
    uint16_t moves; /* Shards (bit of index) whose leader changes; all others keep theirs. */
};

/* STATUS_NOT_FOUND, STATUS_DENIED, STATUS_BAD_FORMAT, STATUS_FULL with a sentence in `error`. */
MUST_USE enum status scenario_read(struct scenario *scenario, const char *path,
                                   char error[static SCENARIO_ERROR_BYTES]);

/* Squeeze or stretch the whole timeline, with all that lasts, so that orders flow for `duration_ns`
 * (a second or more). How long recovery may take stays. */
void scenario_stretch(struct scenario *scenario, uint64_t duration_ns);

/* The file of a scenario: `name` itself if it has a '/' or ends with ".yaml", else NAME.yaml in the
 * directory that scenario_directory() finds. STATUS_NOT_FOUND. */
MUST_USE enum status scenario_find(const char *name, char *path, size_t path_bytes);
/* Where the scenarios are: beside the source or installed, as seen from this program. */
MUST_USE enum status scenario_directory(char *path, size_t path_bytes);

/* The usual line from one node to another. */
struct wan_line scenario_line(const struct scenario *scenario, uint32_t from, uint32_t to);

/* Placement of a shard as the journal would hold it; incarnations are site_id. */
void scenario_placement(const struct scenario *scenario, uint32_t shard,
                        struct placement *placement);

/* "kill", "cut" and so on. */
const char *scenario_fault_text(enum scenario_fault_kind kind);

#endif
