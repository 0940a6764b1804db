/* Reads the body of POST /command. Pure but for jansson's memory. */
#ifndef GATEWAY_ADMIN_READ_H
#define GATEWAY_ADMIN_READ_H

#include <stddef.h>
#include <stdint.h>

#include "matching/base/status.h"
#include "matching/command.h"

#define ADMIN_READ_ERROR_BYTES 256u

/* JSON to an administrative command and its shard. `text` may hold any bytes. STATUS_BAD_FORMAT
 * with a sentence in `error` (not JSON; a field missing, unknown, given twice, of a wrong type or
 * out of range); the engine judges the rest. */
MUST_USE enum status admin_read_command(struct command *command, uint16_t *shard_id,
                                        const char *text, size_t text_bytes,
                                        char error[static ADMIN_READ_ERROR_BYTES]);

#endif
