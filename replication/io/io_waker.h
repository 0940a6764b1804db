/* Wake the loop thread from any other thread, or from a signal handler: an eventfd, written only
 * while the loop sleeps or is about to, so that waking a busy loop costs no system call. */
#ifndef REPLICATION_IO_IO_WAKER_H
#define REPLICATION_IO_IO_WAKER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "matching/base/status.h"

/* Reasons, as bits; those that come together are taken together. */
#define IO_WAKER_USER   1u /* io_wake(). */
#define IO_WAKER_WRITER 2u /* A file write has ended: io_writer.h. */

struct io_waker {
    _Alignas(64) _Atomic uint32_t reasons;
    _Atomic uint32_t sleeping;
    int fd; /* The loop thread's sleep ends when this becomes readable. */
};

/* STATUS_FULL without a descriptor. */
MUST_USE enum status io_waker_open(struct io_waker *waker);
void io_waker_close(struct io_waker *waker);

/* Any thread; safe in a signal handler. */
void io_waker_wake(struct io_waker *waker, uint32_t reason);

/* Loop thread, before it sleeps: false when there is a reason not to. Always followed by
 * io_waker_awake(). */
MUST_USE bool io_waker_may_sleep(struct io_waker *waker);
void io_waker_awake(struct io_waker *waker);

/* Loop thread: reasons since the last call. */
uint32_t io_waker_take(struct io_waker *waker);

#endif
