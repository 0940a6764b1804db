#include "tools/drill_desk.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "tools/client_setup.h"
#include "tools/flow.h"

#define DRILL_DESK_STEP_NS        UINT64_C(10000000)
#define DRILL_DESK_PATIENCE_NS    UINT64_C(120000000000) /* Without progress: given up. */
#define DRILL_DESK_SLICE_NS       UINT64_C(100000000)
#define DRILL_DESK_ORDERS_EACH    (1u << 14) /* Open ones of an instrument; 120 are usual. */
#define DRILL_DESK_LEDGER_ORDERS  UINT64_C(100000000)
#define DRILL_DESK_MESSAGES_MAX   UINT64_C(100000000)
#define DRILL_DESK_EVENTS         1024u
#define DRILL_DESK_WINDOW_MAX     4096u
#define DRILL_DESK_LOGIN_LIMIT_MS 2000u /* To log on; then the next site is tried. */
#define DRILL_DESK_SILENCE_MS     2500u /* Heartbeats come every second. */
#define DRILL_DESK_MOVE_AFTER_NS  UINT64_C(3000000000)
#define DRILL_DESK_DEADLINE_NS    UINT64_C(1000000000)
#define DRILL_DESK_SHOW_NS        UINT64_C(100000000)
#define DRILL_DESK_READ_AGAIN_NS  UINT64_C(50000000)

struct drill_desk {
    struct drill_desk_options options;
    struct drill_instrument instruments[DRILL_DESK_INSTRUMENTS_MAX];
    pthread_t thread;
    bool started;
    _Atomic int asked; /* enum drill_desk_phase. */
    _Atomic unsigned asked_sites;
    pthread_mutex_t lock; /* Of the view. */
    struct drill_desk_view view;

    /* The thread's own. */
    enum drill_desk_phase reached;
    enum drill_desk_phase shown; /* In the view. */
    uint64_t show_due_ns;
    bool stopped;
    uint32_t flushed; /* Sessions that have sent their last barrier. */
    uint64_t progress_ns;
    uint64_t progress_count;
    struct client_setup setup;
    bool setup_open;
    struct ouch_client *client;
    struct flow *flow;
    struct ledger *ledger;
    struct timeline *timeline;
    struct trader *trader;
    struct drill_desk_gap gaps[DRILL_DESK_GAPS_MAX];
    uint32_t gap_count;
    uint64_t acknowledged_ns;
    uint32_t reading_site;
    bool reading_begun;
    bool *reading; /* Of each session: connected at reading_site. */
    uint64_t *reading_next_ns;
    struct drill_desk_reading readings[SITES_MAX];
    struct ouch_session_event events[DRILL_DESK_EVENTS];
    char error[DRILL_DESK_ERROR_BYTES];
};

static void drill_desk_symbols(struct drill_desk *desk)
{
    for (uint32_t i = 0; i < desk->options.instrument_count; i++) {
        struct drill_instrument *one = &desk->instruments[i];
        (void)snprintf(one->symbol, sizeof one->symbol, "Z%uI%02u", desk->options.shard_id % 10u,
                       i % 100);
        one->tick_size = flow_tick_size(desk->flow, i);
        one->price_decimals = FLOW_PRICE_DECIMALS;
        one->quantity_max = 1000000;
        flow_price_range(desk->flow, i, &one->price_min, &one->price_max);
    }
}

enum status drill_desk_create(struct drill_desk **desk, const struct drill_desk_options *options)
{
    ASSERT(options->instrument_count > 0);
    ASSERT(options->instrument_count <= DRILL_DESK_INSTRUMENTS_MAX);
    ASSERT(options->endpoint_count > 0 && options->endpoint_count <= SITES_MAX);
    struct drill_desk *made = calloc(1, sizeof *made);
    *desk = NULL;
    if (made == NULL) {
        return STATUS_FULL;
    }
    made->options = *options;
    (void)pthread_mutex_init(&made->lock, NULL);
    made->reading = calloc(options->session_count, sizeof *made->reading);
    made->reading_next_ns = calloc(options->session_count, sizeof *made->reading_next_ns);
    struct flow_options flow = {.seed = options->seed,
                                .sessions = options->session_count,
                                .instruments = options->instrument_count,
                                .reported = true};
    if (made->reading == NULL || made->reading_next_ns == NULL ||
        flow_create(&made->flow, &flow) != STATUS_OK ||
        ledger_create(&made->ledger, options->session_count, DRILL_DESK_LEDGER_ORDERS) !=
            STATUS_OK) {
        drill_desk_destroy(made);
        return STATUS_FULL;
    }
    drill_desk_symbols(made);
    *desk = made;
    return STATUS_OK;
}

void drill_desk_destroy(struct drill_desk *desk)
{
    if (desk == NULL) {
        return;
    }
    drill_desk_ask(desk, DRILL_DESK_END, 0);
    drill_desk_join(desk);
    trader_destroy(desk->trader);
    if (desk->timeline != NULL) {
        timeline_destroy(desk->timeline);
    }
    ASSERT(desk->client == NULL);
    if (desk->setup_open) {
        client_setup_close(&desk->setup);
    }
    ledger_destroy(desk->ledger);
    if (desk->flow != NULL) {
        flow_destroy(desk->flow);
    }
    free(desk->reading);
    free(desk->reading_next_ns);
    (void)pthread_mutex_destroy(&desk->lock);
    free(desk);
}

uint32_t drill_desk_instruments(const struct drill_desk *desk,
                                const struct drill_instrument **instruments)
{
    ASSERT(!desk->started);
    *instruments = desk->instruments;
    return desk->options.instrument_count;
}

static bool drill_desk_fail(struct drill_desk *desk, const char *what)
{
    (void)snprintf(desk->error, sizeof desk->error, "shard %u: %s", desk->options.shard_id, what);
    return false;
}

/* Everything that belongs to this thread and to the place where it lives. */
static bool drill_desk_open(struct drill_desk *desk)
{
    const struct drill_desk_options *options = &desk->options;
    struct client_setup_options setup = {.connect = options->endpoints[0],
                                         .market_path = options->market_path,
                                         .shard_id = options->shard_id};
    struct ouch_client_options client = {.window_max = DRILL_DESK_WINDOW_MAX,
                                         .record_messages_max = DRILL_DESK_MESSAGES_MAX,
                                         .login_limit_ms = DRILL_DESK_LOGIN_LIMIT_MS,
                                         .silence_limit_ms = DRILL_DESK_SILENCE_MS};
    static_assert(CLIENT_SETUP_ERROR_BYTES <= DRILL_DESK_ERROR_BYTES, "the sentence fits");
    if (options->namespace_fd >= 0 && setns(options->namespace_fd, CLONE_NEWNET) != 0) {
        return drill_desk_fail(desk, "the clients' namespace cannot be entered");
    }
    if (client_setup_open(&desk->setup, &setup, desk->error) != STATUS_OK) {
        return false;
    }
    desk->setup_open = true;
    if (client_setup_client(&desk->setup, client, options->session_count, &desk->client,
                            desk->error) != STATUS_OK) {
        return false;
    }
    uint64_t now_ns = ouch_client_now_ns(desk->client);
    uint32_t orders_max = options->session_count * options->window +
                          options->instrument_count * DRILL_DESK_ORDERS_EACH;
    struct trader_options trader = {.client = desk->client,
                                    .window = options->window,
                                    .rate = options->rate,
                                    .endpoints = options->endpoints,
                                    .endpoint_count = options->endpoint_count,
                                    .move_after_ns =
                                        options->endpoint_count > 1 ? DRILL_DESK_MOVE_AFTER_NS : 0,
                                    .from_first = true,
                                    .flow = desk->flow,
                                    .instrument_count = options->instrument_count,
                                    .symbols = (const uint8_t(*)[SYMBOL_BYTES])desk->setup.symbols,
                                    .orders_max = orders_max,
                                    .client_id = ORDER_DESK_COUNTING,
                                    .seed = options->seed,
                                    .deadline_after_ns = DRILL_DESK_DEADLINE_NS,
                                    .ledger = desk->ledger};
    if (timeline_create(&desk->timeline, now_ns, DRILL_DESK_SLICE_NS) != STATUS_OK) {
        return drill_desk_fail(desk, "no memory for the timeline");
    }
    trader.timeline = desk->timeline;
    desk->progress_ns = now_ns;
    return trader_create(&desk->trader, &trader) == STATUS_OK ||
           drill_desk_fail(desk, "no memory for the traders");
}

/* Acknowledgements after a pause. */
static void drill_desk_gap(struct drill_desk *desk)
{
    uint64_t last_ns = trader_acknowledged_ns(desk->trader);
    if (last_ns == desk->acknowledged_ns) {
        return;
    }
    if (desk->acknowledged_ns != 0 && last_ns - desk->acknowledged_ns >= DRILL_DESK_GAP_NS &&
        desk->gap_count < DRILL_DESK_GAPS_MAX) {
        desk->gaps[desk->gap_count++] =
            (struct drill_desk_gap){.start_ns = desk->acknowledged_ns, .end_ns = last_ns};
    }
    desk->acknowledged_ns = last_ns;
}

static bool drill_desk_step(struct drill_desk *desk)
{
    uint64_t due_ns = ouch_client_now_ns(desk->client) + DRILL_DESK_STEP_NS;
    trader_connect(desk->trader);
    if (trader_step(desk->trader, due_ns) != STATUS_OK) {
        return drill_desk_fail(desk, "no memory to remember what happened");
    }
    drill_desk_gap(desk);
    return true;
}

/* Everything sent is answered; what that did to resting orders of other sessions may still be on
 * its way to them. A barrier of each session, journaled after all of it, is answered behind it. */
static bool drill_desk_settled(struct drill_desk *desk)
{
    if (!desk->stopped) {
        desk->stopped = true;
        trader_stop(desk->trader);
    }
    if (!trader_settled(desk->trader) || !trader_ready(desk->trader)) {
        return false;
    }
    uint32_t count = ouch_client_session_count(desk->client);
    while (desk->flushed < count &&
           ouch_client_barrier(desk->client, desk->flushed, 0) == STATUS_OK) {
        desk->flushed++;
    }
    return desk->flushed == count && trader_settled(desk->trader);
}

/* Whether everything that the session ever received has been received again. */
static bool drill_desk_read_whole(const struct drill_desk *desk, uint32_t session)
{
    const struct ouch_session *view = ouch_client_session(desk->client, session);
    return desk->reading[session] && view->state == OUCH_SESSION_ACTIVE &&
           view->sequence_next > view->record.count;
}

/* Leave wherever the session is, then connect at the site that is being read, from message 1. */
static void drill_desk_read_connect(struct drill_desk *desk, uint32_t session, uint64_t now_ns)
{
    if (desk->reading[session] || now_ns < desk->reading_next_ns[session] ||
        ouch_client_session(desk->client, session)->state != OUCH_SESSION_IDLE) {
        return;
    }
    desk->reading_next_ns[session] = now_ns + DRILL_DESK_READ_AGAIN_NS;
    ouch_client_endpoint_set(desk->client, session, desk->options.endpoints[desk->reading_site]);
    desk->reading[session] = ouch_client_connect(desk->client, session, 1) == STATUS_OK;
}

static void drill_desk_read_take(struct drill_desk *desk, const struct ouch_session_event *event)
{
    struct drill_desk_reading *reading = &desk->readings[desk->reading_site];
    if (event->kind == OUCH_SESSION_DISCONNECTED) {
        desk->reading[event->session] = false; /* Begun anew. */
    } else if (event->kind == OUCH_SESSION_MESSAGE && desk->reading[event->session]) {
        reading->messages++;
        reading->wrong +=
            !event->repeated || event->record != STATUS_OK || event->status != STATUS_OK;
    }
}

/* One step of reading every stream at one site after the other; true when all are read. */
static bool drill_desk_read(struct drill_desk *desk)
{
    unsigned sites = atomic_load_explicit(&desk->asked_sites, memory_order_acquire);
    uint32_t count = ouch_client_session_count(desk->client);
    while (desk->reading_site < desk->options.endpoint_count &&
           (sites >> desk->reading_site & 1) == 0) {
        desk->reading_site++;
    }
    uint64_t now_ns = ouch_client_now_ns(desk->client);
    if (desk->reading_site == desk->options.endpoint_count) {
        /* Others still read, or sites compute: wait, without eating what they need. */
        (void)ouch_client_poll(desk->client, desk->events, DRILL_DESK_EVENTS,
                               now_ns + DRILL_DESK_STEP_NS);
        return true;
    }
    uint32_t whole = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (!desk->reading_begun) {
            desk->reading[i] = false;
            desk->reading_next_ns[i] = 0;
            ouch_client_disconnect(desk->client, i);
        }
        drill_desk_read_connect(desk, i, now_ns);
        whole += drill_desk_read_whole(desk, i);
    }
    desk->reading_begun = true;
    uint32_t taken = ouch_client_poll(desk->client, desk->events, DRILL_DESK_EVENTS,
                                      now_ns + DRILL_DESK_STEP_NS);
    for (uint32_t i = 0; i < taken; i++) {
        drill_desk_read_take(desk, &desk->events[i]);
    }
    if (whole == count) {
        desk->readings[desk->reading_site].streams = count;
        desk->reading_site++;
        desk->reading_begun = false;
    }
    return false;
}

/* Whether the phase that is asked for is reached, after one step towards it. */
static bool drill_desk_turn(struct drill_desk *desk, enum drill_desk_phase asked, bool *failed)
{
    if (asked == DRILL_DESK_READ && desk->reached >= DRILL_DESK_SETTLE) {
        return drill_desk_read(desk);
    }
    *failed = !drill_desk_step(desk);
    if (*failed) {
        return false;
    }
    switch (asked) {
    case DRILL_DESK_NONE:
    case DRILL_DESK_READ:
    case DRILL_DESK_END:
        return false;
    case DRILL_DESK_CONNECT:
        return trader_ready(desk->trader);
    case DRILL_DESK_TRADE:
        if (desk->reached < DRILL_DESK_TRADE) {
            trader_start(desk->trader);
        }
        return true;
    case DRILL_DESK_SETTLE:
        return drill_desk_settled(desk);
    }
    ASSERT(false);
    return false;
}

static void drill_desk_show(struct drill_desk *desk, bool failed)
{
    struct trader_counts counts = {.commands = 0};
    uint64_t p50_ns = 0;
    uint64_t p99_ns = 0;
    if (desk->trader != NULL) {
        const struct histogram *latency = trader_order_latency(desk->trader);
        counts = trader_counts(desk->trader);
        p50_ns = histogram_percentile(latency, HISTOGRAM_MILLION / 2);
        p99_ns = histogram_percentile(latency, HISTOGRAM_MILLION / 100 * 99);
    }
    (void)pthread_mutex_lock(&desk->lock);
    desk->view.reached = desk->reached;
    desk->view.failed = failed;
    desk->view.counts = counts;
    desk->view.acknowledged_ns = desk->acknowledged_ns;
    desk->view.latency_p50_ns = p50_ns;
    desk->view.latency_p99_ns = p99_ns;
    memcpy(desk->view.error, desk->error, sizeof desk->view.error);
    (void)pthread_mutex_unlock(&desk->lock);
}

/* Percentiles cost more than a turn does: often enough for people, and at once when a phase is
 * reached. */
static void drill_desk_show_due(struct drill_desk *desk, bool failed)
{
    uint64_t now_ns = ouch_client_now_ns(desk->client);
    if (failed || desk->reached != desk->shown || now_ns >= desk->show_due_ns) {
        desk->shown = desk->reached;
        desk->show_due_ns = now_ns + DRILL_DESK_SHOW_NS;
        drill_desk_show(desk, failed);
    }
}

/* Something came since the last look, or the phase was reached: else patience runs out. */
static bool drill_desk_patient(struct drill_desk *desk, bool waiting)
{
    uint64_t now_ns = ouch_client_now_ns(desk->client);
    uint64_t count = ouch_client_counts(desk->client).messages_received;
    if (!waiting || count != desk->progress_count) {
        desk->progress_count = count;
        desk->progress_ns = now_ns;
    }
    return now_ns < desk->progress_ns + DRILL_DESK_PATIENCE_NS ||
           drill_desk_fail(desk, desk->reached < DRILL_DESK_CONNECT
                                     ? "two minutes without all sessions logged on"
                                 : desk->reached < DRILL_DESK_SETTLE
                                     ? "two minutes without an answer to what was sent"
                                     : "two minutes without a stream read to its end again");
}

static void *drill_desk_thread(void *context)
{
    struct drill_desk *desk = context;
    bool failed = !drill_desk_open(desk);
    for (;;) {
        enum drill_desk_phase asked =
            (enum drill_desk_phase)atomic_load_explicit(&desk->asked, memory_order_acquire);
        if (failed || asked == DRILL_DESK_END) {
            break;
        }
        bool waiting = asked > desk->reached;
        if (drill_desk_turn(desk, asked, &failed) && waiting) {
            desk->reached = asked;
        }
        failed = failed || !drill_desk_patient(desk, waiting);
        drill_desk_show_due(desk, failed);
    }
    drill_desk_show(desk, failed);
    ouch_client_destroy(desk->client); /* A ring belongs to the thread that made it. */
    desk->client = NULL;
    return NULL;
}

enum status drill_desk_start(struct drill_desk *desk)
{
    ASSERT(!desk->started);
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&desk->thread, NULL, drill_desk_thread, desk);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    desk->started = failed == 0;
    return failed == 0 ? STATUS_OK : STATUS_FULL;
}

void drill_desk_ask(struct drill_desk *desk, enum drill_desk_phase phase, uint16_t sites)
{
    ASSERT(phase != DRILL_DESK_NONE);
    atomic_store_explicit(&desk->asked_sites, sites, memory_order_release);
    atomic_store_explicit(&desk->asked, (int)phase, memory_order_release);
}

void drill_desk_look(struct drill_desk *desk, struct drill_desk_view *view)
{
    (void)pthread_mutex_lock(&desk->lock);
    *view = desk->view;
    (void)pthread_mutex_unlock(&desk->lock);
}

void drill_desk_join(struct drill_desk *desk)
{
    if (desk->started) {
        int failed = pthread_join(desk->thread, NULL);
        ASSERT(failed == 0);
        desk->started = false;
    }
}

struct ledger *drill_desk_ledger(struct drill_desk *desk)
{
    ASSERT(!desk->started);
    return desk->ledger;
}

struct timeline *drill_desk_timeline(struct drill_desk *desk)
{
    ASSERT(!desk->started);
    return desk->timeline;
}

const struct histogram *drill_desk_latency(const struct drill_desk *desk)
{
    ASSERT(!desk->started);
    return trader_order_latency(desk->trader);
}

uint32_t drill_desk_gaps(const struct drill_desk *desk, const struct drill_desk_gap **gaps)
{
    ASSERT(!desk->started);
    *gaps = desk->gaps;
    return desk->gap_count;
}

const struct drill_desk_reading *drill_desk_reading(const struct drill_desk *desk, uint32_t site)
{
    ASSERT(!desk->started);
    ASSERT(site < desk->options.endpoint_count);
    return &desk->readings[site];
}

uint64_t drill_desk_recovery_ns(const struct drill_desk_gap *gaps, uint32_t gap_count,
                                uint64_t at_ns, uint64_t until_ns)
{
    ASSERT(at_ns <= until_ns);
    uint64_t longest_ns = 0;
    for (uint32_t i = 0; i < gap_count; i++) {
        const struct drill_desk_gap *gap = &gaps[i];
        ASSERT(gap->end_ns > gap->start_ns);
        /* The last acknowledgement before a loss is a little older than it: a gap that begins so
         * short before the next harm is that one's. */
        bool belongs = gap->end_ns > at_ns && gap->start_ns + DRILL_DESK_GAP_NS < until_ns;
        uint64_t from_ns = gap->start_ns > at_ns ? gap->start_ns : at_ns;
        if (belongs && gap->end_ns - from_ns > longest_ns) {
            longest_ns = gap->end_ns - from_ns;
        }
    }
    return longest_ns;
}
