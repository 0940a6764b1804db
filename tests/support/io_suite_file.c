#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/io_suite.h"
#include "tests/support/test_paths.h"

#define PAGE 4096u

/* A directory with a file of `bytes` zeros in it. */
struct place {
    char directory[TEST_PATH_BYTES];
    char file[TEST_PATH_BYTES + 8];
};

static void place_make(struct place *place, off_t bytes)
{
    test_paths_make(place->directory, "io_suite");
    (void)snprintf(place->file, sizeof place->file, "%s/file", place->directory);
    int fd = open(place->file, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, bytes), 0);
    assert_int_equal(close(fd), 0);
}

static uint8_t *pages(uint32_t count)
{
    uint8_t *memory = aligned_alloc(PAGE, (size_t)count * PAGE);
    assert_non_null(memory);
    memset(memory, 0, (size_t)count * PAGE);
    return memory;
}

/* Any size at any offset, where no O_DIRECT is asked for; reading back tells short from whole. */
void io_suite_file_write(void **state)
{
    struct io_suite suite;
    struct place place;
    place_make(&place, 0);
    io_suite_open(&suite, state, 2, 16, 1024);
    uint32_t handle;
    assert_int_equal(io_file_open(suite.io, place.file, false, &handle), STATUS_OK);
    uint8_t data[2500];
    uint8_t back[2500];
    io_suite_fill(data, sizeof data, 1, 0);
    io_file_write(suite.io, handle, data, 1000, 0, 11);
    struct io_completion written = io_suite_expect(&suite, IO_WRITTEN, handle);
    assert_int_equal(written.result, 1000);
    assert_int_equal(written.token, 11);
    io_file_write(suite.io, handle, data + 1000, 1500, 1000, 12);
    written = io_suite_expect(&suite, IO_WRITTEN, handle);
    assert_int_equal(written.result, 1500);
    assert_int_equal(written.token, 12);
    assert_int_equal(io_file_read_now(suite.io, handle, back, sizeof back, 0), STATUS_OK);
    io_suite_check(back, sizeof back, 1, 0);
    assert_int_equal(io_file_read_now(suite.io, handle, back, 10, 2491), STATUS_SHORT);
    assert_int_equal(io_file_read_now(suite.io, handle, back, 1, 99999), STATUS_SHORT);
    assert_int_equal(io_file_read_now(suite.io, handle, back, 10, 2490), STATUS_OK);
    io_suite_check(back, 10, 1, 2490);
    assert_int_equal(io_file_write_now(suite.io, handle, "xyz", 3, 7), STATUS_OK);
    assert_int_equal(io_file_read_now(suite.io, handle, back, 3, 7), STATUS_OK);
    assert_memory_equal(back, "xyz", 3);
    io_suite_close_handle(&suite, handle);
    io_suite_close(&suite);
    test_paths_remove(place.directory);
}

/* O_DIRECT, from registered memory and from other; the end of a file that is no multiple of a page
 * reads as short. */
void io_suite_file_direct(void **state)
{
    struct io_suite suite;
    struct place place;
    place_make(&place, 8 * PAGE + 100);
    io_suite_open(&suite, state, 2, 16, 1024);
    uint8_t *registered = pages(4);
    uint8_t *other = pages(4);
    uint8_t *back = pages(4);
    enum status status = io_memory_register(suite.io, registered, 4 * PAGE);
    assert_true(status == STATUS_OK || status == STATUS_DENIED);
    assert_int_equal(status == STATUS_OK,
                     strstr(io_features(suite.io), "registered-buffers") != NULL);
    uint32_t handle;
    assert_int_equal(io_file_open(suite.io, place.file, true, &handle), STATUS_OK);
    io_suite_fill(registered, 4 * PAGE, 1, 0);
    io_suite_fill(other, 4 * PAGE, 2, 0);
    io_file_write(suite.io, handle, registered + PAGE, 3 * PAGE, 0, 1);
    io_file_write(suite.io, handle, other, 4 * PAGE, 4 * PAGE, 2);
    for (int i = 0; i < 2; i++) {
        struct io_completion written = io_suite_expect(&suite, IO_WRITTEN, handle);
        assert_int_equal(written.result, written.token == 1 ? 3 * PAGE : 4 * PAGE);
    }
    assert_int_equal(io_file_read_now(suite.io, handle, back, 3 * PAGE, 0), STATUS_OK);
    io_suite_check(back, 3 * PAGE, 1, PAGE);
    assert_int_equal(io_file_read_now(suite.io, handle, back, 4 * PAGE, 4 * PAGE), STATUS_OK);
    io_suite_check(back, 4 * PAGE, 2, 0);
    assert_int_equal(io_file_read_now(suite.io, handle, back, PAGE, 8 * PAGE), STATUS_SHORT);
    assert_int_equal(io_file_read_now(suite.io, handle, back, 2 * PAGE, 7 * PAGE), STATUS_SHORT);
    assert_int_equal(io_file_write_now(suite.io, handle, other, PAGE, 0), STATUS_OK);
    assert_int_equal(io_file_read_now(suite.io, handle, back, PAGE, 0), STATUS_OK);
    io_suite_check(back, PAGE, 2, 0);
    io_suite_close(&suite);
    free(registered);
    free(other);
    free(back);
    test_paths_remove(place.directory);
}

/* Memory that is registered, forgotten and freed: what comes to stand at its address is written
 * with its own bytes. */
void io_suite_file_forget(void **state)
{
    struct io_suite suite;
    struct place place;
    place_make(&place, PAGE);
    io_suite_open(&suite, state, 2, 16, 1024);
    uint8_t *back = pages(1);
    uint32_t handle;
    assert_int_equal(io_file_open(suite.io, place.file, true, &handle), STATUS_OK);
    uint8_t *address = NULL;
    for (uint32_t round = 0; round < 12; round++) {
        uint8_t *memory =
            mmap(address, PAGE, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | (address != NULL ? MAP_FIXED : 0), -1, 0);
        assert_true(memory != MAP_FAILED);
        address = memory;
        io_suite_fill(memory, PAGE, (uint8_t)round, 0);
        enum status status = io_memory_register(suite.io, memory, PAGE);
        assert_int_equal(status == STATUS_OK,
                         strstr(io_features(suite.io), "registered-buffers") != NULL);
        io_file_write(suite.io, handle, memory, PAGE, 0, 1);
        (void)io_suite_expect(&suite, IO_WRITTEN, handle);
        assert_int_equal(io_file_read_now(suite.io, handle, back, PAGE, 0), STATUS_OK);
        io_suite_check(back, PAGE, (uint8_t)round, 0);
        io_memory_forget(suite.io, memory);
        assert_int_equal(munmap(memory, PAGE), 0);
    }
    io_suite_close(&suite);
    free(back);
    test_paths_remove(place.directory);
}

/* As many writes at a time as there may be, collected a few at a time. */
void io_suite_file_many(void **state)
{
    struct io_suite suite;
    struct place place;
    place_make(&place, (off_t)IO_WRITES_MAX * 16);
    io_suite_open(&suite, state, 2, 16, 1024);
    uint32_t handle;
    assert_int_equal(io_file_open(suite.io, place.file, false, &handle), STATUS_OK);
    uint8_t data[IO_WRITES_MAX * 16];
    io_suite_fill(data, sizeof data, 3, 0);
    suite.batch_max = 3;
    for (int round = 0; round < 3; round++) {
        bool seen[IO_WRITES_MAX] = {false};
        for (uint32_t i = 0; i < IO_WRITES_MAX; i++) {
            uint32_t offset = (uint32_t)(i * 37 % IO_WRITES_MAX) * 16;
            io_file_write(suite.io, handle, data + offset, 16, offset, i);
        }
        for (uint32_t i = 0; i < IO_WRITES_MAX; i++) {
            struct io_completion written = io_suite_expect(&suite, IO_WRITTEN, handle);
            assert_int_equal(written.result, 16);
            assert_true(written.token < IO_WRITES_MAX);
            assert_false(seen[written.token]);
            seen[written.token] = true;
        }
    }
    memset(data, 0, sizeof data);
    assert_int_equal(io_file_read_now(suite.io, handle, data, sizeof data, 0), STATUS_OK);
    io_suite_check(data, sizeof data, 3, 0);
    io_suite_close(&suite);
    test_paths_remove(place.directory);
}

/* The file must not grow beyond a limit, as on a full disk: part of the bytes fit, the write as a
 * whole fails. */
void io_suite_file_limit(void **state)
{
    struct io_suite suite;
    struct place place;
    place_make(&place, 0);
    io_suite_open(&suite, state, 2, 16, 1024);
    uint32_t handle;
    assert_int_equal(io_file_open(suite.io, place.file, false, &handle), STATUS_OK);
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    struct rlimit small = {.rlim_cur = PAGE, .rlim_max = before.rlim_max};
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    uint8_t data[6000];
    memset(data, 1, sizeof data);
    io_file_write(suite.io, handle, data, sizeof data, 0, 1);
    int32_t across = io_suite_expect(&suite, IO_WRITTEN, handle).result;
    io_file_write(suite.io, handle, data, 10, PAGE, 2);
    int32_t behind = io_suite_expect(&suite, IO_WRITTEN, handle).result;
    enum status now = io_file_write_now(suite.io, handle, data, sizeof data, 0);
    io_file_write(suite.io, handle, data, 10, 0, 3);
    int32_t inside = io_suite_expect(&suite, IO_WRITTEN, handle).result;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_true(signal(SIGXFSZ, handler) == SIG_IGN);
    assert_int_equal(across, -EFBIG);
    assert_int_equal(behind, -EFBIG);
    assert_int_equal(now, STATUS_NO_SPACE);
    assert_int_equal(inside, 10);
    io_suite_close(&suite);
    test_paths_remove(place.directory);
}

void io_suite_file_refused(void **state)
{
    struct io_suite suite;
    struct place place;
    place_make(&place, 0);
    io_suite_open(&suite, state, 1, 16, 1024);
    uint32_t handle = 4242;
    char missing[TEST_PATH_BYTES + 8];
    (void)snprintf(missing, sizeof missing, "%s/none", place.directory);
    assert_int_equal(io_file_open(suite.io, missing, true, &handle), STATUS_NOT_FOUND);
    assert_int_equal(io_file_open(suite.io, place.directory, false, &handle), STATUS_BAD_ARGUMENT);
    assert_int_equal(handle, 4242);
    assert_int_equal(io_file_open(suite.io, place.file, true, &handle), STATUS_OK);
    int descriptors = io_suite_descriptors();
    uint32_t second;
    assert_int_equal(io_file_open(suite.io, place.file, true, &second), STATUS_FULL);
    assert_int_equal(io_suite_descriptors(), descriptors);
    io_suite_close(&suite);
    test_paths_remove(place.directory);
}

/* A file that is closed with writes under way: they end and are told first. */
void io_suite_file_close(void **state)
{
    enum { WRITES = 8 };
    struct io_suite suite;
    struct place place;
    place_make(&place, WRITES * PAGE);
    io_suite_open(&suite, state, 2, 16, 1024);
    uint8_t *data = pages(WRITES);
    io_suite_fill(data, WRITES * PAGE, 7, 0);
    uint32_t handle;
    assert_int_equal(io_file_open(suite.io, place.file, true, &handle), STATUS_OK);
    for (uint32_t i = 0; i < WRITES; i++) {
        io_file_write(suite.io, handle, data + (size_t)i * PAGE, PAGE, (uint64_t)i * PAGE, i);
    }
    io_close(suite.io, handle, 99);
    assert_int_equal(io_suite_expect(&suite, IO_CLOSED, handle).token, 99);
    assert_int_equal(suite.kept_count, WRITES);
    for (uint32_t i = 0; i < WRITES; i++) {
        assert_int_equal(io_suite_expect(&suite, IO_WRITTEN, handle).result, PAGE);
    }
    memset(data, 0, WRITES * PAGE);
    assert_int_equal(io_file_open(suite.io, place.file, true, &handle), STATUS_OK);
    assert_int_equal(io_file_read_now(suite.io, handle, data, WRITES * PAGE, 0), STATUS_OK);
    io_suite_check(data, WRITES * PAGE, 7, 0);
    io_suite_close(&suite);
    free(data);
    test_paths_remove(place.directory);
}
