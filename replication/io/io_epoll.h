/* Backend over epoll, for places that forbid io_uring (most container run-times do).
 *
 * Sockets are registered once, edge-triggered; readiness is remembered and every request is tried
 * at the next poll. epoll knows nothing of files: writes go to threads of their own (io_writer.h),
 * so that the loop never waits for a disk. */
#ifndef REPLICATION_IO_IO_EPOLL_H
#define REPLICATION_IO_IO_EPOLL_H

#include "matching/base/status.h"
#include "replication/io/io_backend.h"

/* STATUS_FULL without memory, descriptors or threads. */
MUST_USE enum status io_epoll_create(struct io **io, const struct io_options *options);

#endif
