#include <pthread.h>
#include <semaphore.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/io_suite.h"

/* A poll with nothing to tell ends when its time has come, not before; a time that has passed, or
 * none, does not wait. Only lower bounds: no upper one holds on a busy machine. */
void io_suite_time_due(void **state)
{
    const struct io_suite_variant *variant = *state;
    struct io_suite suite;
    io_suite_open(&suite, state, 2, 16, 1024);
    struct io_completion completion;
    assert_int_equal(io_poll(suite.io, &completion, 1, 0), 0);
    io_now_refresh(suite.io);
    assert_int_equal(io_poll(suite.io, &completion, 1, io_now_ns(suite.io) - 1), 0);
    for (uint64_t wait_ns = 1; wait_ns < 8000000; wait_ns *= 50) {
        io_now_refresh(suite.io);
        uint64_t before_ns = io_now_ns(suite.io);
        uint64_t wall_ns = io_wall_ns(suite.io);
        uint32_t polls = 0;
        do {
            assert_int_equal(io_poll(suite.io, &completion, 1, before_ns + wait_ns), 0);
            polls++;
        } while (io_now_ns(suite.io) < before_ns + wait_ns);
        assert_true(variant->idle != IO_IDLE_SLEEP || polls == 1);
        assert_true(wall_ns > UINT64_C(1600000000) * 1000000000);
    }

    /* What only concerns the backend itself, here the end of a receive, does not end the wait. */
    uint16_t port;
    uint32_t listener = io_suite_listen(&suite, &port);
    int plain;
    uint32_t handle = io_suite_accept_plain(&suite, listener, port, &plain);
    io_receive_start(suite.io, handle, 1);
    io_suite_settle(&suite);
    io_receive_pause(suite.io, handle);
    io_now_refresh(suite.io);
    uint64_t due_ns = io_now_ns(suite.io) + 5000000;
    assert_int_equal(io_poll(suite.io, &completion, 1, due_ns), 0);
    assert_true(variant->idle != IO_IDLE_SLEEP || io_now_ns(suite.io) >= due_ns);
    assert_int_equal(close(plain), 0);
    io_suite_close(&suite);
}

#define WAKE_ROUNDS 300

struct waking {
    struct io *io;
    sem_t served;
};

static void *wake_often(void *argument)
{
    struct waking *waking = argument;
    for (int round = 0; round < WAKE_ROUNDS; round++) {
        io_wake(waking->io);
        while (sem_wait(&waking->served) != 0) {
        }
    }
    return NULL;
}

/* Another thread wakes the loop, which waits without limit, again and again: a lost wake-up would
 * stop both for ever. */
void io_suite_time_wake(void **state)
{
    struct io_suite suite;
    io_suite_open(&suite, state, 2, 16, 1024);
    struct waking waking = {.io = suite.io};
    assert_int_equal(sem_init(&waking.served, 0, 0), 0);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, wake_often, &waking), 0);
    for (int round = 0; round < WAKE_ROUNDS; round++) {
        while (suite.kept_count == 0) {
            io_suite_poll(&suite, UINT64_MAX);
        }
        assert_int_equal(suite.kept_count, 1);
        assert_int_equal(suite.kept[0].kind, IO_WOKEN);
        suite.kept_count = 0;
        assert_int_equal(sem_post(&waking.served), 0);
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(sem_destroy(&waking.served), 0);
    io_suite_close(&suite);
}

void io_suite_time_wake_coalesced(void **state)
{
    struct io_suite suite;
    io_suite_open(&suite, state, 2, 16, 1024);
    for (int i = 0; i < 10; i++) {
        io_wake(suite.io);
    }
    (void)io_suite_expect(&suite, IO_WOKEN, UINT32_MAX);
    for (int i = 0; i < 3; i++) {
        io_suite_poll(&suite, 0);
    }
    assert_int_equal(suite.kept_count, 0);
    io_wake(suite.io);
    (void)io_suite_expect(&suite, IO_WOKEN, UINT32_MAX);
    io_suite_close(&suite);
}
