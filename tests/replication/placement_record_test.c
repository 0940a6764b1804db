#include "replication/placement_record.h"

#include <string.h>

#include "matching/base/random.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/test_seed.h"

static struct placement_record record_of(struct random *random, bool planned)
{
    struct placement_record record = {.planned = planned};
    struct placement *placements[] = {&record.placement, &record.target};
    for (uint32_t which = 0; which < (planned ? 2u : 1u); which++) {
        struct placement *placement = placements[which];
        placement->epoch = random_u64(random);
        placement->commit_providers = 1;
        placement->preferred_site_ids[0] = (uint8_t)(1 + random_below(random, SITES_MAX));
        for (uint32_t at = 0; at < SITES_MAX; at++) {
            if (at > 0 && random_below(random, 3) == 0) {
                continue;
            }
            struct placement_site *site = &placement->sites[at];
            site->incarnation = random_u64(random) | 1u;
            site->provider_id = (uint8_t)(1 + random_below(random, SITES_MAX));
            site->role =
                at == 0 || random_below(random, 2) == 0 ? PLACEMENT_VOTER : PLACEMENT_LEARNER;
            for (uint32_t byte = 0; byte < PLACEMENT_KEY_BYTES; byte++) {
                site->public_key[byte] = (uint8_t)random_u64(random);
            }
        }
    }
    record.waived_rules = planned ? 1u << PLACEMENT_PROVIDER_LOSS : 0;
    record.repaired = !planned && random_below(random, 2) == 0;
    if (record.repaired) {
        record.generation = random_u64(random) | 1u;
        record.attestation_hash[random_below(random, PLACEMENT_RECORD_HASH_BYTES)] = 7;
    }
    return record;
}

static void test_what_is_stored_is_loaded(void **state)
{
    (void)state;
    struct random random;
    test_seed(&random);
    for (uint32_t round = 0; round < 2000; round++) {
        struct placement_record record = record_of(&random, round % 2 == 1);
        uint8_t bytes[PLACEMENT_RECORD_BYTES];
        uint8_t again[PLACEMENT_RECORD_BYTES];
        struct placement_record loaded;
        placement_record_store(bytes, &record);
        assert_int_equal(placement_record_load(&loaded, bytes, sizeof bytes), STATUS_OK);
        placement_record_store(again, &loaded);
        assert_memory_equal(bytes, again, sizeof bytes);
        assert_int_equal(loaded.placement.epoch, record.placement.epoch);
        assert_int_equal(loaded.planned, record.planned);
        assert_int_equal(loaded.repaired, record.repaired);
        assert_int_equal(loaded.generation, record.generation);
        assert_memory_equal(loaded.attestation_hash, record.attestation_hash,
                            PLACEMENT_RECORD_HASH_BYTES);
        assert_memory_equal(loaded.placement.sites[0].public_key,
                            record.placement.sites[0].public_key, PLACEMENT_KEY_BYTES);
    }
}

/* Every bit is either refused or stored again as it was: nothing is read past or made up. */
static void test_every_bit_counts(void **state)
{
    (void)state;
    struct random random;
    test_seed(&random);
    for (uint32_t round = 0; round < 2; round++) {
        struct placement_record record = record_of(&random, round == 1);
        uint8_t bytes[PLACEMENT_RECORD_BYTES];
        uint8_t again[PLACEMENT_RECORD_BYTES];
        placement_record_store(bytes, &record);
        uint32_t refused = 0;
        for (uint32_t bit = 0; bit < 8 * PLACEMENT_RECORD_BYTES; bit++) {
            struct placement_record loaded;
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            if (placement_record_load(&loaded, bytes, sizeof bytes) == STATUS_OK) {
                placement_record_store(again, &loaded);
                assert_memory_equal(bytes, again, sizeof bytes);
            } else {
                refused++;
            }
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        assert_true(refused > 8 * 16);
    }
}

static void test_a_repair_is_no_plan_and_has_a_generation(void **state)
{
    (void)state;
    struct random random;
    test_seed(&random);
    struct placement_record record = record_of(&random, true);
    struct placement_record loaded;
    uint8_t bytes[PLACEMENT_RECORD_BYTES];
    placement_record_store(bytes, &record);
    bytes[4] = 3;
    assert_int_equal(placement_record_load(&loaded, bytes, sizeof bytes), STATUS_BAD_FORMAT);
    record = record_of(&random, false);
    record.repaired = true;
    record.generation = UINT64_C(1) << 32;
    placement_record_store(bytes, &record);
    assert_int_equal(placement_record_load(&loaded, bytes, sizeof bytes), STATUS_OK);
    assert_int_equal(loaded.generation, UINT64_C(1) << 32);
    bytes[PLACEMENT_RECORD_BYTES - 1] = 1;
    assert_int_equal(placement_record_load(&loaded, bytes, sizeof bytes), STATUS_BAD_FORMAT);
    record.generation = 0;
    placement_record_store(bytes, &record);
    assert_int_equal(placement_record_load(&loaded, bytes, sizeof bytes), STATUS_BAD_FORMAT);
}

static void test_other_sizes_and_versions_are_refused(void **state)
{
    (void)state;
    struct random random;
    test_seed(&random);
    struct placement_record record = record_of(&random, true);
    uint8_t bytes[PLACEMENT_RECORD_BYTES + 1] = {0};
    struct placement_record loaded;
    placement_record_store(bytes, &record);
    for (size_t size = 0; size < PLACEMENT_RECORD_BYTES; size++) {
        assert_int_equal(placement_record_load(&loaded, bytes, size), STATUS_SHORT);
    }
    assert_int_equal(placement_record_load(&loaded, bytes, sizeof bytes), STATUS_BAD_FORMAT);
    bytes[0] = 2;
    assert_int_equal(placement_record_load(&loaded, bytes, PLACEMENT_RECORD_BYTES),
                     STATUS_BAD_VERSION);
}

static void test_a_membership_that_cannot_rule_is_refused(void **state)
{
    (void)state;
    struct random random;
    test_seed(&random);
    struct placement_record record = record_of(&random, false);
    struct placement_record loaded;
    uint8_t bytes[PLACEMENT_RECORD_BYTES];
    for (uint32_t at = 0; at < SITES_MAX; at++) { /* Nobody could elect. */
        if (record.placement.sites[at].role == PLACEMENT_VOTER) {
            record.placement.sites[at].role = PLACEMENT_LEARNER;
        }
    }
    placement_record_store(bytes, &record);
    assert_int_equal(placement_record_load(&loaded, bytes, sizeof bytes), STATUS_BAD_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_stored_is_loaded),
        cmocka_unit_test(test_every_bit_counts),
        cmocka_unit_test(test_a_repair_is_no_plan_and_has_a_generation),
        cmocka_unit_test(test_other_sizes_and_versions_are_refused),
        cmocka_unit_test(test_a_membership_that_cannot_rule_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
