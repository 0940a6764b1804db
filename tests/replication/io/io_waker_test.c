#include "replication/io/io_waker.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"

static bool readable(const struct io_waker *waker, int wait_ms)
{
    struct pollfd descriptor = {.fd = waker->fd, .events = POLLIN};
    return poll(&descriptor, 1, wait_ms) == 1;
}

/* Reasons gather; a loop that is awake costs no system call, one that sleeps exactly one. */
static void test_only_sleepers_are_written_to(void **state)
{
    (void)state;
    struct io_waker waker;
    assert_int_equal(io_waker_open(&waker), STATUS_OK);
    assert_int_equal(io_waker_take(&waker), 0);
    errno = 42;
    io_waker_wake(&waker, IO_WAKER_USER);
    io_waker_wake(&waker, IO_WAKER_WRITER);
    assert_false(readable(&waker, 0));
    assert_false(io_waker_may_sleep(&waker));
    io_waker_awake(&waker);
    assert_int_equal(io_waker_take(&waker), IO_WAKER_USER | IO_WAKER_WRITER);
    assert_int_equal(io_waker_take(&waker), 0);

    assert_true(io_waker_may_sleep(&waker));
    assert_false(readable(&waker, 0));
    io_waker_wake(&waker, IO_WAKER_USER);
    io_waker_wake(&waker, IO_WAKER_USER);
    assert_int_equal(errno, 42); /* A signal handler may call it. */
    uint64_t count;
    assert_int_equal(read(waker.fd, &count, sizeof count), sizeof count);
    assert_int_equal(count, 1);
    io_waker_awake(&waker);
    assert_int_equal(io_waker_take(&waker), IO_WAKER_USER);
    io_waker_close(&waker);
}

#define ROUNDS 20000u

struct counting {
    struct io_waker waker;
    _Atomic uint32_t given;
};

static void *give(void *argument)
{
    struct counting *counting = argument;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        atomic_fetch_add(&counting->given, 1);
        io_waker_wake(&counting->waker, IO_WAKER_USER);
    }
    return NULL;
}

/* Sleeping whenever the waker allows it, the loop still sees the last gift: none is slept through.
 */
static void test_no_wake_is_lost(void **state)
{
    (void)state;
    struct counting counting;
    assert_int_equal(io_waker_open(&counting.waker), STATUS_OK);
    atomic_init(&counting.given, 0);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, give, &counting), 0);
    uint32_t seen = 0;
    while (seen < ROUNDS) {
        if (io_waker_may_sleep(&counting.waker)) {
            assert_true(readable(&counting.waker, 30000));
            uint64_t count;
            assert_int_equal(read(counting.waker.fd, &count, sizeof count), sizeof count);
        }
        io_waker_awake(&counting.waker);
        if (io_waker_take(&counting.waker) != 0) {
            seen = atomic_load(&counting.given);
        }
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(seen, ROUNDS);
    io_waker_close(&counting.waker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_sleepers_are_written_to),
        cmocka_unit_test(test_no_wake_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
