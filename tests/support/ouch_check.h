/* What must hold for any bytes that come as an OUCH message: for fuzzers and mutation tests. */
#ifndef TESTS_SUPPORT_OUCH_CHECK_H
#define TESTS_SUPPORT_OUCH_CHECK_H

#include <stddef.h>
#include <stdint.h>

#include "matching/base/status.h"
#include "matching/command.h"
#include "matching/event.h"

/* Decode; what decodes must encode to a message that decodes to the same again. Each aborts the
 * process (ASSERT) when that is not so, and returns the decoder's status. */
enum status ouch_check_command(const uint8_t *payload, size_t payload_bytes,
                               struct command *command);
enum status ouch_check_event(const uint8_t *payload, size_t payload_bytes, struct event *event);
enum status ouch_check_refused(const uint8_t *payload, size_t payload_bytes);

#endif
