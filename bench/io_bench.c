/* What a message and a durable write cost through io.h, over io_uring and over epoll.
 *
 *   io_bench [--seconds N] [--directory DIR]
 *
 * Echo: a client thread and a server thread, each with an io of its own, over TCP loopback; every
 * connection has one 64-byte message under way. Write: 4 KiB with O_DIRECT|O_DSYNC, one or two
 * under way, round and round a preallocated file that has been written over before, in DIR (the
 * current directory by default), which must be on a real disk. The two backends take turns within
 * each round, so that the noise of the machine meets both. Processor time is that of the whole
 * process, so of both ends. A table goes to standard error, one line of JSON to standard output. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "matching/base/assertion.h"
#include "matching/base/histogram.h"
#include "replication/io/io.h"

#define NS_PER_SECOND   UINT64_C(1000000000)
#define CONNECTIONS_MAX 64u
#define MESSAGE_BYTES   64u
#define WRITE_BYTES     4096u
#define WRITE_SLOTS     4096u /* Of the file: 16 MiB. */
#define WRITES_MAX      2u
#define ROUNDS          3u
#define BATCH           64u

struct row {
    const char *what; /* "echo" or "write". */
    enum io_backend_kind backend;
    enum io_idle idle;
    uint32_t under_way; /* Connections, or writes. */
    struct histogram *latency;
    uint64_t count;
    uint64_t elapsed_ns;
    uint64_t processor_ns;
};

static const char *backend_text(enum io_backend_kind backend)
{
    return backend == IO_BACKEND_RING ? "ring" : "epoll";
}

static const char *idle_text(enum io_idle idle)
{
    return idle == IO_IDLE_SLEEP ? "sleep" : "yield";
}

static void must(enum status status, const char *what)
{
    if (status != STATUS_OK) {
        (void)fprintf(stderr, "io_bench: %s: %s\n", what, status_text(status));
        exit(1);
    }
}

static struct io *make_io(const struct row *row)
{
    struct io_options options = {
        .backend = row->backend,
        .idle = row->idle,
        .handles_max = CONNECTIONS_MAX + 2,
        .receive_buffer_bytes = 1024,
        .receive_buffer_count = 256,
    };
    struct io *io;
    must(io_create(&io, &options), "io_create");
    return io;
}

static bool ring_available(void)
{
    struct io_options options = {
        .backend = IO_BACKEND_RING,
        .handles_max = 1,
        .receive_buffer_bytes = 64,
        .receive_buffer_count = 1,
    };
    struct io *io;
    enum status status = io_create(&io, &options);
    if (status == STATUS_DENIED) {
        (void)fprintf(stderr, "io_bench: no io_uring here: epoll only\n");
        return false;
    }
    must(status, "io_create");
    (void)fprintf(stderr, "%s\n", io_features(io));
    io_destroy(io);
    return true;
}

static uint64_t processor_ns(void)
{
    struct rusage usage;
    int failed = getrusage(RUSAGE_SELF, &usage);
    ASSERT(failed == 0);
    uint64_t seconds = (uint64_t)usage.ru_utime.tv_sec + (uint64_t)usage.ru_stime.tv_sec;
    uint64_t microseconds = (uint64_t)usage.ru_utime.tv_usec + (uint64_t)usage.ru_stime.tv_usec;
    return seconds * NS_PER_SECOND + microseconds * 1000;
}

struct server {
    const struct row *row;
    _Atomic uint32_t port; /* 0 until it listens. */
};

/* Sends back what comes until all connections have ended. */
static void *serve(void *argument)
{
    struct server *server = argument;
    struct io *io = make_io(server->row);
    uint32_t listener;
    uint16_t port;
    must(io_listen(io, "127.0.0.1:0", 0, &listener, &port), "io_listen");
    atomic_store(&server->port, port);
    uint8_t messages[CONNECTIONS_MAX + 2][MESSAGE_BYTES];
    struct io_completion completions[BATCH];
    uint32_t closed_count = 0;
    while (closed_count < server->row->under_way) {
        uint32_t count = io_poll(io, completions, BATCH, UINT64_MAX);
        for (uint32_t i = 0; i < count; i++) {
            const struct io_completion *completion = &completions[i];
            if (completion->kind == IO_ACCEPTED) {
                io_receive_start(io, completion->handle, 0);
            } else if (completion->kind == IO_RECEIVED && completion->result > 0) {
                ASSERT(completion->result == MESSAGE_BYTES);
                memcpy(messages[completion->handle], completion->data, MESSAGE_BYTES);
                io_buffer_release(io, completion);
                io_send(io, completion->handle, messages[completion->handle], MESSAGE_BYTES, 0);
            } else if (completion->kind == IO_RECEIVED) {
                io_close(io, completion->handle, 0);
            } else if (completion->kind == IO_CLOSED) {
                closed_count++;
            }
        }
    }
    io_destroy(io);
    return NULL;
}

struct client {
    struct io *io;
    struct row *row;
    uint64_t until_ns;
    uint64_t sent_ns[CONNECTIONS_MAX + 2];
    uint8_t messages[CONNECTIONS_MAX + 2][MESSAGE_BYTES];
    uint32_t ended_count;
};

static void client_send(struct client *client, uint32_t handle)
{
    io_now_refresh(client->io);
    client->sent_ns[handle] = io_now_ns(client->io);
    io_send(client->io, handle, client->messages[handle], MESSAGE_BYTES, 0);
}

static void client_complete(struct client *client, const struct io_completion *completion)
{
    struct io *io = client->io;
    uint32_t handle = completion->handle;
    if (completion->kind == IO_CONNECTED) {
        ASSERT(completion->result == 0);
        io_receive_start(io, handle, 0);
        client_send(client, handle);
    } else if (completion->kind == IO_RECEIVED) {
        ASSERT(completion->result == MESSAGE_BYTES);
        io_buffer_release(io, completion);
        io_now_refresh(io);
        uint64_t now_ns = io_now_ns(io);
        histogram_record(client->row->latency, now_ns - client->sent_ns[handle]);
        client->row->count++;
        if (now_ns < client->until_ns) {
            client_send(client, handle);
        } else {
            io_close(io, handle, 0);
        }
    } else if (completion->kind == IO_CLOSED) {
        client->ended_count++;
    }
}

static void echo(struct row *row, uint64_t duration_ns)
{
    struct server server = {.row = row};
    pthread_t thread;
    int failed = pthread_create(&thread, NULL, serve, &server);
    ASSERT(failed == 0);
    while (atomic_load(&server.port) == 0) {
        (void)sched_yield();
    }
    char endpoint[32];
    (void)snprintf(endpoint, sizeof endpoint, "127.0.0.1:%" PRIu32, atomic_load(&server.port));
    struct client *client = calloc(1, sizeof *client);
    ASSERT(client != NULL);
    client->io = make_io(row);
    client->row = row;
    io_now_refresh(client->io);
    uint64_t start_ns = io_now_ns(client->io);
    uint64_t processor_before_ns = processor_ns();
    client->until_ns = start_ns + duration_ns;
    for (uint32_t i = 0; i < row->under_way; i++) {
        uint32_t handle;
        must(io_connect(client->io, endpoint, 0, &handle), "io_connect");
    }
    struct io_completion completions[BATCH];
    while (client->ended_count < row->under_way) {
        uint32_t count = io_poll(client->io, completions, BATCH, UINT64_MAX);
        for (uint32_t i = 0; i < count; i++) {
            client_complete(client, &completions[i]);
        }
    }
    failed = pthread_join(thread, NULL);
    ASSERT(failed == 0);
    row->processor_ns += processor_ns() - processor_before_ns;
    io_now_refresh(client->io);
    row->elapsed_ns += io_now_ns(client->io) - start_ns;
    io_destroy(client->io);
    free(client);
}

/* Preallocated and written over: a write then changes no metadata. */
static void make_file(const char *path)
{
    int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    uint8_t *zeros = calloc(WRITE_SLOTS, WRITE_BYTES);
    size_t bytes = (size_t)WRITE_SLOTS * WRITE_BYTES;
    if (fd < 0 || zeros == NULL || write(fd, zeros, bytes) != (ssize_t)bytes || fsync(fd) != 0) {
        (void)fprintf(stderr, "io_bench: %s: %s\n", path, strerror(errno));
        exit(1);
    }
    (void)close(fd);
    free(zeros);
}

static void start_write(struct io *io, uint32_t file, const uint8_t *memory, uint64_t number,
                        uint64_t *started_ns)
{
    uint64_t lane = number % WRITES_MAX;
    io_now_refresh(io);
    started_ns[lane] = io_now_ns(io);
    io_file_write(io, file, memory + lane * WRITE_BYTES, WRITE_BYTES,
                  number % WRITE_SLOTS * WRITE_BYTES, lane);
}

static void writes(struct row *row, uint64_t duration_ns, const char *path)
{
    struct io *io = make_io(row);
    uint32_t file;
    must(io_file_open(io, path, true, &file), path);
    uint8_t *memory = aligned_alloc(WRITE_BYTES, (size_t)WRITES_MAX * WRITE_BYTES);
    ASSERT(memory != NULL);
    memset(memory, 0x5A, (size_t)WRITES_MAX * WRITE_BYTES);
    enum status registered = io_memory_register(io, memory, (size_t)WRITES_MAX * WRITE_BYTES);
    ASSERT(registered == STATUS_OK || registered == STATUS_DENIED);
    uint64_t started_ns[WRITES_MAX];
    io_now_refresh(io);
    uint64_t start_ns = io_now_ns(io);
    uint64_t processor_before_ns = processor_ns();
    uint64_t number = 0;
    uint32_t in_flight = row->under_way;
    for (; number < row->under_way; number++) {
        start_write(io, file, memory, number, started_ns);
    }
    struct io_completion completions[WRITES_MAX];
    while (in_flight > 0) {
        uint32_t count = io_poll(io, completions, WRITES_MAX, UINT64_MAX);
        for (uint32_t i = 0; i < count; i++) {
            ASSERT(completions[i].kind == IO_WRITTEN);
            ASSERT(completions[i].result == (int32_t)WRITE_BYTES);
            uint64_t lane = completions[i].token;
            histogram_record(row->latency, io_now_ns(io) - started_ns[lane]);
            row->count++;
            if (io_now_ns(io) < start_ns + duration_ns) {
                /* The lane's next number: lanes keep to their own memory. */
                number += (number % WRITES_MAX != lane) ? 1 : 0;
                start_write(io, file, memory, number++, started_ns);
            } else {
                in_flight--;
            }
        }
    }
    row->processor_ns += processor_ns() - processor_before_ns;
    io_now_refresh(io);
    row->elapsed_ns += io_now_ns(io) - start_ns;
    io_destroy(io);
    free(memory);
}

static void report(const struct row *rows, uint32_t row_count)
{
    (void)fprintf(stderr, "what   under way  idle   backend  operations/s   p50 us   p99 us  "
                          "p99.9 us  cpu us/operation\n");
    (void)printf("{\"bench\":\"io\",\"rows\":[");
    for (uint32_t i = 0; i < row_count; i++) {
        const struct row *row = &rows[i];
        double rate = (double)row->count * (double)NS_PER_SECOND / (double)row->elapsed_ns;
        double p50_us = (double)histogram_percentile(row->latency, 500000) / 1e3;
        double p99_us = (double)histogram_percentile(row->latency, 990000) / 1e3;
        double p999_us = (double)histogram_percentile(row->latency, 999000) / 1e3;
        double cpu_us = (double)row->processor_ns / (double)row->count / 1e3;
        (void)fprintf(stderr, "%-6s %9" PRIu32 "  %-5s  %-7s %13.0f %8.1f %8.1f %9.1f %17.2f\n",
                      row->what, row->under_way, idle_text(row->idle), backend_text(row->backend),
                      rate, p50_us, p99_us, p999_us, cpu_us);
        (void)printf("%s{\"what\":\"%s\",\"under_way\":%" PRIu32 ",\"idle\":\"%s\","
                     "\"backend\":\"%s\",\"per_second\":%.0f,\"p50_us\":%.2f,\"p99_us\":%.2f,"
                     "\"p999_us\":%.2f,\"processor_us\":%.3f}",
                     i == 0 ? "" : ",", row->what, row->under_way, idle_text(row->idle),
                     backend_text(row->backend), rate, p50_us, p99_us, p999_us, cpu_us);
    }
    (void)printf("]}\n");
}

static const char *argument(int argc, char **argv, const char *name, const char *otherwise)
{
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], name) == 0) {
            return argv[i + 1];
        }
    }
    return otherwise;
}

int main(int argc, char **argv)
{
    struct row rows[] = {
        {.what = "echo", .idle = IO_IDLE_SLEEP, .under_way = 1},
        {.what = "echo", .idle = IO_IDLE_YIELD, .under_way = 1},
        {.what = "echo", .idle = IO_IDLE_SLEEP, .under_way = CONNECTIONS_MAX},
        {.what = "echo", .idle = IO_IDLE_YIELD, .under_way = CONNECTIONS_MAX},
        {.what = "write", .idle = IO_IDLE_SLEEP, .under_way = 1},
        {.what = "write", .idle = IO_IDLE_SLEEP, .under_way = 2},
        {.what = "write", .idle = IO_IDLE_YIELD, .under_way = 1},
    };
    struct row both[2 * sizeof rows / sizeof rows[0]];
    uint32_t row_count = 0;
    bool ring = ring_available();
    uint64_t seconds = strtoull(argument(argc, argv, "--seconds", "6"), NULL, 10);
    if (seconds < 1 || seconds > 3600) {
        (void)fprintf(stderr, "usage: io_bench [--seconds 1..3600] [--directory DIR]\n");
        return 2;
    }
    for (uint32_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (int backend = ring ? 0 : 1; backend < 2; backend++) {
            struct row *row = &both[row_count++];
            *row = rows[i];
            row->backend = backend == 0 ? IO_BACKEND_RING : IO_BACKEND_EPOLL;
            row->latency = calloc(1, sizeof *row->latency);
            ASSERT(row->latency != NULL);
        }
    }
    char path[512];
    (void)snprintf(path, sizeof path, "%s/io_bench.file", argument(argc, argv, "--directory", "."));
    make_file(path);
    uint64_t share_ns = seconds * NS_PER_SECOND / (ROUNDS * row_count);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        for (uint32_t i = 0; i < row_count; i++) {
            if (strcmp(both[i].what, "echo") == 0) {
                echo(&both[i], share_ns);
            } else {
                writes(&both[i], share_ns, path);
            }
        }
    }
    (void)unlink(path);
    report(both, row_count);
    for (uint32_t i = 0; i < row_count; i++) {
        free(both[i].latency);
    }
    return 0;
}
