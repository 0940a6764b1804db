#include "gateway/site_evidence.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "gateway/config.h"
#include "gateway/log.h"
#include "gateway/site_files.h"
#include "matching/base/assertion.h"
#include "replication/journal_file.h"

#define EVIDENCE_PATH_BYTES  (CONFIG_PATH_BYTES + SITE_EVIDENCE_NAME_BYTES + 32u)
#define EVIDENCE_PREFIX      "shard-"
#define EVIDENCE_SUFFIX      ".segments"
#define EVIDENCE_CHAIN_BYTES 8u
#define EVIDENCE_BLOCK_BYTES 4096u
#define EVIDENCE_RESERVE_MAX (UINT64_C(64) << 20)

/* ---- Names ---- */

void site_evidence_name(char name[static SITE_EVIDENCE_NAME_BYTES], uint64_t first_log_index,
                        const struct segment *last)
{
    ASSERT(first_log_index >= 1);
    ASSERT(first_log_index <= last->log_index);
    char chain[2 * EVIDENCE_CHAIN_BYTES + 1];
    (void)sodium_bin2hex(chain, sizeof chain, last->chain_hash, EVIDENCE_CHAIN_BYTES);
    (void)snprintf(name, SITE_EVIDENCE_NAME_BYTES,
                   EVIDENCE_PREFIX "%u-index-%llu-%llu-term-%llu-%s" EVIDENCE_SUFFIX,
                   last->shard_id, (unsigned long long)first_log_index,
                   (unsigned long long)last->log_index, (unsigned long long)last->term, chain);
}

bool site_evidence_is_named(const char *name)
{
    size_t length = strlen(name);
    size_t suffix = strlen(EVIDENCE_SUFFIX);
    return strncmp(name, EVIDENCE_PREFIX, strlen(EVIDENCE_PREFIX)) == 0 && length > suffix &&
           strcmp(name + length - suffix, EVIDENCE_SUFFIX) == 0;
}

static void evidence_directory(const struct site_evidence *evidence,
                               char path[static EVIDENCE_PATH_BYTES])
{
    ASSERT(evidence->data != NULL);
    (void)snprintf(path, EVIDENCE_PATH_BYTES, "%s/" SITE_EVIDENCE_DIRECTORY, evidence->data);
}

static void evidence_new_path(const struct site_evidence *evidence,
                              char path[static EVIDENCE_PATH_BYTES])
{
    (void)snprintf(path, EVIDENCE_PATH_BYTES, "%s/" SITE_EVIDENCE_DIRECTORY "/new-shard-%u",
                   evidence->data, evidence->shard_id);
}

/* ---- What is there ---- */

enum status site_evidence_open(struct site_evidence *evidence, const char *data)
{
    *evidence = (struct site_evidence){.data = data};
    char path[EVIDENCE_PATH_BYTES];
    evidence_directory(evidence, path);
    DIR *directory = opendir(path);
    if (directory == NULL && errno == ENOENT) {
        return STATUS_OK;
    }
    if (directory == NULL) {
        return journal_file_failed(&evidence->error, "read the directory", path, errno);
    }
    for (const struct dirent *entry = readdir(directory); entry != NULL;
         entry = readdir(directory)) {
        struct stat found;
        if (site_evidence_is_named(entry->d_name) &&
            fstatat(dirfd(directory), entry->d_name, &found, 0) == 0) {
            evidence->files++;
            evidence->bytes += (uint64_t)found.st_size;
        }
    }
    (void)closedir(directory);
    return STATUS_OK;
}

/* ---- Keeping ---- */

/* Nothing of this file counts. What it has taken of a full disk is given back. */
static void evidence_drop(struct site_evidence *evidence)
{
    if (evidence->writing) {
        (void)!ftruncate(evidence->file, 0);
        (void)close(evidence->file);
        evidence->writing = false;
    }
}

static enum status evidence_failed(struct site_evidence *evidence, const char *action,
                                   const char *path, int error_number)
{
    enum status status = journal_file_failed(&evidence->error, action, path, error_number);
    evidence_drop(evidence);
    bool *waits = &evidence->waits[evidence->shard_id - 1];
    if (status == STATUS_NO_SPACE && !*waits) {
        log_line(LOG_LEVEL_ERROR, "evidence-waits",
                 "shard=%u file=\"%s\" text=\"there is no room to keep a tail that was never "
                 "committed: it stays in the journal, and this shard neither votes nor follows "
                 "until there is; make room\"",
                 evidence->shard_id, path);
    }
    *waits = status == STATUS_NO_SPACE;
    return status;
}

/* What is free for whoever is not the superuser. Where that cannot be asked, the writing tells. */
static uint64_t evidence_free_bytes(const struct site_evidence *evidence)
{
    struct statvfs disk;
    return statvfs(evidence->data, &disk) == 0 ? (uint64_t)disk.f_bavail * disk.f_frsize
                                               : UINT64_MAX;
}

/* Whether `bytes` can be added, and the reserve is left. */
static bool evidence_has_room(const struct site_evidence *evidence, uint64_t bytes)
{
    uint64_t free_bytes = evidence_free_bytes(evidence);
    ASSERT(evidence->reserve_bytes <= EVIDENCE_RESERVE_MAX);
    return free_bytes >= evidence->reserve_bytes && free_bytes - evidence->reserve_bytes >= bytes;
}

/* What a file takes at least that has had no room for one more segment: file systems count in
 * blocks and need some for themselves. */
static uint64_t evidence_wanted(const struct site_evidence *evidence, size_t segment_bytes)
{
    uint64_t bytes = evidence->written_bytes + segment_bytes;
    return bytes + bytes / 16 + EVIDENCE_BLOCK_BYTES;
}

static enum status evidence_begin(struct site_evidence *evidence, uint16_t shard_id,
                                  uint64_t log_index)
{
    char path[EVIDENCE_PATH_BYTES];
    uint64_t tenth = evidence_free_bytes(evidence) / 10;
    evidence->reserve_bytes = tenth < EVIDENCE_RESERVE_MAX ? tenth : EVIDENCE_RESERVE_MAX;
    evidence->shard_id = shard_id;
    evidence->first_log_index = log_index;
    evidence->segments = evidence->commands = evidence->written_bytes = 0;
    evidence_directory(evidence, path);
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        return evidence_failed(evidence, "make the directory", path, errno);
    }
    evidence_new_path(evidence, path);
    if (!evidence_has_room(evidence, evidence->wanted_bytes[shard_id - 1])) {
        return evidence_failed(evidence, "write", path, ENOSPC);
    }
    evidence->file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (evidence->file < 0) {
        return evidence_failed(evidence, "make", path, errno);
    }
    evidence->writing = true;
    return STATUS_OK;
}

/* 0, or why not all of it could be written. */
static int evidence_write(int file, const uint8_t *source, size_t bytes)
{
    size_t done = 0;
    while (done < bytes) {
        ssize_t written = write(file, source + done, bytes - done);
        if (written < 0 && errno != EINTR) {
            return errno;
        }
        done += written > 0 ? (size_t)written : 0;
    }
    return 0;
}

enum status site_evidence_add(struct site_evidence *evidence, uint16_t shard_id,
                              const uint8_t *segment, size_t segment_bytes)
{
    ASSERT(shard_id >= 1 && shard_id <= SHARDS_MAX);
    ASSERT(segment != NULL);
    struct segment opened;
    if (evidence->shard_id != shard_id) { /* That shard has failed in the middle of its cut. */
        evidence_drop(evidence);
    }
    if (segment_open(&opened, segment, segment_bytes) != STATUS_OK || opened.shard_id != shard_id) {
        journal_error_set(&evidence->error,
                          "what is to be kept as evidence is no segment of "
                          "shard %u",
                          shard_id);
        evidence_drop(evidence);
        return STATUS_BAD_FORMAT;
    }
    if (!evidence->writing) {
        enum status status = evidence_begin(evidence, shard_id, opened.log_index);
        if (status != STATUS_OK) {
            return status;
        }
    }
    int error_number = evidence_has_room(evidence, segment_bytes)
                           ? evidence_write(evidence->file, segment, segment_bytes)
                           : ENOSPC;
    if (error_number != 0) {
        char path[EVIDENCE_PATH_BYTES];
        evidence->wanted_bytes[shard_id - 1] = evidence_wanted(evidence, segment_bytes);
        evidence_new_path(evidence, path);
        return evidence_failed(evidence, "write", path, error_number);
    }
    evidence->segments++;
    evidence->commands += opened.command_count;
    evidence->written_bytes += segment_bytes;
    evidence->last = opened;
    evidence->last.payload = NULL;
    return STATUS_OK;
}

static void evidence_kept(struct site_evidence *evidence, const char *path, bool again)
{
    if (!again) { /* Else it was kept before, and the cut was lost with the power. */
        evidence->files++;
        evidence->bytes += evidence->written_bytes;
    }
    evidence->waits[evidence->shard_id - 1] = false;
    evidence->wanted_bytes[evidence->shard_id - 1] = 0;
    evidence->error = (struct journal_error){""}; /* What was wrong is right again. */
    log_line(LOG_LEVEL_WARN, "tail-dropped",
             "shard=%u log_index=%llu to_log_index=%llu term=%llu segments=%llu commands=%llu "
             "evidence=\"%s\"",
             evidence->shard_id, (unsigned long long)evidence->first_log_index,
             (unsigned long long)evidence->last.log_index, (unsigned long long)evidence->last.term,
             (unsigned long long)evidence->segments, (unsigned long long)evidence->commands, path);
}

enum status site_evidence_end(struct site_evidence *evidence, uint16_t shard_id)
{
    char new_path[EVIDENCE_PATH_BYTES];
    char directory[EVIDENCE_PATH_BYTES];
    char path[EVIDENCE_PATH_BYTES + SITE_EVIDENCE_NAME_BYTES];
    char name[SITE_EVIDENCE_NAME_BYTES];
    if (evidence->shard_id != shard_id) {
        evidence_drop(evidence);
    }
    if (!evidence->writing) {
        return STATUS_OK;
    }
    ASSERT(evidence->segments > 0);
    evidence_new_path(evidence, new_path);
    evidence_directory(evidence, directory);
    site_evidence_name(name, evidence->first_log_index, &evidence->last);
    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    if (fsync(evidence->file) != 0) {
        return evidence_failed(evidence, "sync", new_path, errno);
    }
    evidence->writing = false;
    bool again = access(path, F_OK) == 0;
    if (close(evidence->file) != 0 || rename(new_path, path) != 0) {
        return evidence_failed(evidence, "name", path, errno);
    }
    enum status status = journal_file_sync_directory(directory, &evidence->error);
    if (status == STATUS_OK) { /* The directory itself may be as new. */
        status = journal_file_sync_directory(evidence->data, &evidence->error);
    }
    if (status == STATUS_OK) {
        evidence_kept(evidence, path, again);
    }
    return status;
}
