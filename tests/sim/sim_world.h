/* Everything that a simulated cluster is, for the files sim_*.c that make it go. One thread, one
 * world; its memory is used again by the next run. */
#ifndef TESTS_SIM_SIM_WORLD_H
#define TESTS_SIM_SIM_WORLD_H

#include "gateway/site_market.h"
#include "replication/repair.h"
#include "replication/shard.h"
#include "tests/sim/sim_check.h"
#include "tests/sim/sim_client.h"
#include "tests/sim/sim_clock.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/sim_fault.h"
#include "tests/sim/sim_ledger.h"
#include "tests/sim/sim_network.h"
#include "tests/sim/sim_queue.h"
#include "tests/sim/sim_snapshot.h"

#define SIM_MS          UINT64_C(1000000)
#define SIM_S           UINT64_C(1000000000)
#define SIM_CLUSTER_ID  UINT64_C(0x73696d756c617465)
#define SIM_CLIENTS_MAX 32u
#define SIM_KEYS_MAX    128u
#define SIM_SHELF_MAX   4u
/* What stamps may be ahead of the truth while most clocks are right: twice the tolerance of
 * cluster_clock.h, and a round trip, which faults can make as long as this. */
#define SIM_AHEAD_NS_MAX (20 * SIM_S)
#define SIM_TOKEN        UINT64_C(1) /* Of the journal's completions. */

/* What a run is made of, as the seed or the caller says. */
struct sim_plan {
    uint32_t site_count;
    uint32_t provider_count;
    uint32_t shard_count;
    uint32_t client_count; /* Of each shard. */
    uint32_t learner_count;
    uint8_t commit_providers;
    uint64_t faults_ns;     /* Faults begin and end in here; then the rest must heal. */
    uint64_t latency_ns;    /* Between sites, one way; each pair has its own up to twice that. */
    uint64_t fault_mean_ns; /* Between two faults; 0: none. */
    uint64_t think_ns;      /* Between two bursts of a client. */
    uint32_t burst_max;     /* Commands of a burst. */
    uint64_t election_ns_min;
    bool real_signatures;
    uint64_t snapshot_segments; /* One is taken after so many at each site; 0: never. */
    uint64_t snapshot_ns;       /* But not before so much time has passed since the last one. */
};

struct sim_world;
struct sim_site;

/* Snapshots of a shard at a site: on its disk, but for what is written or fetched just now. */
struct sim_shelf {
    struct sim_snapshot kept[SIM_SHELF_MAX]; /* Durable, the newest first. */
    uint32_t count;
    uint64_t taken_log_index; /* Of the last one. */
    uint64_t taken_ns;        /* When it was taken. */
    bool requested;           /* One more, as soon as something has been executed. */
    struct sim_snapshot writing;
    bool written; /* One has become durable since the last turn. */
    bool refused; /* The shard cannot be told of it yet. */
    struct sim_snapshot incoming;
    uint64_t incoming_bytes; /* So many of its row are here. */
    bool incoming_whole;     /* All of them; not durable yet. */
    uint8_t incoming_from;
    uint64_t asked_ns; /* 0: not yet. */
    uint64_t heard_ns;
    bool installs; /* `installed` is kept and wanted. */
    struct replica_position installed;
    uint64_t served_log_index;
    uint64_t served_ns;
};

/* A shard at a site. */
struct sim_seat {
    struct sim_world *world;
    struct sim_site *site;
    uint16_t shard_id;
    struct site_market market;
    struct shard_machine inner; /* The market's own; what the shard gets looks on. */
    struct shard *shard;        /* NULL: the process does not run. */
    struct shard_status status; /* After the last turn. */
    struct placement placement; /* Likewise. */
    bool placed;                /* And whether that is durable here. */
    uint64_t diverges;          /* A fault: its event hash is wrong by this; 0: right. */
    uint64_t diverged_at;       /* Log index where that began. */
    bool fence_excused;         /* It was so in this run. */
    bool over;                  /* The others were repaired without this journal. */
    bool recovers;              /* It starts, and reads what it has. */
    bool installing;            /* A snapshot takes the place of its log just now. */
    struct sim_shelf shelf;     /* Survives the process. */
};

#define SIM_EXCUSE_WRITES  1u /* Its disk refuses writes. */
#define SIM_EXCUSE_DAMAGE  2u /* Something of its journal is wrong. */
#define SIM_EXCUSE_FOREIGN 4u /* It runs under an incarnation that nobody knows. */

enum sim_site_state {
    SIM_SITE_ABSENT = 0, /* Not in this run. */
    SIM_SITE_DOWN,
    SIM_SITE_RUNNING,
};

struct sim_site {
    uint8_t site_id;
    uint8_t provider_id;
    enum sim_site_state state;
    bool lost;    /* Its journal is gone or known to be damaged: a new one must take its place. */
    bool gone;    /* And nobody builds a new one. */
    bool fragile; /* Its newest frames may be wrong: if it ends before `fragile_number` is durable,
                     its journal counts as lost. */
    uint64_t fragile_number;
    uint32_t held; /* Faults that keep it down. */
    uint32_t paused;
    uint64_t paused_until_ns;
    bool retired; /* The operator wants it to leave, and another one in its place. */
    uint64_t restart_due_ns;
    uint64_t start; /* Counts starts of processes over all sites; 0: never. */
    uint64_t births;
    uint64_t incarnation;
    struct segment_signer signer;
    uint8_t public_key[PLACEMENT_KEY_BYTES];

    struct io *io;
    struct sim_disk disk;
    struct store *store; /* Survives the process. */
    bool store_busy;
    uint64_t store_slow_ns;
    struct journal_parts parts;
    struct journal *journal;
    bool opened; /* The journal, without an error. */
    struct sim_ledger ledger;
    struct sim_ledger former; /* Of the journal that was lost last: what it had acknowledged. */
    uint64_t former_incarnation;
    struct sim_clock clock;
    struct config config; /* As far as a market looks at it. */
    struct sim_seat seats[SHARDS_MAX];

    uint64_t turns_at_ns; /* So many turns at one instant: */
    uint32_t turns;       /* a loop that spins. */
    uint64_t turn_due_ns; /* UINT64_MAX: no turn is due. */
    uint64_t slow_ns;     /* A turn comes so much late. */
    uint32_t writes_seen; /* Of those in flight: their end is in the queue. */
    bool dies;            /* Power is gone at the end of this turn. */
    uint32_t excuses;     /* SIM_EXCUSE_...: why its process may end by itself, or not start. */
};

/* The repair of a shard whose quorum is gone, as the operator sees it. */
struct sim_repair {
    bool wanted;  /* Until every survivor has activated it, or a quorum turns out to be there. */
    bool decided; /* `repair` is in the operator's hands. */
    struct repair repair;
    uint64_t generation;          /* Newest that may be active somewhere; 0: the first one. */
    struct replica_position kept; /* Its log. */
    bool settled;                 /* A leader of it has committed that. */
};

struct sim_totals {
    uint64_t runs;
    uint64_t simulated_ns;
    uint64_t three_runs; /* Of three sites: how fast they are says sim_main.c. */
    uint64_t three_simulated_ns;
    uint64_t three_worked_ns; /* Of the processor. */
    uint64_t events;
    uint64_t starts;
    uint64_t elections;
    uint64_t commits;
    uint64_t commands;
    uint64_t accepted;
    uint64_t rejected;
    uint64_t too_late;
    uint64_t acknowledged;
    uint64_t frames;
    uint64_t snapshots;     /* Taken; */
    uint64_t installs;      /* installed in place of a log. */
    uint64_t fenced;        /* Sites that computed otherwise, were fenced and began again. */
    uint64_t rebuilds;      /* Sites that got a new journal. */
    uint64_t repairs;       /* Shards whose quorum was gone and that go on in another generation. */
    uint64_t repairs_lossy; /* Of those: lost segments that had been committed, so many: */
    uint64_t repair_losses;
    uint64_t evidence; /* Segments dropped without having been committed. */
    uint64_t faults[SIM_FAULT_KIND_COUNT];
};

struct sim_world {
    struct sim_plan plan;
    uint64_t seed;
    struct sim_queue queue;
    struct random random;
    struct sim_network network;
    struct sim_check check;
    struct sim_site sites[SITES_MAX];
    uint64_t starts;
    struct sim_client clients[SIM_CLIENTS_MAX];
    uint32_t client_count;
    uint64_t connections;            /* Connection ids given out. */
    uint32_t setup_done[SHARDS_MAX]; /* Administrative commands executed. */
    uint64_t setup_sequence[SHARDS_MAX][SIM_CLIENTS_MAX + 3]; /* Command of each. */
    uint64_t setup_due_ns[SHARDS_MAX];
    struct placement genesis;
    struct placement placements[SHARDS_MAX]; /* As the newest leader sees them. */
    uint64_t placement_terms[SHARDS_MAX];
    bool plan_under_way[SHARDS_MAX];
    /* Of the leader that took the last plan, and of the membership there: until that is another one
     * the first step has not even been sealed. */
    uint64_t plan_terms[SHARDS_MAX];
    uint64_t plan_epochs[SHARDS_MAX];
    struct sim_schedule schedule;
    bool active[SIM_FAULTS_MAX];     /* Under way. */
    bool applied[SIM_FAULTS_MAX];    /* It found something to do. */
    uint8_t targets[SIM_FAULTS_MAX]; /* Site that it was done to. */
    struct sim_repair repairs[SHARDS_MAX];
    uint16_t quorum_gone;  /* Sites that this fault keeps down. */
    uint8_t comes_back;    /* One of them that does not stay away; 0: none. */
    uint64_t comes_due_ns; /* When. */
    bool healing;          /* Faults are over. */
    /* At some time half of a shard's voters had wild clocks: nothing is promised of its time. */
    bool clocks_lost;
    bool verbose;
    uint64_t trace;
    uint32_t install_kills; /* So many sites lose power while they install a snapshot. */
    struct codec_context *codec;
    struct session_store_snapshot *streams;
    struct segment_verifier genesis_verifiers[SITES_MAX];
    struct segment_verifier verifiers[SIM_KEYS_MAX]; /* Of every site that ever was. */
    uint32_t verifier_count;
    uint8_t *scratch; /* SEGMENT_BYTES_MAX. */
    uint8_t *wire;    /* A frame being made. */
    size_t wire_bytes;
    /* Somebody above wants to know what a site executed. */
    void (*event)(struct sim_world *world, struct sim_seat *seat, const struct event *event);
    /* And that its clients are no longer served: its process has ended, or begins elsewhere. */
    void (*lost)(struct sim_world *world, uint8_t site_id);
    /* A shard wants a snapshot from a site. */
    void (*fetch)(struct sim_seat *seat, const struct replica_position *position, uint8_t site_id);
    struct sim_totals totals;
};

static inline struct sim_site *sim_world_site(struct sim_world *world, uint8_t site_id)
{
    return &world->sites[site_id - 1];
}

/* Whether some shard has not yet got over a repair: what only one site has may be needed. */
static inline bool sim_world_repairs(const struct sim_world *world)
{
    for (uint32_t at = 0; at < world->plan.shard_count; at++) {
        const struct sim_repair *repair = &world->repairs[at];
        if (repair->wanted || (repair->generation > 0 && !repair->settled)) {
            return true;
        }
    }
    return false;
}

/* A line of what happens, with --verbose. */
__attribute__((format(printf, 2, 3))) void sim_world_say(const struct sim_world *world,
                                                         const char *format, ...);

static inline void sim_world_trace(struct sim_world *world, uint64_t value)
{
    world->trace = (world->trace ^ value) * UINT64_C(0xD6E8FEB86659FD93);
    world->trace ^= world->trace >> 32;
}

#endif
