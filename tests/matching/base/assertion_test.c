#include "matching/base/assertion.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"

/* A failed assertion names its place on stderr and ends the process by SIGABRT; one that holds does
 * not. */
static void test_a_failure_aborts_and_says_where(void **state)
{
    (void)state;
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)dup2(pipes[1], STDERR_FILENO);
        (void)signal(SIGABRT, SIG_DFL);
        ASSERT(pipes[0] >= 0);
        ASSERT(1 + 1 == 3);
        _exit(0);
    }
    (void)close(pipes[1]);
    char said[512] = {0};
    assert_true(read(pipes[0], said, sizeof said - 1) > 0);
    (void)close(pipes[0]);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    assert_non_null(strstr(said, "1 + 1 == 3"));
    assert_non_null(strstr(said, "assertion_test.c:"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_failure_aborts_and_says_where),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
