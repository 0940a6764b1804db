/* What happened in each slice of time: acknowledgements, executions, latency, and marks such as a
 * kill. For reports and for the picture of a drill. */
#ifndef TOOLS_TIMELINE_H
#define TOOLS_TIMELINE_H

#include <stdint.h>

#include "matching/base/status.h"

#define TIMELINE_SLICES_MAX 36000u /* An hour of 100 ms; what comes later is left out. */
#define TIMELINE_MARKS_MAX  512u   /* Further ones are left out. */

struct timeline;

struct timeline_slice {
    uint64_t acknowledged;
    uint64_t executed;
    uint64_t latency_p50_ns; /* Of the acknowledgements of this slice; 0 without any. */
    uint64_t latency_p99_ns;
    uint64_t latency_max_ns;
};

enum timeline_mark_kind {
    TIMELINE_KILLED,   /* The site was killed. */
    TIMELINE_SERVES,   /* First acknowledgement after it. */
    TIMELINE_HARM,     /* Something was taken away, by a scenario. */
    TIMELINE_CHANGE,   /* Something else happened, by a scenario. */
    TIMELINE_DETECTED, /* Somebody noticed that the leader is gone. */
    TIMELINE_ELECTED,  /* Another one leads. */
    TIMELINE_MARK_KINDS
};

/* Times count from `start_ns`. STATUS_FULL: no memory. */
MUST_USE enum status timeline_create(struct timeline **timeline, uint64_t start_ns,
                                     uint64_t slice_ns);
void timeline_destroy(struct timeline *timeline);

/* `now_ns` never goes back. */
void timeline_acknowledged(struct timeline *timeline, uint64_t now_ns, uint64_t latency_ns);
void timeline_executed(struct timeline *timeline, uint64_t now_ns);
void timeline_mark(struct timeline *timeline, enum timeline_mark_kind kind, uint64_t now_ns);
/* The same with a number that stands beside it; afterwards, so in any order of time. */
void timeline_mark_numbered(struct timeline *timeline, enum timeline_mark_kind kind,
                            uint64_t now_ns, uint32_t number);

/* The slices so far, the present one included; returns how many. */
uint32_t timeline_slices(struct timeline *timeline, const struct timeline_slice **slices);

/* Acknowledged orders a second and latency over time, marks as vertical lines. Statuses as
 * percentiles_picture() has them. */
MUST_USE enum status timeline_picture(struct timeline *timeline, const char *path,
                                      const char *title);

#endif
