/* causeway status: what a site and its shards do now. */
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tools/admin_client.h"
#include "tools/options.h"
#include "tools/status_text.h"
#include "tools/subcommands.h"

#define NAME     "status"
#define HTTP_OK  200L
#define WATCH_MS 1000

struct status_tool {
    struct admin_client *client;
    uint64_t patience_ns;
    bool watch;
    bool json;
};

/* One answer, or NULL after saying why there is none. */
static json_t *status_tool_get(struct status_tool *tool)
{
    struct admin_client_answer answer;
    if (admin_client_ask(tool->client, "/status", NULL, tool->patience_ns, &answer) != STATUS_OK) {
        (void)options_failed(NAME, "%s", admin_client_error(tool->client));
        return NULL;
    }
    if (answer.http_status != HTTP_OK) {
        (void)options_failed(NAME, "%s", admin_client_complaint(&answer));
        json_decref(answer.json);
        return NULL;
    }
    return answer.json;
}

/* False when nobody reads any more. */
static bool status_tool_print(const struct status_tool *tool, const json_t *status,
                              const json_t *before)
{
    if (tool->json) {
        if (json_dumpf(status, stdout, tool->watch ? JSON_COMPACT : JSON_INDENT(2)) != 0) {
            return false;
        }
        (void)putchar('\n');
    } else {
        if (tool->watch && isatty(STDOUT_FILENO)) {
            (void)fputs("\033[H\033[2J", stdout);
        }
        status_text_print(stdout, status, before);
    }
    return fflush(stdout) == 0;
}

static int status_tool_run(struct status_tool *tool)
{
    json_t *before = NULL;
    for (;;) {
        json_t *status = status_tool_get(tool);
        if (status == NULL || !status_tool_print(tool, status, before)) {
            json_decref(status);
            json_decref(before);
            return OPTIONS_EXIT_FAILED;
        }
        json_decref(before);
        before = status;
        if (!tool->watch) {
            break;
        }
        (void)poll(NULL, 0, WATCH_MS);
    }
    json_decref(before);
    return OPTIONS_EXIT_DONE;
}

int status_tool_main(int argc, char **argv)
{
    struct status_tool tool = {0};
    const char *config_path = NULL;
    const struct option_row rows[] = {
        {.name = "config",
         .letter = 'c',
         .kind = OPTION_TEXT,
         .target = &config_path,
         .value = "FILE",
         .help = "The site's configuration."},
        {.name = "watch",
         .letter = 'w',
         .kind = OPTION_FLAG,
         .target = &tool.watch,
         .help = "Again every second, with rates, until interrupted."},
        {.name = "wait",
         .kind = OPTION_DURATION,
         .target = &tool.patience_ns,
         .value = "DURATION",
         .help = "How long to ask again when the site does not answer (0s)."},
        {.name = "json",
         .kind = OPTION_FLAG,
         .target = &tool.json,
         .help = "Print the site's JSON (gateway/protocol.md); with --watch a line each."},
    };
    const struct options_command command = {
        .name = NAME,
        .operands = "",
        .summary = "Shows what a site does: journal and disk, clients, and of each shard its log, "
                   "hashes and orders.",
        .rows = rows,
        .row_count = sizeof rows / sizeof rows[0],
        .examples = "causeway status --config site/site.yaml\n"
                    "causeway status --config site/site.yaml --watch\n"};
    int operand = 0;
    switch (options_parse(&command, argc, argv, &operand)) {
    case OPTIONS_GO:
        break;
    case OPTIONS_HELP:
        return OPTIONS_EXIT_DONE;
    case OPTIONS_WRONG:
        return OPTIONS_EXIT_USAGE;
    }
    if (config_path == NULL) {
        return options_wrong(NAME, "--config FILE is missing: which site?");
    }
    char error[ADMIN_CLIENT_ERROR_BYTES];
    if (admin_client_open(&tool.client, config_path, NULL, error) != STATUS_OK) {
        return options_failed(NAME, "%s", error);
    }
    int result = status_tool_run(&tool);
    admin_client_close(tool.client);
    return result;
}
