/* Birth of a journal: declared in journal.h. Every file is made under a temporary name, synced and
 * renamed; journal.id comes last, so a directory with it has a whole journal. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "matching/base/assertion.h"
#include "replication/journal.h"
#include "replication/journal_file.h"
#include "replication/journal_id.h"
#include "replication/store_env.h"
#include "replication/store_head.h"
#include "replication/wal.h"

#define JOURNAL_CREATE_FILES  4u
#define JOURNAL_CREATE_SUFFIX ".new"

/* In the order of renaming. */
static const char *const journal_create_names[JOURNAL_CREATE_FILES] = {WAL_NAME, STORE_ENV_NAME,
                                                                       STORE_HEAD_NAME,
                                                                       JOURNAL_ID_NAME};

static enum status journal_create_check(const struct journal_options *options,
                                        struct journal_error *error)
{
    ASSERT(options->directory != NULL);
    if (options->wal_bytes < WAL_BYTES_MIN || options->wal_bytes > WAL_BYTES_MAX ||
        options->wal_bytes % WAL_ALIGNMENT_BYTES != 0) {
        journal_error_set(error,
                          "wal_bytes is %" PRIu64 "; it must be a multiple of %u from %" PRIu64
                          " to %" PRIu64,
                          options->wal_bytes, WAL_ALIGNMENT_BYTES, WAL_BYTES_MIN, WAL_BYTES_MAX);
        return STATUS_BAD_ARGUMENT;
    }
    if (options->store_bytes < STORE_BYTES_MIN || options->store_bytes % WAL_ALIGNMENT_BYTES != 0) {
        journal_error_set(error,
                          "store_bytes is %" PRIu64 "; it must be a multiple of %u, at least "
                          "%" PRIu64,
                          options->store_bytes, WAL_ALIGNMENT_BYTES, STORE_BYTES_MIN);
        return STATUS_BAD_ARGUMENT;
    }
    if (options->site[0] == 0 || options->site[JOURNAL_SITE_BYTES - 1] != 0) {
        journal_error_set(error, "the site's name must have 1 to %u characters",
                          JOURNAL_SITE_BYTES - 1);
        return STATUS_BAD_ARGUMENT;
    }
    return journal_file_durable(options->directory, error);
}

/* Nothing of a journal may be there, also not without its journal.id: it could be one that has only
 * lost this file. */
static enum status journal_create_absent(const char *directory, struct journal_error *error)
{
    for (uint32_t i = JOURNAL_CREATE_FILES; i-- > 0;) {
        char path[JOURNAL_PATH_BYTES];
        enum status status = journal_file_path(path, directory, journal_create_names[i], error);
        if (status != STATUS_OK) {
            return status;
        }
        if (journal_file_exists(path)) {
            journal_error_set(
                error,
                "%s is there already: this directory holds a journal or parts of one; "
                "use another directory, or move it away if it is not needed",
                path);
            return STATUS_EXISTS;
        }
    }
    return STATUS_OK;
}

static enum status journal_create_temporary(char path[static JOURNAL_PATH_BYTES],
                                            const char *directory, uint32_t index,
                                            struct journal_error *error)
{
    char name[32];
    ASSERT(index < JOURNAL_CREATE_FILES);
    int length =
        snprintf(name, sizeof name, "%s" JOURNAL_CREATE_SUFFIX, journal_create_names[index]);
    ASSERT(length > 0 && (size_t)length < sizeof name);
    return journal_file_path(path, directory, name, error);
}

static enum status journal_create_file(uint32_t index, const char *path,
                                       const struct journal_id *id, struct journal_error *error)
{
    struct store_facts facts;
    store_facts_init(&facts, id->incarnation);
    if (index == 0) {
        return wal_create(path, id->incarnation, id->wal_bytes, error);
    }
    if (index == 1) {
        if (unlink(path) != 0 && errno != ENOENT) {
            return journal_file_failed(error, "replace", path, errno);
        }
        return store_env_create(path, id->store_bytes, id->wal_bytes - WAL_HEADER_BYTES, &facts,
                                error);
    }
    if (index == 2) {
        struct store_head_facts head;
        store_facts_head(&facts, &head);
        return store_head_create(path, &head, error);
    }
    ASSERT(index == 3);
    return journal_id_create(path, id, error);
}

/* The name with which a file counts. journal.id counts only after all others are known by theirs.
 */
static enum status journal_create_rename(const char *directory, uint32_t index,
                                         struct journal_error *error)
{
    char from[JOURNAL_PATH_BYTES];
    char to[JOURNAL_PATH_BYTES];
    enum status status = journal_create_temporary(from, directory, index, error);
    if (status == STATUS_OK) {
        status = journal_file_path(to, directory, journal_create_names[index], error);
    }
    if (status == STATUS_OK && index + 1 == JOURNAL_CREATE_FILES) {
        status = journal_file_sync_directory(directory, error);
    }
    if (status != STATUS_OK) {
        return status;
    }
    return rename(from, to) == 0 ? STATUS_OK : journal_file_failed(error, "rename", from, errno);
}

static enum status journal_create_files(const char *directory, const struct journal_id *id,
                                        struct journal_error *error)
{
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i < JOURNAL_CREATE_FILES && status == STATUS_OK; i++) {
        char path[JOURNAL_PATH_BYTES];
        status = journal_create_temporary(path, directory, i, error);
        if (status == STATUS_OK) {
            status = journal_create_file(i, path, id, error);
        }
    }
    for (uint32_t i = 0; i < JOURNAL_CREATE_FILES && status == STATUS_OK; i++) {
        status = journal_create_rename(directory, i, error);
    }
    return status == STATUS_OK ? journal_file_sync_directory(directory, error) : status;
}

static void journal_create_clean(const char *directory, struct journal_error *error)
{
    struct journal_error ignored;
    for (uint32_t i = 0; i < JOURNAL_CREATE_FILES; i++) {
        char path[JOURNAL_PATH_BYTES];
        if (journal_create_temporary(path, directory, i, &ignored) == STATUS_OK) {
            (void)unlink(path); /* What is left over is replaced by the next attempt. */
        }
    }
    ASSERT(error->text[0] != 0);
}

enum status journal_create(const struct journal_options *options, char *error, size_t error_bytes)
{
    ASSERT(error != NULL);
    ASSERT(error_bytes > 0);
    struct journal_error sentence = {{0}};
    struct journal_id id = {.cluster_id = options->cluster_id,
                            .wal_bytes = options->wal_bytes,
                            .store_bytes = options->store_bytes};
    int descriptor = -1;
    enum status status = journal_create_check(options, &sentence);
    if (status == STATUS_OK) {
        memcpy(id.site, options->site, strlen(options->site));
        randombytes_buf(id.incarnation, sizeof id.incarnation);
        descriptor = open(options->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (descriptor < 0) {
            status = journal_file_failed(&sentence, "open the data directory", options->directory,
                                         errno);
        } else if (flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
            journal_error_set(&sentence, "another process is making a journal in %s",
                              options->directory);
            status = STATUS_IN_USE;
        }
    }
    if (status == STATUS_OK) {
        status = journal_create_absent(options->directory, &sentence);
    }
    if (status == STATUS_OK) {
        status = journal_create_files(options->directory, &id, &sentence);
        if (status != STATUS_OK) {
            journal_create_clean(options->directory, &sentence);
        }
    }
    if (descriptor >= 0) {
        (void)close(descriptor);
    }
    (void)snprintf(error, error_bytes, "%s", sentence.text);
    return status;
}
