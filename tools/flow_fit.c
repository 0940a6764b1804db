#include "tools/flow_fit.h"

#include <math.h>
#include <stdlib.h>

#include "matching/base/assertion.h"
#include "tools/id_map.h"
#include "tools/plain_book.h"

#define WARM_NS        (UINT64_C(300) * 1000000000)
#define SECONDS_MIN    60.0
#define EVENTS_MIN     1000u
#define BAND_TICKS_MAX (4096u / 2 - 1)
#define FIT_SEED       1u
#define FIT_ACTIONS    400000u

/* What the replay counts, from the end of the warm-up on. */
struct fitting {
    const struct lobster *day;
    struct plain_book *book;
    struct id_map *ids;
    int64_t tick_size;
    int64_t start_price; /* First mid price then. */
    uint64_t warm_ns;
    uint64_t time_ns;
    uint64_t live;      /* Open orders now. */
    double seconds;     /* With both sides there. */
    double spread_time; /* Ticks times seconds. */
    double live_time;   /* Orders times seconds. */
    uint64_t entered;
    uint64_t cancelled;
    uint64_t replaced;
    uint64_t *enter_lots; /* Of each. */
    uint64_t *take_lots;
    uint64_t taken;
};

/* The state between the last action and `time_ns` weighs as long as it lasted. */
static void weigh(struct fitting *fitting, uint64_t time_ns)
{
    ASSERT(time_ns >= fitting->time_ns);
    uint64_t from = fitting->time_ns > fitting->warm_ns ? fitting->time_ns : fitting->warm_ns;
    fitting->time_ns = time_ns;
    uint32_t bid = plain_book_best(fitting->book, SIDE_BUY);
    uint32_t ask = plain_book_best(fitting->book, SIDE_SELL);
    if (time_ns <= from || bid == PLAIN_BOOK_NONE || ask == PLAIN_BOOK_NONE) {
        return;
    }
    double seconds = 1e-9 * (double)(time_ns - from);
    int64_t bid_price = plain_book_price(fitting->book, bid);
    int64_t ask_price = plain_book_price(fitting->book, ask);
    fitting->seconds += seconds;
    fitting->live_time += seconds * (double)fitting->live;
    fitting->spread_time += seconds * (double)(ask_price - bid_price) / (double)fitting->tick_size;
    if (fitting->start_price == 0) {
        int64_t mid = (bid_price + ask_price) / 2;
        fitting->start_price = mid - mid % fitting->tick_size;
    }
}

static void take_from(struct fitting *fitting, uint32_t order, uint64_t lots)
{
    plain_book_take(fitting->book, order, lots);
    fitting->live -= plain_book_leaves(fitting->book, order) == 0 ? 1 : 0;
}

static void replay_take(struct fitting *fitting, const struct market_action *take)
{
    uint64_t left = take->quantity;
    enum side side = (enum side)take->side;
    uint32_t order = plain_book_meets(fitting->book, side, take->price);
    while (left > 0 && order != PLAIN_BOOK_NONE) {
        uint64_t leaves = plain_book_leaves(fitting->book, order);
        uint64_t lots = leaves < left ? leaves : left;
        take_from(fitting, order, lots);
        left -= lots;
        order = plain_book_meets(fitting->book, side, take->price);
    }
}

static void count(struct fitting *fitting, uint64_t index)
{
    const struct market_action *action = &fitting->day->actions[index];
    const struct market_action *next = action + 1;
    if (action->type == MARKET_ACTION_ENTER) {
        fitting->enter_lots[fitting->entered++] = action->quantity;
    } else if (action->type == MARKET_ACTION_TAKE) {
        fitting->take_lots[fitting->taken++] = action->quantity;
    } else if (action->type == MARKET_ACTION_CANCEL) {
        fitting->cancelled++;
        if (index + 1 < fitting->day->action_count && next->type == MARKET_ACTION_ENTER &&
            next->time_ns == action->time_ns && next->side == action->side) {
            fitting->replaced++;
        }
    }
}

static enum status replay(struct fitting *fitting)
{
    fitting->warm_ns = fitting->day->actions[0].time_ns + WARM_NS;
    fitting->time_ns = fitting->day->actions[0].time_ns;
    for (uint64_t index = 0; index < fitting->day->action_count; index++) {
        const struct market_action *action = &fitting->day->actions[index];
        uint32_t order = 0;
        weigh(fitting, action->time_ns);
        if (action->time_ns >= fitting->warm_ns) {
            count(fitting, index);
        }
        if (action->type == MARKET_ACTION_TAKE) {
            replay_take(fitting, action);
            continue;
        }
        enum status status = id_map_put(fitting->ids, action->order_id, &order);
        if (status != STATUS_OK) {
            return status;
        }
        if (action->type == MARKET_ACTION_ENTER) {
            plain_book_add(fitting->book, order, (enum side)action->side, action->price,
                           action->quantity);
            fitting->live++;
        } else {
            take_from(fitting, order, action->quantity);
        }
    }
    return STATUS_OK;
}

static int compare(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

static void classes(uint32_t *sizes, uint64_t *lots, uint64_t lots_count)
{
    ASSERT(lots_count > 0);
    qsort(lots, lots_count, sizeof *lots, compare);
    for (uint64_t index = 0; index < FLOW_SIZES; index++) {
        uint64_t size = lots[(2 * index + 1) * lots_count / (2 * FLOW_SIZES)];
        sizes[index] = size < UINT32_MAX ? (uint32_t)size : UINT32_MAX;
    }
}

/* Four digits: what a reader can compare, and what the source file has. */
static double rounded(double value)
{
    if (!(value > 0.0)) {
        return 0.0;
    }
    double scale = pow(10.0, 3.0 - floor(log10(value)));
    return round(value * scale) / scale;
}

static void adjust_band(struct flow_parameters *fitted)
{
    uint32_t low = 1;
    uint32_t high = BAND_TICKS_MAX;
    while (low < high) {
        fitted->band_ticks = low + (high - low) / 2;
        /* Sparser orders, wider spreads. */
        if (flow_fit_spread(fitted, FIT_SEED, FIT_ACTIONS) < fitted->spread_ticks_mean) {
            low = fitted->band_ticks + 1;
        } else {
            high = fitted->band_ticks;
        }
    }
    fitted->band_ticks = low;
}

static enum status conclude(struct fitting *fitting, struct flow_parameters *fitted,
                            const char *path, char message[static LOBSTER_MESSAGE_MAX])
{
    if (fitting->seconds < SECONDS_MIN || fitting->entered < EVENTS_MIN ||
        fitting->taken < EVENTS_MIN || fitting->cancelled < EVENTS_MIN) {
        (void)snprintf(message, LOBSTER_MESSAGE_MAX,
                       "%s: too little to fit: %u entries, takes and cancels each and a minute are "
                       "wanted after the first five minutes",
                       path, EVENTS_MIN);
        return STATUS_BAD_FORMAT;
    }
    double cancels = (double)fitting->cancelled;
    *fitted = (struct flow_parameters){
        .name = fitted->name,
        .enter_rate = rounded((double)(fitting->entered - fitting->replaced) / fitting->seconds),
        .take_rate = rounded((double)fitting->taken / fitting->seconds),
        .cancel_rate = rounded(cancels / fitting->live_time),
        .replace_fraction = rounded((double)fitting->replaced / cancels),
        .live_mean = rounded(fitting->live_time / fitting->seconds),
        .spread_ticks_mean = rounded(fitting->spread_time / fitting->seconds),
        .tick_size = fitting->tick_size,
        .start_price = fitting->start_price,
    };
    classes(fitted->enter_lots, fitting->enter_lots, fitting->entered);
    classes(fitted->take_lots, fitting->take_lots, fitting->taken);
    adjust_band(fitted);
    return STATUS_OK;
}

enum status flow_fit(struct flow_parameters *fitted, const char *path, int64_t tick_size,
                     char message[static LOBSTER_MESSAGE_MAX])
{
    ASSERT(fitted != NULL);
    ASSERT(tick_size > 0);
    struct lobster day;
    enum status status = lobster_load(&day, path, true, message);
    if (status != STATUS_OK) {
        return status;
    }
    struct id_map ids = {.count = 0};
    struct fitting fitting = {.day = &day,
                              .ids = &ids,
                              .tick_size = tick_size,
                              .enter_lots = calloc(day.action_count, sizeof(uint64_t)),
                              .take_lots = calloc(day.action_count, sizeof(uint64_t))};
    status = plain_book_create(&fitting.book, (uint32_t)day.action_count);
    if (status == STATUS_OK && fitting.enter_lots != NULL && fitting.take_lots != NULL) {
        status = replay(&fitting);
    } else {
        status = STATUS_FULL;
    }
    if (status == STATUS_OK) {
        status = conclude(&fitting, fitted, path, message);
    } else {
        (void)snprintf(message, LOBSTER_MESSAGE_MAX, "%s: no memory to replay it", path);
    }
    plain_book_destroy(fitting.book);
    id_map_destroy(&ids);
    free(fitting.enter_lots);
    free(fitting.take_lots);
    lobster_destroy(&day);
    return status;
}

double flow_fit_spread(const struct flow_parameters *parameters, uint64_t seed, uint64_t actions)
{
    struct flow *flow = NULL;
    struct flow_options options = {
        .seed = seed, .sessions = 1, .instruments = 1, .parameters = parameters};
    enum status status = flow_create(&flow, &options);
    ASSERT(status == STATUS_OK);
    /* By a quarter of the actions the even book of the start is forgotten. */
    double spread_time = 0.0;
    double time = 0.0;
    uint64_t before_ns = 0;
    for (uint64_t index = 0; index < actions; index++) {
        struct market_action action;
        struct flow_view view;
        flow_look(flow, 0, &view);
        flow_next(flow, &action);
        if (index > actions / 4 && view.bid_set && view.ask_set) {
            double seconds = 1e-9 * (double)(action.time_ns - before_ns);
            time += seconds;
            spread_time +=
                seconds * (double)((view.ask_price - view.bid_price) / parameters->tick_size);
        }
        before_ns = action.time_ns;
    }
    flow_destroy(flow);
    return time > 0.0 ? spread_time / time : 0.0;
}

static void print_sizes(FILE *file, const char *name, const uint32_t *sizes)
{
    (void)fprintf(file, "     .%s = {", name);
    for (uint32_t index = 0; index < FLOW_SIZES; index++) {
        (void)fprintf(file, "%s%u", index == 0 ? "" : ", ", sizes[index]);
    }
    (void)fprintf(file, "},\n");
}

void flow_fit_print(FILE *file, const struct flow_parameters *fitted)
{
    ASSERT(fitted->name != NULL);
    (void)fprintf(file,
                  "    {.name = \"%s\",\n     .enter_rate = %.7g,\n     .take_rate = %.7g,\n"
                  "     .cancel_rate = %.7g,\n     .replace_fraction = %.7g,\n"
                  "     .live_mean = %.7g,\n     .spread_ticks_mean = %.7g,\n"
                  "     .band_ticks = %u,\n     .tick_size = %lld,\n     .start_price = %lld,\n",
                  fitted->name, fitted->enter_rate, fitted->take_rate, fitted->cancel_rate,
                  fitted->replace_fraction, fitted->live_mean, fitted->spread_ticks_mean,
                  fitted->band_ticks, (long long)fitted->tick_size, (long long)fitted->start_price);
    print_sizes(file, "enter_lots", fitted->enter_lots);
    print_sizes(file, "take_lots", fitted->take_lots);
    (void)fprintf(file, "    },\n");
}
