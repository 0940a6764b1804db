#include "tools/flow.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "matching/base/assertion.h"
#include "matching/base/random.h"
#include "tools/flow_book.h"

#define SLOT_BITS 24u

static_assert(FLOW_SLOTS_MAX == 1u << SLOT_BITS, "an id is a number and a slot");
static_assert(FLOW_INSTRUMENTS_MAX * FLOW_BOOK_ORDERS_MAX <= FLOW_SLOTS_MAX, "every slot fits");

/* An instrument's next event: the heap's smallest comes first. */
struct arrival {
    double time_s;
    uint32_t instrument;
};

struct flow {
    struct random random;
    uint32_t sessions;
    uint32_t instruments;
    bool reported;
    const struct flow_parameters **parameters; /* By instrument. */
    uint32_t *last_ticks; /* By instrument: where it traded last, for a side that is empty. */
    struct flow_book *book;
    struct arrival *heap;
    uint64_t number;       /* Of the order entered last. */
    uint32_t filling;      /* Instrument whose book is being filled at first. */
    uint32_t filling_left; /* Orders that it still lacks. */
    uint64_t time_ns;
};

static double exponential(struct flow *flow, double rate)
{
    ASSERT(rate > 0.0);
    return -log(1.0 - random_unit(&flow->random)) / rate;
}

static double total_rate(const struct flow *flow, uint32_t instrument)
{
    const struct flow_parameters *parameters = flow->parameters[instrument];
    return parameters->enter_rate + parameters->take_rate +
           parameters->cancel_rate * flow_book_live_count(flow->book, instrument);
}

static bool sooner(const struct arrival *left, const struct arrival *right)
{
    return left->time_s < right->time_s ||
           (left->time_s <= right->time_s && left->instrument < right->instrument);
}

/* Moves the element at `at` down to where it belongs. */
static void heap_sift(struct flow *flow, uint32_t at)
{
    struct arrival moved = flow->heap[at];
    for (uint32_t child = 2 * at + 1; child < flow->instruments; child = 2 * at + 1) {
        if (child + 1 < flow->instruments && sooner(&flow->heap[child + 1], &flow->heap[child])) {
            child++;
        }
        if (!sooner(&flow->heap[child], &moved)) {
            break;
        }
        flow->heap[at] = flow->heap[child];
        at = child;
    }
    flow->heap[at] = moved;
}

static bool parameters_good(const struct flow_parameters *parameters)
{
    bool sizes = true;
    for (uint32_t index = 0; index < FLOW_SIZES; index++) {
        sizes = sizes && parameters->enter_lots[index] > 0 && parameters->take_lots[index] > 0;
    }
    return sizes && parameters->enter_rate > 0.0 && parameters->take_rate >= 0.0 &&
           parameters->cancel_rate > 0.0 && parameters->replace_fraction >= 0.0 &&
           parameters->replace_fraction <= 1.0 && parameters->live_mean >= 0.0 &&
           parameters->live_mean < FLOW_BOOK_ORDERS_MAX && parameters->band_ticks > 0 &&
           parameters->band_ticks < FLOW_BOOK_TICKS / 4 && parameters->tick_size > 0 &&
           parameters->start_price > parameters->tick_size * (int64_t)FLOW_BOOK_TICKS;
}

static enum status flow_allocate(struct flow *flow, const struct flow_options *options)
{
    flow->parameters = calloc(flow->instruments, sizeof *flow->parameters);
    flow->last_ticks = calloc(flow->instruments, sizeof *flow->last_ticks);
    flow->heap = calloc(flow->instruments, sizeof *flow->heap);
    if (flow->parameters == NULL || flow->last_ticks == NULL || flow->heap == NULL) {
        return STATUS_FULL;
    }
    for (uint32_t index = 0; index < flow->instruments; index++) {
        flow->parameters[index] = options->parameters != NULL
                                      ? options->parameters
                                      : flow_fitted(index % FLOW_FITTED_COUNT);
        flow->last_ticks[index] = FLOW_BOOK_TICKS / 2;
        flow->heap[index].instrument = index;
    }
    flow->filling_left = (uint32_t)flow->parameters[0]->live_mean;
    return flow_book_create(&flow->book, flow->instruments);
}

enum status flow_create(struct flow **target, const struct flow_options *options)
{
    ASSERT(target != NULL);
    if (options->sessions == 0 || options->instruments == 0 ||
        options->instruments > FLOW_INSTRUMENTS_MAX ||
        (options->parameters != NULL && !parameters_good(options->parameters))) {
        return STATUS_BAD_ARGUMENT;
    }
    struct flow *flow = calloc(1, sizeof *flow);
    if (flow == NULL) {
        return STATUS_FULL;
    }
    random_seed(&flow->random, options->seed);
    flow->sessions = options->sessions;
    flow->instruments = options->instruments;
    flow->reported = options->reported;
    enum status status = flow_allocate(flow, options);
    if (status != STATUS_OK) {
        flow_destroy(flow);
        return status;
    }
    *target = flow;
    return STATUS_OK;
}

void flow_destroy(struct flow *flow)
{
    if (flow != NULL) {
        flow_book_destroy(flow->book);
        free(flow->parameters);
        free(flow->last_ticks);
        free(flow->heap);
        free(flow);
    }
}

static int64_t price_of(const struct flow *flow, uint32_t instrument, uint32_t tick)
{
    const struct flow_parameters *parameters = flow->parameters[instrument];
    int64_t start = parameters->start_price / parameters->tick_size;
    return (start + (int64_t)tick - (int64_t)(FLOW_BOOK_TICKS / 2)) * parameters->tick_size;
}

static uint64_t id_of(const struct flow *flow, uint32_t slot)
{
    return flow_book_order(flow->book, slot)->number << SLOT_BITS | slot;
}

/* Best price of a side; when it is empty, the last one, so that both sides meet there again. */
static uint32_t best_tick(const struct flow *flow, uint32_t instrument, enum side side)
{
    uint32_t slot = flow_book_best(flow->book, instrument, side);
    return slot == FLOW_BOOK_NONE ? flow->last_ticks[instrument]
                                  : flow_book_order(flow->book, slot)->tick;
}

static uint32_t limit_tick(struct flow *flow, uint32_t instrument, enum side side)
{
    int64_t away =
        1 + (int64_t)random_below(&flow->random, flow->parameters[instrument]->band_ticks);
    enum side opposite = side == SIDE_BUY ? SIDE_SELL : SIDE_BUY;
    int64_t best = best_tick(flow, instrument, opposite);
    int64_t tick = side == SIDE_BUY ? best - away : best + away;
    /* The ladder's ends: far from the start, and the flow turns back there. */
    bool low = tick < 1;
    bool high = tick > (int64_t)FLOW_BOOK_TICKS - 2;
    tick = low ? 1 : high ? (int64_t)FLOW_BOOK_TICKS - 2 : tick;
    return (uint32_t)tick;
}

/* A new limit order in the view. FLOW_BOOK_NONE: the instrument has no room, or its price would
 * cross, at the ladder's end. */
static uint32_t enter(struct flow *flow, uint32_t instrument, uint32_t session, enum side side)
{
    uint32_t tick = limit_tick(flow, instrument, side);
    uint32_t best = flow_book_best(flow->book, instrument, side == SIDE_BUY ? SIDE_SELL : SIDE_BUY);
    if (best != FLOW_BOOK_NONE && flow_book_order(flow->book, best)->tick == tick) {
        return FLOW_BOOK_NONE;
    }
    uint32_t size =
        flow->parameters[instrument]->enter_lots[random_below(&flow->random, FLOW_SIZES)];
    struct flow_book_order order = {.leaves = size,
                                    .number = flow->number + 1,
                                    .session = session,
                                    .instrument = (uint16_t)instrument,
                                    .tick = (uint16_t)tick,
                                    .side = (uint8_t)side};
    uint32_t slot = flow_book_add(flow->book, &order);
    flow->number += slot == FLOW_BOOK_NONE ? 0 : 1;
    return slot;
}

static void describe(const struct flow *flow, uint32_t slot, enum market_action_type type,
                     struct market_action *action)
{
    const struct flow_book_order *order = flow_book_order(flow->book, slot);
    *action = (struct market_action){.time_ns = flow->time_ns,
                                     .order_id = id_of(flow, slot),
                                     .quantity = order->leaves,
                                     .total = order->leaves,
                                     .price = price_of(flow, order->instrument, order->tick),
                                     .session = order->session,
                                     .instrument = order->instrument,
                                     .type = (uint8_t)type,
                                     .side = order->side};
}

static enum side any_side(struct flow *flow)
{
    return random_below(&flow->random, 2) == 0 ? SIDE_BUY : SIDE_SELL;
}

static bool make_enter(struct flow *flow, uint32_t instrument, struct market_action *action)
{
    enum side side = any_side(flow);
    uint32_t session = (uint32_t)random_below(&flow->random, flow->sessions);
    uint32_t slot = enter(flow, instrument, session, side);
    if (slot != FLOW_BOOK_NONE) {
        describe(flow, slot, MARKET_ACTION_ENTER, action);
    }
    return slot != FLOW_BOOK_NONE;
}

static void match(struct flow *flow, uint32_t instrument, enum side resting, uint64_t lots)
{
    uint32_t slot = flow_book_best(flow->book, instrument, resting);
    while (lots > 0 && slot != FLOW_BOOK_NONE) {
        const struct flow_book_order *order = flow_book_order(flow->book, slot);
        uint64_t traded = order->leaves < lots ? order->leaves : lots;
        flow->last_ticks[instrument] = order->tick;
        flow_book_take(flow->book, slot, traded);
        lots -= traded;
        slot = flow_book_best(flow->book, instrument, resting);
    }
}

static bool make_take(struct flow *flow, uint32_t instrument, struct market_action *action)
{
    const struct flow_parameters *parameters = flow->parameters[instrument];
    enum side side = any_side(flow);
    enum side resting = side == SIDE_BUY ? SIDE_SELL : SIDE_BUY;
    uint32_t best = flow_book_best(flow->book, instrument, resting);
    uint64_t lots = parameters->take_lots[random_below(&flow->random, FLOW_SIZES)];
    uint32_t session = (uint32_t)random_below(&flow->random, flow->sessions);
    if (best == FLOW_BOOK_NONE) {
        return false;
    }
    int64_t tick = flow_book_order(flow->book, best)->tick;
    tick += side == SIDE_BUY ? (int64_t)parameters->band_ticks : -(int64_t)parameters->band_ticks;
    tick = tick < 0 ? 0 : tick;
    tick = tick < (int64_t)FLOW_BOOK_TICKS ? tick : (int64_t)FLOW_BOOK_TICKS - 1;
    *action = (struct market_action){.time_ns = flow->time_ns,
                                     .order_id = MARKET_TAKE_ID + ++flow->number,
                                     .quantity = lots,
                                     .total = lots,
                                     .price = price_of(flow, instrument, (uint32_t)tick),
                                     .session = session,
                                     .instrument = (uint16_t)instrument,
                                     .type = MARKET_ACTION_TAKE,
                                     .side = (uint8_t)side};
    if (!flow->reported) {
        match(flow, instrument, resting, lots);
    }
    return true;
}

static bool make_cancel(struct flow *flow, uint32_t instrument, struct market_action *action)
{
    uint32_t live = flow_book_live_count(flow->book, instrument);
    bool replace = random_unit(&flow->random) < flow->parameters[instrument]->replace_fraction;
    if (live == 0) {
        return false;
    }
    uint32_t slot =
        flow_book_live(flow->book, instrument, (uint32_t)random_below(&flow->random, live));
    describe(flow, slot, MARKET_ACTION_CANCEL, action);
    action->price = 0;
    flow_book_remove(flow->book, slot);
    if (replace) {
        uint64_t order_id = action->order_id;
        uint32_t fresh = enter(flow, instrument, action->session, (enum side)action->side);
        if (fresh != FLOW_BOOK_NONE) {
            describe(flow, fresh, MARKET_ACTION_REPLACE, action);
            action->new_order_id = action->order_id;
            action->order_id = order_id;
        }
    }
    return true;
}

/* At first: books of their mean size, entered at time 0. */
static bool make_filling(struct flow *flow, struct market_action *action)
{
    while (flow->filling < flow->instruments) {
        while (flow->filling_left > 0) {
            flow->filling_left--;
            if (make_enter(flow, flow->filling, action)) {
                return true;
            }
        }
        flow->filling++;
        if (flow->filling < flow->instruments) {
            flow->filling_left = (uint32_t)flow->parameters[flow->filling]->live_mean;
        }
    }
    return false;
}

static bool make_any(struct flow *flow, uint32_t instrument, struct market_action *action)
{
    const struct flow_parameters *parameters = flow->parameters[instrument];
    double dice = random_unit(&flow->random) * total_rate(flow, instrument);
    if (dice < parameters->enter_rate) {
        return make_enter(flow, instrument, action);
    }
    if (dice < parameters->enter_rate + parameters->take_rate) {
        return make_take(flow, instrument, action);
    }
    return make_cancel(flow, instrument, action);
}

void flow_next(struct flow *flow, struct market_action *action)
{
    ASSERT(action != NULL);
    if (make_filling(flow, action)) {
        return;
    }
    bool made = false;
    while (!made) {
        /* The first arrivals are drawn when the books are full. */
        struct arrival *next = &flow->heap[0];
        bool first = !(next->time_s > 0.0);
        flow->time_ns = first ? flow->time_ns : (uint64_t)(next->time_s * 1e9);
        made = !first && make_any(flow, next->instrument, action);
        next->time_s += exponential(flow, total_rate(flow, next->instrument));
        heap_sift(flow, 0);
    }
    ASSERT(action->session < flow->sessions);
    ASSERT(action->quantity > 0);
}

/* Whether the view has this very order, not another one in its slot. */
static bool known(const struct flow *flow, uint64_t order_id, uint32_t *slot)
{
    *slot = flow_slot(order_id);
    return order_id<MARKET_TAKE_ID && * slot<flow->instruments * FLOW_BOOK_ORDERS_MAX && order_id>>
                   SLOT_BITS != 0 &&
           flow_book_order(flow->book, *slot)->number == order_id >> SLOT_BITS;
}

void flow_filled(struct flow *flow, uint64_t order_id, uint64_t lots)
{
    uint32_t slot = 0;
    if (known(flow, order_id, &slot)) {
        const struct flow_book_order *order = flow_book_order(flow->book, slot);
        flow->last_ticks[order->instrument] = order->tick;
        flow_book_take(flow->book, slot, lots < order->leaves ? lots : order->leaves);
    }
}

void flow_gone(struct flow *flow, uint64_t order_id)
{
    uint32_t slot = 0;
    if (known(flow, order_id, &slot)) {
        flow_book_remove(flow->book, slot);
    }
}

void flow_price_range(const struct flow *flow, uint32_t instrument, int64_t *price_min,
                      int64_t *price_max)
{
    ASSERT(instrument < flow->instruments);
    *price_min = price_of(flow, instrument, 0);
    *price_max = price_of(flow, instrument, FLOW_BOOK_TICKS - 1);
    ASSERT(*price_min > 0);
}

int64_t flow_tick_size(const struct flow *flow, uint32_t instrument)
{
    ASSERT(instrument < flow->instruments);
    return flow->parameters[instrument]->tick_size;
}

void flow_look(const struct flow *flow, uint32_t instrument, struct flow_view *view)
{
    ASSERT(instrument < flow->instruments);
    uint32_t bid = flow_book_best(flow->book, instrument, SIDE_BUY);
    uint32_t ask = flow_book_best(flow->book, instrument, SIDE_SELL);
    *view = (struct flow_view){.live_count = flow_book_live_count(flow->book, instrument),
                               .bid_set = bid != FLOW_BOOK_NONE,
                               .ask_set = ask != FLOW_BOOK_NONE};
    if (view->bid_set) {
        view->bid_price = price_of(flow, instrument, flow_book_order(flow->book, bid)->tick);
    }
    if (view->ask_set) {
        view->ask_price = price_of(flow, instrument, flow_book_order(flow->book, ask)->tick);
    }
    ASSERT(!view->bid_set || !view->ask_set || view->bid_price < view->ask_price);
}
