/* What happens when: faults, and what undoes them. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "tools/options.h"
#include "tools/scenario_parts.h"

#define SCENARIO_TIMES_MAX SCENARIO_FAULTS_MAX
#define SCENARIO_STEP_MAX  UINT64_C(31536000000000000) /* A year. */
#define SCENARIO_NONE      SCENARIO_FAULT_KINDS

/* What a fault of each kind needs, and what undoes it after its `for`. */
struct scenario_fault_form {
    bool who;
    bool lines;                    /* `from` and `to`. */
    enum scenario_fault_kind undo; /* SCENARIO_NONE: nothing does. */
};

static const struct scenario_fault_form scenario_forms[SCENARIO_FAULT_KINDS] = {
    [SCENARIO_KILL] = {true, false, SCENARIO_START},
    [SCENARIO_START] = {true, false, SCENARIO_NONE},
    [SCENARIO_RESTART] = {true, false, SCENARIO_NONE},
    [SCENARIO_STOP] = {true, false, SCENARIO_CONTINUE},
    [SCENARIO_CONTINUE] = {true, false, SCENARIO_NONE},
    [SCENARIO_CUT] = {false, true, SCENARIO_HEAL},
    [SCENARIO_HEAL] = {false, true, SCENARIO_NONE},
    [SCENARIO_DEGRADE] = {false, true, SCENARIO_RESTORE},
    [SCENARIO_RESTORE] = {false, true, SCENARIO_NONE},
    [SCENARIO_LOSE_CONNECTS] = {false, true, SCENARIO_HEAR_CONNECTS},
    [SCENARIO_HEAR_CONNECTS] = {false, true, SCENARIO_NONE},
    [SCENARIO_DNS_GONE] = {false, false, SCENARIO_NONE},
    [SCENARIO_FILL_DISK] = {true, false, SCENARIO_FREE_DISK},
    [SCENARIO_FREE_DISK] = {true, false, SCENARIO_NONE},
    [SCENARIO_STEP_CLOCK] = {true, false, SCENARIO_NONE},
    [SCENARIO_TRANSFER] = {true, false, SCENARIO_NONE},
    [SCENARIO_RECOVER] = {true, false, SCENARIO_NONE},
};

/* The nodes that a word names: a site, all of a provider or region, the clients, or all. */
static uint16_t scenario_nodes_of(const struct scenario *scenario, const char *word)
{
    uint16_t found = 0;
    for (uint32_t i = 0; i < scenario->site_count; i++) {
        const struct scenario_site *site = &scenario->sites[i];
        if (strcmp(word, site->name) == 0 || strcmp(word, site->provider) == 0 ||
            strcmp(word, scenario->regions[site->region]) == 0 || strcmp(word, "all") == 0) {
            found = (uint16_t)(found | 1u << i);
        }
    }
    if (strcmp(word, SCENARIO_CLIENTS_LABEL) == 0 || strcmp(word, "all") == 0) {
        found = (uint16_t)(found | 1u << scenario->site_count);
    }
    return found;
}

static uint16_t scenario_nodes(const struct scenario *scenario, struct config_reader *reader,
                               struct scenario_place place, char *const *words, uint32_t count)
{
    uint16_t nodes = 0;
    for (uint32_t i = 0; i < count && !reader->failed; i++) {
        uint16_t found = scenario_nodes_of(scenario, words[i]);
        if (found == 0) {
            config_reader_fail(reader, place.text,
                               "\"%.40s\" is no site, provider or region, nor `clients` or `all`",
                               words[i]);
        }
        nodes = (uint16_t)(nodes | found);
    }
    return nodes;
}

static void scenario_fault_who(const struct scenario *scenario, struct config_reader *reader,
                               uint32_t index, const struct scenario_schema_fault *from,
                               struct scenario_fault *fault)
{
    const struct scenario_fault_form *form = &scenario_forms[fault->kind];
    uint16_t all = (uint16_t)((2u << scenario->site_count) - 1);
    uint16_t sites = (uint16_t)(all >> 1);
    struct scenario_place place = scenario_place_of("timeline", index, "who");
    fault->who = scenario_nodes(scenario, reader, place, from->who, from->who_count);
    if (!reader->failed && form->who != (fault->who != 0)) {
        config_reader_fail(reader, place.text,
                           form->who ? "`%s` is missing" : "`%s` means nothing here", place.text);
    }
    if (!reader->failed && (fault->who & ~sites) != 0) {
        config_reader_fail(reader, place.text, "`%s` must be sites", place.text);
    }
    place = scenario_place_of("timeline", index, "from");
    fault->from = scenario_nodes(scenario, reader, place, from->from, from->from_count);
    if (!reader->failed && !form->lines && from->from_count + from->to_count > 0) {
        config_reader_fail(reader, place.text, "`from` and `to` mean nothing here");
    }
    place = scenario_place_of("timeline", index, "to");
    fault->to = scenario_nodes(scenario, reader, place, from->to, from->to_count);
    if (form->lines && from->from_count == 0 && from->to_count == 0) {
        config_reader_fail(reader, place.text, "`from` or `to` is missing");
    }
    fault->from = from->from_count == 0 && form->lines ? all : fault->from;
    fault->to = from->to_count == 0 && form->lines ? all : fault->to;
}

static void scenario_fault_strain(struct config_reader *reader, uint32_t index,
                                  const struct scenario_schema_fault *from,
                                  struct scenario_fault *fault)
{
    bool given =
        from->delay != NULL || from->jitter != NULL || from->loss != NULL || from->rate != NULL;
    if (given != (fault->kind == SCENARIO_DEGRADE)) {
        config_reader_fail(reader, scenario_place_of("timeline", index, "do").text,
                           "`delay`, `jitter`, `loss` and `rate` say how much a `degrade` is, and "
                           "nothing else");
        return;
    }
    struct scenario_strain *strain = &fault->strain;
    /* With what a line has anyway it stays within its range. */
    scenario_duration(reader, scenario_place_of("timeline", index, "delay"), from->delay,
                      WAN_LINE_DELAY_NS_MAX / 2, &strain->delay_ns);
    scenario_duration(reader, scenario_place_of("timeline", index, "jitter"), from->jitter,
                      WAN_LINE_DELAY_NS_MAX / 2, &strain->jitter_ns);
    scenario_share(reader, scenario_place_of("timeline", index, "loss"), from->loss,
                   &strain->loss_ppm);
    scenario_rate(reader, scenario_place_of("timeline", index, "rate"), from->rate,
                  &strain->rate_bytes);
}

/* "-30s": a duration with a sign. */
static void scenario_fault_step(struct config_reader *reader, uint32_t index,
                                const struct scenario_schema_fault *from,
                                struct scenario_fault *fault)
{
    struct scenario_place place = scenario_place_of("timeline", index, "by");
    if ((from->by != NULL) != (fault->kind == SCENARIO_STEP_CLOCK)) {
        config_reader_fail(reader, place.text, "`by` goes with `step-clock`, and only there");
        return;
    }
    if (from->by == NULL) {
        return;
    }
    bool back = from->by[0] == '-';
    uint64_t step_ns = 0;
    scenario_duration(reader, place, back || from->by[0] == '+' ? from->by + 1 : from->by,
                      SCENARIO_STEP_MAX, &step_ns);
    fault->step_ns = back ? -(int64_t)step_ns : (int64_t)step_ns;
}

static bool scenario_one(uint16_t nodes)
{
    return nodes != 0 && (nodes & (nodes - 1)) == 0;
}

static void scenario_fault_shard(const struct scenario *scenario, struct config_reader *reader,
                                 uint32_t index, const struct scenario_schema_fault *from,
                                 struct scenario_fault *fault)
{
    struct scenario_place place = scenario_place_of("timeline", index, "shard");
    bool transfer = fault->kind == SCENARIO_TRANSFER;
    if ((from->shard != NULL) != transfer) {
        config_reader_fail(reader, place.text, "`shard` goes with `transfer`, and only there");
        return;
    }
    if (transfer && !scenario_one(fault->who)) {
        config_reader_fail(reader, place.text, "a shard is handed over to one site");
    }
    while (transfer && strcmp(scenario->shards[fault->shard].name, from->shard) != 0) {
        fault->shard++;
        if (fault->shard == scenario->shard_count) {
            config_reader_fail(reader, place.text, "there is no shard \"%.40s\"", from->shard);
            fault->shard = 0;
            return;
        }
    }
}

static void scenario_fault_kind(struct config_reader *reader, uint32_t index,
                                const struct scenario_schema_fault *from,
                                struct scenario_fault *fault)
{
    const char *words[SCENARIO_FAULT_KINDS];
    for (size_t i = 0; i < SCENARIO_FAULT_KINDS; i++) {
        words[i] = scenario_fault_text((enum scenario_fault_kind)i);
    }
    struct scenario_place place = scenario_place_of("timeline", index, "do");
    size_t choice = 0;
    if (from->does == NULL) {
        config_reader_fail(reader, place.text, "`%s` is missing", place.text);
    }
    config_reader_choice(reader, place.text, from->does, words, SCENARIO_FAULT_KINDS, &choice);
    fault->kind = (enum scenario_fault_kind)choice;
}

/* "kill aws-use1" for those who did not say it better. */
static void scenario_fault_say(const struct scenario *scenario, struct config_reader *reader,
                               uint32_t index, const struct scenario_schema_fault *from,
                               struct scenario_fault *fault)
{
    if (from->say != NULL) {
        config_reader_text(reader, scenario_place_of("timeline", index, "say").text, from->say,
                           fault->say, sizeof fault->say);
        return;
    }
    int bytes = snprintf(fault->say, sizeof fault->say, "%s", scenario_fault_text(fault->kind));
    uint16_t nodes = fault->who != 0 ? fault->who : fault->from;
    for (uint32_t i = 0; i < scenario->site_count && (size_t)bytes < sizeof fault->say; i++) {
        if ((nodes >> i & 1) != 0) {
            bytes += snprintf(fault->say + bytes, sizeof fault->say - (size_t)bytes, " %s",
                              scenario->sites[i].name);
        }
    }
}

static void scenario_add(struct scenario *scenario, struct config_reader *reader, uint32_t index,
                         const struct scenario_fault *fault)
{
    struct scenario_place place = scenario_place_of("timeline", index, "at");
    if (scenario->fault_count == SCENARIO_FAULTS_MAX) {
        config_reader_fail(reader, place.text, "more than %u faults", SCENARIO_FAULTS_MAX);
        return;
    }
    if (fault->at_ns >= scenario->duration_ns) {
        config_reader_fail(reader, place.text,
                           "it would happen, or end, after the order flow has ended");
        return;
    }
    uint32_t at = scenario->fault_count++;
    while (at > 0 && scenario->faults[at - 1].at_ns > fault->at_ns) {
        scenario->faults[at] = scenario->faults[at - 1];
        at--;
    }
    scenario->faults[at] = *fault;
}

/* As often as it happens, each with what undoes it. */
static void scenario_repeat(struct scenario *scenario, struct config_reader *reader, uint32_t index,
                            const struct scenario_schema_fault *from,
                            const struct scenario_fault *fault)
{
    uint64_t times = 1;
    uint64_t every_ns = 0;
    uint64_t lasts_ns = 0;
    enum scenario_fault_kind undo = scenario_forms[fault->kind].undo;
    struct scenario_place place = scenario_place_of("timeline", index, "times");
    config_reader_number(reader, place.text, from->times, 1, SCENARIO_TIMES_MAX, &times);
    scenario_duration(reader, scenario_place_of("timeline", index, "every"), from->every,
                      SCENARIO_DURATION_MAX, &every_ns);
    if ((times > 1) != (every_ns > 0)) {
        config_reader_fail(reader, place.text, "`times` and `every` go together");
    }
    place = scenario_place_of("timeline", index, "for");
    scenario_duration(reader, place, from->lasts, SCENARIO_DURATION_MAX, &lasts_ns);
    if (lasts_ns > 0 && undo == SCENARIO_NONE) {
        config_reader_fail(reader, place.text, "`for` means nothing here: nothing undoes it");
    }
    if (times > 1 && lasts_ns >= every_ns) {
        config_reader_fail(reader, place.text, "`for` must be shorter than `every`");
    }
    for (uint64_t i = 0; i < times && !reader->failed; i++) {
        struct scenario_fault one = *fault;
        one.at_ns += i * every_ns;
        scenario_add(scenario, reader, index, &one);
        if (lasts_ns > 0) {
            one.kind = undo;
            one.at_ns += lasts_ns;
            one.undoes = true;
            (void)snprintf(one.say, sizeof one.say, "over: %.150s", fault->say);
            scenario_add(scenario, reader, index, &one);
        }
    }
}

static void scenario_fault_read(struct scenario *scenario, struct config_reader *reader,
                                uint32_t index, const struct scenario_schema_fault *from)
{
    struct scenario_fault fault = {.at_ns = 0};
    struct scenario_place place = scenario_place_of("timeline", index, "at");
    if (from->at == NULL) {
        config_reader_fail(reader, place.text, "`%s` is missing", place.text);
    }
    scenario_duration(reader, place, from->at, SCENARIO_DURATION_MAX, &fault.at_ns);
    scenario_fault_kind(reader, index, from, &fault);
    if (reader->failed) {
        return;
    }
    scenario_fault_who(scenario, reader, index, from, &fault);
    scenario_fault_strain(reader, index, from, &fault);
    scenario_fault_step(reader, index, from, &fault);
    scenario_fault_shard(scenario, reader, index, from, &fault);
    fault.one_way =
        scenario_yes(reader, scenario_place_of("timeline", index, "one_way"), from->one_way);
    place = scenario_place_of("timeline", index, "over");
    scenario_duration(reader, place, from->over, SCENARIO_DURATION_MAX, &fault.over_ns);
    if (fault.over_ns > 0 && fault.kind != SCENARIO_DEGRADE && fault.kind != SCENARIO_RESTORE) {
        config_reader_fail(reader, place.text, "`over` goes with `degrade` and `restore`");
    }
    scenario_fault_say(scenario, reader, index, from, &fault);
    if (!reader->failed) {
        scenario_repeat(scenario, reader, index, from, &fault);
    }
}

void scenario_timeline_read(struct scenario *scenario, struct config_reader *reader,
                            const struct scenario_schema *file)
{
    ASSERT(scenario->site_count > 0);
    ASSERT(scenario->shard_count > 0);
    for (uint32_t i = 0; i < file->timeline_count && !reader->failed; i++) {
        scenario_fault_read(scenario, reader, i, &file->timeline[i]);
    }
}
