#include "gateway/log.h"

#include <string.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"

/* What log_line() writes to stderr for one call. */
static size_t logged(char *target, size_t target_bytes, const char *text)
{
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    int saved = dup(STDERR_FILENO);
    (void)dup2(pipes[1], STDERR_FILENO);
    log_line(LOG_LEVEL_WARN, "store-filling", "used_bytes=%d text=\"%s\"", 42, text);
    (void)dup2(saved, STDERR_FILENO);
    (void)close(saved);
    (void)close(pipes[1]);
    ssize_t bytes = read(pipes[0], target, target_bytes - 1);
    assert_true(bytes > 0);
    target[bytes] = '\0';
    (void)close(pipes[0]);
    return (size_t)bytes;
}

static void test_one_line_of_keys_and_values(void **state)
{
    (void)state;
    char line[2048];
    size_t bytes = logged(line, sizeof line, "x");
    assert_int_equal(strncmp(line, "time=20", 7), 0);
    assert_non_null(strstr(line, "Z level=warn event=store-filling used_bytes=42 text=\"x\"\n"));
    assert_ptr_equal(strchr(line, '\n'), line + bytes - 1);
}

static void test_a_long_line_is_cut_and_still_ends(void **state)
{
    (void)state;
    char text[4000];
    memset(text, 'y', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    char line[2048];
    size_t bytes = logged(line, sizeof line, text);
    assert_in_range(bytes, 1500, 1600);
    assert_int_equal(line[bytes - 1], '\n');
    assert_int_equal(line[bytes - 2], 'y');
    assert_null(memchr(line, '\0', bytes));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_line_of_keys_and_values),
        cmocka_unit_test(test_a_long_line_is_cut_and_still_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
