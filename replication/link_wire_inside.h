/* The body of a REPLICA frame: a replica's message and its segments. For link_wire*.c alone. */
#ifndef REPLICATION_LINK_WIRE_INSIDE_H
#define REPLICATION_LINK_WIRE_INSIDE_H

#include "replication/link_cursor.h"
#include "replication/link_wire.h"

void link_wire_replica_write(struct link_writer *writer, const struct link_replica *replica);
/* STATUS_BAD_FORMAT unless the whole body is one valid message. */
MUST_USE enum status link_wire_replica_read(struct link_replica *replica,
                                            struct link_reader *reader);

#endif
