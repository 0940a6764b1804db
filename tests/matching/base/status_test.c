#include "matching/base/status.h"

#include <string.h>

#include "matching/base/bytes.h"
#include "tests/support/cmocka_all.h"

static void test_every_status_has_a_word_of_its_own(void **state)
{
    (void)state;
    for (int i = 0; i < STATUS_COUNT; i++) {
        const char *text = status_text((enum status)i);
        assert_true(strlen(text) > 0);
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(text, status_text((enum status)j));
        }
    }
}

static void test_bytes_in_both_orders(void **state)
{
    (void)state;
    const uint8_t source[] = {0xFF, 1, 2, 3, 4, 5, 6, 7, 8};
    const uint8_t *odd = source + 1; /* Unaligned on purpose. */
    assert_true(bytes_load_le16(odd) == 0x0201);
    assert_true(bytes_load_le32(odd) == 0x04030201);
    assert_true(bytes_load_le64(odd) == UINT64_C(0x0807060504030201));
    assert_true(bytes_load_be16(odd) == 0x0102);
    assert_true(bytes_load_be32(odd) == 0x01020304);
    assert_true(bytes_load_be64(odd) == UINT64_C(0x0102030405060708));
    uint8_t target[9] = {0xFF};
    bytes_store_be64(target + 1, UINT64_C(0x0102030405060708));
    assert_memory_equal(target, source, sizeof source);
    bytes_store_le64(target + 1, UINT64_C(0x0807060504030201));
    assert_memory_equal(target, source, sizeof source);
    bytes_store_be32(target + 1, 0x01020304);
    bytes_store_le32(target + 5, 0x08070605);
    assert_memory_equal(target, source, sizeof source);
    bytes_store_be16(target + 1, 0x0102);
    bytes_store_le16(target + 3, 0x0403);
    assert_memory_equal(target, source, sizeof source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_status_has_a_word_of_its_own),
        cmocka_unit_test(test_bytes_in_both_orders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
