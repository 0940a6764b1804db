#include "tests/support/ouch_check.h"

#include <string.h>

#include "gateway/ouch.h"
#include "matching/base/assertion.h"

static void ouch_check_unsupported(const struct command *command)
{
    ASSERT(command->type == COMMAND_ORDER_ENTER || command->type == COMMAND_ORDER_REPLACE);
    ASSERT(command->body.order.reject > 0);
    ASSERT(command->body.order.reject < REJECT_COUNT);
}

enum status ouch_check_command(const uint8_t *payload, size_t payload_bytes,
                               struct command *command)
{
    enum status status = ouch_command_decode(command, payload, payload_bytes);
    ASSERT(status == STATUS_OK || status == STATUS_BAD_FORMAT || status == STATUS_BAD_VERSION);
    if (status != STATUS_OK) {
        return status;
    }
    if ((command->flags & COMMAND_UNSUPPORTED) != 0) {
        ouch_check_unsupported(command);
        return status;
    }
    uint8_t message[OUCH_MESSAGE_BYTES_MAX];
    struct command again;
    size_t message_bytes = ouch_command_encode(message, sizeof message, command);
    ASSERT(message_bytes <= sizeof message);
    enum status repeated = ouch_command_decode(&again, message, message_bytes);
    ASSERT(repeated == STATUS_OK);
    ASSERT(memcmp(&again, command, sizeof again) == 0);
    return status;
}

enum status ouch_check_event(const uint8_t *payload, size_t payload_bytes, struct event *event)
{
    enum status status = ouch_event_decode(event, payload, payload_bytes);
    ASSERT(status == STATUS_OK || status == STATUS_BAD_FORMAT);
    if (status != STATUS_OK) {
        return status;
    }
    uint8_t message[OUCH_MESSAGE_BYTES_MAX];
    struct event again;
    event->sequence = 1; /* OUCH does not carry it, the encoder wants it. */
    size_t message_bytes = ouch_event_encode(message, sizeof message, event);
    event->sequence = 0;
    ASSERT(message_bytes > 0);
    ASSERT(message_bytes <= sizeof message);
    enum status repeated = ouch_event_decode(&again, message, message_bytes);
    ASSERT(repeated == STATUS_OK);
    ASSERT(memcmp(&again, event, sizeof again) == 0);
    return status;
}

enum status ouch_check_refused(const uint8_t *payload, size_t payload_bytes)
{
    struct ouch_refused refused;
    enum status status = ouch_refused_decode(&refused, payload, payload_bytes);
    ASSERT(status == STATUS_OK || status == STATUS_BAD_FORMAT);
    if (status != STATUS_OK) {
        return status;
    }
    uint8_t message[OUCH_MESSAGE_BYTES_MAX];
    struct ouch_refused again;
    size_t message_bytes = ouch_refused_encode(message, sizeof message, &refused);
    enum status repeated = ouch_refused_decode(&again, message, message_bytes);
    ASSERT(repeated == STATUS_OK);
    ASSERT(again.timestamp_ns == refused.timestamp_ns);
    ASSERT(again.user_reference == refused.user_reference);
    ASSERT(again.channel == refused.channel);
    ASSERT(again.reason == refused.reason);
    return status;
}
