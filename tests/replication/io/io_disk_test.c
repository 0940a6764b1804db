#include "replication/io/io_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/test_paths.h"

#define PAGE IO_DISK_ALIGNMENT_BYTES

struct fixture {
    char directory[TEST_PATH_BYTES];
    char file[TEST_PATH_BYTES + 8];
};

static void fixture_open(struct fixture *fixture, off_t bytes)
{
    test_paths_make(fixture->directory, "io_disk");
    (void)snprintf(fixture->file, sizeof fixture->file, "%s/file", fixture->directory);
    int fd = open(fixture->file, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, bytes), 0);
    assert_int_equal(close(fd), 0);
}

static void test_opening(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_open(&fixture, 0);
    int fd = -7;
    char path[TEST_PATH_BYTES + 32];
    (void)snprintf(path, sizeof path, "%s/none", fixture.directory);
    assert_int_equal(io_disk_open(path, false, &fd), STATUS_NOT_FOUND);
    (void)snprintf(path, sizeof path, "%s/below", fixture.file);
    assert_int_equal(io_disk_open(path, false, &fd), STATUS_NOT_FOUND);
    assert_int_equal(io_disk_open(fixture.directory, false, &fd), STATUS_BAD_ARGUMENT);
    if (geteuid() != 0) { /* The superuser is denied nothing. */
        assert_int_equal(chmod(fixture.file, 0), 0);
        assert_int_equal(io_disk_open(fixture.file, false, &fd), STATUS_DENIED);
        assert_int_equal(chmod(fixture.file, 0600), 0);
    }
    assert_int_equal(fd, -7);
    assert_int_equal(io_disk_open(fixture.file, true, &fd), STATUS_OK);
    int flags = fcntl(fd, F_GETFL);
    assert_int_equal(flags & O_DIRECT, O_DIRECT);
    assert_int_equal(flags & O_DSYNC, O_DSYNC);
    assert_int_equal(flags & O_ACCMODE, O_RDWR);
    assert_int_not_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
    (void)close(fd);
    test_paths_remove(fixture.directory);
}

static void test_alignment(void **state)
{
    (void)state;
    static _Alignas(PAGE) uint8_t memory[PAGE];
    assert_true(io_disk_is_aligned(memory, 2 * PAGE, 5 * PAGE));
    assert_false(io_disk_is_aligned(memory + 512, PAGE, 0));
    assert_false(io_disk_is_aligned(memory, PAGE + 512, 0));
    assert_false(io_disk_is_aligned(memory, PAGE, 512));
}

/* Every byte arrives, reads past the end are short, wherever the end stands. */
static void test_reading_and_writing(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_open(&fixture, 2 * PAGE + 100);
    uint8_t *data = aligned_alloc(PAGE, 4 * PAGE);
    assert_non_null(data);
    for (int direct = 0; direct < 2; direct++) {
        int fd;
        assert_int_equal(io_disk_open(fixture.file, direct == 1, &fd), STATUS_OK);
        memset(data, 0x11 + direct, 2 * PAGE);
        assert_int_equal(io_disk_write(fd, data, 2 * PAGE, 0), STATUS_OK);
        memset(data, 0, 4 * PAGE);
        assert_int_equal(io_disk_read(fd, data, 2 * PAGE, 0), STATUS_OK);
        for (size_t i = 0; i < 2 * PAGE; i++) {
            assert_int_equal(data[i], 0x11 + direct);
        }
        assert_int_equal(io_disk_read(fd, data, 3 * PAGE, 0), STATUS_SHORT);
        assert_int_equal(io_disk_read(fd, data, PAGE, 2 * PAGE), STATUS_SHORT);
        assert_int_equal(io_disk_read(fd, data, PAGE, 8 * PAGE), STATUS_SHORT);
        (void)close(fd);
    }
    free(data);
    test_paths_remove(fixture.directory);
}

/* /dev/full is a disk without room. */
static void test_no_space(void **state)
{
    (void)state;
    int fd;
    assert_int_equal(io_disk_open("/dev/full", false, &fd), STATUS_OK);
    assert_int_equal(io_disk_write(fd, "data", 4, 0), STATUS_NO_SPACE);
    assert_int_equal(io_disk_write_result(fd, "data", 4, 0), -ENOSPC);
    (void)close(fd);
    int ends[2];
    assert_int_equal(pipe(ends), 0); /* No file: offsets mean nothing to it. */
    assert_int_equal(io_disk_write(ends[1], "data", 4, 0), STATUS_IO);
    uint8_t byte;
    assert_int_equal(io_disk_read(ends[0], &byte, 1, 0), STATUS_IO);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_opening),
        cmocka_unit_test(test_alignment),
        cmocka_unit_test(test_reading_and_writing),
        cmocka_unit_test(test_no_space),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
