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

static bool event_order_streamed(const struct event *event)
{
    return (event->state == 'L' || event->state == 'D') && event->reason == 0 &&
           event->side >= SIDE_BUY && event->side <= SIDE_SELL_SHORT_EXEMPT &&
           event->time_in_force >= TIF_DAY && event->time_in_force <= TIF_FOK &&
           event->kind >= ORDER_LIMIT && event->kind <= ORDER_MARKET;
}

bool event_streamed(const struct event *event)
{
    if (event->session_id == 0 || event->sequence == 0) {
        return false;
    }
    switch (event->type) {
    case EVENT_SYSTEM:
        return event->reason == SYSTEM_START || event->reason == SYSTEM_END;
    case EVENT_ORDER_ACCEPTED:
    case EVENT_ORDER_REPLACED:
        return event_order_streamed(event);
    case EVENT_ORDER_CANCELED:
        return event->reason >= CANCEL_USER && event->reason <= CANCEL_DISCONNECT;
    case EVENT_ORDER_EXECUTED:
        return event->reason == LIQUIDITY_ADDED || event->reason == LIQUIDITY_REMOVED;
    case EVENT_ORDER_REJECTED:
        return event->reason > 0 && event->reason < REJECT_COUNT;
    case EVENT_ACCOUNT:
        return event->reason == 0;
    default: /* Not in streams, or no type at all. */
        return false;
    }
}
