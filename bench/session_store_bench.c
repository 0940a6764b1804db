/* How fast are session streams written, replayed and taken into a snapshot and out of it, and what
 * do they cost on disk?
 *
 *   session_store_bench [DIRECTORY [EVENTS]]      default: the working directory, 4,000,000
 *
 * Prints one line for each kind of client order id and number of sessions and instruments. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "gateway/session_store.h"
#include "gateway/session_store_snapshot.h"
#include "tests/support/event_flow.h"

#define READ_EVENTS 64u
#define CHUNK_BYTES (256u << 10)

/* Processor time: other work on the machine must not count. */
static double seconds_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static double measure_append(struct session_store *store, const struct event *events,
                             uint64_t count)
{
    double began = seconds_now();
    for (uint64_t index = 0; index < count; index++) {
        enum status status = session_store_append(store, &events[index]);
        if (status != STATUS_OK) {
            (void)fprintf(stderr, "append: %s\n", status_text(status));
            exit(1);
        }
    }
    return seconds_now() - began;
}

/* Every session from its first event, `READ_EVENTS` at a time, the sessions taking turns. */
static double measure_replay(struct session_store *store, uint32_t sessions)
{
    uint64_t *cursors = calloc((size_t)sessions + 1, sizeof *cursors);
    if (cursors == NULL) {
        exit(1);
    }
    double began = seconds_now();
    bool more = true;
    for (uint64_t lap = 0; more; lap++) {
        more = false;
        for (uint32_t id = 1; id <= sessions; id++) {
            static struct event events[READ_EVENTS];
            uint32_t count = 0;
            enum status status =
                session_store_read(store, id, 1, cursors[id] + 1, events, READ_EVENTS, &count);
            if (status != STATUS_OK) {
                (void)fprintf(stderr, "read: %s\n", status_text(status));
                exit(1);
            }
            cursors[id] += count;
            more = more || count == READ_EVENTS;
        }
    }
    free(cursors);
    return seconds_now() - began;
}

struct snapshot_measure {
    double write;
    double read;
    uint64_t bytes;
};

/* Everything through a snapshot into a new store, chunk by chunk. */
static struct snapshot_measure measure_snapshot(struct session_store *store, uint32_t sessions,
                                                struct session_store *other)
{
    static uint8_t chunk[CHUNK_BYTES];
    struct snapshot_measure measure = {.bytes = 0};
    struct session_store_snapshot *snapshots[2];
    for (uint32_t index = 0; index < 2; index++) {
        enum status status = session_store_snapshot_create(&snapshots[index]);
        if (status != STATUS_OK) {
            (void)fprintf(stderr, "snapshot: %s\n", status_text(status));
            exit(1);
        }
    }
    session_store_snapshot_write_start(snapshots[0], store, sessions);
    session_store_snapshot_read_start(snapshots[1], other, sessions);
    enum status status = STATUS_MORE;
    while (status == STATUS_MORE) {
        size_t bytes = 0;
        double began = seconds_now();
        status = session_store_snapshot_write(snapshots[0], chunk, sizeof chunk, &bytes);
        double written = seconds_now();
        enum status taken = session_store_snapshot_read(snapshots[1], chunk, bytes);
        measure.write += written - began;
        measure.read += seconds_now() - written;
        measure.bytes += bytes;
        if (taken != status) {
            (void)fprintf(stderr, "snapshot: %s, %s\n", status_text(status), status_text(taken));
            exit(1);
        }
    }
    for (uint32_t index = 0; index < 2; index++) {
        session_store_snapshot_destroy(snapshots[index]);
    }
    return measure;
}

static struct session_store *make_store(const char *path, uint32_t sessions)
{
    struct session_store *store = NULL;
    struct session_store_options options = {.path = path,
                                            .sessions_max = sessions,
                                            .block_events = SESSION_STORE_BLOCK_EVENTS,
                                            .file_bytes_max = UINT64_C(1) << 36};
    enum status status = session_store_create(&store, &options);
    if (status != STATUS_OK) {
        (void)fprintf(stderr, "%s: %s\n", path, status_text(status));
        exit(1);
    }
    (void)unlink(path); /* It stays open. */
    return store;
}

static void run(const char *directory, uint32_t sessions, uint32_t instruments, uint64_t count,
                enum event_flow_clients clients, const char *name)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/session_store_bench.streams", directory);
    struct event *events = calloc(count, sizeof *events);
    if (events == NULL) {
        exit(1);
    }
    struct event_flow flow;
    struct session_store *store = make_store(path, sessions);
    struct session_store *other = make_store(path, sessions);
    event_flow_create(&flow, 1, sessions, instruments, clients);
    for (uint64_t index = 0; index < count; index++) {
        event_flow_next(&flow, false, &events[index]);
    }
    double append = measure_append(store, events, count);
    struct session_store_usage usage;
    session_store_usage(store, &usage);
    double replay = measure_replay(store, sessions);
    struct snapshot_measure snapshot = measure_snapshot(store, sessions, other);
    double each = 1e9 / (double)count;
    (void)printf("%-8s %5" PRIu32 " sessions, %4" PRIu32
                 " instruments: append %5.1f ns, replay %5.1f ns an event; on disk %4.1f B an "
                 "order, %4.1f B an event; snapshot %4.1f B, written %5.1f ns, read %5.1f ns an "
                 "event; memory at most %" PRIu64 " MiB\n",
                 name, sessions, instruments, each * append, each * replay,
                 (double)usage.file_bytes / (double)flow.orders,
                 (double)usage.file_bytes / (double)usage.events,
                 (double)snapshot.bytes / (double)usage.events, each * snapshot.write,
                 each * snapshot.read, usage.memory_bytes >> 20);
    event_flow_destroy(&flow);
    session_store_destroy(store);
    session_store_destroy(other);
    free(events);
}

int main(int argc, char **argv)
{
    const char *directory = argc > 1 ? argv[1] : ".";
    uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : 4000000;
    run(directory, 1000, 100, count, EVENT_FLOW_EMPTY, "empty");
    run(directory, 1000, 100, count, EVENT_FLOW_COUNTING, "counting");
    run(directory, 1000, 100, count, EVENT_FLOW_RANDOM, "random");
    run(directory, 1000, 1, count, EVENT_FLOW_EMPTY, "empty");
    run(directory, 1000, 4000, count, EVENT_FLOW_EMPTY, "empty");
    run(directory, 1, 100, count, EVENT_FLOW_EMPTY, "empty");
    run(directory, 16384, 100, count, EVENT_FLOW_EMPTY, "empty");
    return 0;
}
