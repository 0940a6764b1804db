/* Any bytes as each kind of OUCH message, either way. */
#include "gateway/ouch.h"
#include "gateway/ouch_tags.h"
#include "matching/base/assertion.h"
#include "tests/support/ouch_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An appendage behind nothing but a type: more of the input reaches the options. */
static void fuzz_tags(const uint8_t *data, size_t size)
{
    const struct ouch_tags_rule rule = {.appendage = 1, .offered = 0x1FF, .known = UINT32_MAX};
    struct ouch_tags tags;
    if (ouch_tags_decode(&tags, &rule, data, size) != STATUS_OK) {
        return;
    }
    ASSERT(tags.reject < REJECT_COUNT);
    if ((tags.present & OUCH_HAS_MINIMUM) != 0 && (tags.present & OUCH_HAS_MINIMUM_64) != 0) {
        ASSERT(tags.reject != 0);
        return;
    }
    uint8_t message[OUCH_MESSAGE_BYTES_MAX] = {0};
    struct ouch_tags again;
    size_t message_bytes = ouch_tags_encode(message, sizeof message, &rule, &tags);
    enum status status = ouch_tags_decode(&again, &rule, message, message_bytes);
    ASSERT(status == STATUS_OK);
    ASSERT(again.present == tags.present);
    ASSERT(again.channel == tags.channel);
    ASSERT(again.order_kind == tags.order_kind);
    ASSERT(again.time_in_force == tags.time_in_force);
    ASSERT(again.minimum_lots == tags.minimum_lots);
    ASSERT(again.deadline_ns == tags.deadline_ns);
    ASSERT(again.too_late_ns == tags.too_late_ns);
    ASSERT(again.maximum_age_ns == tags.maximum_age_ns);
    ASSERT(again.quantity_lots == tags.quantity_lots);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* ouch_command_decode(), ouch_event_decode() and ouch_refused_decode() with their encoders. */
    struct command command;
    struct event event;
    (void)ouch_check_command(data, size, &command);
    (void)ouch_check_event(data, size, &event);
    (void)ouch_check_refused(data, size);
    fuzz_tags(data, size);
    return 0;
}
