#include "matching/column_text.h"

#include <string.h>

#include "tests/support/cmocka_all.h"

static void check_next(const char *before, const char *after)
{
    uint8_t id[CLIENT_ORDER_ID_BYTES];
    memcpy(id, before, sizeof id);
    column_text_next(id);
    assert_memory_equal(id, after, sizeof id);
}

static void check_replace(const char *before, uint32_t value, const char *after)
{
    uint8_t id[CLIENT_ORDER_ID_BYTES];
    memcpy(id, before, sizeof id);
    column_text_replace(id, value);
    assert_memory_equal(id, after, sizeof id);
}

static void test_next(void **state)
{
    (void)state;
    check_next("              ", "              ");
    check_next("7             ", "8             ");
    check_next("9             ", "10            ");
    check_next("A0099         ", "A0100         ");
    check_next("A999          ", "A1000         ");
    check_next("A9999999999999", "A0000000000000");
    check_next("99999999999999", "00000000000000");
    check_next("AB            ", "AB            ");
    check_next("A9B           ", "A9B           ");
    check_next("9A9           ", "9A10          ");
    check_next("             9", "             0");
}

static void test_replace(void **state)
{
    (void)state;
    check_replace("              ", 5, "              ");
    check_replace("AB            ", 5, "AB            ");
    check_replace("A17           ", 5, "A5            ");
    check_replace("A17           ", 4294967295, "A4294967295   ");
    check_replace("A007          ", 12, "A012          ");
    check_replace("A007          ", 12345, "A345          ");
    check_replace("A0000000000007", 12345, "A0000000012345");
    check_replace("ABCDEFGHIJKLM0", 4294967295, "ABCDEFGHIJKLM5");
    check_replace("ABCDEFGHIJKL1 ", 4294967295, "ABCDEFGHIJKL95");
    check_replace("1             ", 0, "0             ");
}

static void test_alphabet_round_trip(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "A", "AB", "0123456789", "\x01z", "\xFF", "hello"};
    static const uint8_t widths[] = {0, 0, 1, 4, 1, 0, 2};
    for (uint32_t at = 0; at < sizeof texts / sizeof texts[0]; at++) {
        struct column_text_alphabet alphabet = {.count = 0};
        for (const char *letter = texts[at]; *letter != 0; letter++) {
            column_text_use(&alphabet, (uint8_t)*letter);
        }
        column_text_number(&alphabet);
        assert_int_equal(alphabet.width, widths[at]);
        uint8_t header[COLUMN_TEXT_ALPHABET_BYTES_MAX];
        size_t bytes = 0;
        column_text_alphabet_write(header, &bytes, &alphabet);
        assert_true(bytes <= sizeof header);
        struct column_text_alphabet read;
        size_t position = 0;
        assert_int_equal(column_text_alphabet_read(&read, header, bytes, &position), STATUS_OK);
        assert_int_equal(position, bytes);
        assert_int_equal(read.count, alphabet.count);
        for (const char *letter = texts[at]; *letter != 0; letter++) {
            uint8_t number = alphabet.numbers[(uint8_t)*letter];
            assert_true(number < read.count);
            assert_int_equal(read.letters[number], (uint8_t)*letter);
        }
        for (size_t size = 0; size < bytes; size++) {
            position = 0;
            assert_int_equal(column_text_alphabet_read(&read, header, size, &position),
                             STATUS_SHORT);
        }
    }
}

static void test_bad_alphabets_are_refused(void **state)
{
    (void)state;
    static const uint8_t bad[][4] = {
        {1, 32, 1, 0}, {2, 31, 1, 1}, {1, 0, 0, 0}, {2, 0, 0, 1}, {2, 0, 1, 0}};
    for (uint32_t at = 0; at < sizeof bad / sizeof bad[0]; at++) {
        struct column_text_alphabet read;
        size_t position = 0;
        assert_int_equal(column_text_alphabet_read(&read, bad[at], sizeof bad[at], &position),
                         STATUS_BAD_FORMAT);
    }
    uint8_t long_one[40];
    memset(long_one, 1, sizeof long_one);
    long_one[0] = 33;
    struct column_text_alphabet read;
    size_t position = 0;
    assert_int_equal(column_text_alphabet_read(&read, long_one, sizeof long_one, &position),
                     STATUS_BAD_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_next),
        cmocka_unit_test(test_replace),
        cmocka_unit_test(test_alphabet_round_trip),
        cmocka_unit_test(test_bad_alphabets_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
