#include "replication/store.h"

#include "matching/base/assertion.h"

enum status store_move(struct store *store, const struct wal_image *image, uint64_t position)
{
    ASSERT(position >= store->place.position);
    ASSERT(position - store->place.position <= image->ring_bytes);
    return store->operations->move(store, image, position);
}

enum status store_start(struct store *store, const struct wal_image *image,
                        void (*wake)(void *context), void *wake_context)
{
    ASSERT(image->ring != NULL);
    ASSERT(wake != NULL);
    return store->operations->start(store, image, wake, wake_context);
}

void store_publish(struct store *store, uint64_t position)
{
    ASSERT(position % WAL_ALIGNMENT_BYTES == 0);
    ASSERT(store->operations != NULL);
    store->operations->publish(store, position);
}

void store_want(struct store *store)
{
    ASSERT(store->operations != NULL);
    store->operations->want(store);
}

void store_progress(const struct store *store, struct store_progress *progress)
{
    ASSERT(store->operations != NULL);
    ASSERT(progress != NULL);
    store->operations->progress(store, progress);
}

enum status store_read(struct store *store, uint16_t shard_id, uint64_t log_index, uint8_t *target,
                       size_t target_bytes, size_t *segment_bytes, uint64_t *last_timestamp_ns)
{
    ASSERT(shard_id > 0);
    ASSERT(shard_id <= SHARDS_MAX);
    ASSERT(log_index > 0);
    return store->operations->read(store, shard_id, log_index, target, target_bytes, segment_bytes,
                                   last_timestamp_ns);
}

void store_trim(struct store *store, uint16_t shard_id, uint64_t log_index)
{
    ASSERT(shard_id > 0);
    ASSERT(shard_id <= SHARDS_MAX);
    ASSERT(log_index > 0);
    store->operations->trim(store, shard_id, log_index);
}

const char *store_error(const struct store *store)
{
    ASSERT(store->operations != NULL);
    return store->operations->error(store);
}

void store_close(struct store *store)
{
    ASSERT(store->operations != NULL);
    store->operations->close(store);
}
