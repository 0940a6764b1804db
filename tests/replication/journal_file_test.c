#include "replication/journal_file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/test_paths.h"

static char directory[TEST_PATH_BYTES];
static char path[JOURNAL_PATH_BYTES];
static struct journal_error error;
static uint8_t block[JOURNAL_BLOCK_BYTES];
static uint8_t back[JOURNAL_BLOCK_BYTES];

static int setup(void **state)
{
    (void)state;
    test_paths_make(directory, "journal_file");
    return journal_file_path(path, directory, "file", &error) == STATUS_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    test_paths_remove(directory);
    return 0;
}

static void test_create(void **state)
{
    (void)state;
    struct stat found;
    uint64_t bytes = (UINT64_C(3) << 20) + JOURNAL_BLOCK_BYTES;
    memset(block, 0x5A, sizeof block);
    for (int round = 0; round < 2; round++) { /* What stands there is replaced. */
        assert_int_equal(journal_file_create(path, block, 1, bytes, &error), STATUS_OK);
        assert_true(journal_file_exists(path));
        assert_int_equal(stat(path, &found), 0);
        assert_true((uint64_t)found.st_size == bytes);
        assert_true((uint64_t)found.st_blocks * 512 >= bytes); /* Written, no hole. */
        assert_int_equal(found.st_mode & 0777, 0600);
    }
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(descriptor >= 0);
    assert_int_equal(journal_file_block(path, descriptor, 0, back, &error), STATUS_OK);
    assert_memory_equal(back, block, sizeof back);
    memset(block, 0, sizeof block);
    assert_int_equal(journal_file_block(path, descriptor, 768, back, &error), STATUS_OK);
    assert_memory_equal(back, block, sizeof back);
    assert_int_equal(journal_file_block(path, descriptor, 769, back, &error), STATUS_SHORT);
    assert_non_null(strstr(error.text, "too short"));
    assert_int_equal(close(descriptor), 0);
    assert_int_equal(journal_file_sync_directory(directory, &error), STATUS_OK);
}

static void test_failures_name_path_and_remedy(void **state)
{
    (void)state;
    static const struct {
        int error_number;
        enum status status;
    } cases[] = {{ENOSPC, STATUS_NO_SPACE}, {EDQUOT, STATUS_NO_SPACE}, {EFBIG, STATUS_NO_SPACE},
                 {EACCES, STATUS_DENIED},   {EROFS, STATUS_DENIED},    {ENOENT, STATUS_NOT_FOUND},
                 {EEXIST, STATUS_EXISTS},   {EIO, STATUS_IO}};
    for (uint32_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        error.text[0] = 0;
        assert_int_equal(journal_file_failed(&error, "write", path, cases[i].error_number),
                         cases[i].status);
        assert_non_null(strstr(error.text, path));
        assert_non_null(strstr(error.text, strerrordesc_np(cases[i].error_number)));
        assert_non_null(strchr(error.text, ';'));
    }
    memset(block, 0, sizeof block);
    char missing[JOURNAL_PATH_BYTES];
    assert_int_equal(journal_file_path(missing, directory, "no/file", &error), STATUS_OK);
    assert_int_equal(journal_file_create(missing, block, 1, sizeof block, &error),
                     STATUS_NOT_FOUND);
    assert_int_equal(journal_file_sync_directory(missing, &error), STATUS_NOT_FOUND);
    assert_int_equal(journal_file_durable(missing, &error), STATUS_NOT_FOUND);
    char longest[2 * JOURNAL_PATH_BYTES];
    memset(longest, 'd', sizeof longest - 1);
    longest[sizeof longest - 1] = 0;
    assert_int_equal(journal_file_path(missing, longest, "file", &error), STATUS_BAD_ARGUMENT);
}

static void test_size_limit(void **state)
{
    (void)state;
    struct rlimit before;
    memset(block, 0, sizeof block);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    struct rlimit small = {.rlim_cur = 1 << 20, .rlim_max = before.rlim_max};
    assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    enum status status = journal_file_create(path, block, 1, 8 << 20, &error);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(status, STATUS_NO_SPACE);
    assert_non_null(strstr(error.text, "limit"));
}

static void test_memory_is_no_disk(void **state)
{
    (void)state;
    char name[] = "/dev/shm/causeway-XXXXXX";
    if (mkdtemp(name) == NULL) {
        print_message("skipped: no tmpfs at /dev/shm\n");
        skip();
    }
    enum status status = journal_file_durable(name, &error);
    assert_int_equal(rmdir(name), 0);
    assert_int_equal(status, STATUS_DENIED);
    assert_non_null(strstr(error.text, "tmpfs"));
    assert_int_equal(journal_file_durable(directory, &error), STATUS_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_create, setup, teardown),
        cmocka_unit_test_setup_teardown(test_failures_name_path_and_remedy, setup, teardown),
        cmocka_unit_test_setup_teardown(test_size_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_memory_is_no_disk, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
