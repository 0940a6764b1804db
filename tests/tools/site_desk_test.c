/* Who can be asked, and who leads. */
#include "tools/site_desk.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/cmocka_all.h"

static struct site_desk desk;

static void test_files_that_cannot_be_read(void **state)
{
    (void)state;
    assert_int_equal(site_desk_open(&desk, "/nowhere/site.yaml"), STATUS_NOT_FOUND);
    assert_non_null(strstr(desk.error, "/nowhere/site.yaml"));
    site_desk_close(&desk);
    assert_int_equal(site_desk_open(&desk, ","), STATUS_NOT_FOUND);
    site_desk_close(&desk);
}

static void test_the_leader_is_found_or_named(void **state)
{
    (void)state;
    static struct config configs[2];
    memset(&desk, 0, sizeof desk);
    desk.count = 2;
    desk.configs = configs;
    for (uint32_t at = 0; at < 2; at++) {
        desk.heard[at] = true;
        desk.views[at].shard_count = 2;
        (void)snprintf(desk.views[at].sites[4].name, sizeof desk.views[at].sites[4].name, "lon1");
    }
    uint32_t index = 9;
    assert_int_equal(site_desk_leader(&desk, 1, &index), STATUS_NOT_FOUND);
    assert_non_null(strstr(desk.error, "nobody leads shard 1"));
    desk.views[1].shards[0].leader_site_id = 5;
    assert_int_equal(site_desk_leader(&desk, 1, &index), STATUS_NOT_FOUND);
    assert_non_null(strstr(desk.error, "shard 1 is led by lon1"));
    desk.views[1].shards[0].leader = true;
    assert_int_equal(site_desk_leader(&desk, 1, &index), STATUS_OK);
    assert_int_equal(index, 1);
    /* Who is named is asked as well, and does not say so: it will be somebody soon. */
    desk.views[1].shards[0].leader = false;
    memcpy(configs[0].site, "lon1", 5);
    assert_int_equal(site_desk_leader(&desk, 1, &index), STATUS_NOT_YET);
    assert_non_null(strstr(desk.error, "led by lon1 a moment ago"));
    desk.views[1].shards[0].leader = true;
    /* What is said by who is not heard any more is old. */
    desk.heard[1] = false;
    assert_int_equal(site_desk_leader(&desk, 1, &index), STATUS_NOT_FOUND);
    assert_int_equal(site_desk_any(&desk), 0);
}

/* A site that is cut off is heard first: what the leader knows of places and members counts. */
static void test_the_newest_of_all_is_known(void **state)
{
    (void)state;
    static struct site_view view;
    memset(&desk, 0, sizeof desk);
    desk.count = 3;
    for (uint32_t at = 0; at < 3; at++) {
        struct site_view *of_site = &desk.views[at];
        of_site->shard_count = 2;
        (void)snprintf(of_site->sites[0].name, sizeof of_site->sites[0].name, "first");
        desk.heard[at] = at != 2;
    }
    desk.views[1].shards[0].leader = true;
    desk.views[1].shards[0].record.placement.sites[3].role = PLACEMENT_LEARNER;
    desk.views[1].shards[1].record.placement.epoch = 4;
    (void)snprintf(desk.views[1].sites[3].name, sizeof desk.views[1].sites[3].name, "fourth");
    desk.views[1].sites[3].version = 2;
    desk.views[2].shards[1].record.placement.epoch = 5; /* Not heard: it is old. */
    desk.views[0].sites[4].version = 1;
    (void)snprintf(desk.views[0].sites[4].name, sizeof desk.views[0].sites[4].name, "fifth");
    site_desk_newest(&desk, &view);
    assert_true(view.shards[0].leader);
    assert_int_equal(view.shards[0].record.placement.sites[3].role, PLACEMENT_LEARNER);
    assert_true(view.shards[1].record.placement.epoch == 4);
    assert_string_equal(view.sites[3].name, "fourth");
    assert_string_equal(view.sites[4].name, "fifth");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files_that_cannot_be_read),
        cmocka_unit_test(test_the_leader_is_found_or_named),
        cmocka_unit_test(test_the_newest_of_all_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
