/* causeway site: who is a member, who votes, who leads; changed while trading. */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gateway/members.h"
#include "matching/base/assertion.h"
#include "tools/options.h"
#include "tools/site_desk.h"
#include "tools/site_join.h"
#include "tools/site_recover.h"
#include "tools/site_view.h"
#include "tools/subcommands.h"

#define NAME              "site"
#define PATIENCE_NS       UINT64_C(600000000000)
#define ASK_NS            UINT64_C(2000000000)
#define PAUSE_MS          50
#define NANOSECONDS_PER_S UINT64_C(1000000000)

struct site_tool {
    struct site_desk desk;
    struct site_join join; /* Of `add`. */
    FILE *progress;
    uint64_t until_ns;
    uint64_t patience_ns;
    uint64_t commit_providers; /* 0: as it is. */
    uint64_t only_shard;       /* 0: all. */
    const char *instead_of;
    const char *prefer;
    const char *confirm; /* Of `recover`. */
    const char *key_path;
    const char *override;
    uint32_t waived_rules;
    bool replace;
    bool dry_run;
    char **names; /* Operands behind the verb. */
    uint32_t name_count;
    uint64_t epoch_said; /* Of the progress printed last. */
};

struct site_verb {
    const char *name;
    uint32_t operands_max;
    /* Write what the verb makes of a membership. False: it says why it cannot. */
    bool (*target)(struct site_tool *tool, const struct site_view *view, struct placement *target);
};

static uint64_t site_tool_now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NANOSECONDS_PER_S + (uint64_t)now.tv_nsec;
}

/* ---- Targets ---- */

/* Ids of a list of names with commas. False: it has said which one is no site. */
static bool site_tool_list(const struct site_view *view, const char *list,
                           uint8_t site_ids[static SITES_MAX], uint32_t *count)
{
    *count = 0;
    for (const char *at = list; at != NULL;) {
        const char *comma = strchr(at, ',');
        char name[CONFIG_NAME_BYTES];
        size_t bytes = comma != NULL ? (size_t)(comma - at) : strlen(at);
        (void)snprintf(name, sizeof name, "%.*s", (int)(bytes < sizeof name ? bytes : 0), at);
        uint8_t site_id = site_view_find(view, name);
        if (site_id == 0 || *count == SITES_MAX) {
            (void)options_failed(NAME, "there is no site '%.*s'", (int)bytes, at);
            return false;
        }
        site_ids[(*count)++] = site_id;
        at = comma != NULL ? comma + 1 : NULL;
    }
    return true;
}

/* The place of a member that is named. 0: it has said that there is none. */
static uint8_t site_tool_member(const struct site_view *view, const struct placement *placement,
                                const char *name)
{
    uint8_t site_id = site_view_find(view, name);
    if (site_id == 0 || placement_role_of(placement, site_id) == PLACEMENT_ABSENT) {
        (void)options_failed(NAME, "%s is no member%s", name,
                             site_id == 0 ? ", and nobody has heard of it: `causeway site add` it"
                                          : " any more");
        return 0;
    }
    return site_id;
}

static bool site_tool_target_add(struct site_tool *tool, const struct site_view *view,
                                 struct placement *target)
{
    (void)view;
    struct placement_site *place = &target->sites[tool->join.site_id - 1];
    uint64_t incarnation = 0;
    for (uint32_t at = 0; at < sizeof incarnation; at++) { /* Little-endian, as journals say it. */
        incarnation |= (uint64_t)tool->join.site.incarnation[at] << (8 * at);
    }
    if (place->role != PLACEMENT_ABSENT) {
        return true; /* It is one already. */
    }
    *place = (struct placement_site){.incarnation = incarnation,
                                     .provider_id = tool->join.site.provider_id,
                                     .role = PLACEMENT_LEARNER};
    memcpy(place->public_key, tool->join.site.public_key, PLACEMENT_KEY_BYTES);
    return true;
}

static bool site_tool_target_promote(struct site_tool *tool, const struct site_view *view,
                                     struct placement *target)
{
    uint8_t demoted[SITES_MAX];
    uint32_t count = 0;
    for (uint32_t at = 0; at < tool->name_count; at++) {
        uint8_t site_id = site_tool_member(view, target, tool->names[at]);
        if (site_id == 0) {
            return false;
        }
        target->sites[site_id - 1].role = PLACEMENT_VOTER;
    }
    if (tool->instead_of != NULL && !site_tool_list(view, tool->instead_of, demoted, &count)) {
        return false;
    }
    for (uint32_t at = 0; at < count; at++) {
        struct placement_site *place = &target->sites[demoted[at] - 1];
        place->role = place->role == PLACEMENT_VOTER ? PLACEMENT_LEARNER : place->role;
    }
    return true;
}

static bool site_tool_target_remove(struct site_tool *tool, const struct site_view *view,
                                    struct placement *target)
{
    for (uint32_t at = 0; at < tool->name_count; at++) {
        uint8_t site_id = site_view_find(view, tool->names[at]);
        if (site_id == 0) {
            (void)options_failed(NAME, "there is no site '%s'", tool->names[at]);
            return false;
        }
        target->sites[site_id - 1] = (struct placement_site){0};
        uint32_t kept = 0;
        for (uint32_t prefer = 0; prefer < SITES_MAX; prefer++) {
            uint8_t preferred = target->preferred_site_ids[prefer];
            target->preferred_site_ids[prefer] = 0;
            if (preferred != site_id && preferred != 0) {
                target->preferred_site_ids[kept++] = preferred;
            }
        }
    }
    return true;
}

/* What every verb may ask for besides. */
static bool site_tool_target(struct site_tool *tool, const struct site_verb *verb,
                             const struct site_view *view, const struct placement *now,
                             struct placement *target)
{
    *target = *now;
    if (!verb->target(tool, view, target)) {
        return false;
    }
    if (tool->commit_providers > 0) {
        target->commit_providers = (uint8_t)tool->commit_providers;
    }
    if (tool->prefer != NULL) {
        uint32_t count = 0;
        memset(target->preferred_site_ids, 0, sizeof target->preferred_site_ids);
        return site_tool_list(view, tool->prefer, target->preferred_site_ids, &count);
    }
    return true;
}

/* ---- Plans ---- */

static bool site_tool_pause(const struct site_tool *tool)
{
    (void)poll(NULL, 0, PAUSE_MS);
    return site_tool_now_ns() < tool->until_ns;
}

/* How many steps there are still to go. */
static uint32_t site_tool_steps(const struct placement *now, const struct placement *target,
                                uint32_t waived_rules)
{
    struct placement at = *now;
    struct placement next;
    struct placement_verdict verdict;
    uint32_t steps = 0;
    while (steps < 64 &&
           placement_plan_next(&at, target, waived_rules, &next, &verdict) == STATUS_OK) {
        at = next;
        steps++;
    }
    return steps;
}

static bool site_tool_reached(const struct placement *now, const struct placement *target)
{
    struct placement next;
    struct placement_verdict verdict;
    return placement_plan_next(now, target, (1u << PLACEMENT_RULE_COUNT) - 1, &next, &verdict) ==
           STATUS_NOT_FOUND;
}

static void site_tool_progress(struct site_tool *tool, const struct site_view *view,
                               const struct site_view_shard *shard, const struct placement *target)
{
    const struct placement *now = &shard->record.placement;
    if (tool->epoch_said == now->epoch) {
        return;
    }
    tool->epoch_said = now->epoch;
    (void)fprintf(tool->progress, "shard %u, epoch %" PRIu64 ":", shard->shard_id, now->epoch);
    for (uint8_t site_id = 1; site_id <= SITES_MAX; site_id++) {
        enum placement_role role = placement_role_of(now, site_id);
        if (role != PLACEMENT_ABSENT) {
            (void)fprintf(tool->progress, " %s%s", members_name_of(view->sites, site_id),
                          role == PLACEMENT_LEARNER ? " (learns)" : "");
        }
    }
    uint32_t steps = site_tool_steps(now, target, tool->waived_rules);
    (void)fprintf(tool->progress, "; %u step%s to go\n", steps, steps == 1 ? "" : "s");
    (void)fflush(tool->progress);
}

/* Ask for the plan. STATUS_NOT_YET: look again. */
static enum status site_tool_propose(struct site_tool *tool, uint32_t leader,
                                     const struct site_view_shard *shard,
                                     const struct placement *target)
{
    struct admin_change change = {.what = ADMIN_CHANGE_PLAN,
                                  .shard_id = shard->shard_id,
                                  .plan = {.target = *target,
                                           .epoch = shard->record.placement.epoch,
                                           .waived_rules = tool->waived_rules,
                                           .replace = tool->replace}};
    struct placement_verdict verdict = {PLACEMENT_GOOD, 0, 0};
    change.plan.target.epoch = 0;
    enum status status = site_desk_change(&tool->desk, leader, &change, ASK_NS, &verdict);
    if (status == STATUS_DENIED) {
        (void)fprintf(stderr, "causeway site: refused: ");
        if (verdict.rule != PLACEMENT_GOOD) {
            site_view_print_verdict(stderr, &tool->desk.views[leader], &verdict);
        } else {
            (void)fputs(tool->desk.error, stderr);
        }
        (void)fputc('\n', stderr);
    }
    return status;
}

/* One look, and what follows from it. STATUS_OK: the target is reached; STATUS_NOT_YET: look again;
 * else it has said what is wrong. `*epoch`: of the membership that the target was made for. */
static enum status site_tool_drive(struct site_tool *tool, uint16_t shard_id,
                                   const struct placement *target, uint64_t epoch)
{
    uint32_t leader = 0;
    if (site_desk_look(&tool->desk, ASK_NS) != STATUS_OK ||
        site_desk_leader(&tool->desk, shard_id, &leader) != STATUS_OK) {
        return STATUS_NOT_YET; /* It may change in the middle of a plan. */
    }
    const struct site_view *view = &tool->desk.views[leader];
    const struct site_view_shard *shard = site_desk_shard(&tool->desk, leader, shard_id);
    const struct placement_record *record = &shard->record;
    bool ours = record->planned && site_tool_reached(&record->target, target);
    site_tool_progress(tool, view, shard, target);
    if (!record->planned && site_tool_reached(&record->placement, target)) {
        return shard->log_index <= shard->committed_log_index ? STATUS_OK : STATUS_NOT_YET;
    }
    if (ours) {
        return STATUS_NOT_YET;
    }
    if (record->placement.epoch != epoch) {
        (void)options_failed(NAME,
                             "somebody else has changed the members of shard %u meanwhile: "
                             "look at `causeway status`, then ask again",
                             shard_id);
        return STATUS_DENIED;
    }
    if (record->planned && !tool->replace) {
        (void)options_failed(NAME,
                             "another plan is under way on shard %u: wait for it, or "
                             "--replace it",
                             shard_id);
        return STATUS_DENIED;
    }
    return site_tool_propose(tool, leader, shard, target) == STATUS_DENIED ? STATUS_DENIED
                                                                           : STATUS_NOT_YET;
}

static void site_tool_hint(const struct placement *target)
{
    if (target->commit_providers == 1 &&
        placement_provider_count(target, placement_voters(target)) >= 3) {
        (void)printf("  An order is acknowledged when sites of one provider hold it; "
                     "--commit-providers 2 makes it two.\n");
    }
}

static bool site_tool_judge(struct site_tool *tool, const struct site_view *view,
                            const struct placement *now, const struct placement *target)
{
    struct placement next;
    struct placement_verdict verdict;
    if (placement_plan_next(now, target, tool->waived_rules, &next, &verdict) != STATUS_DENIED) {
        return true;
    }
    (void)fflush(stdout);
    (void)fprintf(stderr, "causeway site: refused: ");
    site_view_print_verdict(stderr, view, &verdict);
    (void)fputc('\n', stderr);
    return false;
}

static bool site_tool_plan(struct site_tool *tool, const struct site_verb *verb, uint16_t shard_id)
{
    uint32_t leader = 0;
    if (site_desk_leader(&tool->desk, shard_id, &leader) != STATUS_OK) {
        (void)options_failed(NAME, "%s", tool->desk.error);
        return false;
    }
    const struct site_view *view = &tool->desk.views[leader];
    const struct site_view_shard *shard = site_desk_shard(&tool->desk, leader, shard_id);
    const struct placement now = shard->record.placement;
    struct placement target;
    if (!site_tool_target(tool, verb, view, &now, &target)) {
        return false;
    }
    (void)printf("shard %u %s, led by %s:\n", shard_id, shard->name, view->site);
    if (site_tool_reached(&now, &target) && !shard->record.planned) {
        (void)printf("  nothing to change\n");
        return true;
    }
    site_view_print_change(stdout, view, &now, &target);
    site_tool_hint(&target);
    if (!site_tool_judge(tool, view, &now, &target)) {
        return false;
    }
    (void)fflush(stdout);
    if (tool->dry_run) {
        return true;
    }
    tool->epoch_said = UINT64_MAX;
    enum status status = STATUS_NOT_YET;
    do {
        status = site_tool_drive(tool, shard_id, &target, now.epoch);
    } while (status == STATUS_NOT_YET && site_tool_pause(tool));
    if (status == STATUS_NOT_YET) {
        (void)options_failed(NAME,
                             "not done in time (%s); what is begun goes on by itself, and the "
                             "same command shows how far it is",
                             tool->desk.error[0] != '\0' ? tool->desk.error : "still under way");
    }
    return status == STATUS_OK;
}

/* ---- Leadership ---- */

static enum status site_tool_lead(struct site_tool *tool, uint16_t shard_id, uint8_t site_id)
{
    if (site_desk_look(&tool->desk, ASK_NS) != STATUS_OK) {
        return STATUS_NOT_YET;
    }
    for (uint32_t at = 0; at < tool->desk.count; at++) {
        if (tool->desk.heard[at] &&
            site_desk_shard(&tool->desk, at, shard_id)->leader_site_id == site_id) {
            return STATUS_OK;
        }
    }
    uint32_t leader = 0;
    if (site_desk_leader(&tool->desk, shard_id, &leader) == STATUS_OK) {
        const struct admin_change change = {.what = ADMIN_CHANGE_TRANSFER,
                                            .shard_id = shard_id,
                                            .site_id = site_id};
        return site_desk_change(&tool->desk, leader, &change, ASK_NS, NULL) == STATUS_DENIED
                   ? STATUS_DENIED
                   : STATUS_NOT_YET;
    }
    return STATUS_NOT_YET;
}

static bool site_tool_transfer(struct site_tool *tool, uint16_t shard_id)
{
    uint32_t any = site_desk_any(&tool->desk);
    const struct site_view *view = &tool->desk.views[any];
    const struct placement now = site_desk_shard(&tool->desk, any, shard_id)->record.placement;
    uint8_t site_id = site_tool_member(view, &now, tool->names[0]);
    if (site_id == 0) {
        return false;
    }
    uint8_t preferred = now.preferred_site_ids[0];
    if (preferred != 0 && preferred != site_id) {
        (void)printf("shard %u prefers %s, which takes the lead again once it is well; `causeway "
                     "site promote %s --prefer %s` changes that\n",
                     shard_id, members_name_of(view->sites, preferred), tool->names[0],
                     tool->names[0]);
    }
    (void)fflush(stdout);
    enum status status = tool->dry_run ? STATUS_OK : STATUS_NOT_YET;
    while (status == STATUS_NOT_YET) {
        status = site_tool_lead(tool, shard_id, site_id);
        if (status == STATUS_NOT_YET && !site_tool_pause(tool)) {
            break;
        }
    }
    if (status != STATUS_OK) {
        (void)options_failed(NAME, "%s does not lead shard %u: %s", tool->names[0], shard_id,
                             tool->desk.error);
        return false;
    }
    (void)printf("shard %u: %s\n", shard_id, tool->dry_run ? "would be handed over" : "done");
    return true;
}

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
        (void)options_failed(NAME, "no memory");
        return false;
    }
    memcpy(change.text, text, strlen(text) + 1);
    free(text);
    if (site_desk_change(&tool->desk, index, &change, tool->patience_ns, NULL) != STATUS_OK) {
        (void)options_failed(NAME, "%s does not take the new site in: %s",
                             tool->desk.views[index].site, tool->desk.error);
        return false;
    }
    return true;
}

/* The directory is made ready, and the cluster hears where the site will be. */
static bool site_tool_prepare(struct site_tool *tool)
{
    char error[SITE_JOIN_ERROR_BYTES];
    uint32_t any = site_desk_any(&tool->desk);
    const struct site_view *view = &tool->desk.views[any];
    enum status status = site_join_read(&tool->join, tool->names[0], view, error);
    if (status == STATUS_OK && !tool->dry_run) {
        status = site_join_write(&tool->join, view, &tool->desk.configs[any], error);
    }
    if (status != STATUS_OK) {
        (void)options_failed(NAME, "%s", error);
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
            (void)options_wrong(NAME, "--override takes provider-majority, provider-loss, "
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
    tool->until_ns = site_tool_now_ns() + tool->patience_ns;
    if (site_desk_look(&tool->desk, ASK_NS) != STATUS_OK) {
        return options_failed(NAME, "%s", tool->desk.error);
    }
    if (verb->target == site_tool_target_add && !site_tool_prepare(tool)) {
        return OPTIONS_EXIT_FAILED;
    }
    uint32_t shard_count = tool->desk.views[site_desk_any(&tool->desk)].shard_count;
    if (tool->only_shard > shard_count) {
        return options_failed(NAME, "there is no shard %" PRIu64, tool->only_shard);
    }
    for (uint16_t shard_id = 1; shard_id <= shard_count; shard_id++) {
        if (tool->only_shard != 0 && tool->only_shard != shard_id) {
            continue;
        }
        bool done = verb->target == NULL ? site_tool_transfer(tool, shard_id)
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
                                     : options_failed(NAME, "%s", tool->desk.error);
    site_desk_close(&tool->desk);
    return result;
}

static int site_tool_command(struct site_tool *tool, const char *name, const char *config_paths)
{
    bool recover = strcmp(name, "recover") == 0;
    const struct site_verb *verb = site_verb_find(name);
    if (verb == NULL && !recover) {
        return options_wrong(NAME, "'%s' is none of add, promote, remove, transfer, recover", name);
    }
    if (config_paths == NULL) {
        return options_wrong(NAME, "--config FILE is missing: whom to ask?");
    }
    if (recover) {
        return tool->name_count == 0 ? site_tool_recover(tool, config_paths)
                                     : options_wrong(NAME, "recover takes no sites: who answers "
                                                           "survives");
    }
    if (tool->name_count == 0) {
        return options_wrong(NAME, "%s what?", verb->name);
    }
    if (tool->name_count > verb->operands_max) {
        return options_wrong(NAME, "%s takes one %s", verb->name,
                             verb->target != NULL ? "directory" : "site");
    }
    if (!site_tool_waive(tool)) {
        return OPTIONS_EXIT_USAGE;
    }
    enum status status = site_desk_open(&tool->desk, config_paths);
    int result = status == STATUS_OK ? site_tool_run(tool, verb)
                                     : options_failed(NAME, "%s", tool->desk.error);
    site_desk_close(&tool->desk);
    return result;
}

int site_tool_main(int argc, char **argv)
{
    struct site_tool *tool = calloc(1, sizeof *tool);
    if (tool == NULL) {
        return options_failed(NAME, "no memory");
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
        .name = NAME,
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
