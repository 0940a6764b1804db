#include "tests/support/event_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "matching/base/assertion.h"

struct event_text {
    char *target;
    size_t used;
};

static void event_text_number(struct event_text *text, const char *name, uint64_t value)
{
    if (value == 0) {
        return;
    }
    int length = snprintf(text->target + text->used, EVENT_TEXT_BYTES - text->used, " %s=%" PRIu64,
                          name, value);
    ASSERT(length > 0);
    text->used += (size_t)length;
    ASSERT(text->used < EVENT_TEXT_BYTES);
}

static void event_text_string(struct event_text *text, const char *name, const uint8_t *value,
                              size_t bytes)
{
    while (bytes > 0 && (value[bytes - 1] == ' ' || value[bytes - 1] == 0)) {
        bytes--;
    }
    if (bytes == 0) {
        return;
    }
    int length = snprintf(text->target + text->used, EVENT_TEXT_BYTES - text->used, " %s=%.*s",
                          name, (int)bytes, (const char *)value);
    ASSERT(length > 0);
    text->used += (size_t)length;
    ASSERT(text->used < EVENT_TEXT_BYTES);
}

static const char *event_text_type(uint8_t type)
{
    switch ((enum event_type)type) {
    case EVENT_SYSTEM:
        return "system";
    case EVENT_ORDER_ACCEPTED:
        return "accepted";
    case EVENT_ORDER_REPLACED:
        return "replaced";
    case EVENT_ORDER_CANCELED:
        return "canceled";
    case EVENT_ORDER_EXECUTED:
        return "executed";
    case EVENT_ORDER_REJECTED:
        return "rejected";
    case EVENT_ACCOUNT:
        return "account";
    case EVENT_SESSION_LOGON:
        return "logon";
    case EVENT_SESSION_LOGOFF:
        return "logoff";
    case EVENT_ADMINISTRATION:
        return "administration";
    }
    ASSERT(false);
    return "";
}

static void event_text_unused(const struct event *event)
{
    uint8_t bytes[sizeof *event];
    memcpy(bytes, event, sizeof bytes);
    for (size_t i = event_bytes(event->type); i < sizeof bytes; i++) {
        ASSERT(bytes[i] == 0);
    }
    ASSERT(event->reserved == 0);
    for (size_t i = 0; i < sizeof event->reserved_2; i++) {
        ASSERT(event->reserved_2[i] == 0);
    }
}

size_t event_text(char target[static EVENT_TEXT_BYTES], const struct event *event,
                  uint64_t since_ns)
{
    event_text_unused(event);
    struct event_text text = {.target = target};
    text.used = (size_t)snprintf(target, EVENT_TEXT_BYTES, "%s", event_text_type(event->type));
    event_text_number(&text, "channel", event->channel);
    event_text_number(&text, "reason", event->reason);
    event_text_string(&text, "state", &event->state, 1);
    event_text_number(&text, "session", event->session_id);
    event_text_number(&text, "sequence", event->sequence);
    event_text_number(&text, "at", event->timestamp_ns - since_ns);
    event_text_number(&text, "reference", event->user_reference);
    event_text_number(&text, "instrument", event->instrument_id);
    event_text_number(&text, "lots", event->quantity_lots);
    event_text_number(&text, "match", event->match_number);
    if (event->price < 0) {
        event_text_number(&text, "price=-", (uint64_t)-event->price);
    } else {
        event_text_number(&text, "price", (uint64_t)event->price);
    }
    event_text_number(&text, "order", event->order_id);
    event_text_number(&text, "minimum", event->minimum_lots);
    event_text_number(&text, "deadline", event->deadline_ns);
    event_text_number(&text, "original", event->original_user_reference);
    event_text_number(&text, "side", event->side);
    event_text_number(&text, "tif", event->time_in_force);
    event_text_number(&text, "kind", event->kind);
    event_text_string(&text, "display", &event->display, 1);
    event_text_string(&text, "capacity", &event->capacity, 1);
    event_text_string(&text, "sweep", &event->sweep, 1);
    event_text_string(&text, "cross", &event->cross, 1);
    event_text_string(&text, "id", event->client_order_id, CLIENT_ORDER_ID_BYTES);
    event_text_string(&text, "symbol", event->symbol, SYMBOL_BYTES);
    return text.used;
}
