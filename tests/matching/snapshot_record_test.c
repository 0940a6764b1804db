#include "matching/snapshot_record.h"

#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/test_seed.h"

static const uint8_t types[] = {
    SNAPSHOT_HEAD,  SNAPSHOT_FIRM,  SNAPSHOT_SESSION, SNAPSHOT_INSTRUMENT,
    SNAPSHOT_LEVEL, SNAPSHOT_ORDER, SNAPSHOT_ANSWER,  SNAPSHOT_END,
};

/* snapshot.md says so. */
static void test_sizes_are_the_format(void **state)
{
    (void)state;
    static const uint32_t bytes[] = {168, 10, 194, 49, 10, 38, 14, 17};
    for (uint32_t i = 0; i < sizeof types; i++) {
        assert_int_equal(snapshot_record_bytes(types[i]), bytes[i]);
    }
    for (uint32_t type = SNAPSHOT_END + 1; type <= UINT8_MAX; type++) {
        assert_int_equal(snapshot_record_bytes((uint8_t)type), 0);
    }
    assert_int_equal(snapshot_record_bytes(0), 0);
}

/* Every byte of a record is of some field, which keeps all of it. */
static void test_any_bytes_come_back(void **state)
{
    (void)state;
    struct random random;
    test_seed(&random);
    for (uint32_t i = 0; i < 1000; i++) {
        uint8_t bytes[SNAPSHOT_RECORD_BYTES_MAX];
        uint8_t again[SNAPSHOT_RECORD_BYTES_MAX];
        for (uint32_t j = 0; j < sizeof bytes; j++) {
            bytes[j] = (uint8_t)random_u64(&random);
        }
        bytes[0] = types[i % sizeof types];
        struct snapshot_record record;
        snapshot_record_load(&record, bytes);
        assert_int_equal(record.type, bytes[0]);
        uint32_t count = snapshot_record_store(&record, again);
        assert_int_equal(count, snapshot_record_bytes(bytes[0]));
        assert_memory_equal(bytes, again, count);
    }
}

/* The same on every machine: little-endian, in the order of snapshot.md. */
static void test_an_order_as_bytes(void **state)
{
    (void)state;
    const struct snapshot_record record = {.type = SNAPSHOT_ORDER,
                                           .body.order = {.order_id = 0x0102030405060708,
                                                          .leaves_lots = 0x1112131415161718,
                                                          .cumulative_lots = 0x2122232425262728,
                                                          .session_id = 0x31323334,
                                                          .user_reference = 0x41424344,
                                                          .channel = 0x51,
                                                          .side = 0x52,
                                                          .time_in_force = 0x53,
                                                          .capacity = 0x54,
                                                          .cross = 0x55}};
    static const uint8_t expected[] = {0x06, 0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01, 0x18,
                                       0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11, 0x28, 0x27, 0x26,
                                       0x25, 0x24, 0x23, 0x22, 0x21, 0x34, 0x33, 0x32, 0x31, 0x44,
                                       0x43, 0x42, 0x41, 0x51, 0x52, 0x53, 0x54, 0x55};
    uint8_t bytes[SNAPSHOT_RECORD_BYTES_MAX];
    assert_int_equal(snapshot_record_store(&record, bytes), sizeof expected);
    assert_memory_equal(bytes, expected, sizeof expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes_are_the_format),
        cmocka_unit_test(test_any_bytes_come_back),
        cmocka_unit_test(test_an_order_as_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
