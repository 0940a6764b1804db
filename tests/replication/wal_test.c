#include "replication/wal.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/io_memory.h"

#define TOKEN UINT64_C(5)

static uint8_t key[WAL_KEY_BYTES];
static uint8_t *content;
static struct io *io;
static struct wal wal;
static struct journal_error error;
static struct wal_place origin;

static int setup(void **state)
{
    (void)state;
    if (sodium_init() < 0) {
        return -1;
    }
    memset(key, 0x3C, sizeof key);
    content = calloc(1, WAL_BYTES_MIN);
    io = io_memory_create();
    io_memory_file(io, content, WAL_BYTES_MIN);
    wal_header_store(content, key, WAL_BYTES_MIN);
    return content == NULL ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    io_destroy(io);
    free(content);
    return 0;
}

static enum status open_wal(uint32_t writes_max)
{
    return wal_open(&wal, io, "ring", WAL_BYTES_MIN, key, writes_max, TOKEN, NULL, &error);
}

static void start(uint32_t writes_max)
{
    assert_int_equal(open_wal(writes_max), STATUS_OK);
    assert_int_equal(wal_start(&wal, &origin, &error), STATUS_OK);
}

static struct wal_record vote(uint64_t term)
{
    return (struct wal_record){.type = WAL_RECORD_VOTE, .shard_id = 1, .term = term};
}

/* A segment's record without a segment: the ring does not look inside. */
static struct wal_record segment(uint32_t bytes)
{
    static uint8_t any[SEGMENT_BYTES_MAX];
    return (struct wal_record){
        .type = WAL_RECORD_SEGMENT, .shard_id = 1, .segment = any, .segment_bytes = bytes};
}

static void complete(uint32_t index, int32_t result)
{
    struct io_completion completion;
    if (result < 0) {
        io_memory_fail(io, index, result);
    } else {
        io_memory_finish(io, index);
    }
    assert_int_equal(io_poll(io, &completion, 1, 0), 1);
    enum status status = wal_complete(&wal, &completion, &error);
    assert_int_equal(status == STATUS_OK, result >= 0);
}

static void put_frame(uint64_t term)
{
    struct wal_record record = vote(term);
    assert_true(wal_frame_fits(&wal, wal_record_bytes(&record), true));
    (void)wal_append(&wal, &record);
    (void)wal_write(&wal);
}

/* A frame counts as persisted when it and all before it are, in whatever order they are done. */
static void test_order(void **state)
{
    (void)state;
    start(4);
    assert_true(wal.persisted_number == 1); /* The start's own frame. */
    for (uint64_t i = 1; i <= 4; i++) {
        assert_true(wal_writable(&wal));
        put_frame(i);
    }
    assert_false(wal_writable(&wal));
    complete(2, 0);
    assert_true(wal.persisted_number == 1);
    complete(1, 0);
    assert_true(wal.persisted_number == 1);
    assert_false(wal_writable(&wal));
    complete(0, 0);
    assert_true(wal.persisted_number == 4);
    assert_true(wal_writable(&wal));
    complete(0, 0);
    assert_true(wal.persisted_number == 5);
    assert_true(wal.persisted_position == wal.closed.position);
    wal_close(&wal);
}

/* What each frame knows to be durable is what was persisted when it was closed. */
static void test_knows_persisted(void **state)
{
    (void)state;
    start(3);
    put_frame(1);
    put_frame(2);
    complete(0, 0);
    put_frame(3);
    complete(1, 0);
    complete(0, 0);
    static const uint64_t expected[] = {0, 1, 1, 2};
    for (uint32_t i = 0; i < 4; i++) {
        struct wal_frame frame;
        const uint8_t *at = content + WAL_HEADER_BYTES + i * WAL_ALIGNMENT_BYTES;
        assert_int_equal(wal_frame_open(&frame, at, WAL_ALIGNMENT_BYTES, key), STATUS_OK);
        assert_true(frame.number == i + 1);
        assert_true(frame.persisted_number == expected[i]);
    }
    wal_close(&wal);
}

static void test_write_error(void **state)
{
    (void)state;
    start(2);
    put_frame(1);
    put_frame(2);
    complete(0, -ENOSPC);
    assert_non_null(strstr(error.text, "ring"));
    assert_non_null(strstr(error.text, "No space left on device"));
    complete(0, 0); /* The later one works: it counts for nothing. */
    assert_true(wal.persisted_number == 1);
    wal_close(&wal);
}

static void test_short_write(void **state)
{
    (void)state;
    struct io_completion completion = {.kind = IO_WRITTEN, .token = TOKEN};
    start(2);
    put_frame(1);
    completion.handle = io_memory_write(io, 0)->handle;
    completion.result = 512;
    assert_int_equal(wal_complete(&wal, &completion, &error), STATUS_IO);
    io_memory_drop(io);
    assert_true(wal.persisted_number == 1);
    wal_close(&wal);
}

/* Full for everything else: term and vote still fit, WAL_VOTES_RESERVED frames of them, wherever
 * the ring stands. */
static void test_reserve(void **state)
{
    (void)state;
    start(2);
    struct wal_record record = segment(SEGMENT_BYTES_MAX);
    struct wal_record small = segment(SEGMENT_HEADER_BYTES);
    struct wal_record term = vote(1);
    uint64_t offset = 0;
    for (uint32_t round = 0; round < 300; round++) {
        while (wal_ring_fits(&wal, wal_record_bytes(&record), false)) {
            (void)wal_append(&wal, &record);
            (void)wal_write(&wal);
            complete(0, 0);
            assert_true(wal_used_bytes(&wal) <= wal.image.ring_bytes - WAL_RESERVED_BYTES);
        }
        while (wal_frame_fits(&wal, wal_record_bytes(&small), false)) {
            (void)wal_append(&wal, &small);
            (void)wal_write(&wal);
            complete(0, 0);
        }
        for (uint32_t i = 0; i < WAL_VOTES_RESERVED; i++) {
            assert_true(wal_frame_fits(&wal, wal_record_bytes(&term), true));
            (void)wal_append(&wal, &term);
            (void)wal_write(&wal);
            complete(0, 0);
        }
        assert_true(wal_used_bytes(&wal) <= wal.image.ring_bytes);
        wal_release(&wal, wal.persisted_position);
        offset += wal.closed.position % wal.image.ring_bytes;
        put_frame(1); /* Shifts the next lap. */
        complete(0, 0);
        wal_release(&wal, wal.persisted_position);
    }
    assert_true(wal.closed.position > 300 * (wal.image.ring_bytes - 2 * WAL_RESERVED_BYTES));
    assert_true(offset > 0);
    wal_close(&wal);
}

/* Nothing that is not released is ever overwritten, over many laps. */
static void test_laps(void **state)
{
    (void)state;
    start(1);
    struct wal_record record = segment(100000);
    uint64_t frames = 0;
    struct wal_place place = origin;
    while (wal.closed.position < 20 * wal.image.ring_bytes) {
        bool fits = wal_ring_fits(&wal, wal_record_bytes(&record), false);
        if (fits) {
            (void)wal_append(&wal, &record);
            (void)wal_write(&wal);
            complete(0, 0);
            frames++;
            continue;
        }
        /* Everything since the last release can still be followed, in memory and on disk. */
        struct wal_image disk = wal.image;
        disk.ring = content + WAL_HEADER_BYTES;
        struct wal_place on_disk = place;
        while (place.number < wal.persisted_number) {
            struct wal_frame frame;
            const uint8_t *records;
            assert_int_equal(wal_chain_next(&wal.image, &place, &frame, &records), STATUS_OK);
            assert_int_equal(wal_chain_next(&disk, &on_disk, &frame, &records), STATUS_OK);
        }
        wal_release(&wal, place.position);
    }
    assert_true(frames > 1000);
    wal_close(&wal);
}

static void test_votes_fit_a_full_frame(void **state)
{
    (void)state;
    start(1);
    struct wal_record term = vote(1);
    put_frame(1); /* No other write may start. */
    struct wal_record record = segment(200000);
    while (wal_frame_fits(&wal, wal_record_bytes(&record), false)) {
        (void)wal_append(&wal, &record);
    }
    record = segment(SEGMENT_HEADER_BYTES);
    while (wal_frame_fits(&wal, wal_record_bytes(&record), false)) {
        (void)wal_append(&wal, &record);
    }
    for (uint32_t i = 0; i < 2 * SHARDS_MAX; i++) {
        assert_true(wal_frame_fits(&wal, wal_record_bytes(&term), true));
        (void)wal_append(&wal, &term);
    }
    complete(0, 0);
    (void)wal_write(&wal);
    assert_true(io_memory_write(io, 0)->bytes == WAL_FRAME_BYTES_MAX);
    complete(0, 0);
    wal_close(&wal);
}

/* Each life has its own nonce, and its first frame says so. */
static void test_start(void **state)
{
    (void)state;
    start(2);
    struct wal_place place = wal.closed;
    put_frame(1);
    complete(0, 0);
    struct wal_place end = wal.closed;
    wal_close(&wal);
    assert_int_equal(open_wal(2), STATUS_OK);
    struct wal_place found = origin;
    struct wal_frame frame;
    const uint8_t *records;
    assert_int_equal(wal_chain_next(&wal.image, &found, &frame, &records), STATUS_OK);
    assert_memory_equal(&found, &place, sizeof found);
    assert_int_equal(wal_chain_next(&wal.image, &found, &frame, &records), STATUS_OK);
    assert_memory_equal(&found, &end, sizeof found);
    assert_int_equal(wal_start(&wal, &found, &error), STATUS_OK);
    assert_memory_not_equal(wal.start_nonce, place.start_nonce, WAL_NONCE_BYTES);
    assert_int_equal(wal_chain_next(&wal.image, &found, &frame, &records), STATUS_OK);
    assert_true(frame.persisted_number == end.number);
    struct wal_record record;
    uint32_t record_bytes;
    assert_int_equal(wal_record_load(&record, &record_bytes, records, frame.records_bytes),
                     STATUS_OK);
    assert_int_equal(record.type, WAL_RECORD_START);
    wal_close(&wal);
}

static void test_rewrite(void **state)
{
    (void)state;
    start(4);
    struct wal_place from = wal.closed;
    for (uint64_t i = 1; i <= 3; i++) {
        put_frame(i);
    }
    uint8_t *before = malloc(WAL_BYTES_MIN);
    assert_non_null(before);
    while (io_memory_pending(io) > 0) {
        complete(0, 0);
    }
    memcpy(before, content, WAL_BYTES_MIN);
    struct wal_place to = wal.closed;
    memset(content + WAL_HEADER_BYTES + from.position, 0, 3 * WAL_ALIGNMENT_BYTES);
    assert_int_equal(wal_rewrite(&wal, &from, &to, &error), STATUS_OK);
    assert_memory_equal(content, before, WAL_BYTES_MIN); /* The same bytes at the same place. */
    assert_int_equal(wal_rewrite(&wal, &to, &to, &error), STATUS_OK);
    io_memory_faults(io)->write_now_allowed = 0;
    assert_int_equal(wal_rewrite(&wal, &from, &to, &error), STATUS_IO);
    free(before);
    wal_close(&wal);
}

static void check_refused(enum status expected, const char *sentence)
{
    error.text[0] = 0;
    assert_int_equal(open_wal(2), expected);
    assert_non_null(strstr(error.text, sentence));
    wal_close(&wal);
}

static void test_bad_files(void **state)
{
    (void)state;
    content[100] ^= 1;
    check_refused(STATUS_DAMAGED, "first block");
    content[100] ^= 1;
    key[3] ^= 1;
    check_refused(STATUS_FOREIGN, "another journal");
    key[3] ^= 1;
    content[16 + 7] = '7';
    journal_block_seal(content);
    check_refused(STATUS_BAD_VERSION, "version");
    wal_header_store(content, key, WAL_BYTES_MIN + WAL_ALIGNMENT_BYTES);
    check_refused(STATUS_DAMAGED, "size");
    wal_header_store(content, key, WAL_BYTES_MIN);
    io_memory_file(io, content, WAL_BYTES_MIN - WAL_ALIGNMENT_BYTES);
    check_refused(STATUS_DAMAGED, "shorter");
    io_memory_file(io, content, WAL_BYTES_MIN);
    io_memory_faults(io)->read_now = STATUS_IO;
    io_memory_faults(io)->read_now_offset = 5000000;
    check_refused(STATUS_IO, "the disk gives an error");
    io_memory_faults(io)->read_now = STATUS_OK;
    io_memory_faults(io)->open = STATUS_DENIED;
    check_refused(STATUS_DENIED, "O_DIRECT");
    io_memory_faults(io)->open = STATUS_OK;
    io_memory_faults(io)->write_now_allowed = 0;
    assert_int_equal(open_wal(2), STATUS_OK);
    assert_int_equal(wal_start(&wal, &origin, &error), STATUS_IO);
    assert_non_null(strstr(error.text, "cannot write"));
    wal_close(&wal);
    io_memory_faults(io)->write_now_allowed = UINT32_MAX;
    io_memory_faults(io)->memory_register = STATUS_DENIED; /* It goes without. */
    start(2);
    put_frame(1);
    assert_int_equal(wal_finish(&wal, &error), STATUS_OK);
    assert_true(wal.persisted_number == 2);
    wal_close(&wal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_knows_persisted, setup, teardown),
        cmocka_unit_test_setup_teardown(test_write_error, setup, teardown),
        cmocka_unit_test_setup_teardown(test_short_write, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reserve, setup, teardown),
        cmocka_unit_test_setup_teardown(test_laps, setup, teardown),
        cmocka_unit_test_setup_teardown(test_votes_fit_a_full_frame, setup, teardown),
        cmocka_unit_test_setup_teardown(test_start, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rewrite, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_files, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
