#include "gateway/market_snapshot.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/engine_bytes.h"
#include "tests/support/shadow_market.h"
#include "tests/support/test_seed.h"

#define SHARD 3

static struct shadow_market market;
static struct snapshot_store *store;
static struct market_snapshot *snapshot;
static char snapshots[TEST_PATH_BYTES + 32];

/* Where a snapshot is read to. */
static void *memory;
static struct engine *engine;
static struct session_store *streams;

static int set_up(void **state)
{
    (void)state;
    struct random random;
    test_seed(&random);
    shadow_market_make(&market, "market_snapshot", SHARD, random_u64(&random));
    (void)snprintf(snapshots, sizeof snapshots, "%s/snapshots", market.fixture.directory);
    const struct snapshot_store_options options = {.directory = snapshots,
                                                   .cluster_id = JOURNAL_FIXTURE_CLUSTER,
                                                   .signer = &market.fixture.signer,
                                                   .verifiers = &market.fixture.verifier,
                                                   .verifier_count = 1};
    assert_int_equal(snapshot_store_open(&store, &options), STATUS_OK);
    assert_int_equal(market_snapshot_create(&snapshot), STATUS_OK);
    shadow_market_trade(&market, 60);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    session_store_destroy(streams);
    streams = NULL;
    market_snapshot_destroy(snapshot);
    snapshot_store_close(store);
    free(memory);
    memory = NULL;
    shadow_market_free(&market);
    return 0;
}

static enum status begin(uint64_t log_index)
{
    const struct snapshot_manifest facts = {.shard_id = SHARD,
                                            .position = {.log_index = log_index, .term = 1},
                                            .next_command_sequence = 1};
    return market_snapshot_start(snapshot, store, &facts, market.engine, market.streams,
                                 market.limits.sessions_max);
}

static enum status write_snapshot(uint64_t log_index)
{
    enum status status = begin(log_index);
    if (status == STATUS_OK) {
        status = STATUS_MORE;
    }
    while (status == STATUS_MORE) {
        status = market_snapshot_step(snapshot);
    }
    return status;
}

static enum status read_snapshot(uint64_t log_index, const struct engine_limits *limits)
{
    struct snapshot_source *source = NULL;
    free(memory);
    memory = NULL;
    session_store_destroy(streams);
    engine = engine_bytes_engine(&memory, limits);
    streams = shadow_market_streams(&market, "read-streams");
    assert_int_equal(snapshot_store_source(store, SHARD, log_index, &source), STATUS_OK);
    enum status status =
        market_snapshot_read(snapshot, source, engine, streams, limits->sessions_max);
    snapshot_store_source_close(source);
    return status;
}

static void test_written_and_read(void **state)
{
    (void)state;
    assert_int_equal(write_snapshot(7), STATUS_OK);
    assert_int_equal(read_snapshot(7, &market.limits), STATUS_OK);
    assert_int_equal(engine_checksum(engine), engine_checksum(market.engine));
    uint32_t sessions = 0;
    for (uint32_t id = 1; id <= market.limits.sessions_max; id++) {
        assert_int_equal(session_store_next(streams, id), session_store_next(market.streams, id));
        sessions += session_store_next(streams, id) > 1 ? 1 : 0;
    }
    assert_true(sessions > 2);
    assert_int_equal(write_snapshot(7), STATUS_EXISTS);
    /* The same state elsewhere in the log: equal roots. */
    assert_int_equal(write_snapshot(8), STATUS_OK);
    struct snapshot_source *one = NULL;
    struct snapshot_source *other = NULL;
    assert_int_equal(snapshot_store_source(store, SHARD, 7, &one), STATUS_OK);
    assert_int_equal(snapshot_store_source(store, SHARD, 8, &other), STATUS_OK);
    for (uint32_t i = 0; i < 2; i++) {
        assert_memory_equal(snapshot_store_source_manifest(one)->parts[i].root,
                            snapshot_store_source_manifest(other)->parts[i].root,
                            SNAPSHOT_MANIFEST_HASH_BYTES);
    }
    snapshot_store_source_close(one);
    snapshot_store_source_close(other);
}

static void test_abandoned(void **state)
{
    (void)state;
    uint64_t log_indexes[SNAPSHOT_KEPT_MAX];
    assert_int_equal(begin(7), STATUS_OK);
    assert_int_equal(market_snapshot_step(snapshot), STATUS_MORE);
    market_snapshot_abandon(snapshot);
    market_snapshot_abandon(snapshot); /* Nothing to abandon is fine. */
    assert_int_equal(snapshot_store_list(store, SHARD, log_indexes), 0);
    assert_int_equal(write_snapshot(7), STATUS_OK);
}

static void test_no_space(void **state)
{
    (void)state;
    struct rlimit before;
    uint64_t log_indexes[SNAPSHOT_KEPT_MAX];
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, SIG_IGN);
    struct rlimit small = {.rlim_cur = 500, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    enum status status = write_snapshot(7);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(status, STATUS_NO_SPACE);
    assert_int_equal(snapshot_store_list(store, SHARD, log_indexes), 0);
    assert_int_equal(write_snapshot(7), STATUS_OK);
    assert_int_equal(read_snapshot(7, &market.limits), STATUS_OK);
}

static void test_not_for_this_engine(void **state)
{
    (void)state;
    assert_int_equal(write_snapshot(7), STATUS_OK);
    struct engine_limits limits = market.limits;
    limits.orders_max++;
    assert_int_equal(read_snapshot(7, &limits), STATUS_BAD_ARGUMENT);
}

/* Write parts of these names; the engine's bytes and a part without streams. */
static void write_parts(uint64_t log_index, uint64_t event_hash, const char *const *names,
                        uint32_t count)
{
    struct snapshot_manifest facts = {.shard_id = SHARD,
                                      .position = {.log_index = log_index, .term = 1},
                                      .next_command_sequence = 1,
                                      .event_hash = event_hash};
    struct engine_bytes bytes = {.bytes = NULL};
    engine_bytes_write(&bytes, market.engine, &market.stream.random, 1000);
    uint8_t no_streams[29] = "CWSTREAM\2\0\0\0\3";
    assert_int_equal(snapshot_store_write_begin(store, &facts), STATUS_OK);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(snapshot_store_write_part(store, names[i]), STATUS_OK);
        bool engine_part = strcmp(names[i], MARKET_SNAPSHOT_ENGINE) == 0;
        assert_int_equal(snapshot_store_write(store, engine_part ? bytes.bytes : no_streams,
                                              engine_part ? bytes.count : sizeof no_streams),
                         STATUS_OK);
    }
    assert_int_equal(snapshot_store_write_commit(store), STATUS_OK);
    engine_bytes_free(&bytes);
}

/* However well signed: not what a market writes. */
static void test_not_a_market(void **state)
{
    (void)state;
    static const char *const right[] = {"engine", "streams"};
    static const char *const turned[] = {"streams", "engine"};
    static const char *const other[] = {"engine", "streamst"};
    static const char *const more[] = {"engine", "streams", "more"};
    uint64_t event_hash = engine_event_hash(market.engine);
    write_parts(1, event_hash, right, 2);
    assert_int_equal(read_snapshot(1, &market.limits), STATUS_OK);
    write_parts(2, event_hash, turned, 2);
    assert_int_equal(read_snapshot(2, &market.limits), STATUS_BAD_FORMAT);
    write_parts(3, event_hash, other, 2);
    assert_int_equal(read_snapshot(3, &market.limits), STATUS_BAD_FORMAT);
    write_parts(4, event_hash, more, 3);
    assert_int_equal(read_snapshot(4, &market.limits), STATUS_BAD_FORMAT);
    write_parts(5, event_hash, right, 1);
    assert_int_equal(read_snapshot(5, &market.limits), STATUS_BAD_FORMAT);
    write_parts(6, event_hash + 1, right, 2);
    assert_int_equal(read_snapshot(6, &market.limits), STATUS_BAD_CHECKSUM);
}

static void test_cut_inside(void **state)
{
    (void)state;
    struct snapshot_manifest facts = {.shard_id = SHARD,
                                      .position = {.log_index = 9, .term = 1},
                                      .next_command_sequence = 1,
                                      .event_hash = engine_event_hash(market.engine)};
    struct engine_bytes bytes = {.bytes = NULL};
    engine_bytes_write(&bytes, market.engine, &market.stream.random, 1000);
    for (uint32_t i = 0; i < 3; i++) {
        size_t count = i == 0 ? 0 : i == 1 ? bytes.count - 1 : bytes.count / 2;
        facts.position.log_index++;
        assert_int_equal(snapshot_store_write_begin(store, &facts), STATUS_OK);
        assert_int_equal(snapshot_store_write_part(store, MARKET_SNAPSHOT_ENGINE), STATUS_OK);
        assert_int_equal(snapshot_store_write(store, bytes.bytes, count), STATUS_OK);
        assert_int_equal(snapshot_store_write_part(store, MARKET_SNAPSHOT_STREAMS), STATUS_OK);
        assert_int_equal(snapshot_store_write_commit(store), STATUS_OK);
        assert_int_equal(read_snapshot(facts.position.log_index, &market.limits),
                         STATUS_BAD_FORMAT);
    }
    engine_bytes_free(&bytes);
}

static void test_rotten(void **state)
{
    (void)state;
    assert_int_equal(write_snapshot(7), STATUS_OK);
    char path[TEST_PATH_BYTES + 128];
    (void)snprintf(path, sizeof path, "%s/%u-%020u/streams.part", snapshots, SHARD, 7u);
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, 50, SEEK_SET), 0);
    assert_true(fputs("rot", file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(read_snapshot(7, &market.limits), STATUS_DAMAGED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_written_and_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_abandoned, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_space, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_not_for_this_engine, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_not_a_market, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cut_inside, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rotten, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
