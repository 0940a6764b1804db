/* An operator's commands: one after the other, the second only behind a good first, ended at will.
 */
#include "tools/drill_operator.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/text_fixture.h"

static struct text_fixture fixture;
static char log_path[TEST_PATH_BYTES + 16];

static enum status run_often(const char *const first[], const char *const second[], uint32_t tries)
{
    const char *const *const commands[] = {first, second, NULL};
    struct drill_operator worker = {.pid = 0};
    siginfo_t info;
    (void)remove(log_path);
    assert_int_equal(drill_operator_start(&worker, "/bin/sh", log_path, commands, tries),
                     STATUS_OK);
    assert_int_equal(waitid(P_PID, (id_t)worker.pid, &info, WEXITED | WNOWAIT), 0);
    enum status status = drill_operator_look(&worker);
    assert_int_equal(worker.pid, 0);
    return status;
}

static enum status run(const char *const first[], const char *const second[])
{
    return run_often(first, second, 1);
}

static void said(const char *words)
{
    char text[64] = "";
    FILE *file = fopen(log_path, "re");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    assert_int_equal(fclose(file), 0);
    assert_string_equal(text, words);
}

static void one_after_the_other(void **state)
{
    (void)state;
    const char *const one[] = {"-c", "echo one", NULL};
    const char *const two[] = {"-c", "echo two >&2", NULL};
    const char *const wrong[] = {"-c", "echo wrong; exit 3", NULL};
    const char *const killed[] = {"-c", "kill -9 $$", NULL};
    assert_int_equal(run(one, NULL), STATUS_OK);
    said("one\n");
    assert_int_equal(run(one, two), STATUS_OK);
    said("one\ntwo\n");
    assert_int_equal(run(wrong, two), STATUS_IO);
    said("wrong\n");
    assert_int_equal(run(one, wrong), STATUS_IO);
    assert_int_equal(run(killed, two), STATUS_IO);
    said("");
}

/* What fails at first is tried again. */
static void tried_again(void **state)
{
    (void)state;
    char command[2 * TEST_PATH_BYTES + 64];
    (void)snprintf(command, sizeof command, "test -e %s/x || { echo no; touch %s/x; exit 1; }",
                   fixture.directory, fixture.directory);
    const char *const second_time[] = {"-c", command, NULL};
    const char *const after[] = {"-c", "echo after", NULL};
    assert_int_equal(run_often(second_time, after, 2), STATUS_OK);
    said("no\nafter\n");
}

static void ended(void **state)
{
    (void)state;
    const char *const long_one[] = {"-c", "exec sleep 600", NULL};
    const char *const *const commands[] = {long_one, NULL};
    struct drill_operator worker = {.pid = 0};
    const uint32_t tries = 1;
    assert_int_equal(drill_operator_start(&worker, "/bin/sh", log_path, commands, tries),
                     STATUS_OK);
    assert_int_equal(drill_operator_look(&worker), STATUS_NOT_YET);
    drill_operator_end(&worker);
    assert_int_equal(worker.pid, 0);
    drill_operator_end(&worker); /* Nobody is there any more. */
}

/* The process that says its number in the log. */
static pid_t said_pid(void)
{
    const time_t limit = time(NULL) + 60;
    int pid = 0;
    int fields = 0;
    char end = 0;
    while (fields != 2 || end != '\n') {
        FILE *file = fopen(log_path, "re");
        assert_non_null(file);
        fields = fscanf(file, "%d%c", &pid, &end);
        assert_int_equal(fclose(file), 0);
        assert_true(time(NULL) < limit);
    }
    return (pid_t)pid;
}

/* What an operator runs goes with it: nothing of a drill that was ended works on at its sites. */
static void ended_with_all(void **state)
{
    (void)state;
    const char *const long_one[] = {"-c", "echo $$; exec sleep 600", NULL};
    const char *const *const commands[] = {long_one, NULL};
    struct drill_operator worker = {.pid = 0};
    siginfo_t info = {.si_pid = 0};
    /* Whom the operator leaves behind becomes a child of this process. */
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    (void)remove(log_path);
    assert_int_equal(drill_operator_start(&worker, "/bin/sh", log_path, commands, 1), STATUS_OK);
    const pid_t left = said_pid();
    assert_true(left != worker.pid);
    assert_int_equal(kill(left, 0), 0);
    drill_operator_end(&worker);
    const time_t limit = time(NULL) + 60;
    while (info.si_pid == 0) {
        assert_int_equal(waitid(P_PID, (id_t)left, &info, WEXITED | WNOHANG), 0);
        assert_true(time(NULL) < limit);
    }
    assert_int_equal(info.si_code, CLD_KILLED);
    assert_int_equal(info.si_status, SIGKILL);
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0), 0);
}

static int set_up(void **state)
{
    (void)state;
    text_fixture_make(&fixture);
    (void)snprintf(log_path, sizeof log_path, "%s/log", fixture.directory);
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
    const struct CMUnitTest tests[] = {cmocka_unit_test(one_after_the_other),
                                       cmocka_unit_test(tried_again), cmocka_unit_test(ended),
                                       cmocka_unit_test(ended_with_all)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
