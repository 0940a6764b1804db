/* Changes of `causeway site` seen through: plans, and who leads. */
#include <inttypes.h>
#include <poll.h>
#include <string.h>

#include "gateway/members.h"
#include "replication/io/monotonic.h"
#include "tools/options.h"
#include "tools/site_tool.h"

static bool site_tool_pause(const struct site_tool *tool)
{
    (void)poll(NULL, 0, SITE_DESK_PAUSE_MS);
    return monotonic_now_ns() < tool->until_ns;
}

bool site_tool_plan_leader(struct site_tool *tool, uint16_t shard_id, uint32_t *leader)
{
    enum status status = site_desk_leader(&tool->desk, shard_id, leader);
    while (status == STATUS_NOT_YET && site_tool_pause(tool)) {
        if (site_desk_look(&tool->desk, SITE_DESK_ASK_NS) == STATUS_OK) {
            status = site_desk_leader(&tool->desk, shard_id, leader);
        }
    }
    if (status != STATUS_OK) {
        (void)options_failed(SITE_DESK_COMMAND, "%s", tool->desk.error);
    }
    return status == STATUS_OK;
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
    enum status status = site_desk_change(&tool->desk, leader, &change, SITE_DESK_ASK_NS, &verdict);
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
    if (site_desk_look(&tool->desk, SITE_DESK_ASK_NS) != STATUS_OK ||
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
        (void)options_failed(SITE_DESK_COMMAND,
                             "somebody else has changed the members of shard %u meanwhile: "
                             "look at `causeway status`, then ask again",
                             shard_id);
        return STATUS_DENIED;
    }
    if (record->planned && !tool->replace) {
        (void)options_failed(SITE_DESK_COMMAND,
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

bool site_tool_plan(struct site_tool *tool, const struct site_verb *verb, uint16_t shard_id)
{
    uint32_t leader = 0;
    if (!site_tool_plan_leader(tool, shard_id, &leader)) {
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
        (void)options_failed(SITE_DESK_COMMAND,
                             "not done in time (%s); what is begun goes on by itself, and the "
                             "same command shows how far it is",
                             tool->desk.error[0] != '\0' ? tool->desk.error : "still under way");
    }
    return status == STATUS_OK;
}

/* ---- Leadership ---- */

static enum status site_tool_lead(struct site_tool *tool, uint16_t shard_id, uint8_t site_id)
{
    if (site_desk_look(&tool->desk, SITE_DESK_ASK_NS) != STATUS_OK) {
        return STATUS_NOT_YET;
    }
    uint32_t leader = 0;
    bool leads = site_desk_leader(&tool->desk, shard_id, &leader) == STATUS_OK;
    for (uint32_t at = 0; at < tool->desk.count; at++) {
        const struct site_view_shard *shard =
            tool->desk.heard[at] ? site_desk_shard(&tool->desk, at, shard_id) : NULL;
        /* Who leads knows it best; what others say may be old. */
        if (shard != NULL && shard->leader_site_id == site_id && (!leads || at == leader)) {
            return STATUS_OK;
        }
    }
    if (leads) {
        const struct admin_change change = {.what = ADMIN_CHANGE_TRANSFER,
                                            .shard_id = shard_id,
                                            .site_id = site_id};
        return site_desk_change(&tool->desk, leader, &change, SITE_DESK_ASK_NS, NULL) ==
                       STATUS_DENIED
                   ? STATUS_DENIED
                   : STATUS_NOT_YET;
    }
    return STATUS_NOT_YET;
}

bool site_tool_plan_transfer(struct site_tool *tool, uint16_t shard_id)
{
    uint32_t any = site_desk_any(&tool->desk);
    const struct site_view *view = &tool->desk.views[any];
    const struct site_view_shard *shard = site_desk_shard(&tool->desk, any, shard_id);
    if (shard == NULL) {
        (void)options_failed(SITE_DESK_COMMAND, "%s knows no shard %u", view->site, shard_id);
        return false;
    }
    const struct placement now = shard->record.placement;
    uint8_t site_id = site_tool_target_member(view, &now, tool->names[0]);
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
        (void)options_failed(SITE_DESK_COMMAND, "%s does not lead shard %u: %s", tool->names[0],
                             shard_id, tool->desk.error);
        return false;
    }
    (void)printf("shard %u: %s\n", shard_id, tool->dry_run ? "would be handed over" : "done");
    return true;
}
