/* One line of text a command, with the names of its fields: for `causeway journal dump`.
 *
 * As text: "command=12 time=2026-01-02T03:04:05.000000006Z type=order-enter session=3 ...", or as
 * one JSON object a line. Fields that are zero because the command has no use for them are left
 * out; bytes that are no printable ASCII are shown as \xHH (JSON: \u00HH). Numbers from 2^63 on,
 * which many JSON readers refuse, are strings there. */
#ifndef TOOLS_COMMAND_TEXT_H
#define TOOLS_COMMAND_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "matching/command.h"

#define COMMAND_TEXT_BYTES 2048u /* Any command fits. */

/* "order-enter", or NULL for a type that does not exist. */
const char *command_text_type(uint8_t type);

/* "2026-01-02T03:04:05.000000006Z". */
void command_text_time(char *target, size_t target_bytes, uint64_t timestamp_ns);

/* Write the line without its end; returns its length. `command` may hold any bytes. */
size_t command_text(char target[static COMMAND_TEXT_BYTES], uint64_t command_sequence,
                    const struct command *command, bool json);

#endif
