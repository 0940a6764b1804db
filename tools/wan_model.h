/* The emulated lines as a queueing model with injected time: packets in, packets out when they are
 * due. Pure: no clock, no I/O; memory is taken at the start. One thread at a time.
 *
 * Every directed pair of nodes has a line (wan_line.h) and a random stream of its own, so what
 * happens on one line does not depend on the others: the same packets at the same times meet the
 * same fates under the same seed. */
#ifndef TOOLS_WAN_MODEL_H
#define TOOLS_WAN_MODEL_H

#include <stddef.h>
#include <stdint.h>

#include "matching/base/status.h"
#include "tools/wan_line.h"

#define WAN_MODEL_NODES_MAX        12u
#define WAN_MODEL_PACKET_BYTES_MAX 2048u
#define WAN_MODEL_PACKETS_MAX      16384u /* Under way on all lines. Beyond: dropped, counted. */

struct wan_model;

/* What became of packets of one line. All that were put: the sum of these and those under way. */
struct wan_model_counts {
    uint64_t delivered;
    uint64_t delivered_bytes;
    uint64_t lost;      /* By chance: loss_ppm. */
    uint64_t cut;       /* The line was cut, when it was put or when it would have arrived. */
    uint64_t refused;   /* Asked for a connection: connects_lost. */
    uint64_t overflow;  /* Too many waited for the rate, or were under way at all. */
    uint64_t reordered; /* Held back. */
};

/* A packet that is due. */
struct wan_model_packet {
    uint32_t from;
    uint32_t to;
    uint32_t bytes;
    uint64_t put_ns;
    uint64_t due_ns;
    const uint8_t *data;
};

/* Nodes 0 .. node_count - 1, all lines perfect. STATUS_FULL: no memory. */
MUST_USE enum status wan_model_create(struct wan_model **model, uint32_t node_count, uint64_t seed);
void wan_model_destroy(struct wan_model *model);

/* A line's state now. `from` and `to` differ. */
const struct wan_line *wan_model_line(const struct wan_model *model, uint32_t from, uint32_t to);
/* From now on; packets under way arrive when they would have, unless the line is cut. Asserts that
 * the line is valid. */
void wan_model_line_set(struct wan_model *model, uint32_t from, uint32_t to,
                        const struct wan_line *line);

/* A packet of 1 .. WAN_MODEL_PACKET_BYTES_MAX bytes enters a line; copied. `connects`: it asks for
 * a new connection. `now_ns` never goes back. */
void wan_model_put(struct wan_model *model, uint32_t from, uint32_t to, const uint8_t *data,
                   size_t bytes, bool connects, uint64_t now_ns);

/* When the next packet is due; UINT64_MAX: none is under way. */
uint64_t wan_model_due_ns(const struct wan_model *model);
/* The next packet due by `now_ns`, in the order of due times; false: none. Its data stay until the
 * next call of wan_model_put() or wan_model_take(). */
bool wan_model_take(struct wan_model *model, uint64_t now_ns, struct wan_model_packet *packet);

struct wan_model_counts wan_model_counts(const struct wan_model *model, uint32_t from, uint32_t to);

#endif
