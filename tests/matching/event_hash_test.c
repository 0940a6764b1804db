#include "matching/event_hash.h"

#include "tests/support/cmocka_all.h"

/* The high half of a product by schoolbook multiplication, apart from the compiler's 128 bits. */
static uint64_t product_high(uint64_t left, uint64_t right)
{
    uint64_t a = left >> 32;
    uint64_t b = left & UINT32_MAX;
    uint64_t c = right >> 32;
    uint64_t d = right & UINT32_MAX;
    uint64_t middle = (b * d >> 32) + (a * d & UINT32_MAX) + (b * c & UINT32_MAX);
    return a * c + (a * d >> 32) + (b * c >> 32) + (middle >> 32);
}

static void test_a_pair_is_a_whole_product(void **state)
{
    (void)state;
    for (uint32_t index = 0; index < EVENT_HASH_WORDS_MAX; index += 2) {
        uint64_t left = UINT64_C(0x0123456789ABCDEF) * (index + 1);
        uint64_t right = ~left >> 3;
        event_hash_sum sum = event_hash_pair(index, left, right);
        left ^= event_hash_keys[index];
        right ^= event_hash_keys[index + 1];
        assert_int_equal((uint64_t)sum, left * right);
        assert_int_equal((uint64_t)(sum >> 64), product_high(left, right));
    }
}

static void test_every_bit_counts(void **state)
{
    (void)state;
    uint64_t base = event_hash_step(1, event_hash_pair(0, 5, 6));
    for (uint32_t bit = 0; bit < 64; bit++) {
        uint64_t flipped = UINT64_C(1) << bit;
        assert_int_not_equal(event_hash_step(1, event_hash_pair(0, 5 ^ flipped, 6)), base);
        assert_int_not_equal(event_hash_step(1, event_hash_pair(0, 5, 6 ^ flipped)), base);
        assert_int_not_equal(event_hash_step(1 ^ flipped, event_hash_pair(0, 5, 6)), base);
    }
    assert_int_not_equal(event_hash_step(1, event_hash_pair(0, 6, 5)), base);
    assert_int_not_equal(event_hash_step(1, event_hash_pair(2, 5, 6)), base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_pair_is_a_whole_product),
        cmocka_unit_test(test_every_bit_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
