/* Fetching a snapshot from another site. What has come stands in a directory of another name, so a
 * restart loses nothing: the manifest once it is whole, chunks in the files of their parts, where
 * they belong. Which chunks are there is told by their hashes alone. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "matching/base/assertion.h"
#include "replication/snapshot_store_inside.h"

struct snapshot_incoming {
    struct snapshot_store *store;
    uint16_t shard_id;
    struct replica_position position; /* Asked for. */
    char path[JOURNAL_PATH_BYTES];
    uint8_t *bytes;      /* Of the manifest: SNAPSHOT_MANIFEST_BYTES_MAX of room. */
    size_t bytes_count;  /* Of it, here. */
    size_t bytes_whole;  /* 0: the header is not here yet. */
    bool manifest_whole; /* Verified, on disk, and `manifest` holds. */
    struct snapshot_manifest manifest;
    int files[SNAPSHOT_PARTS_MAX];
    uint8_t *present; /* A byte for each chunk. */
    uint32_t chunk_count;
    uint32_t present_count;
    uint64_t present_bytes;
};

/* Does the header stand for what was asked for? */
static enum status incoming_judge(const struct snapshot_incoming *incoming,
                                  const struct snapshot_manifest *manifest)
{
    const struct snapshot_store_options *options = &incoming->store->options;
    enum status status =
        snapshot_manifest_verify(manifest, incoming->bytes, options->cluster_id, incoming->shard_id,
                                 options->verifiers, options->verifier_count);
    if (status != STATUS_OK) {
        return status;
    }
    return replica_message_same_chain(&manifest->position, &incoming->position) ? STATUS_OK
                                                                                : STATUS_BAD_CHAIN;
}

static enum status incoming_open_parts(struct snapshot_incoming *incoming)
{
    struct snapshot_store *store = incoming->store;
    for (uint32_t i = 0; i < incoming->manifest.part_count; i++) {
        char path[JOURNAL_PATH_BYTES];
        enum status status =
            snapshot_store_inside(store, path, incoming->path, incoming->manifest.parts[i].name,
                                  SNAPSHOT_STORE_PART);
        if (status != STATUS_OK) {
            return status;
        }
        incoming->files[i] = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (incoming->files[i] < 0) {
            return journal_file_failed(&store->error, "create", path, errno);
        }
    }
    incoming->chunk_count = snapshot_manifest_chunks_all(&incoming->manifest);
    incoming->present = calloc(1, (size_t)incoming->chunk_count + 1);
    return incoming->present == NULL ? STATUS_FULL : STATUS_OK;
}

static void incoming_mark(struct snapshot_incoming *incoming, uint32_t index, uint32_t bytes)
{
    ASSERT(incoming->present[index] == 0);
    incoming->present[index] = 1;
    incoming->present_count++;
    incoming->present_bytes += bytes;
}

static bool incoming_right(const struct snapshot_incoming *incoming, uint32_t index,
                           const uint8_t *bytes, uint32_t count)
{
    uint8_t hash[SNAPSHOT_MANIFEST_HASH_BYTES];
    snapshot_manifest_hash(hash, bytes, count);
    return memcmp(hash, snapshot_store_hash(&incoming->manifest, index), sizeof hash) == 0;
}

/* After a restart: which chunks are there? */
static enum status incoming_recognize(struct snapshot_incoming *incoming)
{
    struct snapshot_store *store = incoming->store;
    for (uint32_t index = 0; index < incoming->chunk_count; index++) {
        struct snapshot_chunk chunk;
        snapshot_manifest_chunk(&incoming->manifest, index, &chunk);
        enum status status =
            snapshot_store_pread(store, incoming->files[chunk.part], incoming->path, store->chunk,
                                 chunk.bytes, chunk.offset);
        if (status == STATUS_OK && incoming_right(incoming, index, store->chunk, chunk.bytes)) {
            incoming_mark(incoming, index, chunk.bytes);
        } else if (status != STATUS_OK && status != STATUS_SHORT) {
            return status;
        }
    }
    return STATUS_OK;
}

/* A manifest of an earlier process; false: there is none that serves. */
static bool incoming_found(struct snapshot_incoming *incoming)
{
    char path[JOURNAL_PATH_BYTES];
    uint8_t *bytes = NULL;
    size_t count = 0;
    struct snapshot_manifest manifest;
    struct snapshot_store *store = incoming->store;
    if (snapshot_store_inside(store, path, incoming->path, SNAPSHOT_STORE_MANIFEST, "") !=
            STATUS_OK ||
        snapshot_store_source_load(store, path, incoming->shard_id, &manifest, &bytes, &count) !=
            STATUS_OK) {
        return false;
    }
    bool same = replica_message_same_chain(&manifest.position, &incoming->position);
    if (same) {
        memcpy(incoming->bytes, bytes, count);
        incoming->bytes_count = count;
        incoming->bytes_whole = count;
        incoming->manifest = manifest;
        incoming->manifest.list = incoming->bytes + SNAPSHOT_MANIFEST_HEADER_BYTES;
        incoming->manifest_whole = true;
    }
    free(bytes);
    return same;
}

static enum status incoming_begin(struct snapshot_incoming *incoming)
{
    struct snapshot_store *store = incoming->store;
    incoming->bytes = malloc(SNAPSHOT_MANIFEST_BYTES_MAX);
    if (incoming->bytes == NULL) {
        return STATUS_FULL;
    }
    uint64_t log_index = incoming->position.log_index;
    enum status status = snapshot_store_path(store, incoming->path, SNAPSHOT_STORE_INCOMING,
                                             incoming->shard_id, log_index);
    if (status != STATUS_OK) {
        return status;
    }
    if (incoming_found(incoming)) {
        status = incoming_open_parts(incoming);
        return status == STATUS_OK ? incoming_recognize(incoming) : status;
    }
    status = snapshot_store_remove(store, incoming->path);
    if (status == STATUS_OK && mkdir(incoming->path, 0700) != 0) {
        status = journal_file_failed(&store->error, "create", incoming->path, errno);
    }
    return status;
}

enum status snapshot_store_incoming(struct snapshot_store *store, uint16_t shard_id,
                                    const struct replica_position *position,
                                    struct snapshot_incoming **target)
{
    char path[JOURNAL_PATH_BYTES];
    *target = NULL;
    enum status status = snapshot_store_path(store, path, "", shard_id, position->log_index);
    if (status != STATUS_OK) {
        return status;
    }
    if (journal_file_exists(path)) {
        journal_error_set(&store->error, "%s is there already", path);
        return STATUS_EXISTS;
    }
    struct snapshot_incoming *incoming = calloc(1, sizeof *incoming);
    if (incoming == NULL) {
        return STATUS_FULL;
    }
    incoming->store = store;
    incoming->shard_id = shard_id;
    incoming->position = *position;
    memset(incoming->files, -1, sizeof incoming->files);
    status = incoming_begin(incoming);
    if (status != STATUS_OK) {
        snapshot_store_incoming_close(incoming);
        return status;
    }
    *target = incoming;
    return STATUS_OK;
}

/* The row offset at which chunk `index` begins. */
static uint64_t incoming_offset(const struct snapshot_incoming *incoming, uint32_t index,
                                struct snapshot_chunk *chunk)
{
    snapshot_manifest_chunk(&incoming->manifest, index, chunk);
    uint64_t offset = incoming->bytes_whole + chunk->offset;
    for (uint32_t part = 0; part < chunk->part; part++) {
        offset += incoming->manifest.parts[part].bytes;
    }
    return offset;
}

bool snapshot_store_incoming_next(const struct snapshot_incoming *incoming, uint64_t offset,
                                  uint64_t *wanted_offset, uint32_t *bytes_max)
{
    if (!incoming->manifest_whole) {
        *wanted_offset = incoming->bytes_count;
        *bytes_max = SNAPSHOT_CHUNK_BYTES;
        return incoming->bytes_count >= offset;
    }
    for (uint32_t index = 0; index < incoming->chunk_count; index++) {
        if (incoming->present[index] == 0) {
            struct snapshot_chunk chunk;
            *wanted_offset = incoming_offset(incoming, index, &chunk);
            *bytes_max = chunk.bytes;
            if (*wanted_offset >= offset) {
                return true;
            }
        }
    }
    return false;
}

/* The manifest is whole: keep it, for a restart as well. */
static enum status incoming_manifest(struct snapshot_incoming *incoming,
                                     const struct snapshot_manifest *manifest)
{
    char path[JOURNAL_PATH_BYTES];
    struct snapshot_store *store = incoming->store;
    enum status status =
        snapshot_store_inside(store, path, incoming->path, SNAPSHOT_STORE_MANIFEST, "");
    if (status == STATUS_OK) {
        status = snapshot_store_save(store, path, incoming->bytes, incoming->bytes_whole);
    }
    if (status == STATUS_OK) {
        status = journal_file_sync_directory(incoming->path, &store->error);
    }
    incoming->manifest = *manifest;
    if (status == STATUS_OK) {
        status = incoming_open_parts(incoming);
    }
    incoming->manifest_whole = status == STATUS_OK;
    return status;
}

/* A piece of the manifest, which continues what is here. */
static enum status incoming_take_manifest(struct snapshot_incoming *incoming, uint64_t offset,
                                          const uint8_t *bytes, uint32_t count,
                                          uint64_t total_bytes)
{
    size_t before = incoming->bytes_count;
    size_t room = incoming->bytes_whole != 0 ? incoming->bytes_whole - before
                                             : SNAPSHOT_MANIFEST_BYTES_MAX - before;
    if (offset != before || count > room || count == 0) {
        return STATUS_BAD_FORMAT;
    }
    memcpy(incoming->bytes + before, bytes, count);
    struct snapshot_manifest manifest;
    enum status status =
        snapshot_manifest_decode(&manifest, incoming->bytes, before + (size_t)count);
    bool short_header = status == STATUS_SHORT && manifest.part_count == 0;
    if (short_header) {
        incoming->bytes_count = before + count;
        return STATUS_OK;
    }
    enum status judged = status == STATUS_OK || status == STATUS_SHORT
                             ? incoming_judge(incoming, &manifest)
                             : status;
    if (judged != STATUS_OK) {
        return judged;
    }
    size_t whole = snapshot_manifest_bytes(&manifest);
    if (total_bytes != whole + snapshot_manifest_content_bytes(&manifest)) {
        return STATUS_BAD_FORMAT;
    }
    incoming->bytes_whole = whole;
    incoming->bytes_count = before + count;
    return status == STATUS_OK ? incoming_manifest(incoming, &manifest) : STATUS_OK;
}

/* Which chunk begins at this offset of the row? False: none. */
static bool incoming_chunk_at(const struct snapshot_incoming *incoming, uint64_t offset,
                              uint32_t *index, struct snapshot_chunk *chunk)
{
    uint64_t at = incoming->bytes_whole;
    uint32_t first = 0;
    for (uint32_t part = 0; part < incoming->manifest.part_count; part++) {
        uint64_t part_bytes = incoming->manifest.parts[part].bytes;
        if (offset >= at && offset - at < part_bytes) {
            *index = first + (uint32_t)((offset - at) / SNAPSHOT_CHUNK_BYTES);
            return incoming_offset(incoming, *index, chunk) == offset;
        }
        at += part_bytes;
        first += snapshot_manifest_chunks(&incoming->manifest.parts[part]);
    }
    return false;
}

enum status snapshot_store_incoming_take(struct snapshot_incoming *incoming, uint64_t offset,
                                         const uint8_t *bytes, uint32_t count, uint64_t total_bytes)
{
    ASSERT(bytes != NULL);
    if (!incoming->manifest_whole) {
        return incoming_take_manifest(incoming, offset, bytes, count, total_bytes);
    }
    uint32_t index = 0;
    struct snapshot_chunk chunk;
    if (offset < incoming->bytes_whole) {
        return STATUS_OK; /* Of the manifest, again. */
    }
    if (!incoming_chunk_at(incoming, offset, &index, &chunk) || chunk.bytes != count) {
        return STATUS_BAD_FORMAT;
    }
    if (incoming->present[index] != 0) {
        return STATUS_OK;
    }
    if (!incoming_right(incoming, index, bytes, count)) {
        return STATUS_BAD_CHECKSUM;
    }
    enum status status = snapshot_store_pwrite(incoming->store, incoming->files[chunk.part],
                                               incoming->path, bytes, count, chunk.offset);
    if (status == STATUS_OK) {
        incoming_mark(incoming, index, count);
    }
    return status;
}

void snapshot_store_incoming_progress(const struct snapshot_incoming *incoming, uint64_t *bytes,
                                      uint64_t *total_bytes)
{
    *bytes = incoming->bytes_count + incoming->present_bytes;
    *total_bytes = 0;
    if (incoming->manifest_whole) {
        *total_bytes = incoming->bytes_whole + snapshot_manifest_content_bytes(&incoming->manifest);
    }
}

/* Nothing may stand behind a part's end: an earlier process may have fetched another snapshot. */
static enum status incoming_sync(struct snapshot_incoming *incoming)
{
    struct snapshot_store *store = incoming->store;
    for (uint32_t i = 0; i < incoming->manifest.part_count; i++) {
        off_t bytes = (off_t)incoming->manifest.parts[i].bytes;
        if (ftruncate(incoming->files[i], bytes) != 0 || fsync(incoming->files[i]) != 0) {
            return journal_file_failed(&store->error, "sync", incoming->path, errno);
        }
    }
    return STATUS_OK;
}

enum status snapshot_store_incoming_finish(struct snapshot_incoming *incoming)
{
    if (!incoming->manifest_whole || incoming->present_count < incoming->chunk_count) {
        return STATUS_NOT_YET;
    }
    enum status status = incoming_sync(incoming);
    if (status == STATUS_OK) {
        status = snapshot_store_publish(incoming->store, incoming->path, incoming->shard_id,
                                        incoming->position.log_index);
    }
    if (status == STATUS_OK) {
        snapshot_store_incoming_close(incoming);
    }
    return status;
}

void snapshot_store_incoming_close(struct snapshot_incoming *incoming)
{
    if (incoming == NULL) {
        return;
    }
    for (uint32_t i = 0; i < SNAPSHOT_PARTS_MAX; i++) {
        if (incoming->files[i] >= 0) {
            (void)close(incoming->files[i]);
        }
    }
    free(incoming->present);
    free(incoming->bytes);
    free(incoming);
}

void snapshot_store_incoming_drop(struct snapshot_incoming *incoming)
{
    ASSERT(incoming != NULL);
    enum status status = snapshot_store_remove(incoming->store, incoming->path);
    (void)status; /* What stays is not taken for anything but this: the next one judges it. */
    snapshot_store_incoming_close(incoming);
}
