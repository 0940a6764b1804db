/* A small disk: full means that nothing more fits and what is there can be written over; nobody
 * else sees it. */
#include "tools/drill_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/text_fixture.h"

#define DISK_BYTES  (UINT64_C(16) << 20)
#define BLOCK_BYTES 65536

static struct text_fixture fixture;

/* As many blocks as fit, at most `most`; errno of the last one. */
static int write_blocks(const char *path, int most, int *error)
{
    static const char block[BLOCK_BYTES];
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    int count = 0;
    *error = fd < 0 ? errno : 0;
    while (fd >= 0 && count < most && *error == 0) {
        ssize_t bytes = write(fd, block, sizeof block);
        *error = bytes < 0 ? errno : bytes < BLOCK_BYTES ? ENOSPC : 0;
        count += *error == 0;
    }
    if (fd >= 0 && fsync(fd) != 0) {
        *error = errno;
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return count;
}

static void filled_and_freed(void **state)
{
    (void)state;
    char directory[TEST_PATH_BYTES + 16];
    char image[TEST_PATH_BYTES + 16];
    char before[TEST_PATH_BYTES + 32];
    char after[TEST_PATH_BYTES + 32];
    char reason[DRILL_DISK_ERROR_BYTES] = "";
    int error = 0;
    (void)snprintf(directory, sizeof directory, "%s/disk", fixture.directory);
    (void)snprintf(image, sizeof image, "%s/image", fixture.directory);
    (void)snprintf(before, sizeof before, "%s/before", directory);
    (void)snprintf(after, sizeof after, "%s/after", directory);
    enum status status = drill_disk_permit(reason);
    if (status == STATUS_OK) {
        status = drill_disk_make(directory, image, DISK_BYTES, reason);
    }
    if (status == STATUS_DENIED) {
        print_message("skipped: %s\n", reason);
        skip();
    }
    assert_int_equal(status, STATUS_OK);
    assert_int_equal(write_blocks(before, 4, &error), 4);
    assert_int_equal(drill_disk_fill(directory), STATUS_OK);
    assert_int_equal(write_blocks(before, 4, &error), 4);
    assert_int_equal(error, 0);
    assert_int_equal(write_blocks(after, 4, &error), 0);
    assert_int_equal(error, ENOSPC);
    assert_int_equal(drill_disk_fill(directory), STATUS_OK); /* Fuller than full. */
    assert_int_equal(drill_disk_free(directory), STATUS_OK);
    assert_int_equal(drill_disk_free(directory), STATUS_OK);
    assert_int_equal(write_blocks(after, 4, &error), 4);
    assert_int_equal(error, 0);
    assert_int_equal(write_blocks(after, 1000, &error) < 256, true); /* It is small. */
    assert_int_equal(error, ENOSPC);
}

static int set_up(void **state)
{
    (void)state;
    text_fixture_make(&fixture);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(filled_and_freed)};
    return cmocka_run_group_tests(tests, set_up, NULL); /* Mounted until this process ends. */
}
