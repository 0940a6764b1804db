#include "tests/sim/sim_fault.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "matching/base/assertion.h"

#define SIM_FAULT_MS   UINT64_C(1000000)
#define SIM_FAULT_RARE 12u /* One schedule in so many has a quorum that is gone. */

/* `weight`: how often, among all; `last_ms`: it lasts from a tenth of that to all of it. */
struct fault_kind {
    const char *name;
    const char *class;
    uint32_t weight;
    uint32_t last_ms;
};

static const struct fault_kind fault_kinds[SIM_FAULT_KIND_COUNT] = {
    [SIM_FAULT_KILL] = {"kill", "process", 10, 4000},
    [SIM_FAULT_POWER] = {"power", "process", 10, 4000},
    [SIM_FAULT_RESTART] = {"restart", "process", 4, 1000},
    [SIM_FAULT_PAUSE] = {"pause", "process", 8, 5000},
    [SIM_FAULT_SLOW] = {"slow", "process", 4, 8000},
    [SIM_FAULT_LEADER_KILL] = {"leader-kill", "process", 10, 4000},
    [SIM_FAULT_LEADER_PAUSE] = {"leader-pause", "process", 8, 4000},
    [SIM_FAULT_DIVERGE] = {"diverge", "process", 4, 100},
    [SIM_FAULT_INSTALL_POWER] = {"install-power", "process", 6, 5000},
    [SIM_FAULT_POWER_ALL] = {"power-all", "process", 2, 2000},
    [SIM_FAULT_PROVIDER_DOWN] = {"provider-down", "process", 4, 5000},
    [SIM_FAULT_PROVIDER_GONE] = {"provider-gone", "process", 1, 3000},
    [SIM_FAULT_DISK_LOST] = {"disk-lost", "disk", 3, 3000},
    [SIM_FAULT_DISK_LOST_LIE] = {"disk-lost-lie", "disk", 2, 3000},
    [SIM_FAULT_ROT_JOURNAL] = {"rot-journal", "disk", 3, 1000},
    [SIM_FAULT_ROT_STORE] = {"rot-store", "disk", 3, 1000},
    [SIM_FAULT_ROT_METADATA] = {"rot-metadata", "disk", 2, 1000},
    [SIM_FAULT_ROT_SNAPSHOT] = {"rot-snapshot", "disk", 4, 1000},
    [SIM_FAULT_MISDIRECTED_WRITE] = {"misdirected-write", "disk", 2, 1000},
    [SIM_FAULT_STALE_READ] = {"stale-read", "disk", 2, 1000},
    [SIM_FAULT_NO_SPACE] = {"no-space", "disk", 3, 3000},
    [SIM_FAULT_DISK_ERROR] = {"disk-error", "disk", 3, 2000},
    [SIM_FAULT_SLOW_DISK] = {"slow-disk", "disk", 5, 8000},
    [SIM_FAULT_LEADER_SLOW_DISK] = {"leader-slow-disk", "disk", 4, 6000},
    [SIM_FAULT_STUCK_DISK] = {"stuck-disk", "disk", 4, 4000},
    [SIM_FAULT_SLOW_STORE] = {"slow-store", "disk", 3, 10000},
    [SIM_FAULT_LOSS] = {"loss", "network", 6, 8000},
    [SIM_FAULT_DUPLICATION] = {"duplication", "network", 5, 8000},
    [SIM_FAULT_REORDERING] = {"reordering", "network", 5, 8000},
    [SIM_FAULT_CORRUPTION] = {"corruption", "network", 5, 8000},
    [SIM_FAULT_CUT] = {"cut", "network", 6, 6000},
    [SIM_FAULT_CUT_ONE_WAY] = {"cut-one-way", "network", 6, 6000},
    [SIM_FAULT_ISOLATION] = {"isolation", "network", 6, 5000},
    [SIM_FAULT_LEADER_ISOLATION] = {"leader-isolation", "network", 8, 5000},
    [SIM_FAULT_DEAF] = {"deaf", "network", 4, 5000},
    [SIM_FAULT_PARTITION] = {"partition", "network", 6, 5000},
    [SIM_FAULT_FLAPPING] = {"flapping", "network", 5, 8000},
    [SIM_FAULT_CLOGGING] = {"clogging", "network", 5, 4000},
    [SIM_FAULT_LATENCY] = {"latency", "network", 4, 8000},
    [SIM_FAULT_LATENCY_ONE_WAY] = {"latency-one-way", "network", 4, 8000},
    [SIM_FAULT_JITTER] = {"jitter", "network", 4, 8000},
    [SIM_FAULT_BANDWIDTH] = {"bandwidth", "network", 3, 8000},
    [SIM_FAULT_CLOCK_FORWARD] = {"clock-forward", "clock", 4, 8000},
    [SIM_FAULT_CLOCK_BACK] = {"clock-back", "clock", 4, 8000},
    [SIM_FAULT_CLOCK_DRIFT] = {"clock-drift", "clock", 4, 10000},
    [SIM_FAULT_CLOCK_FREEZE] = {"clock-freeze", "clock", 3, 6000},
    [SIM_FAULT_LEADER_CLOCK] = {"leader-clock", "clock", 5, 8000},
    [SIM_FAULT_TRANSFER] = {"transfer", "operator", 8, 100},
    [SIM_FAULT_DEMOTION] = {"demotion", "operator", 4, 5000},
    [SIM_FAULT_REMOVAL] = {"removal", "operator", 3, 5000},
    [SIM_FAULT_PROVIDERS] = {"providers", "operator", 2, 5000},
    [SIM_FAULT_SNAPSHOT] = {"snapshot", "operator", 6, 100},
    [SIM_FAULT_QUORUM_GONE] = {"quorum-gone", "operator", 0, 8000},
    [SIM_FAULT_RECONNECT] = {"reconnect", "client", 5, 100},
    [SIM_FAULT_TWO_SITES] = {"two-sites", "client", 5, 100},
    [SIM_FAULT_RESENDING] = {"resending", "client", 5, 100},
    [SIM_FAULT_BURST] = {"burst", "client", 5, 1000},
};

const char *sim_fault_name(enum sim_fault_kind kind)
{
    ASSERT(kind < SIM_FAULT_KIND_COUNT);
    ASSERT(fault_kinds[kind].name != NULL);
    return fault_kinds[kind].name;
}

const char *sim_fault_class(enum sim_fault_kind kind)
{
    ASSERT(kind < SIM_FAULT_KIND_COUNT);
    ASSERT(fault_kinds[kind].class != NULL);
    return fault_kinds[kind].class;
}

/* Of the kinds that a run has at all: each run has its own mixture, so that some see few kinds
 * often. */
static uint16_t fault_pick(struct random *random, const bool *chosen, uint64_t weights)
{
    uint64_t draw = random_below(random, weights);
    for (uint16_t kind = 0; kind < SIM_FAULT_KIND_COUNT; kind++) {
        uint64_t weight = chosen[kind] ? fault_kinds[kind].weight : 0;
        if (draw < weight) {
            return kind;
        }
        draw -= weight;
    }
    ASSERT(false);
    return 0;
}

static void fault_draw(struct sim_fault *fault, struct random *random, uint32_t site_count,
                       uint16_t kind, uint64_t begin_ns, uint64_t until_ns)
{
    uint64_t last_ns = fault_kinds[kind].last_ms * SIM_FAULT_MS;
    uint64_t end_ns = begin_ns + last_ns / 10 + random_below(random, last_ns);
    ASSERT(begin_ns < until_ns);
    fault->kind = kind;
    fault->site_id = (uint8_t)(1 + random_below(random, site_count));
    fault->other_id = (uint8_t)(1 + random_below(random, site_count));
    fault->magnitude = (uint32_t)(1 + random_below(random, 1000));
    fault->begin_ns = begin_ns - begin_ns % 1000;
    fault->end_ns = (end_ns < until_ns ? end_ns : until_ns) / 1000 * 1000;
}

static void fault_draw_many(struct sim_schedule *schedule, struct random *random,
                            uint32_t site_count, uint64_t until_ns, uint64_t mean_ns)
{
    bool chosen[SIM_FAULT_KIND_COUNT] = {false};
    uint64_t weights = 0;
    uint64_t share = 1 + random_below(random, 4);
    for (uint16_t kind = 0; kind < SIM_FAULT_KIND_COUNT; kind++) {
        if (fault_kinds[kind].weight > 0) {
            chosen[kind] = random_below(random, 4) < share;
            weights += chosen[kind] ? fault_kinds[kind].weight : 0;
        }
    }
    uint64_t now_ns = 0;
    while (weights > 0 && schedule->count < SIM_FAULTS_MAX) {
        now_ns += 1 + random_below(random, 2 * mean_ns);
        if (now_ns >= until_ns) {
            return;
        }
        uint16_t kind = fault_pick(random, chosen, weights);
        fault_draw(&schedule->faults[schedule->count++], random, site_count, kind, now_ns,
                   until_ns);
    }
}

void sim_schedule_make(struct sim_schedule *schedule, struct random *random, uint32_t site_count,
                       uint64_t until_ns, uint64_t mean_ns)
{
    ASSERT(site_count >= 1 && site_count <= SITES_MAX);
    ASSERT(mean_ns > 0);
    schedule->count = 0;
    fault_draw_many(schedule, random, site_count, until_ns, mean_ns);
    if (random_below(random, SIM_FAULT_RARE) == 0 && schedule->count < SIM_FAULTS_MAX) {
        fault_draw(&schedule->faults[schedule->count++], random, site_count, SIM_FAULT_QUORUM_GONE,
                   random_below(random, until_ns), until_ns);
    }
}

size_t sim_schedule_print(const struct sim_schedule *schedule, char *target, size_t bytes)
{
    size_t length = 0;
    ASSERT(bytes > 0);
    target[0] = 0;
    for (uint32_t at = 0; at < schedule->count && length + 1 < bytes; at++) {
        const struct sim_fault *fault = &schedule->faults[at];
        int printed =
            snprintf(target + length, bytes - length, "%s %" PRIu64 " %" PRIu64 " %u %u %u\n",
                     sim_fault_name(fault->kind), fault->begin_ns / 1000, fault->end_ns / 1000,
                     fault->site_id, fault->other_id, fault->magnitude);
        ASSERT(printed > 0);
        length += (size_t)printed;
    }
    return length < bytes ? length : bytes - 1;
}

static enum status fault_parse(struct sim_fault *fault, const char *line)
{
    char name[32];
    uint64_t begin_us;
    uint64_t end_us;
    unsigned site_id;
    unsigned other_id;
    unsigned magnitude;
    if (sscanf(line, "%31s %" SCNu64 " %" SCNu64 " %u %u %u", name, &begin_us, &end_us, &site_id,
               &other_id, &magnitude) != 6 ||
        end_us < begin_us || end_us > UINT64_MAX / 1000 || site_id < 1 || site_id > SITES_MAX ||
        other_id < 1 || other_id > SITES_MAX || magnitude < 1 || magnitude > 1000) {
        return STATUS_BAD_FORMAT;
    }
    for (uint16_t kind = 0; kind < SIM_FAULT_KIND_COUNT; kind++) {
        if (strcmp(name, fault_kinds[kind].name) == 0) {
            *fault = (struct sim_fault){.kind = kind,
                                        .site_id = (uint8_t)site_id,
                                        .other_id = (uint8_t)other_id,
                                        .magnitude = magnitude,
                                        .begin_ns = begin_us * 1000,
                                        .end_ns = end_us * 1000};
            return STATUS_OK;
        }
    }
    return STATUS_BAD_FORMAT;
}

enum status sim_schedule_parse(struct sim_schedule *schedule, const char *text)
{
    ASSERT(text != NULL);
    schedule->count = 0;
    while (*text != 0) {
        size_t length = strcspn(text, "\n");
        char line[128];
        if (length >= sizeof line) {
            return STATUS_BAD_FORMAT;
        }
        memcpy(line, text, length);
        line[length] = 0;
        text += text[length] == '\n' ? length + 1 : length;
        line[strcspn(line, "#")] = 0;
        if (line[strspn(line, " \t\r")] == 0) {
            continue;
        }
        if (schedule->count == SIM_FAULTS_MAX) {
            return STATUS_FULL;
        }
        if (fault_parse(&schedule->faults[schedule->count], line) != STATUS_OK) {
            return STATUS_BAD_FORMAT;
        }
        schedule->count++;
    }
    return STATUS_OK;
}

void sim_schedule_shrink(struct sim_schedule *schedule,
                         bool (*fails)(void *context, const struct sim_schedule *schedule),
                         void *context, uint32_t trials_max)
{
    struct sim_schedule *trial = malloc(sizeof *trial);
    ASSERT(trial != NULL);
    uint32_t trials = 0;
    uint32_t piece = schedule->count > 1 ? (schedule->count + 1) / 2 : schedule->count;
    while (piece > 0) {
        bool smaller = false;
        uint32_t at = 0;
        while (at < schedule->count && trials < trials_max) {
            uint32_t left = schedule->count - at < piece ? schedule->count - at : piece;
            trial->count = schedule->count - left;
            memcpy(trial->faults, schedule->faults, at * sizeof trial->faults[0]);
            memcpy(trial->faults + at, schedule->faults + at + left,
                   (trial->count - at) * sizeof trial->faults[0]);
            trials++;
            if (fails(context, trial)) {
                schedule->count = trial->count;
                memcpy(schedule->faults, trial->faults, trial->count * sizeof trial->faults[0]);
                smaller = true;
            } else {
                at += left;
            }
        }
        if (trials >= trials_max) {
            break;
        }
        piece = piece == 1 ? (smaller ? 1 : 0) : (piece + 1) / 2;
    }
    free(trial);
}
