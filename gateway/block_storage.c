#include "gateway/block_storage.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "matching/base/assertion.h"

static enum status storage_status(int error)
{
    switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return STATUS_NO_SPACE;
    case ENOENT:
    case ENOTDIR:
        return STATUS_NOT_FOUND;
    case EACCES:
    case EPERM:
    case EROFS:
        return STATUS_DENIED;
    case ELOOP:
    case EISDIR:
    case ENXIO:
        return STATUS_BAD_ARGUMENT;
    default: /* Whatever else a system may say. */
        return STATUS_IO;
    }
}

static enum status storage_prepare(int file)
{
    struct stat found;
    if (fstat(file, &found) != 0) {
        return storage_status(errno);
    }
    if (!S_ISREG(found.st_mode)) {
        return STATUS_BAD_ARGUMENT;
    }
    return ftruncate(file, 0) != 0 || fchmod(file, 0600) != 0 ? storage_status(errno) : STATUS_OK;
}

enum status block_storage_open(const char *path, int *file)
{
    struct stat there;
    ASSERT(path != NULL);
    if (lstat(path, &there) == 0 && S_ISREG(there.st_mode)) {
        (void)unlink(path);
    }
    *file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (*file < 0) {
        return storage_status(errno);
    }
    enum status status = storage_prepare(*file);
    if (status != STATUS_OK) {
        block_storage_close(*file);
    }
    return status;
}

void block_storage_close(int file)
{
    ASSERT(file >= 0);
    (void)close(file); /* Derived data: nothing is lost by an error here. */
}

enum status block_storage_write(int file, uint64_t offset, const void *bytes, size_t count)
{
    size_t done = 0;
    ASSERT(file >= 0);
    while (done < count) {
        ssize_t written =
            pwrite(file, (const uint8_t *)bytes + done, count - done, (off_t)(offset + done));
        if (written < 0 && errno != EINTR) {
            return storage_status(errno);
        }
        done += written > 0 ? (size_t)written : 0;
    }
    return STATUS_OK;
}

enum status block_storage_read(int file, uint64_t offset, void *bytes, size_t count)
{
    size_t done = 0;
    ASSERT(file >= 0);
    while (done < count) {
        ssize_t got = pread(file, (uint8_t *)bytes + done, count - done, (off_t)(offset + done));
        if (got == 0) {
            return STATUS_DAMAGED; /* Cut off: this much had been written. */
        }
        if (got < 0 && errno != EINTR) {
            return STATUS_IO;
        }
        done += got > 0 ? (size_t)got : 0;
    }
    return STATUS_OK;
}
