/* What a load run says in the end: as text, as JSON, as a picture. */
#ifndef TOOLS_LOAD_REPORT_H
#define TOOLS_LOAD_REPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "matching/base/histogram.h"
#include "matching/base/status.h"
#include "tools/trader.h"

struct load_figures {
    uint64_t rate;   /* Asked for, commands a second; 0: closed loop. */
    uint64_t window; /* A session; 0: not given. */
    uint64_t sessions;
    uint64_t seed;
    uint64_t duration_ns;  /* Measured. */
    uint64_t processor_ns; /* Of the client, in that time. */
    uint64_t bytes_out;
    uint64_t bytes_in;
    bool all_answered;
    struct trader_counts counts;
    const struct histogram *order_latency;
    const struct histogram *cancel_latency;
};

/* Rounded down. */
uint64_t load_report_rate(const struct load_figures *figures);

void load_report_print(const struct load_figures *figures, FILE *out);

/* A new object; NULL without memory. */
json_t *load_report_json(const struct load_figures *figures);

/* A latency distribution: count, mean_ns, p50_ns ... max_ns. A new object; NULL without memory. */
json_t *load_report_latency(const struct histogram *histogram);

/* Statuses as percentiles_picture(). */
MUST_USE enum status load_report_picture(const struct load_figures *figures, const char *path);

#endif
