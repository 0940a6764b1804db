/* `causeway load`: generated order flow at a rate, and how long it takes. */
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "matching/base/assertion.h"
#include "tools/client_setup.h"
#include "tools/flow.h"
#include "tools/human.h"
#include "tools/load_market.h"
#include "tools/load_report.h"
#include "tools/options.h"
#include "tools/progress.h"
#include "tools/subcommands.h"
#include "tools/trader.h"

#define LOAD_NS_A_S       UINT64_C(1000000000)
#define LOAD_STEP_NS      UINT64_C(100000000)
#define LOAD_CONNECT_NS   (60 * LOAD_NS_A_S) /* For all sessions to log on. */
#define LOAD_DRAIN_NS     (30 * LOAD_NS_A_S) /* For what is unanswered at the end. */
#define LOAD_ORDERS_MAX   (1u << 20)
#define LOAD_RATE_DEFAULT 10000u
#define LOAD_WINDOW_OPEN  8192u /* A session, at a given rate. */

struct load {
    struct client_setup_options setup;
    const char *client_id_text;
    const char *picture;
    const char *write_market;
    uint64_t rate;
    uint64_t window;
    uint64_t sessions;
    uint64_t instruments;
    uint64_t duration_ns;
    uint64_t warmup_ns;
    uint64_t seed;
    bool rate_given;
    bool window_given;
    bool instruments_given;
    bool spin;
    bool json;
    enum order_desk_client_id client_id;
};

/* Everything of one run. */
struct load_run {
    const struct load *load;
    const char *name;
    struct ouch_client *client;
    struct flow *flow;
    struct trader *trader;
    struct progress progress;
    struct load_figures figures;
};

static uint64_t load_processor_ns(void)
{
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    return ((uint64_t)usage.ru_utime.tv_sec + (uint64_t)usage.ru_stime.tv_sec) * LOAD_NS_A_S +
           ((uint64_t)usage.ru_utime.tv_usec + (uint64_t)usage.ru_stime.tv_usec) * 1000;
}

static bool load_step(struct load_run *run)
{
    trader_connect(run->trader);
    uint64_t due_ns = ouch_client_now_ns(run->client) + LOAD_STEP_NS;
    if (trader_step(run->trader, due_ns) != STATUS_OK) {
        (void)options_failed(run->name, "no memory");
        return false;
    }
    if (trader_counts(run->trader).logons_refused > 0) {
        progress_end(&run->progress);
        (void)options_failed(run->name,
                             "the exchange refused the login (reason '%c'): is the market file "
                             "applied, and are its passwords the present ones?",
                             trader_refusal(run->trader));
        return false;
    }
    return true;
}

static void load_show(struct load_run *run, const char *phase)
{
    uint64_t now_ns = ouch_client_now_ns(run->client);
    if (!progress_due(&run->progress, now_ns)) {
        return;
    }
    struct trader_counts counts = trader_counts(run->trader);
    const struct histogram *latency = trader_order_latency(run->trader);
    progress_line(&run->progress, now_ns,
                  "%s: %s orders, %s cancels, %s executions, p50 %s, p99 %s, max %s", phase,
                  human_count(counts.acknowledged).text, human_count(counts.canceled).text,
                  human_count(counts.executions).text,
                  human_duration(histogram_percentile(latency, 500000)).text,
                  human_duration(histogram_percentile(latency, 990000)).text,
                  human_duration(latency->max_ns).text);
}

/* Steps until `until_ns`. */
static bool load_run_until(struct load_run *run, uint64_t until_ns, const char *phase)
{
    while (ouch_client_now_ns(run->client) < until_ns) {
        if (!load_step(run)) {
            return false;
        }
        load_show(run, phase);
    }
    return true;
}

static bool load_drive(struct load_run *run)
{
    uint64_t limit_ns = ouch_client_now_ns(run->client) + LOAD_CONNECT_NS;
    while (!trader_ready(run->trader)) {
        if (!load_step(run)) {
            return false;
        }
        if (ouch_client_now_ns(run->client) > limit_ns) {
            (void)options_failed(run->name, "the sessions did not all log on within a minute: is "
                                            "the exchange running?");
            return false;
        }
    }
    trader_start(run->trader);
    uint64_t now_ns = ouch_client_now_ns(run->client);
    if (!load_run_until(run, now_ns + run->load->warmup_ns, "warming up")) {
        return false;
    }
    struct load_figures *figures = &run->figures;
    trader_measure(run->trader);
    struct ouch_client_counts before = ouch_client_counts(run->client);
    uint64_t processor_ns = load_processor_ns();
    uint64_t start_ns = ouch_client_now_ns(run->client);
    if (!load_run_until(run, start_ns + run->load->duration_ns, "measuring")) {
        return false;
    }
    struct ouch_client_counts after = ouch_client_counts(run->client);
    figures->processor_ns = load_processor_ns() - processor_ns;
    figures->duration_ns = ouch_client_now_ns(run->client) - start_ns;
    figures->bytes_out = after.bytes_sent - before.bytes_sent;
    figures->bytes_in = after.bytes_received - before.bytes_received;
    return true;
}

/* What was due within the measured time counts, however late its answer comes. */
static bool load_drain(struct load_run *run)
{
    trader_stop(run->trader);
    uint64_t limit_ns = ouch_client_now_ns(run->client) + LOAD_DRAIN_NS;
    while (!trader_settled(run->trader) && ouch_client_now_ns(run->client) < limit_ns) {
        if (!load_step(run)) {
            return false;
        }
        load_show(run, "waiting for answers");
    }
    progress_end(&run->progress);
    run->figures.all_answered = trader_settled(run->trader);
    run->figures.counts = trader_counts(run->trader);
    return true;
}

static int load_report(struct load_run *run)
{
    struct load_figures *figures = &run->figures;
    figures->rate = run->load->rate;
    figures->window = run->load->window;
    figures->sessions = run->load->sessions;
    figures->seed = run->load->seed;
    figures->order_latency = trader_order_latency(run->trader);
    figures->cancel_latency = trader_cancel_latency(run->trader);
    if (run->load->json) {
        json_t *object = load_report_json(figures);
        (void)json_dumpf(object, stdout, JSON_INDENT(2));
        printf("\n");
        json_decref(object);
    } else {
        load_report_print(figures, stdout);
    }
    if (run->load->picture != NULL) {
        enum status status = load_report_picture(figures, run->load->picture);
        if (status != STATUS_OK) {
            return options_failed(run->name, "no picture %s: %s", run->load->picture,
                                  status_text(status));
        }
    }
    return figures->all_answered ? OPTIONS_EXIT_DONE : OPTIONS_EXIT_FAILED;
}

/* The window of the closed loop, or what a given rate may have under way. */
static uint32_t load_window(const struct load *load)
{
    return load->window_given ? (uint32_t)load->window : LOAD_WINDOW_OPEN;
}

static int load_with_market(struct load_run *run, const struct client_setup *setup)
{
    const struct load *load = run->load;
    char error[CLIENT_SETUP_ERROR_BYTES];
    uint32_t instruments =
        load->instruments_given ? (uint32_t)load->instruments : setup->shard->instrument_count;
    if (instruments > setup->shard->instrument_count) {
        return options_wrong(run->name, "the market file has %u instruments",
                             setup->shard->instrument_count);
    }
    const struct flow_options flow = {.seed = load->seed,
                                      .sessions = (uint32_t)load->sessions,
                                      .instruments = instruments,
                                      .reported = true};
    if (flow_create(&run->flow, &flow) != STATUS_OK) {
        return options_failed(run->name, "no memory for the order flow");
    }
    static_assert(LOAD_MARKET_ERROR_BYTES <= CLIENT_SETUP_ERROR_BYTES, "the sentence fits");
    if (load_market_check(setup->shard, run->flow, instruments, error) != STATUS_OK) {
        return options_wrong(run->name, "%s", error);
    }
    struct ouch_client_options client = {.idle = load->spin ? IO_IDLE_SPIN : IO_IDLE_SLEEP,
                                         .window_max = 2};
    while (client.window_max < 2 * load_window(load)) {
        client.window_max *= 2;
    }
    if (client_setup_client(setup, client, (uint32_t)load->sessions, &run->client, error) !=
        STATUS_OK) {
        return options_failed(run->name, "%s", error);
    }
    const struct trader_options options = {.client = run->client,
                                           .window = load_window(load),
                                           .rate = load->rate,
                                           .flow = run->flow,
                                           .instrument_count = setup->shard->instrument_count,
                                           .symbols = (const uint8_t(*)[8])setup->symbols,
                                           .orders_max = LOAD_ORDERS_MAX,
                                           .client_id = load->client_id,
                                           .seed = load->seed};
    if (trader_create(&run->trader, &options) != STATUS_OK) {
        return options_failed(run->name, "no memory");
    }
    progress_start(&run->progress, load->json ? PROGRESS_OFF : PROGRESS_TERMINAL);
    return load_drive(run) && load_drain(run) ? load_report(run) : OPTIONS_EXIT_FAILED;
}

static int load_execute(const struct load *load, const char *name)
{
    struct client_setup setup;
    char error[CLIENT_SETUP_ERROR_BYTES];
    enum status status = client_setup_open(&setup, &load->setup, error);
    if (status == STATUS_BAD_ARGUMENT) {
        return options_wrong(name, "%s", error);
    }
    if (status != STATUS_OK) {
        return options_failed(name, "%s", error);
    }
    struct load_run run = {.load = load, .name = name};
    int exit_status = load_with_market(&run, &setup);
    trader_destroy(run.trader);
    ouch_client_destroy(run.client);
    flow_destroy(run.flow);
    client_setup_close(&setup);
    return exit_status;
}

static int load_write_market(const struct load *load, const char *name)
{
    const struct load_market_options options = {.sessions = (uint32_t)load->sessions,
                                                .instruments = load->instruments_given
                                                                   ? (uint32_t)load->instruments
                                                                   : 1};
    char error[LOAD_MARKET_ERROR_BYTES];
    if (load_market_write(load->write_market, &options, error) != STATUS_OK) {
        return options_failed(name, "%s", error);
    }
    printf("%s is written. Apply it with:\n  causeway market apply %s --config SITE.yaml\n",
           load->write_market, load->write_market);
    return OPTIONS_EXIT_DONE;
}

static int load_begin(struct load *load, const char *name)
{
    if (strcmp(load->client_id_text, "counting") == 0) {
        load->client_id = ORDER_DESK_COUNTING;
    } else if (strcmp(load->client_id_text, "random") == 0) {
        load->client_id = ORDER_DESK_RANDOM;
    } else if (strcmp(load->client_id_text, "empty") != 0) {
        return options_wrong(name, "--client-order-id is empty, counting or random, not '%s'",
                             load->client_id_text);
    }
    if (!load->rate_given) {
        load->rate = load->window_given ? 0 : LOAD_RATE_DEFAULT;
    }
    if (sodium_init() < 0) {
        return options_failed(name, "libsodium does not start: no source of randomness");
    }
    return load->write_market != NULL ? load_write_market(load, name) : load_execute(load, name);
}

int load_main(int argc, char **argv)
{
    struct load load = {.client_id_text = "empty",
                        .sessions = 8,
                        .duration_ns = 10 * LOAD_NS_A_S,
                        .warmup_ns = LOAD_NS_A_S,
                        .seed = 1};
    const struct option_row rows[] = {
        {"config", 'c', OPTION_TEXT, &load.setup.config_path, "FILE",
         "The site's configuration: says where it listens.", 0, 0, NULL},
        {"connect", 0, OPTION_TEXT, &load.setup.connect, "ADDR:PORT",
         "Where the exchange listens, instead of --config.", 0, 0, NULL},
        {"market", 'm', OPTION_TEXT, &load.setup.market_path, "FILE",
         "Market file with instruments and the sessions' passwords (required).", 0, 0, NULL},
        {"rate", 'r', OPTION_COUNT, &load.rate, "RATE",
         "Open loop: commands a second, 1 .. 10M (default 10k).", 1, 10000000, &load.rate_given},
        {"window", 'w', OPTION_COUNT, &load.window, "N",
         "Closed loop: unanswered commands a session, 1 .. 16k; with --rate a limit.", 1, 16384,
         &load.window_given},
        {"sessions", 's', OPTION_COUNT, &load.sessions, "N", "Sessions, 1 .. 4,096 (default 8).", 1,
         4096, NULL},
        {"instruments", 'i', OPTION_COUNT, &load.instruments, "N",
         "Trade the first N instruments of the market file (default all).", 1, FLOW_INSTRUMENTS_MAX,
         &load.instruments_given},
        {"duration", 'd', OPTION_DURATION, &load.duration_ns, "DURATION",
         "How long to measure (default 10s).", 1000000, 0, NULL},
        {"warmup", 0, OPTION_DURATION, &load.warmup_ns, "DURATION",
         "Not measured before it (default 1s).", 0, 0, NULL},
        {"client-order-id", 0, OPTION_TEXT, &load.client_id_text, "KIND",
         "ClOrdID: empty (default), counting or random: decides bytes an order.", 0, 0, NULL},
        {"seed", 0, OPTION_COUNT, &load.seed, "N", "Seed of the flow (default 1).", 0, 0, NULL},
        {"spin", 0, OPTION_FLAG, &load.spin, NULL,
         "Never sleep: needs a core of its own, measures without wake-ups.", 0, 0, NULL},
        {"picture", 0, OPTION_TEXT, &load.picture, "FILE",
         "Draw the latency percentiles (.png or .svg).", 0, 0, NULL},
        {"json", 0, OPTION_FLAG, &load.json, NULL, "Print one JSON object, no progress.", 0, 0,
         NULL},
        {"write-market", 0, OPTION_TEXT, &load.write_market, "FILE",
         "Only write a market file for --sessions and --instruments; then apply it.", 0, 0, NULL},
    };
    const struct options_command command = {
        .name = "load",
        .operands = "",
        .summary =
            "Trade generated order flow (a zero-intelligence model, see tools/flow.h) through "
            "real\n"
            "sessions and measure latency from the moment at which a command was due, so that an\n"
            "exchange that stands still is seen in full. Exit status 1 when a command stays\n"
            "unanswered.",
        .rows = rows,
        .row_count = sizeof rows / sizeof rows[0],
        .examples = "  causeway load --write-market load.yaml --sessions 64 --instruments 4\n"
                    "  causeway market apply load.yaml --config site.yaml\n"
                    "  causeway load -c site.yaml -m load.yaml -s 64 --rate 50k --duration 30s\n"
                    "  causeway load -c site.yaml -m load.yaml -s 1 --window 1\n"};
    int operand;
    switch (options_parse(&command, argc, argv, &operand)) {
    case OPTIONS_HELP:
        return OPTIONS_EXIT_DONE;
    case OPTIONS_WRONG:
        return OPTIONS_EXIT_USAGE;
    case OPTIONS_GO:
        break;
    }
    return load_begin(&load, command.name);
}
