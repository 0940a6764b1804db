/* What every line of a drill is like at a moment: its usual state and what the scenario's faults do
 * to it, by and by. Pure; time is injected. */
#ifndef TOOLS_DRILL_LINES_H
#define TOOLS_DRILL_LINES_H

#include <stdbool.h>
#include <stdint.h>

#include "tools/scenario.h"
#include "tools/wan_line.h"

#define DRILL_LINES_NODES_MAX (SITES_MAX + 1u) /* The clients are a node, too. */

struct drill_lines_way {
    struct wan_line usual;
    struct wan_line from; /* On the way to `to` since begin_ns, for over_ns; flags left out. */
    struct wan_line to;
    uint64_t begin_ns;
    uint64_t over_ns;
    uint32_t cuts; /* That hold: two partitions may cut one line. */
    uint32_t deaf; /* Likewise: new connections that are not heard. */
};

struct drill_lines {
    uint32_t node_count;
    struct drill_lines_way ways[DRILL_LINES_NODES_MAX][DRILL_LINES_NODES_MAX];
};

/* All lines as usual. */
void drill_lines_init(struct drill_lines *lines, const struct scenario *scenario);

/* Whether a fault of this kind concerns lines. */
bool drill_lines_concerns(enum scenario_fault_kind kind);

/* A fault of lines happens at `now_ns`; asserts that it concerns them. */
void drill_lines_fault(struct drill_lines *lines, const struct scenario_fault *fault,
                       uint64_t now_ns);

/* The line from one node to another, at `now_ns`. */
struct wan_line drill_lines_at(const struct drill_lines *lines, uint32_t from, uint32_t to,
                               uint64_t now_ns);

#endif
