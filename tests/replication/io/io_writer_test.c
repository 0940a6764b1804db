#include "replication/io/io_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/asserts.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/test_paths.h"

static void collect(struct io_writer *writer, struct io_waker *waker, struct io_writer_job *job)
{
    while (io_writer_collect(writer, job) != STATUS_OK) {
        if (io_waker_may_sleep(waker)) {
            struct pollfd descriptor = {.fd = waker->fd, .events = POLLIN};
            assert_int_equal(poll(&descriptor, 1, 30000), 1);
            uint64_t count;
            assert_int_equal(read(waker->fd, &count, sizeof count), sizeof count);
        }
        io_waker_awake(waker);
        assert_int_not_equal(io_waker_take(waker) & IO_WAKER_WRITER, 0);
    }
}

/* As many jobs as there may be, twice: each is done once, with its own result, and the bytes are in
 * the file. */
static void test_all_jobs_are_done_once(void **state)
{
    (void)state;
    char directory[TEST_PATH_BYTES];
    char path[TEST_PATH_BYTES + 8];
    test_paths_make(directory, "io_writer");
    (void)snprintf(path, sizeof path, "%s/file", directory);
    int fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
    int full = open("/dev/full", O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_true(full >= 0);
    struct io_waker waker;
    struct io_writer *writer = calloc(1, sizeof *writer);
    assert_non_null(writer);
    assert_int_equal(io_waker_open(&waker), STATUS_OK);
    io_writer_init(writer, &waker);
    assert_int_equal(io_writer_start(writer), STATUS_OK);
    assert_int_equal(io_writer_start(writer), STATUS_OK);
    struct io_writer_job job;
    assert_int_equal(io_writer_collect(writer, &job), STATUS_NOT_YET);
    uint8_t data[IO_WRITES_MAX * 2];
    for (uint32_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)(i * 31 >> 3);
    }
    for (int round = 0; round < 2; round++) {
        bool seen[IO_WRITES_MAX] = {false};
        for (uint32_t i = 0; i < IO_WRITES_MAX; i++) {
            job = (struct io_writer_job){
                .data = data + (size_t)i * 2,
                .offset = (uint64_t)i * 2,
                .token = i,
                .bytes = 2,
                .handle = i % 7,
                .fd = i % 16 == 5 && round == 1 ? full : fd,
            };
            io_writer_submit(writer, &job);
        }
        for (uint32_t i = 0; i < IO_WRITES_MAX; i++) {
            collect(writer, &waker, &job);
            assert_true(job.token < IO_WRITES_MAX);
            assert_false(seen[job.token]);
            seen[job.token] = true;
            assert_int_equal(job.handle, job.token % 7);
            assert_int_equal(job.result, job.token % 16 == 5 && round == 1 ? -ENOSPC : 2);
        }
        assert_int_equal(io_writer_collect(writer, &job), STATUS_NOT_YET);
    }
    uint8_t back[sizeof data];
    assert_int_equal(pread(fd, back, sizeof back, 0), sizeof back);
    assert_memory_equal(back, data, sizeof data);
    io_writer_stop(writer);
    io_waker_close(&waker);
    free(writer);
    (void)close(fd);
    (void)close(full);
    test_paths_remove(directory);
}

static void submit_without_threads(void *argument)
{
    struct io_writer_job job = {.data = (const uint8_t *)"x", .bytes = 1};
    io_writer_submit(argument, &job);
}

static void test_misuse_stops(void **state)
{
    (void)state;
    struct io_waker waker;
    struct io_writer *writer = calloc(1, sizeof *writer);
    assert_non_null(writer);
    assert_int_equal(io_waker_open(&waker), STATUS_OK);
    io_writer_init(writer, &waker);
    assert_true(asserts_stop(submit_without_threads, writer));
    io_writer_stop(writer);
    io_waker_close(&waker);
    free(writer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_jobs_are_done_once),
        cmocka_unit_test(test_misuse_stops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
