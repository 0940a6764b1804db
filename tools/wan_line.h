/* What one direction of an emulated line does to packets: from one node to another. Pure. */
#ifndef TOOLS_WAN_LINE_H
#define TOOLS_WAN_LINE_H

#include <stdbool.h>
#include <stdint.h>

#define WAN_LINE_DELAY_NS_MAX UINT64_C(60000000000) /* Of delay and of jitter. */
#define WAN_LINE_RATE_MAX     UINT64_C(100000000000)
#define WAN_LINE_PPM          1000000u
/* A packet that is overtaken comes this much later than it would. */
#define WAN_LINE_REORDER_NS UINT64_C(2000000)

struct wan_line {
    uint64_t delay_ns;    /* Every packet takes at least this long. */
    uint64_t jitter_ns;   /* And up to this much longer, uniform; order is kept. */
    uint32_t loss_ppm;    /* Parts in a million that are lost. */
    uint32_t reorder_ppm; /* Parts in a million that later ones overtake. */
    uint64_t rate_bytes;  /* A second; 0: no bound. */
    uint64_t queue_bytes; /* That may wait for the rate; beyond, dropped. 0: as many as 100 ms. */
    bool cut;             /* Nothing arrives any more, not even what is under way. */
    bool connects_lost;   /* New TCP connections are not heard of; those that stand go on. */
};

/* Whether every field is in its range. */
bool wan_line_valid(const struct wan_line *line);

/* A line between two others, `part_ppm` of the way from `from` (0) to `to` (WAN_LINE_PPM): for
 * conditions that get worse or better by and by. Flags are those of `to` from the start. A bound of
 * the rate that only one end has holds on the whole way. */
struct wan_line wan_line_between(const struct wan_line *from, const struct wan_line *to,
                                 uint32_t part_ppm);

#endif
