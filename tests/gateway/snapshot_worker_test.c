#include "gateway/snapshot_worker.h"

#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "gateway/market_snapshot.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/shadow_market.h"
#include "tests/support/test_seed.h"

#define SHARD 3
#define HERE  1u /* Site that has the snapshots, and who fetches them. */
#define THERE 2u

static struct shadow_market market;
static struct snapshot_store *store; /* Which writes at HERE. */
static struct market_snapshot *snapshot;
static struct config configs[2];
static char directories[2][CONFIG_PATH_BYTES + 32];
static struct snapshot_worker *workers[2];
static struct segment_verifier verifiers[2]; /* Of nobody, and of HERE. */
static sem_t answers;
static uint32_t at_first = 2; /* So many of them are trusted THERE at first. */
static uint32_t spoil;        /* So many pieces on their way are spoiled, */
static uint32_t spoil_after;  /* behind so many that are not. */

static void wake(void *context)
{
    assert_int_equal(sem_post(context), 0);
}

static void make_worker(uint32_t at)
{
    char error[SNAPSHOT_WORKER_ERROR_BYTES];
    const struct snapshot_worker_options options = {
        .config = &configs[at],
        .store = {.directory = directories[at],
                  .cluster_id = JOURNAL_FIXTURE_CLUSTER,
                  .verifiers = at == HERE - 1 ? &market.fixture.verifier : verifiers,
                  .verifier_count = at == HERE - 1 ? 1 : at_first},
        .wake = wake,
        .wake_context = &answers};
    (void)snprintf(configs[at].data, sizeof configs[at].data, "%.400s/%u", market.fixture.directory,
                   at + 1);
    configs[at].tuning = (struct config_tuning){.orders_max = market.limits.orders_max,
                                                .price_levels_max = market.limits.price_levels_max,
                                                .instruments_max = market.limits.instruments_max,
                                                .firms_max = market.limits.firms_max,
                                                .sessions_max = market.limits.sessions_max,
                                                .stream_bytes_max = UINT64_C(1) << 30};
    assert_int_equal(snapshot_worker_create(&workers[at], &options, error), STATUS_OK);
}

static void make_snapshot(uint64_t log_index)
{
    const struct snapshot_manifest facts = {.shard_id = SHARD,
                                            .position = {.log_index = log_index, .term = 1},
                                            .next_command_sequence = 1};
    enum status status = market_snapshot_start(snapshot, store, &facts, market.engine,
                                               market.streams, market.limits.sessions_max);
    assert_int_equal(status, STATUS_OK);
    do {
        status = market_snapshot_step(snapshot);
    } while (status == STATUS_MORE);
    assert_int_equal(status, STATUS_OK);
}

static int set_up(void **state)
{
    (void)state;
    struct random random;
    test_seed(&random);
    spoil = 0;
    assert_int_equal(sem_init(&answers, 0, 0), 0);
    shadow_market_make(&market, "snapshot_worker", SHARD, random_u64(&random));
    verifiers[1] = market.fixture.verifier;
    for (uint32_t at = 0; at < 2; at++) {
        char data[CONFIG_PATH_BYTES];
        (void)snprintf(data, sizeof data, "%.400s/%u", market.fixture.directory, at + 1);
        assert_int_equal(mkdir(data, 0700), 0);
        (void)snprintf(directories[at], sizeof directories[at], "%s/snapshots", data);
    }
    const struct snapshot_store_options options = {.directory = directories[HERE - 1],
                                                   .cluster_id = JOURNAL_FIXTURE_CLUSTER,
                                                   .signer = &market.fixture.signer,
                                                   .verifiers = &market.fixture.verifier,
                                                   .verifier_count = 1};
    assert_int_equal(snapshot_store_open(&store, &options), STATUS_OK);
    assert_int_equal(market_snapshot_create(&snapshot), STATUS_OK);
    make_worker(HERE - 1);
    make_worker(THERE - 1);
    shadow_market_trade(&market, 40);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    snapshot_worker_destroy(workers[0]);
    snapshot_worker_destroy(workers[1]);
    market_snapshot_destroy(snapshot);
    snapshot_store_close(store);
    shadow_market_free(&market);
    assert_int_equal(sem_destroy(&answers), 0);
    return 0;
}

/* Requests go to the one, pieces to the other, some of them spoiled. True: it was one of those. */
static bool carry(const struct snapshot_answer *answer)
{
    if (answer->kind == SNAPSHOT_ANSWER_ASK) {
        assert_int_equal(answer->site_id, HERE);
        assert_int_equal(snapshot_worker_serve(workers[HERE - 1], THERE, SHARD, &answer->request),
                         STATUS_OK);
        return true;
    }
    if (answer->kind != SNAPSHOT_ANSWER_PIECE) {
        return false;
    }
    struct link_snapshot_chunk piece = answer->piece;
    uint8_t *bytes = NULL;
    assert_int_equal(answer->site_id, THERE);
    if (piece.bytes_count > 0) {
        bytes = malloc(piece.bytes_count);
        assert_non_null(bytes);
        memcpy(bytes, piece.bytes, piece.bytes_count);
        if (spoil > 0 && spoil_after-- == 0) {
            bytes[piece.bytes_count / 2] ^= 1;
            spoil--;
            spoil_after = 0;
        }
        piece.bytes = bytes;
    }
    assert_int_equal(snapshot_worker_take(workers[THERE - 1], HERE, SHARD, &piece), STATUS_OK);
    free(bytes);
    return true;
}

/* Carry what the workers say to each other until one of them has said this; `*result` is it. */
static void await(uint32_t site_id, enum snapshot_answer_kind kind, struct snapshot_answer *result)
{
    for (;;) {
        for (uint32_t at = 0; at < 2; at++) {
            struct snapshot_answer *answer = snapshot_worker_answer(workers[at]);
            if (answer == NULL) {
                continue;
            }
            *result = *answer;
            assert_true(at != site_id - 1 || answer->kind == kind ||
                        answer->kind != SNAPSHOT_ANSWER_FAILED);
            bool done = !carry(answer) && at == site_id - 1 && answer->kind == kind;
            if (!done && answer->kind == SNAPSHOT_ANSWER_MARKET) {
                site_market_body_free(&answer->body);
            }
            snapshot_worker_taken(workers[at]);
            if (done) {
                return;
            }
        }
        if (snapshot_worker_answer(workers[0]) == NULL &&
            snapshot_worker_answer(workers[1]) == NULL) {
            assert_int_equal(sem_wait(&answers), 0);
        }
    }
}

static void expect_market(struct snapshot_answer *answer, uint64_t log_index)
{
    assert_int_equal(answer->facts.position.log_index, log_index);
    assert_int_equal(engine_checksum(answer->body.engine), engine_checksum(market.engine));
    uint32_t sessions = 0;
    for (uint32_t id = 1; id <= market.limits.sessions_max; id++) {
        uint64_t next = session_store_next(market.streams, id);
        assert_int_equal(session_store_next(answer->body.streams, id), next);
        sessions += next > 1 ? 1 : 0;
    }
    assert_true(sessions > 2);
    site_market_body_free(&answer->body);
}

static void test_fetched_and_made(void **state)
{
    (void)state;
    struct snapshot_answer answer;
    const struct replica_position position = {.log_index = 7, .term = 1};
    make_snapshot(7);
    assert_int_equal(snapshot_worker_fetch(workers[THERE - 1], HERE, SHARD, &position), STATUS_OK);
    await(THERE, SNAPSHOT_ANSWER_FETCHED, &answer);
    await(THERE, SNAPSHOT_ANSWER_MARKET, &answer);
    assert_false(answer.rebuilt);
    expect_market(&answer, 7);
}

/* What is spoiled, the manifest or a chunk, is asked for again. */
static void test_spoiled_on_the_way(void **state)
{
    (void)state;
    struct snapshot_answer answer;
    for (uint32_t at = 0; at < 3; at++) {
        const struct replica_position position = {.log_index = 7 + at, .term = 1};
        make_snapshot(7 + at);
        spoil_after = at;
        spoil = 1;
        assert_int_equal(snapshot_worker_fetch(workers[THERE - 1], HERE, SHARD, &position),
                         STATUS_OK);
        await(THERE, SNAPSHOT_ANSWER_MARKET, &answer);
        assert_int_equal(spoil, 0);
        expect_market(&answer, 7 + at);
    }
}

static void test_not_there_any_more(void **state)
{
    (void)state;
    struct snapshot_answer answer;
    const struct replica_position position = {.log_index = 9, .term = 1};
    make_snapshot(7);
    assert_int_equal(snapshot_worker_fetch(workers[THERE - 1], HERE, SHARD, &position), STATUS_OK);
    await(THERE, SNAPSHOT_ANSWER_FAILED, &answer);
    assert_int_equal(answer.status, STATUS_NOT_FOUND);
    assert_int_equal(answer.position.log_index, 9);
}

/* "Not there any more" counts from whom it was asked of. */
static void test_another_site_does_not_end_it(void **state)
{
    (void)state;
    struct snapshot_answer answer;
    const struct replica_position position = {.log_index = 7, .term = 1};
    const struct link_snapshot_chunk none = {.log_index = 7};
    make_snapshot(7);
    assert_int_equal(snapshot_worker_fetch(workers[THERE - 1], HERE, SHARD, &position), STATUS_OK);
    assert_int_equal(snapshot_worker_take(workers[THERE - 1], 5, SHARD, &none), STATUS_OK);
    await(THERE, SNAPSHOT_ANSWER_MARKET, &answer);
    expect_market(&answer, 7);
}

/* Of a site that joined later nothing is taken until its key is known. */
static void test_a_key_that_becomes_known(void **state)
{
    (void)state;
    struct snapshot_answer answer;
    struct replica_position position = {.log_index = 7, .term = 1};
    snapshot_worker_destroy(workers[THERE - 1]);
    at_first = 1;
    make_worker(THERE - 1);
    at_first = 2;
    make_snapshot(7);
    make_snapshot(8);
    assert_int_equal(snapshot_worker_fetch(workers[THERE - 1], HERE, SHARD, &position), STATUS_OK);
    await(THERE, SNAPSHOT_ANSWER_FAILED, &answer);
    assert_int_equal(answer.status, STATUS_UNKNOWN_KEY);
    snapshot_worker_trust(workers[THERE - 1], 2);
    position.log_index = 8;
    assert_int_equal(snapshot_worker_fetch(workers[THERE - 1], HERE, SHARD, &position), STATUS_OK);
    await(THERE, SNAPSHOT_ANSWER_MARKET, &answer);
    expect_market(&answer, 8);
}

/* Spoil a byte of a part on the disk of HERE. */
static void damage(uint64_t log_index)
{
    char path[CONFIG_PATH_BYTES + 128];
    (void)snprintf(path, sizeof path, "%s/%u-%020llu/engine.part", directories[HERE - 1], SHARD,
                   (unsigned long long)log_index);
    FILE *file = fopen(path, "r+e");
    assert_non_null(file);
    int byte = fgetc(file);
    rewind(file);
    assert_int_equal(fputc(byte ^ 1, file), byte ^ 1);
    assert_int_equal(fclose(file), 0);
}

static void test_damaged_here(void **state)
{
    (void)state;
    struct snapshot_answer answer;
    struct replica_position position = {.log_index = 8, .term = 1};
    make_snapshot(7);
    make_snapshot(8);
    damage(8);
    assert_int_equal(snapshot_worker_fetch(workers[THERE - 1], HERE, SHARD, &position), STATUS_OK);
    await(HERE, SNAPSHOT_ANSWER_DAMAGED, &answer);
    assert_int_equal(answer.position.log_index, 8);
    assert_int_equal(answer.other.log_index, 7);
    uint64_t log_indexes[SNAPSHOT_KEPT_MAX];
    assert_int_equal(snapshot_store_list(store, SHARD, log_indexes), 1); /* 8 is set aside. */
    await(THERE, SNAPSHOT_ANSWER_FAILED, &answer);
    position.log_index = 7;
    assert_int_equal(snapshot_worker_fetch(workers[THERE - 1], HERE, SHARD, &position), STATUS_OK);
    await(THERE, SNAPSHOT_ANSWER_MARKET, &answer);
    expect_market(&answer, 7);
}

static void test_rebuilt(void **state)
{
    (void)state;
    struct snapshot_answer answer;
    uint64_t log_indexes[SNAPSHOT_KEPT_MAX];
    make_snapshot(7);
    make_snapshot(8);
    make_snapshot(9);
    make_snapshot(20); /* Fetched: nothing that went wrong here is in it. */
    damage(8);
    assert_int_equal(snapshot_worker_rebuild(workers[HERE - 1], SHARD, 9, 12), STATUS_OK);
    await(HERE, SNAPSHOT_ANSWER_MARKET, &answer);
    assert_true(answer.rebuilt);
    expect_market(&answer, 7);
    assert_int_equal(snapshot_store_list(store, SHARD, log_indexes), 2);
    assert_int_equal(log_indexes[0], 20);
    /* Below the last one there is the beginning. */
    assert_int_equal(snapshot_worker_rebuild(workers[HERE - 1], SHARD, 7, 12), STATUS_OK);
    await(HERE, SNAPSHOT_ANSWER_MARKET, &answer);
    assert_int_equal(answer.facts.position.log_index, 0);
    assert_int_equal(engine_totals(answer.body.engine).commands, 0);
    char evidence[CONFIG_PATH_BYTES + 32];
    (void)snprintf(evidence, sizeof evidence, "%s/evidence", configs[HERE - 1].data);
    snapshot_worker_discard(workers[HERE - 1], &answer.body, evidence);
    assert_null(answer.body.engine);
}

#define worker_test(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        worker_test(test_fetched_and_made),
        worker_test(test_spoiled_on_the_way),
        worker_test(test_not_there_any_more),
        worker_test(test_damaged_here),
        worker_test(test_a_key_that_becomes_known),
        worker_test(test_rebuilt),
        worker_test(test_another_site_does_not_end_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
