#include "replication/repair_record.h"

#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/replica_cluster.h"

static struct repair example(void)
{
    struct placement placement = cluster_placement("ABCDE", 2);
    struct repair_report report = {.site_id = 4,
                                   .incarnation = placement.sites[3].incarnation,
                                   .generation = UINT64_C(3) << 32,
                                   .last = {.log_index = 1000, .term = 9},
                                   .commit_log_index = 998,
                                   .placement = placement,
                                   .previous_placement = placement};
    memset(report.last.chain_hash, 0xC4, sizeof report.last.chain_hash);
    struct repair_request request = {.reports = &report, .report_count = 1, .attested = 23};
    memset(request.attestation_hash, 0xA7, sizeof request.attestation_hash);
    struct repair repair;
    uint8_t site_id;
    assert_int_equal(repair_decide(&request, &repair, &site_id), REPAIR_ACCEPTED);
    return repair;
}

static void test_what_is_stored_is_loaded(void **state)
{
    (void)state;
    struct repair repair = example();
    struct repair loaded;
    uint8_t bytes[REPAIR_RECORD_BYTES];
    uint8_t again[REPAIR_RECORD_BYTES];
    repair_record_store(bytes, &repair);
    assert_int_equal(repair_record_load(&loaded, bytes, sizeof bytes), STATUS_OK);
    repair_record_store(again, &loaded);
    assert_memory_equal(bytes, again, sizeof bytes);
    assert_int_equal(loaded.generation, repair.generation);
    assert_int_equal(loaded.previous_generation, UINT64_C(3) << 32);
    assert_int_equal(loaded.generation >> 32, 4);
    assert_int_equal(loaded.kept.log_index, 1000);
    assert_int_equal(loaded.kept_site_id, 4);
    assert_int_equal(loaded.survivors, 8);
    assert_int_equal(loaded.attested, 23);
    assert_int_equal(loaded.loss, REPAIR_LOSES_SOME);
    assert_int_equal(loaded.after.epoch, repair.before.epoch + 1);
}

/* These bytes never change: old journals stay readable. */
static void test_layout(void **state)
{
    (void)state;
    struct repair repair = example();
    uint8_t bytes[REPAIR_RECORD_BYTES];
    repair_record_store(bytes, &repair);
    uint8_t expected[128] = {1, 0, 0, 0, 4, REPAIR_LOSES_SOME, 8, 0, 23};
    memcpy(expected + 16, bytes + 16, 4); /* The fingerprint. */
    expected[20] = 4;
    expected[28] = 3;
    expected[32] = 0xE8;
    expected[33] = 0x03;
    expected[40] = 9;
    memset(expected + 48, 0xC4, 32);
    expected[80] = 0xE6;
    expected[81] = 0x03;
    memset(expected + 88, 0xA7, 32);
    assert_memory_equal(bytes, expected, sizeof expected);
    assert_int_equal(bytes[136], 2);                                  /* Before: providers. */
    assert_int_equal(bytes[584], (uint8_t)(repair.before.epoch + 1)); /* After: epoch. */
    assert_int_equal(bytes[592], 1);                                  /* After: providers. */
}

/* Every field is in the fingerprint and all else is zero: no flipped bit is taken for a repair. */
static void test_every_bit_counts(void **state)
{
    (void)state;
    struct repair repair = example();
    uint8_t bytes[REPAIR_RECORD_BYTES];
    repair_record_store(bytes, &repair);
    for (uint32_t bit = 0; bit < 8 * REPAIR_RECORD_BYTES; bit++) {
        bool of_round = bit / 8 >= 20 && bit / 8 < 24;
        struct repair loaded;
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        enum status status = repair_record_load(&loaded, bytes, sizeof bytes);
        assert_true(status != STATUS_OK || of_round);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void test_other_sizes_and_versions_are_refused(void **state)
{
    (void)state;
    struct repair repair = example();
    struct repair loaded;
    uint8_t bytes[REPAIR_RECORD_BYTES + 1] = {0};
    repair_record_store(bytes, &repair);
    for (size_t size = 0; size < REPAIR_RECORD_BYTES; size++) {
        assert_int_equal(repair_record_load(&loaded, bytes, size), STATUS_SHORT);
    }
    assert_int_equal(repair_record_load(&loaded, bytes, sizeof bytes), STATUS_BAD_FORMAT);
    bytes[0] = 2;
    assert_int_equal(repair_record_load(&loaded, bytes, REPAIR_RECORD_BYTES), STATUS_BAD_VERSION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_stored_is_loaded),
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_every_bit_counts),
        cmocka_unit_test(test_other_sizes_and_versions_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
