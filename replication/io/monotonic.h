/* The monotonic clock of the system, for whoever has no io.h object whose time is that of a turn.
 * Any thread. */
#ifndef REPLICATION_IO_MONOTONIC_H
#define REPLICATION_IO_MONOTONIC_H

#include <stdint.h>

uint64_t monotonic_now_ns(void);

#endif
