#include "tests/support/site_operator.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/test_market.h"

#define ARGUMENTS_MAX 24u

static uint64_t number_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    assert_true(json_is_integer(value));
    return (uint64_t)json_integer_value(value);
}

static bool truth_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    assert_true(json_is_boolean(value));
    return json_is_true(value);
}

void site_operator_look(const struct site_process *site, uint16_t shard_id,
                        struct site_operator_view *view)
{
    char *text = test_market_get(site, "/status");
    json_t *status = json_loads(text, 0, NULL);
    free(text);
    assert_non_null(status);
    const json_t *shard = json_array_get(json_object_get(status, "shards"), shard_id - 1u);
    assert_non_null(shard);
    assert_int_equal(number_of(shard, "id"), shard_id);
    const json_t *log = json_object_get(shard, "log");
    const json_t *totals = json_object_get(shard, "totals");
    const json_t *membership = json_object_get(shard, "membership");
    *view =
        (struct site_operator_view){.leader = truth_of(log, "leader"),
                                    .cancel_only = truth_of(shard, "cancel_only"),
                                    .planned = truth_of(membership, "plan"),
                                    .leader_site_id = (uint8_t)number_of(log, "leader_site_id"),
                                    .term = number_of(log, "term"),
                                    .epoch = number_of(membership, "epoch"),
                                    .committed_log_index = number_of(log, "committed_log_index"),
                                    .applied_log_index = number_of(log, "applied_log_index"),
                                    .orders_accepted = number_of(totals, "orders_accepted"),
                                    .open_orders = number_of(totals, "open_orders")};
    const char *hash = json_string_value(json_object_get(shard, "event_hash"));
    assert_non_null(hash);
    (void)snprintf(view->event_hash, sizeof view->event_hash, "%s", hash);
    json_decref(status);
}

void site_operator_paths(char *paths, size_t paths_bytes, const struct site_process *sites,
                         uint32_t asked)
{
    assert_true(asked != 0);
    size_t used = 0;
    paths[0] = '\0';
    for (uint32_t at = 0; asked >> at != 0; at++) {
        if ((asked >> at & 1u) != 0) {
            int bytes = snprintf(paths + used, paths_bytes - used, "%s%s", used == 0 ? "" : ",",
                                 sites[at].config);
            assert_true(bytes > 0 && (size_t)bytes < paths_bytes - used);
            used += (size_t)bytes;
        }
    }
}

int site_operator_run(const struct site_process *site, char output[SITE_OPERATOR_OUTPUT_BYTES],
                      const char *const arguments[])
{
    const char *all[ARGUMENTS_MAX] = {site->tool};
    uint32_t count = 1;
    for (; arguments[count - 1] != NULL; count++) {
        assert_true(count < ARGUMENTS_MAX - 1);
        all[count] = arguments[count - 1];
    }
    return site_process_run(output, SITE_OPERATOR_OUTPUT_BYTES, all);
}

void site_operator_apply(const struct site_process *site, const char *market)
{
    static char output[SITE_OPERATOR_OUTPUT_BYTES];
    char path[TEST_PATH_BYTES + 32];
    (void)snprintf(path, sizeof path, "%s/market.yaml", site->directory);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(market, file) >= 0);
    assert_int_equal(fclose(file), 0);
    const char *const arguments[] = {"market", "apply", path, "--config", site->config, NULL};
    if (site_operator_run(site, output, arguments) != 0) {
        fail_msg("%s", output);
    }
}

void site_operator_transfer(const struct site_process *sites, uint32_t asked, const char *name,
                            uint16_t shard_id)
{
    static char output[SITE_OPERATOR_OUTPUT_BYTES];
    char paths[9 * TEST_PATH_BYTES];
    char shard[16];
    site_operator_paths(paths, sizeof paths, sites, asked);
    (void)snprintf(shard, sizeof shard, "%u", shard_id);
    const char *const arguments[] = {"site",     "transfer", name,     "--shard", shard,
                                     "--config", paths,      "--wait", "100s",    NULL};
    if (site_operator_run(&sites[0], output, arguments) != 0) {
        fail_msg("%s", output);
    }
}
