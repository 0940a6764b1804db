/* Session streams of any bytes are read within bounds; and so are those of a few sessions with
 * bytes changed (where: two bytes, what: one). Whatever is accepted is rendered as every client
 * would get it, and written again: a store that cuts otherwise packs the events anew, and then the
 * bytes are the same through any store. */
#include "gateway/session_store_snapshot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/ouch.h"
#include "matching/base/assertion.h"
#include "tests/support/event_flow.h"

#define FUZZ_SESSIONS  4u
#define FUZZ_BYTES_MAX 65536u
/* What is packed anew may be larger. */
#define FUZZ_WRITTEN_MAX (16u * FUZZ_BYTES_MAX)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz {
    struct session_store_snapshot *snapshot;
    uint8_t original[FUZZ_WRITTEN_MAX];
    size_t original_bytes;
    uint8_t changed[FUZZ_BYTES_MAX];
    uint8_t written[FUZZ_WRITTEN_MAX];
    uint8_t again[FUZZ_WRITTEN_MAX];
};

static struct session_store *fuzz_store(uint32_t block_events)
{
    char path[128];
    (void)snprintf(path, sizeof path, P_tmpdir "/session-store-snapshot-fuzz-%ld", (long)getpid());
    struct session_store_options options = {.path = path,
                                            .sessions_max = FUZZ_SESSIONS,
                                            .block_events = block_events,
                                            .file_bytes_max = 1 << 24};
    struct session_store *store = NULL;
    enum status status = session_store_create(&store, &options);
    ASSERT(status == STATUS_OK);
    (void)unlink(path); /* It stays open. */
    return store;
}

static size_t fuzz_write(struct fuzz *fuzz, struct session_store *store, uint8_t *target)
{
    size_t count = 0;
    enum status status = STATUS_MORE;
    session_store_snapshot_write_start(fuzz->snapshot, store, FUZZ_SESSIONS);
    while (status == STATUS_MORE) {
        size_t bytes = 0;
        ASSERT(count < FUZZ_WRITTEN_MAX);
        status = session_store_snapshot_write(fuzz->snapshot, target + count,
                                              FUZZ_WRITTEN_MAX - count, &bytes);
        count += bytes;
    }
    ASSERT(status == STATUS_OK);
    return count;
}

static struct fuzz *fuzz_make(void)
{
    struct fuzz *fuzz = calloc(1, sizeof *fuzz);
    ASSERT(fuzz != NULL);
    enum status status = session_store_snapshot_create(&fuzz->snapshot);
    ASSERT(status == STATUS_OK);
    struct event_flow flow;
    struct session_store *store = fuzz_store(SESSION_STORE_BLOCK_EVENTS);
    event_flow_create(&flow, 5, FUZZ_SESSIONS, 3, EVENT_FLOW_COUNTING);
    for (uint32_t i = 0; i < 700; i++) {
        struct event event;
        event_flow_next(&flow, false, &event);
        status = session_store_append(store, &event);
        ASSERT(status == STATUS_OK);
    }
    event_flow_destroy(&flow);
    fuzz->original_bytes = fuzz_write(fuzz, store, fuzz->original);
    ASSERT(fuzz->original_bytes <= FUZZ_BYTES_MAX);
    session_store_destroy(store);
    return fuzz;
}

/* Every event as a client gets it: nothing that was accepted may stop a door. */
static void fuzz_render(struct session_store *store)
{
    struct event events[64];
    uint8_t message[OUCH_MESSAGE_BYTES_MAX];
    for (uint32_t id = 1; id <= FUZZ_SESSIONS; id++) {
        struct session_store_stream stream;
        if (!session_store_stream(store, id, true, &stream)) {
            continue;
        }
        uint32_t count = 1;
        for (uint64_t sequence = 1; count > 0; sequence += count) {
            enum status status =
                session_store_read(store, id, stream.generation, sequence, events, 64, &count);
            ASSERT(status == STATUS_OK);
            for (uint32_t i = 0; i < count; i++) {
                (void)ouch_event_encode(message, sizeof message, &events[i]);
            }
        }
    }
}

/* What was written, read and written by a store with such blocks. */
static size_t fuzz_through(struct fuzz *fuzz, uint32_t block_events, const uint8_t *bytes,
                           size_t count, uint8_t *target)
{
    struct session_store *store = fuzz_store(block_events);
    session_store_snapshot_read_start(fuzz->snapshot, store, FUZZ_SESSIONS);
    enum status status = session_store_snapshot_read(fuzz->snapshot, bytes, count);
    ASSERT(status == STATUS_OK);
    count = fuzz_write(fuzz, store, target);
    session_store_destroy(store);
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fuzz *fuzz;
    if (fuzz == NULL) {
        fuzz = fuzz_make();
    }
    if (size < 2) {
        return 0;
    }
    size_t count = size - 1 < FUZZ_BYTES_MAX ? size - 1 : FUZZ_BYTES_MAX;
    if (data[0] % 4 == 0) {
        memcpy(fuzz->changed, data + 1, count);
    } else {
        count = fuzz->original_bytes;
        memcpy(fuzz->changed, fuzz->original, count);
        for (size_t i = 1; i + 3 <= size; i += 3) {
            fuzz->changed[((size_t)data[i] << 8 | data[i + 1]) % count] = data[i + 2];
        }
    }
    struct session_store *store = fuzz_store(SESSION_STORE_BLOCK_EVENTS);
    session_store_snapshot_read_start(fuzz->snapshot, store, FUZZ_SESSIONS);
    if (session_store_snapshot_read(fuzz->snapshot, fuzz->changed, count) == STATUS_OK) {
        fuzz_render(store);
        size_t written = fuzz_write(fuzz, store, fuzz->written);
        written = fuzz_through(fuzz, 16, fuzz->written, written, fuzz->again);
        size_t again =
            fuzz_through(fuzz, SESSION_STORE_BLOCK_EVENTS, fuzz->again, written, fuzz->written);
        ASSERT(again == written);
        ASSERT(memcmp(fuzz->written, fuzz->again, again) == 0);
    }
    session_store_destroy(store);
    return 0;
}
