#include "tools/stream_record.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/cmocka_all.h"

static size_t message(uint8_t *target, size_t target_bytes, uint64_t number)
{
    return (size_t)snprintf((char *)target, target_bytes, "message %llu of the stream",
                            (unsigned long long)number);
}

static enum status add(struct stream_record *record, uint64_t sequence, uint64_t number)
{
    uint8_t bytes[64];
    size_t count = message(bytes, sizeof bytes, number);
    return stream_record_add(record, sequence, bytes, count);
}

static void fill(struct stream_record *record, uint64_t count, bool keep_content)
{
    stream_record_init(record, 10000, keep_content);
    for (uint64_t i = 1; i <= count; i++) {
        assert_int_equal(add(record, i, i), STATUS_OK);
    }
}

static void test_same_again(void **state)
{
    (void)state;
    struct stream_record record;
    fill(&record, 1000, false);
    uint64_t hash = record.hash;
    for (uint64_t i = 1; i <= 1000; i++) {
        assert_int_equal(add(&record, i, i), STATUS_OK);
    }
    assert_int_equal(record.count, 1000);
    assert_int_equal(record.hash, hash);
    stream_record_destroy(&record);
}

/* What a server that continues wrongly looks like when the stream is read again. */
static void test_gap_repeat_change(void **state)
{
    (void)state;
    struct stream_record record;
    fill(&record, 100, false);
    assert_int_equal(add(&record, 102, 102), STATUS_BAD_CHAIN);
    assert_int_equal(record.count, 100);
    assert_int_equal(add(&record, 50, 51), STATUS_BAD_CHECKSUM); /* 50 was left out. */
    assert_int_equal(add(&record, 50, 49), STATUS_BAD_CHECKSUM); /* 49 came twice. */
    uint8_t bytes[64];
    size_t count = message(bytes, sizeof bytes, 7);
    for (size_t i = 0; i < count; i++) {
        for (uint32_t bit = 0; bit < 8; bit++) {
            bytes[i] ^= (uint8_t)(1u << bit);
            assert_int_equal(stream_record_add(&record, 7, bytes, count), STATUS_BAD_CHECKSUM);
            bytes[i] ^= (uint8_t)(1u << bit);
        }
    }
    assert_int_equal(stream_record_add(&record, 7, bytes, count - 1), STATUS_BAD_CHECKSUM);
    assert_int_equal(stream_record_add(&record, 7, bytes, count), STATUS_OK);
    stream_record_destroy(&record);
}

static void test_bound(void **state)
{
    (void)state;
    struct stream_record record;
    stream_record_init(&record, 2, false);
    assert_int_equal(add(&record, 1, 1), STATUS_OK);
    assert_int_equal(add(&record, 2, 2), STATUS_OK);
    assert_int_equal(add(&record, 3, 3), STATUS_FULL);
    assert_int_equal(record.count, 2);
    stream_record_destroy(&record);
}

static void test_content(void **state)
{
    (void)state;
    struct stream_record record;
    fill(&record, 700, true);
    for (uint64_t i = 1; i <= 700; i++) {
        uint8_t bytes[64];
        size_t wanted = message(bytes, sizeof bytes, i);
        size_t found = 0;
        const uint8_t *kept = stream_record_message(&record, i, &found);
        assert_non_null(kept);
        assert_int_equal(found, wanted);
        assert_memory_equal(kept, bytes, wanted);
    }
    size_t found = 0;
    assert_null(stream_record_message(&record, 701, &found));
    stream_record_destroy(&record);
    fill(&record, 1, false);
    assert_null(stream_record_message(&record, 1, &found));
    stream_record_destroy(&record);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_again),
        cmocka_unit_test(test_gap_repeat_change),
        cmocka_unit_test(test_bound),
        cmocka_unit_test(test_content),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
