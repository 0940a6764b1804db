#include "tests/support/store_fixture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "replication/store_lmdb.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/io_memory.h"
#include "tests/support/store_memory.h"

static void fixture_wake(void *context)
{
    struct store_fixture *fixture = context;
    assert_int_equal(sem_post(&fixture->woken), 0);
}

void store_fixture_make(struct store_fixture *fixture, const char *name)
{
    memset(fixture, 0, sizeof *fixture);
    assert_int_equal(sem_init(&fixture->woken, 0, 0), 0);
    if (name != NULL) {
        int lock;
        journal_fixture_make(&fixture->base, name);
        assert_int_equal(journal_id_open(&fixture->id, &lock, fixture->base.directory, true,
                                         &fixture->error),
                         STATUS_OK);
        assert_int_equal(close(lock), 0);
    } else {
        journal_fixture_init(&fixture->base);
        fixture->id.wal_bytes = WAL_BYTES_MIN;
    }
    fixture->content = calloc(1, WAL_BYTES_MIN);
    assert_non_null(fixture->content);
    fixture->io = io_memory_create();
    io_memory_file(fixture->io, fixture->content, WAL_BYTES_MIN);
    wal_header_store(fixture->content, fixture->id.incarnation, WAL_BYTES_MIN);
}

void store_fixture_close(struct store_fixture *fixture)
{
    if (fixture->store != NULL) {
        store_close(fixture->store);
        fixture->store = NULL;
    }
    if (fixture->wal.file != NULL) {
        wal_close(&fixture->wal);
    }
}

void store_fixture_free(struct store_fixture *fixture)
{
    store_fixture_close(fixture);
    io_destroy(fixture->io);
    free(fixture->content);
    journal_fixture_free(&fixture->base);
    assert_int_equal(sem_destroy(&fixture->woken), 0);
}

enum status store_fixture_open(struct store_fixture *fixture)
{
    assert_null(fixture->store);
    if (fixture->base.directory[0] == 0) {
        fixture->store = store_memory_create();
        return STATUS_OK;
    }
    struct store_lmdb_options options = {.directory = fixture->base.directory,
                                         .store_bytes = fixture->id.store_bytes,
                                         .ring_bytes = WAL_BYTES_MIN - WAL_HEADER_BYTES};
    memcpy(options.incarnation, fixture->id.incarnation, WAL_KEY_BYTES);
    return store_lmdb_open(&fixture->store, &options, &fixture->error);
}

void store_fixture_start(struct store_fixture *fixture)
{
    assert_int_equal(wal_open(&fixture->wal, fixture->io, "ring", WAL_BYTES_MIN,
                              fixture->id.incarnation, 1, JOURNAL_FIXTURE_TOKEN, NULL,
                              &fixture->error),
                     STATUS_OK);
    assert_int_equal(wal_start(&fixture->wal, &fixture->store->place, &fixture->error), STATUS_OK);
    memcpy(fixture->states, fixture->store->states, sizeof fixture->states);
    assert_int_equal(store_start(fixture->store, &fixture->wal.image, fixture_wake, fixture),
                     STATUS_OK);
}

static void fixture_append(struct store_fixture *fixture, const struct wal_record *record)
{
    assert_true(wal_frame_fits(&fixture->wal, wal_record_bytes(record), false));
    (void)wal_append(&fixture->wal, record);
}

void store_fixture_segment(struct store_fixture *fixture, uint16_t shard_id, uint32_t payload_bytes,
                           uint64_t salt)
{
    struct journal_tail *tail = &fixture->states[shard_id - 1].tail;
    journal_fixture_seal(&fixture->base, shard_id, tail, 1, payload_bytes, salt);
    const struct segment *segment = &fixture->base.segment;
    struct wal_record record = {.type = WAL_RECORD_SEGMENT,
                                .shard_id = shard_id,
                                .last_timestamp_ns = journal_fixture_time(segment->log_index, salt),
                                .segment = fixture->base.bytes,
                                .segment_bytes = (uint32_t)segment_bytes(segment)};
    fixture_append(fixture, &record);
    journal_tail_append(tail, segment, record.last_timestamp_ns);
}

void store_fixture_cut(struct store_fixture *fixture, uint16_t shard_id,
                       const struct journal_tail *tail)
{
    struct wal_record record = {.type = WAL_RECORD_TRUNCATE,
                                .shard_id = shard_id,
                                .log_index = tail->last_log_index + 1,
                                .tail = *tail};
    fixture_append(fixture, &record);
    journal_tail_cut(&fixture->states[shard_id - 1].tail, tail);
}

void store_fixture_base(struct store_fixture *fixture, uint16_t shard_id, uint64_t log_index)
{
    struct wal_record record = {.type = WAL_RECORD_BASE, .shard_id = shard_id};
    record.tail = (struct journal_tail){.first_log_index = log_index + 1,
                                        .last_log_index = log_index,
                                        .last_term = 1,
                                        .next_command_sequence = 5,
                                        .last_timestamp_ns = 6};
    memset(record.tail.last_chain_hash, 0x77, SEGMENT_HASH_BYTES);
    fixture_append(fixture, &record);
    journal_tail_rebase(&fixture->states[shard_id - 1], &record.tail);
}

void store_fixture_vote(struct store_fixture *fixture, uint16_t shard_id, uint64_t term)
{
    struct wal_record record = {
        .type = WAL_RECORD_VOTE, .shard_id = shard_id, .term = term, .voted_site_id = 4};
    fixture_append(fixture, &record);
    journal_tail_vote(&fixture->states[shard_id - 1].tail, term, 4);
}

uint64_t store_fixture_frame(struct store_fixture *fixture)
{
    (void)wal_write(&fixture->wal);
    assert_int_equal(wal_finish(&fixture->wal, &fixture->error), STATUS_OK);
    return fixture->wal.persisted_position;
}

enum status store_fixture_store(struct store_fixture *fixture)
{
    uint64_t position = fixture->wal.persisted_position;
    store_publish(fixture->store, position);
    for (;;) {
        struct store_progress progress;
        store_want(fixture->store);
        if (fixture->base.directory[0] == 0) {
            (void)store_memory_advance(fixture->store, UINT32_MAX);
        }
        store_progress(fixture->store, &progress);
        if (progress.position > fixture->wal.released_position) {
            wal_release(&fixture->wal, progress.position);
        }
        if (progress.status != STATUS_OK || progress.position == position) {
            return progress.status;
        }
        struct timespec until;
        assert_int_equal(clock_gettime(CLOCK_REALTIME, &until), 0);
        until.tv_sec += 60;
        assert_int_equal(sem_timedwait(&fixture->woken, &until), 0);
    }
}

enum status store_fixture_read(struct store_fixture *fixture, uint16_t shard_id, uint64_t log_index)
{
    size_t bytes;
    uint64_t last_timestamp_ns;
    return store_read(fixture->store, shard_id, log_index, fixture->base.bytes, SEGMENT_BYTES_MAX,
                      &bytes, &last_timestamp_ns);
}

void store_fixture_check(struct store_fixture *fixture, uint16_t shard_id, uint64_t log_index,
                         uint32_t payload_bytes, uint64_t salt)
{
    size_t bytes;
    uint64_t last_timestamp_ns;
    enum status status = store_read(fixture->store, shard_id, log_index, fixture->base.bytes,
                                    SEGMENT_BYTES_MAX, &bytes, &last_timestamp_ns);
    if (status != STATUS_OK) {
        fail_msg("store_read %d/%d: %s: %s", (int)shard_id, (int)log_index, status_text(status),
                 store_error(fixture->store));
    }
    assert_true(last_timestamp_ns == journal_fixture_time(log_index, salt));
    journal_fixture_check_bytes(fixture->base.bytes, bytes, shard_id, log_index, payload_bytes,
                                salt);
}
