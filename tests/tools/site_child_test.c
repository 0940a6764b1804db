#include "tools/site_child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/test_paths.h"
#include "tools/wan_space.h"

#define LIMIT_MS 60000u

/* Stands in for causewayd: a script that does what the test wants. */
struct fixture {
    char directory[TEST_PATH_BYTES];
    char program[TEST_PATH_BYTES + 16];
    char log[TEST_PATH_BYTES + 16];
    struct site_child child;
};

static void fixture_create(struct fixture *fixture, const char *script)
{
    test_paths_make(fixture->directory, "site_child");
    (void)snprintf(fixture->program, sizeof fixture->program, "%s/program", fixture->directory);
    (void)snprintf(fixture->log, sizeof fixture->log, "%s/log", fixture->directory);
    FILE *file = fopen(fixture->program, "we");
    assert_non_null(file);
    (void)fprintf(file, "#!/bin/sh\n%s\n", script);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(fixture->program, 0700), 0);
    site_child_init(&fixture->child, fixture->program, "the.yaml", fixture->log);
}

static void fixture_destroy(struct fixture *fixture)
{
    site_child_kill(&fixture->child);
    test_paths_remove(fixture->directory);
}

/* Ready, killed, started again: the word of the first life does not count for the second. */
static void test_life(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_create(&fixture, "echo event=ready >&2; exec tail -f /dev/null");
    for (uint32_t life = 1; life <= 3; life++) {
        assert_int_equal(site_child_start(&fixture.child), STATUS_OK);
        assert_int_equal(site_child_wait(&fixture.child, LIMIT_MS), STATUS_OK);
        pid_t pid = fixture.child.pid;
        site_child_kill(&fixture.child);
        assert_int_equal(fixture.child.exit_status, 128 + SIGKILL);
        assert_int_equal(fixture.child.pid, 0);
        assert_int_equal(kill(pid, 0), -1);
        assert_int_equal(errno, ESRCH);
        assert_int_equal(site_child_look(&fixture.child), STATUS_CLOSED);
        assert_int_equal(fixture.child.starts, life);
    }
    fixture_destroy(&fixture);
}

/* The former life's log does not pass for this one's. */
static void test_old_log(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_create(&fixture, "exec tail -f /dev/null");
    FILE *log = fopen(fixture.log, "we");
    assert_non_null(log);
    (void)fprintf(log, "event=ready\n");
    assert_int_equal(fclose(log), 0);
    assert_int_equal(site_child_start(&fixture.child), STATUS_OK);
    assert_int_equal(site_child_wait(&fixture.child, 50), STATUS_TIMEOUT);
    fixture_destroy(&fixture);
}

static void test_stop(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_create(&fixture,
                   "[ \"$1 $2\" = '--config the.yaml' ] || exit 9\n"
                   "trap 'exit 5' TERM\necho event=ready >&2\nwhile :; do sleep 0.01; done");
    assert_int_equal(site_child_start(&fixture.child), STATUS_OK);
    assert_int_equal(site_child_wait(&fixture.child, LIMIT_MS), STATUS_OK);
    assert_int_equal(site_child_stop(&fixture.child, LIMIT_MS), 5);
    fixture_destroy(&fixture);

    fixture_create(&fixture, "trap '' TERM\necho event=ready >&2\nwhile :; do sleep 0.01; done");
    assert_int_equal(site_child_start(&fixture.child), STATUS_OK);
    assert_int_equal(site_child_wait(&fixture.child, LIMIT_MS), STATUS_OK);
    assert_int_equal(site_child_stop(&fixture.child, 20), 128 + SIGKILL);
    fixture_destroy(&fixture);
}

static void test_ends_early(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_create(&fixture, "echo event=cannot-start error=\\\"no\\\" >&2; exit 3");
    assert_int_equal(site_child_start(&fixture.child), STATUS_OK);
    assert_int_equal(site_child_wait(&fixture.child, LIMIT_MS), STATUS_CLOSED);
    assert_int_equal(fixture.child.exit_status, 3);
    char words[128];
    site_child_last_words(&fixture.child, words, sizeof words);
    assert_string_equal(words, "event=cannot-start error=\"no\"");
    fixture_destroy(&fixture);
}

static void test_no_program(void **state)
{
    (void)state;
    struct site_child child;
    site_child_init(&child, "/nowhere/causewayd", "x", "/nowhere/log");
    assert_int_equal(site_child_start(&child), STATUS_NOT_FOUND);
    assert_int_equal(child.pid, 0);
}

/* The letter of its state in /proc, when it is one of `wanted` or a minute has gone by. */
static char state_of(pid_t pid, const char *wanted)
{
    char path[64];
    char letter = '?';
    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    const time_t limit = time(NULL) + 60;
    while (strchr(wanted, letter) == NULL && time(NULL) < limit) {
        FILE *file = fopen(path, "re");
        assert_non_null(file);
        assert_int_equal(fscanf(file, "%*d (%*[^)]) %c", &letter), 1);
        (void)fclose(file);
    }
    return letter;
}

static void test_frozen(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_create(&fixture, "echo event=ready >&2; exec tail -f /dev/null");
    site_child_freeze(&fixture.child); /* Not running: nothing. */
    site_child_ask(&fixture.child);
    assert_int_equal(site_child_start(&fixture.child), STATUS_OK);
    assert_int_equal(site_child_wait(&fixture.child, LIMIT_MS), STATUS_OK);
    site_child_freeze(&fixture.child);
    assert_int_equal(state_of(fixture.child.pid, "T"), 'T');
    assert_int_equal(site_child_look(&fixture.child), STATUS_OK);
    site_child_thaw(&fixture.child);
    assert_int_not_equal(state_of(fixture.child.pid, "SR"), 'T');
    site_child_ask(&fixture.child);
    uint64_t looks = 0;
    const time_t limit = time(NULL) + 60;
    while (site_child_look(&fixture.child) == STATUS_OK && time(NULL) < limit) {
        looks++;
    }
    assert_int_equal(site_child_look(&fixture.child), STATUS_CLOSED);
    assert_int_equal(fixture.child.exit_status, 128 + SIGTERM);
    fixture_destroy(&fixture);
}

/* In a namespace of its own: another inode than this process's. */
static void test_elsewhere(void **state)
{
    (void)state;
    struct fixture fixture;
    struct wan_space space;
    char reason[WAN_SPACE_ERROR_BYTES];
    char line[256] = "";
    char own[256] = "";
    if (wan_space_permit(reason) != STATUS_OK) {
        print_message("skipped: no privileges: %s\n", reason);
        skip();
    }
    assert_int_equal(wan_space_open(&space, 0x0A630001, 24, reason), STATUS_OK);
    fixture_create(&fixture, "readlink /proc/self/ns/net >&2; echo event=ready >&2\n"
                             "exec tail -f /dev/null");
    fixture.child.namespace_fd = space.namespace_fd;
    assert_int_equal(site_child_start(&fixture.child), STATUS_OK);
    assert_int_equal(site_child_wait(&fixture.child, LIMIT_MS), STATUS_OK);
    FILE *log = fopen(fixture.log, "re");
    assert_non_null(log);
    assert_non_null(fgets(line, sizeof line, log));
    (void)fclose(log);
    assert_true(readlink("/proc/self/ns/net", own, sizeof own - 1) > 0);
    assert_int_equal(strncmp(line, "net:[", 5), 0);
    assert_int_not_equal(strncmp(line, own, strlen(own)), 0);
    fixture_destroy(&fixture);
    wan_space_close(&space);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_life),       cmocka_unit_test(test_old_log),
        cmocka_unit_test(test_stop),       cmocka_unit_test(test_ends_early),
        cmocka_unit_test(test_no_program), cmocka_unit_test(test_frozen),
        cmocka_unit_test(test_elsewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
