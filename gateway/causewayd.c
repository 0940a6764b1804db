/* causewayd: one site of Causeway. `causewayd --config FILE`; README.md tells the rest. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/config.h"
#include "gateway/log.h"
#include "gateway/members.h"
#include "gateway/site.h"

#define EXIT_USAGE 2

/* Read by the signal handler only; set before the handler is installed. */
static struct site *causewayd_site;

static void causewayd_on_signal(int number)
{
    (void)number;
    site_stop(causewayd_site);
}

static void causewayd_usage(FILE *out)
{
    (void)fputs(
        "usage: causewayd --config FILE\n"
        "\n"
        "Runs one site: takes clients' orders over OUCH 5.0 on SoupBinTCP, journals, matches,\n"
        "reports. Make a site with `causeway init`; stop it with SIGTERM or Ctrl-C.\n"
        "\n"
        "  -c, --config FILE  the site's configuration (YAML)\n"
        "  -t, --test         read the configuration, say what is wrong with it, and end\n"
        "  -h, --help         this text\n"
        "\n"
        "Exit status: 0 stopped in good order, 1 an error (the last line of the log says\n"
        "what to do), 2 wrong arguments or configuration. Logs go to stderr.\n",
        out);
}

static int causewayd_serve(const struct config *config)
{
    char error[SITE_ERROR_BYTES];
    enum status status = site_open(&causewayd_site, config, error);
    if (status != STATUS_OK) {
        log_line(LOG_LEVEL_ERROR, "cannot-start", "status=%s error=\"%s\"", status_text(status),
                 error);
        return EXIT_FAILURE;
    }
    struct sigaction action = {.sa_handler = causewayd_on_signal};
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGINT, &action, NULL);
    status = site_run(causewayd_site, error);
    if (status != STATUS_OK) {
        log_line(LOG_LEVEL_ERROR, "stopped", "status=%s error=\"%s\"", status_text(status), error);
        /* What is in flight is in doubt, and must stay so: end without another write. */
        return EXIT_FAILURE;
    }
    (void)signal(SIGTERM, SIG_IGN);
    (void)signal(SIGINT, SIG_IGN);
    site_close(causewayd_site);
    log_line(LOG_LEVEL_INFO, "stopped", "status=ok");
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"test", no_argument, NULL, 't'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    const char *path = NULL;
    bool test = false;
    int option;
    while ((option = getopt_long(argc, argv, "c:th", options, NULL)) != -1) {
        switch (option) {
        case 'c':
            path = optarg;
            break;
        case 't':
            test = true;
            break;
        case 'h':
            causewayd_usage(stdout);
            return EXIT_SUCCESS;
        default:
            causewayd_usage(stderr);
            return EXIT_USAGE;
        }
    }
    if (path == NULL || optind != argc) {
        causewayd_usage(stderr);
        return EXIT_USAGE;
    }
    struct config *config = calloc(1, sizeof *config);
    char error[MEMBERS_ERROR_BYTES] = "no memory";
    if (config == NULL || members_read(config, path, error) != STATUS_OK) {
        (void)fprintf(stderr, "causewayd: %s\n", error);
        free(config);
        return EXIT_USAGE;
    }
    int exit_status = EXIT_SUCCESS;
    if (test) {
        (void)printf("%s: the configuration of site %s of cluster %s is valid\n", path,
                     config->site, config->cluster);
    } else {
        (void)signal(SIGPIPE, SIG_IGN);
        exit_status = causewayd_serve(config);
    }
    free(config);
    return exit_status;
}
