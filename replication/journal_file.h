/* Small steps on files that creating and opening a journal share: each durable when it returns,
 * each error a status and a sentence for the operator. Blocking; start-up only. */
#ifndef REPLICATION_JOURNAL_FILE_H
#define REPLICATION_JOURNAL_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "matching/base/status.h"
#include "replication/journal_block.h"
#include "replication/journal_error.h"

#define JOURNAL_PATH_BYTES 640u

/* What an errno means for the journal: STATUS_NO_SPACE, STATUS_DENIED, STATUS_NOT_FOUND,
 * STATUS_EXISTS or STATUS_IO. */
enum status journal_file_status(int error_number);
/* The same, with the sentence "cannot ACTION PATH: why; what to do". */
enum status journal_file_failed(struct journal_error *error, const char *action, const char *path,
                                int error_number);

/* "DIRECTORY/NAME" into `path`: STATUS_BAD_ARGUMENT when it is too long. */
MUST_USE enum status journal_file_path(char path[static JOURNAL_PATH_BYTES], const char *directory,
                                       const char *name, struct journal_error *error);

/* STATUS_DENIED when the directory lies on a file system that lives in memory; STATUS_NOT_FOUND
 * and others when it cannot be looked at. */
MUST_USE enum status journal_file_durable(const char *directory, struct journal_error *error);

bool journal_file_exists(const char *path);

/* Create PATH anew with `blocks` 4 KiB blocks at its start and zeros, really written, up to
 * `file_bytes`; synced. STATUS_EXISTS is never returned: what stands there is replaced. */
MUST_USE enum status journal_file_create(const char *path, const uint8_t *blocks,
                                         uint32_t block_count, uint64_t file_bytes,
                                         struct journal_error *error);

/* Read block `block_index`. STATUS_SHORT when the file ends before. */
MUST_USE enum status journal_file_block(const char *path, int descriptor, uint32_t block_index,
                                        uint8_t block[static JOURNAL_BLOCK_BYTES],
                                        struct journal_error *error);

/* Sync a directory: names in it are durable. */
MUST_USE enum status journal_file_sync_directory(const char *directory,
                                                 struct journal_error *error);

#endif
