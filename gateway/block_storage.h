/* The file below block_file.h: made empty, written at its end, read anywhere. Nothing is synced,
 * and nothing is known of what is in it. One thread. (The simulator has its own instead, in
 * memory.) */
#ifndef GATEWAY_BLOCK_STORAGE_H
#define GATEWAY_BLOCK_STORAGE_H

#include <stddef.h>
#include <stdint.h>

#include "matching/base/status.h"

/* Opens `path` empty, made when missing, mode 0600; a file that is there is not emptied but
 * replaced, since somebody may still read it. STATUS_BAD_ARGUMENT: there is something else than a
 * regular file. STATUS_NOT_FOUND, STATUS_DENIED, STATUS_NO_SPACE, STATUS_IO: as the system says;
 * then nothing is open. */
MUST_USE enum status block_storage_open(const char *path, int *file);
void block_storage_close(int file);

/* All of it, or STATUS_NO_SPACE, STATUS_DENIED, STATUS_IO. */
MUST_USE enum status block_storage_write(int file, uint64_t offset, const void *bytes,
                                         size_t count);
/* All of it, or STATUS_DAMAGED: the file ends before that. STATUS_IO: it cannot be read. */
MUST_USE enum status block_storage_read(int file, uint64_t offset, void *bytes, size_t count);

#endif
