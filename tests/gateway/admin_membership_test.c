/* Members, followers and losses as GET /status tells them. */
#include "gateway/admin_membership.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/cmocka_all.h"

static struct admin_site site;
static struct admin_shard shard;

/* Three voters at three providers, the first of which leads, and a learner. */
static int setup(void **state)
{
    (void)state;
    static const char *const providers[] = {"aws", "gcp", "metal", "gcp"};
    static const uint8_t provider_ids[] = {1, 2, 3, 2};
    memset(&site, 0, sizeof site);
    memset(&shard, 0, sizeof shard);
    shard.placement.placement =
        (struct placement){.epoch = 4, .commit_providers = 2, .preferred_site_ids = {1, 3}};
    for (uint32_t at = 0; at < 4; at++) {
        (void)snprintf(site.sites[at].name, sizeof site.sites[at].name, "site-%u", at + 1);
        (void)snprintf(site.sites[at].provider, sizeof site.sites[at].provider, "%s",
                       providers[at]);
        site.sites[at].provider_id = provider_ids[at];
        shard.placement.placement.sites[at] =
            (struct placement_site){.incarnation = at + 1,
                                    .provider_id = provider_ids[at],
                                    .role = at < 3 ? PLACEMENT_VOTER : PLACEMENT_LEARNER};
    }
    shard.log.leader = true;
    shard.log.leader_site_id = 1;
    shard.election_ns = 1000;
    shard.follower_mask = 14;
    for (uint32_t at = 1; at < 4; at++) {
        shard.followers[at] = (struct shard_follower){.matched_log_index = 100 + at,
                                                      .heard_ago_ns = 10,
                                                      .round_trip_ns = 5};
    }
    return 0;
}

static const char *word(const json_t *list, const char *name, const char *key)
{
    size_t index = 0;
    json_t *entry = NULL;
    json_array_foreach(list, index, entry)
    {
        if (strcmp(json_string_value(json_object_get(entry, "name")), name) == 0) {
            return json_string_value(json_object_get(entry, key));
        }
    }
    fail_msg("no %s", name);
    return NULL;
}

static void test_members_and_followers(void **state)
{
    (void)state;
    json_t *json = admin_membership_status(&site, &shard);
    const json_t *members = json_object_get(json, "members");
    assert_int_equal(json_array_size(members), 4);
    assert_string_equal(word(members, "site-3", "role"), "voter");
    assert_string_equal(word(members, "site-4", "role"), "learner");
    assert_string_equal(json_string_value(json_object_get(json, "leader")), "site-1");
    assert_int_equal(json_array_size(json_object_get(json, "prefer")), 2);
    assert_null(json_object_get(json_array_get(members, 0), "matched_log_index"));
    assert_int_equal(
        json_integer_value(json_object_get(json_array_get(members, 2), "matched_log_index")), 102);
    json_decref(json);
}

/* One loss more means something else when somebody is gone already. */
static void test_losses_count_who_is_not_heard(void **state)
{
    (void)state;
    json_t *json = admin_membership_status(&site, &shard);
    assert_string_equal(word(json_object_get(json, "members"), "site-2", "loss"), "harmless");
    assert_string_equal(word(json_object_get(json, "providers"), "gcp", "loss"), "harmless");
    json_decref(json);
    shard.followers[2].heard_ago_ns = UINT64_MAX;
    json = admin_membership_status(&site, &shard);
    assert_string_equal(word(json_object_get(json, "members"), "site-3", "loss"), "harmless");
    assert_string_equal(word(json_object_get(json, "members"), "site-2", "loss"), "endangers");
    assert_string_equal(word(json_object_get(json, "members"), "site-4", "loss"), "harmless");
    assert_string_equal(word(json_object_get(json, "providers"), "aws", "loss"), "endangers");
    json_decref(json);
    /* Who does not lead has heard nobody and accuses nobody. */
    shard.log.leader = false;
    shard.follower_mask = 0;
    json = admin_membership_status(&site, &shard);
    assert_string_equal(word(json_object_get(json, "members"), "site-2", "loss"), "harmless");
    json_decref(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_members_and_followers, setup),
        cmocka_unit_test_setup(test_losses_count_who_is_not_heard, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
