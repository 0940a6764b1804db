/* Small texts that are replaced as a whole. */
#include "gateway/data_file.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/test_paths.h"

static char directory[TEST_PATH_BYTES];

static int setup(void **state)
{
    (void)state;
    test_paths_make(directory, "data_file");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    test_paths_remove(directory);
    return 0;
}

static void in_directory(char path[static TEST_PATH_BYTES + 16], const char *name)
{
    (void)snprintf(path, TEST_PATH_BYTES + 16, "%s/%s", directory, name);
}

static void expect_file(const char *name, const char *text)
{
    char path[TEST_PATH_BYTES + 16];
    char found[64] = "";
    in_directory(path, name);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    found[fread(found, 1, sizeof found - 1, file)] = '\0';
    assert_int_equal(fclose(file), 0);
    assert_string_equal(found, text);
}

static void test_written_and_replaced(void **state)
{
    (void)state;
    struct journal_error why = {""};
    struct stat found;
    char path[TEST_PATH_BYTES + 16];
    assert_int_equal(data_file_write(directory, "text", "one, a longer one", &why), STATUS_OK);
    expect_file("text", "one, a longer one");
    in_directory(path, "text");
    assert_int_equal(stat(path, &found), 0);
    assert_int_equal(found.st_mode & 0777, 0600);
    in_directory(path, "text.new"); /* Of a crash. */
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs("half of something that was never finished", file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(data_file_write(directory, "text", "two", &why), STATUS_OK);
    expect_file("text", "two");
    assert_int_equal(access(path, F_OK), -1);
}

/* The former text stays. */
static void test_failures(void **state)
{
    (void)state;
    struct journal_error why = {""};
    char path[TEST_PATH_BYTES + 16];
    assert_int_equal(data_file_write(directory, "text", "one", &why), STATUS_OK);
    in_directory(path, "text.new");
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_not_equal(data_file_write(directory, "text", "two", &why), STATUS_OK);
    assert_non_null(strstr(why.text, "cannot write"));
    expect_file("text", "one");
    in_directory(path, "none");
    assert_int_equal(data_file_write(path, "text", "two", &why), STATUS_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_written_and_replaced, setup, teardown),
        cmocka_unit_test_setup_teardown(test_failures, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
