#include "tools/drill_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "tools/human.h"

#define DRILL_READY_MS      60000u
#define DRILL_STOP_MS       20000u
#define DRILL_STEP_NS       UINT64_C(20000000)
#define DRILL_PATIENCE_NS   UINT64_C(60000000000) /* Without progress: given up. */
#define DRILL_SLICE_NS      UINT64_C(100000000)
#define DRILL_ORDERS_MAX    (1u << 20) /* Open or unanswered at a time. */
#define DRILL_LEDGER_ORDERS UINT64_C(100000000)
#define DRILL_MESSAGES_MAX  UINT64_C(100000000) /* Recorded a session; memory as they come. */
#define DRILL_WINDOW_MAX    4096u

static enum drill_end drill_fail(struct drill *drill, const char *what, enum status status)
{
    (void)snprintf(drill->error, sizeof drill->error, "%s: %s", what, status_text(status));
    return DRILL_FAILED;
}

static enum drill_end drill_fail_child(struct drill *drill, const char *what)
{
    char words[DRILL_PLACE_ERROR_BYTES / 2];
    site_child_last_words(&drill->child, words, sizeof words);
    (void)snprintf(drill->error, sizeof drill->error, "%s; its last line: %s", what, words);
    return DRILL_FAILED;
}

/* The instruments that the source trades. Returns how many. */
static uint32_t drill_instruments(const struct drill *drill, struct drill_instrument *target)
{
    memset(target, 0, DRILL_INSTRUMENTS_MAX * sizeof *target);
    if (drill->day_loaded) {
        *target = (struct drill_instrument){.tick_size = 1,
                                            .price_max = INT64_C(1000000000000),
                                            .quantity_max = UINT64_C(1000000000),
                                            .price_decimals = drill->day.price_decimals,
                                            .quantity_decimals = drill->day.quantity_decimals};
        (void)snprintf(target->symbol, sizeof target->symbol, "%s",
                       drill->day.symbol[0] != '\0' ? drill->day.symbol : "DAY");
        return 1;
    }
    for (uint32_t i = 0; i < drill->options.instruments; i++) {
        (void)snprintf(target[i].symbol, sizeof target[i].symbol, "ZI%02u", i % 100);
        target[i].tick_size = flow_tick_size(drill->flow, i);
        target[i].price_decimals = FLOW_PRICE_DECIMALS;
        target[i].quantity_max = 1000000;
        flow_price_range(drill->flow, i, &target[i].price_min, &target[i].price_max);
    }
    return (uint32_t)drill->options.instruments;
}

static enum drill_end drill_source(struct drill *drill)
{
    const struct drill_options *options = &drill->options;
    if (options->flow_path != NULL) {
        enum status status = replay_day_load(&drill->day, REPLAY_DAY_LOBSTER, options->flow_path,
                                             !options->no_rule_5, drill->error);
        if (status != STATUS_OK) {
            return DRILL_FAILED;
        }
        drill->day_loaded = true;
        replay_day_instrument(&drill->day, 0);
        status = replay_compare_create(&drill->compare, drill->day.fills, drill->day.fill_count);
        return status == STATUS_OK ? DRILL_DONE : drill_fail(drill, "the comparison", status);
    }
    struct flow_options flow = {.seed = options->seed,
                                .sessions = (uint32_t)options->sessions,
                                .instruments = (uint32_t)options->instruments,
                                .reported = true};
    enum status status = flow_create(&drill->flow, &flow);
    return status == STATUS_OK ? DRILL_DONE : drill_fail(drill, "the order flow", status);
}

static enum drill_end drill_client(struct drill *drill)
{
    const struct drill_options *options = &drill->options;
    struct client_setup_options setup = {.config_path = drill->site.config,
                                         .market_path = drill->place.market};
    if (client_setup_open(&drill->setup, &setup, drill->error) != STATUS_OK) {
        return DRILL_FAILED;
    }
    drill->setup_open = true;
    struct ouch_client_options client = {.window_max = DRILL_WINDOW_MAX,
                                         .record_messages_max = DRILL_MESSAGES_MAX};
    if (client_setup_client(&drill->setup, client, (uint32_t)options->sessions, &drill->client,
                            drill->error) != STATUS_OK) {
        return DRILL_FAILED;
    }
    enum status status =
        ledger_create(&drill->ledger, (uint32_t)options->sessions, DRILL_LEDGER_ORDERS);
    if (status == STATUS_OK) {
        status =
            timeline_create(&drill->timeline, ouch_client_now_ns(drill->client), DRILL_SLICE_NS);
    }
    struct trader_options trader = {.client = drill->client,
                                    .window = (uint32_t)options->window,
                                    .rate = options->rate,
                                    .from_first = true,
                                    .flow = drill->flow,
                                    .actions = drill->day_loaded ? drill->day.actions : NULL,
                                    .action_count = drill->day_loaded ? drill->day.action_count : 0,
                                    .instrument_count = drill->setup.shard->instrument_count,
                                    .symbols = (const uint8_t(*)[SYMBOL_BYTES])drill->setup.symbols,
                                    .orders_max = DRILL_ORDERS_MAX,
                                    .client_id = ORDER_DESK_COUNTING,
                                    .seed = options->seed,
                                    .ledger = drill->ledger,
                                    .compare = drill->compare,
                                    .timeline = drill->timeline};
    if (status == STATUS_OK) {
        status = trader_create(&drill->trader, &trader);
    }
    return status == STATUS_OK ? DRILL_DONE : drill_fail(drill, "the traders", status);
}

enum drill_end drill_run_restart(struct drill *drill)
{
    enum status status = site_child_start(&drill->child);
    if (status == STATUS_OK) {
        status = site_child_wait(&drill->child, DRILL_READY_MS);
    }
    return status == STATUS_OK ? DRILL_DONE
                               : drill_fail_child(drill, "causewayd does not come to serve");
}

static enum drill_end drill_step(struct drill *drill)
{
    if (*drill->interrupted != 0) {
        return DRILL_INTERRUPTED;
    }
    trader_connect(drill->trader);
    enum status status =
        trader_step(drill->trader, ouch_client_now_ns(drill->client) + DRILL_STEP_NS);
    if (status != STATUS_OK) {
        return drill_fail(drill, "no memory to remember what happened", status);
    }
    if (site_child_look(&drill->child) == STATUS_CLOSED) {
        return drill_fail_child(drill, "causewayd ended by itself");
    }
    return DRILL_DONE;
}

/* Steps until `done` holds, at most DRILL_PATIENCE_NS. */
static enum drill_end drill_until(struct drill *drill, bool (*done)(const struct trader *),
                                  const char *what)
{
    uint64_t limit_ns = ouch_client_now_ns(drill->client) + DRILL_PATIENCE_NS;
    while (!done(drill->trader)) {
        enum drill_end end = drill_step(drill);
        if (end != DRILL_DONE) {
            return end;
        }
        if (ouch_client_now_ns(drill->client) > limit_ns) {
            (void)snprintf(drill->error, sizeof drill->error, "a minute went by without %s", what);
            return DRILL_FAILED;
        }
    }
    return DRILL_DONE;
}

enum drill_end drill_run_prepare(struct drill *drill)
{
    random_seed(&drill->random, drill->options.seed);
    enum drill_end end = drill_source(drill);
    if (end != DRILL_DONE) {
        return end;
    }
    const struct drill_place *place = &drill->place;
    uint32_t count = drill_instruments(drill, drill->instruments);
    const struct drill_shard shard = {.instruments = drill->instruments,
                                      .instrument_count = count,
                                      .session_count = (uint32_t)drill->options.sessions};
    if (drill_place_make(&drill->place, drill->options.directory, drill->error) != STATUS_OK ||
        drill_place_site_make(place, &drill->site, "one", "local", NULL, NULL, NULL,
                              drill->error) != STATUS_OK ||
        drill_place_market(place, &shard, 1, drill->error) != STATUS_OK) {
        return DRILL_FAILED;
    }
    site_child_init(&drill->child, place->program, drill->site.config, drill->site.log);
    end = drill_run_restart(drill);
    if (end != DRILL_DONE) {
        return end;
    }
    const char *const apply[] = {"market",           "apply", place->market, "--config",
                                 drill->site.config, NULL};
    if (drill_place_tool(place, apply, drill->error) != STATUS_OK) {
        return DRILL_FAILED;
    }
    end = drill_client(drill);
    return end == DRILL_DONE ? drill_until(drill, trader_ready, "all sessions logged on") : end;
}

/* Kills fall at random into equal parts of the whole, never at its very ends. */
static void drill_plan_kills(struct drill *drill)
{
    double kills = (double)drill->options.kills;
    for (uint32_t i = 0; i < drill->options.kills; i++) {
        drill->kill_at[i] = ((double)i + 0.1 + 0.8 * random_unit(&drill->random)) / kills;
    }
}

/* How much of the whole is done, 0 to 1. */
static double drill_fraction(const struct drill *drill, uint64_t now_ns)
{
    if (drill->day_loaded) {
        struct trader_counts counts = trader_counts(drill->trader);
        return (double)(counts.commands + counts.skipped) / (double)drill->day.action_count;
    }
    return (double)(now_ns - drill->start_ns) / (double)drill->options.duration_ns;
}

static enum drill_end drill_kill(struct drill *drill, uint64_t now_ns)
{
    site_child_kill(&drill->child);
    drill->kills++;
    drill->down = true;
    drill->killed_ns = now_ns;
    drill->killed_acknowledged = trader_counts(drill->trader).acknowledged;
    timeline_mark(drill->timeline, TIMELINE_KILLED, now_ns);
    if (site_child_start(&drill->child) != STATUS_OK) {
        return drill_fail_child(drill, "causewayd cannot be started again");
    }
    return DRILL_DONE;
}

/* An order acknowledged after a kill: the site is back. */
static void drill_look_recovered(struct drill *drill, uint64_t now_ns)
{
    if (!drill->down || drill->child.pid == 0 ||
        trader_acknowledged_ns(drill->trader) <= drill->killed_ns ||
        trader_counts(drill->trader).acknowledged == drill->killed_acknowledged) {
        return;
    }
    drill->down = false;
    histogram_record(&drill->recovery, now_ns - drill->killed_ns);
    timeline_mark(drill->timeline, TIMELINE_SERVES, now_ns);
}

static void drill_show(struct drill *drill, uint64_t now_ns)
{
    if (!progress_due(&drill->progress, now_ns)) {
        return;
    }
    struct trader_counts counts = trader_counts(drill->trader);
    const struct histogram *latency = trader_order_latency(drill->trader);
    double seconds = (double)(now_ns - drill->start_ns) / 1e9;
    progress_line(&drill->progress, now_ns,
                  "%5.1f s  %s orders acknowledged, %s executions, %s orders/s; latency p50 %s "
                  "p99 %s; %u of %llu kills%s",
                  seconds, human_number(counts.acknowledged).text,
                  human_number(counts.executions).text,
                  human_count((uint64_t)((double)counts.acknowledged / (seconds + 1e-9))).text,
                  human_duration(histogram_percentile(latency, 500000)).text,
                  human_duration(histogram_percentile(latency, 990000)).text, drill->kills,
                  (unsigned long long)drill->options.kills, drill->down ? ", site down" : "");
}

/* Whether what the site holds must be answered before the next kill. */
static bool drill_kill_due(const struct drill *drill, double fraction)
{
    return drill->kills < drill->options.kills && !drill->down &&
           fraction >= drill->kill_at[drill->kills];
}

/* Everything sent is answered; what that did to resting orders of other sessions may still be on
 * its way to them. A barrier of each session, journaled after all of it, is answered behind it. */
static enum drill_end drill_flush(struct drill *drill)
{
    enum drill_end end = drill_until(drill, trader_ready, "all sessions logged on");
    for (uint32_t i = 0; end == DRILL_DONE && i < ouch_client_session_count(drill->client);) {
        if (ouch_client_barrier(drill->client, i, 0) == STATUS_OK) {
            i++;
        } else {
            end = drill_step(drill);
        }
    }
    return end == DRILL_DONE ? drill_until(drill, trader_settled, "an answer to every barrier")
                             : end;
}

enum drill_end drill_run_trade(struct drill *drill)
{
    drill_plan_kills(drill);
    drill->start_ns = ouch_client_now_ns(drill->client);
    progress_start(&drill->progress, PROGRESS_LINES);
    trader_start(drill->trader);
    for (;;) {
        enum drill_end end = drill_step(drill);
        uint64_t now_ns = ouch_client_now_ns(drill->client);
        double fraction = drill_fraction(drill, now_ns);
        drill_look_recovered(drill, now_ns);
        if (end == DRILL_DONE && drill_kill_due(drill, fraction)) {
            end = drill_kill(drill, now_ns);
        }
        if (end != DRILL_DONE) {
            return end;
        }
        drill_show(drill, now_ns);
        if (drill->down && now_ns - drill->killed_ns > DRILL_PATIENCE_NS) {
            return drill_fail_child(drill, "a minute after the kill nothing is acknowledged");
        }
        bool over = drill->day_loaded ? trader_exhausted(drill->trader)
                                      : fraction >= 1 && drill->kills == drill->options.kills;
        if (over && !drill->down) {
            break;
        }
    }
    trader_stop(drill->trader);
    enum drill_end end = drill_until(drill, trader_settled, "an answer to everything sent");
    if (end == DRILL_DONE) {
        end = drill_flush(drill);
    }
    drill->end_ns = ouch_client_now_ns(drill->client);
    progress_end(&drill->progress);
    return end;
}

void drill_run_close(struct drill *drill)
{
    progress_end(&drill->progress);
    if (drill->child.pid != 0) {
        (void)site_child_stop(&drill->child, DRILL_STOP_MS);
    }
    trader_destroy(drill->trader);
    if (drill->timeline != NULL) {
        timeline_destroy(drill->timeline);
    }
    if (drill->ledger != NULL) {
        ledger_destroy(drill->ledger);
    }
    if (drill->client != NULL) {
        ouch_client_destroy(drill->client);
    }
    if (drill->setup_open) {
        client_setup_close(&drill->setup);
    }
    if (drill->compare != NULL) {
        replay_compare_destroy(drill->compare);
    }
    if (drill->day_loaded) {
        replay_day_free(&drill->day);
    }
    if (drill->flow != NULL) {
        flow_destroy(drill->flow);
    }
}
