#include "gateway/session_store_snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "matching/base/bytes.h"
#include "matching/base/limits.h"

#define SNAPSHOT_STREAM_VERSION 2u
/* A stream's last block has what is left. */
#define BLOCK_EVENTS SESSION_STORE_BLOCK_EVENTS

/* Kinds and sizes of what the part is made of: protocol.md 6. */
#define HEAD_BYTES   12u
#define STREAM_BYTES 18u
#define BLOCK_BYTES  13u
#define END_BYTES    17u
enum snapshot_kind {
    KIND_HEAD = 0, /* Never in the bytes. */
    KIND_STREAM = 1,
    KIND_BLOCK = 2,
    KIND_END = 3,
};
static const uint8_t snapshot_magic[8] = "CWSTREAM";

struct session_store_snapshot {
    struct session_store *store;
    uint32_t sessions; /* Ids go up to here. */

    /* The stream under way. */
    uint32_t session_id;
    bool present;
    struct session_store_stream stream;
    uint64_t sequence; /* Of the event that comes next; next_sequence: the stream is whole. */
    uint64_t streams_count;
    uint64_t events_count;

    /* What is written or gathered: `piece` of it, `piece_done` already gone or, when reading, the
     * bytes needed until it is whole. */
    uint8_t *piece;
    size_t piece_bytes;
    size_t piece_done;
    enum snapshot_kind next; /* Reading: what the piece is; KIND_HEAD at first. */
    enum status status;      /* Reading: STATUS_MORE until the end or the first error. */
    bool ended;              /* Writing: the end is in `piece`. */

    struct event *events; /* Of a block that is packed, or was unpacked. */
    struct event *pointers[BLOCK_EVENTS];
    struct stream_packer *packer;
    size_t piece_bytes_max;
};

static enum status snapshot_allocate(struct session_store_snapshot *snapshot)
{
    snapshot->piece_bytes_max = BLOCK_BYTES + stream_packer_bound(BLOCK_EVENTS);
    snapshot->piece = malloc(snapshot->piece_bytes_max);
    snapshot->events = calloc(BLOCK_EVENTS, sizeof *snapshot->events);
    return snapshot->piece == NULL || snapshot->events == NULL
               ? STATUS_FULL
               : stream_packer_create(&snapshot->packer, BLOCK_EVENTS);
}

enum status session_store_snapshot_create(struct session_store_snapshot **target)
{
    ASSERT(target != NULL);
    struct session_store_snapshot *snapshot = calloc(1, sizeof *snapshot);
    *target = NULL;
    enum status status = snapshot == NULL ? STATUS_FULL : snapshot_allocate(snapshot);
    if (status != STATUS_OK) {
        session_store_snapshot_destroy(snapshot);
        return status;
    }
    for (uint32_t i = 0; i < BLOCK_EVENTS; i++) {
        snapshot->pointers[i] = &snapshot->events[i];
    }
    *target = snapshot;
    return STATUS_OK;
}

void session_store_snapshot_destroy(struct session_store_snapshot *snapshot)
{
    if (snapshot == NULL) {
        return;
    }
    free(snapshot->piece);
    free(snapshot->events);
    stream_packer_destroy(snapshot->packer);
    free(snapshot);
}

static void snapshot_start(struct session_store_snapshot *snapshot, struct session_store *store,
                           uint32_t sessions)
{
    ASSERT(sessions <= SESSIONS_MAX);
    snapshot->store = store;
    snapshot->sessions = sessions;
    snapshot->session_id = 0;
    snapshot->present = true;
    snapshot->stream = (struct session_store_stream){.generation = 0};
    snapshot->sequence = 0;
    snapshot->streams_count = 0;
    snapshot->events_count = 0;
    snapshot->piece_bytes = 0;
    snapshot->piece_done = 0;
    snapshot->ended = false;
}

/* ---- Writing ---- */

void session_store_snapshot_write_start(struct session_store_snapshot *snapshot,
                                        struct session_store *store, uint32_t sessions)
{
    snapshot_start(snapshot, store, sessions);
    memcpy(snapshot->piece, snapshot_magic, sizeof snapshot_magic);
    bytes_store_le32(snapshot->piece + sizeof snapshot_magic, SNAPSHOT_STREAM_VERSION);
    snapshot->piece_bytes = HEAD_BYTES;
}

/* Packs events of the stream that are no block in the store's file. */
static enum status snapshot_pack(struct session_store_snapshot *snapshot, uint32_t count,
                                 struct stream_packer_sizes *sizes)
{
    uint32_t read = 0;
    enum status status =
        session_store_read(snapshot->store, snapshot->session_id, snapshot->stream.generation,
                           snapshot->sequence, snapshot->events, count, &read);
    if (status == STATUS_OK) {
        ASSERT(read == count);
        stream_packer_pack(snapshot->packer, (const struct event *const *)snapshot->pointers, count,
                           snapshot->piece + BLOCK_BYTES, sizes);
    }
    return status;
}

/* The next block of the stream. */
static enum status snapshot_put_block(struct session_store_snapshot *snapshot)
{
    uint64_t left = snapshot->stream.next_sequence - snapshot->sequence;
    uint32_t count = left < BLOCK_EVENTS ? (uint32_t)left : BLOCK_EVENTS;
    struct stream_packer_sizes sizes;
    enum status status =
        session_store_block(snapshot->store, snapshot->session_id, snapshot->stream.generation,
                            snapshot->sequence, count, snapshot->piece + BLOCK_BYTES, &sizes);
    if (status == STATUS_NOT_FOUND) {
        status = snapshot_pack(snapshot, count, &sizes);
    }
    if (status != STATUS_OK) {
        return status;
    }
    snapshot->piece[0] = KIND_BLOCK;
    bytes_store_le16(snapshot->piece + 1, (uint16_t)count);
    bytes_store_le16(snapshot->piece + 3, sizes.dense_bytes);
    bytes_store_le32(snapshot->piece + 5, sizes.raw_bytes);
    bytes_store_le32(snapshot->piece + 9, sizes.stored_bytes);
    snapshot->piece_bytes = BLOCK_BYTES + sizes.stored_bytes;
    ASSERT(snapshot->piece_bytes <= snapshot->piece_bytes_max);
    snapshot->sequence += count;
    snapshot->events_count += count;
    return STATUS_OK;
}

/* The next stream that there is: of each session the previous one, then the present one. False: no
 * more. */
static bool snapshot_find_stream(struct session_store_snapshot *snapshot)
{
    do {
        snapshot->session_id += snapshot->present ? 1 : 0;
        snapshot->present = !snapshot->present;
        if (snapshot->session_id > snapshot->sessions) {
            return false;
        }
    } while (!session_store_stream(snapshot->store, snapshot->session_id, snapshot->present,
                                   &snapshot->stream));
    return true;
}

static enum status snapshot_put(struct session_store_snapshot *snapshot)
{
    ASSERT(!snapshot->ended);
    snapshot->piece_done = 0;
    if (snapshot->sequence < snapshot->stream.next_sequence) {
        return snapshot_put_block(snapshot);
    }
    if (snapshot_find_stream(snapshot)) {
        snapshot->piece[0] = KIND_STREAM;
        bytes_store_le32(snapshot->piece + 1, snapshot->session_id);
        bytes_store_le32(snapshot->piece + 5, (uint32_t)snapshot->stream.generation);
        snapshot->piece[9] = snapshot->present ? 1 : 0;
        bytes_store_le64(snapshot->piece + 10, snapshot->stream.next_sequence);
        snapshot->piece_bytes = STREAM_BYTES;
        snapshot->sequence = 1;
        snapshot->streams_count++;
        return STATUS_OK;
    }
    snapshot->piece[0] = KIND_END;
    bytes_store_le64(snapshot->piece + 1, snapshot->streams_count);
    bytes_store_le64(snapshot->piece + 9, snapshot->events_count);
    snapshot->piece_bytes = END_BYTES;
    snapshot->ended = true;
    return STATUS_OK;
}

enum status session_store_snapshot_write(struct session_store_snapshot *snapshot, uint8_t *chunk,
                                         size_t bytes_max, size_t *bytes)
{
    ASSERT(bytes_max > 0);
    *bytes = 0;
    for (;;) {
        if (snapshot->piece_done == snapshot->piece_bytes) {
            if (snapshot->ended) {
                return STATUS_OK;
            }
            enum status status = snapshot_put(snapshot);
            if (status != STATUS_OK) {
                return status;
            }
        }
        if (*bytes == bytes_max) {
            return STATUS_MORE;
        }
        size_t count = snapshot->piece_bytes - snapshot->piece_done;
        count = count < bytes_max - *bytes ? count : bytes_max - *bytes;
        memcpy(chunk + *bytes, snapshot->piece + snapshot->piece_done, count);
        snapshot->piece_done += count;
        *bytes += count;
    }
}

/* ---- Reading ---- */

void session_store_snapshot_read_start(struct session_store_snapshot *snapshot,
                                       struct session_store *store, uint32_t sessions_max)
{
    ASSERT(sessions_max > 0);
    snapshot_start(snapshot, store, sessions_max);
    snapshot->next = KIND_HEAD;
    snapshot->status = STATUS_MORE;
    snapshot->piece_done = HEAD_BYTES;
}

static enum status snapshot_get_stream(struct session_store_snapshot *snapshot)
{
    uint32_t session_id = bytes_load_le32(snapshot->piece + 1);
    struct session_store_stream stream = {
        .generation = bytes_load_le32(snapshot->piece + 5),
        .next_sequence = bytes_load_le64(snapshot->piece + 10),
    };
    bool present = snapshot->piece[9] == 1;
    /* Previous and present go together, the first generation has none before it. */
    bool second = snapshot->session_id == session_id && !snapshot->present && present &&
                  stream.generation == snapshot->stream.generation + 1;
    bool first = session_id > snapshot->session_id && snapshot->present &&
                 (present ? stream.generation == 1 : stream.generation >= 1);
    if (snapshot->piece[9] > 1 || (!first && !second) || session_id > snapshot->sessions ||
        stream.generation >= UINT32_MAX - 1 || stream.next_sequence < 2 ||
        stream.next_sequence > UINT64_MAX >> 1) {
        return STATUS_BAD_FORMAT;
    }
    snapshot->session_id = session_id;
    snapshot->present = present;
    snapshot->stream = stream;
    snapshot->sequence = 1;
    snapshot->streams_count++;
    enum status status = session_store_restore(snapshot->store, session_id, stream.generation);
    return status == STATUS_OK ? STATUS_MORE : status;
}

static struct stream_packer_sizes snapshot_sizes(const struct session_store_snapshot *snapshot)
{
    return (struct stream_packer_sizes){.dense_bytes = bytes_load_le16(snapshot->piece + 3),
                                        .raw_bytes = bytes_load_le32(snapshot->piece + 5),
                                        .stored_bytes = bytes_load_le32(snapshot->piece + 9)};
}

/* Bytes of a block behind its header; 0: the header is not one. */
static size_t snapshot_block_bytes(const struct session_store_snapshot *snapshot)
{
    uint64_t left = snapshot->stream.next_sequence - snapshot->sequence;
    uint32_t count = bytes_load_le16(snapshot->piece + 1);
    struct stream_packer_sizes sizes = snapshot_sizes(snapshot);
    bool right = left > 0 && count == (left < BLOCK_EVENTS ? left : BLOCK_EVENTS) &&
                 stream_packer_fits(&sizes, count);
    return right ? sizes.stored_bytes : 0;
}

static enum status snapshot_get_block(struct session_store_snapshot *snapshot)
{
    uint32_t count = bytes_load_le16(snapshot->piece + 1);
    struct stream_packer_sizes sizes = snapshot_sizes(snapshot);
    if (stream_packer_unpack(snapshot->packer, snapshot->piece + BLOCK_BYTES, &sizes,
                             snapshot->pointers, count) != STATUS_OK) {
        return STATUS_BAD_FORMAT;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct event *event = &snapshot->events[i];
        event->session_id = snapshot->session_id;
        event->sequence = snapshot->sequence + i;
        if (!event_streamed(event)) {
            return STATUS_BAD_FORMAT;
        }
    }
    snapshot->sequence += count;
    snapshot->events_count += count;
    enum status status = session_store_put_block(snapshot->store, snapshot->events, count,
                                                 snapshot->piece + BLOCK_BYTES, &sizes);
    return status == STATUS_OK ? STATUS_MORE : status;
}

/* Bytes of the piece that begins with this kind; 0: there is none. */
static size_t snapshot_kind_bytes(uint8_t kind)
{
    return kind == KIND_STREAM  ? STREAM_BYTES
           : kind == KIND_BLOCK ? BLOCK_BYTES
           : kind == KIND_END   ? END_BYTES
                                : 0;
}

static enum status snapshot_get_end(const struct session_store_snapshot *snapshot)
{
    bool right = snapshot->present &&
                 bytes_load_le64(snapshot->piece + 1) == snapshot->streams_count &&
                 bytes_load_le64(snapshot->piece + 9) == snapshot->events_count;
    return right ? STATUS_OK : STATUS_BAD_FORMAT;
}

/* The piece is as long as was asked for: use it, or ask for the rest of it. */
static enum status snapshot_get(struct session_store_snapshot *snapshot)
{
    size_t wanted = snapshot->piece_done;
    const uint8_t *piece = snapshot->piece;
    if (snapshot->next == KIND_HEAD) {
        if (memcmp(piece, snapshot_magic, sizeof snapshot_magic) != 0) {
            return STATUS_BAD_FORMAT;
        }
        snapshot->next = KIND_END; /* From now on the first byte says what it is. */
        return bytes_load_le32(piece + sizeof snapshot_magic) == SNAPSHOT_STREAM_VERSION
                   ? STATUS_MORE
                   : STATUS_BAD_VERSION;
    }
    if (wanted == 1) {
        snapshot->piece_done = snapshot_kind_bytes(piece[0]);
        /* A stream is whole before anything else comes. */
        bool whole = snapshot->sequence >= snapshot->stream.next_sequence;
        return snapshot->piece_done == 0 || whole == (piece[0] == KIND_BLOCK) ? STATUS_BAD_FORMAT
                                                                              : STATUS_NOT_YET;
    }
    if (piece[0] == KIND_BLOCK && wanted == BLOCK_BYTES) {
        size_t behind = snapshot_block_bytes(snapshot);
        snapshot->piece_done = BLOCK_BYTES + behind;
        return behind == 0 ? STATUS_BAD_FORMAT : STATUS_NOT_YET;
    }
    return piece[0] == KIND_STREAM  ? snapshot_get_stream(snapshot)
           : piece[0] == KIND_BLOCK ? snapshot_get_block(snapshot)
                                    : snapshot_get_end(snapshot);
}

enum status session_store_snapshot_read(struct session_store_snapshot *snapshot,
                                        const uint8_t *bytes, size_t count)
{
    ASSERT(snapshot->store != NULL);
    size_t done = 0;
    while (done < count && snapshot->status == STATUS_MORE) {
        ASSERT(snapshot->piece_bytes < snapshot->piece_done);
        ASSERT(snapshot->piece_done <= snapshot->piece_bytes_max);
        size_t part = snapshot->piece_done - snapshot->piece_bytes;
        part = part < count - done ? part : count - done;
        memcpy(snapshot->piece + snapshot->piece_bytes, bytes + done, part);
        snapshot->piece_bytes += part;
        done += part;
        if (snapshot->piece_bytes < snapshot->piece_done) {
            continue;
        }
        enum status status = snapshot_get(snapshot);
        if (status == STATUS_NOT_YET) {
            continue; /* The rest of the piece. */
        }
        snapshot->status = status;
        snapshot->piece_bytes = 0;
        snapshot->piece_done = 1;
    }
    if (snapshot->status == STATUS_OK && done < count) {
        snapshot->status = STATUS_BAD_FORMAT; /* Something stands behind the end. */
    }
    return snapshot->status;
}
