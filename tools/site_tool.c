#include "tools/site_tool.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/members.h"
#include "replication/io/monotonic.h"
#include "tools/options.h"
#include "tools/site_recover.h"
#include "tools/subcommands.h"

#define PATIENCE_NS UINT64_C(600000000000)

/* ---- Adding ---- */

static bool site_tool_introduce(struct site_tool *tool, uint32_t index)
{
    struct admin_change change = {.what = ADMIN_CHANGE_INTRODUCE};
    json_t *alone =
        json_pack("{s:[o]}", "sites", members_site_json(&tool->join.site, tool->join.site_id));
    char *text = alone != NULL ? json_dumps(alone, JSON_COMPACT) : NULL;
    json_decref(alone);
    if (text == NULL || strlen(text) >= sizeof change.text) {
        free(text);
        (void)options_failed(SITE_DESK_COMMAND, "no memory");
        return false;
    }
    memcpy(change.text, text, strlen(text) + 1);
    free(text);
    if (site_desk_change(&tool->desk, index, &change, tool->patience_ns, NULL) != STATUS_OK) {
        (void)options_failed(SITE_DESK_COMMAND, "%s does not take the new site in: %s",
                             tool->desk.views[index].site, tool->desk.error);
        return false;
    }
    return true;
}

/* The directory is made ready, and the cluster hears where the site will be. */
static bool site_tool_prepare(struct site_tool *tool)
{
    char error[SITE_JOIN_ERROR_BYTES];
    const struct site_view *view = &tool->view;
    site_desk_newest(&tool->desk, &tool->view);
    for (uint16_t shard_id = 1; shard_id <= view->shard_count; shard_id++) {
        uint32_t leader = 0; /* Who is cut off may know too little to say which place is free. */
        if ((tool->only_shard == 0 || tool->only_shard == shard_id) &&
            !site_tool_plan_leader(tool, shard_id, &leader)) {
            return false;
        }
    }
    enum status status = site_join_read(&tool->join, tool->names[0], view, error);
    if (status == STATUS_OK && !tool->dry_run) {
        status = site_join_write(&tool->join, view, &tool->desk.configs[site_desk_any(&tool->desk)],
                                 error);
    }
    if (status != STATUS_OK) {
        (void)options_failed(SITE_DESK_COMMAND, "%s", error);
        return false;
    }
    for (uint32_t at = 0; at < tool->desk.count; at++) {
        struct site_view *known = &tool->desk.views[at];
        if (tool->desk.heard[at] && !tool->dry_run && !site_tool_introduce(tool, at)) {
            return false;
        }
        known->sites[tool->join.site_id - 1] = tool->join.site; /* For names. */
    }
    return true;
}

/* ---- The command ---- */

static const struct site_verb *site_verb_find(const char *name)
{
    static const struct site_verb verbs[] = {
        {"add", 1, site_tool_target_add},
        {"promote", SITES_MAX, site_tool_target_promote},
        {"remove", SITES_MAX, site_tool_target_remove},
        {"transfer", 1, NULL},
    };
    for (size_t at = 0; at < sizeof verbs / sizeof verbs[0]; at++) {
        if (strcmp(verbs[at].name, name) == 0) {
            return &verbs[at];
        }
    }
    return NULL;
}

/* The rule with this name of so many bytes; PLACEMENT_GOOD: there is none that may be given up. */
static enum placement_rule site_tool_rule(const char *name, size_t bytes)
{
    for (enum placement_rule rule = PLACEMENT_GOOD; rule < PLACEMENT_RULE_COUNT; rule++) {
        const char *known = placement_rule_name(rule);
        if (known != NULL && strlen(known) == bytes && memcmp(known, name, bytes) == 0) {
            return rule;
        }
    }
    return PLACEMENT_GOOD;
}

static bool site_tool_waive(struct site_tool *tool)
{
    for (const char *at = tool->override; at != NULL;) {
        const char *comma = strchr(at, ',');
        size_t bytes = comma != NULL ? (size_t)(comma - at) : strlen(at);
        enum placement_rule rule = site_tool_rule(at, bytes);
        if (rule == PLACEMENT_GOOD) {
            (void)options_wrong(SITE_DESK_COMMAND,
                                "--override takes provider-majority, provider-loss, "
                                "no-spare-provider, with commas");
            return false;
        }
        tool->waived_rules |= 1u << rule;
        (void)printf("given up: that not %s\n", placement_rule_text(rule));
        at = comma != NULL ? comma + 1 : NULL;
    }
    return true;
}

static int site_tool_run(struct site_tool *tool, const struct site_verb *verb)
{
    tool->until_ns = monotonic_now_ns() + tool->patience_ns;
    if (site_desk_look(&tool->desk, SITE_DESK_ASK_NS) != STATUS_OK) {
        return options_failed(SITE_DESK_COMMAND, "%s", tool->desk.error);
    }
    if (verb->target == site_tool_target_add && !site_tool_prepare(tool)) {
        return OPTIONS_EXIT_FAILED;
    }
    uint32_t shard_count = tool->desk.views[site_desk_any(&tool->desk)].shard_count;
    if (tool->only_shard > shard_count) {
        return options_failed(SITE_DESK_COMMAND, "there is no shard %" PRIu64, tool->only_shard);
    }
    for (uint16_t shard_id = 1; shard_id <= shard_count; shard_id++) {
        if (tool->only_shard != 0 && tool->only_shard != shard_id) {
            continue;
        }
        bool done = verb->target == NULL ? site_tool_plan_transfer(tool, shard_id)
                                         : site_tool_plan(tool, verb, shard_id);
        if (!done) {
            return OPTIONS_EXIT_FAILED;
        }
    }
    if (verb->target == site_tool_target_add && !tool->dry_run) {
        (void)printf("%s is a member and learns. Start it with:\n  causewayd --config %s\n",
                     tool->join.site.name, tool->join.path);
    }
    if (verb->target == site_tool_target_remove && !tool->dry_run) {
        (void)printf("Done. Stop what was removed; its journal takes part in nothing any more.\n");
    }
    return OPTIONS_EXIT_DONE;
}

static int site_tool_recover(struct site_tool *tool, const char *config_paths)
{
    const struct site_recover_options options = {.key_path = tool->key_path,
                                                 .confirm = tool->confirm,
                                                 .in = stdin,
                                                 .only_shard = tool->only_shard,
                                                 .patience_ns = tool->patience_ns,
                                                 .dry_run = tool->dry_run};
    enum status status = site_desk_open(&tool->desk, config_paths);
    int result = status == STATUS_OK ? site_recover_run(&tool->desk, &options)
                                     : options_failed(SITE_DESK_COMMAND, "%s", tool->desk.error);
    site_desk_close(&tool->desk);
    return result;
}

static int site_tool_command(struct site_tool *tool, const char *name, const char *config_paths)
{
    bool recover = strcmp(name, "recover") == 0;
    const struct site_verb *verb = site_verb_find(name);
    if (verb == NULL && !recover) {
        return options_wrong(SITE_DESK_COMMAND,
                             "'%s' is none of add, promote, remove, transfer, recover", name);
    }
    if (config_paths == NULL) {
        return options_wrong(SITE_DESK_COMMAND, "--config FILE is missing: whom to ask?");
    }
    if (recover) {
        return tool->name_count == 0
                   ? site_tool_recover(tool, config_paths)
                   : options_wrong(SITE_DESK_COMMAND, "recover takes no sites: who answers "
                                                      "survives");
    }
    if (tool->name_count == 0) {
        return options_wrong(SITE_DESK_COMMAND, "%s what?", verb->name);
    }
    if (tool->name_count > verb->operands_max) {
        return options_wrong(SITE_DESK_COMMAND, "%s takes one %s", verb->name,
                             verb->target != NULL ? "directory" : "site");
    }
    if (!site_tool_waive(tool)) {
        return OPTIONS_EXIT_USAGE;
    }
    enum status status = site_desk_open(&tool->desk, config_paths);
    int result = status == STATUS_OK ? site_tool_run(tool, verb)
                                     : options_failed(SITE_DESK_COMMAND, "%s", tool->desk.error);
    site_desk_close(&tool->desk);
    return result;
}

int site_tool_main(int argc, char **argv)
{
    struct site_tool *tool = calloc(1, sizeof *tool);
    if (tool == NULL) {
        return options_failed(SITE_DESK_COMMAND, "no memory");
    }
    tool->patience_ns = PATIENCE_NS;
    tool->progress = stderr;
    const char *config_paths = NULL;
    const struct option_row rows[] = {
        {"config", 'c', OPTION_TEXT, &config_paths, "FILE,...",
         "Configurations of sites to ask, the leader's among them (required).", 0, 0, NULL},
        {"commit-providers", 0, OPTION_COUNT, &tool->commit_providers, "COUNT",
         "Providers that hold every acknowledged order from then on (default: as it is).", 1,
         SITES_MAX, NULL},
        {"instead-of", 0, OPTION_TEXT, &tool->instead_of, "SITES",
         "promote: voters that become learners, with commas.", 0, 0, NULL},
        {"prefer", 0, OPTION_TEXT, &tool->prefer, "SITES",
         "Who leads when it is well, the best first, with commas (default: as it is).", 0, 0, NULL},
        {"shard", 0, OPTION_COUNT, &tool->only_shard, "ID", "Only this shard (default: all).", 1,
         SHARDS_MAX, NULL},
        {"override", 0, OPTION_TEXT, &tool->override, "RULES",
         "Give up rules of placement: provider-majority, provider-loss, no-spare-provider.", 0, 0,
         NULL},
        {"confirm", 0, OPTION_TEXT, &tool->confirm, "TEXT",
         "recover: the words to be typed, for drills that nobody watches.", 0, 0, NULL},
        {"key", 0, OPTION_TEXT, &tool->key_path, "FILE",
         "recover: key that signs the attestation (default: the first site's own).", 0, 0, NULL},
        {"replace", 0, OPTION_FLAG, &tool->replace, NULL,
         "Drop a plan that is under way for this one.", 0, 0, NULL},
        {"dry-run", 'n', OPTION_FLAG, &tool->dry_run, NULL, "Only say what would change.", 0, 0,
         NULL},
        {"wait", 0, OPTION_DURATION, &tool->patience_ns, "DURATION",
         "How long to wait until it is done (600s). What is begun goes on by itself.", 0, 0, NULL},
    };
    const struct options_command command = {
        .name = SITE_DESK_COMMAND,
        .operands = "add DIR | promote SITE... | remove SITE... | transfer SITE | recover",
        .operands_min = 1,
        .operands_max = 1 + SITES_MAX,
        .summary =
            "Changes the members of every shard while it trades, and who leads. `add` takes the\n"
            "directory of a new site (`causeway init --peer`): it learns, and counts for nothing\n"
            "until it is promoted. Says what changes, and what losses would mean before and\n"
            "after; refuses what would break a promise, and names the rule. The steps stand in\n"
            "the journal: whoever leads goes on with them, and the same command shows how far\n"
            "they are. `recover` is for the day that most voters are gone for good: the sites in\n"
            "--config that answer go on without the others, as you attest.",
        .rows = rows,
        .row_count = sizeof rows / sizeof rows[0],
        .examples =
            "  causeway site add ./fra1 --config nyc1/site.yaml\n"
            "  causeway site promote lon1 fra1 --commit-providers 2 --config nyc1/site.yaml\n"
            "  causeway site promote fra2 --instead-of fra1 --config nyc1/site.yaml\n"
            "  causeway site transfer lon1 --config nyc1/site.yaml,lon1/site.yaml\n"
            "  causeway site recover --config lon1/site.yaml,fra1/site.yaml\n"};
    int operand = 0;
    enum options_result parsed = options_parse(&command, argc, argv, &operand);
    int result = parsed == OPTIONS_HELP ? OPTIONS_EXIT_DONE : OPTIONS_EXIT_USAGE;
    if (parsed == OPTIONS_GO) {
        tool->names = argv + operand + 1;
        tool->name_count = (uint32_t)(argc - operand - 1);
        result = site_tool_command(tool, argv[operand], config_paths);
    }
    free(tool);
    return result;
}
