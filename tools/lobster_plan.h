/* Rules 1 and 2 of lobster.h: which orders of a file are older than their first row, and where they
 * are entered; and what all rows of an order say together. */
#ifndef TOOLS_LOBSTER_PLAN_H
#define TOOLS_LOBSTER_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "matching/base/status.h"
#include "tools/lobster_rows.h"

struct lobster_plan_order {
    uint64_t first_row;
    uint64_t last_row;
    uint64_t entered; /* Quantity of its type-1 row, or 0. */
    uint64_t gone;    /* Sum of its other rows. */
    bool early;
};

struct lobster_plan_early {
    uint64_t id;
    uint64_t row; /* Entered just before this one. */
    uint32_t order;
};

struct lobster_plan {
    struct lobster_plan_order *orders; /* By index of the id. */
    struct lobster_plan_early *early;  /* In the order in which they are entered. */
    uint32_t early_count;
    bool *burst; /* By row: its timestamp is one of a burst. */
};

/* STATUS_FULL: no memory. */
MUST_USE enum status lobster_plan_make(struct lobster_plan *plan, const struct lobster_rows *rows);
void lobster_plan_destroy(struct lobster_plan *plan);

#endif
