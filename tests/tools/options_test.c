#include "tools/options.h"

#include <string.h>

#include "matching/base/assertion.h"
#include "tests/support/cmocka_all.h"

struct options_fixture {
    bool verbose;
    bool rate_given;
    const char *file;
    uint64_t rate;
    uint64_t time_ns;
    uint64_t bytes;
};

static enum options_result run(struct options_fixture *fixture, int *operand, int argc, char **argv)
{
    const struct option_row rows[] = {
        {"verbose", 'v', OPTION_FLAG, &fixture->verbose, NULL, "Say more.", 0, 0, NULL},
        {"file", 'f', OPTION_TEXT, &fixture->file, "FILE", "Input.", 0, 0, NULL},
        {"rate", 'r', OPTION_COUNT, &fixture->rate, "RATE", "Orders a second, 1 .. 1M.", 1, 1000000,
         &fixture->rate_given},
        {"time", 't', OPTION_DURATION, &fixture->time_ns, "DURATION", "How long.", 0, 0, NULL},
        {"bytes", 0, OPTION_SIZE, &fixture->bytes, "SIZE", "Room.", 0, 0, NULL},
    };
    const struct options_command command = {.name = "test",
                                            .operands = "DIR",
                                            .operands_min = 1,
                                            .operands_max = 2,
                                            .summary = "Tests.",
                                            .rows = rows,
                                            .row_count = 5};
    return options_parse(&command, argc, argv, operand);
}

#define RUN(fixture, operand, ...)                                                                 \
    run(fixture, operand, (int)(sizeof((char *[]){"test", __VA_ARGS__}) / sizeof(char *)),         \
        (char *[]){"test", __VA_ARGS__, NULL})

static void test_values_and_operands(void **state)
{
    (void)state;
    struct options_fixture fixture = {.rate = 7};
    int operand = 0;
    assert_int_equal(RUN(&fixture, &operand, "one", "--rate", "50k", "-v", "--time=1.5s", "two",
                         "-f", "x.csv", "--bytes", "64MiB"),
                     OPTIONS_GO);
    assert_true(fixture.verbose);
    assert_true(fixture.rate_given);
    assert_int_equal(fixture.rate, 50000);
    assert_int_equal(fixture.time_ns, 1500000000);
    assert_int_equal(fixture.bytes, 64u << 20);
    assert_string_equal(fixture.file, "x.csv");
    assert_int_equal(operand, 9);
}

static void test_defaults_stay(void **state)
{
    (void)state;
    struct options_fixture fixture = {.rate = 7};
    int operand = 0;
    assert_int_equal(RUN(&fixture, &operand, "--", "--rate"), OPTIONS_GO);
    assert_int_equal(fixture.rate, 7);
    assert_false(fixture.rate_given);
    assert_int_equal(operand, 2);
}

static void test_help(void **state)
{
    (void)state;
    struct options_fixture fixture = {.rate = 7};
    int operand = 0;
    assert_int_equal(RUN(&fixture, &operand, "--help"), OPTIONS_HELP);
    assert_int_equal(RUN(&fixture, &operand, "-h"), OPTIONS_HELP);
}

static void test_wrong(void **state)
{
    (void)state;
    struct options_fixture fixture = {.rate = 7};
    int operand = 0;
    assert_int_equal(RUN(&fixture, &operand, "--rte", "5", "dir"), OPTIONS_WRONG);
    assert_int_equal(RUN(&fixture, &operand, "-x", "dir"), OPTIONS_WRONG);
    assert_int_equal(RUN(&fixture, &operand, "dir", "--rate"), OPTIONS_WRONG);
    assert_int_equal(RUN(&fixture, &operand, "dir", "-f"), OPTIONS_WRONG);
    assert_int_equal(RUN(&fixture, &operand, "dir", "--verbose=yes"), OPTIONS_WRONG);
    assert_int_equal(RUN(&fixture, &operand, "dir", "--rate", "0"), OPTIONS_WRONG);
    assert_int_equal(RUN(&fixture, &operand, "dir", "--rate", "2M"), OPTIONS_WRONG);
    assert_int_equal(RUN(&fixture, &operand, "dir", "--rate", "many"), OPTIONS_WRONG);
    assert_int_equal(RUN(&fixture, &operand, "dir", "--time", "10"), OPTIONS_WRONG);
    assert_int_equal(RUN(&fixture, &operand, "-v"), OPTIONS_WRONG);
    assert_int_equal(RUN(&fixture, &operand, "a", "b", "c"), OPTIONS_WRONG);
    assert_int_equal(fixture.rate, 7);
    assert_int_equal(fixture.time_ns, 0);
}

static void test_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum status (*parse)(const char *, uint64_t *);
        uint64_t value;
    } good[] = {
        {"0", options_count_parse, 0},
        {"18446744073709551615", options_count_parse, UINT64_MAX},
        {"1.5k", options_count_parse, 1500},
        {"0.0005k", options_count_parse, 0},
        {"2M", options_count_parse, 2000000},
        {"1ns", options_duration_parse, 1},
        {"250us", options_duration_parse, 250000},
        {"1.25m", options_duration_parse, 75000000000u},
        {"2h", options_duration_parse, 7200000000000u},
        {"1B", options_size_parse, 1},
        {"1kB", options_size_parse, 1000},
        {"1KiB", options_size_parse, 1024},
        {"0.5GiB", options_size_parse, 536870912},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        uint64_t value = 1;
        assert_int_equal(good[i].parse(good[i].text, &value), STATUS_OK);
        assert_int_equal(value, good[i].value);
    }
    static const char *const bad[] = {"",
                                      "k",
                                      "-1",
                                      "+1",
                                      "1kk",
                                      "1 k",
                                      "1.k",
                                      "1.s",
                                      "0x1",
                                      " 1",
                                      "1K",
                                      "1.1234567k",
                                      "1e3",
                                      "99999999999999999999",
                                      "99999999999999999G"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint64_t value = 42;
        assert_int_equal(options_count_parse(bad[i], &value), STATUS_BAD_FORMAT);
        assert_int_equal(options_duration_parse(bad[i], &value), STATUS_BAD_FORMAT);
        assert_int_equal(value, 42);
    }
}

static void test_hints(void **state)
{
    (void)state;
    static const char *const words[] = {"replay", "load", "drill", "journal", NULL};
    assert_string_equal(options_nearest("laod", words), "load");
    assert_string_equal(options_nearest("repaly", words), "replay");
    assert_string_equal(options_nearest("dril", words), "drill");
    assert_null(options_nearest("something", words));
    assert_null(options_nearest("averyveryveryveryveryverylongword", words));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_and_operands),
        cmocka_unit_test(test_defaults_stay),
        cmocka_unit_test(test_help),
        cmocka_unit_test(test_wrong),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_hints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
