#include "replication/store_facts.h"

#include <string.h>

#include "matching/base/bytes.h"
#include "tests/support/cmocka_all.h"

static struct store_facts example(void)
{
    struct store_facts facts;
    uint8_t incarnation[WAL_KEY_BYTES];
    memset(incarnation, 0xA1, sizeof incarnation);
    store_facts_init(&facts, incarnation);
    facts.commit_number = 5;
    facts.place.number = 600;
    facts.place.position = (UINT64_C(1) << 33) + 8192;
    memset(facts.place.hash, 0xB2, WAL_HASH_BYTES);
    memset(facts.place.start_nonce, 0xC3, WAL_NONCE_BYTES);
    facts.states[2].tail.term = 9;
    return facts;
}

static void test_place(void **state)
{
    (void)state;
    struct store_facts facts = example();
    uint8_t record[STORE_FACTS_PLACE_BYTES];
    store_facts_place_store(record, &facts, UINT64_C(1) << 30);
    uint8_t expected[STORE_FACTS_PLACE_BYTES - 16] = {1};
    memset(expected + 8, 0xA1, 16);
    expected[24] = 5;
    expected[32] = 0x58;
    expected[33] = 0x02;
    expected[41] = 0x20;
    memset(expected + 48, 0xB2, 16);
    memset(expected + 64, 0xC3, 8);
    assert_memory_equal(record + 16, expected, sizeof expected);
    struct store_facts back;
    memset(&back, 0, sizeof back);
    assert_int_equal(store_facts_place_load(&back, record), STATUS_OK);
    assert_true(back.commit_number == 5 && back.place.number == 600);
    assert_true(back.place.position == 8192); /* Modulo the ring's size. */
    assert_memory_equal(back.place.hash, facts.place.hash, WAL_HASH_BYTES);
    assert_memory_equal(back.incarnation, facts.incarnation, WAL_KEY_BYTES);
}

static void test_every_bit(void **state)
{
    (void)state;
    struct store_facts facts = example();
    uint8_t place[STORE_FACTS_PLACE_BYTES];
    uint8_t shard[STORE_FACTS_SHARD_BYTES];
    store_facts_place_store(place, &facts, UINT64_C(1) << 30);
    store_facts_shard_store(shard, &facts, 2);
    assert_int_equal(store_facts_shard_load(&facts, 2, shard), STATUS_OK);
    assert_true(facts.states[2].tail.term == 9);
    for (uint32_t bit = 0; bit < 8 * sizeof place; bit++) {
        place[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(store_facts_place_load(&facts, place), STATUS_BAD_CHECKSUM);
        place[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (uint32_t bit = 0; bit < 8 * sizeof shard; bit++) {
        shard[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(store_facts_shard_load(&facts, 2, shard), STATUS_BAD_CHECKSUM);
        shard[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void test_repairs(void **state)
{
    (void)state;
    struct journal_repair repair = {.generation = UINT64_C(5) << 32,
                                    .state = JOURNAL_REPAIR_ACTIVE};
    memset(repair.record, 0xD4, sizeof repair.record);
    uint8_t record[STORE_FACTS_REPAIR_BYTES];
    store_facts_repair_store(record, &repair);
    uint8_t expected[STORE_FACTS_REPAIR_BYTES - 16] = {1};
    expected[12] = 5;
    expected[16] = 2;
    memset(expected + 24, 0xD4, JOURNAL_REPAIR_BYTES);
    assert_memory_equal(record + 16, expected, sizeof expected);
    struct journal_repair back;
    assert_int_equal(store_facts_repair_load(&back, record), STATUS_OK);
    assert_int_equal(back.generation, repair.generation);
    assert_int_equal(back.state, repair.state);
    assert_memory_equal(back.record, repair.record, sizeof back.record);
    for (uint32_t bit = 0; bit < 8 * sizeof record; bit++) {
        record[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(store_facts_repair_load(&back, record), STATUS_BAD_CHECKSUM);
        record[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    static const uint32_t bad[] = {28, 32, 33}; /* Generation 0, no such state, reserved; sealed. */
    for (uint32_t at = 0; at < 3; at++) {
        store_facts_repair_store(record, &repair);
        record[bad[at]] = at == 0 ? 0 : 9;
        journal_block_hash(record, record + 16, sizeof record - 16);
        assert_int_equal(store_facts_repair_load(&back, record), STATUS_BAD_FORMAT);
    }
}

static void test_bad_records(void **state)
{
    (void)state;
    struct store_facts facts = example();
    uint8_t record[STORE_FACTS_SHARD_BYTES];
    store_facts_shard_store(record, &facts, 0);
    bytes_store_le64(record + 16, 2); /* Another version, sealed. */
    journal_block_hash(record, record + 16, sizeof record - 16);
    assert_int_equal(store_facts_shard_load(&facts, 0, record), STATUS_BAD_VERSION);
    bytes_store_le64(record + 16, 1);
    bytes_store_le64(record + 24, 0); /* First log index 0, sealed. */
    journal_block_hash(record, record + 16, sizeof record - 16);
    assert_int_equal(store_facts_shard_load(&facts, 0, record), STATUS_BAD_FORMAT);
}

/* The head pointer's digest depends on every shard's tail. */
static void test_head(void **state)
{
    (void)state;
    struct store_facts facts = example();
    struct store_head_facts first;
    struct store_head_facts other;
    store_facts_head(&facts, &first);
    assert_true(first.commit_number == 5 && first.frame_number == 600);
    for (uint32_t i = 0; i < SHARDS_MAX; i++) {
        facts.states[i].tail.term++;
        store_facts_head(&facts, &other);
        assert_memory_not_equal(first.digest, other.digest, sizeof first.digest);
        facts.states[i].tail.term--;
    }
    store_facts_head(&facts, &other);
    assert_memory_equal(first.digest, other.digest, sizeof first.digest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_place),   cmocka_unit_test(test_every_bit),
        cmocka_unit_test(test_repairs), cmocka_unit_test(test_bad_records),
        cmocka_unit_test(test_head),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
