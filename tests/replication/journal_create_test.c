#include "replication/journal.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "replication/store_head.h"
#include "replication/wal.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/journal_fixture.h"

static struct journal_fixture fixture;
static char text[JOURNAL_ERROR_BYTES];

static int setup(void **state)
{
    (void)state;
    journal_fixture_init(&fixture);
    test_paths_make(fixture.directory, "journal_create");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    journal_fixture_free(&fixture);
    return 0;
}

static enum status create(void)
{
    text[0] = 0;
    return journal_create(&fixture.options, text, sizeof text);
}

static uint32_t count_files(void)
{
    uint32_t count = 0;
    DIR *directory = opendir(fixture.directory);
    assert_non_null(directory);
    while (readdir(directory) != NULL) {
        count++;
    }
    assert_int_equal(closedir(directory), 0);
    return count - 2;
}

static void make_file(const char *name)
{
    char path[2 * TEST_PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/%s", fixture.directory, name);
    int descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, "left over", 9), 9);
    assert_int_equal(close(descriptor), 0);
}

static void remove_file(const char *name)
{
    char path[2 * TEST_PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/%s", fixture.directory, name);
    assert_int_equal(unlink(path), 0);
}

static void test_born(void **state)
{
    (void)state;
    struct journal_id first;
    struct journal_id second;
    struct journal_error error;
    int lock;
    make_file(WAL_NAME ".new"); /* Of an attempt that was interrupted. */
    make_file("store.mdb.new");
    assert_int_equal(create(), STATUS_OK);
    assert_int_equal(count_files(), 4); /* Nothing but the journal. */
    assert_int_equal(journal_id_open(&first, &lock, fixture.directory, true, &error), STATUS_OK);
    assert_int_equal(close(lock), 0);
    assert_string_equal(first.site, JOURNAL_FIXTURE_SITE);
    assert_true(first.cluster_id == JOURNAL_FIXTURE_CLUSTER);

    assert_int_equal(create(), STATUS_EXISTS);
    assert_non_null(strstr(text, JOURNAL_ID_NAME));
    remove_file(JOURNAL_ID_NAME);
    assert_int_equal(create(), STATUS_EXISTS); /* It could be a journal that lost this file. */
    remove_file(WAL_NAME);
    remove_file("store.mdb");
    remove_file(STORE_HEAD_NAME);
    assert_int_equal(create(), STATUS_OK);
    assert_int_equal(journal_id_open(&second, &lock, fixture.directory, true, &error), STATUS_OK);
    assert_int_equal(close(lock), 0);
    assert_memory_not_equal(first.incarnation, second.incarnation, JOURNAL_INCARNATION_BYTES);
}

static void check_refused(enum status expected, const char *sentence)
{
    assert_int_equal(create(), expected);
    assert_non_null(strstr(text, sentence));
    assert_int_equal(count_files(), 0);
}

static void test_bad_options(void **state)
{
    (void)state;
    struct journal_options good = fixture.options;
    fixture.options.wal_bytes = WAL_BYTES_MIN - WAL_ALIGNMENT_BYTES;
    check_refused(STATUS_BAD_ARGUMENT, "wal_bytes");
    fixture.options.wal_bytes = WAL_BYTES_MAX + WAL_ALIGNMENT_BYTES;
    check_refused(STATUS_BAD_ARGUMENT, "wal_bytes");
    fixture.options.wal_bytes = WAL_BYTES_MIN + 1;
    check_refused(STATUS_BAD_ARGUMENT, "wal_bytes");
    fixture.options = good;
    fixture.options.store_bytes = STORE_BYTES_MIN - WAL_ALIGNMENT_BYTES;
    check_refused(STATUS_BAD_ARGUMENT, "store_bytes");
    fixture.options = good;
    fixture.options.site[0] = 0;
    check_refused(STATUS_BAD_ARGUMENT, "site");
    fixture.options = good;
    assert_int_equal(create(), STATUS_OK);
}

static void test_no_directory(void **state)
{
    (void)state;
    char missing[2 * TEST_PATH_BYTES];
    (void)snprintf(missing, sizeof missing, "%s/missing", fixture.directory);
    fixture.options.directory = missing;
    assert_int_equal(create(), STATUS_NOT_FOUND);
    assert_non_null(strstr(text, missing));
}

static void test_tmpfs(void **state)
{
    (void)state;
    char name[] = "/dev/shm/causeway-XXXXXX";
    if (mkdtemp(name) == NULL) {
        print_message("skipped: no tmpfs at /dev/shm\n");
        skip();
    }
    fixture.options.directory = name;
    enum status status = create();
    assert_int_equal(rmdir(name), 0); /* Empty. */
    assert_int_equal(status, STATUS_DENIED);
    assert_non_null(strstr(text, "tmpfs"));
}

/* No room: nothing of the attempt remains, and the next one works. */
static void test_no_space(void **state)
{
    (void)state;
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    static const rlim_t limits[] = {1000, 5000, 1 << 20};
    for (uint32_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        struct rlimit small = {.rlim_cur = limits[i], .rlim_max = before.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
        enum status status = create();
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        assert_int_equal(status, STATUS_NO_SPACE);
        assert_non_null(strstr(text, "free space"));
        assert_int_equal(count_files(), 0);
    }
    assert_int_equal(create(), STATUS_OK);
}

static void test_two_at_once(void **state)
{
    (void)state;
    int directory = open(fixture.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(directory >= 0);
    assert_int_equal(flock(directory, LOCK_EX), 0);
    check_refused(STATUS_IN_USE, "another process");
    assert_int_equal(close(directory), 0);
    assert_int_equal(create(), STATUS_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_born, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_options, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_directory, setup, teardown),
        cmocka_unit_test_setup_teardown(test_tmpfs, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_space, setup, teardown),
        cmocka_unit_test_setup_teardown(test_two_at_once, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
