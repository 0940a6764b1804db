#include "replication/store_head.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "matching/base/assertion.h"
#include "matching/base/bytes.h"

#define STORE_HEAD_MAGIC "cwhead 1"
#define STORE_HEAD_SLOTS 2u

static void store_head_store(uint8_t block[static JOURNAL_BLOCK_BYTES],
                             const struct store_head_facts *facts)
{
    ASSERT(facts->commit_number > 0);
    journal_block_init(block, STORE_HEAD_MAGIC);
    uint8_t *body = block + JOURNAL_BLOCK_BODY_AT;
    memcpy(body, facts->incarnation, WAL_KEY_BYTES);
    bytes_store_le64(body + 16, facts->commit_number);
    bytes_store_le64(body + 24, facts->frame_number);
    memcpy(body + 32, facts->frame_hash, WAL_HASH_BYTES);
    memcpy(body + 48, facts->digest, JOURNAL_BLOCK_HASH_BYTES);
    journal_block_seal(block);
}

static enum status store_head_load(struct store_head_facts *facts,
                                   const uint8_t block[static JOURNAL_BLOCK_BYTES])
{
    enum status status = journal_block_check(block, STORE_HEAD_MAGIC);
    if (status != STATUS_OK) {
        return status;
    }
    const uint8_t *body = block + JOURNAL_BLOCK_BODY_AT;
    memcpy(facts->incarnation, body, WAL_KEY_BYTES);
    facts->commit_number = bytes_load_le64(body + 16);
    facts->frame_number = bytes_load_le64(body + 24);
    memcpy(facts->frame_hash, body + 32, WAL_HASH_BYTES);
    memcpy(facts->digest, body + 48, JOURNAL_BLOCK_HASH_BYTES);
    return facts->commit_number > 0 ? STATUS_OK : STATUS_BAD_FORMAT;
}

enum status store_head_create(const char *path, const struct store_head_facts *facts,
                              struct journal_error *error)
{
    ASSERT(facts->commit_number == 1);
    uint8_t block[JOURNAL_BLOCK_BYTES];
    store_head_store(block, facts);
    enum status status =
        journal_file_create(path, block, 1, STORE_HEAD_SLOTS * JOURNAL_BLOCK_BYTES, error);
    if (status != STATUS_OK) {
        return status;
    }
    /* The first commit overwrites one slot: the other must be whole as well. */
    struct store_head head;
    struct store_head_facts found;
    status = store_head_open(&head, &found, path, true, error);
    if (status == STATUS_OK) {
        status = store_head_write(&head, facts, error);
        store_head_close(&head);
    }
    return status;
}

static enum status store_head_read(struct store_head *head, struct store_head_facts *facts,
                                   struct journal_error *error)
{
    *facts = (struct store_head_facts){0};
    for (uint32_t slot = 0; slot < STORE_HEAD_SLOTS; slot++) {
        uint8_t block[JOURNAL_BLOCK_BYTES];
        struct store_head_facts found;
        enum status status = journal_file_block(head->path, head->descriptor, slot, block, error);
        if (status != STATUS_OK) {
            return status == STATUS_SHORT ? STATUS_DAMAGED : status;
        }
        if (store_head_load(&found, block) == STATUS_OK &&
            found.commit_number > facts->commit_number) {
            *facts = found;
        }
    }
    if (facts->commit_number == 0) {
        journal_error_set(error,
                          "%s is damaged: neither of its slots is whole; the site must be rebuilt "
                          "from its peers",
                          head->path);
        return STATUS_DAMAGED;
    }
    return STATUS_OK;
}

enum status store_head_open(struct store_head *head, struct store_head_facts *facts,
                            const char *path, bool writable, struct journal_error *error)
{
    ASSERT(strlen(path) < JOURNAL_PATH_BYTES);
    memset(head, 0, sizeof *head);
    memcpy(head->path, path, strlen(path));
    head->descriptor = open(path, (writable ? O_RDWR | O_DSYNC : O_RDONLY) | O_CLOEXEC);
    if (head->descriptor < 0) {
        return journal_file_failed(error, "open", path, errno);
    }
    enum status status = store_head_read(head, facts, error);
    if (status != STATUS_OK) {
        store_head_close(head);
    }
    return status;
}

enum status store_head_write(struct store_head *head, const struct store_head_facts *facts,
                             struct journal_error *error)
{
    ASSERT(head->descriptor >= 0);
    uint8_t block[JOURNAL_BLOCK_BYTES];
    store_head_store(block, facts);
    off_t offset = (off_t)(facts->commit_number % STORE_HEAD_SLOTS * JOURNAL_BLOCK_BYTES);
    ssize_t result;
    do {
        result = pwrite(head->descriptor, block, sizeof block, offset);
    } while (result < 0 && errno == EINTR);
    if (result != (ssize_t)sizeof block) {
        return journal_file_failed(error, "write", head->path, result < 0 ? errno : ENOSPC);
    }
    return STATUS_OK;
}

void store_head_close(struct store_head *head)
{
    if (head->descriptor >= 0) {
        (void)close(head->descriptor);
    }
    head->descriptor = -1;
}

enum status store_head_compare(const struct store_head *head, const struct store_head_facts *facts,
                               const struct store_head_facts *store, struct journal_error *error)
{
    ASSERT(facts->commit_number > 0);
    if (memcmp(facts->incarnation, store->incarnation, WAL_KEY_BYTES) != 0) {
        journal_error_set(error,
                          "%s belongs to another journal than the store beside it; put back the "
                          "one that was there; where it is lost, the site joins as a new one",
                          head->path);
        return STATUS_FOREIGN;
    }
    if (store->commit_number < facts->commit_number) {
        journal_error_set(error,
                          "the store lost commits that were durable: it stands at commit %" PRIu64
                          " (frame %" PRIu64 "), %s says %" PRIu64 " (frame %" PRIu64
                          "); the site must be rebuilt from its peers",
                          store->commit_number, store->frame_number, head->path,
                          facts->commit_number, facts->frame_number);
        return STATUS_DAMAGED;
    }
    /* One commit ahead after a stop between commit and head pointer, two when that torn slot is
     * unreadable as well. */
    if (store->commit_number > facts->commit_number + STORE_HEAD_SLOTS) {
        journal_error_set(error,
                          "%s says commit %" PRIu64 ", the store stands at %" PRIu64
                          ": it is an old copy or damaged; the site must be rebuilt from its peers",
                          head->path, facts->commit_number, store->commit_number);
        return STATUS_DAMAGED;
    }
    if (store->commit_number == facts->commit_number &&
        (store->frame_number != facts->frame_number ||
         memcmp(store->frame_hash, facts->frame_hash, WAL_HASH_BYTES) != 0 ||
         memcmp(store->digest, facts->digest, JOURNAL_BLOCK_HASH_BYTES) != 0)) {
        journal_error_set(error,
                          "the store's records at commit %" PRIu64
                          " differ from what %s remembers of them; the site must be rebuilt from "
                          "its peers",
                          store->commit_number, head->path);
        return STATUS_DAMAGED;
    }
    return STATUS_OK;
}
