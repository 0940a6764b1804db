#include "replication/journal_file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "matching/base/assertion.h"

#define JOURNAL_FILE_CHUNK_BYTES (1u << 20)

enum status journal_file_status(int error_number)
{
    ASSERT(error_number != 0);
    if (error_number == ENOSPC || error_number == EDQUOT || error_number == EFBIG) {
        return STATUS_NO_SPACE;
    }
    if (error_number == EACCES || error_number == EPERM || error_number == EROFS) {
        return STATUS_DENIED;
    }
    if (error_number == ENOENT || error_number == ENOTDIR) {
        return STATUS_NOT_FOUND;
    }
    return error_number == EEXIST ? STATUS_EXISTS : STATUS_IO;
}

static const char *journal_file_advice(int error_number)
{
    enum status status = journal_file_status(error_number);
    if (status == STATUS_NO_SPACE) {
        return "free space on that disk (or lift the quota or file size limit) and start again";
    }
    if (status == STATUS_DENIED) {
        return "the site's user must be able to read and write its data directory";
    }
    if (status == STATUS_NOT_FOUND) {
        return "check `data` in the configuration; a journal is made by `causeway init`";
    }
    return "check the disk and the kernel's log before you start this site again";
}

enum status journal_file_failed(struct journal_error *error, const char *action, const char *path,
                                int error_number)
{
    ASSERT(action != NULL);
    ASSERT(path != NULL);
    journal_error_set(error, "cannot %s %s: %s; %s", action, path, strerrordesc_np(error_number),
                      journal_file_advice(error_number));
    return journal_file_status(error_number);
}

enum status journal_file_path(char path[static JOURNAL_PATH_BYTES], const char *directory,
                              const char *name, struct journal_error *error)
{
    ASSERT(directory != NULL);
    ASSERT(name != NULL);
    int length = snprintf(path, JOURNAL_PATH_BYTES, "%s/%s", directory, name);
    if (length < 0 || (size_t)length >= JOURNAL_PATH_BYTES) {
        journal_error_set(error, "the path of the data directory is too long; use a shorter one");
        return STATUS_BAD_ARGUMENT;
    }
    return STATUS_OK;
}

enum status journal_file_durable(const char *directory, struct journal_error *error)
{
    struct statfs found;
    if (statfs(directory, &found) != 0) {
        return journal_file_failed(error, "look at the data directory", directory, errno);
    }
    if (found.f_type == TMPFS_MAGIC || found.f_type == RAMFS_MAGIC) {
        journal_error_set(
            error,
            "%s lies on tmpfs, which keeps nothing when the machine stops; put `data` "
            "on a disk",
            directory);
        return STATUS_DENIED;
    }
    return STATUS_OK;
}

bool journal_file_exists(const char *path)
{
    struct stat found;
    return lstat(path, &found) == 0;
}

static int journal_file_write(int descriptor, const uint8_t *data, size_t bytes, uint64_t offset)
{
    size_t done_bytes = 0;
    while (done_bytes < bytes) {
        ssize_t result =
            pwrite(descriptor, data + done_bytes, bytes - done_bytes, (off_t)(offset + done_bytes));
        if (result < 0 && errno == EINTR) {
            continue;
        }
        if (result <= 0) {
            return result == 0 ? ENOSPC : errno;
        }
        done_bytes += (size_t)result;
    }
    return 0;
}

/* Zeros are written, not only reserved: the first write into a reserved block would also have to
 * change the file's map, and a write on the hot path must change nothing but data. */
static int journal_file_fill(int descriptor, uint64_t offset, uint64_t file_bytes)
{
    uint8_t *zeros = calloc(1, JOURNAL_FILE_CHUNK_BYTES);
    if (zeros == NULL) {
        return ENOMEM;
    }
    int error_number = 0;
    while (error_number == 0 && offset < file_bytes) {
        uint64_t left_bytes = file_bytes - offset;
        size_t bytes =
            left_bytes < JOURNAL_FILE_CHUNK_BYTES ? (size_t)left_bytes : JOURNAL_FILE_CHUNK_BYTES;
        error_number = journal_file_write(descriptor, zeros, bytes, offset);
        offset += bytes;
    }
    free(zeros);
    return error_number;
}

enum status journal_file_create(const char *path, const uint8_t *blocks, uint32_t block_count,
                                uint64_t file_bytes, struct journal_error *error)
{
    size_t blocks_bytes = (size_t)block_count * JOURNAL_BLOCK_BYTES;
    ASSERT(block_count > 0);
    ASSERT(file_bytes >= blocks_bytes);

    if (unlink(path) != 0 && errno != ENOENT) {
        return journal_file_failed(error, "replace", path, errno);
    }
    int descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (descriptor < 0) {
        return journal_file_failed(error, "create", path, errno);
    }
    int error_number = posix_fallocate(descriptor, 0, (off_t)file_bytes);
    if (error_number == 0) {
        error_number = journal_file_write(descriptor, blocks, blocks_bytes, 0);
    }
    if (error_number == 0) {
        error_number = journal_file_fill(descriptor, blocks_bytes, file_bytes);
    }
    if (error_number == 0 && fsync(descriptor) != 0) {
        error_number = errno;
    }
    if (close(descriptor) != 0 && error_number == 0) {
        error_number = errno;
    }
    if (error_number != 0) {
        return journal_file_failed(error, "write", path, error_number);
    }
    return STATUS_OK;
}

enum status journal_file_block(const char *path, int descriptor, uint32_t block_index,
                               uint8_t block[static JOURNAL_BLOCK_BYTES],
                               struct journal_error *error)
{
    ASSERT(descriptor >= 0);
    size_t done_bytes = 0;
    while (done_bytes < JOURNAL_BLOCK_BYTES) {
        off_t offset = (off_t)((size_t)block_index * JOURNAL_BLOCK_BYTES + done_bytes);
        ssize_t result =
            pread(descriptor, block + done_bytes, JOURNAL_BLOCK_BYTES - done_bytes, offset);
        if (result < 0 && errno == EINTR) {
            continue;
        }
        if (result < 0) {
            return journal_file_failed(error, "read", path, errno);
        }
        if (result == 0) {
            journal_error_set(error,
                              "%s is too short: it was cut or never written whole; the site must "
                              "be rebuilt from its peers",
                              path);
            return STATUS_SHORT;
        }
        done_bytes += (size_t)result;
    }
    return STATUS_OK;
}

enum status journal_file_sync_directory(const char *directory, struct journal_error *error)
{
    int descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) {
        return journal_file_failed(error, "open the directory", directory, errno);
    }
    int error_number = fsync(descriptor) == 0 ? 0 : errno;
    (void)close(descriptor);
    if (error_number != 0) {
        return journal_file_failed(error, "sync the directory", directory, error_number);
    }
    return STATUS_OK;
}
