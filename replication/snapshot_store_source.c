/* Reading a snapshot that is there, for this site or another. Nothing is believed before it is
 * verified. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "matching/base/assertion.h"
#include "replication/snapshot_store_inside.h"

/* What a bad manifest on disk means: it was good when it was written. */
static enum status read_judge(struct snapshot_store *store, const char *path, enum status status)
{
    if (status == STATUS_OK) {
        return status;
    }
    if (status == STATUS_FOREIGN) {
        journal_error_set(&store->error,
                          "%s is of another cluster or shard; it was not written here, remove it",
                          path);
        return status;
    }
    if (status == STATUS_UNKNOWN_KEY || status == STATUS_BAD_SIGNATURE) {
        journal_error_set(&store->error, "%s is not signed by a member of this cluster; remove it",
                          path);
        return status;
    }
    if (status == STATUS_BAD_VERSION) {
        journal_error_set(&store->error, "%s was written by another version of this program", path);
        return status;
    }
    journal_error_set(&store->error, "%s is damaged; it is not used any more, remove it", path);
    return STATUS_DAMAGED;
}

static enum status read_manifest_file(struct snapshot_store *store, int file, const char *path,
                                      uint8_t **bytes, size_t *bytes_count)
{
    struct stat found;
    if (fstat(file, &found) != 0) {
        return journal_file_failed(&store->error, "read", path, errno);
    }
    if (found.st_size < (off_t)SNAPSHOT_MANIFEST_HEADER_BYTES ||
        found.st_size > (off_t)SNAPSHOT_MANIFEST_BYTES_MAX) {
        return read_judge(store, path, STATUS_DAMAGED);
    }
    *bytes_count = (size_t)found.st_size;
    *bytes = malloc(*bytes_count);
    if (*bytes == NULL) {
        journal_error_set(&store->error, "no memory for a manifest; give this site more");
        return STATUS_FULL;
    }
    return snapshot_store_pread(store, file, path, *bytes, *bytes_count, 0);
}

enum status snapshot_store_source_load(struct snapshot_store *store, const char *path,
                                       uint16_t shard_id, struct snapshot_manifest *manifest,
                                       uint8_t **bytes, size_t *bytes_count)
{
    *bytes = NULL;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return journal_file_failed(&store->error, "open", path, errno);
    }
    enum status status = read_manifest_file(store, file, path, bytes, bytes_count);
    (void)close(file);
    if (status == STATUS_OK) {
        status = snapshot_manifest_decode(manifest, *bytes, *bytes_count);
        if (status == STATUS_OK) {
            const struct snapshot_store_options *options = &store->options;
            status = snapshot_manifest_verify(manifest, *bytes, options->cluster_id, shard_id,
                                              options->verifiers, options->verifier_count);
        }
        status = read_judge(store, path, status);
    }
    if (status != STATUS_OK) {
        free(*bytes);
        *bytes = NULL;
    }
    return status;
}

/* Open the files of the parts, whose sizes must be right. */
static enum status read_parts(struct snapshot_source *source, const char *path)
{
    struct snapshot_store *store = source->store;
    for (uint32_t i = 0; i < source->manifest.part_count; i++) {
        const struct snapshot_part *part = &source->manifest.parts[i];
        char file[JOURNAL_PATH_BYTES];
        enum status status =
            snapshot_store_inside(store, file, path, part->name, SNAPSHOT_STORE_PART);
        if (status != STATUS_OK) {
            return status;
        }
        source->files[i] = open(file, O_RDONLY | O_CLOEXEC);
        if (source->files[i] < 0) {
            status = journal_file_failed(&store->error, "open", file, errno);
            return status == STATUS_NOT_FOUND ? read_judge(store, file, STATUS_DAMAGED) : status;
        }
        struct stat found;
        if (fstat(source->files[i], &found) != 0) {
            return journal_file_failed(&store->error, "read", file, errno);
        }
        if ((uint64_t)found.st_size != part->bytes) {
            return read_judge(store, file, STATUS_DAMAGED);
        }
    }
    return STATUS_OK;
}

enum status snapshot_store_source(struct snapshot_store *store, uint16_t shard_id,
                                  uint64_t log_index, struct snapshot_source **target)
{
    char path[JOURNAL_PATH_BYTES];
    char manifest[JOURNAL_PATH_BYTES];
    *target = NULL;
    enum status status = snapshot_store_path(store, path, "", shard_id, log_index);
    if (status == STATUS_OK) {
        status = snapshot_store_inside(store, manifest, path, SNAPSHOT_STORE_MANIFEST, "");
    }
    struct snapshot_source *source = status == STATUS_OK ? calloc(1, sizeof *source) : NULL;
    if (source == NULL) {
        return status == STATUS_OK ? STATUS_FULL : status;
    }
    source->store = store;
    memset(source->files, -1, sizeof source->files);
    status = snapshot_store_source_load(store, manifest, shard_id, &source->manifest,
                                        &source->bytes, &source->bytes_count);
    if (status == STATUS_NOT_FOUND && journal_file_exists(path)) {
        status = read_judge(store, manifest, STATUS_DAMAGED);
    }
    if (status == STATUS_OK && source->manifest.position.log_index != log_index) {
        status = read_judge(store, manifest, STATUS_DAMAGED); /* Moved to another name. */
    }
    if (status == STATUS_OK) {
        status = read_parts(source, path);
    }
    if (status != STATUS_OK) {
        snapshot_store_source_close(source);
        return status;
    }
    *target = source;
    return STATUS_OK;
}

const struct snapshot_manifest *snapshot_store_source_manifest(const struct snapshot_source *source)
{
    ASSERT(source != NULL);
    return &source->manifest;
}

void snapshot_store_source_close(struct snapshot_source *source)
{
    if (source == NULL) {
        return;
    }
    for (uint32_t i = 0; i < SNAPSHOT_PARTS_MAX; i++) {
        if (source->files[i] >= 0) {
            (void)close(source->files[i]);
        }
    }
    free(source->bytes);
    free(source);
}

enum status snapshot_store_source_chunk(struct snapshot_source *source, uint32_t index,
                                        uint8_t target[static SNAPSHOT_CHUNK_BYTES],
                                        uint32_t *bytes)
{
    struct snapshot_chunk chunk;
    snapshot_manifest_chunk(&source->manifest, index, &chunk);
    const char *name = source->manifest.parts[chunk.part].name;
    enum status status = snapshot_store_pread(source->store, source->files[chunk.part], name,
                                              target, chunk.bytes, chunk.offset);
    if (status != STATUS_OK) {
        return status == STATUS_SHORT ? STATUS_DAMAGED : status;
    }
    uint8_t hash[SNAPSHOT_MANIFEST_HASH_BYTES];
    snapshot_manifest_hash(hash, target, chunk.bytes);
    if (memcmp(hash, snapshot_store_hash(&source->manifest, index), sizeof hash) != 0) {
        return read_judge(source->store, name, STATUS_DAMAGED);
    }
    *bytes = chunk.bytes;
    return STATUS_OK;
}

enum status snapshot_store_source_serve(struct snapshot_source *source, uint64_t offset,
                                        uint8_t *target, uint32_t bytes_max, uint32_t *bytes,
                                        uint64_t *total_bytes)
{
    ASSERT(bytes_max > 0);
    const struct snapshot_manifest *manifest = &source->manifest;
    *total_bytes = source->bytes_count + snapshot_manifest_content_bytes(manifest);
    *bytes = 0;
    if (offset >= *total_bytes) {
        return STATUS_BAD_ARGUMENT;
    }
    if (offset < source->bytes_count) {
        size_t left = source->bytes_count - (size_t)offset;
        *bytes = left < bytes_max ? (uint32_t)left : bytes_max;
        memcpy(target, source->bytes + offset, *bytes);
        return STATUS_OK;
    }
    uint64_t within = offset - source->bytes_count;
    uint32_t index = 0;
    uint32_t part = 0;
    while (within >= manifest->parts[part].bytes) {
        within -= manifest->parts[part].bytes;
        index += snapshot_manifest_chunks(&manifest->parts[part]);
        part++;
    }
    index += (uint32_t)(within / SNAPSHOT_CHUNK_BYTES);
    uint32_t chunk_bytes = 0;
    uint8_t *chunk = source->store->chunk;
    enum status status = snapshot_store_source_chunk(source, index, chunk, &chunk_bytes);
    if (status != STATUS_OK) {
        return status;
    }
    uint32_t skipped = (uint32_t)(within % SNAPSHOT_CHUNK_BYTES);
    ASSERT(skipped < chunk_bytes);
    *bytes = chunk_bytes - skipped < bytes_max ? chunk_bytes - skipped : bytes_max;
    memcpy(target, chunk + skipped, *bytes);
    return STATUS_OK;
}
