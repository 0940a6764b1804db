/* The inside of a snapshot store, for snapshot_store*.c. */
#ifndef REPLICATION_SNAPSHOT_STORE_INSIDE_H
#define REPLICATION_SNAPSHOT_STORE_INSIDE_H

#include "replication/journal_error.h"
#include "replication/journal_file.h"
#include "replication/snapshot_store.h"

#define SNAPSHOT_STORE_MANIFEST "manifest"
#define SNAPSHOT_STORE_NEW      "new-"
#define SNAPSHOT_STORE_OLD      "old-"
#define SNAPSHOT_STORE_INCOMING "incoming-"
#define SNAPSHOT_STORE_BAD      "bad-"
#define SNAPSHOT_STORE_PART     ".part" /* Behind the part's name. */

/* The one that is being written. */
struct snapshot_writing {
    bool under_way;
    char path[JOURNAL_PATH_BYTES];
    struct snapshot_manifest manifest;
    uint8_t *bytes; /* SNAPSHOT_MANIFEST_BYTES_MAX: the manifest as it grows. */
    uint32_t chunk_count;
    int file; /* Of the part being written; -1: none. */
    uint8_t *chunk;
    uint32_t chunk_bytes; /* Of it filled. */
};

struct snapshot_store {
    struct snapshot_store_options options;
    char directory[JOURNAL_PATH_BYTES];
    struct journal_error error;
    struct snapshot_writing writing;
    uint8_t *chunk; /* For verifying what stands on disk. */
};

struct snapshot_source {
    struct snapshot_store *store;
    struct snapshot_manifest manifest;
    uint8_t *bytes; /* Of the manifest. */
    size_t bytes_count;
    int files[SNAPSHOT_PARTS_MAX];
};

/* "DIRECTORY/<prefix>SHARD-LOGINDEX": STATUS_BAD_ARGUMENT, too long. */
MUST_USE enum status snapshot_store_path(struct snapshot_store *store,
                                         char path[static JOURNAL_PATH_BYTES], const char *prefix,
                                         uint16_t shard_id, uint64_t log_index);
/* "<path>/<name><suffix>". */
MUST_USE enum status snapshot_store_inside(struct snapshot_store *store,
                                           char target[static JOURNAL_PATH_BYTES], const char *path,
                                           const char *name, const char *suffix);
/* Remove a directory and the files in it; STATUS_OK when it is not there. */
MUST_USE enum status snapshot_store_remove(struct snapshot_store *store, const char *path);
/* Give a directory whose files are synced its name, durably. */
MUST_USE enum status snapshot_store_publish(struct snapshot_store *store, const char *from,
                                            uint16_t shard_id, uint64_t log_index);
/* Write a whole file and sync it. */
MUST_USE enum status snapshot_store_save(struct snapshot_store *store, const char *path,
                                         const uint8_t *bytes, size_t count);
/* All of `count` bytes at `offset`. */
MUST_USE enum status snapshot_store_pwrite(struct snapshot_store *store, int file, const char *path,
                                           const uint8_t *bytes, size_t count, uint64_t offset);
/* STATUS_SHORT at the end of the file, STATUS_IO. */
MUST_USE enum status snapshot_store_pread(struct snapshot_store *store, int file, const char *path,
                                          uint8_t *bytes, size_t count, uint64_t offset);
/* A manifest of a file, malloc()ed, decoded and verified: as snapshot_store_source() says. */
MUST_USE enum status snapshot_store_source_load(struct snapshot_store *store, const char *path,
                                                uint16_t shard_id,
                                                struct snapshot_manifest *manifest, uint8_t **bytes,
                                                size_t *bytes_count);
/* The hash of chunk `index` in the manifest's list. */
static inline const uint8_t *snapshot_store_hash(const struct snapshot_manifest *manifest,
                                                 uint32_t index)
{
    return manifest->list + (size_t)index * SNAPSHOT_MANIFEST_HASH_BYTES;
}

#endif
