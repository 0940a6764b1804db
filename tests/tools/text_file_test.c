#include "tools/text_file.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/text_fixture.h"

static int set_up(void **state)
{
    static struct text_fixture fixture;
    text_fixture_make(&fixture);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    text_fixture_remove(*state);
    return 0;
}

/* Reads the whole file, which is the lines 0, 1, 2 ... */
static void check_lines(const char *path, uint64_t lines)
{
    struct text_file file;
    assert_int_equal(text_file_open(&file, path), STATUS_OK);
    bool got = true;
    for (uint64_t line = 0; got; line++) {
        assert_int_equal(text_file_next(&file, &got), STATUS_OK);
        assert_true(got == (line < lines));
        if (got) {
            assert_int_equal(strtoull(file.line, NULL, 10), line);
            assert_int_equal(file.line_number, line + 1);
        }
    }
    assert_int_equal(text_file_close(&file), STATUS_OK);
}

static void write_lines(struct text_fixture *fixture, const char *name, uint64_t lines)
{
    text_fixture_write(fixture, name, "");
    FILE *file = fopen(fixture->path, "w");
    assert_non_null(file);
    for (uint64_t line = 0; line < lines; line++) {
        (void)fprintf(file, "%llu%s", (unsigned long long)line, line % 3 == 0 ? "\r\n" : "\n");
    }
    assert_int_equal(fclose(file), 0);
}

static void test_plain_and_compressed(void **state)
{
    struct text_fixture *fixture = *state;
    write_lines(fixture, "lines", 100000);
    check_lines(fixture->path, 100000);
    const char *const xz[] = {"xz", "-1", "-k", fixture->path, NULL};
    const char *const zstd[] = {"zstd", "-q", "-k", fixture->path, NULL};
    char compressed[TEST_PATH_BYTES + 80];
    if (!text_fixture_run(xz) || !text_fixture_run(zstd)) {
        print_message("skipped: no xz or zstd\n");
        skip();
    }
    (void)snprintf(compressed, sizeof compressed, "%s.xz", fixture->path);
    check_lines(compressed, 100000);
    /* Cut off: all lines that are there come, then the damage shows. */
    assert_int_equal(truncate(compressed, 6000), 0);
    struct text_file file;
    bool got = true;
    assert_int_equal(text_file_open(&file, compressed), STATUS_OK);
    while (got) {
        assert_int_equal(text_file_next(&file, &got), STATUS_OK);
    }
    assert_int_equal(text_file_close(&file), STATUS_BAD_FORMAT);
    assert_non_null(strstr(file.message, "damaged"));
    (void)snprintf(compressed, sizeof compressed, "%s.zst", fixture->path);
    check_lines(compressed, 100000);
    /* Given up early: no complaint. */
    assert_int_equal(text_file_open(&file, compressed), STATUS_OK);
    assert_int_equal(text_file_next(&file, &got), STATUS_OK);
    assert_int_equal(text_file_close(&file), STATUS_OK);
}

static void test_errors_name_file_and_line(void **state)
{
    struct text_fixture *fixture = *state;
    struct text_file file;
    bool got = false;
    assert_int_equal(text_file_open(&file, "/nowhere/x.csv"), STATUS_NOT_FOUND);
    assert_string_equal(file.message, "/nowhere/x.csv: open: No such file or directory");
    text_fixture_write(fixture, "long", "short\n");
    FILE *append = fopen(fixture->path, "a");
    assert_non_null(append);
    for (uint32_t index = 0; index < TEXT_FILE_LINE_MAX; index++) {
        assert_int_equal(fputc('x', append), 'x');
    }
    assert_int_equal(fclose(append), 0);
    assert_int_equal(text_file_open(&file, fixture->path), STATUS_OK);
    assert_int_equal(text_file_next(&file, &got), STATUS_OK);
    assert_int_equal(text_file_next(&file, &got), STATUS_BAD_FORMAT);
    assert_non_null(strstr(file.message, "/long:2: longer than 1023 characters"));
    assert_int_equal(text_file_close(&file), STATUS_OK);
    assert_int_equal(text_file_open(&file, fixture->directory), STATUS_OK);
    assert_int_equal(text_file_next(&file, &got), STATUS_IO);
    assert_int_equal(text_file_close(&file), STATUS_OK);
    text_fixture_write(fixture, "some.xz", "this is not xz\n");
    assert_int_equal(text_file_open(&file, fixture->path), STATUS_OK);
    assert_int_equal(text_file_next(&file, &got), STATUS_OK);
    assert_false(got);
    assert_int_equal(text_file_close(&file), STATUS_BAD_FORMAT);
    const char *path = getenv("PATH");
    assert_non_null(path);
    char *before = strdup(path);
    assert_int_equal(setenv("PATH", "/nowhere", 1), 0);
    assert_int_equal(text_file_open(&file, fixture->path), STATUS_NOT_FOUND);
    assert_int_equal(setenv("PATH", before, 1), 0);
    free(before);
    assert_non_null(strstr(file.message, "install xz-utils"));
}

static void test_zero_byte_is_refused(void **state)
{
    struct text_fixture *fixture = *state;
    text_fixture_write(fixture, "zero", "");
    FILE *out = fopen(fixture->path, "w");
    assert_non_null(out);
    assert_int_equal(fwrite("ab\0c\n", 1, 5, out), 5);
    assert_int_equal(fclose(out), 0);
    struct text_file file;
    bool got = false;
    assert_int_equal(text_file_open(&file, fixture->path), STATUS_OK);
    assert_int_equal(text_file_next(&file, &got), STATUS_BAD_FORMAT);
    assert_int_equal(text_file_close(&file), STATUS_OK);
}

static void test_split(void **state)
{
    (void)state;
    char *fields[3] = {NULL};
    char line[] = "a,,c";
    assert_int_equal(text_file_split(line, fields, 3), 3);
    assert_string_equal(fields[0], "a");
    assert_string_equal(fields[1], "");
    assert_string_equal(fields[2], "c");
    char more[] = "a,b,c,d,";
    assert_int_equal(text_file_split(more, fields, 3), 5);
    assert_string_equal(fields[2], "c");
    char none[] = "";
    assert_int_equal(text_file_split(none, fields, 3), 1);
}

static void check_number(const char *text, uint32_t decimals, uint64_t max, bool good,
                         uint64_t expected)
{
    uint64_t number = 0;
    assert_int_equal(text_file_number(text, decimals, max, &number), good);
    if (good) {
        assert_int_equal(number, expected);
    }
}

static void test_numbers(void **state)
{
    (void)state;
    check_number("0", 0, 0, true, 0);
    check_number("12", 2, UINT64_MAX, true, 1200);
    check_number("12.5", 4, UINT64_MAX, true, 125000);
    check_number("12.3456", 4, UINT64_MAX, true, 123456);
    check_number("12.34567", 4, UINT64_MAX, false, 0);
    check_number("18446744073709551615", 0, UINT64_MAX, true, UINT64_MAX);
    check_number("18446744073709551616", 0, UINT64_MAX, false, 0);
    check_number("1844674407370955162", 1, UINT64_MAX, false, 0);
    check_number("100", 0, 99, false, 0);
    const char *bad[] = {"", "-1", "+1", " 1", "1 ", ".5", "1.2.3", "1e3", "0x10", "1."};
    for (size_t index = 0; index < sizeof bad / sizeof bad[0]; index++) {
        check_number(bad[index], 0, UINT64_MAX, false, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_plain_and_compressed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_errors_name_file_and_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_zero_byte_is_refused, set_up, tear_down),
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
