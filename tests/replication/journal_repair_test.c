/* Generations in a journal: durable before they count, behind everything else, across restarts. */
#include <string.h>

#include "replication/journal.h"
#include "tests/support/asserts.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/journal_fixture.h"
#include "tests/support/replica_cluster.h"

static struct journal_fixture fixture;

static int setup(void **state)
{
    (void)state;
    journal_fixture_make(&fixture, "journal_repair");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    journal_fixture_free(&fixture);
    return 0;
}

static void open_journal(void)
{
    enum status status = journal_fixture_open(&fixture);
    if (status != STATUS_OK) {
        fail_msg("journal_open: %s: %s", status_text(status), journal_error(fixture.journal));
    }
}

static void reopen(void)
{
    journal_fixture_close(&fixture);
    open_journal();
}

/* Valid until the next call. */
static const struct journal_generation *generation_of(uint16_t shard_id)
{
    static struct journal_generation generation;
    journal_generation(fixture.journal, shard_id, &generation);
    return &generation;
}

/* A repair in which site 2 alone survives; the log is kept at `log_index`. */
static struct repair repair_from(uint64_t previous_generation, uint64_t log_index)
{
    struct placement placement = cluster_placement("ABC", 1);
    struct repair_report report = {.site_id = 2,
                                   .incarnation = placement.sites[1].incarnation,
                                   .generation = previous_generation,
                                   .last = {.log_index = log_index, .term = 3},
                                   .placement = placement,
                                   .previous_placement = placement};
    struct repair_request request = {.reports = &report, .report_count = 1, .attested = 5};
    struct repair repair;
    uint8_t site_id;
    assert_int_equal(repair_decide(&request, &repair, &site_id), REPAIR_ACCEPTED);
    return repair;
}

/* Flush, and wait for the write. */
static void persist(uint16_t shard_id, uint64_t generation, bool active)
{
    assert_int_equal(journal_flush(fixture.journal), STATUS_OK);
    struct journal_generation found = *generation_of(shard_id);
    for (uint32_t tries = 0; tries < 1000; tries++) {
        if (found.repair.generation == generation && found.active == active) {
            return;
        }
        assert_int_equal(journal_fixture_turn(&fixture, UINT64_C(1000000000)), STATUS_OK);
        found = *generation_of(shard_id);
    }
    fail_msg("never durable");
}

static void test_at_birth_there_is_none(void **state)
{
    (void)state;
    open_journal();
    for (uint16_t shard_id = 1; shard_id <= SHARDS_MAX; shard_id++) {
        struct journal_generation generation = *generation_of(shard_id);
        assert_int_equal(generation.generation, 0);
        assert_false(generation.accepted);
        assert_false(generation.active);
    }
}

static void test_a_promise_counts_when_it_is_durable(void **state)
{
    (void)state;
    open_journal();
    struct repair repair = repair_from(0, 4);
    assert_int_equal(journal_promise(fixture.journal, 3, &repair), STATUS_OK);
    assert_false(generation_of(3)->accepted);
    assert_int_equal(journal_promise(fixture.journal, 3, &repair), STATUS_NOT_YET);
    assert_int_equal(journal_activate(fixture.journal, 3), STATUS_NOT_YET);
    reopen(); /* What was never flushed is not written. */
    assert_false(generation_of(3)->accepted);
    assert_int_equal(journal_promise(fixture.journal, 3, &repair), STATUS_OK);
    persist(3, repair.generation, false);
    struct journal_generation generation = *generation_of(3);
    assert_true(generation.accepted);
    assert_int_equal(generation.generation, 0); /* Not yet in the new one. */
    assert_int_equal(generation.repair.kept.log_index, 4);
    assert_int_equal(generation.repair.after.epoch, repair.after.epoch);
    assert_false(generation_of(2)->accepted);
}

static void test_states_survive_restarts_with_and_without_the_store(void **state)
{
    (void)state;
    open_journal();
    assert_int_equal(journal_fixture_append(&fixture, 1, 100, 1), STATUS_OK);
    struct repair repair = repair_from(0, 1);
    assert_int_equal(journal_promise(fixture.journal, 1, &repair), STATUS_OK);
    persist(1, repair.generation, false);
    reopen();
    assert_true(generation_of(1)->accepted && !generation_of(1)->active);
    assert_int_equal(journal_activate(fixture.journal, 1), STATUS_OK);
    persist(1, repair.generation, true);
    assert_int_equal(generation_of(1)->generation, repair.generation);
    for (uint32_t life = 0; life < 3; life++) {
        journal_fixture_store(&fixture);
        reopen();
        struct journal_generation generation = *generation_of(1);
        assert_int_equal(generation.generation, repair.generation);
        assert_true(generation.accepted && generation.active);
        assert_memory_equal(generation.repair.attestation_hash, repair.attestation_hash,
                            REPAIR_HASH_BYTES);
        assert_int_equal(journal_fixture_append(&fixture, 1, 100, 1), STATUS_OK);
        journal_fixture_persist(&fixture);
    }
    /* The log is as it was: a repair moves no tail. */
    journal_fixture_check(&fixture, 1, 1, 100, 1);
    struct journal_tail tail;
    journal_persisted(fixture.journal, 1, &tail);
    assert_int_equal(tail.last_log_index, 4);
    /* And a later one takes its place. */
    struct repair next = repair_from(repair.generation, 9);
    assert_int_equal(journal_promise(fixture.journal, 1, &next), STATUS_OK);
    persist(1, next.generation, false);
    reopen();
    assert_int_equal(generation_of(1)->generation, repair.generation);
    assert_int_equal(generation_of(1)->repair.generation, next.generation);
    assert_int_equal(journal_activate(fixture.journal, 1), STATUS_OK);
    persist(1, next.generation, true);
    assert_int_equal(generation_of(1)->generation, next.generation);
}

static void test_a_new_site_joins_a_generation(void **state)
{
    (void)state;
    open_journal();
    assert_int_equal(journal_join(fixture.journal, 2, UINT64_C(7) << 32), STATUS_OK);
    assert_int_equal(journal_flush(fixture.journal), STATUS_OK);
    while (generation_of(2)->generation == 0) {
        assert_int_equal(journal_fixture_turn(&fixture, UINT64_C(1000000000)), STATUS_OK);
    }
    reopen();
    assert_int_equal(generation_of(2)->generation, UINT64_C(7) << 32);
    assert_false(generation_of(2)->accepted);
    struct repair next = repair_from(UINT64_C(7) << 32, 9);
    assert_int_equal(journal_promise(fixture.journal, 2, &next), STATUS_OK);
    persist(2, next.generation, false);
    assert_int_equal(generation_of(2)->generation, UINT64_C(7) << 32);
}

static void join_a_log(void *argument)
{
    (void)argument;
    assert_int_equal(journal_join(fixture.journal, 1, 1), STATUS_OK);
}

static void activate_nothing(void *argument)
{
    (void)argument;
    assert_int_equal(journal_activate(fixture.journal, 1), STATUS_OK);
}

static void test_what_only_a_programmer_can_do(void **state)
{
    (void)state;
    open_journal();
    assert_true(asserts_stop(activate_nothing, NULL));
    assert_int_equal(journal_fixture_append(&fixture, 1, 100, 1), STATUS_OK);
    journal_fixture_persist(&fixture);
    assert_true(asserts_stop(join_a_log, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_at_birth_there_is_none, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_promise_counts_when_it_is_durable, setup, teardown),
        cmocka_unit_test_setup_teardown(test_states_survive_restarts_with_and_without_the_store,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_new_site_joins_a_generation, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_only_a_programmer_can_do, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
