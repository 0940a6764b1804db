/* What the logs say of the members: who is one, and when that is all there is to say. What lines
 * are judged by it: members_test.c. */
#include "gateway/members_view.h"

#include <string.h>

#include "tests/support/cmocka_all.h"

static struct placement placements[2];
static struct members_view view;
static struct config config;

static int setup(void **state)
{
    (void)state;
    memset(placements, 0, sizeof placements);
    memset(&config, 0, sizeof config);
    placements[0].sites[0] = (struct placement_site){.role = PLACEMENT_VOTER, .provider_id = 1};
    placements[0].sites[2] = (struct placement_site){.role = PLACEMENT_LEARNER, .provider_id = 2};
    placements[1].sites[0] = placements[0].sites[0];
    placements[1].sites[8] = (struct placement_site){.role = PLACEMENT_VOTER, .provider_id = 3};
    memset(placements[1].sites[8].public_key, 9, PLACEMENT_KEY_BYTES);
    view = (struct members_view){.placements = {&placements[0], &placements[1]},
                                 .count = 2,
                                 .own_site_id = 1};
    return 0;
}

static void test_members_of_any_shard_are_members(void **state)
{
    (void)state;
    assert_int_equal(members_view_mask(&view), 1u | 1u << 2 | 1u << 8);
    assert_true(members_view_has(&view, 9));
    assert_false(members_view_has(&view, 2));
    assert_true(members_view_names_key(&view, placements[1].sites[8].public_key));
    placements[1].sites[8].role = PLACEMENT_ABSENT;
    assert_false(members_view_has(&view, 9));
    assert_false(members_view_names_key(&view, placements[1].sites[8].public_key));
}

static void test_it_is_settled_when_every_shard_is(void **state)
{
    (void)state;
    assert_false(members_view_is_settled(&view));
    view.led = 3;
    view.settled = 1;
    assert_false(members_view_is_settled(&view));
    view.settled = 3;
    assert_true(members_view_is_settled(&view));
}

/* One shard has gone on and names the new member, the other one lags: the new one is right. */
static void test_one_shard_that_names_it_is_enough(void **state)
{
    (void)state;
    struct config_site site = {.provider_id = 4, .version = 2, .name = "new"};
    memset(site.public_key, 7, sizeof site.public_key);
    view.led = 3;
    view.teller = 1;
    config.site_count = 9;
    assert_int_equal(members_view_judge(&view, &config, &site, 9), STATUS_NOT_YET);
    placements[0].sites[8] = (struct placement_site){.role = PLACEMENT_VOTER, .provider_id = 4};
    memset(placements[0].sites[8].public_key, 7, PLACEMENT_KEY_BYTES);
    assert_int_equal(members_view_judge(&view, &config, &site, 9), STATUS_OK);
    site.incarnation[0] = 1;
    assert_int_equal(members_view_judge(&view, &config, &site, 9), STATUS_NOT_YET);
    /* A leader that is heard of one shard of the place is enough to wait for the log. */
    view.led = 1;
    assert_int_equal(members_view_judge(&view, &config, &site, 9), STATUS_NOT_YET);
    view.led = 0;
    assert_int_equal(members_view_judge(&view, &config, &site, 9), STATUS_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_members_of_any_shard_are_members, setup),
        cmocka_unit_test_setup(test_it_is_settled_when_every_shard_is, setup),
        cmocka_unit_test_setup(test_one_shard_that_names_it_is_enough, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
