#include "replication/io/io_waker.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "matching/base/assertion.h"

enum status io_waker_open(struct io_waker *waker)
{
    atomic_init(&waker->reasons, 0);
    atomic_init(&waker->sleeping, 0);
    waker->fd = eventfd(0, EFD_CLOEXEC);
    return waker->fd >= 0 ? STATUS_OK : STATUS_FULL;
}

void io_waker_close(struct io_waker *waker)
{
    ASSERT(waker->fd >= 0);
    int failed = close(waker->fd);
    ASSERT(failed == 0);
    waker->fd = -1;
}

/* Either the loop sees the reason before it sleeps, or we see that it sleeps: the two exchanges
 * with the two loads behind them are sequentially consistent, so that not both can miss. */
void io_waker_wake(struct io_waker *waker, uint32_t reason)
{
    ASSERT(reason != 0);
    uint32_t before = atomic_fetch_or_explicit(&waker->reasons, reason, memory_order_seq_cst);
    if ((before & reason) != 0 ||
        atomic_load_explicit(&waker->sleeping, memory_order_seq_cst) == 0) {
        return;
    }
    int error = errno;
    uint64_t one = 1;
    ssize_t written = write(waker->fd, &one, sizeof one);
    ASSERT(written == (ssize_t)sizeof one);
    errno = error;
}

bool io_waker_may_sleep(struct io_waker *waker)
{
    atomic_store_explicit(&waker->sleeping, 1, memory_order_seq_cst);
    return atomic_load_explicit(&waker->reasons, memory_order_seq_cst) == 0;
}

void io_waker_awake(struct io_waker *waker)
{
    atomic_store_explicit(&waker->sleeping, 0, memory_order_relaxed);
}

uint32_t io_waker_take(struct io_waker *waker)
{
    if (atomic_load_explicit(&waker->reasons, memory_order_relaxed) == 0) {
        return 0;
    }
    return atomic_exchange_explicit(&waker->reasons, 0, memory_order_acq_rel);
}
