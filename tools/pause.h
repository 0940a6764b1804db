/* Waiting for a time, in tools that look again and again. Any thread. */
#ifndef TOOLS_PAUSE_H
#define TOOLS_PAUSE_H

#include <stdint.h>

/* Nothing happens for so long; less when a signal comes. */
void pause_ns(uint64_t ns);

#endif
