#include "replication/journal_id.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "matching/base/assertion.h"
#include "matching/base/bytes.h"
#include "matching/base/limits.h"

#define JOURNAL_ID_MAGIC "cwjid  1"

void journal_id_store(uint8_t block[static JOURNAL_BLOCK_BYTES], const struct journal_id *id)
{
    ASSERT(id->wal_bytes >= WAL_BYTES_MIN);
    ASSERT(id->site[0] != 0);
    ASSERT(id->site[JOURNAL_SITE_BYTES - 1] == 0);

    journal_block_init(block, JOURNAL_ID_MAGIC);
    uint8_t *body = block + JOURNAL_BLOCK_BODY_AT;
    memcpy(body, id->incarnation, JOURNAL_INCARNATION_BYTES);
    bytes_store_le64(body + 16, id->cluster_id);
    memcpy(body + 24, id->site, strlen(id->site));
    bytes_store_le64(body + 56, id->wal_bytes);
    bytes_store_le64(body + 64, id->store_bytes);
    journal_block_seal(block);
}

enum status journal_id_load(struct journal_id *id, const uint8_t block[static JOURNAL_BLOCK_BYTES])
{
    enum status status = journal_block_check(block, JOURNAL_ID_MAGIC);
    if (status != STATUS_OK) {
        return status;
    }
    const uint8_t *body = block + JOURNAL_BLOCK_BODY_AT;
    memcpy(id->incarnation, body, JOURNAL_INCARNATION_BYTES);
    id->cluster_id = bytes_load_le64(body + 16);
    memcpy(id->site, body + 24, JOURNAL_SITE_BYTES);
    id->wal_bytes = bytes_load_le64(body + 56);
    id->store_bytes = bytes_load_le64(body + 64);
    if (id->site[JOURNAL_SITE_BYTES - 1] != 0 || id->wal_bytes < WAL_BYTES_MIN ||
        id->wal_bytes > WAL_BYTES_MAX || id->wal_bytes % WAL_ALIGNMENT_BYTES != 0) {
        return STATUS_BAD_FORMAT;
    }
    return STATUS_OK;
}

enum status journal_id_create(const char *path, const struct journal_id *id,
                              struct journal_error *error)
{
    uint8_t block[JOURNAL_BLOCK_BYTES];
    journal_id_store(block, id);
    return journal_file_create(path, block, 1, sizeof block, error);
}

static enum status journal_id_read(struct journal_id *id, int descriptor, const char *path,
                                   struct journal_error *error)
{
    uint8_t block[JOURNAL_BLOCK_BYTES];
    enum status status = journal_file_block(path, descriptor, 0, block, error);
    if (status == STATUS_SHORT) {
        return STATUS_DAMAGED;
    }
    if (status != STATUS_OK) {
        return status;
    }
    status = journal_id_load(id, block);
    if (status == STATUS_BAD_VERSION) {
        journal_error_set(
            error,
            "%s is of a version that this program does not speak; use the program that wrote it",
            path);
        return status;
    }
    if (status != STATUS_OK) {
        journal_error_set(error, "%s is damaged (%s): the site must be rebuilt from its peers",
                          path, status_text(status));
        return STATUS_DAMAGED;
    }
    return STATUS_OK;
}

enum status journal_id_open(struct journal_id *id, int *descriptor, const char *directory,
                            bool exclusive, struct journal_error *error)
{
    ASSERT(directory != NULL);
    *descriptor = -1;
    char path[JOURNAL_PATH_BYTES];
    enum status status = journal_file_path(path, directory, JOURNAL_ID_NAME, error);
    if (status != STATUS_OK) {
        return status;
    }
    int found = open(path, O_RDONLY | O_CLOEXEC);
    if (found < 0 && errno == ENOENT) {
        journal_error_set(error,
                          "there is no journal in %s; `causeway init` or `causeway site add` makes "
                          "one, and a site that lost its journal must join as a new one",
                          directory);
        return STATUS_NOT_FOUND;
    }
    if (found < 0) {
        return journal_file_failed(error, "open", path, errno);
    }
    if (flock(found, (exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK) {
            journal_error_set(error, "another process has the journal in %s; stop it first",
                              directory);
            status = STATUS_IN_USE;
        } else {
            status = journal_file_failed(error, "lock", path, errno);
        }
        (void)close(found);
        return status;
    }
    status = journal_id_read(id, found, path, error);
    if (status != STATUS_OK) {
        (void)close(found);
        return status;
    }
    *descriptor = found;
    return STATUS_OK;
}
