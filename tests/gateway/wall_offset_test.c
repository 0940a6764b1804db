/* The file of a rehearsed clock: every number, and what is none. */
#include "gateway/wall_offset.h"

#include <stdio.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/text_fixture.h"

static struct text_fixture fixture;

static void numbers(void **state)
{
    (void)state;
    const int64_t values[] = {0, 1, -1, INT64_C(3600000000000), INT64_MIN, INT64_MAX};
    text_fixture_write(&fixture, "offset", "");
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        int64_t read_ns = 77;
        assert_int_equal(wall_offset_write(fixture.path, values[i]), STATUS_OK);
        assert_int_equal(wall_offset_read(fixture.path, &read_ns), STATUS_OK);
        assert_true(read_ns == values[i]);
    }
    int64_t read_ns = 77;
    text_fixture_write(&fixture, "offset", "-7200000000000");
    assert_int_equal(wall_offset_read(fixture.path, &read_ns), STATUS_OK);
    assert_true(read_ns == INT64_C(-7200000000000));
}

static void mistakes(void **state)
{
    (void)state;
    static const char *const texts[] = {"",     "\n",    "1h",
                                        "one",  "1 2\n", "1.5",
                                        "0x10", "--1",   "9223372036854775808"};
    int64_t read_ns = 77;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        text_fixture_write(&fixture, "offset", texts[i]);
        assert_int_equal(wall_offset_read(fixture.path, &read_ns), STATUS_BAD_FORMAT);
        assert_true(read_ns == 77);
    }
    assert_int_equal(unlink(fixture.path), 0);
    assert_int_equal(wall_offset_read(fixture.path, &read_ns), STATUS_NOT_FOUND);
    assert_true(read_ns == 77);
    assert_int_equal(wall_offset_write("/proc/nothing/there", 1), STATUS_NOT_FOUND);
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
    const struct CMUnitTest tests[] = {cmocka_unit_test(numbers), cmocka_unit_test(mistakes)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
