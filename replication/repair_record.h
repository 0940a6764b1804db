/* A repair in bytes: what the tool sends, what a survivor's journal keeps. Pure. Layout:
 * protocol.md, "Quorum repair". */
#ifndef REPLICATION_REPAIR_RECORD_H
#define REPLICATION_REPAIR_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "matching/base/status.h"
#include "replication/repair.h"

#define REPAIR_RECORD_BYTES 1040u

/* Asserts repair_valid(). */
void repair_record_store(uint8_t target[static REPAIR_RECORD_BYTES], const struct repair *repair);

/* STATUS_SHORT, STATUS_BAD_VERSION; STATUS_BAD_FORMAT: another size, not repair_valid(), padding
 * that is not zero. */
MUST_USE enum status repair_record_load(struct repair *repair, const uint8_t *source,
                                        size_t source_bytes);

#endif
