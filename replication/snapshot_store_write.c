/* Writing a snapshot: into a directory of another name, which becomes the snapshot when it is
 * durable. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "matching/base/assertion.h"
#include "replication/snapshot_store_inside.h"

enum status snapshot_store_write_begin(struct snapshot_store *store,
                                       const struct snapshot_manifest *facts)
{
    struct snapshot_writing *writing = &store->writing;
    ASSERT(store->options.signer != NULL);
    snapshot_store_write_abandon(store);
    char path[JOURNAL_PATH_BYTES];
    uint64_t log_index = facts->position.log_index;
    enum status status = snapshot_store_path(store, path, "", facts->shard_id, log_index);
    if (status == STATUS_OK) {
        status = snapshot_store_path(store, writing->path, SNAPSHOT_STORE_NEW, facts->shard_id,
                                     log_index);
    }
    if (status != STATUS_OK) {
        return status;
    }
    if (journal_file_exists(path)) {
        journal_error_set(&store->error, "%s is there already", path);
        return STATUS_EXISTS;
    }
    status = snapshot_store_remove(store, writing->path);
    if (status != STATUS_OK) {
        return status;
    }
    if (mkdir(writing->path, 0700) != 0) {
        return journal_file_failed(&store->error, "create", writing->path, errno);
    }
    writing->under_way = true;
    writing->manifest = *facts;
    writing->manifest.cluster_id = store->options.cluster_id;
    writing->manifest.part_count = 0;
    writing->chunk_count = 0;
    writing->chunk_bytes = 0;
    return STATUS_OK;
}

static struct snapshot_part *writing_part(struct snapshot_writing *writing)
{
    ASSERT(writing->under_way);
    ASSERT(writing->manifest.part_count > 0);
    return &writing->manifest.parts[writing->manifest.part_count - 1];
}

/* The chunk that has been gathered goes to the file. */
static enum status writing_flush(struct snapshot_store *store)
{
    struct snapshot_writing *writing = &store->writing;
    struct snapshot_part *part = writing_part(writing);
    ASSERT(writing->file >= 0);
    if (writing->chunk_bytes == 0) {
        return STATUS_OK;
    }
    if (writing->chunk_count == SNAPSHOT_CHUNKS_MAX) {
        journal_error_set(&store->error, "a snapshot would be larger than 16 GiB; end sessions or "
                                         "roll their generations, so that streams become shorter");
        return STATUS_FULL;
    }
    uint8_t *hash = writing->bytes + SNAPSHOT_MANIFEST_HEADER_BYTES +
                    (size_t)writing->chunk_count * SNAPSHOT_MANIFEST_HASH_BYTES;
    snapshot_manifest_hash(hash, writing->chunk, writing->chunk_bytes);
    enum status status = snapshot_store_pwrite(store, writing->file, writing->path, writing->chunk,
                                               writing->chunk_bytes, part->bytes);
    part->bytes += writing->chunk_bytes;
    writing->chunk_count++;
    writing->chunk_bytes = 0;
    return status;
}

/* The part is whole: make its file durable. */
static enum status writing_finish_part(struct snapshot_store *store)
{
    struct snapshot_writing *writing = &store->writing;
    if (writing->file < 0) {
        return STATUS_OK;
    }
    enum status status = writing_flush(store);
    if (status == STATUS_OK && fsync(writing->file) != 0) {
        status = journal_file_failed(&store->error, "sync", writing->path, errno);
    }
    int closed = close(writing->file);
    writing->file = -1;
    if (closed != 0 && status == STATUS_OK) {
        status = journal_file_failed(&store->error, "write", writing->path, errno);
    }
    return status;
}

enum status snapshot_store_write_part(struct snapshot_store *store, const char *name)
{
    struct snapshot_writing *writing = &store->writing;
    ASSERT(writing->under_way);
    ASSERT(writing->manifest.part_count < SNAPSHOT_PARTS_MAX);
    ASSERT(strlen(name) < SNAPSHOT_MANIFEST_NAME_BYTES);
    enum status status = writing_finish_part(store);
    char path[JOURNAL_PATH_BYTES];
    if (status == STATUS_OK) {
        status = snapshot_store_inside(store, path, writing->path, name, SNAPSHOT_STORE_PART);
    }
    if (status != STATUS_OK) {
        return status;
    }
    struct snapshot_part *part = &writing->manifest.parts[writing->manifest.part_count];
    *part = (struct snapshot_part){.bytes = 0};
    memcpy(part->name, name, strlen(name));
    ASSERT(snapshot_manifest_name_valid(part->name));
    writing->file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (writing->file < 0) {
        return journal_file_failed(&store->error, "create", path, errno);
    }
    writing->manifest.part_count++;
    return STATUS_OK;
}

enum status snapshot_store_write(struct snapshot_store *store, const uint8_t *bytes, size_t count)
{
    struct snapshot_writing *writing = &store->writing;
    ASSERT(writing->under_way);
    ASSERT(writing->file >= 0);
    while (count > 0) {
        if (writing->chunk_bytes == SNAPSHOT_CHUNK_BYTES) {
            enum status status = writing_flush(store);
            if (status != STATUS_OK) {
                return status;
            }
        }
        size_t room = SNAPSHOT_CHUNK_BYTES - writing->chunk_bytes;
        size_t part = count < room ? count : room;
        memcpy(writing->chunk + writing->chunk_bytes, bytes, part);
        writing->chunk_bytes += (uint32_t)part;
        bytes += part;
        count -= part;
    }
    return STATUS_OK;
}

enum status snapshot_store_write_commit(struct snapshot_store *store)
{
    struct snapshot_writing *writing = &store->writing;
    ASSERT(writing->under_way);
    ASSERT(writing->manifest.part_count > 0);
    enum status status = writing_finish_part(store);
    if (status != STATUS_OK) {
        return status;
    }
    snapshot_manifest_encode(&writing->manifest, writing->bytes, store->options.signer);
    char path[JOURNAL_PATH_BYTES];
    status = snapshot_store_inside(store, path, writing->path, SNAPSHOT_STORE_MANIFEST, "");
    if (status == STATUS_OK) {
        status = snapshot_store_save(store, path, writing->bytes,
                                     snapshot_manifest_bytes(&writing->manifest));
    }
    if (status == STATUS_OK) {
        status = snapshot_store_publish(store, writing->path, writing->manifest.shard_id,
                                        writing->manifest.position.log_index);
    }
    writing->under_way = status != STATUS_OK;
    return status;
}

void snapshot_store_write_abandon(struct snapshot_store *store)
{
    struct snapshot_writing *writing = &store->writing;
    if (!writing->under_way) {
        return;
    }
    if (writing->file >= 0) {
        (void)close(writing->file);
        writing->file = -1;
    }
    /* What cannot be removed now is removed when the store is next opened. */
    enum status status = snapshot_store_remove(store, writing->path);
    (void)status;
    writing->under_way = false;
}
