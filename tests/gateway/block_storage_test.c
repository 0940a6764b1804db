#include "gateway/block_storage.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/test_paths.h"

static char directory[TEST_PATH_BYTES];
static char path[TEST_PATH_BYTES + 16];

static int setup(void **state)
{
    (void)state;
    test_paths_make(directory, "block-storage");
    (void)snprintf(path, sizeof path, "%s/streams", directory);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    test_paths_remove(directory);
    return 0;
}

static void test_what_is_written_is_read(void **state)
{
    (void)state;
    int file;
    struct stat found;
    char bytes[8] = {0};
    assert_int_equal(block_storage_open(path, &file), STATUS_OK);
    assert_int_equal(stat(path, &found), 0);
    assert_int_equal(found.st_mode & 0777, 0600);
    assert_int_equal(block_storage_write(file, 0, "abcdef", 6), STATUS_OK);
    assert_int_equal(block_storage_write(file, 6, "gh", 2), STATUS_OK);
    assert_int_equal(block_storage_read(file, 2, bytes, 6), STATUS_OK);
    assert_memory_equal(bytes, "cdefgh", 6);
    /* All or nothing. */
    assert_int_equal(block_storage_read(file, 3, bytes, 6), STATUS_DAMAGED);
    assert_int_equal(block_storage_read(file, 800, bytes, 1), STATUS_DAMAGED);
    assert_int_equal(block_storage_read(file, 800, bytes, 0), STATUS_OK);
    block_storage_close(file);
}

/* Who opens the path anew has an empty file; who had it open before reads on. */
static void test_a_file_is_replaced(void **state)
{
    (void)state;
    int old;
    int new;
    char byte = 0;
    assert_int_equal(block_storage_open(path, &old), STATUS_OK);
    assert_int_equal(block_storage_write(old, 0, "x", 1), STATUS_OK);
    assert_int_equal(block_storage_open(path, &new), STATUS_OK);
    assert_int_equal(block_storage_read(new, 0, &byte, 1), STATUS_DAMAGED);
    assert_int_equal(block_storage_read(old, 0, &byte, 1), STATUS_OK);
    assert_int_equal(byte, 'x');
    block_storage_close(old);
    block_storage_close(new);
}

static void test_what_cannot_be_opened(void **state)
{
    (void)state;
    int file;
    char other[TEST_PATH_BYTES + 32];
    (void)snprintf(other, sizeof other, "%s/missing/streams", directory);
    assert_int_equal(block_storage_open(other, &file), STATUS_NOT_FOUND);
    assert_int_equal(block_storage_open(directory, &file), STATUS_BAD_ARGUMENT);
    (void)snprintf(other, sizeof other, "%s/link", directory);
    assert_int_equal(symlink("streams", other), 0);
    assert_int_equal(block_storage_open(other, &file), STATUS_BAD_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_written_is_read, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_file_is_replaced, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_cannot_be_opened, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
