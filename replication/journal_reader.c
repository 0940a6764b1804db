#include "replication/journal_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "matching/base/assertion.h"
#include "replication/journal_id.h"
#include "replication/journal_recovery.h"
#include "replication/placement_record.h"
#include "replication/store_env.h"
#include "replication/store_head.h"
#include "replication/wal.h"

struct journal_reader {
    struct journal_recovery_options options;
    struct segment_verifier verifiers[JOURNAL_READER_KEYS_MAX];
    struct journal_id id;
    int lock;
    struct store_env env;
    struct store_facts facts;
    MDB_txn *txn;
    MDB_cursor *cursor; /* In the shard's segments, while there are any. */
    uint32_t shard_index;
    struct journal_tail tails[SHARDS_MAX]; /* As far as has been read. */
    struct wal_image image;
    char ring_path[JOURNAL_PATH_BYTES];
    uint8_t *map; /* The ring's whole file. */
    bool in_ring;
    struct journal_recovery recovery;
};

/* When there are too many the oldest goes. */
static void journal_reader_trust(struct journal_reader *reader,
                                 const struct segment_verifier *verifier)
{
    uint32_t count = reader->options.verifier_count;
    ASSERT(count <= JOURNAL_READER_KEYS_MAX);
    for (uint32_t at = 0; at < count; at++) {
        if (memcmp(&reader->verifiers[at], verifier, sizeof *verifier) == 0) {
            return;
        }
    }
    if (count == JOURNAL_READER_KEYS_MAX) {
        memmove(reader->verifiers, reader->verifiers + 1, (count - 1) * sizeof *verifier);
        count--;
    }
    reader->verifiers[count] = *verifier;
    reader->options.verifier_count = count + 1;
    reader->recovery.options.verifier_count = count + 1;
}

/* What the members of a placement sign from here on counts. */
static void journal_reader_placed(struct journal_reader *reader, const struct segment *segment)
{
    struct placement_record record;
    if ((segment->flags & SEGMENT_PLACEMENT) == 0 ||
        placement_record_load(&record, segment->payload, segment->stored_bytes) != STATUS_OK) {
        return; /* One that cannot be read vouches for nobody. */
    }
    for (uint32_t at = 0; at < SITES_MAX; at++) {
        const struct placement_site *site = &record.placement.sites[at];
        if (site->role != PLACEMENT_ABSENT) {
            struct segment_verifier verifier;
            segment_key_id(verifier.key_id, site->public_key);
            memcpy(verifier.public_key, site->public_key, sizeof verifier.public_key);
            journal_reader_trust(reader, &verifier);
        }
    }
}

/* Map the ring's file, as long as journal.id says it is. */
static enum status journal_reader_ring(struct journal_reader *reader, const char *directory,
                                       struct journal_error *error)
{
    enum status status = journal_file_path(reader->ring_path, directory, WAL_NAME, error);
    if (status != STATUS_OK) {
        return status;
    }
    int fd = open(reader->ring_path, O_RDONLY | O_CLOEXEC);
    struct stat found;
    if (fd < 0 || fstat(fd, &found) != 0) {
        status = journal_file_failed(error, "open", reader->ring_path, errno);
        if (fd >= 0) {
            (void)close(fd);
        }
        return status;
    }
    if ((uint64_t)found.st_size != reader->id.wal_bytes) {
        journal_error_set(error, "%s has %lld bytes, and should have %" PRIu64 ": it is cut off",
                          reader->ring_path, (long long)found.st_size, reader->id.wal_bytes);
        (void)close(fd);
        return STATUS_DAMAGED;
    }
    void *map = mmap(NULL, reader->id.wal_bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    (void)close(fd);
    if (map == MAP_FAILED) {
        journal_error_set(error, "no memory to read %s", reader->ring_path);
        return STATUS_FULL;
    }
    reader->map = map;
    reader->image.ring = reader->map + WAL_HEADER_BYTES;
    reader->image.ring_bytes = reader->id.wal_bytes - WAL_HEADER_BYTES;
    memcpy(reader->image.key, reader->id.incarnation, WAL_KEY_BYTES);
    return STATUS_OK;
}

/* The head pointer must not be ahead of what the store says. */
static enum status journal_reader_head(struct journal_reader *reader, const char *directory,
                                       struct journal_error *error)
{
    char path[JOURNAL_PATH_BYTES];
    struct store_head head;
    struct store_head_facts kept;
    struct store_head_facts own;
    enum status status = journal_file_path(path, directory, STORE_HEAD_NAME, error);
    if (status == STATUS_OK) {
        status = store_head_open(&head, &kept, path, false, error);
    }
    if (status == STATUS_OK) {
        store_facts_head(&reader->facts, &own);
        status = store_head_compare(&head, &kept, &own, error);
        store_head_close(&head);
    }
    return status;
}

static enum status journal_reader_store(struct journal_reader *reader, const char *directory,
                                        struct journal_error *error)
{
    char path[JOURNAL_PATH_BYTES];
    enum status status = journal_file_path(path, directory, STORE_ENV_NAME, error);
    if (status == STATUS_OK) {
        status = store_env_open(&reader->env, path, reader->id.store_bytes, true, error);
    }
    if (status != STATUS_OK) {
        return status;
    }
    int result = mdb_txn_begin(reader->env.env, NULL, MDB_RDONLY, &reader->txn);
    if (result != 0) {
        return store_env_failed(&reader->env, "read", result, error);
    }
    status = store_env_facts_load(&reader->env, reader->txn, &reader->facts, error);
    if (status != STATUS_OK) {
        return status;
    }
    for (uint32_t i = 0; i < SHARDS_MAX; i++) {
        reader->tails[i] = reader->facts.states[i].base;
    }
    return journal_reader_head(reader, directory, error);
}

enum status journal_reader_open(struct journal_reader **reader,
                                const struct journal_reader_options *options,
                                struct journal_error *error)
{
    ASSERT(options->directory != NULL);
    *reader = NULL;
    struct journal_reader *made = calloc(1, sizeof *made);
    if (made == NULL) {
        journal_error_set(error, "no memory for a reader");
        return STATUS_FULL;
    }
    enum status status = journal_id_open(&made->id, &made->lock, options->directory, false, error);
    if (status == STATUS_OK && made->id.cluster_id != options->cluster_id) {
        journal_error_set(error, "the journal in %s, of site %s, is that of another cluster",
                          options->directory, made->id.site);
        status = STATUS_FOREIGN;
    }
    if (status == STATUS_OK) {
        status = journal_reader_ring(made, options->directory, error);
    }
    if (status == STATUS_OK) {
        status = journal_reader_store(made, options->directory, error);
    }
    if (status != STATUS_OK) {
        journal_reader_close(made);
        return status;
    }
    made->options = (struct journal_recovery_options){.image = &made->image,
                                                      .path = made->ring_path,
                                                      .cluster_id = options->cluster_id,
                                                      .verifiers = made->verifiers};
    for (uint32_t at = 0; at < options->verifier_count; at++) {
        journal_reader_trust(made, &options->verifiers[at]);
    }
    *reader = made;
    return STATUS_OK;
}

void journal_reader_close(struct journal_reader *reader)
{
    if (reader->cursor != NULL) {
        mdb_cursor_close(reader->cursor);
    }
    if (reader->txn != NULL) {
        mdb_txn_abort(reader->txn);
    }
    store_env_close(&reader->env);
    if (reader->map != NULL) {
        (void)munmap(reader->map, reader->id.wal_bytes);
    }
    if (reader->lock >= 0) {
        (void)close(reader->lock);
    }
    free(reader);
}

const char *journal_reader_site(const struct journal_reader *reader)
{
    return reader->id.site;
}

uint64_t journal_reader_stored(const struct journal_reader *reader)
{
    uint64_t segments = 0;
    for (uint32_t i = 0; i < SHARDS_MAX; i++) {
        const struct journal_tail *tail = &reader->facts.states[i].tail;
        segments += tail->last_log_index + 1 - tail->first_log_index;
    }
    return segments;
}

const struct journal_tail *journal_reader_tail(const struct journal_reader *reader,
                                               uint16_t shard_id)
{
    ASSERT(shard_id >= 1);
    ASSERT(shard_id <= SHARDS_MAX);
    return &reader->tails[shard_id - 1];
}

/* Where the oldest segments were trimmed nothing is left to check the first one's links against: it
 * says itself what it continues, signed, and all that follows must continue it. */
static void journal_reader_begin(struct journal_tail *tail, const struct segment *segment)
{
    ASSERT(segment->log_index > tail->last_log_index + 1);
    tail->first_log_index = segment->log_index;
    tail->last_log_index = segment->log_index - 1;
    tail->last_term = segment->term;
    memcpy(tail->last_chain_hash, segment->previous_chain_hash, SEGMENT_HASH_BYTES);
    tail->next_command_sequence = segment->first_command_sequence;
}

/* Verify one entry of the store, the shard's `first` or not, and move the shard's tail over it. */
static enum status journal_reader_entry(struct journal_reader *reader, bool first,
                                        const MDB_val *key, const MDB_val *entry,
                                        struct journal_reader_segment *found,
                                        struct journal_error *error)
{
    struct journal_tail *tail = &reader->tails[reader->shard_index];
    found->shard_id = (uint16_t)(reader->shard_index + 1);
    found->in_ring = false;
    uint64_t log_index = 0;
    bool trimmed = false;
    enum status status = STATUS_BAD_FORMAT;
    if (key->mv_size == sizeof log_index) {
        memcpy(&log_index, key->mv_data, sizeof log_index);
        /* Trimming deletes a few at a time: what is still there may begin before its mark. */
        trimmed = first && log_index > tail->last_log_index + 1 &&
                  log_index <= reader->facts.states[reader->shard_index].tail.first_log_index;
        status = trimmed || log_index == tail->last_log_index + 1 ? STATUS_OK : STATUS_BAD_CHAIN;
    }
    if (status == STATUS_OK) {
        status = store_env_entry_check(entry, found->shard_id, log_index, &found->segment,
                                       &found->last_timestamp_ns);
    }
    if (status == STATUS_OK && trimmed) {
        journal_reader_begin(tail, &found->segment);
    }
    if (status == STATUS_OK) {
        found->bytes = (const uint8_t *)entry->mv_data + STORE_ENV_ENTRY_BYTES;
        status =
            journal_recovery_verify(&reader->options, found->bytes, segment_bytes(&found->segment),
                                    found->shard_id, tail, &found->segment);
    }
    if (status != STATUS_OK) {
        journal_error_set(error,
                          "%s: log index %" PRIu64 " of shard %u (found under %" PRIu64
                          ") does not verify: %s%s",
                          reader->env.path, tail->last_log_index + 1, (unsigned)found->shard_id,
                          log_index, status_text(status),
                          status == STATUS_UNKNOWN_KEY ? "; its signer's public key was not given"
                                                       : "");
        return status;
    }
    journal_tail_append(tail, &found->segment, found->last_timestamp_ns);
    return STATUS_OK;
}

/* The store holds nothing of a shard. Where all of it was trimmed only its word is left for where
 * the log stands; the ring must continue that. */
static void journal_reader_empty(struct journal_reader *reader)
{
    const struct journal_tail *told = &reader->facts.states[reader->shard_index].tail;
    struct journal_tail *tail = &reader->tails[reader->shard_index];
    ASSERT(tail->last_log_index == reader->facts.states[reader->shard_index].base.last_log_index);
    if (told->first_log_index == told->last_log_index + 1 &&
        told->last_log_index > tail->last_log_index) {
        *tail = *told;
    }
}

/* The store has said where each log ends; what was read must end there as well. */
static enum status journal_reader_end(const struct journal_reader *reader,
                                      struct journal_error *error)
{
    const struct journal_tail *told = &reader->facts.states[reader->shard_index].tail;
    const struct journal_tail *read = &reader->tails[reader->shard_index];
    if (told->last_log_index == read->last_log_index &&
        memcmp(told->last_chain_hash, read->last_chain_hash, SEGMENT_HASH_BYTES) == 0) {
        return STATUS_OK;
    }
    journal_error_set(error,
                      "%s: shard %u should end at log index %" PRIu64 ", and ends at %" PRIu64,
                      reader->env.path, reader->shard_index + 1, told->last_log_index,
                      read->last_log_index);
    return STATUS_BAD_CHAIN;
}

/* From the store; STATUS_NOT_FOUND when all shards are through. */
static enum status journal_reader_stored_next(struct journal_reader *reader,
                                              struct journal_reader_segment *found,
                                              struct journal_error *error)
{
    while (reader->shard_index < SHARDS_MAX) {
        int result = 0;
        MDB_cursor_op step = MDB_NEXT;
        if (reader->cursor == NULL) {
            result = mdb_cursor_open(reader->txn, reader->env.segments[reader->shard_index],
                                     &reader->cursor);
            step = MDB_FIRST;
        }
        MDB_val key;
        MDB_val entry;
        if (result == 0) {
            result = mdb_cursor_get(reader->cursor, &key, &entry, step);
        }
        if (result == 0) {
            return journal_reader_entry(reader, step == MDB_FIRST, &key, &entry, found, error);
        }
        if (result != MDB_NOTFOUND) {
            return store_env_failed(&reader->env, "read", result, error);
        }
        mdb_cursor_close(reader->cursor);
        reader->cursor = NULL;
        if (step == MDB_FIRST) {
            journal_reader_empty(reader);
        }
        enum status status = journal_reader_end(reader, error);
        if (status != STATUS_OK) {
            return status;
        }
        reader->shard_index++;
    }
    return STATUS_NOT_FOUND;
}

enum status journal_reader_next(struct journal_reader *reader, struct journal_reader_segment *found,
                                struct journal_error *error)
{
    if (!reader->in_ring) {
        enum status status = journal_reader_stored_next(reader, found, error);
        if (status == STATUS_OK) {
            journal_reader_placed(reader, &found->segment);
        }
        if (status != STATUS_NOT_FOUND) {
            return status;
        }
        reader->in_ring = true;
        journal_recovery_init(&reader->recovery, &reader->options, &reader->facts.place,
                              reader->facts.states);
    }
    for (;;) {
        struct wal_record record;
        enum status status =
            journal_recovery_next(&reader->recovery, &record, &found->segment, error);
        for (uint32_t i = 0; i < SHARDS_MAX; i++) {
            reader->tails[i] = reader->recovery.states[i].tail;
        }
        if (status != STATUS_OK) {
            return status;
        }
        if (record.type == WAL_RECORD_SEGMENT) {
            found->shard_id = record.shard_id;
            found->in_ring = true;
            found->bytes = record.segment;
            found->last_timestamp_ns = record.last_timestamp_ns;
            journal_reader_placed(reader, &found->segment);
            return STATUS_OK;
        }
    }
}
