#include "gateway/admin_token.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "matching/base/assertion.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/test_paths.h"

#define GOOD "abcdefghijklmnop"

static char directory[TEST_PATH_BYTES];

static enum status read_file(const char *content, mode_t mode, char *text, char *error)
{
    char path[TEST_PATH_BYTES + 16];
    (void)snprintf(path, sizeof path, "%s/token", directory);
    (void)unlink(path);
    int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    ASSERT(file >= 0);
    ASSERT(write(file, content, strlen(content)) == (ssize_t)strlen(content));
    ASSERT(fchmod(file, mode) == 0);
    ASSERT(close(file) == 0);
    return admin_token_read(text, path, error, 256);
}

static void one_line_is_read(void **state)
{
    (void)state;
    char text[ADMIN_TOKEN_BYTES_MAX + 1];
    char error[256];
    assert_int_equal(read_file(GOOD "\n", 0600, text, error), STATUS_OK);
    assert_string_equal(text, GOOD);
    assert_int_equal(read_file(GOOD, 0400, text, error), STATUS_OK);
    assert_string_equal(text, GOOD);
    char longest[ADMIN_TOKEN_BYTES_MAX + 2];
    memset(longest, 'x', sizeof longest);
    longest[ADMIN_TOKEN_BYTES_MAX] = '\0';
    assert_int_equal(read_file(longest, 0600, text, error), STATUS_OK);
    longest[ADMIN_TOKEN_BYTES_MAX] = 'x';
    longest[ADMIN_TOKEN_BYTES_MAX + 1] = '\0';
    assert_int_equal(read_file(longest, 0600, text, error), STATUS_BAD_FORMAT);
}

static void bad_files_are_refused(void **state)
{
    (void)state;
    char text[ADMIN_TOKEN_BYTES_MAX + 1] = "untouched";
    char error[256];
    assert_int_equal(read_file(GOOD, 0640, text, error), STATUS_DENIED);
    assert_non_null(strstr(error, "chmod 600"));
    assert_int_equal(read_file(GOOD, 0604, text, error), STATUS_DENIED);
    assert_int_equal(read_file("", 0600, text, error), STATUS_BAD_FORMAT);
    assert_int_equal(read_file("short\n", 0600, text, error), STATUS_BAD_FORMAT);
    assert_int_equal(read_file(GOOD "\n" GOOD, 0600, text, error), STATUS_BAD_FORMAT);
    assert_int_equal(read_file("abcdefgh abcdefghij", 0600, text, error), STATUS_BAD_FORMAT);
    assert_int_equal(admin_token_read(text, "no/such/file", error, sizeof error), STATUS_NOT_FOUND);
    assert_string_equal(text, "untouched");
}

static void only_the_token_matches(void **state)
{
    (void)state;
    struct admin_token token;
    admin_token_set(&token, GOOD);
    assert_true(admin_token_matches(&token, "Bearer " GOOD));
    assert_false(admin_token_matches(&token, NULL));
    assert_false(admin_token_matches(&token, ""));
    assert_false(admin_token_matches(&token, GOOD));
    assert_false(admin_token_matches(&token, "Bearer "));
    assert_false(admin_token_matches(&token, "Basic " GOOD));
    assert_false(admin_token_matches(&token, "Bearer " GOOD "q"));
    /* Each single character counts. */
    for (size_t i = 0; i < strlen(GOOD); i++) {
        char guess[] = "Bearer " GOOD;
        guess[strlen("Bearer ") + i] ^= 1;
        assert_false(admin_token_matches(&token, guess));
    }
    char huge[4096];
    memset(huge, 'x', sizeof huge - 1);
    memcpy(huge, "Bearer ", 7);
    huge[sizeof huge - 1] = '\0';
    assert_false(admin_token_matches(&token, huge));
}

static int setup(void **state)
{
    (void)state;
    test_paths_make(directory, "token");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    test_paths_remove(directory);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_line_is_read),
        cmocka_unit_test(bad_files_are_refused),
        cmocka_unit_test(only_the_token_matches),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
