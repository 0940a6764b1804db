/* Choosing a backend. io_create() itself is declared in io.h, for everybody; it is defined here
 * because nothing that a backend stands on may know the backends. */
#ifndef REPLICATION_IO_IO_CREATE_H
#define REPLICATION_IO_IO_CREATE_H

#include "matching/base/status.h"
#include "replication/io/io.h"
#include "replication/io/io_backend.h"

/* io_create() with steps of the ladder left out, for tests. */
MUST_USE enum status io_create_limited(struct io **io, const struct io_options *options,
                                       const struct io_limits *limits);

#endif
