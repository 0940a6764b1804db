#include "replication/wal_frame.h"

#include <sodium.h>
#include <string.h>

#include "matching/base/bytes.h"
#include "tests/support/cmocka_all.h"

#define RECORDS_BYTES 40u

static uint8_t key[WAL_KEY_BYTES];
static uint8_t bytes[2 * WAL_ALIGNMENT_BYTES];
static struct wal_frame example;

static int setup(void **state)
{
    (void)state;
    memset(key, 0x11, sizeof key);
    memset(bytes, 0xEE, sizeof bytes);
    example =
        (struct wal_frame){.number = 258, .persisted_number = 256, .records_bytes = RECORDS_BYTES};
    memset(example.previous_hash, 0x22, sizeof example.previous_hash);
    memset(example.start_nonce, 0x33, sizeof example.start_nonce);
    memset(bytes + WAL_FRAME_HEADER_BYTES, 0x44, RECORDS_BYTES);
    wal_frame_seal(&example, bytes, WAL_ALIGNMENT_BYTES, key);
    return sodium_init() < 0 ? -1 : 0;
}

/* These bytes never change: old rings stay readable. The hash was computed with Python's hashlib.
 */
static void test_layout(void **state)
{
    (void)state;
    static const uint8_t hash[WAL_HASH_BYTES] = {0x6b, 0xd9, 0xbb, 0x48, 0xb3, 0x51, 0x05, 0x5a,
                                                 0x73, 0x9a, 0x9e, 0xbd, 0x85, 0x91, 0x94, 0x31};
    uint8_t expected[WAL_ALIGNMENT_BYTES] = {0};
    memcpy(expected, hash, sizeof hash);
    memset(expected + 16, 0x22, 16);
    memset(expected + 32, 0x33, 8);
    expected[40] = 2;
    expected[41] = 1;
    expected[49] = 1;
    expected[56] = RECORDS_BYTES;
    memset(expected + 64, 0x44, RECORDS_BYTES);
    assert_memory_equal(bytes, expected, sizeof expected);
    assert_memory_equal(example.hash, hash, sizeof hash);
    assert_int_equal(bytes[WAL_ALIGNMENT_BYTES], 0xEE); /* Nothing beyond its end is touched. */
}

static void check_fields(const struct wal_frame *frame)
{
    assert_memory_equal(frame->hash, example.hash, WAL_HASH_BYTES);
    assert_memory_equal(frame->previous_hash, example.previous_hash, WAL_HASH_BYTES);
    assert_memory_equal(frame->start_nonce, example.start_nonce, WAL_NONCE_BYTES);
    assert_true(frame->number == example.number);
    assert_true(frame->persisted_number == example.persisted_number);
    assert_int_equal(frame->records_bytes, example.records_bytes);
}

static void test_open(void **state)
{
    (void)state;
    struct wal_frame frame;
    struct wal_frame fields;
    assert_int_equal(wal_frame_open(&frame, bytes, sizeof bytes, key), STATUS_OK);
    check_fields(&frame);
    wal_frame_fields(&fields, bytes);
    check_fields(&fields);
    assert_int_equal(wal_frame_open(&frame, bytes, WAL_ALIGNMENT_BYTES, key), STATUS_OK);
    assert_int_equal(wal_frame_open(&frame, bytes, WAL_ALIGNMENT_BYTES - 1, key), STATUS_SHORT);
    assert_int_equal(wal_frame_open(&frame, bytes, WAL_FRAME_HEADER_BYTES - 1, key), STATUS_SHORT);
    /* Another journal's frame is none of ours. */
    key[0] ^= 1;
    assert_int_equal(wal_frame_open(&frame, bytes, sizeof bytes, key), STATUS_BAD_CHECKSUM);
    key[0] ^= 1;
}

static void test_every_bit(void **state)
{
    (void)state;
    for (uint32_t bit = 0; bit < 8 * WAL_ALIGNMENT_BYTES; bit++) {
        struct wal_frame frame;
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        enum status status = wal_frame_open(&frame, bytes, WAL_ALIGNMENT_BYTES, key);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (bit / 8 < WAL_FRAME_HEADER_BYTES + RECORDS_BYTES) {
            assert_true(status == STATUS_BAD_CHECKSUM || status == STATUS_BAD_FORMAT ||
                        status == STATUS_SHORT);
        } else {
            assert_int_equal(status, STATUS_OK); /* Only filling. */
        }
    }
}

/* Fields that our writer never writes, sealed again by one that knows the key. */
static void check_refused(uint32_t offset, uint64_t value, uint32_t value_bytes)
{
    struct wal_frame frame;
    uint8_t copy[WAL_ALIGNMENT_BYTES];
    uint8_t number[8];
    memcpy(copy, bytes, sizeof copy);
    bytes_store_le64(number, value);
    memcpy(copy + offset, number, value_bytes);
    crypto_generichash(copy, WAL_HASH_BYTES, copy + 16, 48 + RECORDS_BYTES, key, WAL_KEY_BYTES);
    assert_int_equal(wal_frame_open(&frame, copy, sizeof copy, key), STATUS_BAD_FORMAT);
}

static void test_fields(void **state)
{
    (void)state;
    check_refused(40, 0, 8);                                  /* Number 0. */
    check_refused(40, 256, 8);                                /* Knows itself to be durable. */
    check_refused(40, 256 + WAL_WRITES_IN_FLIGHT_MAX + 1, 8); /* Too far ahead. */
    check_refused(48, 258, 8);
    check_refused(56, 0, 4); /* Empty. */
    check_refused(56, WAL_FRAME_BYTES_MAX - WAL_FRAME_HEADER_BYTES + 1, 4);
    check_refused(56, UINT32_MAX, 4);
    check_refused(60, 1, 4); /* Reserved. */
}

static void test_sizes(void **state)
{
    (void)state;
    static const struct {
        uint32_t records_bytes;
        uint32_t frame_bytes;
    } cases[] = {{1, 4096},
                 {4032, 4096},
                 {4033, 8192},
                 {WAL_FRAME_BYTES_MAX - WAL_FRAME_HEADER_BYTES, WAL_FRAME_BYTES_MAX}};
    for (uint32_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct wal_frame frame = {.records_bytes = cases[i].records_bytes};
        assert_int_equal(wal_frame_bytes(&frame), cases[i].frame_bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_layout, setup),
        cmocka_unit_test_setup(test_open, setup),
        cmocka_unit_test_setup(test_every_bit, setup),
        cmocka_unit_test_setup(test_fields, setup),
        cmocka_unit_test(test_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
