#include "tools/drill_operate.h"

#include <stdio.h>

#include "matching/base/assertion.h"
#include "tools/pause.h"

#define DRILL_OPERATE_WAIT          "30s" /* For what an operator asks for. */
#define DRILL_OPERATE_WAIT_TURNS    3000u
#define DRILL_OPERATE_PAUSE_NS      UINT64_C(20000000)
#define DRILL_OPERATE_CONFIGS_BYTES (SITES_MAX * (DRILL_PLACE_PATH_BYTES + 1u))
#define DRILL_OPERATE_NAMES_BYTES   (SITES_MAX * (CONFIG_NAME_BYTES + 2u))

/* Of those sites, with commas. */
static void drill_operate_configs(const struct drill_fleet *fleet, uint16_t sites,
                                  char target[static DRILL_OPERATE_CONFIGS_BYTES])
{
    size_t used = 0;
    target[0] = '\0';
    for (uint32_t i = 0; i < fleet->scenario->site_count; i++) {
        if ((sites >> i & 1) != 0) {
            used += (size_t)snprintf(target + used, DRILL_OPERATE_CONFIGS_BYTES - used, "%s%s",
                                     used > 0 ? "," : "", fleet->sites[i].place.config);
            ASSERT(used < DRILL_OPERATE_CONFIGS_BYTES);
        }
    }
}

/* Those sites' names; the words that `causeway site recover` wants typed begin like this. */
static void drill_operate_names(const struct drill_fleet *fleet, uint16_t sites,
                                const char *between, char target[static DRILL_OPERATE_NAMES_BYTES])
{
    size_t used = 0;
    target[0] = '\0';
    for (uint32_t i = 0; i < fleet->scenario->site_count; i++) {
        if ((sites >> i & 1) != 0) {
            used += (size_t)snprintf(target + used, DRILL_OPERATE_NAMES_BYTES - used, "%s%s",
                                     used > 0 ? between : "", fleet->scenario->sites[i].name);
            ASSERT(used < DRILL_OPERATE_NAMES_BYTES);
        }
    }
}

static enum status drill_operate_work(struct drill_fleet *fleet, const char *does,
                                      const char *const *const commands[])
{
    uint32_t at = 0;
    while (at < DRILL_FLEET_OPERATORS_MAX && fleet->operators[at].worker.pid != 0) {
        at++;
    }
    if (at == DRILL_FLEET_OPERATORS_MAX) {
        (void)snprintf(fleet->error, sizeof fleet->error, "too many operators at work at a time");
        return STATUS_FULL;
    }
    struct drill_fleet_operator *one = &fleet->operators[at];
    fleet->operators_begun++;
    one->does = does;
    int bytes = snprintf(one->log, sizeof one->log, "%s/operator-%u.log", fleet->place.directory,
                         fleet->operators_begun);
    if (bytes < 0 || (size_t)bytes >= sizeof one->log ||
        drill_operator_start(&one->worker, fleet->place.tool, one->log, commands,
                             fleet->operator_tries) != STATUS_OK) {
        (void)snprintf(fleet->error, sizeof fleet->error, "no process for an operator");
        return STATUS_IO;
    }
    return STATUS_OK;
}

/* Hands a shard over for good: prefers the new leader first, or the old one would take it back. */
static enum status drill_operate_hand_over(struct drill_fleet *fleet,
                                           const struct scenario_fault *fault)
{
    char configs[DRILL_OPERATE_CONFIGS_BYTES];
    char shard[16];
    char name[DRILL_OPERATE_NAMES_BYTES];
    char others[DRILL_OPERATE_NAMES_BYTES];
    char prefer[2 * DRILL_OPERATE_NAMES_BYTES];
    uint16_t may = 0;
    const struct scenario_shard *terms = &fleet->scenario->shards[fault->shard];
    for (uint32_t i = 0; i < terms->prefer_count; i++) {
        may = (uint16_t)(may | 1u << terms->prefer[i]);
    }
    may = (uint16_t)(may & ~fault->who);
    drill_operate_configs(fleet, drill_fleet_wanted(fleet), configs);
    drill_operate_names(fleet, fault->who, "", name);
    drill_operate_names(fleet, may, ",", others);
    (void)snprintf(prefer, sizeof prefer, "%s%s%s", name, may != 0 ? "," : "", others);
    (void)snprintf(shard, sizeof shard, "%u", fault->shard + 1u);
    const char *const promote[] = {
        "site",     "promote", name,     "--prefer",         prefer, "--shard", shard,
        "--config", configs,   "--wait", DRILL_OPERATE_WAIT, NULL};
    const char *const transfer[] = {"site",     "transfer", name,     "--shard",          shard,
                                    "--config", configs,    "--wait", DRILL_OPERATE_WAIT, NULL};
    const char *const *const commands[] = {promote, transfer, NULL};
    return drill_operate_work(fleet, "site transfer", commands);
}

/* Quorum repair: the operator attests that all who are not `who` are off for good. */
static enum status drill_operate_repair(struct drill_fleet *fleet,
                                        const struct scenario_fault *fault)
{
    char configs[DRILL_OPERATE_CONFIGS_BYTES];
    char lost[DRILL_OPERATE_NAMES_BYTES];
    char words[DRILL_OPERATE_NAMES_BYTES + 32];
    uint16_t all = (uint16_t)((1u << fleet->scenario->site_count) - 1);
    drill_operate_configs(fleet, fault->who, configs);
    drill_operate_names(fleet, (uint16_t)(all & ~fault->who), ", ", lost);
    (void)snprintf(words, sizeof words, "%s are off for good", lost);
    const char *const recover[] = {"site", "recover", "--config",         configs, "--confirm",
                                   words,  "--wait",  DRILL_OPERATE_WAIT, NULL};
    const char *const *const commands[] = {recover, NULL};
    return drill_operate_work(fleet, "site recover", commands);
}

enum status drill_operate(struct drill_fleet *fleet, const struct scenario_fault *fault)
{
    ASSERT(fault->who != 0);
    return fault->kind == SCENARIO_TRANSFER ? drill_operate_hand_over(fleet, fault)
                                            : drill_operate_repair(fleet, fault);
}

/* Who is done, and how. */
enum status drill_operate_look(struct drill_fleet *fleet)
{
    for (uint32_t i = 0; i < DRILL_FLEET_OPERATORS_MAX; i++) {
        struct drill_fleet_operator *one = &fleet->operators[i];
        enum status status = one->worker.pid != 0 ? drill_operator_look(&one->worker) : STATUS_OK;
        if (status == STATUS_IO) {
            (void)snprintf(fleet->error, sizeof fleet->error, "`causeway %s` failed: see %.600s",
                           one->does, one->log);
            return STATUS_IO;
        }
    }
    return STATUS_OK;
}

enum status drill_operate_wait(struct drill_fleet *fleet)
{
    for (uint32_t turn = 0; turn < DRILL_OPERATE_WAIT_TURNS; turn++) {
        enum status status = drill_operate_look(fleet);
        bool busy = false;
        for (uint32_t i = 0; i < DRILL_FLEET_OPERATORS_MAX; i++) {
            busy = busy || fleet->operators[i].worker.pid != 0;
        }
        if (status != STATUS_OK || !busy) {
            return status;
        }
        pause_ns(DRILL_OPERATE_PAUSE_NS);
    }
    (void)snprintf(fleet->error, sizeof fleet->error, "an operator's command does not end");
    return STATUS_TIMEOUT;
}
