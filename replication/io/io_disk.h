/* Files for both kernel backends: opening and the blocking calls that recovery uses. */
#ifndef REPLICATION_IO_IO_DISK_H
#define REPLICATION_IO_IO_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "matching/base/status.h"

#define IO_DISK_ALIGNMENT_BYTES 4096u

/* Open an existing file for reading and writing; `direct` adds O_DIRECT|O_DSYNC.
 * STATUS_NOT_FOUND, STATUS_DENIED, STATUS_BAD_ARGUMENT (a directory, or a file system without
 * O_DIRECT), STATUS_FULL (no descriptor), STATUS_IO. */
MUST_USE enum status io_disk_open(const char *path, bool direct, int *fd);

/* Whether these may be used on a file opened with `direct`. */
bool io_disk_is_aligned(const void *memory, uint32_t bytes, uint64_t offset);

/* All of the bytes. STATUS_SHORT when the file ends before; then what is in `target` is not to be
 * used. STATUS_IO. */
MUST_USE enum status io_disk_read(int fd, void *target, uint32_t target_bytes, uint64_t offset);
/* All of the bytes. STATUS_NO_SPACE: disk, quota or size limit; STATUS_IO. */
MUST_USE enum status io_disk_write(int fd, const void *data, uint32_t data_bytes, uint64_t offset);

/* The same loop as an errno: 0 when all bytes are written, else -errno. */
MUST_USE int io_disk_write_result(int fd, const void *data, uint32_t data_bytes, uint64_t offset);

#endif
