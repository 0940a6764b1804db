#include "tools/replay_day.h"

#include <stdlib.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "tools/decimal.h"
#include "tools/human.h"

static void replay_day_symbol(struct replay_day *day)
{
    const char *slash = strrchr(day->path, '/');
    const char *name = slash == NULL ? day->path : slash + 1;
    size_t bytes = strcspn(name, "_");
    if (name[bytes] == '_' && bytes < sizeof day->symbol) {
        memcpy(day->symbol, name, bytes);
    }
}

enum status replay_day_load(struct replay_day *day, enum replay_day_format format, const char *path,
                            bool rule_5, char error[static REPLAY_DAY_ERROR_BYTES])
{
    static_assert(LOBSTER_MESSAGE_MAX <= REPLAY_DAY_ERROR_BYTES, "the sentence fits");
    static_assert(TEXT_FILE_MESSAGE_MAX <= REPLAY_DAY_ERROR_BYTES, "the sentence fits");
    *day = (struct replay_day){.format = format, .path = path};
    replay_day_symbol(day);
    enum status status;
    switch (format) {
    case REPLAY_DAY_LOBSTER:
        status = lobster_load(&day->lobster, path, rule_5, error);
        day->actions = day->lobster.actions;
        day->action_count = day->lobster.action_count;
        day->fills = day->lobster.fills;
        day->fill_count = day->lobster.fill_count;
        day->price_decimals = LOBSTER_PRICE_DECIMALS;
        return status;
    case REPLAY_DAY_BITSTAMP:
        status = bitstamp_load(&day->bitstamp, path, error);
        day->actions = day->bitstamp.actions;
        day->action_count = day->bitstamp.action_count;
        day->price_decimals = BITSTAMP_PRICE_DECIMALS;
        day->quantity_decimals = BITSTAMP_QUANTITY_DECIMALS;
        return status;
    }
    ASSERT(false);
    return STATUS_BAD_ARGUMENT;
}

void replay_day_free(struct replay_day *day)
{
    switch (day->format) {
    case REPLAY_DAY_LOBSTER:
        lobster_destroy(&day->lobster);
        break;
    case REPLAY_DAY_BITSTAMP:
        bitstamp_destroy(&day->bitstamp);
        break;
    }
    day->actions = NULL;
    day->action_count = 0;
}

void replay_day_instrument(struct replay_day *day, uint32_t instrument)
{
    ASSERT(instrument <= UINT16_MAX);
    for (uint64_t i = 0; i < day->action_count; i++) {
        day->actions[i].instrument = (uint16_t)instrument;
    }
}

static enum status replay_day_compare_volumes(const struct replay_day *day,
                                              const struct replay_compare *compare,
                                              struct replay_day_result *result)
{
    uint64_t count = day->bitstamp.order_count;
    uint64_t *ids = malloc((count + 1) * sizeof *ids);
    uint64_t *volumes = malloc((count + 1) * sizeof *volumes);
    enum status status = STATUS_FULL;
    if (ids != NULL && volumes != NULL && count <= UINT32_MAX) {
        for (uint64_t i = 0; i < count; i++) {
            ids[i] = day->bitstamp.orders[i].order_id;
        }
        status = replay_compare_volumes(compare, ids, (uint32_t)count, volumes);
    }
    if (status == STATUS_OK) {
        bitstamp_compare(&day->bitstamp, volumes, &result->orders_equal, &result->orders_compared);
    }
    free(ids);
    free(volumes);
    return status;
}

enum status replay_day_compare(const struct replay_day *day, struct replay_compare *compare,
                               struct replay_day_result *result)
{
    *result = (struct replay_day_result){.orders_compared = 0};
    if (day->format == REPLAY_DAY_BITSTAMP) {
        enum status status = replay_day_compare_volumes(day, compare, result);
        result->fills.executed = replay_compare_executed(compare);
        return status;
    }
    return replay_compare_close(compare, &result->fills);
}

bool replay_day_reproduced(const struct replay_day *day, const struct replay_day_result *result)
{
    return day->format == REPLAY_DAY_BITSTAMP ||
           (result->fills.reproduced == result->fills.recorded && result->fills.unexpected == 0);
}

static void replay_day_print_mismatch(const struct replay_day *day,
                                      const struct replay_mismatch *mismatch, FILE *out)
{
    char price[DECIMAL_TEXT_BYTES];
    decimal_format(price, mismatch->price, day->price_decimals);
    if (mismatch->line > 0) {
        (void)fprintf(out, "  line %s: ", human_number(mismatch->line).text);
    } else {
        (void)fprintf(out, "  not in the file: ");
    }
    if (mismatch->take_id > MARKET_TAKE_ID) {
        (void)fprintf(out, "incoming order %s",
                      human_number(mismatch->take_id - MARKET_TAKE_ID).text);
    } else {
        (void)fprintf(out, "order %llu on entry", (unsigned long long)mismatch->take_id);
    }
    (void)fprintf(out, " against order %llu at %s: recorded %llu, executed here %llu\n",
                  (unsigned long long)mismatch->resting_id, price,
                  (unsigned long long)mismatch->recorded, (unsigned long long)mismatch->executed);
}

void replay_day_print(const struct replay_day *day, const struct replay_day_result *result,
                      FILE *out)
{
    if (day->format == REPLAY_DAY_BITSTAMP) {
        (void)fprintf(out,
                      "%s: %s executions; executed volume as recorded for %s of %s orders (%s)\n",
                      day->path, human_number(result->fills.executed).text,
                      human_number(result->orders_equal).text,
                      human_number(result->orders_compared).text,
                      human_percent(result->orders_equal, result->orders_compared).text);
        return;
    }
    const struct replay_result *fills = &result->fills;
    (void)fprintf(out, "%s: %s of %s recorded executions reproduced (%s), %s unexpected ones\n",
                  day->path, human_number(fills->reproduced).text,
                  human_number(fills->recorded).text,
                  human_percent(fills->reproduced, fills->recorded).text,
                  human_number(fills->unexpected).text);
    for (uint32_t i = 0; i < fills->mismatch_count; i++) {
        replay_day_print_mismatch(day, &fills->mismatches[i], out);
    }
}
