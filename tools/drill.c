/* `causeway drill`: trade, kill, restart, and prove from the outside that nothing was lost. */
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/chaos.h"
#include "tools/drill_list.h"
#include "tools/drill_play.h"
#include "tools/drill_report.h"
#include "tools/drill_story.h"
#include "tools/options.h"
#include "tools/subcommands.h"

#define DRILL_NS_A_S      UINT64_C(1000000000)
#define DRILL_DURATION_NS (12 * DRILL_NS_A_S)

/* A scenario made up at random instead of read. */
#define DRILL_CHAOS          "chaos"
#define DRILL_CHAOS_NS       (60 * DRILL_NS_A_S)
#define DRILL_CHAOS_SESSIONS 24u
#define DRILL_CHAOS_RATE     1000u
#define DRILL_LOSSES_MAX     1000000u

/* Options that only scenarios have. */
struct drill_more {
    bool loopback;
    bool unhurried;
    uint64_t sites;  /* Of chaos. */
    uint64_t losses; /* Likewise. */
};

/* Set by Ctrl-C: the drill ends its child and itself. */
static volatile sig_atomic_t drill_interrupted;

static void drill_on_signal(int number)
{
    (void)number;
    drill_interrupted = 1;
}

static int drill_carry_out(struct drill *drill)
{
    struct drill_proof proof;
    (void)fprintf(stderr, "drill: one site in %s, %llu sessions, %llu kills, seed %llu\n",
                  drill->options.directory, (unsigned long long)drill->options.sessions,
                  (unsigned long long)drill->options.kills,
                  (unsigned long long)drill->options.seed);
    enum drill_end end = drill_run_prepare(drill);
    if (end == DRILL_DONE) {
        end = drill_run_trade(drill);
    }
    if (end == DRILL_DONE) {
        (void)fprintf(stderr, "drill: everything is answered; proving\n");
        end = drill_proof_take(drill, &proof);
    }
    if (end == DRILL_INTERRUPTED) {
        return options_failed("drill", "interrupted; nothing is proved");
    }
    if (end == DRILL_FAILED) {
        return options_failed("drill", "%s (seed %llu; logs in %s)", drill->error,
                              (unsigned long long)drill->options.seed, drill->options.directory);
    }
    if (drill_report(drill, &proof) != STATUS_OK) {
        return options_failed("drill", "the report cannot be written");
    }
    return drill_proof_holds(drill, &proof) ? OPTIONS_EXIT_DONE : OPTIONS_EXIT_FAILED;
}

/* Ctrl-C and SIGTERM only leave a word: whoever is at work ends in good order. */
static void drill_catch_signals(void)
{
    struct sigaction action = {.sa_handler = drill_on_signal};
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
}

static int drill_play_tell(struct drill_play *play, const struct drill_play_options *options,
                           bool json)
{
    (void)fprintf(stderr, "drill: %s, seed %llu\n", options->scenario->title,
                  (unsigned long long)options->seed);
    switch (drill_play_run(play, options)) {
    case DRILL_PLAY_INTERRUPTED:
        return options_failed("drill", "interrupted; nothing is proved");
    case DRILL_PLAY_FAILED:
        return options_failed("drill", "%s (seed %llu; logs in %s)", play->error,
                              (unsigned long long)options->seed, options->directory);
    case DRILL_PLAY_DONE:
        break;
    }
    if (drill_story(play, json) != STATUS_OK) {
        return options_failed("drill", "the report cannot be written");
    }
    return drill_play_passed(play) ? OPTIONS_EXIT_DONE : OPTIONS_EXIT_FAILED;
}

/* Fill in what was left open, set up Ctrl-C, and go. */
static int drill_with(const struct drill_options *options)
{
    struct drill *drill = calloc(1, sizeof *drill);
    if (drill == NULL || sodium_init() < 0) {
        free(drill);
        return options_failed("drill", "no memory, or no source of randomness");
    }
    drill->options = *options;
    if (options->duration_ns == 0) {
        drill->options.duration_ns = DRILL_DURATION_NS;
    }
    drill->interrupted = &drill_interrupted;
    if (options->flow_path != NULL) {
        drill->options.sessions = 1;
        drill->options.rate = 0;
    }
    while (drill->options.seed == 0) {
        drill->options.seed = randombytes_random();
    }
    drill_catch_signals();
    int exit_status = drill_carry_out(drill);
    drill_run_close(drill);
    free(drill);
    return exit_status;
}

/* The scenario of a name or file, or one of chaos; returns the exit status when there is none. */
static int drill_scenario(struct scenario *scenario, const char *name,
                          const struct drill_options *options, const struct drill_more *more,
                          uint64_t seed)
{
    char path[DRILL_PLACE_PATH_BYTES];
    char error[SCENARIO_ERROR_BYTES];
    if (strcmp(name, DRILL_CHAOS) == 0) {
        struct chaos_options chaos = {.seed = seed,
                                      .duration_ns = options->duration_ns != 0
                                                         ? options->duration_ns
                                                         : DRILL_CHAOS_NS,
                                      .site_count = (uint32_t)more->sites,
                                      .shard_count = SHARDS_MAX,
                                      .sessions = DRILL_CHAOS_SESSIONS,
                                      .rate = DRILL_CHAOS_RATE};
        if (more->sites % 2 == 0 || chaos.duration_ns < CHAOS_DURATION_NS) {
            return options_wrong("drill",
                                 "chaos takes an odd number of --sites and lasts 5s or more");
        }
        chaos_make(scenario, &chaos);
        return OPTIONS_EXIT_DONE;
    }
    if (scenario_find(name, path, sizeof path) != STATUS_OK) {
        return options_wrong("drill", "there is no scenario '%s'; --list names them", name);
    }
    if (scenario_read(scenario, path, error) != STATUS_OK) {
        return options_failed("drill", "%s", error);
    }
    if (options->duration_ns != 0) {
        scenario_stretch(scenario, options->duration_ns);
    }
    if (more->unhurried) {
        scenario->recovery_ns = 0;
        scenario->moves_given = false;
    }
    return OPTIONS_EXIT_DONE;
}

/* A scenario of several sites. */
static int drill_play_scenario(const char *name, const struct drill_options *options,
                               const struct drill_more *more)
{
    struct scenario *scenario = calloc(1, sizeof *scenario);
    struct drill_play *play = calloc(1, sizeof *play);
    int exit_status = OPTIONS_EXIT_FAILED;
    if (scenario == NULL || play == NULL || sodium_init() < 0) {
        exit_status = options_failed("drill", "no memory, or no source of randomness");
    } else {
        struct drill_play_options play_options = {.scenario = scenario,
                                                  .directory = options->directory,
                                                  .seed = options->seed,
                                                  .losses = more->losses,
                                                  .loopback = more->loopback,
                                                  .interrupted = &drill_interrupted};
        while (play_options.seed == 0) {
            play_options.seed = randombytes_random();
        }
        exit_status = drill_scenario(scenario, name, options, more, play_options.seed);
        if (exit_status == OPTIONS_EXIT_DONE) {
            drill_catch_signals();
            exit_status = drill_play_tell(play, &play_options, options->json);
            drill_play_close(play);
        }
    }
    free(play);
    free(scenario);
    return exit_status;
}

/* `name` of a scenario, or NULL. */
static int drill_any(const char *name, const struct drill_options *options,
                     const struct drill_more *more)
{
    if (more->losses > 0 && (name == NULL || strcmp(name, DRILL_CHAOS) != 0)) {
        return options_wrong("drill", "--losses goes with 'chaos'");
    }
    return name != NULL ? drill_play_scenario(name, options, more) : drill_with(options);
}

static int drill_show_list(void)
{
    (void)printf("Scenarios, each for `causeway drill NAME`:\n");
    return drill_list(stdout) == STATUS_OK
               ? OPTIONS_EXIT_DONE
               : options_failed("drill", "the scenarios (tools/drills) are not there whole");
}

static const char drill_summary[] =
    "Carries out a scenario of several sites (--list names them; or a file of your "
    "own; or `chaos`: harm at random, repeated by --seed), and proves from the "
    "outside that every promise held. Without one: makes "
    "a fresh site, trades on it through real sessions, kills it with SIGKILL "
    "at random moments, restarts it, and proves from the outside that nothing "
    "acknowledged was lost, nothing was executed twice and every session went on at "
    "its next number. Exit status 0 only if all of it holds.";

static const char drill_examples[] =
    "causeway drill region-loss\n"
    "causeway drill chaos --sites 5 --duration 10m\n"
    "causeway drill\n"
    "causeway drill --kills 100 --duration 60s --rate 0\n"
    "causeway drill --flow AAPL_2012-06-21_message_50.csv.xz --kills 3\n";

int drill_main(int argc, char **argv)
{
    bool list = false;
    struct drill_more more = {.sites = CHAOS_SITES_MIN};
    struct drill_options options = {.directory = "run",
                                    .kills = 1,
                                    .sessions = 16,
                                    .rate = 20000,
                                    .window = 256,
                                    .instruments = 2};
    const struct option_row rows[] = {
        {"dir", 'd', OPTION_TEXT, &options.directory, "DIR",
         "Where the site is made; emptied first if a drill made it (default run).", 0, 0, NULL},
        {"flow", 'f', OPTION_TEXT, &options.flow_path, "FILE",
         "Trade this LOBSTER message file (.csv, .xz or .zst) and compare every execution with "
         "those recorded; default: generated flow.",
         0, 0, NULL},
        {"duration", 't', OPTION_DURATION, &options.duration_ns, "DURATION",
         "How long generated flow goes on, outages included (default 12s, or what the scenario "
         "says: its timeline is squeezed or stretched).",
         DRILL_NS_A_S, SCENARIO_DURATION_MAX, NULL},
        {"kills", 'k', OPTION_COUNT, &options.kills, "N",
         "SIGKILLs, at random moments (default 1).", 0, DRILL_KILLS_MAX, NULL},
        {"sessions", 's', OPTION_COUNT, &options.sessions, "N",
         "Client sessions (default 16; with --flow 1, which keeps the file's order).", 1,
         DRILL_SESSIONS_MAX, NULL},
        {"rate", 'r', OPTION_COUNT, &options.rate, "N",
         "Commands a second, 0: as many as are answered (default 20k).", 0, 10000000, NULL},
        {"window", 'w', OPTION_COUNT, &options.window, "N",
         "Unanswered commands a session (default 256).", 1, 2048, NULL},
        {"instruments", 'i', OPTION_COUNT, &options.instruments, "N",
         "Instruments of generated flow (default 2).", 1, DRILL_INSTRUMENTS_MAX, NULL},
        {"seed", 0, OPTION_COUNT, &options.seed, "N",
         "Repeats a drill's flow and moments of killing (default: random, printed).", 0, 0, NULL},
        {"no-rule-5", 0, OPTION_FLAG, &options.no_rule_5, NULL,
         "With --flow: without the rule for orders that the exchange passed over.", 0, 0, NULL},
        {"loopback", 0, OPTION_FLAG, &more.loopback, NULL,
         "With a scenario: no network namespaces, all sites on loopback without delays.", 0, 0,
         NULL},
        {"unhurried", 0, OPTION_FLAG, &more.unhurried, NULL,
         "With a scenario: as on a slow machine, neither how fast it recovers is judged nor which "
         "shards move.",
         0, 0, NULL},
        {"sites", 0, OPTION_COUNT, &more.sites, "N",
         "Of chaos: how many sites, an odd number (default 3).", CHAOS_SITES_MIN, SITES_MAX, NULL},
        {"losses", 0, OPTION_COUNT, &more.losses, "N",
         "Of chaos: with so many leaders of shards lost it is enough, also before --duration. Lost "
         "is a leader whose site was killed or ended at a full disk, or was frozen or cut off for "
         "so long that the shard elected anew; not one that handed over (default: 0, all of "
         "--duration).",
         0, DRILL_LOSSES_MAX, NULL},
        {"list", 'l', OPTION_FLAG, &list, NULL, "Name the scenarios, with a line each.", 0, 0,
         NULL},
        {"json", 'j', OPTION_FLAG, &options.json, NULL, "Print the report as JSON.", 0, 0, NULL}};
    const struct options_command command = {.name = "drill",
                                            .operands = "[SCENARIO]",
                                            .operands_max = 1,
                                            .summary = drill_summary,
                                            .rows = rows,
                                            .row_count = sizeof rows / sizeof rows[0],
                                            .examples = drill_examples};
    int operand = 0;
    enum options_result parsed = options_parse(&command, argc, argv, &operand);
    if (parsed != OPTIONS_GO) {
        return parsed == OPTIONS_HELP ? OPTIONS_EXIT_DONE : OPTIONS_EXIT_USAGE;
    }
    if (list) {
        return drill_show_list();
    }
    return drill_any(operand < argc ? argv[operand] : NULL, &options, &more);
}
