/* What the verbs make of a membership. */
#include <stdio.h>
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

/* site-1 to site-3 vote, site-4 learns, site-5 is known but no member. */
static void begin_promotion(char *name, const char *instead_of)
{
    static char *names[1];
    memset(&tool, 0, sizeof tool);
    memset(&target, 0, sizeof target);
    for (uint32_t at = 0; at < 5; at++) {
        (void)snprintf(tool.view.sites[at].name, sizeof tool.view.sites[at].name, "site-%u",
                       at + 1);
        target.sites[at].role = at < 3    ? PLACEMENT_VOTER
                                : at == 3 ? PLACEMENT_LEARNER
                                          : PLACEMENT_ABSENT;
    }
    names[0] = name;
    tool.names = names;
    tool.name_count = 1;
    tool.instead_of = instead_of;
}

static void test_one_votes_instead_of_another(void **state)
{
    (void)state;
    char learner[] = "site-4";
    begin_promotion(learner, "site-2");
    assert_true(site_tool_target_promote(&tool, &tool.view, &target));
    assert_int_equal(target.sites[0].role, PLACEMENT_VOTER);
    assert_int_equal(target.sites[1].role, PLACEMENT_LEARNER);
    assert_int_equal(target.sites[3].role, PLACEMENT_VOTER);
    /* Of several; who is no member does not become one. */
    begin_promotion(learner, "site-3,site-5,site-1");
    assert_true(site_tool_target_promote(&tool, &tool.view, &target));
    assert_int_equal(target.sites[0].role, PLACEMENT_LEARNER);
    assert_int_equal(target.sites[1].role, PLACEMENT_VOTER);
    assert_int_equal(target.sites[2].role, PLACEMENT_LEARNER);
    assert_int_equal(target.sites[4].role, PLACEMENT_ABSENT);
    /* A name of nobody, an empty one among others, and one that is longer than names are. */
    static const char *const wrong[] = {
        "site-9", "site-2,", ",site-2", "",
        "site-1111111111111111111111111111111111111111111111111111111111111111111111111111111111"};
    for (size_t at = 0; at < sizeof wrong / sizeof wrong[0]; at++) {
        begin_promotion(learner, wrong[at]);
        assert_false(site_tool_target_promote(&tool, &tool.view, &target));
    }
    char stranger[] = "site-5";
    begin_promotion(stranger, "site-2");
    assert_false(site_tool_target_promote(&tool, &tool.view, &target));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_the_same_site_is_there_already),
        cmocka_unit_test(test_one_votes_instead_of_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
