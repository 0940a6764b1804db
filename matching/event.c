#include "matching/event.h"

#include <stddef.h>

#define EVENT_BYTES_SHORT offsetof(struct event, match_number)
#define EVENT_BYTES_TRADE offsetof(struct event, order_id)
#define EVENT_BYTES_ORDER offsetof(struct event, reserved_3)

static_assert(EVENT_BYTES_SHORT == 40, "the layout is the format");
static_assert(EVENT_BYTES_TRADE == 56, "the layout is the format");
static_assert(EVENT_BYTES_ORDER == 120, "the layout is the format");

uint32_t event_bytes(uint8_t type)
{
    switch (type) {
    case EVENT_SYSTEM:
    case EVENT_ACCOUNT:
    case EVENT_ORDER_CANCELED:
    case EVENT_SESSION_LOGOFF:
        return EVENT_BYTES_SHORT;
    case EVENT_ORDER_EXECUTED:
    case EVENT_SESSION_LOGON:
    case EVENT_ADMINISTRATION:
        return EVENT_BYTES_TRADE;
    case EVENT_ORDER_ACCEPTED:
    case EVENT_ORDER_REPLACED:
    case EVENT_ORDER_REJECTED:
        return EVENT_BYTES_ORDER;
    default: /* Bytes from a disk may hold any value. */
        return 0;
    }
}
