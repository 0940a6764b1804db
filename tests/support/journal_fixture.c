#include "tests/support/journal_fixture.h"

#include <stdlib.h>
#include <string.h>

#include "matching/base/random.h"
#include "replication/codec.h"
#include "replication/wal.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/io_memory.h"

#define JOURNAL_FIXTURE_COMMANDS 3u

void journal_fixture_init(struct journal_fixture *fixture)
{
    memset(fixture, 0, sizeof *fixture);
    assert_true(sodium_init() >= 0);
    uint8_t seed[crypto_sign_SEEDBYTES];
    memset(seed, 7, sizeof seed);
    assert_int_equal(crypto_sign_seed_keypair(fixture->verifier.public_key,
                                              fixture->signer.secret_key, seed),
                     0);
    segment_key_id(fixture->verifier.key_id, fixture->verifier.public_key);
    memcpy(fixture->signer.key_id, fixture->verifier.key_id, SEGMENT_KEY_ID_BYTES);
    fixture->bytes = malloc(SEGMENT_BYTES_MAX);
    assert_non_null(fixture->bytes);
    fixture->options = (struct journal_options){
        .directory = fixture->directory,
        .wal_bytes = WAL_BYTES_MIN,
        .store_bytes = UINT64_C(64) << 20,
        .wal_writes_in_flight = 2,
        .cluster_id = JOURNAL_FIXTURE_CLUSTER,
        .site = JOURNAL_FIXTURE_SITE,
        .io_token = JOURNAL_FIXTURE_TOKEN,
        .verifiers = &fixture->verifier,
        .verifier_count = 1,
    };
}

void journal_fixture_make(struct journal_fixture *fixture, const char *name)
{
    char error[JOURNAL_ERROR_BYTES];
    journal_fixture_init(fixture);
    test_paths_make(fixture->directory, name);
    enum status status = journal_create(&fixture->options, error, sizeof error);
    if (status != STATUS_OK) {
        fail_msg("journal_create: %s: %s", status_text(status), error);
    }
    struct io_options options = {.backend = IO_BACKEND_BEST,
                                 .idle = IO_IDLE_SLEEP,
                                 .handles_max = 64,
                                 .receive_buffer_bytes = 4096,
                                 .receive_buffer_count = 8};
    assert_int_equal(io_create(&fixture->io, &options), STATUS_OK);
}

void journal_fixture_make_memory(struct journal_fixture *fixture, uint8_t *content,
                                 struct store *store)
{
    journal_fixture_init(fixture);
    fixture->io = io_memory_create();
    io_memory_file(fixture->io, content, WAL_BYTES_MIN);
    memcpy(fixture->directory, "memory", sizeof "memory");
    fixture->parts = (struct journal_parts){.id = {.cluster_id = JOURNAL_FIXTURE_CLUSTER,
                                                   .site = JOURNAL_FIXTURE_SITE,
                                                   .wal_bytes = WAL_BYTES_MIN,
                                                   .store_bytes = STORE_BYTES_MIN},
                                            .store = store};
    memset(fixture->parts.id.incarnation, 0xA7, JOURNAL_INCARNATION_BYTES);
    fixture->options.parts = &fixture->parts;
}

void journal_fixture_ring(const struct journal_fixture *fixture, uint8_t *content)
{
    memset(content, 0, WAL_BYTES_MIN);
    wal_header_store(content, fixture->parts.id.incarnation, WAL_BYTES_MIN);
}

void journal_fixture_free(struct journal_fixture *fixture)
{
    journal_fixture_close(fixture);
    if (fixture->io != NULL) {
        io_destroy(fixture->io);
    }
    if (fixture->directory[0] == '/') {
        test_paths_remove(fixture->directory);
    }
    free(fixture->bytes);
    memset(fixture, 0, sizeof *fixture);
}

enum status journal_fixture_open(struct journal_fixture *fixture)
{
    assert_null(fixture->journal);
    return journal_open(&fixture->journal, fixture->io, &fixture->options);
}

void journal_fixture_close(struct journal_fixture *fixture)
{
    journal_close(fixture->journal);
    fixture->journal = NULL;
}

static void fixture_payload(uint8_t *target, uint32_t bytes, uint16_t shard_id, uint64_t log_index,
                            uint64_t salt)
{
    struct random random;
    random_seed(&random, salt ^ (log_index << 8) ^ shard_id);
    for (uint32_t i = 0; i < bytes; i++) {
        target[i] = (uint8_t)random_u64(&random);
    }
}

uint64_t journal_fixture_time(uint64_t log_index, uint64_t salt)
{
    return UINT64_C(1700000000000000000) + log_index * 1000 + salt % 1000;
}

void journal_fixture_seal(struct journal_fixture *fixture, uint16_t shard_id,
                          const struct journal_tail *tail, uint64_t term, uint32_t payload_bytes,
                          uint64_t salt)
{
    assert_true(payload_bytes <= SEGMENT_STORED_BYTES_MAX);
    uint64_t log_index = tail->last_log_index + 1;
    fixture->segment = (struct segment){
        .shard_id = shard_id,
        .cluster_id = JOURNAL_FIXTURE_CLUSTER,
        .term = term,
        .log_index = log_index,
        .first_command_sequence = tail->next_command_sequence,
        .command_count = payload_bytes == 0 ? 0 : JOURNAL_FIXTURE_COMMANDS,
        .base_timestamp_ns = journal_fixture_time(log_index, 0),
        .raw_bytes = payload_bytes > SEGMENT_RAW_BYTES_MAX ? SEGMENT_RAW_BYTES_MAX : payload_bytes,
        .stored_bytes = payload_bytes,
        .codec = CODEC_STORED,
    };
    if (fixture->segment.raw_bytes != payload_bytes) {
        fixture->segment.codec = CODEC_ZSTD;
    }
    memcpy(fixture->segment.previous_chain_hash, tail->last_chain_hash, SEGMENT_HASH_BYTES);
    fixture_payload(fixture->bytes + SEGMENT_HEADER_BYTES, payload_bytes, shard_id, log_index,
                    salt);
    segment_seal(&fixture->segment, fixture->bytes, SEGMENT_BYTES_MAX, &fixture->signer);
}

enum status journal_fixture_append(struct journal_fixture *fixture, uint16_t shard_id,
                                   uint32_t payload_bytes, uint64_t salt)
{
    struct journal_tail tail;
    journal_appended(fixture->journal, shard_id, &tail);
    uint64_t term = tail.last_term == 0 ? 1 : tail.last_term;
    journal_fixture_seal(fixture, shard_id, &tail, term, payload_bytes, salt);
    return journal_append(fixture->journal, fixture->bytes, &fixture->segment,
                          journal_fixture_time(fixture->segment.log_index, salt));
}

enum status journal_fixture_turn(struct journal_fixture *fixture, uint64_t wait_ns)
{
    struct io_completion completions[16];
    enum status status = journal_poll(fixture->journal);
    io_now_refresh(fixture->io);
    uint64_t due_ns = wait_ns == 0 ? 0 : io_now_ns(fixture->io) + wait_ns;
    uint32_t count = io_poll(fixture->io, completions, 16, due_ns);
    for (uint32_t i = 0; i < count; i++) {
        if (completions[i].token == JOURNAL_FIXTURE_TOKEN && completions[i].kind != IO_WOKEN) {
            enum status found = journal_complete(fixture->journal, &completions[i]);
            status = status == STATUS_OK ? found : status;
        }
    }
    if (status == STATUS_OK) {
        status = journal_poll(fixture->journal);
    }
    return status;
}

static bool fixture_persisted(const struct journal_fixture *fixture)
{
    for (uint16_t shard_id = 1; shard_id <= SHARDS_MAX; shard_id++) {
        struct journal_tail appended;
        struct journal_tail persisted;
        journal_appended(fixture->journal, shard_id, &appended);
        journal_persisted(fixture->journal, shard_id, &persisted);
        uint8_t tails[2][JOURNAL_TAIL_BYTES];
        journal_tail_store(tails[0], &appended);
        journal_tail_store(tails[1], &persisted);
        if (memcmp(tails[0], tails[1], JOURNAL_TAIL_BYTES) != 0) {
            return false;
        }
    }
    return true;
}

void journal_fixture_persist(struct journal_fixture *fixture)
{
    while (!fixture_persisted(fixture)) {
        assert_int_equal(journal_flush(fixture->journal), STATUS_OK);
        assert_int_equal(journal_fixture_turn(fixture, 1000000000), STATUS_OK);
    }
}

void journal_fixture_store(struct journal_fixture *fixture)
{
    struct journal_usage usage;
    journal_fixture_persist(fixture);
    for (;;) {
        journal_usage(fixture->journal, &usage);
        if (usage.wal_used_bytes == 0) {
            return;
        }
        assert_int_equal(journal_fixture_turn(fixture, 1000000), STATUS_OK);
    }
}

void journal_fixture_check_bytes(const uint8_t *source, size_t source_bytes, uint16_t shard_id,
                                 uint64_t log_index, uint32_t payload_bytes, uint64_t salt)
{
    struct segment segment;
    uint8_t *expected = malloc(payload_bytes + 1u);
    assert_non_null(expected);
    fixture_payload(expected, payload_bytes, shard_id, log_index, salt);
    assert_int_equal(segment_open(&segment, source, source_bytes), STATUS_OK);
    assert_int_equal(segment_bytes(&segment), source_bytes);
    assert_int_equal(segment.shard_id, shard_id);
    assert_true(segment.log_index == log_index);
    assert_int_equal(segment.stored_bytes, payload_bytes);
    assert_memory_equal(segment.payload, expected, payload_bytes);
    free(expected);
}

void journal_fixture_check(struct journal_fixture *fixture, uint16_t shard_id, uint64_t log_index,
                           uint32_t payload_bytes, uint64_t salt)
{
    size_t bytes;
    enum status status = journal_read(fixture->journal, shard_id, log_index, fixture->bytes,
                                      SEGMENT_BYTES_MAX, &bytes);
    if (status != STATUS_OK) {
        fail_msg("journal_read %d/%d: %s: %s", (int)shard_id, (int)log_index, status_text(status),
                 journal_error(fixture->journal));
    }
    journal_fixture_check_bytes(fixture->bytes, bytes, shard_id, log_index, payload_bytes, salt);
}
