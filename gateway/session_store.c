#include "gateway/session_store.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/block_file.h"
#include "gateway/event_columns.h"
#include "gateway/event_pool.h"
#include "matching/base/assertion.h"
#include "matching/base/limits.h"

/* One generation of a session. */
struct stream {
    uint32_t generation;    /* 0: there is none. */
    uint64_t next_sequence; /* Of the event that comes next. */
    uint64_t last_offset;   /* Newest block in the file; 0 = none. */
};

struct session {
    struct event_block *open; /* Newest events of the present stream, or NULL. */
    uint64_t open_end;        /* Sequence of the event that begins the block after it. */
    struct stream present;
    struct stream previous;
};

struct session_store {
    struct block_file file;
    enum status failed; /* First error of an append: the stream has a hole from there on. */
    uint32_t sessions_max;
    uint32_t block_events;
    uint64_t events;
    struct session *sessions;   /* By id. */
    struct block_chain *chains; /* Of the present streams, by id. */
    struct event_pool *pool;
    struct stream_packer *packer;
    struct block_walk walk; /* Of session_store_block(). */
    struct event *events_of_block[EVENT_COLUMNS_EVENTS_MAX];
    uint8_t *stored; /* A block's header and bytes. */
};

static enum status store_allocate(struct session_store *store)
{
    store->sessions = calloc((size_t)store->sessions_max + 1, sizeof *store->sessions);
    store->chains = calloc((size_t)store->sessions_max + 1, sizeof *store->chains);
    store->stored = malloc(sizeof(struct block_header) + stream_packer_bound(store->block_events));
    if (store->sessions == NULL || store->chains == NULL || store->stored == NULL) {
        return STATUS_FULL;
    }
    enum status status = stream_packer_create(&store->packer, store->block_events);
    return status != STATUS_OK
               ? status
               : event_pool_create(&store->pool, store->sessions_max, store->block_events);
}

enum status session_store_create(struct session_store **target,
                                 const struct session_store_options *options)
{
    ASSERT(target != NULL);
    ASSERT(options->path != NULL);
    if (options->sessions_max == 0 || options->sessions_max > SESSIONS_MAX ||
        options->block_events < 16 || options->block_events > EVENT_COLUMNS_EVENTS_MAX ||
        options->block_events % EVENT_PAGE_EVENTS != 0) {
        return STATUS_BAD_ARGUMENT;
    }
    struct session_store *store = calloc(1, sizeof *store);
    if (store == NULL) {
        return STATUS_FULL;
    }
    store->file.file = -1;
    store->sessions_max = options->sessions_max;
    store->block_events = options->block_events;
    enum status status = store_allocate(store);
    if (status == STATUS_OK) {
        status = block_file_create(&store->file, options->path, options->file_bytes_max);
    }
    if (status != STATUS_OK) {
        session_store_destroy(store);
        return status;
    }
    *target = store;
    return STATUS_OK;
}

void session_store_destroy(struct session_store *store)
{
    if (store == NULL) {
        return;
    }
    block_file_close(&store->file);
    event_pool_destroy(store->pool);
    stream_packer_destroy(store->packer);
    free(store->sessions);
    free(store->chains);
    free(store->stored);
    free(store);
}

static void store_collect(struct session_store *store, const struct event_block *block)
{
    ASSERT(block->count > 0);
    ASSERT(block->count <= store->block_events);
    for (uint32_t index = 0; index < block->count; index++) {
        store->events_of_block[index] = event_pool_at(store->pool, block, index);
    }
}

/* Appends `count` events of the present stream, whose bytes are in store->stored, to the file. */
static enum status store_write(struct session_store *store, uint32_t session_id,
                               uint64_t first_sequence, uint32_t count,
                               const struct stream_packer_sizes *sizes)
{
    ASSERT(store->failed == STATUS_OK);
    struct block_header header = {.first_sequence = first_sequence,
                                  .session_id = session_id,
                                  .event_count = (uint16_t)count,
                                  .dense_bytes = sizes->dense_bytes,
                                  .stored_bytes = sizes->stored_bytes,
                                  .raw_bytes = sizes->raw_bytes};
    store->failed =
        block_file_append(&store->file, &store->chains[session_id], &header, store->stored,
                          &store->sessions[session_id].present.last_offset);
    return store->failed;
}

/* Writes an open block to the file; it stays in memory as a cached one. */
static enum status store_seal(struct session_store *store, struct event_block *block)
{
    ASSERT(block->open);
    ASSERT(store->sessions[block->session_id].open == block);

    store_collect(store, block);
    struct stream_packer_sizes sizes;
    stream_packer_pack(store->packer, (const struct event *const *)store->events_of_block,
                       block->count, store->stored + sizeof(struct block_header), &sizes);
    enum status status =
        store_write(store, block->session_id, block->first_sequence, block->count, &sizes);
    if (status == STATUS_OK) {
        store->sessions[block->session_id].open = NULL;
        event_pool_cache(store->pool, block);
    }
    return status;
}

static enum status store_roll(struct session_store *store, struct session *session)
{
    if (session->open != NULL) {
        enum status status = store_seal(store, session->open);
        if (status != STATUS_OK) {
            return status;
        }
    }
    ASSERT(session->open == NULL);
    ASSERT(session->present.generation < UINT32_MAX);
    session->previous = session->present;
    session->present =
        (struct stream){.generation = session->previous.generation + 1, .next_sequence = 1};
    store->chains[session - store->sessions].tree_count = 0;
    return STATUS_OK;
}

/* Makes sure that the session has an open block with room for one event more. */
static enum status store_room(struct session_store *store, struct session *session,
                              uint32_t session_id)
{
    enum status status = STATUS_OK;
    if (session->open != NULL && session->present.next_sequence == session->open_end) {
        status = store_seal(store, session->open);
    }
    struct event_block *largest = event_pool_pressure(store->pool);
    if (status == STATUS_OK && largest != NULL) {
        status = store_seal(store, largest);
    }
    if (status == STATUS_OK && session->open == NULL) {
        uint64_t next = session->present.next_sequence;
        session->open =
            event_pool_block(store->pool, session_id, session->present.generation, next, true);
        /* Up to a multiple, also behind a block that had to be short. */
        session->open_end = next + store->block_events - (next - 1) % store->block_events;
    }
    return status;
}

enum status session_store_append(struct session_store *store, const struct event *event)
{
    ASSERT(event->session_id > 0 && event->session_id <= store->sessions_max);

    struct session *session = &store->sessions[event->session_id];
    if (store->failed == STATUS_OK &&
        (session->present.generation == 0 ||
         (event->sequence == 1 && event->type == EVENT_SYSTEM && event->reason == SYSTEM_START))) {
        enum status status = store_roll(store, session);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return session_store_put(store, event);
}

bool session_store_stream(const struct session_store *store, uint32_t session_id, bool present,
                          struct session_store_stream *target)
{
    ASSERT(session_id > 0 && session_id <= store->sessions_max);
    const struct session *session = &store->sessions[session_id];
    const struct stream *stream = present ? &session->present : &session->previous;
    *target = (struct session_store_stream){.generation = stream->generation,
                                            .next_sequence = stream->next_sequence};
    return stream->generation != 0;
}

enum status session_store_restore(struct session_store *store, uint32_t session_id,
                                  uint64_t generation)
{
    ASSERT(session_id > 0 && session_id <= store->sessions_max);
    ASSERT(generation > 0 && generation < UINT32_MAX);
    if (store->failed != STATUS_OK) {
        return store->failed;
    }
    struct session *session = &store->sessions[session_id];
    if (session->present.generation == 0) {
        session->present.generation = (uint32_t)generation;
        session->present.next_sequence = 1;
        return STATUS_OK;
    }
    ASSERT(session->present.generation == generation - 1);
    return store_roll(store, session);
}

enum status session_store_put(struct session_store *store, const struct event *event)
{
    ASSERT(event->session_id > 0 && event->session_id <= store->sessions_max);
    ASSERT(event_bytes(event->type) != 0);

    if (store->failed != STATUS_OK) {
        return store->failed;
    }
    struct session *session = &store->sessions[event->session_id];
    ASSERT(session->present.generation > 0);
    if (session->open == NULL || session->present.next_sequence == session->open_end ||
        session->open->count % EVENT_PAGE_EVENTS == 0) {
        enum status status = store_room(store, session, event->session_id);
        if (status != STATUS_OK) {
            return status;
        }
    }
    ASSERT(event->sequence == session->present.next_sequence);
    *event_pool_extend(store->pool, session->open) = *event;
    session->present.next_sequence++;
    store->events++;
    return STATUS_OK;
}

enum status session_store_put_block(struct session_store *store, const struct event *events,
                                    uint32_t count, const uint8_t *stored,
                                    const struct stream_packer_sizes *sizes)
{
    ASSERT(count > 0);
    ASSERT(stream_packer_fits(sizes, count));
    uint32_t session_id = events[0].session_id;
    ASSERT(session_id > 0 && session_id <= store->sessions_max);
    struct stream *stream = &store->sessions[session_id].present;
    struct event_block *open = store->sessions[session_id].open;
    enum status status = store->failed;
    if (count != store->block_events || (stream->next_sequence - 1) % count != 0) {
        for (uint32_t index = 0; index < count && status == STATUS_OK; index++) {
            status = session_store_put(store, &events[index]);
        }
        return status;
    }
    if (status == STATUS_OK && open != NULL) {
        ASSERT(open->first_sequence + open->count == store->sessions[session_id].open_end);
        status = store_seal(store, open);
    }
    if (status != STATUS_OK) {
        return status;
    }
    ASSERT(stream->generation > 0);
    ASSERT(events[0].sequence == stream->next_sequence);
    memcpy(store->stored + sizeof(struct block_header), stored, sizes->stored_bytes);
    status = store_write(store, session_id, stream->next_sequence, count, sizes);
    if (status == STATUS_OK) {
        stream->next_sequence += count;
        store->events += count;
    }
    return status;
}

uint64_t session_store_next(const struct session_store *store, uint32_t session_id)
{
    ASSERT(session_id > 0);
    ASSERT(session_id <= store->sessions_max);
    const struct stream *stream = &store->sessions[session_id].present;
    return stream->generation == 0 ? 1 : stream->next_sequence;
}

static struct stream_packer_sizes header_sizes(const struct block_header *header)
{
    return (struct stream_packer_sizes){.stored_bytes = header->stored_bytes,
                                        .raw_bytes = header->raw_bytes,
                                        .dense_bytes = header->dense_bytes};
}

/* Reads, checks and expands the block at `offset`. */
static enum status store_expand(struct session_store *store, const struct block_header *header,
                                uint64_t offset, struct event_block *block)
{
    uint8_t *payload = store->stored + sizeof *header;
    struct stream_packer_sizes sizes = header_sizes(header);
    enum status status = block_file_payload(&store->file, offset, header, payload);
    if (status != STATUS_OK) {
        return status;
    }
    while (block->count < header->event_count) {
        (void)event_pool_extend(store->pool, block);
    }
    store_collect(store, block);
    if (stream_packer_unpack(store->packer, payload, &sizes, store->events_of_block,
                             block->count) != STATUS_OK) {
        return STATUS_DAMAGED;
    }
    for (uint32_t index = 0; index < block->count; index++) {
        store->events_of_block[index]->session_id = block->session_id;
        store->events_of_block[index]->sequence = block->first_sequence + index;
    }
    return STATUS_OK;
}

/* Brings the block that holds `sequence` from the file into memory. */
static enum status store_load(struct session_store *store, uint32_t session_id,
                              const struct stream *stream, uint64_t sequence,
                              struct event_block **block)
{
    struct block_header header;
    uint64_t offset = stream->last_offset;
    enum status status = block_file_find(&store->file, session_id, sequence, &offset, &header);
    if (status != STATUS_OK) {
        return status;
    }
    struct stream_packer_sizes sizes = header_sizes(&header);
    if (header.event_count == 0 || header.event_count > store->block_events ||
        !stream_packer_fits(&sizes, header.event_count)) {
        return STATUS_DAMAGED;
    }
    *block =
        event_pool_block(store->pool, session_id, stream->generation, header.first_sequence, false);
    status = store_expand(store, &header, offset, *block);
    if (status != STATUS_OK) {
        event_pool_release(store->pool, *block);
        return status;
    }
    event_pool_cache(store->pool, *block);
    return STATUS_OK;
}

/* The block in memory that holds `sequence`, which exists. */
static enum status store_block(struct session_store *store, uint32_t session_id,
                               const struct stream *stream, uint64_t sequence,
                               struct event_block **block)
{
    struct session *session = &store->sessions[session_id];
    if (stream == &session->present && session->open != NULL &&
        sequence >= session->open->first_sequence) {
        *block = session->open;
        return STATUS_OK;
    }
    *block = event_pool_find(store->pool, session_id, stream->generation, sequence);
    if (*block != NULL) {
        return STATUS_OK;
    }
    return store_load(store, session_id, stream, sequence, block);
}

/* Of this generation; NULL: older than those that are readable. */
static const struct stream *store_stream(const struct session_store *store, uint32_t session_id,
                                         uint64_t generation)
{
    ASSERT(session_id > 0 && session_id <= store->sessions_max);
    const struct session *session = &store->sessions[session_id];
    if (generation == session->present.generation) {
        return &session->present;
    }
    bool previous = generation == session->previous.generation && generation != 0;
    return previous ? &session->previous : NULL;
}

enum status session_store_block(struct session_store *store, uint32_t session_id,
                                uint64_t generation, uint64_t sequence, uint32_t count,
                                uint8_t *stored, struct stream_packer_sizes *sizes)
{
    ASSERT(generation > 0 && sequence > 0);
    ASSERT(count > 0);
    const struct stream *stream = store_stream(store, session_id, generation);
    ASSERT(stream == NULL || stream->next_sequence - sequence >= count);
    const struct event_block *open = store->sessions[session_id].open;
    if (stream == NULL || (stream == &store->sessions[session_id].present && open != NULL &&
                           sequence >= open->first_sequence)) {
        return STATUS_NOT_FOUND;
    }
    const struct block_step *found = NULL;
    enum status status = block_file_walk(&store->file, &store->walk, session_id, sequence,
                                         stream->last_offset, &found);
    if (status != STATUS_OK) {
        return status;
    }
    if (found->header.first_sequence != sequence || found->header.event_count != count) {
        return STATUS_NOT_FOUND;
    }
    *sizes = header_sizes(&found->header);
    return stream_packer_fits(sizes, count)
               ? block_file_payload(&store->file, found->offset, &found->header, stored)
               : STATUS_DAMAGED;
}

enum status session_store_read(struct session_store *store, uint32_t session_id,
                               uint64_t generation, uint64_t sequence, struct event *events,
                               uint32_t events_max, uint32_t *count)
{
    ASSERT(session_id > 0 && session_id <= store->sessions_max);
    ASSERT(sequence > 0);

    *count = 0;
    if (generation > store->sessions[session_id].present.generation) {
        return STATUS_OK;
    }
    const struct stream *stream = store_stream(store, session_id, generation);
    if (stream == NULL) {
        return STATUS_NOT_FOUND;
    }
    while (*count < events_max && sequence < stream->next_sequence) {
        struct event_block *block = NULL;
        enum status status = store_block(store, session_id, stream, sequence, &block);
        if (status != STATUS_OK) {
            return status;
        }
        uint64_t index = sequence - block->first_sequence;
        ASSERT(index < block->count);
        for (; index < block->count && *count < events_max; index++) {
            events[(*count)++] = *event_pool_at(store->pool, block, (uint32_t)index);
            sequence++;
        }
    }
    return STATUS_OK;
}

void session_store_usage(const struct session_store *store, struct session_store_usage *usage)
{
    ASSERT(store != NULL);
    ASSERT(usage != NULL);
    uint64_t sessions = (uint64_t)store->sessions_max + 1;
    usage->events = store->events;
    usage->file_bytes = store->file.bytes;
    usage->memory_bytes = sizeof *store + event_pool_bytes(store->pool) +
                          sessions * (sizeof *store->sessions + sizeof *store->chains) +
                          stream_packer_memory(store->packer) + sizeof(struct block_header) +
                          stream_packer_bound(store->block_events);
}
