#include "replication/journal_id.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/test_paths.h"

static char directory[TEST_PATH_BYTES];
static char path[JOURNAL_PATH_BYTES];
static struct journal_error error;
static struct journal_id example;

static int setup(void **state)
{
    (void)state;
    test_paths_make(directory, "journal_id");
    example = (struct journal_id){.cluster_id = UINT64_C(0x1122334455667788),
                                  .site = "aws-use1",
                                  .wal_bytes = UINT64_C(64) << 20,
                                  .store_bytes = UINT64_C(1) << 30};
    memset(example.incarnation, 0xC3, sizeof example.incarnation);
    if (journal_file_path(path, directory, JOURNAL_ID_NAME, &error) != STATUS_OK) {
        return -1;
    }
    return journal_id_create(path, &example, &error) == STATUS_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    test_paths_remove(directory);
    return 0;
}

static void test_layout(void **state)
{
    (void)state;
    uint8_t block[JOURNAL_BLOCK_BYTES];
    journal_id_store(block, &example);
    uint8_t expected[96] = {0};
    memcpy(expected, "cwjid  1", 8);
    memset(expected + 8, 0xC3, 16);
    memcpy(expected + 24, "\x88\x77\x66\x55\x44\x33\x22\x11", 8);
    memcpy(expected + 32, "aws-use1", 8);
    expected[67] = 4;
    expected[75] = 0x40;
    assert_memory_equal(block + 16, expected, sizeof expected);
    struct journal_id back;
    assert_int_equal(journal_id_load(&back, block), STATUS_OK);
    assert_memory_equal(back.incarnation, example.incarnation, sizeof back.incarnation);
    assert_string_equal(back.site, "aws-use1");
    assert_true(back.cluster_id == example.cluster_id && back.wal_bytes == example.wal_bytes &&
                back.store_bytes == example.store_bytes);
    block[16 + 67] = 5; /* Not sealed again. */
    assert_int_equal(journal_id_load(&back, block), STATUS_BAD_CHECKSUM);
    block[16 + 64] = 1; /* A size that nobody writes. */
    journal_block_seal(block);
    assert_int_equal(journal_id_load(&back, block), STATUS_BAD_FORMAT);
}

static void test_lock(void **state)
{
    (void)state;
    struct journal_id id;
    int first;
    int second;
    assert_int_equal(journal_id_open(&id, &first, directory, true, &error), STATUS_OK);
    assert_int_equal(journal_id_open(&id, &second, directory, true, &error), STATUS_IN_USE);
    assert_int_equal(second, -1);
    assert_non_null(strstr(error.text, "another process"));
    assert_int_equal(journal_id_open(&id, &second, directory, false, &error), STATUS_IN_USE);
    assert_int_equal(close(first), 0);
    /* Readers share it. */
    assert_int_equal(journal_id_open(&id, &first, directory, false, &error), STATUS_OK);
    assert_int_equal(journal_id_open(&id, &second, directory, false, &error), STATUS_OK);
    assert_int_equal(close(first), 0);
    assert_int_equal(journal_id_open(&id, &first, directory, true, &error), STATUS_IN_USE);
    assert_int_equal(close(second), 0);
}

/* The lock ends with its process, however that ends. */
static void test_lock_of_dead_process(void **state)
{
    (void)state;
    struct journal_id id;
    int descriptor;
    int ready[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        enum status status = journal_id_open(&id, &descriptor, directory, true, &error);
        (void)!write(ready[1], status == STATUS_OK ? "y" : "n", 1);
        for (;;) {
            (void)pause();
        }
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(byte, 'y');
    assert_int_equal(journal_id_open(&id, &descriptor, directory, true, &error), STATUS_IN_USE);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(journal_id_open(&id, &descriptor, directory, true, &error), STATUS_OK);
    assert_int_equal(close(descriptor), 0);
    assert_int_equal(close(ready[0]), 0);
    assert_int_equal(close(ready[1]), 0);
}

static void overwrite(uint32_t offset, const char *bytes, uint32_t count)
{
    int descriptor = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(descriptor >= 0);
    assert_int_equal(pwrite(descriptor, bytes, count, (off_t)offset), count);
    assert_int_equal(close(descriptor), 0);
}

static void test_bad_files(void **state)
{
    (void)state;
    struct journal_id id;
    int descriptor;
    overwrite(50, "x", 1);
    assert_int_equal(journal_id_open(&id, &descriptor, directory, true, &error), STATUS_DAMAGED);
    assert_non_null(strstr(error.text, JOURNAL_ID_NAME));

    uint8_t block[JOURNAL_BLOCK_BYTES];
    journal_id_store(block, &example);
    block[16 + 7] = '9';
    journal_block_seal(block);
    overwrite(0, (const char *)block, sizeof block);
    assert_int_equal(journal_id_open(&id, &descriptor, directory, true, &error),
                     STATUS_BAD_VERSION);

    assert_int_equal(truncate(path, 100), 0);
    assert_int_equal(journal_id_open(&id, &descriptor, directory, true, &error), STATUS_DAMAGED);
    assert_non_null(strstr(error.text, "too short"));

    assert_int_equal(unlink(path), 0);
    assert_int_equal(journal_id_open(&id, &descriptor, directory, true, &error), STATUS_NOT_FOUND);
    assert_non_null(strstr(error.text, "causeway init"));
    assert_int_equal(descriptor, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_layout, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lock, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lock_of_dead_process, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_files, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
