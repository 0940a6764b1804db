/* What the verbs make of a membership. */
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tools/site_tool.h"

static struct site_tool tool;
static struct placement target;

static void test_only_the_same_site_is_there_already(void **state)
{
    (void)state;
    memset(&tool, 0, sizeof tool);
    memset(&target, 0, sizeof target);
    tool.join.site_id = 4;
    tool.join.site.incarnation[0] = 9;
    tool.join.site.provider_id = 2;
    tool.join.site.public_key[0] = 1;
    assert_true(site_tool_target_add(&tool, &tool.view, &target));
    const struct placement_site *place = &target.sites[3];
    assert_int_equal(place->role, PLACEMENT_LEARNER);
    assert_true(place->incarnation == 9);
    struct placement before = target;
    assert_true(site_tool_target_add(&tool, &tool.view, &target)); /* Nothing to change. */
    assert_memory_equal(&target, &before, sizeof target);
    /* Somebody else's journal, or key, has the place: that is no success. */
    tool.join.site.incarnation[0] = 10;
    assert_false(site_tool_target_add(&tool, &tool.view, &target));
    tool.join.site.incarnation[0] = 9;
    tool.join.site.public_key[0] = 2;
    assert_false(site_tool_target_add(&tool, &tool.view, &target));
    assert_memory_equal(&target, &before, sizeof target);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_the_same_site_is_there_already),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
