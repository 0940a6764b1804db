/* The catalogue of faults and schedules of them. A schedule is made from a seed, printed one fault
 * a line, read back, and made smaller until every fault left is needed. Pure. */
#ifndef TESTS_SIM_SIM_FAULT_H
#define TESTS_SIM_SIM_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "matching/base/limits.h"
#include "matching/base/random.h"
#include "matching/base/status.h"

#define SIM_FAULTS_MAX 512u

enum sim_fault_kind {
    /* Processes. */
    SIM_FAULT_KILL = 0, /* The process dies; the system lives: writes are whole or not there. */
    SIM_FAULT_POWER,    /* Power is gone: of writes in flight any sectors are there. */
    SIM_FAULT_RESTART,  /* Stopped and started in order. */
    SIM_FAULT_PAUSE,    /* Does not run for a while, and does not know. */
    SIM_FAULT_SLOW,     /* Each turn comes late. */
    SIM_FAULT_LEADER_KILL,
    SIM_FAULT_LEADER_PAUSE,
    SIM_FAULT_DIVERGE,       /* An engine computes something else than the others. */
    SIM_FAULT_INSTALL_POWER, /* Power is gone where the next snapshot is being installed. */
    SIM_FAULT_POWER_ALL,     /* Power is gone everywhere at once. */
    SIM_FAULT_PROVIDER_DOWN,
    SIM_FAULT_PROVIDER_GONE, /* For good, with all disks. */
    /* Disks. */
    SIM_FAULT_DISK_LOST,     /* All of it is gone; a new journal takes the site's place. */
    SIM_FAULT_DISK_LOST_LIE, /* The same, but the operator starts an empty one as if it were it. */
    SIM_FAULT_ROT_JOURNAL,
    SIM_FAULT_ROT_STORE,
    SIM_FAULT_ROT_METADATA,
    SIM_FAULT_ROT_SNAPSHOT,
    SIM_FAULT_MISDIRECTED_WRITE,
    SIM_FAULT_STALE_READ,
    SIM_FAULT_NO_SPACE,
    SIM_FAULT_DISK_ERROR,
    SIM_FAULT_SLOW_DISK,
    SIM_FAULT_LEADER_SLOW_DISK,
    SIM_FAULT_STUCK_DISK,
    SIM_FAULT_SLOW_STORE, /* The ring fills up and pushes back. */
    /* Network. */
    SIM_FAULT_LOSS,
    SIM_FAULT_DUPLICATION,
    SIM_FAULT_REORDERING,
    SIM_FAULT_CORRUPTION,
    SIM_FAULT_CUT, /* Between two sites. */
    SIM_FAULT_CUT_ONE_WAY,
    SIM_FAULT_ISOLATION, /* One site from all others. */
    SIM_FAULT_LEADER_ISOLATION,
    SIM_FAULT_DEAF,      /* A site sends but hears nothing. */
    SIM_FAULT_PARTITION, /* Two halves. */
    SIM_FAULT_FLAPPING,  /* Cut and mended again and again. */
    SIM_FAULT_CLOGGING,
    SIM_FAULT_LATENCY,
    SIM_FAULT_LATENCY_ONE_WAY,
    SIM_FAULT_JITTER,
    SIM_FAULT_BANDWIDTH,
    /* Clocks. */
    SIM_FAULT_CLOCK_FORWARD,
    SIM_FAULT_CLOCK_BACK,
    SIM_FAULT_CLOCK_DRIFT,
    SIM_FAULT_CLOCK_FREEZE,
    SIM_FAULT_LEADER_CLOCK, /* The leader's jumps, wherever it is. */
    /* Operators. */
    SIM_FAULT_TRANSFER,
    SIM_FAULT_DEMOTION,    /* A voter becomes a learner, and later a voter again. */
    SIM_FAULT_REMOVAL,     /* A site leaves; a new one comes in its place. */
    SIM_FAULT_PROVIDERS,   /* Another commit_providers. */
    SIM_FAULT_SNAPSHOT,    /* All sites take one now. */
    SIM_FAULT_QUORUM_GONE, /* So many sites at once, for good, that only a repair helps. */
    /* Clients. */
    SIM_FAULT_RECONNECT, /* All leave for other sites. */
    SIM_FAULT_TWO_SITES, /* All log on at another site and go on at the old one. */
    SIM_FAULT_RESENDING, /* All send everything again that they are not sure of. */
    SIM_FAULT_BURST,     /* Many orders at once. */
    SIM_FAULT_KIND_COUNT
};

struct sim_fault {
    uint16_t kind;      /* enum sim_fault_kind. */
    uint8_t site_id;    /* Or the provider's. */
    uint8_t other_id;   /* The other end, or the shard. */
    uint32_t magnitude; /* What it means is the kind's matter; 1 .. 1,000. */
    uint64_t begin_ns;
    uint64_t end_ns;
};

struct sim_schedule {
    struct sim_fault faults[SIM_FAULTS_MAX];
    uint32_t count;
};

/* "clock-drift" and the like; static. */
const char *sim_fault_name(enum sim_fault_kind kind);
/* "process", "disk", "network", "clock", "operator" or "client". */
const char *sim_fault_class(enum sim_fault_kind kind);

/* Faults of some kinds, in [0, until_ns), in the order of their begin. `mean_ns`: between two
 * begins. One schedule in twelve has one more in the end, whenever it begins: a quorum that is
 * gone. It is drawn last, so that all others are what they were without this kind. */
void sim_schedule_make(struct sim_schedule *schedule, struct random *random, uint32_t site_count,
                       uint64_t until_ns, uint64_t mean_ns);

/* One line a fault: "kind begin_us end_us site other magnitude". Returns the length, at most
 * `bytes` - 1. */
size_t sim_schedule_print(const struct sim_schedule *schedule, char *target, size_t bytes);
/* Reads such lines; '#' begins a comment. STATUS_BAD_FORMAT, STATUS_FULL. */
MUST_USE enum status sim_schedule_parse(struct sim_schedule *schedule, const char *text);

/* Delta debugging (Zeller, Hildebrandt: "Simplifying and Isolating Failure-Inducing Input", 2002):
 * leave out what is not needed for `fails`, at most `trials_max` calls of it. */
void sim_schedule_shrink(struct sim_schedule *schedule,
                         bool (*fails)(void *context, const struct sim_schedule *schedule),
                         void *context, uint32_t trials_max);

#endif
