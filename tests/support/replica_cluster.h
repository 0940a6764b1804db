/* Replicas with abstract journals on an abstract network, in simulated time: one seed, one run.
 *
 * A journal has what is appended and what is durable; writes finish in order after a while, and a
 * crash keeps a random beginning of what is being written. Messages may be lost, doubled, delayed
 * and overtake each other. Every step of every replica is checked (replica_cluster_check.c): a
 * broken promise fails the test at once. */
#ifndef TESTS_SUPPORT_REPLICA_CLUSTER_H
#define TESTS_SUPPORT_REPLICA_CLUSTER_H

#include <stdbool.h>
#include <stdint.h>

#include "matching/base/random.h"
#include "replication/replica.h"

#define CLUSTER_SEGMENTS_MAX   16384u
#define CLUSTER_TERMS_MAX      4096u
#define CLUSTER_RECORDS_MAX    16384u
#define CLUSTER_PLACEMENTS_MAX 512u
#define CLUSTER_SLOTS_MAX      16384u
#define CLUSTER_REPAIRS_MAX    256u
#define CLUSTER_MS             UINT64_C(1000000)
#define CLUSTER_S              UINT64_C(1000000000)

/* A log as somebody sees it: segments base + 1 .. last. */
struct cluster_log {
    struct replica_position base; /* What a snapshot stands for. */
    struct placement base_placement;
    uint64_t base_placement_log_index;
    uint64_t last_log_index;
    uint64_t term;
    uint8_t voted_site_id;
    const struct repair *repair; /* Accepted last; NULL: none. */
    bool repair_active;
    struct replica_entry
        *entries; /* Of log index; what stands at or below the base is kept, too. */
};

enum cluster_record_type {
    CLUSTER_VOTE,
    CLUSTER_TRUNCATE,
    CLUSTER_BASE,
    CLUSTER_APPEND,
    CLUSTER_REPAIR
};

struct cluster_record {
    enum cluster_record_type type;
    uint64_t term;
    uint8_t voted_site_id;
    struct replica_entry entry; /* APPEND. TRUNCATE and BASE: position alone. */
    const struct placement *placement;
    uint64_t placement_log_index;
    const struct repair *repair; /* REPAIR. */
    bool repair_active;
};

struct cluster_site {
    struct replica replica;
    struct replica_log_slot *slots;
    uint64_t incarnation;
    uint64_t generation;
    bool runs;
    struct cluster_log appended;
    struct cluster_log durable;
    struct cluster_record *records; /* Not durable yet, oldest first. */
    uint32_t record_count;
    uint32_t record_writing; /* Of these, being written; done at disk_due_ns. */
    uint64_t disk_due_ns;
    uint64_t disk_ns_max; /* A write takes up to this; UINT64_MAX: it never ends. */
    uint64_t commit_log_index;
    struct replica_position snapshot; /* The newest it can offer; log index 0: none. */
    uint64_t trimmed_log_index;       /* Segments up to here can no longer be read. */
    uint64_t audit_poison;            /* Not 0: its engine computes other events. */
    bool fenced;
    uint32_t evidence_count; /* Truncations that went out. */
    uint32_t headers_asked;
};

struct cluster_flight; /* A message under way. */

struct cluster {
    struct random random;
    uint64_t now_ns;
    struct cluster_site sites[SITES_MAX];
    struct replica_output output;    /* Of the last step. */
    struct cluster_flight **flights; /* A heap by time. */
    uint32_t flight_count;
    uint32_t flights_max;
    uint64_t flight_number;

    /* The network: fractions in 1/1000. */
    bool cut[SITES_MAX][SITES_MAX]; /* From, to. */
    uint64_t delay_ns_min;
    uint64_t delay_ns_max;
    uint32_t lost;
    uint32_t doubled;
    uint16_t stop_types; /* Bit per message type: never delivered. */

    /* Template of the options. */
    struct replica_options options;
    uint32_t restore_max; /* Headers given at a restart. */
    bool seals;           /* Leaders seal commands by themselves, one a step at most. */
    uint64_t seal_ns;     /* And so often. */
    uint64_t seal_due_ns;
    uint32_t segment_bytes;
    bool halts_expected;
    bool forks_expected;

    struct placement placements[CLUSTER_PLACEMENTS_MAX];
    uint32_t placement_count;
    struct repair repairs[CLUSTER_REPAIRS_MAX];
    uint32_t repair_count;
    uint64_t generation; /* Highest that anybody takes part in. */
    uint64_t lost_count; /* Committed segments that repairs did not keep. */

    /* What has been promised. */
    uint8_t *leaders; /* Of term. */
    struct replica_position *committed;
    uint64_t committed_log_index;
    uint64_t bytes_sent;
    uint64_t messages_sent;
    uint64_t fork_count;
    uint64_t steps;
};

/* Memory for any number of runs; reset for the first one. */
struct cluster *cluster_create(uint64_t seed, const struct placement *placement);
/* Another run in the same memory: empty journals, usual options. Change those, then start. */
void cluster_reset(struct cluster *cluster, uint64_t seed, const struct placement *placement);
/* Start the sites that the placement names. */
void cluster_start(struct cluster *cluster);
void cluster_destroy(struct cluster *cluster);

/* A placement of as many voters as `providers` has letters; 'A' is provider 1. */
struct placement cluster_placement(const char *providers, uint8_t commit_providers);

/* Let simulated time pass. */
void cluster_run(struct cluster *cluster, uint64_t for_ns);
/* Until somebody serves, at most `for_ns`; its site id or 0. */
uint8_t cluster_run_to_leader(struct cluster *cluster, uint64_t for_ns);
/* Until all of `sites` have committed `log_index`. False: not in time. */
bool cluster_run_to_commit(struct cluster *cluster, uint16_t sites, uint64_t log_index,
                           uint64_t for_ns);
/* Serving leader of the highest term; 0: none. */
uint8_t cluster_leader(const struct cluster *cluster);

struct cluster_site *cluster_site(struct cluster *cluster, uint8_t site_id);
/* Let a leader seal up to `count` commands; how many it did. */
uint32_t cluster_seal(struct cluster *cluster, uint8_t site_id, uint32_t count);
/* One input; time and randomness are filled in. */
void cluster_step(struct cluster *cluster, uint8_t site_id, struct replica_input *input);
void cluster_tick(struct cluster *cluster, uint8_t site_id);
enum replica_refusal cluster_transfer(struct cluster *cluster, uint8_t from, uint8_t to);
enum replica_refusal cluster_change(struct cluster *cluster, uint8_t leader,
                                    const struct placement *placement);
/* Deliver a message made up by the test; headers may be NULL. */
void cluster_inject(struct cluster *cluster, const struct replica_message *message);

void cluster_crash(struct cluster *cluster, uint8_t site_id);
void cluster_restart(struct cluster *cluster, uint8_t site_id);
/* Cut or mend every way between a site and all others. */
void cluster_isolate(struct cluster *cluster, uint8_t site_id, bool cut);
void cluster_mend(struct cluster *cluster);
/* Take a snapshot of what a site has committed, and forget the log up to there. */
void cluster_snapshot(struct cluster *cluster, uint8_t site_id);
/* Drop everything that is on its way. */
void cluster_drop_flights(struct cluster *cluster);

/* ---- Quorum repair (replica_cluster_repair.c) ---- */

/* What a running site says; it must live as long as the report. */
void cluster_report(const struct cluster *cluster, uint8_t site_id, struct repair_report *report);
enum repair_refusal cluster_decide(const struct cluster *cluster, uint16_t survivors,
                                   uint16_t attested, bool forced, struct repair *repair,
                                   uint8_t *site_id);
/* A site is asked; what it accepts is durable later. */
enum status cluster_promise(struct cluster *cluster, uint8_t site_id, const struct repair *repair);
enum status cluster_activate(struct cluster *cluster, uint8_t site_id, uint64_t generation,
                             uint16_t promised);
/* Those of `sites` whose promise of `generation`, or its activation, is durable. */
uint16_t cluster_promised(const struct cluster *cluster, uint16_t sites, uint64_t generation);
uint16_t cluster_activated(const struct cluster *cluster, uint16_t sites, uint64_t generation);
/* All of it, as the operator's tool does. The tool and the survivors are killed at any moment with
 * this chance in 1/1000 a step, and everything is begun again. */
enum repair_refusal cluster_repair(struct cluster *cluster, uint16_t survivors, uint16_t attested,
                                   uint32_t killed, struct repair *repair);
/* A site has become part of a new generation: judges what the repair kept. */
void cluster_repair_began(struct cluster *cluster, const struct repair *repair);

/* A random run: faults for a while, then none; progress is checked at the end. */
struct cluster_chaos {
    uint64_t fault_ns; /* Simulated time with faults. */
    bool membership;
    bool snapshots;
    uint64_t commits; /* Out: segments committed in all runs. */
    uint64_t elections;
    uint64_t crashes;
};
void cluster_chaos_run(struct cluster *cluster, struct cluster_chaos *chaos);

/* ---- Between the files of the cluster ---- */

void cluster_check_step(struct cluster *cluster, uint8_t site_id);
void cluster_check_committed(struct cluster *cluster, uint8_t site_id, uint64_t from_log_index);

uint64_t cluster_flight_due_ns(const struct cluster *cluster);
void cluster_deliver(struct cluster *cluster); /* The next message. */
void cluster_disk_done(struct cluster *cluster, uint8_t site_id);
void cluster_record(struct cluster *cluster, struct cluster_site *site,
                    const struct cluster_record *record);
/* The two latest placements at or below `log_index`. */
void cluster_placements(const struct cluster_log *log, uint64_t log_index,
                        struct replica_start *start);

#endif
