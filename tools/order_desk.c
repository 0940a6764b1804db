#include "tools/order_desk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "matching/base/random.h"
#include "tools/number_table.h"

#define ORDER_DESK_NONE UINT32_MAX

struct order_desk_order {
    uint64_t order_id;
    uint64_t key; /* Session and reference. */
    uint64_t leaves_lots;
    uint64_t executed_lots; /* Of the whole chain of replaces. */
    uint32_t original;      /* The order that this one is to replace, while that is open. */
    uint32_t replacement;   /* The order that is to replace this one; not yet answered. */
    uint32_t free_next;
};

struct order_desk {
    struct order_desk_options options;
    uint8_t (*symbols)[SYMBOL_BYTES];
    uint32_t *reference_next; /* By session. */
    struct order_desk_order *orders;
    uint32_t free_first;
    uint32_t count;
    struct number_table by_id;
    struct number_table by_key;
    uint64_t client_ids;
    struct random random;
};

enum status order_desk_create(struct order_desk **desk, const struct order_desk_options *options)
{
    ASSERT(options->session_count > 0);
    ASSERT(options->orders_max > 0 && options->orders_max < ORDER_DESK_NONE);
    struct order_desk *made = calloc(1, sizeof *made);
    *desk = made;
    if (made == NULL) {
        return STATUS_FULL;
    }
    made->options = *options;
    made->symbols = calloc(options->instrument_count, sizeof *made->symbols);
    made->reference_next = calloc(options->session_count, sizeof *made->reference_next);
    made->orders = calloc(options->orders_max, sizeof *made->orders);
    bool tables = number_table_create(&made->by_id, options->orders_max) == STATUS_OK &&
                  number_table_create(&made->by_key, options->orders_max) == STATUS_OK;
    if (made->symbols == NULL || made->reference_next == NULL || made->orders == NULL || !tables) {
        order_desk_destroy(made);
        *desk = NULL;
        return STATUS_FULL;
    }
    memcpy(made->symbols, options->symbols, options->instrument_count * sizeof *made->symbols);
    for (uint32_t i = 0; i < options->session_count; i++) {
        made->reference_next[i] = 1;
    }
    for (uint32_t i = 0; i < options->orders_max; i++) {
        made->orders[i].free_next = i + 1 < options->orders_max ? i + 1 : ORDER_DESK_NONE;
    }
    random_seed(&made->random, options->seed);
    return STATUS_OK;
}

void order_desk_destroy(struct order_desk *desk)
{
    if (desk == NULL) {
        return;
    }
    number_table_destroy(&desk->by_id);
    number_table_destroy(&desk->by_key);
    free(desk->symbols);
    free(desk->reference_next);
    free(desk->orders);
    free(desk);
}

uint32_t order_desk_count(const struct order_desk *desk)
{
    return desk->count;
}

void order_desk_reference_set(struct order_desk *desk, uint32_t session, uint32_t reference)
{
    ASSERT(session < desk->options.session_count);
    ASSERT(reference >= desk->reference_next[session]);
    desk->reference_next[session] = reference;
}

static uint64_t order_desk_key(uint32_t session, uint32_t reference)
{
    return (uint64_t)session << 32 | reference;
}

static uint32_t order_desk_add(struct order_desk *desk, uint64_t order_id, uint64_t key)
{
    uint32_t index = desk->free_first;
    ASSERT(index != ORDER_DESK_NONE);
    struct order_desk_order *order = &desk->orders[index];
    desk->free_first = order->free_next;
    desk->count++;
    *order = (struct order_desk_order){.order_id = order_id,
                                       .key = key,
                                       .original = ORDER_DESK_NONE,
                                       .replacement = ORDER_DESK_NONE};
    enum status status = number_table_put(&desk->by_key, key, index);
    ASSERT(status == STATUS_OK);
    /* An id may be entered again while the end of its former life is still to be told. */
    status = number_table_put(&desk->by_id, order_id, index);
    ASSERT(status == STATUS_OK);
    return index;
}

static void order_desk_remove(struct order_desk *desk, uint32_t index)
{
    struct order_desk_order *order = &desk->orders[index];
    ASSERT(desk->count > 0);
    bool removed = number_table_remove(&desk->by_key, order->key);
    ASSERT(removed);
    uint32_t found;
    if (number_table_find(&desk->by_id, order->order_id, &found) && found == index) {
        (void)number_table_remove(&desk->by_id, order->order_id);
    }
    if (order->original != ORDER_DESK_NONE) {
        desk->orders[order->original].replacement = ORDER_DESK_NONE;
    }
    order->free_next = desk->free_first;
    desk->free_first = index;
    desk->count--;
}

/* An order is dead, and not by a replace: what was to replace it will be passed over in silence. */
static void order_desk_bury(struct order_desk *desk, uint32_t index)
{
    while (index != ORDER_DESK_NONE) {
        uint32_t next = desk->orders[index].replacement;
        if (next != ORDER_DESK_NONE) {
            desk->orders[next].original = ORDER_DESK_NONE;
        }
        order_desk_remove(desk, index);
        index = next;
    }
}

static void order_desk_client_order_id(struct order_desk *desk, uint8_t *target)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    memset(target, ' ', CLIENT_ORDER_ID_BYTES);
    char text[24];
    int bytes;
    switch (desk->options.client_id) {
    case ORDER_DESK_EMPTY:
        return;
    case ORDER_DESK_COUNTING:
        bytes = snprintf(text, sizeof text, "%llu", (unsigned long long)++desk->client_ids);
        ASSERT(bytes > 0);
        memcpy(target, text,
               (size_t)bytes < CLIENT_ORDER_ID_BYTES ? (size_t)bytes : CLIENT_ORDER_ID_BYTES);
        return;
    case ORDER_DESK_RANDOM:
        for (uint32_t i = 0; i < CLIENT_ORDER_ID_BYTES; i++) {
            target[i] = (uint8_t)letters[random_below(&desk->random, sizeof letters - 1)];
        }
        return;
    }
    ASSERT(false);
}

/* Fields of enter, take and replace alike. */
static void order_desk_body(struct order_desk *desk, const struct market_action *action,
                            uint32_t session, struct command_order *body)
{
    body->time_in_force = action->type == MARKET_ACTION_TAKE ? TIF_IOC : TIF_DAY;
    body->kind = ORDER_LIMIT;
    body->display = 'Y';
    body->capacity = 'P';
    body->sweep = 'N';
    body->cross = 'N';
    body->user_reference = desk->reference_next[session]++;
    body->quantity_lots = action->quantity;
    body->price = action->price;
    order_desk_client_order_id(desk, body->client_order_id);
}

static enum status order_desk_enter(struct order_desk *desk, const struct market_action *action,
                                    uint32_t session, struct command *command)
{
    ASSERT(session < desk->options.session_count);
    ASSERT(action->instrument < desk->options.instrument_count);
    if (desk->free_first == ORDER_DESK_NONE) {
        return STATUS_FULL;
    }
    *command = (struct command){.type = COMMAND_ORDER_ENTER};
    struct command_order *body = &command->body.order;
    order_desk_body(desk, action, session, body);
    memcpy(body->symbol, desk->symbols[action->instrument], SYMBOL_BYTES);
    body->side = action->side;
    uint32_t index =
        order_desk_add(desk, action->order_id, order_desk_key(session, body->user_reference));
    desk->orders[index].leaves_lots = action->quantity;
    return STATUS_OK;
}

static enum status order_desk_replace(struct order_desk *desk, const struct market_action *action,
                                      uint32_t original, struct command *command)
{
    if (desk->free_first == ORDER_DESK_NONE) {
        return STATUS_FULL;
    }
    struct order_desk_order *old = &desk->orders[original];
    uint32_t session = (uint32_t)(old->key >> 32);
    *command = (struct command){.type = COMMAND_ORDER_REPLACE};
    struct command_order *body = &command->body.order;
    order_desk_body(desk, action, session, body);
    /* What a replace inherits is not on the wire: capacity, cross type, symbol, side. */
    body->capacity = 0;
    body->cross = 0;
    body->original_user_reference = (uint32_t)old->key;
    body->quantity_lots = action->quantity + old->executed_lots;
    uint32_t index =
        order_desk_add(desk, action->new_order_id, order_desk_key(session, body->user_reference));
    struct order_desk_order *order = &desk->orders[index];
    order->leaves_lots = action->quantity;
    order->executed_lots = old->executed_lots;
    order->original = original;
    old->replacement = index;
    return STATUS_OK;
}

enum status order_desk_command(struct order_desk *desk, const struct market_action *action,
                               uint32_t *session, struct command *command)
{
    ASSERT(action->order_id != 0);
    if (action->type == MARKET_ACTION_ENTER || action->type == MARKET_ACTION_TAKE) {
        return order_desk_enter(desk, action, *session, command);
    }
    uint32_t index;
    /* One that is to be replaced already answers to its new id. */
    if (!number_table_find(&desk->by_id, action->order_id, &index) ||
        desk->orders[index].replacement != ORDER_DESK_NONE) {
        return STATUS_NOT_FOUND;
    }
    const struct order_desk_order *order = &desk->orders[index];
    *session = (uint32_t)(order->key >> 32);
    if (action->type == MARKET_ACTION_REPLACE) {
        return order_desk_replace(desk, action, index, command);
    }
    ASSERT(action->type == MARKET_ACTION_REDUCE || action->type == MARKET_ACTION_CANCEL);
    *command = (struct command){.type = COMMAND_ORDER_CANCEL};
    command->body.cancel.user_reference = (uint32_t)order->key;
    command->body.cancel.quantity_lots = action->type == MARKET_ACTION_REDUCE ? action->total : 0;
    return STATUS_OK;
}

/* Executed or canceled lots of an order; true when none are left. */
static bool order_desk_take(struct order_desk *desk, uint32_t index, uint64_t lots)
{
    struct order_desk_order *order = &desk->orders[index];
    order->leaves_lots -= lots < order->leaves_lots ? lots : order->leaves_lots;
    return order->leaves_lots == 0;
}

static void order_desk_replaced(struct order_desk *desk, uint32_t index, const struct event *event)
{
    struct order_desk_order *order = &desk->orders[index];
    uint32_t original = order->original;
    if (original != ORDER_DESK_NONE) {
        order->executed_lots = desk->orders[original].executed_lots;
        order->original = ORDER_DESK_NONE;
        order_desk_remove(desk, original);
    }
    order->leaves_lots = event->quantity_lots;
}

bool order_desk_event(struct order_desk *desk, uint32_t session, const struct event *event,
                      struct order_desk_news *news)
{
    uint32_t index;
    if (event->channel != 0 ||
        !number_table_find(&desk->by_key, order_desk_key(session, event->user_reference), &index)) {
        return false;
    }
    struct order_desk_order *order = &desk->orders[index];
    *news = (struct order_desk_news){.order_id = order->order_id};
    switch (event->type) {
    case EVENT_ORDER_ACCEPTED:
        news->gone = event->state != 'L';
        break;
    case EVENT_ORDER_REPLACED:
        order_desk_replaced(desk, index, event);
        news->gone = event->state != 'L';
        break;
    case EVENT_ORDER_REJECTED:
        news->gone = true;
        break;
    case EVENT_ORDER_EXECUTED:
        order->executed_lots += event->quantity_lots;
        news->gone = order_desk_take(desk, index, event->quantity_lots);
        break;
    case EVENT_ORDER_CANCELED:
        news->gone = order_desk_take(desk, index, event->quantity_lots);
        break;
    default: /* A byte of the wire: no news of an order. */
        return false;
    }
    if (news->gone) {
        order_desk_bury(desk, index);
    }
    return true;
}

bool order_desk_refused(struct order_desk *desk, uint32_t session, uint8_t channel,
                        uint32_t reference, struct order_desk_news *news)
{
    uint32_t index;
    if (channel != 0 ||
        !number_table_find(&desk->by_key, order_desk_key(session, reference), &index)) {
        return false;
    }
    *news = (struct order_desk_news){.order_id = desk->orders[index].order_id, .gone = true};
    order_desk_bury(desk, index);
    return true;
}
