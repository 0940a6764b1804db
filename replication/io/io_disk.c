#include "replication/io/io_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "matching/base/assertion.h"

enum status io_disk_open(const char *path, bool direct, int *fd)
{
    ASSERT(path != NULL);
    int opened = open(path, O_RDWR | O_CLOEXEC | (direct ? O_DIRECT | O_DSYNC : 0));
    if (opened >= 0) {
        *fd = opened;
        return STATUS_OK;
    }
    switch (errno) {
    case ENOENT:
    case ENOTDIR:
        return STATUS_NOT_FOUND;
    case EACCES:
    case EPERM:
    case EROFS:
        return STATUS_DENIED;
    case EINVAL:
    case EISDIR:
    case ENAMETOOLONG:
        return STATUS_BAD_ARGUMENT;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
        return STATUS_FULL;
    default:
        return STATUS_IO;
    }
}

bool io_disk_is_aligned(const void *memory, uint32_t bytes, uint64_t offset)
{
    static_assert((IO_DISK_ALIGNMENT_BYTES & (IO_DISK_ALIGNMENT_BYTES - 1)) == 0, "power of two");
    uint64_t bits = (uint64_t)(uintptr_t)memory | bytes | offset;
    return (bits & (IO_DISK_ALIGNMENT_BYTES - 1)) == 0;
}

enum status io_disk_read(int fd, void *target, uint32_t target_bytes, uint64_t offset)
{
    ASSERT(fd >= 0);
    ASSERT(target != NULL);
    ASSERT(offset <= (uint64_t)INT64_MAX - target_bytes);

    uint32_t done_bytes = 0;
    while (done_bytes < target_bytes) {
        ssize_t got = pread(fd, (uint8_t *)target + done_bytes, target_bytes - done_bytes,
                            (off_t)(offset + done_bytes));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            /* Behind a piece that ended with the file, O_DIRECT refuses the odd rest. */
            bool odd = errno == EINVAL && done_bytes % IO_DISK_ALIGNMENT_BYTES != 0;
            return odd ? STATUS_SHORT : STATUS_IO;
        }
        if (got == 0) {
            return STATUS_SHORT;
        }
        done_bytes += (uint32_t)got;
        ASSERT(done_bytes <= target_bytes);
    }
    return STATUS_OK;
}

int io_disk_write_result(int fd, const void *data, uint32_t data_bytes, uint64_t offset)
{
    ASSERT(fd >= 0);
    ASSERT(data != NULL);
    ASSERT(offset <= (uint64_t)INT64_MAX - data_bytes);

    uint32_t done_bytes = 0;
    while (done_bytes < data_bytes) {
        ssize_t put = pwrite(fd, (const uint8_t *)data + done_bytes, data_bytes - done_bytes,
                             (off_t)(offset + done_bytes));
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put <= 0) {
            return put < 0 ? -errno : -EIO;
        }
        done_bytes += (uint32_t)put;
        ASSERT(done_bytes <= data_bytes);
    }
    return 0;
}

enum status io_disk_write(int fd, const void *data, uint32_t data_bytes, uint64_t offset)
{
    int result = io_disk_write_result(fd, data, data_bytes, offset);
    ASSERT(result <= 0);
    switch (-result) {
    case 0:
        return STATUS_OK;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return STATUS_NO_SPACE;
    default:
        return STATUS_IO;
    }
}
