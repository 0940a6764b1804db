/* What a site's log says of its markets. */
#include "tools/drill_log.h"

#include "tests/support/cmocka_all.h"
#include "tests/support/text_fixture.h"

static struct text_fixture fixture;

static void last_word(void **state)
{
    (void)state;
    struct drill_log_market market = {.commands = 7};
    text_fixture_write(&fixture, "one.log",
                       "time=1 level=info event=executed shard=1 commands=5 open_orders=0 "
                       "event_hash=00000000000000aa\n"
                       "time=2 level=info event=recovered shard=1 commands=6 open_orders=0 "
                       "event_hash=00000000000000bb\n"
                       "time=3 level=info event=executed shard=11 commands=8 open_orders=0 "
                       "event_hash=00000000000000cc\n"
                       "time=4 level=info event=executed shard=1 commands=9 open_orders=0 "
                       "event_hash=00000000000000dd\n"
                       "time=5 level=info event=executed shard=1 commands=10 open_orders=0 "
                       "event_hash=00000000000000ee");
    assert_int_equal(drill_log_market(fixture.path, "executed", 1, &market), STATUS_OK);
    assert_int_equal(market.commands, 9); /* The last line is not whole. */
    assert_string_equal(market.event_hash, "00000000000000dd");
    assert_int_equal(drill_log_market(fixture.path, "recovered", 1, &market), STATUS_OK);
    assert_int_equal(market.commands, 6);
    assert_int_equal(drill_log_market(fixture.path, "executed", 11, &market), STATUS_OK);
    assert_string_equal(market.event_hash, "00000000000000cc");
    assert_int_equal(drill_log_market(fixture.path, "executed", 2, &market), STATUS_NOT_FOUND);
    assert_int_equal(drill_log_market("/nowhere", "executed", 1, &market), STATUS_NOT_FOUND);
    assert_int_equal(market.commands, 8);
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
    const struct CMUnitTest tests[] = {cmocka_unit_test(last_word)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
