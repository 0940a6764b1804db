/* Who led when, from logs of several sites. */
#include "tools/drill_leaders.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/text_fixture.h"

#define S UINT64_C(1000000000)

static struct text_fixture fixture;
static struct scenario scenario;
static struct drill_leaders leaders;

/* 1970-01-01T00:01:00 is the monotonic clock's zero. */
static void read_log(uint8_t site, const char *text)
{
    text_fixture_write(&fixture, "site.log", text);
    assert_int_equal(drill_leaders_read(&leaders, &scenario, site, fixture.path, 60 * (int64_t)S),
                     STATUS_OK);
}

static void begin(void)
{
    memset(&scenario, 0, sizeof scenario);
    scenario.site_count = 3;
    scenario.shard_count = 2;
    (void)snprintf(scenario.sites[0].name, sizeof scenario.sites[0].name, "one");
    (void)snprintf(scenario.sites[1].name, sizeof scenario.sites[1].name, "two");
    (void)snprintf(scenario.sites[2].name, sizeof scenario.sites[2].name, "twofold");
    leaders.count = 0;
    read_log(0,
             "time=1970-01-01T00:01:01.000000Z level=info event=leader shard=1 term=1 leader=one "
             "here=1 log_index=0\n"
             "time=1970-01-01T00:01:01.500000Z level=info event=leader shard=2 term=4 "
             "leader=twofold here=0 log_index=0\n");
    read_log(1,
             "time=1970-01-01T00:01:01.100000Z level=info event=leader shard=1 term=1 leader=one "
             "here=0 log_index=0\n"
             "time=1970-01-01T00:01:10.250000Z level=info event=leader shard=1 term=1 "
             "leader=none here=0 log_index=9\n"
             "time=1970-01-01T00:01:10.400000Z level=info event=leader shard=1 term=2 leader=two "
             "here=1 log_index=9\n");
    read_log(2, "time=1970-01-01T00:01:01.400000Z level=info event=leader shard=2 term=4 "
                "leader=twofold here=1 log_index=0\n");
    drill_leaders_sort(&leaders);
}

static void in_order(void **state)
{
    (void)state;
    begin();
    assert_int_equal(leaders.count, 6);
    for (uint32_t i = 1; i < leaders.count; i++) {
        assert_true(leaders.changes[i - 1].at_ns <= leaders.changes[i].at_ns);
    }
    assert_true(leaders.changes[0].at_ns == S);
    assert_int_equal(leaders.changes[5].term, 2);
}

static void who_leads(void **state)
{
    (void)state;
    begin();
    assert_int_equal(drill_leaders_at(&leaders, 0, S / 2), DRILL_LEADERS_NONE);
    assert_int_equal(drill_leaders_at(&leaders, 0, 5 * S), 0);
    assert_int_equal(drill_leaders_at(&leaders, 0, 11 * S), 1);
    assert_int_equal(drill_leaders_at(&leaders, 1, 11 * S), 2);
}

static void detected_and_elected(void **state)
{
    (void)state;
    begin();
    struct drill_leaders_course course = drill_leaders_course(&leaders, 0, 10 * S, 20 * S);
    assert_true(course.detected_ns == S / 4);
    assert_true(course.elected_ns == S / 10 * 4);
    course = drill_leaders_course(&leaders, 1, 10 * S, 20 * S); /* It does not move. */
    assert_true(course.detected_ns == 0);
    assert_true(course.elected_ns == 0);
    course = drill_leaders_course(&leaders, 0, 5 * S, 10 * S); /* Before anything happens. */
    assert_true(course.detected_ns == 0);
    assert_true(course.elected_ns == 0);
}

/* Anything else in a log, also what almost is such a line, is passed over. */
static void passed_over(void **state)
{
    (void)state;
    begin();
    uint32_t count = leaders.count;
    read_log(0,
             "event=leader shard=1 term=1 leader=one here=1\n"
             "time=yesterday level=info event=leader shard=1 term=1 leader=one here=1\n"
             "time=1970-01-01T00:01:01.00000Z level=info event=leader shard=1 term=1 leader=one\n"
             "time=1970-01-01T00:00:01.000000Z level=info event=leader shard=1 term=1 leader=one\n"
             "time=1970-01-01T00:01:01.000000Z level=info event=leader shard=3 term=1 leader=one\n"
             "time=1970-01-01T00:01:01.000000Z level=info event=leader shard=0 term=1 leader=one\n"
             "time=1970-01-01T00:01:01.000000Z level=info event=leader shard=1 term=1 leader=on\n"
             "time=1970-01-01T00:01:01.000000Z level=info event=leaders shard=1 term=1 leader=one\n"
             "\n\n"
             "time=1970-01-01T00:01:01.000000Z level=info event=leader shard=1 term=1 leader=one");
    assert_int_equal(leaders.count, count);
    assert_int_equal(drill_leaders_read(&leaders, &scenario, 0, "/nowhere", 0), STATUS_NOT_FOUND);
}

static int set_up(void **state)
{
    (void)state;
    text_fixture_make(&fixture);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    text_fixture_remove(&fixture);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(in_order), cmocka_unit_test(who_leads),
                                       cmocka_unit_test(detected_and_elected),
                                       cmocka_unit_test(passed_over)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
