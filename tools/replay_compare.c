#include "tools/replay_compare.h"

#include <stdlib.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "tools/id_map.h"

struct replay_execution {
    uint64_t match_number;
    uint64_t take_id;
    uint64_t resting_id;
    int64_t price;
    uint64_t quantity;
    bool sides_differ;
};

struct replay_compare {
    const struct market_fill *fills;
    uint64_t fill_count;
    struct id_map matches; /* Match number to index of `executions`. */
    struct replay_execution *executions;
    uint32_t execution_room;
};

enum status replay_compare_create(struct replay_compare **compare, const struct market_fill *fills,
                                  uint64_t fill_count)
{
    ASSERT(fills != NULL || fill_count == 0);
    *compare = calloc(1, sizeof **compare);
    if (*compare == NULL) {
        return STATUS_FULL;
    }
    (*compare)->fills = fills;
    (*compare)->fill_count = fill_count;
    return STATUS_OK;
}

void replay_compare_destroy(struct replay_compare *compare)
{
    if (compare != NULL) {
        id_map_destroy(&compare->matches);
        free(compare->executions);
        free(compare);
    }
}

uint64_t replay_compare_executed(const struct replay_compare *compare)
{
    return compare->matches.count;
}

static bool replay_compare_reserve(struct replay_compare *compare, uint32_t index)
{
    if (index < compare->execution_room) {
        return true;
    }
    uint32_t room = compare->execution_room == 0 ? 1024 : compare->execution_room * 2;
    struct replay_execution *executions = realloc(compare->executions, room * sizeof *executions);
    if (executions == NULL) {
        return false;
    }
    compare->executions = executions;
    compare->execution_room = room;
    return true;
}

enum status replay_compare_side(struct replay_compare *compare, uint64_t match_number,
                                uint64_t order_id, bool added, int64_t price, uint64_t quantity)
{
    ASSERT(order_id != 0);
    uint32_t before = compare->matches.count;
    uint32_t index;
    if (id_map_put(&compare->matches, match_number, &index) != STATUS_OK ||
        !replay_compare_reserve(compare, index)) {
        return STATUS_FULL;
    }
    struct replay_execution *execution = &compare->executions[index];
    if (index == before) {
        *execution = (struct replay_execution){.match_number = match_number,
                                               .price = price,
                                               .quantity = quantity};
    }
    uint64_t *side = added ? &execution->resting_id : &execution->take_id;
    execution->sides_differ |=
        *side != 0 || execution->price != price || execution->quantity != quantity;
    *side = order_id;
    return STATUS_OK;
}

enum status replay_compare_volumes(const struct replay_compare *compare, const uint64_t *ids,
                                   uint32_t count, uint64_t *volumes)
{
    struct id_map map = {0};
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i < count && status == STATUS_OK; i++) {
        uint32_t index;
        volumes[i] = 0;
        status = id_map_put(&map, ids[i], &index);
        ASSERT(status != STATUS_OK || index == i); /* Ids are unique. */
    }
    for (uint32_t i = 0; i < compare->matches.count && status == STATUS_OK; i++) {
        const struct replay_execution *execution = &compare->executions[i];
        uint32_t index;
        if (id_map_find(&map, execution->resting_id, &index)) {
            volumes[index] += execution->quantity;
        }
        if (id_map_find(&map, execution->take_id, &index)) {
            volumes[index] += execution->quantity;
        }
    }
    id_map_destroy(&map);
    return status;
}

static int replay_compare_order(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

/* By incoming order, resting order, price. */
static int replay_compare_executions(const void *a, const void *b)
{
    const struct replay_execution *one = a;
    const struct replay_execution *two = b;
    int order = replay_compare_order(one->take_id, two->take_id);
    order = order != 0 ? order : replay_compare_order(one->resting_id, two->resting_id);
    return order != 0 ? order : (one->price > two->price) - (one->price < two->price);
}

static int replay_compare_fills(const void *a, const void *b)
{
    const struct market_fill *one = a;
    const struct market_fill *two = b;
    int order = replay_compare_order(one->take_id, two->take_id);
    order = order != 0 ? order : replay_compare_order(one->resting_id, two->resting_id);
    return order != 0 ? order : (one->price > two->price) - (one->price < two->price);
}

static int replay_compare_mismatches(const void *a, const void *b)
{
    const struct replay_mismatch *one = a;
    const struct replay_mismatch *two = b;
    /* What the file does not have comes last. */
    return replay_compare_order(one->line - 1, two->line - 1);
}

/* Keep the mismatches with the lowest lines: replaces the last of a full list. */
static void replay_compare_note(struct replay_result *result, struct replay_mismatch mismatch)
{
    uint32_t at = result->mismatch_count;
    if (at == REPLAY_COMPARE_MISMATCHES_MAX) {
        at--;
        if (replay_compare_mismatches(&mismatch, &result->mismatches[at]) >= 0) {
            return;
        }
    } else {
        result->mismatch_count++;
    }
    result->mismatches[at] = mismatch;
    qsort(result->mismatches, result->mismatch_count, sizeof mismatch, replay_compare_mismatches);
}

static void replay_compare_missing(struct replay_result *result, const struct market_fill *fill,
                                   const struct replay_execution *execution)
{
    replay_compare_note(
        result,
        (struct replay_mismatch){.line = fill->line,
                                 .take_id = fill->take_id,
                                 .resting_id = fill->resting_id,
                                 .price = fill->price,
                                 .recorded = fill->quantity,
                                 .executed = execution == NULL ? 0 : execution->quantity,
                                 .match_number = execution == NULL ? 0 : execution->match_number});
}

static void replay_compare_unexpected(struct replay_result *result,
                                      const struct replay_execution *execution)
{
    result->unexpected++;
    replay_compare_note(result, (struct replay_mismatch){.take_id = execution->take_id,
                                                         .resting_id = execution->resting_id,
                                                         .price = execution->price,
                                                         .executed = execution->quantity,
                                                         .match_number = execution->match_number});
}

/* Both sorted alike: walk them together. */
static void replay_compare_walk(const struct market_fill *fills, uint64_t fill_count,
                                const struct replay_execution *executions, uint64_t execution_count,
                                struct replay_result *result)
{
    uint64_t at = 0;
    for (uint64_t i = 0; i < fill_count; i++) {
        const struct market_fill *fill = &fills[i];
        const struct replay_execution key = {.take_id = fill->take_id,
                                             .resting_id = fill->resting_id,
                                             .price = fill->price};
        while (at < execution_count && replay_compare_executions(&executions[at], &key) < 0) {
            replay_compare_unexpected(result, &executions[at++]);
        }
        if (at == execution_count || replay_compare_executions(&executions[at], &key) != 0) {
            replay_compare_missing(result, fill, NULL);
        } else if (executions[at].quantity != fill->quantity || executions[at].sides_differ) {
            result->unexpected++;
            replay_compare_missing(result, fill, &executions[at++]);
        } else {
            result->reproduced++;
            at++;
        }
    }
    while (at < execution_count) {
        replay_compare_unexpected(result, &executions[at++]);
    }
}

enum status replay_compare_close(struct replay_compare *compare, struct replay_result *result)
{
    memset(result, 0, sizeof *result);
    result->recorded = compare->fill_count;
    result->executed = compare->matches.count;
    struct market_fill *sorted = malloc((compare->fill_count + 1) * sizeof *sorted);
    if (sorted == NULL) {
        return STATUS_FULL;
    }
    if (compare->fill_count > 0) {
        memcpy(sorted, compare->fills, compare->fill_count * sizeof *sorted);
        qsort(sorted, compare->fill_count, sizeof *sorted, replay_compare_fills);
    }
    if (result->executed > 0) {
        qsort(compare->executions, result->executed, sizeof *compare->executions,
              replay_compare_executions);
    }
    replay_compare_walk(sorted, compare->fill_count, compare->executions, result->executed, result);
    free(sorted);
    ASSERT(result->reproduced <= result->recorded);
    ASSERT(result->reproduced + result->unexpected == result->executed);
    return STATUS_OK;
}
