/* causeway market: makes a site's market as a file says, and opens, halts or narrows instruments.
 */
#include <inttypes.h>
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/admin_json.h"
#include "matching/base/assertion.h"
#include "replication/io/monotonic.h"
#include "tools/admin_client.h"
#include "tools/market_file.h"
#include "tools/market_plan.h"
#include "tools/options.h"
#include "tools/progress.h"
#include "tools/subcommands.h"

#define NAME            "market"
#define PATIENCE_NS     UINT64_C(30000000000)
#define REQUEST_ID_MASK UINT64_C(0x7FFFFFFFFFFFFFFF) /* JSON integers are signed. */
#define HTTP_OK         200L

struct market_tool {
    struct admin_client *client;
    uint64_t patience_ns;
    bool json;
    json_t *objects; /* With json: what happened to each. */
    uint32_t created;
    uint32_t changed;
    uint32_t unchanged;
    uint32_t failed;
};

/* Not predictable, so that no two runs ever share one: a retry does, on purpose. */
static uint64_t market_tool_request_id(void)
{
    uint64_t id = 0;
    while (id == 0) {
        randombytes_buf(&id, sizeof id);
        id &= REQUEST_ID_MASK;
    }
    return id;
}

static void market_tool_report(struct market_tool *tool, const struct market_plan_step *step,
                               const char *result, const char *detail)
{
    const char *kind = market_plan_kind_text(step->kind);
    if (tool->json) {
        (void)json_array_append_new(
            tool->objects, json_pack("{s:i, s:s, s:s, s:s, s:s}", "shard", step->shard_id, "kind",
                                     kind, "name", step->name, "result", result, "detail", detail));
        return;
    }
    FILE *out = strcmp(result, "failed") == 0 ? stderr : stdout;
    (void)fprintf(out, "%-9s %-10s %-8s shard %u%s%s\n", result, kind, step->name, step->shard_id,
                  detail[0] != '\0' ? ": " : "", detail);
}

/* What the site's refusal means to whoever wrote the file. */
static const char *market_tool_refusal(const struct market_plan_step *step, const char *result)
{
    if (strcmp(result, "conflict") == 0) {
        return "somebody else has changed it meanwhile: look at it and run this again";
    }
    if (strcmp(result, "busy") == 0) {
        return "tick and decimals cannot change while orders are open: halt it and cancel them";
    }
    if (strcmp(result, "unknown") == 0) {
        return step->kind == MARKET_PLAN_SESSION ? "its firm does not exist on this shard"
                                                 : "it does not exist";
    }
    if (strcmp(result, "full") == 0) {
        return "the shard has as many as its configuration allows (tuning)";
    }
    return "the site finds a value out of its range";
}

static void market_tool_fail(struct market_tool *tool, const struct market_plan_step *step,
                             const char *sentence)
{
    tool->failed++;
    market_tool_report(tool, step, "failed", sentence);
}

/* False: nobody answers; the steps left would fare no better. */
static bool market_tool_send(struct market_tool *tool, struct market_plan_step *step)
{
    step->command.input_number = market_tool_request_id();
    json_t *body = admin_json_from_command(&step->command, step->shard_id);
    struct admin_client_answer answer;
    enum status status =
        admin_client_ask(tool->client, "/command", body, tool->patience_ns, &answer);
    json_decref(body);
    if (status != STATUS_OK) {
        market_tool_fail(tool, step, admin_client_error(tool->client));
        return false;
    }
    const char *result = json_string_value(json_object_get(answer.json, "result"));
    bool heard = result != NULL;
    if (!heard) {
        market_tool_fail(tool, step, admin_client_complaint(&answer));
    } else if (strcmp(result, "unchanged") == 0) {
        tool->unchanged++;
        market_tool_report(tool, step, "unchanged", "");
    } else if (strcmp(result, "done") != 0) {
        market_tool_fail(tool, step, market_tool_refusal(step, result));
    } else if (step->exists) {
        tool->changed++;
        market_tool_report(tool, step, "changed", step->changes);
    } else {
        tool->created++;
        market_tool_report(tool, step, "created", "");
    }
    json_decref(answer.json);
    return heard;
}

static int market_tool_end(struct market_tool *tool)
{
    if (tool->json) {
        json_t *root = json_pack("{s:O, s:i, s:i, s:i, s:i}", "objects", tool->objects, "created",
                                 (int)tool->created, "changed", (int)tool->changed, "unchanged",
                                 (int)tool->unchanged, "failed", (int)tool->failed);
        if (root == NULL || json_dumpf(root, stdout, JSON_INDENT(2)) != 0) {
            return OPTIONS_EXIT_FAILED;
        }
        (void)putchar('\n');
        json_decref(root);
    } else {
        (void)printf("%u created, %u changed, %u unchanged, %u failed\n", tool->created,
                     tool->changed, tool->unchanged, tool->failed);
    }
    bool written = fflush(stdout) == 0;
    return written && tool->failed == 0 ? OPTIONS_EXIT_DONE : OPTIONS_EXIT_FAILED;
}

static int market_tool_run(struct market_tool *tool, struct market_plan *plan)
{
    struct progress progress;
    progress_start(&progress, tool->json ? PROGRESS_OFF : PROGRESS_TERMINAL);
    bool heard = true;
    for (uint32_t i = 0; i < plan->count; i++) {
        struct market_plan_step *step = &plan->steps[i];
        uint64_t now_ns = monotonic_now_ns();
        if (progress_due(&progress, now_ns)) {
            progress_line(&progress, now_ns, "%u of %u", i, plan->count);
        }
        if (!step->needed) {
            tool->unchanged++;
            market_tool_report(tool, step, "unchanged", "");
        } else if (heard) {
            progress_end(&progress);
            heard = market_tool_send(tool, step);
        } else {
            market_tool_fail(tool, step, "not tried");
        }
    }
    progress_end(&progress);
    return market_tool_end(tool);
}

/* The market as it is; NULL when it cannot be had, which has been said. */
static json_t *market_tool_get(struct market_tool *tool)
{
    struct admin_client_answer answer;
    if (admin_client_ask(tool->client, "/market", NULL, tool->patience_ns, &answer) != STATUS_OK) {
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

static int market_tool_apply(struct market_tool *tool, const char *path)
{
    struct market_file file;
    struct market_plan plan;
    char error[MARKET_FILE_ERROR_BYTES];
    static_assert(MARKET_FILE_ERROR_BYTES >= MARKET_PLAN_ERROR_BYTES, "one for both");
    if (market_file_read(&file, path, error) != STATUS_OK) {
        return options_failed(NAME, "%s", error);
    }
    json_t *market = market_tool_get(tool);
    enum status status =
        market != NULL ? market_plan_make(&plan, &file, market, error) : STATUS_CLOSED;
    market_file_free(&file);
    json_decref(market);
    if (status == STATUS_CLOSED) {
        return OPTIONS_EXIT_FAILED;
    }
    if (status != STATUS_OK) {
        return options_failed(NAME, "%s", error);
    }
    int result = market_tool_run(tool, &plan);
    market_plan_free(&plan);
    return result;
}

static int market_tool_states(struct market_tool *tool, enum trading_state state,
                              char *const *symbols, uint32_t count)
{
    json_t *market = market_tool_get(tool);
    if (market == NULL) {
        return OPTIONS_EXIT_FAILED;
    }
    struct market_plan plan;
    char error[MARKET_PLAN_ERROR_BYTES];
    enum status status = market_plan_states(&plan, state, symbols, count, market, error);
    json_decref(market);
    if (status != STATUS_OK) {
        return options_failed(NAME, "%s", error);
    }
    int result = market_tool_run(tool, &plan);
    market_plan_free(&plan);
    return result;
}

struct market_tool_verb {
    const char *name;
    enum trading_state state; /* 0: apply. */
};

static const struct market_tool_verb *market_tool_verb_find(const char *name)
{
    static const struct market_tool_verb verbs[] = {
        {"apply", 0},
        {"open", TRADING_OPEN},
        {"halt", TRADING_HALTED},
        {"cancel-only", TRADING_CANCEL_ONLY},
    };
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(verbs[i].name, name) == 0) {
            return &verbs[i];
        }
    }
    return NULL;
}

int market_tool_main(int argc, char **argv)
{
    struct market_tool tool = {.patience_ns = PATIENCE_NS};
    const char *config_path = NULL;
    bool all = false;
    const struct option_row rows[] = {
        {.name = "config",
         .letter = 'c',
         .kind = OPTION_TEXT,
         .target = &config_path,
         .value = "FILE",
         .help = "The site's configuration."},
        {.name = "all", .kind = OPTION_FLAG, .target = &all, .help = "Every instrument."},
        {.name = "wait",
         .kind = OPTION_DURATION,
         .target = &tool.patience_ns,
         .value = "DURATION",
         .help = "How long to ask again when the site does not answer (30s)."},
        {.name = "json", .kind = OPTION_FLAG, .target = &tool.json, .help = "Print JSON."},
    };
    const struct options_command command = {
        .name = NAME,
        .operands = "apply FILE | open|halt|cancel-only SYMBOL...",
        .operands_min = 1,
        .operands_max = INSTRUMENTS_MAX,
        .summary =
            "Makes firms, instruments and sessions as FILE says (tools/market.md), or sets the "
            "state of instruments. Says what it created, changed and found unchanged; run "
            "again, it changes nothing.",
        .rows = rows,
        .row_count = sizeof rows / sizeof rows[0],
        .examples = "causeway market apply market.yaml --config site/site.yaml\n"
                    "causeway market halt AAPL GOOG --config site/site.yaml\n"
                    "causeway market open --all --config site/site.yaml\n"};
    int operand = 0;
    switch (options_parse(&command, argc, argv, &operand)) {
    case OPTIONS_GO:
        break;
    case OPTIONS_HELP:
        return OPTIONS_EXIT_DONE;
    case OPTIONS_WRONG:
        return OPTIONS_EXIT_USAGE;
    }
    const struct market_tool_verb *verb = market_tool_verb_find(argv[operand]);
    uint32_t count = (uint32_t)(argc - operand - 1);
    if (verb == NULL) {
        return options_wrong(NAME, "'%s' is none of apply, open, halt, cancel-only", argv[operand]);
    }
    if (config_path == NULL) {
        return options_wrong(NAME, "--config FILE is missing: which site?");
    }
    if (verb->state == 0 && (count != 1 || all)) {
        return options_wrong(NAME, "apply takes one file");
    }
    if (verb->state != 0 && (count == 0) != all) {
        return options_wrong(NAME, "%s takes symbols or --all", verb->name);
    }
    char error[ADMIN_CLIENT_ERROR_BYTES];
    if (admin_client_open(&tool.client, config_path, NULL, error) != STATUS_OK) {
        return options_failed(NAME, "%s", error);
    }
    tool.objects = json_array();
    int result = verb->state == 0
                     ? market_tool_apply(&tool, argv[operand + 1])
                     : market_tool_states(&tool, verb->state, argv + operand + 1, count);
    json_decref(tool.objects);
    admin_client_close(tool.client);
    return result;
}
