#include "tools/lobster.h"

#include <stdio.h>
#include <stdlib.h>

#include "matching/base/assertion.h"
#include "tools/lobster_plan.h"
#include "tools/lobster_rows.h"
#include "tools/plain_book.h"

/* Rounds of rule 5 for one incoming order: each enters at least one order again. */
#define PASSED_OVER_ROUNDS_MAX 100u

static_assert(LOBSTER_MESSAGE_MAX == TEXT_FILE_MESSAGE_MAX, "one message for all errors");

/* Of an incoming order: what it does to a resting one. */
struct meeting {
    uint32_t order;
    uint64_t quantity;
};

struct conversion {
    struct lobster *result;
    const struct lobster_rows *rows;
    const struct lobster_plan *plan;
    struct plain_book *book; /* Used to see where the exchange passed an order over. */
    uint64_t *totals;        /* By order: entered, less what was taken off: OUCH's whole size. */
    uint64_t *recorded;      /* By order: what the incoming order at hand took of it. */
    struct meeting *wanted;  /* The same as a list, in the file's order. */
    uint32_t wanted_count;
    struct meeting *met; /* What it takes in price-time order. */
    uint32_t met_count;
    uint32_t early_next; /* Of the plan's early orders. */
    uint64_t takes;
    uint64_t action_room;
    uint64_t fill_room;
    uint64_t exception_room;
    bool no_memory;
};

/* Room for one element more behind `count`; NULL and no_memory when there is none. */
static void *room_for(struct conversion *conversion, void *elements, uint64_t count, uint64_t *room,
                      size_t element_bytes)
{
    if (count < *room) {
        return elements;
    }
    uint64_t wanted = *room == 0 ? 4096 : 2 * *room;
    void *grown = realloc(elements, wanted * element_bytes);
    if (grown == NULL) {
        conversion->no_memory = true;
        return NULL;
    }
    *room = wanted;
    return grown;
}

static void put_action(struct conversion *conversion, const struct market_action *action)
{
    struct lobster *result = conversion->result;
    struct market_action *actions = room_for(conversion, result->actions, result->action_count,
                                             &conversion->action_room, sizeof *actions);
    if (actions != NULL) {
        result->actions = actions;
        actions[result->action_count++] = *action;
    }
}

static void put_fill(struct conversion *conversion, const struct market_fill *fill)
{
    struct lobster *result = conversion->result;
    struct market_fill *fills = room_for(conversion, result->fills, result->fill_count,
                                         &conversion->fill_room, sizeof *fills);
    if (fills != NULL) {
        result->fills = fills;
        fills[result->fill_count++] = *fill;
    }
}

static void put_exception(struct conversion *conversion, uint64_t row, uint32_t order)
{
    struct lobster *result = conversion->result;
    struct lobster_exception *exceptions =
        room_for(conversion, result->exceptions, result->exception_count,
                 &conversion->exception_room, sizeof *exceptions);
    if (exceptions != NULL) {
        result->exceptions = exceptions;
        exceptions[result->exception_count++] =
            (struct lobster_exception){.line = row + 1,
                                       .order_id = conversion->rows->ids.ids[order]};
    }
}

static const struct lobster_row *first_row(const struct conversion *conversion, uint32_t order)
{
    const struct lobster_row *row =
        &conversion->rows->rows[conversion->plan->orders[order].first_row];
    ASSERT(row->order == order);
    return row;
}

static void enter(struct conversion *conversion, uint64_t time_ns, uint32_t order,
                  uint64_t quantity)
{
    const struct lobster_row *row = first_row(conversion, order);
    ASSERT(quantity > 0);
    conversion->totals[order] = quantity;
    put_action(conversion, &(struct market_action){.time_ns = time_ns,
                                                   .order_id = conversion->rows->ids.ids[order],
                                                   .quantity = quantity,
                                                   .total = quantity,
                                                   .price = row->price,
                                                   .type = MARKET_ACTION_ENTER,
                                                   .side = row->side});
    plain_book_add(conversion->book, order, row->side, row->price, quantity);
}

/* Takes `quantity`, or all that is left, off an order that is in the book. */
static void take_off(struct conversion *conversion, uint64_t time_ns, uint32_t order,
                     uint64_t quantity)
{
    uint64_t leaves = plain_book_leaves(conversion->book, order);
    ASSERT(leaves > 0);
    bool all = quantity >= leaves;
    quantity = all ? leaves : quantity;
    conversion->totals[order] -= quantity;
    put_action(conversion,
               &(struct market_action){.time_ns = time_ns,
                                       .order_id = conversion->rows->ids.ids[order],
                                       .quantity = quantity,
                                       .total = all ? quantity : conversion->totals[order],
                                       .type = all ? MARKET_ACTION_CANCEL : MARKET_ACTION_REDUCE,
                                       .side = first_row(conversion, order)->side});
    plain_book_take(conversion->book, order, quantity);
}

/* Rule 3: collects the incoming order whose first execution is row `from`; returns the row after
 * its last one. An early order that is to be entered in between ends it. */
static uint64_t collect_take(struct conversion *conversion, uint64_t from,
                             struct market_action *take)
{
    const struct lobster_row *first = &conversion->rows->rows[from];
    const struct lobster_plan *plan = conversion->plan;
    uint64_t end = conversion->early_next < plan->early_count
                       ? plan->early[conversion->early_next].row
                       : conversion->rows->count;
    *take = (struct market_action){.time_ns = first->time_ns,
                                   .order_id = MARKET_TAKE_ID + ++conversion->takes,
                                   .price = first->price,
                                   .type = MARKET_ACTION_TAKE,
                                   .side = first->side == SIDE_BUY ? SIDE_SELL : SIDE_BUY};
    conversion->wanted_count = 0;
    uint64_t row = from;
    ASSERT(end > from);
    for (; row < end; row++) {
        const struct lobster_row *met = &conversion->rows->rows[row];
        bool trade = met->type == LOBSTER_ROW_TRADE && met->side == first->side;
        if (met->time_ns != first->time_ns || (!trade && met->type != LOBSTER_ROW_HIDDEN)) {
            break;
        }
        if (!trade) {
            continue;
        }
        if (conversion->recorded[met->order] == 0) {
            conversion->wanted[conversion->wanted_count++].order = met->order;
        }
        conversion->recorded[met->order] += met->quantity;
        take->quantity += met->quantity;
        bool worse = take->side == SIDE_BUY ? met->price > take->price : met->price < take->price;
        take->price = worse ? met->price : take->price;
    }
    take->total = take->quantity;
    for (uint32_t index = 0; index < conversion->wanted_count; index++) {
        struct meeting *wanted = &conversion->wanted[index];
        wanted->quantity = conversion->recorded[wanted->order];
    }
    return row;
}

/* What `take` does in price-time order. Returns whether that is what was recorded. */
static bool walk(struct conversion *conversion, const struct market_action *take)
{
    enum side resting = take->side == SIDE_BUY ? SIDE_SELL : SIDE_BUY;
    uint64_t left = take->quantity;
    bool equal = true;
    conversion->met_count = 0;
    uint32_t order = plain_book_best(conversion->book, resting);
    while (order != PLAIN_BOOK_NONE && left > 0 &&
           plain_book_crosses(take->side, take->price, plain_book_price(conversion->book, order))) {
        uint64_t leaves = plain_book_leaves(conversion->book, order);
        uint64_t quantity = leaves < left ? leaves : left;
        conversion->met[conversion->met_count++] =
            (struct meeting){.order = order, .quantity = quantity};
        equal = equal && quantity == conversion->recorded[order];
        left -= quantity;
        order = plain_book_after(conversion->book, order);
    }
    return equal && conversion->met_count == conversion->wanted_count;
}

/* Rule 5: orders that would trade more than they did lose their place. */
static void enter_passed_over_again(struct conversion *conversion, const struct market_action *take,
                                    uint64_t row)
{
    bool again = true;
    for (uint32_t round = 0; again && round < PASSED_OVER_ROUNDS_MAX; round++) {
        again = false;
        if (walk(conversion, take)) {
            break;
        }
        for (uint32_t index = 0; index < conversion->met_count; index++) {
            uint32_t order = conversion->met[index].order;
            if (conversion->met[index].quantity > conversion->recorded[order]) {
                uint64_t leaves = plain_book_leaves(conversion->book, order);
                put_exception(conversion, row, order);
                take_off(conversion, take->time_ns, order, leaves);
                enter(conversion, take->time_ns, order, leaves);
                again = true;
            }
        }
    }
}

/* Rule 4. */
static void cancel_rest(struct conversion *conversion, uint64_t time_ns, uint32_t order,
                        uint64_t next_row)
{
    uint64_t leaves = plain_book_leaves(conversion->book, order);
    if (leaves > 0 && conversion->plan->orders[order].last_row < next_row) {
        take_off(conversion, time_ns, order, leaves);
    }
}

/* The incoming order whose first execution is row `from`; returns the row after its last one. */
static uint64_t convert_take(struct conversion *conversion, uint64_t from, bool rule_5)
{
    struct market_action take;
    uint64_t next_row = collect_take(conversion, from, &take);
    if (rule_5) {
        enter_passed_over_again(conversion, &take, from);
    }
    conversion->result->unmatched_takes += walk(conversion, &take) ? 0 : 1;
    put_action(conversion, &take);
    for (uint32_t index = 0; index < conversion->wanted_count; index++) {
        const struct meeting *wanted = &conversion->wanted[index];
        put_fill(conversion,
                 &(struct market_fill){.time_ns = take.time_ns,
                                       .take_id = take.order_id,
                                       .resting_id = conversion->rows->ids.ids[wanted->order],
                                       .line = from + 1,
                                       .price = first_row(conversion, wanted->order)->price,
                                       .quantity = wanted->quantity});
        conversion->recorded[wanted->order] = 0;
    }
    for (uint32_t index = 0; index < conversion->met_count; index++) {
        plain_book_take(conversion->book, conversion->met[index].order,
                        conversion->met[index].quantity);
    }
    for (uint32_t index = 0; index < conversion->wanted_count; index++) {
        cancel_rest(conversion, take.time_ns, conversion->wanted[index].order, next_row);
    }
    return next_row;
}

/* A row of type 1 to 3 (rules 4 and 6). */
static void convert_order(struct conversion *conversion, uint64_t index)
{
    const struct lobster_row *row = &conversion->rows->rows[index];
    bool open = plain_book_leaves(conversion->book, row->order) > 0;
    if (row->type == LOBSTER_ROW_NEW && !conversion->plan->orders[row->order].early) {
        enter(conversion, row->time_ns, row->order, row->quantity);
    } else if (row->type == LOBSTER_ROW_REDUCE && open) {
        take_off(conversion, row->time_ns, row->order, row->quantity);
    } else if (row->type == LOBSTER_ROW_DELETE && open) {
        take_off(conversion, row->time_ns, row->order,
                 plain_book_leaves(conversion->book, row->order));
    }
    cancel_rest(conversion, row->time_ns, row->order, index + 1);
}

static enum status convert(struct conversion *conversion, bool rule_5)
{
    const struct lobster_plan *plan = conversion->plan;
    uint64_t index = 0;
    while (index < conversion->rows->count && !conversion->no_memory) {
        const struct lobster_row *row = &conversion->rows->rows[index];
        while (conversion->early_next < plan->early_count &&
               plan->early[conversion->early_next].row == index) {
            uint32_t order = plan->early[conversion->early_next++].order;
            const struct lobster_plan_order *known = &plan->orders[order];
            enter(conversion, row->time_ns, order,
                  known->gone > known->entered ? known->gone : known->entered);
        }
        if (row->type == LOBSTER_ROW_TRADE) {
            index = convert_take(conversion, index, rule_5);
        } else {
            if (row->type < LOBSTER_ROW_TRADE) {
                convert_order(conversion, index);
            }
            index++;
        }
    }
    return conversion->no_memory ? STATUS_FULL : STATUS_OK;
}

static enum status convert_rows(struct lobster *lobster, const struct lobster_rows *rows,
                                const struct lobster_plan *plan, bool rule_5)
{
    struct conversion conversion = {
        .result = lobster,
        .rows = rows,
        .plan = plan,
        .totals = calloc(rows->ids.count, sizeof *conversion.totals),
        .recorded = calloc(rows->ids.count, sizeof *conversion.recorded),
        .wanted = calloc(rows->ids.count, sizeof *conversion.wanted),
        .met = calloc(rows->ids.count, sizeof *conversion.met),
    };
    enum status status = plain_book_create(&conversion.book, rows->ids.count);
    if (conversion.totals == NULL || conversion.recorded == NULL || conversion.wanted == NULL ||
        conversion.met == NULL) {
        status = STATUS_FULL;
    }
    if (status == STATUS_OK) {
        status = convert(&conversion, rule_5);
    }
    plain_book_destroy(conversion.book);
    free(conversion.totals);
    free(conversion.recorded);
    free(conversion.wanted);
    free(conversion.met);
    return status;
}

enum status lobster_load(struct lobster *lobster, const char *path, bool rule_5,
                         char message[static LOBSTER_MESSAGE_MAX])
{
    ASSERT(lobster != NULL);
    *lobster = (struct lobster){.action_count = 0};
    struct lobster_rows rows;
    enum status status = lobster_rows_load(&rows, path, message);
    if (status != STATUS_OK) {
        return status;
    }
    struct lobster_plan plan;
    status = lobster_plan_make(&plan, &rows);
    if (status == STATUS_OK) {
        lobster->row_count = rows.count;
        status = convert_rows(lobster, &rows, &plan, rule_5);
        lobster_plan_destroy(&plan);
    }
    lobster_rows_destroy(&rows);
    if (status != STATUS_OK) {
        (void)snprintf(message, LOBSTER_MESSAGE_MAX, "%s: no memory for its orders", path);
        lobster_destroy(lobster);
    }
    return status;
}

void lobster_destroy(struct lobster *lobster)
{
    free(lobster->actions);
    free(lobster->fills);
    free(lobster->exceptions);
    *lobster = (struct lobster){.action_count = 0};
}
