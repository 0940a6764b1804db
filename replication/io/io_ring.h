/* Backend over io_uring: Linux 6.1 has the whole feature ladder, 5.7 its foot.
 *
 * Everything asked for between two polls goes to the kernel in one io_uring_enter(), which also
 * waits; completions are collected from shared memory. Sockets are blocking ones: io_uring then
 * waits for readiness itself. */
#ifndef REPLICATION_IO_IO_RING_H
#define REPLICATION_IO_IO_RING_H

#include "matching/base/status.h"
#include "replication/io/io_backend.h"

/* STATUS_DENIED when the kernel refuses io_uring or lacks what there is no fallback for;
 * STATUS_FULL without memory or descriptors. */
MUST_USE enum status io_ring_create(struct io **io, const struct io_options *options,
                                    const struct io_limits *limits);

#endif
