/* The monotonic clock, for tools that wait and measure. Sites have theirs from replication/io. Any
 * thread. */
#ifndef TOOLS_MONOTONIC_H
#define TOOLS_MONOTONIC_H

#include <stdint.h>

uint64_t monotonic_now_ns(void);

/* Nothing happens for so long; less when a signal comes. */
void monotonic_pause(uint64_t pause_ns);

#endif
