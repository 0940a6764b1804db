#include "replication/wal_record.h"

#include <string.h>

#include "tests/support/cmocka_all.h"

static uint8_t segment[SEGMENT_HEADER_BYTES + 13];
static uint8_t repair[JOURNAL_REPAIR_BYTES];
static uint8_t bytes[2048];

static struct wal_record make(enum wal_record_type type)
{
    struct wal_record record = {.type = type, .shard_id = type == WAL_RECORD_START ? 0 : 7};
    switch (type) {
    case WAL_RECORD_START:
        break;
    case WAL_RECORD_SEGMENT:
        memset(segment, 0x5E, sizeof segment);
        record.last_timestamp_ns = 0x0102030405060708;
        record.segment = segment;
        record.segment_bytes = sizeof segment;
        break;
    case WAL_RECORD_TRUNCATE:
    case WAL_RECORD_BASE:
        record.tail = (struct journal_tail){.first_log_index = 2,
                                            .last_log_index = 4,
                                            .last_term = 1,
                                            .next_command_sequence = 9,
                                            .last_timestamp_ns = 3};
        memset(record.tail.last_chain_hash, 1, SEGMENT_HASH_BYTES);
        record.log_index = type == WAL_RECORD_TRUNCATE ? 5 : 0;
        break;
    case WAL_RECORD_VOTE:
        record.term = 11;
        record.voted_site_id = 3;
        break;
    case WAL_RECORD_REPAIR:
        memset(repair, 0xA7, sizeof repair);
        record.generation = UINT64_C(1) << 32;
        record.repair_state = JOURNAL_REPAIR_ACTIVE;
        record.repair = repair;
        break;
    }
    return record;
}

static void test_round_trip(void **state)
{
    (void)state;
    for (int type = WAL_RECORD_START; type <= WAL_RECORD_REPAIR; type++) {
        struct wal_record record = make((enum wal_record_type)type);
        struct wal_record back;
        uint32_t stored_bytes = wal_record_bytes(&record);
        uint32_t loaded_bytes;
        assert_int_equal(stored_bytes % 8, 0);
        memset(bytes, 0xFF, sizeof bytes);
        wal_record_store(bytes, stored_bytes, &record);
        assert_int_equal(bytes[stored_bytes], 0xFF);
        assert_int_equal(wal_record_load(&back, &loaded_bytes, bytes, sizeof bytes), STATUS_OK);
        assert_int_equal(loaded_bytes, stored_bytes);
        assert_int_equal(back.type, record.type);
        assert_int_equal(back.shard_id, record.shard_id);
        assert_true(back.last_timestamp_ns == record.last_timestamp_ns);
        assert_true(back.log_index == record.log_index);
        assert_true(back.term == record.term);
        assert_int_equal(back.voted_site_id, record.voted_site_id);
        if (type == WAL_RECORD_TRUNCATE || type == WAL_RECORD_BASE) {
            uint8_t tails[2][JOURNAL_TAIL_BYTES];
            journal_tail_store(tails[0], &record.tail);
            journal_tail_store(tails[1], &back.tail);
            assert_memory_equal(tails[0], tails[1], JOURNAL_TAIL_BYTES);
        }
        assert_int_equal(back.segment_bytes, record.segment_bytes);
        if (type == WAL_RECORD_SEGMENT) {
            assert_memory_equal(back.segment, segment, sizeof segment);
        }
        for (uint32_t short_bytes = 0; short_bytes < stored_bytes; short_bytes++) {
            assert_int_equal(wal_record_load(&back, &loaded_bytes, bytes, short_bytes),
                             STATUS_BAD_FORMAT);
        }
    }
}

/* These bytes never change. */
static void test_layout(void **state)
{
    (void)state;
    struct wal_record vote = make(WAL_RECORD_VOTE);
    static const uint8_t expected_vote[24] = {8, 0, 0, 0, 5, 0, 7, 0, 11, 0, 0, 0,
                                              0, 0, 0, 0, 3, 0, 0, 0, 0,  0, 0, 0};
    wal_record_store(bytes, sizeof bytes, &vote);
    assert_memory_equal(bytes, expected_vote, sizeof expected_vote);

    struct wal_record sealed = make(WAL_RECORD_SEGMENT);
    static const uint8_t expected_header[16] = {221, 0, 0, 0, 2, 0, 7, 0, 8, 7, 6, 5, 4, 3, 2, 1};
    wal_record_store(bytes, sizeof bytes, &sealed);
    assert_memory_equal(bytes, expected_header, sizeof expected_header);
    assert_memory_equal(bytes + 16, segment, sizeof segment);
    assert_memory_equal(bytes + 16 + sizeof segment, "\0\0", 3);

    struct wal_record cut = make(WAL_RECORD_TRUNCATE);
    uint8_t tail[JOURNAL_TAIL_BYTES];
    wal_record_store(bytes, sizeof bytes, &cut);
    journal_tail_store(tail, &cut.tail);
    assert_memory_equal(bytes, "\x58\0\0\0\3\0\7\0\5\0\0\0\0\0\0", 16);
    assert_memory_equal(bytes + 16, tail, sizeof tail);
}

/* Each single rule of the decoder, broken alone. */
static void test_bad_fields(void **state)
{
    (void)state;
    static const struct {
        enum wal_record_type type;
        uint32_t byte;
        uint8_t value;
    } bad[] = {
        {WAL_RECORD_VOTE, 4, 0},      /* No such type. */
        {WAL_RECORD_VOTE, 4, 7},      /* No such type. */
        {WAL_RECORD_VOTE, 5, 1},      /* Reserved. */
        {WAL_RECORD_VOTE, 6, 0},      /* No shard. */
        {WAL_RECORD_VOTE, 6, 9},      /* No such shard. */
        {WAL_RECORD_VOTE, 7, 1},      /* No such shard. */
        {WAL_RECORD_VOTE, 8, 0},      /* Term 0. */
        {WAL_RECORD_VOTE, 0, 16},     /* Body of another size. */
        {WAL_RECORD_VOTE, 17, 1},     /* Reserved. */
        {WAL_RECORD_VOTE, 3, 1},      /* Larger than any segment. */
        {WAL_RECORD_REPAIR, 12, 0},   /* Generation 0. */
        {WAL_RECORD_REPAIR, 16, 0},   /* No such state. */
        {WAL_RECORD_REPAIR, 16, 4},   /* No such state. */
        {WAL_RECORD_REPAIR, 16, 3},   /* Joined, and a repair behind it. */
        {WAL_RECORD_REPAIR, 17, 1},   /* Reserved. */
        {WAL_RECORD_REPAIR, 0, 8},    /* Body of another size. */
        {WAL_RECORD_REPAIR, 1, 0},    /* Likewise. */
        {WAL_RECORD_START, 6, 1},     /* Belongs to no shard. */
        {WAL_RECORD_START, 8, 1},     /* Reserved. */
        {WAL_RECORD_START, 0, 8},     /* Has no body. */
        {WAL_RECORD_SEGMENT, 0, 207}, /* Shorter than a segment's header. */
        {WAL_RECORD_SEGMENT, 237, 1}, /* Padding. */
        {WAL_RECORD_TRUNCATE, 8, 4},  /* Does not fit its tail. */
        {WAL_RECORD_TRUNCATE, 16, 0}, /* A tail that contradicts itself. */
        {WAL_RECORD_TRUNCATE, 0, 80}, /* Body of another size. */
        {WAL_RECORD_BASE, 8, 1},      /* Reserved. */
        {WAL_RECORD_BASE, 16 + 85, 1} /* A tail that contradicts itself. */
    };
    for (uint32_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct wal_record record = make(bad[i].type);
        uint32_t record_bytes;
        memset(bytes, 0, sizeof bytes);
        wal_record_store(bytes, sizeof bytes, &record);
        assert_int_equal(wal_record_load(&record, &record_bytes, bytes, sizeof bytes), STATUS_OK);
        assert_int_not_equal(bytes[bad[i].byte], bad[i].value);
        bytes[bad[i].byte] = bad[i].value;
        if (wal_record_load(&record, &record_bytes, bytes, sizeof bytes) != STATUS_BAD_FORMAT) {
            fail_msg("accepted case %u", i);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_bad_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
