#include "tools/progress.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/test_paths.h"

#define NS_A_S UINT64_C(1000000000)

/* What `mode` says over three seconds, asked a hundred times a second, when stderr is a file. */
static void said(enum progress_mode mode, char *text, size_t text_bytes)
{
    char directory[TEST_PATH_BYTES];
    char path[TEST_PATH_BYTES + 16];
    test_paths_make(directory, "progress");
    (void)snprintf(path, sizeof path, "%s/said", directory);
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    int before = dup(STDERR_FILENO);
    assert_true(file >= 0 && before >= 0);
    (void)fflush(stderr);
    assert_true(dup2(file, STDERR_FILENO) >= 0);

    struct progress progress;
    progress_start(&progress, mode);
    for (uint64_t now_ns = NS_A_S; now_ns < 4 * NS_A_S; now_ns += NS_A_S / 100) {
        if (progress_due(&progress, now_ns)) {
            progress_line(&progress, now_ns, "at %u s", (unsigned)(now_ns / NS_A_S));
        }
    }
    progress_end(&progress);

    assert_true(dup2(before, STDERR_FILENO) >= 0);
    ssize_t bytes = pread(file, text, text_bytes - 1, 0);
    assert_true(bytes >= 0);
    text[bytes] = '\0';
    (void)close(before);
    (void)close(file);
    test_paths_remove(directory);
}

static void test_lines(void **state)
{
    (void)state;
    char text[256];
    said(PROGRESS_LINES, text, sizeof text);
    assert_string_equal(text, "at 1 s\nat 2 s\nat 3 s\n");
    said(PROGRESS_TERMINAL, text, sizeof text);
    assert_string_equal(text, "");
    said(PROGRESS_OFF, text, sizeof text);
    assert_string_equal(text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_lines)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
