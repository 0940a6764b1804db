/* How fast are session streams written and replayed, and what do they cost on disk?
 *
 *   session_store_bench [DIRECTORY [EVENTS]]      default: the working directory, 4,000,000
 *
 * Prints one line for each kind of client order id and number of sessions. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "gateway/session_store.h"
#include "tests/support/event_flow.h"

#define READ_EVENTS 64u

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

static void run(const char *directory, uint32_t sessions, uint64_t count,
                enum event_flow_clients clients, const char *name)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/session_store_bench.streams", directory);
    struct event *events = calloc(count, sizeof *events);
    struct event_flow flow;
    struct session_store *store = NULL;
    struct session_store_options options = {.path = path,
                                            .sessions_max = sessions,
                                            .block_events = 256,
                                            .file_bytes_max = UINT64_C(1) << 36};
    enum status status = session_store_create(&store, &options);
    if (events == NULL || status != STATUS_OK) {
        (void)fprintf(stderr, "%s: %s\n", path, status_text(status));
        exit(1);
    }
    event_flow_create(&flow, 1, sessions, 100, clients);
    for (uint64_t index = 0; index < count; index++) {
        event_flow_next(&flow, false, &events[index]);
    }
    double append = measure_append(store, events, count);
    struct session_store_usage usage;
    session_store_usage(store, &usage);
    double replay = measure_replay(store, sessions);
    (void)printf("%-8s %6" PRIu32 " sessions: append %5.1f ns, replay %5.1f ns an event; on disk "
                 "%5.1f B an order, %4.1f B an event, memory at most %" PRIu64 " MiB\n",
                 name, sessions, 1e9 * append / (double)count, 1e9 * replay / (double)count,
                 (double)usage.file_bytes / (double)flow.orders,
                 (double)usage.file_bytes / (double)usage.events, usage.memory_bytes >> 20);
    event_flow_destroy(&flow);
    session_store_destroy(store);
    (void)unlink(path);
    free(events);
}

int main(int argc, char **argv)
{
    const char *directory = argc > 1 ? argv[1] : ".";
    uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : 4000000;
    run(directory, 1000, count, EVENT_FLOW_EMPTY, "empty");
    run(directory, 1000, count, EVENT_FLOW_COUNTING, "counting");
    run(directory, 1000, count, EVENT_FLOW_RANDOM, "random");
    run(directory, 1, count, EVENT_FLOW_EMPTY, "empty");
    run(directory, 16384, count, EVENT_FLOW_EMPTY, "empty");
    return 0;
}
