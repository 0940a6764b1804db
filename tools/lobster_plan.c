#include "tools/lobster_plan.h"

#include <stdlib.h>

#include "matching/base/assertion.h"

/* Rows of one timestamp are neighbours, since time never decreases. */
static void find_bursts(struct lobster_plan *plan, const struct lobster_rows *rows)
{
    uint64_t highest = 0;
    for (uint64_t from = 0; from < rows->count;) {
        uint64_t to = from;
        bool burst = false;
        for (; to < rows->count && rows->rows[to].time_ns == rows->rows[from].time_ns; to++) {
            if (rows->rows[to].type == LOBSTER_ROW_NEW) {
                uint64_t id = rows->ids.ids[rows->rows[to].order];
                burst = burst || id < highest;
                highest = id > highest ? id : highest;
            }
        }
        for (; from < to; from++) {
            plan->burst[from] = burst;
        }
    }
}

static void sum_up(struct lobster_plan *plan, const struct lobster_rows *rows)
{
    for (uint32_t index = 0; index < rows->ids.count; index++) {
        plan->orders[index].first_row = rows->count;
    }
    for (uint64_t index = 0; index < rows->count; index++) {
        const struct lobster_row *row = &rows->rows[index];
        if (row->type > LOBSTER_ROW_TRADE) {
            continue;
        }
        struct lobster_plan_order *order = &plan->orders[row->order];
        if (order->first_row == rows->count) {
            order->first_row = index;
            order->early = row->type != LOBSTER_ROW_NEW || plan->burst[index];
        }
        order->last_row = index;
        if (row->type == LOBSTER_ROW_NEW) {
            order->entered = row->quantity;
        } else {
            order->gone += row->quantity;
        }
    }
}

static int compare(const void *left, const void *right)
{
    const struct lobster_plan_early *a = left;
    const struct lobster_plan_early *b = right;
    return a->id < b->id ? -1 : a->id > b->id;
}

/* From the highest id down: ordinary type-1 rows have rising ids, so one walk from the end of the
 * file meets each place. */
static void place(struct lobster_plan *plan, const struct lobster_rows *rows)
{
    uint64_t at = rows->count;
    uint64_t row = rows->count;
    for (uint32_t index = plan->early_count; index > 0; index--) {
        struct lobster_plan_early *early = &plan->early[index - 1];
        for (; row > 0; row--) {
            const struct lobster_row *before = &rows->rows[row - 1];
            bool ordinary = before->type == LOBSTER_ROW_NEW && !plan->burst[row - 1];
            if (ordinary && rows->ids.ids[before->order] < early->id) {
                break;
            }
            if (ordinary && row - 1 < at) {
                at = row - 1;
            }
        }
        uint64_t first = plan->orders[early->order].first_row;
        at = first < at ? first : at;
        early->row = at;
        ASSERT(early->row < rows->count);
    }
}

enum status lobster_plan_make(struct lobster_plan *plan, const struct lobster_rows *rows)
{
    ASSERT(rows->count > 0);
    ASSERT(rows->ids.count > 0);
    *plan = (struct lobster_plan){
        .orders = calloc(rows->ids.count, sizeof *plan->orders),
        .early = calloc(rows->ids.count, sizeof *plan->early),
        .burst = calloc(rows->count, sizeof *plan->burst),
    };
    if (plan->orders == NULL || plan->early == NULL || plan->burst == NULL) {
        lobster_plan_destroy(plan);
        return STATUS_FULL;
    }
    find_bursts(plan, rows);
    sum_up(plan, rows);
    for (uint32_t order = 0; order < rows->ids.count; order++) {
        if (plan->orders[order].early) {
            plan->early[plan->early_count++] =
                (struct lobster_plan_early){.id = rows->ids.ids[order], .order = order};
        }
    }
    qsort(plan->early, plan->early_count, sizeof *plan->early, compare);
    place(plan, rows);
    return STATUS_OK;
}

void lobster_plan_destroy(struct lobster_plan *plan)
{
    free(plan->orders);
    free(plan->early);
    free(plan->burst);
    *plan = (struct lobster_plan){.early_count = 0};
}
