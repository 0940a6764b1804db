/* What a site tells of its membership is read as it was meant, and told to people. */
#include "tools/site_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/admin_membership.h"
#include "tests/support/cmocka_all.h"

static struct admin_site site;
static struct admin_shard shards[2];
static struct site_view view;

static int setup(void **state)
{
    (void)state;
    memset(&site, 0, sizeof site);
    memset(shards, 0, sizeof shards);
    (void)snprintf(site.cluster, sizeof site.cluster, "demo");
    (void)snprintf(site.site, sizeof site.site, "site-2");
    site.site_id = 2;
    site.shard_count = 2;
    for (uint32_t at = 0; at < 4; at++) {
        struct config_site *known = &site.sites[at];
        (void)snprintf(known->name, sizeof known->name, "site-%u", at + 1);
        (void)snprintf(known->provider, sizeof known->provider, "provider-%u", at + 1);
        known->provider_id = (uint8_t)(at + 1);
        known->version = at < 3 ? 0 : 7;
        known->peer_count = 1;
        (void)snprintf(known->peer[0], sizeof known->peer[0], "127.0.0.1:%u", 7101 + at);
    }
    for (uint32_t at = 0; at < 2; at++) {
        struct admin_shard *shard = &shards[at];
        shard->shard_id = (uint16_t)(at + 1);
        (void)snprintf(shard->name, sizeof shard->name, "S%u", at + 1);
        struct placement *placement = &shard->placement.placement;
        *placement = (struct placement){.epoch = 3 + at, .commit_providers = 1};
        for (uint32_t member = 0; member < 3; member++) {
            placement->sites[member] = (struct placement_site){.incarnation = 20 + member,
                                                               .provider_id = (uint8_t)(member + 1),
                                                               .role = PLACEMENT_VOTER};
        }
        shard->placement_log_index = 40 + at;
        shard->report = (struct repair_report){.site_id = 2,
                                               .incarnation = UINT64_C(0xFEDCBA9876543210),
                                               .generation = at,
                                               .last = {.log_index = 50, .term = 6},
                                               .commit_log_index = 49,
                                               .placement = *placement,
                                               .placement_log_index = 40,
                                               .previous_placement = *placement};
    }
    shards[1].log.leader = true;
    shards[1].log.leader_site_id = 2;
    memset(site.genesis, 0xC5, sizeof site.genesis);
    return 0;
}

static void test_what_is_told_is_read(void **state)
{
    (void)state;
    json_t *json = admin_membership_json(&site, shards);
    assert_true(site_view_read(&view, json));
    assert_string_equal(view.cluster, "demo");
    assert_int_equal(view.site_id, 2);
    assert_int_equal(view.shard_count, 2);
    assert_int_equal(site_view_find(&view, "site-4"), 4);
    assert_int_equal(site_view_find(&view, "site-5"), 0);
    assert_int_equal(view.sites[3].version, 7);
    assert_memory_equal(view.genesis, site.genesis, sizeof site.genesis);
    assert_false(view.shards[0].leader);
    assert_true(view.shards[1].leader);
    assert_int_equal(view.shards[1].log_index, 41);
    assert_memory_equal(&view.shards[1].record, &shards[1].placement, sizeof shards[1].placement);
    const struct repair_report *report = &view.shards[0].report;
    assert_true(report->incarnation == UINT64_C(0xFEDCBA9876543210));
    assert_int_equal(report->last.log_index, 50);
    assert_null(report->promised);
    json_decref(json);
}

static void test_what_is_wrong_is_refused(void **state)
{
    (void)state;
    static const char *const fields[] = {"cluster", "site", "site_id", "genesis", "shards"};
    for (size_t at = 0; at < sizeof fields / sizeof fields[0]; at++) {
        json_t *json = admin_membership_json(&site, shards);
        assert_int_equal(json_object_del(json, fields[at]), 0);
        assert_false(site_view_read(&view, json));
        json_decref(json);
    }
    static const char *const of_shard[] = {"id", "record", "report", "log_index"};
    for (size_t at = 0; at < sizeof of_shard / sizeof of_shard[0]; at++) {
        json_t *json = admin_membership_json(&site, shards);
        json_t *shard = json_array_get(json_object_get(json, "shards"), 1);
        assert_int_equal(json_object_set_new(shard, of_shard[at], json_string("x")), 0);
        assert_false(site_view_read(&view, json));
        json_decref(json);
    }
}

static void test_a_change_is_told_with_what_losses_mean(void **state)
{
    (void)state;
    json_t *json = admin_membership_json(&site, shards);
    assert_true(site_view_read(&view, json));
    json_decref(json);
    struct placement target = view.shards[0].record.placement;
    target.sites[2] = (struct placement_site){0};
    target.sites[1].role = PLACEMENT_LEARNER;
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    site_view_print_change(out, &view, &view.shards[0].record.placement, &target);
    site_view_print_verdict(out, &view, &(struct placement_verdict){PLACEMENT_PROVIDER_LOSS, 2, 0});
    assert_int_equal(fclose(out), 0);
    assert_non_null(strstr(text, "site-3           provider-3: voter -> no member\n"));
    assert_non_null(strstr(text, "site-2           provider-2: voter -> learner\n"));
    assert_non_null(
        strstr(text, "site site-1                  harmless         MAY LOSE ORDERS\n"));
    assert_non_null(strstr(text, "provider provider-3          harmless         harmless\n"));
    assert_non_null(strstr(text, "leaves no commit quorum (provider-2)"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_what_is_told_is_read, setup),
        cmocka_unit_test_setup(test_what_is_wrong_is_refused, setup),
        cmocka_unit_test_setup(test_a_change_is_told_with_what_losses_mean, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
