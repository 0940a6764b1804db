/* causeway: the operator's and client's tool. `causeway SUBCOMMAND`; see --help. */
#include <stdio.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "tools/options.h"
#include "tools/subcommands.h"

#define CAUSEWAY_VERSION "0.1"

struct causeway_subcommand {
    const char *name;
    int (*main)(int argc, char **argv);
    const char *description;
};

static const struct causeway_subcommand causeway_subcommands[] = {
    {"bootstrap", bootstrap_main, "Make one cluster of several new sites."},
    {"drill", drill_main, "Trade, kill, restart, and prove that nothing was lost."},
    {"init", init_main, "Make a new site: keys, configuration, empty journal."},
    {"journal", journal_command_main, "Check or print a journal offline, with public keys alone."},
    {"keygen", keygen_main, "Make a signing key."},
    {"market", market_tool_main, "Make firms, instruments and sessions; open and halt."},
    {"load", load_main, "Trade generated order flow at a rate and measure latency."},
    {"replay", replay_main, "Trade recorded days and compare executions with the recorded ones."},
    {"site", site_tool_main, "Add, promote and remove sites; hand over who leads."},
    {"status", status_tool_main, "Show what a site and its shards do."},
};

#define CAUSEWAY_SUBCOMMANDS (sizeof causeway_subcommands / sizeof causeway_subcommands[0])

static void causeway_help(FILE *out)
{
    (void)fprintf(out, "Usage: causeway SUBCOMMAND [OPTIONS] [ARGUMENTS]\n\n"
                       "Operates Causeway, the exchange that keeps trading, and trades on it.\n\n"
                       "Subcommands:\n");
    for (size_t i = 0; i < CAUSEWAY_SUBCOMMANDS; i++) {
        (void)fprintf(out, "  %-10s %s\n", causeway_subcommands[i].name,
                      causeway_subcommands[i].description);
    }
    (void)fprintf(out, "\nEach has its own --help. `causeway --version` prints the version.\n"
                       "Exit status: 0 done, 1 failed, 2 wrong arguments.\n");
}

static int causeway_unknown(const char *name)
{
    const char *names[CAUSEWAY_SUBCOMMANDS + 1];
    for (size_t i = 0; i < CAUSEWAY_SUBCOMMANDS; i++) {
        names[i] = causeway_subcommands[i].name;
    }
    names[CAUSEWAY_SUBCOMMANDS] = NULL;
    const char *nearest = options_nearest(name, names);
    if (nearest != NULL) {
        return options_wrong("", "unknown subcommand '%s'; did you mean '%s'?", name, nearest);
    }
    return options_wrong("", "unknown subcommand '%s'", name);
}

int main(int argc, char **argv)
{
    ASSERT(argc >= 0);
    if (argc < 2) {
        causeway_help(stderr);
        return OPTIONS_EXIT_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        causeway_help(stdout);
        return OPTIONS_EXIT_DONE;
    }
    if (strcmp(name, "--version") == 0) {
        (void)printf("causeway %s\n", CAUSEWAY_VERSION);
        return OPTIONS_EXIT_DONE;
    }
    for (size_t i = 0; i < CAUSEWAY_SUBCOMMANDS; i++) {
        if (strcmp(name, causeway_subcommands[i].name) == 0) {
            return causeway_subcommands[i].main(argc - 1, argv + 1);
        }
    }
    return causeway_unknown(name);
}
