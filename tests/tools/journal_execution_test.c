/* Journals made by hand, executed: beside an engine that the test drives itself. */
#include "tools/journal_execution.h"

#include "matching/engine.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/market_fixture.h"

#define SEGMENTS 8u

struct seen {
    uint32_t count;
    uint16_t shard_id; /* Of the last one. */
    uint64_t log_index;
    uint64_t hash;
};

static struct market_fixture fixture;
static struct config_tuning tuning;
static struct seen seen;
static struct journal_execution *execution;

static void see(void *context, uint16_t shard_id, const struct segment *segment,
                uint64_t event_hash)
{
    struct seen *target = context;
    target->count++;
    target->shard_id = shard_id;
    target->log_index = segment->log_index;
    target->hash = event_hash;
}

static int setup(void **state)
{
    (void)state;
    struct engine_limits limits = market_fixture_limits();
    market_fixture_open(&fixture, &limits, EVENT_BATCH_MIN);
    tuning = (struct config_tuning){.orders_max = limits.orders_max,
                                    .price_levels_max = limits.price_levels_max,
                                    .instruments_max = limits.instruments_max,
                                    .firms_max = limits.firms_max,
                                    .sessions_max = limits.sessions_max};
    seen = (struct seen){0};
    const struct journal_execution_options options = {.tuning = &tuning,
                                                      .context = &seen,
                                                      .executed = see};
    return journal_execution_create(&execution, &options) == STATUS_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    journal_execution_destroy(execution);
    market_fixture_close(&fixture);
    return 0;
}

static void begin(uint16_t shard_id, uint64_t log_index, uint16_t flags)
{
    const struct segment segment = {.flags = flags,
                                    .shard_id = shard_id,
                                    .log_index = log_index,
                                    .base_timestamp_ns = MARKET_FIXTURE_NS + log_index};
    assert_int_equal(journal_execution_segment(execution, shard_id, &segment), STATUS_OK);
}

static void both(struct command command)
{
    market_fixture_apply(&fixture, &command);
    journal_execution_command(execution, &command);
}

/* What opens a term counts behind the commands of its segment. */
static void test_hashes_are_those_of_an_engine(void **state)
{
    (void)state;
    for (uint64_t log_index = 1; log_index <= SEGMENTS; log_index++) {
        bool opens = log_index % 3 == 1;
        bool planned = log_index == 4;
        begin(1, log_index,
              (uint16_t)((opens ? SEGMENT_OPENS_TERM : 0u) | (planned ? SEGMENT_PLANNED : 0u)));
        assert_int_equal(seen.count, log_index - 1);
        if (log_index == 1) {
            both(market_fixture_firm(&fixture, "FRMA", true, 0));
            both(market_fixture_instrument(&fixture, "ABC", 0));
        }
        both(market_fixture_firm(&fixture, "FRMB", log_index % 2 == 0, (uint32_t)log_index - 1));
        if (opens) {
            engine_term_opened(fixture.engine, MARKET_FIXTURE_NS + log_index, planned);
        }
        uint64_t expected = engine_event_hash(fixture.engine);
        journal_execution_end(execution);
        assert_int_equal(seen.count, log_index);
        assert_int_equal(seen.log_index, log_index);
        assert_true(seen.hash == expected);
    }
}

static void test_shards_have_engines_of_their_own(void **state)
{
    (void)state;
    begin(2, 1, SEGMENT_OPENS_TERM);
    begin(1, 1, SEGMENT_OPENS_TERM);
    assert_int_equal(seen.shard_id, 2);
    uint64_t empty = seen.hash;
    both(market_fixture_firm(&fixture, "FRMA", true, 0));
    begin(2, 2, 0);
    assert_int_equal(seen.shard_id, 1);
    assert_true(seen.hash != empty);
    journal_execution_end(execution);
    assert_int_equal(seen.shard_id, 2);
    assert_true(seen.hash == empty);
}

static void test_a_trimmed_journal_is_not_executed(void **state)
{
    (void)state;
    const struct segment segment = {.shard_id = 1, .log_index = 7};
    assert_int_equal(journal_execution_segment(execution, 1, &segment), STATUS_NOT_FOUND);
    journal_execution_end(execution);
    assert_int_equal(seen.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_hashes_are_those_of_an_engine, setup, teardown),
        cmocka_unit_test_setup_teardown(test_shards_have_engines_of_their_own, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_trimmed_journal_is_not_executed, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
