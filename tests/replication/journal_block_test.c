#include "replication/journal_block.h"

#include <string.h>

#include "tests/support/cmocka_all.h"

static void make(uint8_t block[static JOURNAL_BLOCK_BYTES])
{
    journal_block_init(block, "cwtest 1");
    memcpy(block + JOURNAL_BLOCK_BODY_AT, "body", 4);
    journal_block_seal(block);
}

static void test_kinds(void **state)
{
    (void)state;
    uint8_t block[JOURNAL_BLOCK_BYTES];
    make(block);
    assert_int_equal(journal_block_check(block, "cwtest 1"), STATUS_OK);
    assert_int_equal(journal_block_check(block, "cwtest 2"), STATUS_BAD_VERSION);
    assert_int_equal(journal_block_check(block, "cwrest 1"), STATUS_BAD_FORMAT);
    assert_memory_equal(block + 16, "cwtest 1body\0\0\0\0", 16);
}

static void test_every_bit(void **state)
{
    (void)state;
    uint8_t block[JOURNAL_BLOCK_BYTES];
    make(block);
    for (uint32_t bit = 0; bit < 8 * JOURNAL_BLOCK_BYTES; bit++) {
        block[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(journal_block_check(block, "cwtest 1"), STATUS_BAD_CHECKSUM);
        block[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    memset(block, 0, sizeof block);
    assert_int_equal(journal_block_check(block, "cwtest 1"), STATUS_BAD_CHECKSUM);
}

/* BLAKE2b-128 of "abc", as other implementations give it. */
static void test_hash(void **state)
{
    (void)state;
    static const uint8_t expected[JOURNAL_BLOCK_HASH_BYTES] = {0xcf, 0x4a, 0xb7, 0x91, 0xc6, 0x2b,
                                                               0x8d, 0x2b, 0x21, 0x09, 0xc9, 0x02,
                                                               0x75, 0x28, 0x78, 0x16};
    uint8_t hash[JOURNAL_BLOCK_HASH_BYTES];
    journal_block_hash(hash, "abc", 3);
    assert_memory_equal(hash, expected, sizeof hash);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_every_bit),
        cmocka_unit_test(test_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
