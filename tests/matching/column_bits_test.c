#include "matching/column_bits.h"

#include <stdlib.h>
#include <string.h>

#include "matching/base/random.h"
#include "tests/support/cmocka_all.h"

#define VALUES_MAX 500u

static uint64_t values[VALUES_MAX];
static uint8_t stream[VALUES_MAX * 16 + 64];

static struct column_bits_statistics statistics_of(uint32_t count)
{
    struct column_bits_statistics statistics = {.minimum = UINT64_MAX, .count = count};
    for (uint32_t at = 0; at < count; at++) {
        statistics.minimum = values[at] < statistics.minimum ? values[at] : statistics.minimum;
        statistics.maximum = values[at] > statistics.maximum ? values[at] : statistics.maximum;
    }
    for (uint32_t at = 0; at < count; at++) {
        statistics.lengths[column_bits_length(values[at] - statistics.minimum)]++;
    }
    return statistics;
}

/* Write and read all values in `code`; returns the bits they took. */
static uint64_t check_code(const struct column_bits_code *code, uint32_t count)
{
    memset(stream, 0, sizeof stream);
    struct column_bits_writer writer = {.target = stream};
    for (uint32_t at = 0; at < count; at++) {
        column_bits_write(&writer, code, values[at]);
    }
    uint64_t bits = writer.bytes * 8 + writer.held_bits;
    size_t bytes = column_bits_finish(&writer);
    assert_int_equal(bytes, (bits + 7) / 8);
    struct column_bits_reader reader = {.source = stream};
    for (uint32_t at = 0; at < count; at++) {
        assert_true(column_bits_read(&reader, code) == values[at]);
    }
    assert_false(reader.failed);
    assert_int_equal(reader.position, bits);
    return bits;
}

/* The choice is the cheapest of all codes there are, and costs what it says. */
static void check_choice(uint32_t count)
{
    struct column_bits_statistics statistics = statistics_of(count);
    uint64_t bits = 0;
    struct column_bits_code chosen = column_bits_choose(&statistics, &bits);
    assert_int_equal(check_code(&chosen, count), bits);
    if (count == 0 || statistics.minimum == statistics.maximum) {
        assert_int_equal(bits, 0);
        return;
    }
    uint32_t longest = column_bits_length(statistics.maximum - statistics.minimum);
    struct column_bits_code other = {.base = statistics.minimum,
                                     .kind = COLUMN_BITS_FIXED,
                                     .width = (uint8_t)(longest - 1)};
    assert_true(check_code(&other, count) >= bits);
    other.kind = COLUMN_BITS_GAMMA;
    for (uint8_t width = 0; width < 64; width++) {
        other.width = width;
        assert_true(check_code(&other, count) >= bits);
    }
}

static void test_choice_is_cheapest(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, 3);
    for (uint32_t round = 0; round < 60; round++) {
        uint32_t count = 1 + (uint32_t)random_below(&random, VALUES_MAX);
        uint32_t shift = (uint32_t)random_below(&random, 64);
        uint32_t spread = (uint32_t)random_below(&random, 64 - shift);
        for (uint32_t at = 0; at < count; at++) {
            values[at] = random_u64(&random) >> (shift + random_below(&random, spread + 1));
        }
        check_choice(count);
    }
}

static void test_edges(void **state)
{
    (void)state;
    static const uint64_t edges[] = {0,
                                     UINT64_MAX,
                                     1,
                                     UINT64_C(1) << 39,
                                     UINT64_C(1) << 40,
                                     (UINT64_C(1) << 40) - 1,
                                     UINT64_C(1) << 63,
                                     2,
                                     3,
                                     5};
    memcpy(values, edges, sizeof edges);
    check_choice(sizeof edges / sizeof edges[0]);
    values[0] = values[1] = 17;
    check_choice(2);
    values[0] = values[1] = 0;
    check_choice(2);
    check_choice(0);
    struct column_bits_statistics none = statistics_of(0);
    uint64_t bits;
    assert_int_equal(column_bits_choose(&none, &bits).kind, COLUMN_BITS_ZERO);
}

static void test_zigzag(void **state)
{
    (void)state;
    static const uint64_t differences[] = {
        0, 1, 2, UINT64_MAX, UINT64_MAX - 1, INT64_MAX, UINT64_C(1) << 63};
    for (uint32_t at = 0; at < sizeof differences / sizeof differences[0]; at++) {
        uint64_t value = column_bits_zigzag(differences[at]);
        assert_true(column_bits_unzigzag(value) == differences[at]);
        uint32_t narrow = (uint32_t)differences[at];
        uint64_t value32 = column_bits_zigzag32(narrow);
        assert_true(value32 <= UINT32_MAX);
        assert_true(column_bits_unzigzag32((uint32_t)value32) == narrow);
    }
    assert_true(column_bits_zigzag(UINT64_MAX) == 1);
    assert_true(column_bits_zigzag(1) == 2);
    assert_true(column_bits_zigzag32(UINT32_MAX) == 1);
}

static void test_impossible_codes_fail(void **state)
{
    (void)state;
    memset(stream, 0, sizeof stream);
    struct column_bits_code code = {.kind = COLUMN_BITS_GAMMA};
    struct column_bits_reader reader = {.source = stream};
    (void)column_bits_read(&reader, &code); /* A prefix that never ends. */
    assert_true(reader.failed);
    code.width = 63;
    stream[0] = 4; /* A value of 65 bits. */
    reader = (struct column_bits_reader){.source = stream};
    (void)column_bits_read(&reader, &code);
    assert_true(reader.failed);
}

static void test_varint(void **state)
{
    (void)state;
    static const uint64_t numbers[] = {0, 127, 128, 16383, 16384, UINT32_MAX, UINT64_MAX};
    for (uint32_t at = 0; at < sizeof numbers / sizeof numbers[0]; at++) {
        uint8_t bytes[10];
        size_t size = 0;
        column_bits_varint_write(bytes, &size, numbers[at]);
        uint64_t read = 0;
        size_t position = 0;
        assert_int_equal(column_bits_varint_read(&read, bytes, size, &position), STATUS_OK);
        assert_true(read == numbers[at]);
        assert_int_equal(position, size);
        position = 0;
        assert_int_equal(column_bits_varint_read(&read, bytes, size - 1, &position), STATUS_SHORT);
    }
    static const uint8_t bad[][11] = {
        {0x80, 0x00},
        {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x02},
        {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01},
    };
    for (uint32_t at = 0; at < 3; at++) {
        uint64_t read = 0;
        size_t position = 0;
        assert_int_equal(column_bits_varint_read(&read, bad[at], sizeof bad[at], &position),
                         STATUS_BAD_FORMAT);
    }
}

static void test_code_descriptors(void **state)
{
    (void)state;
    struct column_bits_code code = {.kind = COLUMN_BITS_FIXED, .width = 63, .base = UINT64_MAX};
    uint8_t bytes[COLUMN_BITS_CODE_BYTES_MAX];
    size_t size = 0;
    column_bits_code_write(bytes, &size, &code);
    assert_int_equal(size, sizeof bytes);
    struct column_bits_code read;
    size_t position = 0;
    assert_int_equal(column_bits_code_read(&read, bytes, size, &position), STATUS_OK);
    assert_int_equal(read.kind, code.kind);
    assert_int_equal(read.width, code.width);
    assert_true(read.base == code.base);
    for (size_t cut = 0; cut < size; cut++) {
        position = 0;
        assert_int_equal(column_bits_code_read(&read, bytes, cut, &position), STATUS_SHORT);
    }
    static const uint8_t bad[][2] = {{0x00, 0}, {0x3F, 0}, {0x41, 0}};
    for (uint32_t at = 0; at < 3; at++) {
        position = 0;
        assert_int_equal(column_bits_code_read(&read, bad[at], 2, &position), STATUS_BAD_FORMAT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_choice_is_cheapest),
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_zigzag),
        cmocka_unit_test(test_impossible_codes_fail),
        cmocka_unit_test(test_varint),
        cmocka_unit_test(test_code_descriptors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
