/* Threads that write to files for the epoll backend. One loop thread asks and collects; the order
 * in which writes that overlap in time reach the disk is not defined, as with io_uring. */
#ifndef REPLICATION_IO_IO_WRITER_H
#define REPLICATION_IO_IO_WRITER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "matching/base/status.h"
#include "replication/io/io.h"
#include "replication/io/io_waker.h"

/* As many as the journal has writes in flight by default: each thread waits for one. */
#define IO_WRITER_THREADS 2u

struct io_writer_job {
    const uint8_t *data; /* The caller's, unchanged until the job is done. */
    uint64_t offset;
    uint64_t token;
    uint32_t bytes;
    uint32_t handle;
    int fd;
    int32_t result; /* When done: bytes, or -errno. */
};

/* Bounded first-in-first-out. */
struct io_writer_queue {
    struct io_writer_job jobs[IO_WRITES_MAX];
    uint32_t first;
    uint32_t count;
};

struct io_writer {
    struct io_waker *waker; /* Told IO_WAKER_WRITER when a job is done. */
    pthread_mutex_t mutex;  /* Over the queues and `stop`. */
    pthread_cond_t work;
    struct io_writer_queue wanted;
    struct io_writer_queue done;
    bool stop;
    uint32_t outstanding_count; /* Loop thread: asked for and not collected. */
    pthread_t threads[IO_WRITER_THREADS];
    uint32_t thread_count; /* 0: not started. */
};

void io_writer_init(struct io_writer *writer, struct io_waker *waker);
/* Start the threads unless they run. STATUS_FULL when the system has none; then none runs. */
MUST_USE enum status io_writer_start(struct io_writer *writer);
/* Ends the threads. Asserts that every job has been collected. */
void io_writer_stop(struct io_writer *writer);

/* Asserts that fewer than IO_WRITES_MAX are outstanding and that the threads run. */
void io_writer_submit(struct io_writer *writer, const struct io_writer_job *job);
/* The next job that is done; STATUS_NOT_YET. */
MUST_USE enum status io_writer_collect(struct io_writer *writer, struct io_writer_job *job);

#endif
