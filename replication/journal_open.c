/* The start of a journal: journal_open() of journal.h. */
#include <stdlib.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "replication/journal_inside.h"
#include "replication/journal_recovery.h"
#include "replication/store_lmdb.h"

enum status journal_open_fail(struct journal *journal, enum status status)
{
    ASSERT(status != STATUS_OK);
    if (journal->status == STATUS_OK) {
        journal->status = status;
    }
    return journal->status;
}

static enum status journal_open_files(struct journal *journal)
{
    const struct journal_options *options = &journal->options;
    if (options->parts != NULL) {
        journal->id = options->parts->id;
        journal->store = options->parts->store;
        return STATUS_OK;
    }
    enum status status = journal_file_durable(options->directory, &journal->error);
    if (status == STATUS_OK) {
        status = journal_id_open(&journal->id, &journal->lock, options->directory, true,
                                 &journal->error);
    }
    if (status != STATUS_OK) {
        return status;
    }
    if (journal->id.cluster_id != options->cluster_id ||
        strcmp(journal->id.site, options->site) != 0) {
        journal_error_set(&journal->error,
                          "the journal in %s is that of site %s%s, not of site %s; correct `data`, "
                          "`site` or `cluster` in the configuration",
                          options->directory, journal->id.site,
                          journal->id.cluster_id == options->cluster_id ? ""
                                                                        : " of another cluster",
                          options->site);
        return STATUS_FOREIGN;
    }
    struct store_lmdb_options store_options = {
        .directory = options->directory,
        .store_bytes = journal->id.store_bytes,
        .ring_bytes = journal->id.wal_bytes - WAL_HEADER_BYTES,
    };
    memcpy(store_options.incarnation, journal->id.incarnation, WAL_KEY_BYTES);
    return store_lmdb_open(&journal->store, &store_options, &journal->error);
}

/* Follow and verify the ring; write again what is accepted but not proven to be durable; hand all
 * of it to the store. Nothing is changed before the whole ring has been judged. */
static enum status journal_recover(struct journal *journal, struct journal_recovery *recovery)
{
    struct journal_recovery_options options = {.image = &journal->wal.image,
                                               .path = journal->wal.path,
                                               .cluster_id = journal->id.cluster_id,
                                               .verifiers = journal->options.verifiers,
                                               .verifier_count = journal->options.verifier_count};
    journal_recovery_init(recovery, &options, &journal->store->place, journal->store->states);
    enum status status = STATUS_OK;
    while (status == STATUS_OK) {
        struct wal_record record;
        struct segment segment;
        status = journal_recovery_next(recovery, &record, &segment, &journal->error);
    }
    if (status != STATUS_NOT_FOUND) {
        return status;
    }
    journal->frames_recovered = recovery->frames;
    status = wal_rewrite(&journal->wal, &recovery->proven, &recovery->place, &journal->error);
    if (status != STATUS_OK) {
        return status;
    }
    status = store_move(journal->store, &journal->wal.image, recovery->place.position);
    if (status != STATUS_OK) {
        journal_error_set(&journal->error, "%s", store_error(journal->store));
    }
    return status;
}

static void journal_wake(void *context)
{
    io_wake(context);
}

static enum status journal_start(struct journal *journal)
{
    for (uint32_t i = 0; i < SHARDS_MAX; i++) {
        struct journal_shard *shard = &journal->shards[i];
        shard->index.positions = journal->positions + (size_t)i * JOURNAL_INDEX_MAX;
        shard->appended = journal->store->states[i];
        shard->persisted = shard->appended.tail;
        shard->trimmed_log_index = shard->persisted.first_log_index;
        shard->repair = journal->store->repairs[i];
    }
    enum status status = wal_start(&journal->wal, &journal->store->place, &journal->error);
    if (status != STATUS_OK) {
        return status;
    }
    status = store_start(journal->store, &journal->wal.image, journal_wake, journal->io);
    if (status != STATUS_OK) {
        journal_error_set(&journal->error, "%s", store_error(journal->store));
        return status;
    }
    store_publish(journal->store, journal->wal.persisted_position);
    return STATUS_OK;
}

enum status journal_open(struct journal **journal, struct io *io,
                         const struct journal_options *options)
{
    ASSERT(io != NULL);
    ASSERT(options->wal_writes_in_flight > 0);
    ASSERT(options->wal_writes_in_flight <= WAL_WRITES_IN_FLIGHT_MAX);

    struct journal *opened = calloc(1, sizeof *opened);
    *journal = opened;
    if (opened == NULL) {
        return STATUS_FULL;
    }
    opened->options = *options;
    opened->io = io;
    opened->lock = -1;
    opened->segment = malloc(SEGMENT_BYTES_MAX);
    opened->positions = malloc((size_t)SHARDS_MAX * JOURNAL_INDEX_MAX * sizeof(uint64_t));
    char path[JOURNAL_PATH_BYTES];
    enum status status = journal_open_files(opened);
    if (status == STATUS_OK && (opened->segment == NULL || opened->positions == NULL)) {
        journal_error_set(&opened->error, "no memory for the journal");
        status = STATUS_FULL;
    }
    if (status == STATUS_OK) {
        status = journal_file_path(path, options->directory, WAL_NAME, &opened->error);
    }
    if (status == STATUS_OK) {
        status = wal_open(&opened->wal, io, path, opened->id.wal_bytes, opened->id.incarnation,
                          options->wal_writes_in_flight, options->io_token,
                          options->parts != NULL ? options->parts->image : NULL, &opened->error);
    }
    if (status == STATUS_OK) {
        struct journal_recovery *recovery = malloc(sizeof *recovery);
        if (recovery == NULL) {
            journal_error_set(&opened->error, "no memory for the journal");
            status = STATUS_FULL;
        } else {
            status = journal_recover(opened, recovery);
        }
        free(recovery);
    }
    if (status == STATUS_OK) {
        status = journal_start(opened);
    }
    return status == STATUS_OK ? STATUS_OK : journal_open_fail(opened, status);
}
