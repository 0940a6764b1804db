/* `causeway replay`: recorded days through real client sessions. */
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "tools/client_setup.h"
#include "tools/human.h"
#include "tools/options.h"
#include "tools/percentiles.h"
#include "tools/progress.h"
#include "tools/replay_day.h"
#include "tools/subcommands.h"
#include "tools/trader.h"

#define REPLAY_FILES_MAX   64u
#define REPLAY_NS_A_S      UINT64_C(1000000000)
#define REPLAY_PATIENCE_NS (60 * REPLAY_NS_A_S) /* Without a session's connection: given up. */
#define REPLAY_STEP_NS     UINT64_C(100000000)

struct replay {
    struct client_setup_options setup;
    const char *symbol;
    const char *format_text;
    const char *picture;
    uint64_t sessions;
    uint64_t window;
    bool no_rule_5;
    bool json;
    enum replay_day_format format;
    json_t *report; /* With json: one object a file. */
};

struct replay_run {
    const struct replay *replay;
    const struct replay_day *day;
    struct ouch_client *client;
    struct trader *trader;
    struct replay_compare *compare;
    struct progress progress;
    uint64_t start_ns;
    uint64_t connected_ns; /* When all sessions were last connected. */
};

static void replay_show(struct replay_run *run, bool last)
{
    uint64_t now_ns = ouch_client_now_ns(run->client);
    if (!last && !progress_due(&run->progress, now_ns)) {
        return;
    }
    struct trader_counts counts = trader_counts(run->trader);
    uint64_t done = counts.commands + counts.skipped;
    uint64_t elapsed_ns = now_ns - run->start_ns + 1;
    double seconds = (double)elapsed_ns / 1e9;
    progress_line(&run->progress, now_ns,
                  "%s: %s of %s actions, %s a second, %s executions of %s recorded", run->day->path,
                  human_number(done).text, human_number(run->day->action_count).text,
                  human_count((uint64_t)((double)done / seconds)).text,
                  human_number(counts.executions).text, human_number(run->day->fill_count).text);
}

/* One step of the loop. A sentence and false when it makes no sense to go on. */
static bool replay_step(struct replay_run *run, const char *name)
{
    trader_connect(run->trader);
    uint64_t now_ns = ouch_client_now_ns(run->client);
    if (trader_step(run->trader, now_ns + REPLAY_STEP_NS) != STATUS_OK) {
        (void)options_failed(name, "no memory for what was executed");
        return false;
    }
    now_ns = ouch_client_now_ns(run->client);
    struct trader_counts counts = trader_counts(run->trader);
    if (counts.logons_refused > 0) {
        progress_end(&run->progress);
        (void)options_failed(name,
                             "the exchange refused the login (reason '%c'): is the market file "
                             "applied, and are its passwords the present ones?",
                             trader_refusal(run->trader));
        return false;
    }
    if (trader_ready(run->trader) || run->connected_ns == 0) {
        run->connected_ns = now_ns;
    } else if (now_ns > run->connected_ns + REPLAY_PATIENCE_NS) {
        progress_end(&run->progress);
        (void)options_failed(name, "no connection to the exchange for a minute: given up");
        return false;
    }
    return true;
}

static bool replay_drive(struct replay_run *run, const char *name)
{
    while (!trader_ready(run->trader)) {
        if (!replay_step(run, name)) {
            return false;
        }
    }
    run->start_ns = ouch_client_now_ns(run->client);
    trader_start(run->trader);
    while (!trader_exhausted(run->trader) || !trader_settled(run->trader)) {
        if (!replay_step(run, name)) {
            return false;
        }
        replay_show(run, false);
    }
    replay_show(run, true);
    progress_end(&run->progress);
    return true;
}

static json_t *replay_json_mismatches(const struct replay_result *fills)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < fills->mismatch_count; i++) {
        const struct replay_mismatch *mismatch = &fills->mismatches[i];
        (void)json_array_append_new(
            list, json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "line", (json_int_t)mismatch->line,
                            "incoming_id", (json_int_t)mismatch->take_id, "resting_id",
                            (json_int_t)mismatch->resting_id, "price", (json_int_t)mismatch->price,
                            "recorded", (json_int_t)mismatch->recorded, "executed",
                            (json_int_t)mismatch->executed));
    }
    return list;
}

static void replay_report(struct replay_run *run, const struct replay_day_result *result)
{
    struct trader_counts counts = trader_counts(run->trader);
    uint64_t elapsed_ns = trader_acknowledged_ns(run->trader) - run->start_ns + 1;
    const struct replay_result *fills = &result->fills;
    if (run->replay->json) {
        bool reproduced = replay_day_reproduced(run->day, result);
        json_t *object =
            json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:o}", "file",
                      run->day->path, "actions", (json_int_t)run->day->action_count, "commands",
                      (json_int_t)counts.commands, "executions", (json_int_t)counts.executions,
                      "recorded", (json_int_t)fills->recorded, "reproduced",
                      (json_int_t)fills->reproduced, "unexpected", (json_int_t)fills->unexpected,
                      "orders_compared", (json_int_t)result->orders_compared, "orders_equal",
                      (json_int_t)result->orders_equal, "elapsed_ns", (json_int_t)elapsed_ns,
                      "all_reproduced", reproduced, "mismatches", replay_json_mismatches(fills));
        (void)json_array_append_new(run->replay->report, object);
        return;
    }
    replay_day_print(run->day, result, stdout);
    printf("%s commands in %s (%s a second); accepted %s, rejected %s, canceled %s\n",
           human_number(counts.commands).text, human_duration(elapsed_ns).text,
           human_count((uint64_t)((double)counts.commands * 1e9 / (double)elapsed_ns)).text,
           human_number(counts.acknowledged).text, human_number(counts.rejected).text,
           human_number(counts.canceled).text);
    const struct percentiles_line lines[] = {
        {"order to acknowledgement", trader_order_latency(run->trader)},
        {"cancel to confirmation", trader_cancel_latency(run->trader)}};
    percentiles_print(stdout, lines, 2);
}

static int replay_finish(struct replay_run *run, const char *name)
{
    struct replay_day_result result;
    if (replay_day_compare(run->day, run->compare, &result) != STATUS_OK) {
        return options_failed(name, "no memory to compare the executions");
    }
    replay_report(run, &result);
    if (run->replay->picture != NULL) {
        const struct percentiles_line line = {"order to acknowledgement",
                                              trader_order_latency(run->trader)};
        enum status status = percentiles_picture(run->replay->picture, run->day->path, &line, 1);
        if (status != STATUS_OK) {
            return options_failed(name, "no picture %s: %s", run->replay->picture,
                                  status_text(status));
        }
    }
    return replay_day_reproduced(run->day, &result) ? OPTIONS_EXIT_DONE : OPTIONS_EXIT_FAILED;
}

static int replay_day(const struct replay *replay, const struct client_setup *setup,
                      const struct replay_day *day, const char *name)
{
    struct replay_run run = {.replay = replay, .day = day};
    progress_start(&run.progress, replay->json ? PROGRESS_OFF : PROGRESS_TERMINAL);
    uint32_t window_max = 2;
    while (window_max < 2 * replay->window) {
        window_max *= 2;
    }
    char error[CLIENT_SETUP_ERROR_BYTES];
    const struct ouch_client_options client = {.window_max = window_max};
    int status = OPTIONS_EXIT_FAILED;
    if (client_setup_client(setup, client, (uint32_t)replay->sessions, &run.client, error) !=
        STATUS_OK) {
        return options_failed(name, "%s", error);
    }
    if (replay_compare_create(&run.compare, day->fills, day->fill_count) == STATUS_OK) {
        const struct trader_options options = {.client = run.client,
                                               .window = (uint32_t)replay->window,
                                               .actions = day->actions,
                                               .action_count = day->action_count,
                                               .instrument_count = setup->shard->instrument_count,
                                               .symbols = (const uint8_t(*)[8])setup->symbols,
                                               .orders_max = (uint32_t)day->action_count + 1,
                                               .compare = run.compare};
        if (trader_create(&run.trader, &options) == STATUS_OK) {
            status = replay_drive(&run, name) ? replay_finish(&run, name) : OPTIONS_EXIT_FAILED;
        }
    }
    if (run.trader == NULL) {
        (void)options_failed(name, "no memory for %s actions",
                             human_number(day->action_count).text);
    }
    trader_destroy(run.trader);
    replay_compare_destroy(run.compare);
    ouch_client_destroy(run.client);
    return status;
}

/* The instrument must have the decimals of the file, or every price means something else. */
static int replay_check(const struct replay *replay, const struct client_setup *setup,
                        struct replay_day *day, const char *name)
{
    const char *symbol = replay->symbol != NULL ? replay->symbol : day->symbol;
    uint32_t instrument;
    if (client_setup_instrument(setup, symbol, &instrument) != STATUS_OK) {
        return options_wrong(name, "%s: the market file has no instrument '%s'; --symbol names one",
                             day->path, symbol);
    }
    const struct command_instrument *terms = &setup->shard->instruments[instrument].terms;
    if (terms->price_decimals != day->price_decimals ||
        terms->quantity_decimals != day->quantity_decimals) {
        return options_wrong(name,
                             "%s: instrument %s must have price_decimals %u and "
                             "quantity_decimals %u, as the file has",
                             day->path, symbol, day->price_decimals, day->quantity_decimals);
    }
    replay_day_instrument(day, instrument);
    return OPTIONS_EXIT_DONE;
}

static int replay_file(const struct replay *replay, const struct client_setup *setup,
                       const char *path, const char *name)
{
    struct replay_day day;
    char error[REPLAY_DAY_ERROR_BYTES];
    if (replay_day_load(&day, replay->format, path, !replay->no_rule_5, error) != STATUS_OK) {
        return options_failed(name, "%s", error);
    }
    int status = replay_check(replay, setup, &day, name);
    if (status == OPTIONS_EXIT_DONE && day.action_count > 0) {
        status = replay_day(replay, setup, &day, name);
    }
    replay_day_free(&day);
    return status;
}

static int replay_files(struct replay *replay, char **files, int count, const char *name)
{
    struct client_setup setup;
    char error[CLIENT_SETUP_ERROR_BYTES];
    enum status status = client_setup_open(&setup, &replay->setup, error);
    if (status == STATUS_BAD_ARGUMENT) {
        return options_wrong(name, "%s", error);
    }
    if (status != STATUS_OK) {
        return options_failed(name, "%s", error);
    }
    int worst = OPTIONS_EXIT_DONE;
    for (int i = 0; i < count && worst != OPTIONS_EXIT_USAGE; i++) {
        int exit_status = replay_file(replay, &setup, files[i], name);
        worst = exit_status > worst ? exit_status : worst;
    }
    client_setup_close(&setup);
    if (replay->json && worst != OPTIONS_EXIT_USAGE) {
        (void)json_dumpf(replay->report, stdout, JSON_INDENT(2));
        printf("\n");
    }
    return worst;
}

int replay_main(int argc, char **argv)
{
    struct replay replay = {.format_text = "lobster", .sessions = 1, .window = 512};
    const struct option_row rows[] = {
        {"config", 'c', OPTION_TEXT, &replay.setup.config_path, "FILE",
         "The site's configuration: says where it listens.", 0, 0, NULL},
        {"connect", 0, OPTION_TEXT, &replay.setup.connect, "ADDR:PORT",
         "Where the exchange listens, instead of --config.", 0, 0, NULL},
        {"market", 'm', OPTION_TEXT, &replay.setup.market_path, "FILE",
         "Market file with the instrument and the sessions' passwords (required).", 0, 0, NULL},
        {"symbol", 0, OPTION_TEXT, &replay.symbol, "SYMBOL",
         "Instrument (default: the file's name up to its first '_').", 0, 0, NULL},
        {"format", 0, OPTION_TEXT, &replay.format_text, "NAME",
         "'lobster' (default) or 'bitstamp'.", 0, 0, NULL},
        {"sessions", 0, OPTION_COUNT, &replay.sessions, "N",
         "Spread the orders over N sessions, 1 .. 1,024 (default 1).", 1, 1024, NULL},
        {"window", 0, OPTION_COUNT, &replay.window, "N",
         "Unanswered commands at a time, 1 .. 16k (default 512).", 1, 16384, NULL},
        {"no-rule-5", 0, OPTION_FLAG, &replay.no_rule_5, NULL,
         "Leave out rule 5 of tools/lobster.h: orders that the exchange passed over.", 0, 0, NULL},
        {"picture", 0, OPTION_TEXT, &replay.picture, "FILE",
         "Draw the latency percentiles (.png or .svg).", 0, 0, NULL},
        {"json", 0, OPTION_FLAG, &replay.json, NULL, "Print one JSON array, no progress.", 0, 0,
         NULL},
    };
    const struct options_command command = {
        .name = "replay",
        .operands = "FILE...",
        .operands_min = 1,
        .operands_max = REPLAY_FILES_MAX,
        .summary =
            "Send recorded days (.csv, .csv.xz, .csv.zst), one after the other, through real\n"
            "client sessions and compare every execution with those that the exchange recorded.\n"
            "The order of actions is the file's: over several sessions, one waits for the others'\n"
            "answers. The instrument's book must be empty. Exit status 1 when an execution is\n"
            "missing, differs or is not in the file. Bitstamp's file knows volumes only, and not\n"
            "exactly: its figure is printed and decides nothing.",
        .rows = rows,
        .row_count = sizeof rows / sizeof rows[0],
        .examples =
            "  causeway replay GOOG_2012-06-21_message_10.csv.xz -c site.yaml -m market.yaml\n"
            "  causeway replay orders.csv.xz --format bitstamp --symbol BTCUSD -c site.yaml -m "
            "market.yaml\n"};
    int operand;
    switch (options_parse(&command, argc, argv, &operand)) {
    case OPTIONS_HELP:
        return OPTIONS_EXIT_DONE;
    case OPTIONS_WRONG:
        return OPTIONS_EXIT_USAGE;
    case OPTIONS_GO:
        break;
    }
    if (strcmp(replay.format_text, "bitstamp") == 0) {
        replay.format = REPLAY_DAY_BITSTAMP;
    } else if (strcmp(replay.format_text, "lobster") != 0) {
        return options_wrong(command.name, "--format is 'lobster' or 'bitstamp', not '%s'",
                             replay.format_text);
    }
    if (sodium_init() < 0) {
        return options_failed(command.name, "libsodium does not start: no source of randomness");
    }
    replay.report = json_array();
    int status = replay_files(&replay, argv + operand, argc - operand, command.name);
    json_decref(replay.report);
    return status;
}
