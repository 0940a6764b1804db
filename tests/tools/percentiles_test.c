#include "tools/percentiles.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/test_paths.h"

static void fill(struct histogram *histogram)
{
    histogram_reset(histogram);
    for (uint64_t value = 1; value <= 1000; value++) {
        histogram_record(histogram, value * 1000);
    }
}

static void test_table(void **state)
{
    (void)state;
    static struct histogram histogram;
    static struct histogram empty;
    fill(&histogram);
    histogram_record(&histogram, UINT64_MAX);
    struct percentiles_line lines[] = {{"order to answer", &histogram}, {"nothing", &empty}};
    char text[2048] = {0};
    FILE *file = fmemopen(text, sizeof text, "w");
    assert_non_null(file);
    percentiles_print(file, lines, 2);
    assert_int_equal(fclose(file), 0);
    const char *expected =
        "latency                               count        mean         p50         p90 "
        "        p99       p99.9      p99.99         max\n"
        "order to answer                       1,001      3.59 s      501 us      901 us "
        "     991 us     1.00 ms  60 min 0 s  60 min 0 s\n"
        "                                          1 longer than one hour"
        "\n"
        "nothing                                   0        0 ns        0 ns        0 ns "
        "       0 ns        0 ns        0 ns        0 ns\n";
    assert_string_equal(text, expected);
}

static void check_picture(const char *directory, const char *name, const char *begins)
{
    static struct histogram histogram;
    char path[TEST_PATH_BYTES + 32];
    fill(&histogram);
    struct percentiles_line lines[] = {{"one \"odd\" `name`", &histogram}, {"again", &histogram}};
    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    enum status status = percentiles_picture(path, "title with \"quotes\"", lines, 2);
    if (status == STATUS_NOT_FOUND) {
        print_message("skipped: no gnuplot\n");
        skip();
    }
    assert_int_equal(status, STATUS_OK);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    char head[16] = {0};
    assert_int_equal(fread(head, 1, strlen(begins), file), strlen(begins));
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    assert_true(ftell(file) > 2000);
    assert_int_equal(fclose(file), 0);
    assert_memory_equal(head, begins, strlen(begins));
}

static void test_picture(void **state)
{
    (void)state;
    char directory[TEST_PATH_BYTES];
    test_paths_make(directory, "percentiles");
    check_picture(directory, "a.png", "\x89PNG");
    check_picture(directory, "a.svg", "<?xml");
    test_paths_remove(directory);
}

static void test_picture_refusals(void **state)
{
    (void)state;
    static struct histogram histogram;
    fill(&histogram);
    struct percentiles_line line = {"x", &histogram};
    assert_int_equal(percentiles_picture("a.pdf", "t", &line, 1), STATUS_BAD_ARGUMENT);
    assert_int_equal(percentiles_picture("png", "t", &line, 1), STATUS_BAD_ARGUMENT);
    assert_int_equal(percentiles_picture("a'; system 'x.png", "t", &line, 1), STATUS_BAD_ARGUMENT);
    assert_int_equal(percentiles_picture("a\n.png", "t", &line, 1), STATUS_BAD_ARGUMENT);
    const char *path = getenv("PATH");
    assert_non_null(path);
    char *before = strdup(path);
    assert_int_equal(setenv("PATH", "/nowhere", 1), 0);
    assert_int_equal(percentiles_picture("a.png", "t", &line, 1), STATUS_NOT_FOUND);
    assert_int_equal(setenv("PATH", before, 1), 0);
    free(before);
    assert_int_equal(access("a.png", F_OK), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_picture),
        cmocka_unit_test(test_picture_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
