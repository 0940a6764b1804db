#include "replication/snapshot_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "matching/base/assertion.h"
#include "replication/snapshot_store_inside.h"

/* Digits of the greatest log index. */
#define STORE_INDEX_DIGITS 20

const char *snapshot_store_error(const struct snapshot_store *store)
{
    ASSERT(store != NULL);
    return store->error.text;
}

enum status snapshot_store_path(struct snapshot_store *store, char path[static JOURNAL_PATH_BYTES],
                                const char *prefix, uint16_t shard_id, uint64_t log_index)
{
    ASSERT(shard_id >= 1 && shard_id <= SHARDS_MAX);
    ASSERT(log_index >= 1);
    char name[64];
    (void)snprintf(name, sizeof name, "%s%u-%0*" PRIu64, prefix, (unsigned)shard_id,
                   STORE_INDEX_DIGITS, log_index);
    return journal_file_path(path, store->directory, name, &store->error);
}

enum status snapshot_store_inside(struct snapshot_store *store,
                                  char target[static JOURNAL_PATH_BYTES], const char *path,
                                  const char *name, const char *suffix)
{
    char file[64];
    int length = snprintf(file, sizeof file, "%s%s", name, suffix);
    ASSERT(length > 0 && (size_t)length < sizeof file);
    return journal_file_path(target, path, file, &store->error);
}

/* Is the name of a directory entry that of a snapshot with this prefix? */
static bool store_name_parse(const char *name, const char *prefix, uint16_t *shard_id,
                             uint64_t *log_index)
{
    size_t prefix_bytes = strlen(prefix);
    if (strncmp(name, prefix, prefix_bytes) != 0) {
        return false;
    }
    const char *at = name + prefix_bytes;
    if (at[0] < '1' || at[0] > '0' + (char)SHARDS_MAX || at[1] != '-' ||
        strlen(at + 2) != STORE_INDEX_DIGITS) {
        return false;
    }
    uint64_t value = 0;
    for (const char *digit = at + 2; *digit != '\0'; digit++) {
        if (*digit < '0' || *digit > '9' || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*digit - '0'), &value)) {
            return false;
        }
    }
    *shard_id = (uint16_t)(at[0] - '0');
    *log_index = value;
    return value != 0;
}

enum status snapshot_store_remove(struct snapshot_store *store, const char *path)
{
    DIR *directory = opendir(path);
    if (directory == NULL) {
        return errno == ENOENT ? STATUS_OK
                               : journal_file_failed(&store->error, "remove", path, errno);
    }
    int error_number = 0;
    const struct dirent *entry = readdir(directory);
    while (entry != NULL && error_number == 0) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            unlinkat(dirfd(directory), entry->d_name, 0) != 0) {
            error_number = errno;
        }
        entry = readdir(directory);
    }
    (void)closedir(directory);
    if (error_number == 0 && rmdir(path) != 0) {
        error_number = errno;
    }
    return error_number == 0 ? STATUS_OK
                             : journal_file_failed(&store->error, "remove", path, error_number);
}

enum status snapshot_store_publish(struct snapshot_store *store, const char *from,
                                   uint16_t shard_id, uint64_t log_index)
{
    char path[JOURNAL_PATH_BYTES];
    enum status status = snapshot_store_path(store, path, "", shard_id, log_index);
    if (status == STATUS_OK) {
        status = journal_file_sync_directory(from, &store->error);
    }
    if (status != STATUS_OK) {
        return status;
    }
    if (rename(from, path) != 0) {
        return journal_file_failed(&store->error, "publish", path, errno);
    }
    return journal_file_sync_directory(store->directory, &store->error);
}

enum status snapshot_store_pwrite(struct snapshot_store *store, int file, const char *path,
                                  const uint8_t *bytes, size_t count, uint64_t offset)
{
    ASSERT(file >= 0);
    size_t done = 0;
    while (done < count) {
        ssize_t result = pwrite(file, bytes + done, count - done, (off_t)(offset + done));
        if (result < 0 && errno == EINTR) {
            continue;
        }
        if (result <= 0) {
            return journal_file_failed(&store->error, "write", path, result == 0 ? ENOSPC : errno);
        }
        done += (size_t)result;
    }
    return STATUS_OK;
}

enum status snapshot_store_pread(struct snapshot_store *store, int file, const char *path,
                                 uint8_t *bytes, size_t count, uint64_t offset)
{
    ASSERT(file >= 0);
    size_t done = 0;
    while (done < count) {
        ssize_t result = pread(file, bytes + done, count - done, (off_t)(offset + done));
        if (result < 0 && errno == EINTR) {
            continue;
        }
        if (result < 0) {
            return journal_file_failed(&store->error, "read", path, errno);
        }
        if (result == 0) {
            journal_error_set(&store->error, "%s is cut; it is not used any more, remove it", path);
            return STATUS_SHORT;
        }
        done += (size_t)result;
    }
    return STATUS_OK;
}

enum status snapshot_store_save(struct snapshot_store *store, const char *path,
                                const uint8_t *bytes, size_t count)
{
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0) {
        return journal_file_failed(&store->error, "create", path, errno);
    }
    enum status status = snapshot_store_pwrite(store, file, path, bytes, count, 0);
    if (status == STATUS_OK && fsync(file) != 0) {
        status = journal_file_failed(&store->error, "sync", path, errno);
    }
    if (close(file) != 0 && status == STATUS_OK) {
        status = journal_file_failed(&store->error, "write", path, errno);
    }
    return status;
}

/* Entries of the directory that begin with `prefix`, of the shard or, for 0, of any: into
 * `log_indexes` the greatest ones, descending, or removed, but for the one at `spared_log_index`.
 */
static enum status store_scan(struct snapshot_store *store, const char *prefix, uint16_t shard_id,
                              bool remove, uint64_t spared_log_index, uint64_t *log_indexes,
                              uint32_t *count)
{
    DIR *directory = opendir(store->directory);
    if (directory == NULL) {
        return journal_file_failed(&store->error, "read", store->directory, errno);
    }
    enum status status = STATUS_OK;
    const struct dirent *entry = readdir(directory);
    for (; entry != NULL && status == STATUS_OK; entry = readdir(directory)) {
        uint16_t shard = 0;
        uint64_t value = 0;
        if (!store_name_parse(entry->d_name, prefix, &shard, &value) ||
            (shard_id != 0 && shard_id != shard) || (remove && value == spared_log_index)) {
            continue;
        }
        if (remove) {
            char path[JOURNAL_PATH_BYTES];
            status = journal_file_path(path, store->directory, entry->d_name, &store->error);
            status = status == STATUS_OK ? snapshot_store_remove(store, path) : status;
            continue;
        }
        uint32_t place = *count < SNAPSHOT_KEPT_MAX ? (*count)++ : SNAPSHOT_KEPT_MAX;
        for (; place > 0 && log_indexes[place - 1] < value; place--) {
            if (place < SNAPSHOT_KEPT_MAX) {
                log_indexes[place] = log_indexes[place - 1];
            }
        }
        if (place < SNAPSHOT_KEPT_MAX) {
            log_indexes[place] = value;
        }
    }
    (void)closedir(directory);
    return status;
}

static enum status store_prepare(struct snapshot_store *store)
{
    store->chunk = malloc(SNAPSHOT_CHUNK_BYTES);
    store->writing.chunk = malloc(SNAPSHOT_CHUNK_BYTES);
    store->writing.bytes = malloc(SNAPSHOT_MANIFEST_BYTES_MAX);
    if (store->chunk == NULL || store->writing.chunk == NULL || store->writing.bytes == NULL) {
        journal_error_set(&store->error, "no memory for snapshots; give this site more");
        return STATUS_FULL;
    }
    if (strlen(store->options.directory) >= sizeof store->directory) {
        journal_error_set(&store->error,
                          "the path of the snapshots is too long; use a shorter one");
        return STATUS_BAD_ARGUMENT;
    }
    memcpy(store->directory, store->options.directory, strlen(store->options.directory) + 1);
    if (mkdir(store->directory, 0700) != 0 && errno != EEXIST) {
        return journal_file_failed(&store->error, "create", store->directory, errno);
    }
    if (store->options.signer == NULL) {
        return STATUS_OK; /* What is half done belongs to the store that writes. */
    }
    enum status status = store_scan(store, SNAPSHOT_STORE_NEW, 0, true, 0, NULL, NULL);
    return status == STATUS_OK ? store_scan(store, SNAPSHOT_STORE_OLD, 0, true, 0, NULL, NULL)
                               : status;
}

enum status snapshot_store_open(struct snapshot_store **target,
                                const struct snapshot_store_options *options)
{
    ASSERT(options->directory != NULL);
    ASSERT(options->verifier_count > 0);
    struct snapshot_store *store = calloc(1, sizeof *store);
    *target = store;
    if (store == NULL) {
        return STATUS_FULL;
    }
    store->options = *options;
    store->writing.file = -1;
    return store_prepare(store);
}

void snapshot_store_trust(struct snapshot_store *store, uint32_t verifier_count)
{
    ASSERT(store != NULL);
    ASSERT(verifier_count >= store->options.verifier_count);
    store->options.verifier_count = verifier_count;
}

void snapshot_store_close(struct snapshot_store *store)
{
    if (store == NULL) {
        return;
    }
    snapshot_store_write_abandon(store);
    free(store->chunk);
    free(store->writing.chunk);
    free(store->writing.bytes);
    free(store);
}

uint32_t snapshot_store_list(struct snapshot_store *store, uint16_t shard_id,
                             uint64_t log_indexes[static SNAPSHOT_KEPT_MAX])
{
    ASSERT(shard_id >= 1 && shard_id <= SHARDS_MAX);
    uint32_t count = 0;
    enum status status = store_scan(store, "", shard_id, false, 0, log_indexes, &count);
    return status == STATUS_OK ? count : 0;
}

enum status snapshot_store_incoming_clean(struct snapshot_store *store, uint16_t shard_id,
                                          uint64_t spared_log_index)
{
    ASSERT(shard_id >= 1 && shard_id <= SHARDS_MAX);
    return store_scan(store, SNAPSHOT_STORE_INCOMING, shard_id, true, spared_log_index, NULL, NULL);
}

/* Make room for the one that has just been set aside at `log_index`, among the newest. There may be
 * more than one look sees. */
static enum status store_bad_trim(struct snapshot_store *store, uint16_t shard_id,
                                  uint64_t log_index, uint32_t *removed_count)
{
    enum status status = STATUS_OK;
    uint32_t count = SNAPSHOT_KEPT_MAX;
    static_assert(SNAPSHOT_BAD_KEPT < SNAPSHOT_KEPT_MAX, "each look but the last removes some");
    while (status == STATUS_OK && count == SNAPSHOT_KEPT_MAX) {
        uint64_t log_indexes[SNAPSHOT_KEPT_MAX];
        uint32_t kept = 1;
        count = 0;
        status = store_scan(store, SNAPSHOT_STORE_BAD, shard_id, false, 0, log_indexes, &count);
        for (uint32_t i = 0; i < count && status == STATUS_OK; i++) {
            char path[JOURNAL_PATH_BYTES];
            if (log_indexes[i] == log_index || kept < SNAPSHOT_BAD_KEPT) {
                kept += log_indexes[i] != log_index;
                continue;
            }
            status = snapshot_store_path(store, path, SNAPSHOT_STORE_BAD, shard_id, log_indexes[i]);
            status = status == STATUS_OK ? snapshot_store_remove(store, path) : status;
            *removed_count += status == STATUS_OK;
        }
    }
    return status;
}

enum status snapshot_store_set_aside(struct snapshot_store *store, uint16_t shard_id,
                                     uint64_t log_index, uint32_t *removed_count)
{
    *removed_count = 0;
    char path[JOURNAL_PATH_BYTES];
    char bad[JOURNAL_PATH_BYTES];
    enum status status = snapshot_store_path(store, path, "", shard_id, log_index);
    if (status == STATUS_OK) {
        status = snapshot_store_path(store, bad, SNAPSHOT_STORE_BAD, shard_id, log_index);
    }
    if (status == STATUS_OK) {
        status =
            snapshot_store_remove(store, bad); /* Of this place, from before: the newer stays. */
    }
    if (status == STATUS_OK && rename(path, bad) != 0) {
        status = journal_file_failed(&store->error, "set aside", path, errno);
    }
    return status == STATUS_OK ? store_bad_trim(store, shard_id, log_index, removed_count) : status;
}

/* Out of sight first, so that a half removed one is never taken for whole. */
static enum status store_retire(struct snapshot_store *store, uint16_t shard_id, uint64_t log_index)
{
    char path[JOURNAL_PATH_BYTES];
    char old[JOURNAL_PATH_BYTES];
    enum status status = snapshot_store_path(store, path, "", shard_id, log_index);
    if (status == STATUS_OK) {
        status = snapshot_store_path(store, old, SNAPSHOT_STORE_OLD, shard_id, log_index);
    }
    if (status != STATUS_OK) {
        return status;
    }
    if (rename(path, old) != 0) {
        return journal_file_failed(&store->error, "remove", path, errno);
    }
    return snapshot_store_remove(store, old);
}

enum status snapshot_store_keep(struct snapshot_store *store, uint16_t shard_id, uint32_t count,
                                uint64_t newest_log_index, uint64_t spared_log_index,
                                uint64_t *oldest_log_index)
{
    ASSERT(count >= 2);
    ASSERT(count <= SNAPSHOT_KEPT_MAX);
    uint64_t log_indexes[SNAPSHOT_KEPT_MAX];
    uint32_t found = snapshot_store_list(store, shard_id, log_indexes);
    uint32_t good = 0;
    enum status status = STATUS_OK;
    *oldest_log_index = 0;
    uint32_t first = 0;
    while (first < found && log_indexes[first] > newest_log_index) {
        first++;
    }
    for (uint32_t i = first; i < found && status == STATUS_OK; i++) {
        if (good < count) {
            struct snapshot_source *source = NULL;
            bool opened =
                snapshot_store_source(store, shard_id, log_indexes[i], &source) == STATUS_OK;
            good += opened ? 1 : 0;
            *oldest_log_index = opened && good == count ? log_indexes[i] : 0;
            if (opened) {
                snapshot_store_source_close(source);
            }
        } else if (log_indexes[i] != spared_log_index) {
            status = store_retire(store, shard_id, log_indexes[i]);
        }
    }
    return status;
}
