#include "replication/codec.h"

#include <stdlib.h>
#include <string.h>

#include "matching/base/limits.h"
#include "matching/base/random.h"
#include "tests/support/cmocka_all.h"

static struct codec_context *context;
static uint8_t raw[SEGMENT_RAW_BYTES_MAX];
static uint8_t stored[SEGMENT_RAW_BYTES_MAX + 16];
static uint8_t back[SEGMENT_RAW_BYTES_MAX];

static int setup(void **state)
{
    (void)state;
    return codec_create(&context, 3) == STATUS_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    codec_destroy(context);
    return 0;
}

static void fill_rows(uint64_t seed)
{
    struct random random;
    random_seed(&random, seed);
    memset(raw, 0, sizeof raw);
    for (size_t at = 0; at + 16 <= sizeof raw; at += 16) {
        raw[at] = (uint8_t)random_u64(&random);
        raw[at + 7] = (uint8_t)(at >> 8);
    }
}

static void fill_random(uint64_t seed)
{
    struct random random;
    random_seed(&random, seed);
    for (size_t at = 0; at < sizeof raw; at++) {
        raw[at] = (uint8_t)random_u64(&random);
    }
}

static enum codec check_round_trip(struct codec_context *with, size_t raw_bytes, size_t *bytes)
{
    enum codec codec = CODEC_STORED;
    *bytes = 0;
    codec_compress(with, stored, codec_bound(raw_bytes), raw, raw_bytes, &codec, bytes);
    assert_true(*bytes <= codec_bound(raw_bytes));
    memset(back, 0x5A, raw_bytes);
    assert_int_equal(codec_decompress(with, back, raw_bytes, (uint8_t)codec, stored, *bytes),
                     STATUS_OK);
    assert_memory_equal(back, raw, raw_bytes);
    return codec;
}

/* Every size tier of every level: a context that was too small would store instead. */
static void test_every_level_and_size(void **state)
{
    (void)state;
    static const size_t sizes[] = {100,    5000,   16384,
                                   16385,  131072, 131073,
                                   262144, 262145, SEGMENT_RAW_BYTES_MAX};
    fill_rows(1);
    for (int level = 1; level <= 9; level++) {
        struct codec_context *made;
        assert_int_equal(codec_create(&made, level), STATUS_OK);
        for (uint32_t pass = 0; pass < 2; pass++) {
            for (uint32_t at = 0; at < sizeof sizes / sizeof sizes[0]; at++) {
                size_t bytes;
                assert_int_equal(check_round_trip(made, sizes[at], &bytes), CODEC_ZSTD);
                assert_true(bytes < sizes[at] / 2);
            }
        }
        codec_destroy(made);
    }
}

static void test_what_does_not_shrink_is_stored(void **state)
{
    (void)state;
    size_t bytes;
    fill_random(2);
    assert_int_equal(check_round_trip(context, sizeof raw, &bytes), CODEC_STORED);
    assert_int_equal(bytes, sizeof raw);
    fill_rows(3);
    assert_int_equal(check_round_trip(context, 0, &bytes), CODEC_STORED);
    assert_int_equal(check_round_trip(context, 1, &bytes), CODEC_STORED);
    assert_int_equal(check_round_trip(context, 31, &bytes), CODEC_STORED);
}

static void test_bad_levels(void **state)
{
    (void)state;
    struct codec_context *made;
    assert_int_equal(codec_create(&made, 0), STATUS_BAD_ARGUMENT);
    assert_int_equal(codec_create(&made, 10), STATUS_BAD_ARGUMENT);
    assert_null(made);
    codec_destroy(made);
}

static void test_wrong_sizes_are_refused(void **state)
{
    (void)state;
    const size_t raw_bytes = 3000;
    size_t bytes;
    fill_rows(4);
    assert_int_equal(check_round_trip(context, raw_bytes, &bytes), CODEC_ZSTD);
    for (size_t size = 0; size < bytes; size++) {
        uint8_t *copy = malloc(size + 1);
        assert_non_null(copy);
        memcpy(copy, stored, size);
        assert_int_equal(codec_decompress(context, back, raw_bytes, CODEC_ZSTD, copy, size),
                         STATUS_BAD_FORMAT);
        free(copy);
    }
    /* More behind it: rubbish, or a second frame that decompresses to nothing. */
    stored[bytes] = 0;
    assert_int_equal(codec_decompress(context, back, raw_bytes, CODEC_ZSTD, stored, bytes + 1),
                     STATUS_BAD_FORMAT);
    static const uint8_t skippable[8] = {0x50, 0x2A, 0x4D, 0x18};
    memcpy(stored + bytes, skippable, sizeof skippable);
    assert_int_equal(codec_decompress(context, back, raw_bytes, CODEC_ZSTD, stored, bytes + 8),
                     STATUS_BAD_FORMAT);
    /* Another size than it unfolds to, in memory of that size. */
    uint8_t *small = malloc(raw_bytes - 1);
    assert_non_null(small);
    assert_int_equal(codec_decompress(context, small, raw_bytes - 1, CODEC_ZSTD, stored, bytes),
                     STATUS_BAD_FORMAT);
    free(small);
    assert_int_equal(codec_decompress(context, back, raw_bytes + 1, CODEC_ZSTD, stored, bytes),
                     STATUS_BAD_FORMAT);
    assert_int_equal(codec_decompress(context, back, 10, CODEC_STORED, stored, 11),
                     STATUS_BAD_FORMAT);
    assert_int_equal(codec_decompress(context, back, SEGMENT_RAW_BYTES_MAX + 1, CODEC_STORED,
                                      stored, SEGMENT_RAW_BYTES_MAX + 1),
                     STATUS_BAD_FORMAT);
}

static void test_unknown_codecs_are_refused(void **state)
{
    (void)state;
    for (uint32_t codec = 0; codec < 256; codec++) {
        if (codec != CODEC_STORED && codec != CODEC_ZSTD) {
            assert_int_equal(codec_decompress(context, back, 4, (uint8_t)codec, stored, 4),
                             STATUS_BAD_VERSION);
        }
    }
}

static void test_damage_stays_in_bounds(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, 5);
    fill_rows(5);
    const size_t raw_bytes = 2000;
    for (uint32_t round = 0; round < 2000; round++) {
        size_t bytes;
        enum codec codec = check_round_trip(context, raw_bytes, &bytes);
        stored[random_below(&random, bytes)] ^= (uint8_t)(1 + random_below(&random, 255));
        uint8_t *target = malloc(raw_bytes);
        assert_non_null(target);
        enum status status =
            codec_decompress(context, target, raw_bytes, (uint8_t)codec, stored, bytes);
        assert_true(status == STATUS_OK || status == STATUS_BAD_FORMAT);
        free(target);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_level_and_size),
        cmocka_unit_test(test_what_does_not_shrink_is_stored),
        cmocka_unit_test(test_bad_levels),
        cmocka_unit_test(test_wrong_sizes_are_refused),
        cmocka_unit_test(test_unknown_codecs_are_refused),
        cmocka_unit_test(test_damage_stays_in_bounds),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
