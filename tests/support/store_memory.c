#include "tests/support/store_memory.h"

#include <stdlib.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "matching/base/checksum.h"
#include "replication/wal_record.h"

#define STORE_MEMORY_SEGMENTS_MAX 65536u
#define STORE_MEMORY_FIRST        256u

struct store_memory_entry {
    uint8_t *bytes;
    uint32_t segment_bytes;
    uint64_t checksum; /* Of the bytes as they were put in. */
    uint64_t last_timestamp_ns;
};

/* Segments first .. end - 1, by log index modulo the capacity, which grows. */
struct store_memory_shard {
    uint64_t first_log_index;
    uint64_t end_log_index;
    struct store_memory_entry *entries;
    uint64_t capacity; /* A power of two. */
};

struct store_memory {
    struct store base;
    struct wal_place place;
    struct journal_state states[SHARDS_MAX];
    struct store_memory_shard *shards[SHARDS_MAX];
    const struct wal_image *image;
    uint64_t published_position;
    void (*wake)(void *context);
    void *wake_context;
    bool wanted;
    bool kept; /* Over the next store_close(). */
    struct store_progress progress;
};

static struct store_memory *store_memory_of(struct store *store)
{
    void *whole = store; /* `base` is the first member. */
    return whole;
}

static const struct store_memory *store_memory_of_const(const struct store *store)
{
    const void *whole = store;
    return whole;
}

static struct store_memory_entry *memory_entry(struct store_memory_shard *shard, uint64_t log_index)
{
    ASSERT(shard->capacity > 0);
    return &shard->entries[log_index & (shard->capacity - 1)];
}

static void memory_drop(struct store_memory_shard *shard, uint64_t log_index)
{
    free(memory_entry(shard, log_index)->bytes);
    memory_entry(shard, log_index)->bytes = NULL;
}

static void memory_grow(struct store_memory_shard *shard)
{
    struct store_memory_shard grown = *shard;
    grown.capacity = shard->capacity == 0 ? STORE_MEMORY_FIRST : 2 * shard->capacity;
    ASSERT(grown.capacity <= STORE_MEMORY_SEGMENTS_MAX);
    grown.entries = calloc(grown.capacity, sizeof grown.entries[0]);
    ASSERT(grown.entries != NULL);
    for (uint64_t at = shard->first_log_index; at < shard->end_log_index; at++) {
        *memory_entry(&grown, at) = *memory_entry(shard, at);
    }
    free(shard->entries);
    *shard = grown;
}

static void memory_put(struct store_memory_shard *shard, uint64_t log_index, const uint8_t *bytes,
                       uint32_t segment_bytes, uint64_t last_timestamp_ns)
{
    if (shard->first_log_index == shard->end_log_index) {
        shard->first_log_index = log_index;
        shard->end_log_index = log_index;
    }
    ASSERT(log_index == shard->end_log_index);
    if (shard->end_log_index - shard->first_log_index == shard->capacity) {
        memory_grow(shard);
    }
    struct store_memory_entry *entry = memory_entry(shard, log_index);
    entry->bytes = malloc(segment_bytes);
    ASSERT(entry->bytes != NULL);
    memcpy(entry->bytes, bytes, segment_bytes);
    entry->segment_bytes = segment_bytes;
    entry->checksum = checksum_bytes(CHECKSUM_SEED, bytes, segment_bytes);
    entry->last_timestamp_ns = last_timestamp_ns;
    shard->end_log_index++;
}

static void memory_cut(struct store_memory_shard *shard, uint64_t last_log_index)
{
    while (shard->end_log_index > shard->first_log_index &&
           shard->end_log_index > last_log_index + 1) {
        memory_drop(shard, --shard->end_log_index);
    }
}

static void memory_forget(struct store_memory_shard *shard, uint64_t log_index)
{
    while (shard->first_log_index < shard->end_log_index && shard->first_log_index < log_index) {
        memory_drop(shard, shard->first_log_index++);
    }
}

static void memory_repair(struct store_memory *memory, const struct wal_record *record)
{
    struct journal_repair *repair = &memory->base.repairs[record->shard_id - 1];
    *repair =
        (struct journal_repair){.generation = record->generation, .state = record->repair_state};
    if (record->repair != NULL) {
        memcpy(repair->record, record->repair, JOURNAL_REPAIR_BYTES);
    }
}

static void memory_record(struct store_memory *memory, const struct wal_record *record)
{
    if (record->type == WAL_RECORD_START) {
        return;
    }
    struct journal_state *state = &memory->states[record->shard_id - 1];
    struct store_memory_shard *shard = memory->shards[record->shard_id - 1];
    struct segment segment;
    enum status status;
    switch (record->type) {
    case WAL_RECORD_SEGMENT:
        status = segment_open(&segment, record->segment, record->segment_bytes);
        ASSERT(status == STATUS_OK);
        memory_put(shard, segment.log_index, record->segment, record->segment_bytes,
                   record->last_timestamp_ns);
        journal_tail_append(&state->tail, &segment, record->last_timestamp_ns);
        return;
    case WAL_RECORD_TRUNCATE:
        journal_tail_cut(&state->tail, &record->tail);
        memory_cut(shard, record->tail.last_log_index);
        return;
    case WAL_RECORD_BASE:
        journal_tail_rebase(state, &record->tail);
        memory_forget(shard, UINT64_MAX);
        return;
    case WAL_RECORD_VOTE:
        journal_tail_vote(&state->tail, record->term, record->voted_site_id);
        return;
    case WAL_RECORD_REPAIR:
        memory_repair(memory, record);
        return;
    case WAL_RECORD_START:
        break;
    }
    ASSERT(false);
}

static void memory_frame(struct store_memory *memory, const struct wal_image *image)
{
    struct wal_frame frame;
    const uint8_t *records;
    wal_chain_trusted(image, &memory->place, &frame, &records);
    uint32_t done_bytes = 0;
    while (done_bytes < frame.records_bytes) {
        struct wal_record record;
        uint32_t record_bytes;
        enum status status = wal_record_load(&record, &record_bytes, records + done_bytes,
                                             frame.records_bytes - done_bytes);
        ASSERT(status == STATUS_OK);
        memory_record(memory, &record);
        done_bytes += record_bytes;
    }
    memory->progress.position = memory->place.position;
    memory->progress.commits++;
}

static enum status memory_move(struct store *store, const struct wal_image *image,
                               uint64_t position)
{
    struct store_memory *memory = store_memory_of(store);
    if (memory->progress.status != STATUS_OK) {
        return memory->progress.status;
    }
    memory->image = image;
    while (memory->place.position < position) {
        memory_frame(memory, image);
    }
    store->place = memory->place;
    memcpy(store->states, memory->states, sizeof store->states);
    return STATUS_OK;
}

static enum status memory_start(struct store *store, const struct wal_image *image,
                                void (*wake)(void *context), void *wake_context)
{
    struct store_memory *memory = store_memory_of(store);
    memory->image = image;
    memory->wake = wake;
    memory->wake_context = wake_context;
    memory->published_position = memory->place.position;
    memory->progress.position = memory->place.position;
    return STATUS_OK;
}

static void memory_publish(struct store *store, uint64_t position)
{
    ASSERT(position >= store_memory_of(store)->published_position);
    store_memory_of(store)->published_position = position;
}

static void memory_want(struct store *store)
{
    store_memory_of(store)->wanted = true;
}

static void memory_progress(const struct store *store, struct store_progress *progress)
{
    *progress = store_memory_of_const(store)->progress;
}

static enum status memory_read(struct store *store, uint16_t shard_id, uint64_t log_index,
                               uint8_t *target, size_t target_bytes, size_t *segment_bytes,
                               uint64_t *last_timestamp_ns)
{
    struct store_memory_shard *shard = store_memory_of(store)->shards[shard_id - 1];
    if (log_index < shard->first_log_index || log_index >= shard->end_log_index) {
        return STATUS_NOT_FOUND;
    }
    const struct store_memory_entry *entry = memory_entry(shard, log_index);
    *segment_bytes = entry->segment_bytes;
    *last_timestamp_ns = entry->last_timestamp_ns;
    if (entry->segment_bytes > target_bytes) {
        return STATUS_SHORT;
    }
    memcpy(target, entry->bytes, entry->segment_bytes);
    return checksum_bytes(CHECKSUM_SEED, target, entry->segment_bytes) == entry->checksum
               ? STATUS_OK
               : STATUS_BAD_CHECKSUM;
}

static void memory_trim(struct store *store, uint16_t shard_id, uint64_t log_index)
{
    struct store_memory *memory = store_memory_of(store);
    struct journal_tail *tail = &memory->states[shard_id - 1].tail;
    uint64_t first = log_index <= tail->last_log_index ? log_index : tail->last_log_index + 1;
    if (first > tail->first_log_index) {
        tail->first_log_index = first;
        memory_forget(memory->shards[shard_id - 1], first);
    }
}

static const char *memory_error(const struct store *store)
{
    (void)store;
    return "the store in memory was told to fail, or its bytes were changed";
}

/* As a process finds it that starts now. */
static void memory_rewind(struct store_memory *memory)
{
    if (memory->image != NULL) {
        memory->place.position %= memory->image->ring_bytes;
    }
    memory->image = NULL;
    memory->wake = NULL;
    memory->wake_context = NULL;
    memory->wanted = false;
    memory->published_position = memory->place.position;
    memory->progress.position = memory->place.position;
    memory->base.place = memory->place;
    memcpy(memory->base.states, memory->states, sizeof memory->base.states);
}

static void memory_close(struct store *store)
{
    struct store_memory *memory = store_memory_of(store);
    if (memory->kept) {
        memory->kept = false;
        memory_rewind(memory);
        return;
    }
    for (uint32_t i = 0; i < SHARDS_MAX; i++) {
        memory_forget(memory->shards[i], UINT64_MAX);
        free(memory->shards[i]->entries);
        free(memory->shards[i]);
    }
    free(memory);
}

static const struct store_operations store_memory_operations = {
    .move = memory_move,
    .start = memory_start,
    .publish = memory_publish,
    .want = memory_want,
    .progress = memory_progress,
    .read = memory_read,
    .trim = memory_trim,
    .error = memory_error,
    .close = memory_close,
};

struct store *store_memory_create(void)
{
    struct store_memory *memory = calloc(1, sizeof *memory);
    ASSERT(memory != NULL);
    memory->base.operations = &store_memory_operations;
    for (uint32_t i = 0; i < SHARDS_MAX; i++) {
        memory->shards[i] = calloc(1, sizeof *memory->shards[i]);
        ASSERT(memory->shards[i] != NULL);
        journal_tail_init(&memory->states[i].tail);
        journal_tail_init(&memory->states[i].base);
    }
    memcpy(memory->base.states, memory->states, sizeof memory->states);
    return &memory->base;
}

struct store *store_memory_clone(const struct store *store)
{
    const struct store_memory *memory = store_memory_of_const(store);
    struct store *clone = store_memory_create();
    struct store_memory *copy = store_memory_of(clone);
    copy->place = memory->place;
    copy->image = memory->image;
    copy->progress.commits = memory->progress.commits;
    memcpy(copy->states, memory->states, sizeof copy->states);
    memcpy(clone->repairs, store->repairs, sizeof clone->repairs);
    for (uint32_t i = 0; i < SHARDS_MAX; i++) {
        struct store_memory_shard *shard = memory->shards[i];
        for (uint64_t at = shard->first_log_index; at < shard->end_log_index; at++) {
            const struct store_memory_entry *entry = memory_entry(shard, at);
            memory_put(copy->shards[i], at, entry->bytes, entry->segment_bytes,
                       entry->last_timestamp_ns);
        }
    }
    memory_rewind(copy);
    return clone;
}

void store_memory_keep(struct store *store)
{
    ASSERT(!store_memory_of(store)->kept);
    store_memory_of(store)->kept = true;
}

uint64_t store_memory_waiting(const struct store *store)
{
    const struct store_memory *memory = store_memory_of_const(store);
    ASSERT(memory->published_position >= memory->place.position);
    return memory->published_position - memory->place.position;
}

bool store_memory_rot(struct store *store, uint16_t shard_id, uint64_t random)
{
    struct store_memory_shard *shard = store_memory_of(store)->shards[shard_id - 1];
    if (shard->first_log_index == shard->end_log_index) {
        return false;
    }
    uint64_t count = shard->end_log_index - shard->first_log_index;
    struct store_memory_entry *entry = memory_entry(shard, shard->first_log_index + random % count);
    entry->bytes[(random >> 20) % entry->segment_bytes] ^= (uint8_t)(1u << (random >> 50) % 8);
    return true;
}

uint32_t store_memory_advance(struct store *store, uint32_t frames_max)
{
    struct store_memory *memory = store_memory_of(store);
    uint32_t count = 0;
    while (memory->progress.status == STATUS_OK && !memory->progress.full && count < frames_max &&
           memory->place.position < memory->published_position) {
        memory_frame(memory, memory->image);
        count++;
    }
    if (count > 0 && memory->wanted) {
        memory->wanted = false;
        memory->wake(memory->wake_context);
    }
    return count;
}

void store_memory_fail(struct store *store, enum status status)
{
    store_memory_of(store)->progress.status = status;
}

void store_memory_fill(struct store *store, uint64_t used_bytes, bool full)
{
    store_memory_of(store)->progress.used_bytes = used_bytes;
    store_memory_of(store)->progress.full = full;
}

const struct wal_place *store_memory_place(const struct store *store)
{
    return &store_memory_of_const(store)->place;
}

const struct journal_state *store_memory_states(const struct store *store)
{
    return store_memory_of_const(store)->states;
}
