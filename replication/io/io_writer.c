#include "replication/io/io_writer.h"

#include <signal.h>

#include "matching/base/assertion.h"
#include "replication/io/io_disk.h"

static void queue_push(struct io_writer_queue *queue, const struct io_writer_job *job)
{
    ASSERT(queue->count < IO_WRITES_MAX);
    queue->jobs[(queue->first + queue->count) % IO_WRITES_MAX] = *job;
    queue->count++;
}

static void queue_pop(struct io_writer_queue *queue, struct io_writer_job *job)
{
    ASSERT(queue->count > 0);
    *job = queue->jobs[queue->first];
    queue->first = (queue->first + 1) % IO_WRITES_MAX;
    queue->count--;
}

static void lock(struct io_writer *writer)
{
    int failed = pthread_mutex_lock(&writer->mutex);
    ASSERT(failed == 0);
}

static void unlock(struct io_writer *writer)
{
    int failed = pthread_mutex_unlock(&writer->mutex);
    ASSERT(failed == 0);
}

static void *write_jobs(void *argument)
{
    struct io_writer *writer = argument;
    struct io_writer_job job;
    lock(writer);
    for (;;) {
        while (writer->wanted.count == 0 && !writer->stop) {
            int failed = pthread_cond_wait(&writer->work, &writer->mutex);
            ASSERT(failed == 0);
        }
        if (writer->wanted.count == 0) {
            break;
        }
        queue_pop(&writer->wanted, &job);
        unlock(writer);
        int error = io_disk_write_result(job.fd, job.data, job.bytes, job.offset);
        job.result = error != 0 ? error : (int32_t)job.bytes;
        lock(writer);
        queue_push(&writer->done, &job);
        io_waker_wake(writer->waker, IO_WAKER_WRITER);
    }
    unlock(writer);
    return NULL;
}

void io_writer_init(struct io_writer *writer, struct io_waker *waker)
{
    ASSERT(waker != NULL);
    writer->waker = waker;
    writer->thread_count = 0;
    writer->outstanding_count = 0;
    writer->wanted.count = 0;
    writer->done.count = 0;
    int failed = pthread_mutex_init(&writer->mutex, NULL);
    ASSERT(failed == 0);
    failed = pthread_cond_init(&writer->work, NULL);
    ASSERT(failed == 0);
}

static void join_threads(struct io_writer *writer)
{
    lock(writer);
    writer->stop = true;
    unlock(writer);
    int failed = pthread_cond_broadcast(&writer->work);
    ASSERT(failed == 0);
    while (writer->thread_count > 0) {
        failed = pthread_join(writer->threads[--writer->thread_count], NULL);
        ASSERT(failed == 0);
    }
}

enum status io_writer_start(struct io_writer *writer)
{
    if (writer->thread_count > 0) {
        ASSERT(writer->thread_count == IO_WRITER_THREADS);
        return STATUS_OK;
    }
    /* Signals are for the threads that the program has made for them. */
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    int failed = pthread_sigmask(SIG_SETMASK, &all, &before);
    ASSERT(failed == 0);
    writer->stop = false;
    bool started = true;
    while (started && writer->thread_count < IO_WRITER_THREADS) {
        started =
            pthread_create(&writer->threads[writer->thread_count], NULL, write_jobs, writer) == 0;
        writer->thread_count += started ? 1 : 0;
    }
    failed = pthread_sigmask(SIG_SETMASK, &before, NULL);
    ASSERT(failed == 0);
    if (!started) {
        join_threads(writer);
        return STATUS_FULL;
    }
    return STATUS_OK;
}

void io_writer_stop(struct io_writer *writer)
{
    ASSERT(writer->outstanding_count == 0);
    join_threads(writer);
    ASSERT(writer->wanted.count == 0);
    ASSERT(writer->done.count == 0);
    int failed = pthread_cond_destroy(&writer->work);
    ASSERT(failed == 0);
    failed = pthread_mutex_destroy(&writer->mutex);
    ASSERT(failed == 0);
}

void io_writer_submit(struct io_writer *writer, const struct io_writer_job *job)
{
    ASSERT(writer->thread_count == IO_WRITER_THREADS);
    ASSERT(writer->outstanding_count < IO_WRITES_MAX);
    writer->outstanding_count++;
    lock(writer);
    queue_push(&writer->wanted, job);
    unlock(writer);
    int failed = pthread_cond_signal(&writer->work);
    ASSERT(failed == 0);
}

enum status io_writer_collect(struct io_writer *writer, struct io_writer_job *job)
{
    if (writer->outstanding_count == 0) {
        return STATUS_NOT_YET;
    }
    lock(writer);
    bool done = writer->done.count > 0;
    if (done) {
        queue_pop(&writer->done, job);
    }
    unlock(writer);
    if (!done) {
        return STATUS_NOT_YET;
    }
    writer->outstanding_count--;
    return STATUS_OK;
}
