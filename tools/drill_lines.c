#include "tools/drill_lines.h"

#include <string.h>

#include "matching/base/assertion.h"

void drill_lines_init(struct drill_lines *lines, const struct scenario *scenario)
{
    ASSERT(scenario->site_count > 0);
    memset(lines, 0, sizeof *lines);
    lines->node_count = scenario->site_count + 1;
    for (uint32_t from = 0; from < lines->node_count; from++) {
        for (uint32_t to = 0; to < lines->node_count; to++) {
            struct drill_lines_way *way = &lines->ways[from][to];
            way->usual = scenario_line(scenario, from, to);
            way->from = way->usual;
            way->to = way->usual;
            ASSERT(wan_line_valid(&way->usual));
        }
    }
}

bool drill_lines_concerns(enum scenario_fault_kind kind)
{
    switch (kind) {
    case SCENARIO_CUT:
    case SCENARIO_HEAL:
    case SCENARIO_DEGRADE:
    case SCENARIO_RESTORE:
    case SCENARIO_LOSE_CONNECTS:
    case SCENARIO_HEAR_CONNECTS:
        return true;
    case SCENARIO_KILL:
    case SCENARIO_START:
    case SCENARIO_RESTART:
    case SCENARIO_STOP:
    case SCENARIO_CONTINUE:
    case SCENARIO_DNS_GONE:
    case SCENARIO_FILL_DISK:
    case SCENARIO_FREE_DISK:
    case SCENARIO_STEP_CLOCK:
    case SCENARIO_TRANSFER:
    case SCENARIO_RECOVER:
    case SCENARIO_FAULT_KINDS:
        return false;
    }
    ASSERT(false);
    return false;
}

static uint64_t drill_lines_least(uint64_t value, uint64_t most)
{
    return value < most ? value : most;
}

/* Worse than usual, within what a line can be. */
static struct wan_line drill_lines_strained(const struct wan_line *usual,
                                            const struct scenario_strain *strain)
{
    struct wan_line line = *usual;
    line.delay_ns = drill_lines_least(usual->delay_ns + strain->delay_ns, WAN_LINE_DELAY_NS_MAX);
    line.jitter_ns = drill_lines_least(usual->jitter_ns + strain->jitter_ns, WAN_LINE_DELAY_NS_MAX);
    line.loss_ppm =
        (uint32_t)drill_lines_least((uint64_t)usual->loss_ppm + strain->loss_ppm, WAN_LINE_PPM);
    line.rate_bytes = strain->rate_bytes > 0 ? strain->rate_bytes : usual->rate_bytes;
    ASSERT(wan_line_valid(&line));
    return line;
}

static struct wan_line drill_lines_now(const struct drill_lines_way *way, uint64_t now_ns)
{
    ASSERT(now_ns >= way->begin_ns);
    uint64_t passed_ns = now_ns - way->begin_ns;
    if (passed_ns >= way->over_ns) {
        return way->to;
    }
    double part = (double)passed_ns / (double)way->over_ns;
    return wan_line_between(&way->from, &way->to, (uint32_t)(part * WAN_LINE_PPM));
}

static void drill_lines_change(struct drill_lines_way *way, const struct scenario_fault *fault,
                               uint64_t now_ns)
{
    switch (fault->kind) {
    case SCENARIO_CUT:
        way->cuts++;
        break;
    case SCENARIO_HEAL:
        way->cuts -= way->cuts > 0;
        break;
    case SCENARIO_LOSE_CONNECTS:
        way->deaf++;
        break;
    case SCENARIO_HEAR_CONNECTS:
        way->deaf -= way->deaf > 0;
        break;
    case SCENARIO_DEGRADE:
    case SCENARIO_RESTORE:
        way->from = drill_lines_now(way, now_ns);
        way->to = fault->kind == SCENARIO_RESTORE
                      ? way->usual
                      : drill_lines_strained(&way->usual, &fault->strain);
        way->begin_ns = now_ns;
        way->over_ns = fault->undoes ? 0 : fault->over_ns;
        break;
    case SCENARIO_KILL:
    case SCENARIO_START:
    case SCENARIO_RESTART:
    case SCENARIO_STOP:
    case SCENARIO_CONTINUE:
    case SCENARIO_DNS_GONE:
    case SCENARIO_FILL_DISK:
    case SCENARIO_FREE_DISK:
    case SCENARIO_STEP_CLOCK:
    case SCENARIO_TRANSFER:
    case SCENARIO_RECOVER:
    case SCENARIO_FAULT_KINDS:
        ASSERT(false);
        break;
    }
}

void drill_lines_fault(struct drill_lines *lines, const struct scenario_fault *fault,
                       uint64_t now_ns)
{
    ASSERT(drill_lines_concerns(fault->kind));
    ASSERT(fault->from != 0 && fault->to != 0);
    for (uint32_t from = 0; from < lines->node_count; from++) {
        for (uint32_t to = 0; to < lines->node_count; to++) {
            bool there = (fault->from >> from & 1) != 0 && (fault->to >> to & 1) != 0;
            bool back = (fault->from >> to & 1) != 0 && (fault->to >> from & 1) != 0;
            if (from != to && (there || (back && !fault->one_way))) {
                drill_lines_change(&lines->ways[from][to], fault, now_ns);
            }
        }
    }
}

struct wan_line drill_lines_at(const struct drill_lines *lines, uint32_t from, uint32_t to,
                               uint64_t now_ns)
{
    ASSERT(from < lines->node_count);
    ASSERT(to < lines->node_count);
    const struct drill_lines_way *way = &lines->ways[from][to];
    struct wan_line line = drill_lines_now(way, now_ns);
    line.cut = way->cuts > 0;
    line.connects_lost = way->deaf > 0;
    return line;
}
