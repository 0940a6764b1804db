/* An emulated wide area network in user space: nodes in network namespaces of their own
 * (wan_space.h), each with an address, and between every two of them a line each way (wan_line.h)
 * whose delay, jitter, loss, rate and state change while it runs. A thread of its own carries the
 * packets (wan_model.h). Real TCP stacks at both ends: what a drill sees is what they make of it.
 *
 * Functions may be called by one thread at a time, besides the emulator's own. */
#ifndef TOOLS_WAN_H
#define TOOLS_WAN_H

#include <stdbool.h>
#include <stdint.h>

#include "matching/base/status.h"
#include "tools/wan_line.h"
#include "tools/wan_model.h"
#include "tools/wan_space.h"

#define WAN_NODES_MAX     WAN_MODEL_NODES_MAX
#define WAN_ADDRESS_BYTES 16u

struct wan;

/* Make the nodes and carry packets; all lines are perfect at first. Call wan_space_permit() before.
 * STATUS_DENIED, STATUS_IO with a reason, STATUS_FULL; then nothing is there. */
MUST_USE enum status wan_start(struct wan **wan, uint32_t node_count, uint64_t seed,
                               char reason[static WAN_SPACE_ERROR_BYTES]);
/* The namespaces go when the last process in them has ended. */
void wan_stop(struct wan *wan);

/* A node's address as text. */
void wan_address(uint32_t node, char address[static WAN_ADDRESS_BYTES]);
/* For setns() in a process that shall live at the node; the WAN's, close on exec. */
int wan_namespace(const struct wan *wan, uint32_t node);
/* As wan_space_enter(): the calling thread lives there from now on. */
MUST_USE enum status wan_enter(const struct wan *wan, uint32_t node);

/* What the line from one node to another does; and from now on shall do. */
struct wan_line wan_line_of(struct wan *wan, uint32_t from, uint32_t to);
void wan_line_set(struct wan *wan, uint32_t from, uint32_t to, const struct wan_line *line);

/* What became of the packets of a line. */
struct wan_model_counts wan_counts(struct wan *wan, uint32_t from, uint32_t to);
/* Packets that went to no node, or that no device took. */
uint64_t wan_strays(struct wan *wan);

#endif
