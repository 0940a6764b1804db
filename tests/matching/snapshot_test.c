#include "matching/snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/asserts.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/engine_bytes.h"
#include "tests/support/market_fixture.h"
#include "tests/support/market_stream.h"
#include "tests/support/test_seed.h"

#define STREAM_COMMANDS 40000u
#define STREAM_STRIDE   150u /* Commands between two snapshots. */

static struct reference_market reference;
static struct market_stream stream;

struct applied {
    struct event events[REFERENCE_EVENTS_MAX];
    uint32_t count;
};

static void apply(struct engine *engine, const struct command *command, struct applied *applied)
{
    static struct event events[EVENT_BATCH_MAX];
    struct event_batch batch = {.events = events, .capacity = EVENT_BATCH_MAX};
    enum status status = engine_apply(engine, command, &batch);
    applied->count = 0;
    for (;;) {
        assert_true(applied->count + batch.count <= REFERENCE_EVENTS_MAX);
        memcpy(&applied->events[applied->count], events, batch.count * sizeof events[0]);
        applied->count += batch.count;
        if (status != STATUS_MORE) {
            break;
        }
        status = engine_resume(engine, &batch);
    }
    assert_int_equal(status, STATUS_OK);
}

static void check_equal(const struct engine *engine, const struct engine *other)
{
    assert_int_equal(engine_checksum(engine), engine_checksum(other));
    assert_int_equal(engine_event_hash(engine), engine_event_hash(other));
    struct engine_totals totals = engine_totals(engine);
    struct engine_totals other_totals = engine_totals(other);
    assert_memory_equal(&totals, &other_totals, sizeof totals);
}

static void check_bytes(const struct engine_bytes *bytes, const struct engine_bytes *other)
{
    assert_int_equal(bytes->count, other->count);
    assert_memory_equal(bytes->bytes, other->bytes, bytes->count);
}

/* Two engines run the same random commands; one is replaced by its snapshot again and again. */
static void test_a_read_engine_goes_on_as_the_one_written(void **state)
{
    (void)state;
    struct random random;
    test_seed(&random);
    struct engine_limits limits = market_stream_limits();
    reference_market_init(&reference, &limits);
    market_stream_init(&stream, &reference, random_u64(&random));
    void *memory[3] = {NULL};
    struct engine *engine = engine_bytes_engine(&memory[0], &limits);
    struct engine *read = engine_bytes_engine(&memory[1], &limits);
    uint32_t spare = 2;
    uint32_t graces = 0;     /* Snapshots with a running grace period, */
    uint32_t reopenings = 0; /* and while it reopened. */
    struct engine_bytes bytes = {.bytes = NULL};
    struct engine_bytes again = {.bytes = NULL};
    static struct applied applied;
    static struct applied read_applied;
    for (uint32_t i = 0; i < STREAM_COMMANDS; i++) {
        if (i % STREAM_STRIDE == 0) {
            for (uint32_t id = 0; id < reference.sessions_count; id++) {
                graces += reference.sessions[id].view.grace_runs ? 1 : 0;
            }
            reopenings += reference.reopening ? 1 : 0;
            engine_bytes_write(&bytes, engine, &random, 600);
            engine_bytes_write(&again, read, &random, 30);
            check_bytes(&bytes, &again);
            struct engine *fresh = engine_bytes_engine(&memory[spare], &limits);
            assert_int_equal(engine_bytes_read(&bytes, fresh, &random, 300), STATUS_OK);
            check_equal(engine, fresh);
            engine_bytes_write(&again, fresh, &random, 1);
            check_bytes(&bytes, &again);
            read = fresh;
            spare = 3 - spare;
        }
        uint64_t opened_ns = 0;
        bool planned = false;
        if (market_stream_opens(&stream, &opened_ns, &planned)) {
            reference_market_opened(&reference, opened_ns, planned);
            engine_term_opened(engine, opened_ns, planned);
            engine_term_opened(read, opened_ns, planned);
        }
        struct command command = market_stream_next(&stream);
        reference_market_apply(&reference, &command);
        apply(engine, &command, &applied);
        apply(read, &command, &read_applied);
        assert_int_equal(applied.count, read_applied.count);
        assert_memory_equal(applied.events, read_applied.events,
                            applied.count * sizeof applied.events[0]);
    }
    check_equal(engine, read);
    assert_true(engine_totals(engine).executions > 1000);
    assert_true(graces > 10);
    assert_true(reopenings > 3);
    for (uint32_t i = 0; i < 3; i++) {
        free(memory[i]);
    }
    engine_bytes_free(&bytes);
    engine_bytes_free(&again);
}

static struct market_fixture fixture;
static struct random random_numbers;
static struct engine_limits fixture_limits;

static int set_up(void **state)
{
    (void)state;
    test_seed(&random_numbers);
    fixture_limits = market_fixture_limits();
    market_fixture_open(&fixture, &fixture_limits, EVENT_BATCH_MIN);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    market_fixture_close(&fixture);
    return 0;
}

/* A few orders on both sides, one replaced, one executed in part. */
static void trade(void)
{
    market_fixture_trade(&fixture);
    market_fixture_enter(&fixture, 1, 1, SIDE_BUY, 10, 100, TIF_DAY);
    market_fixture_enter(&fixture, 1, 2, SIDE_BUY, 20, 100, TIF_GTC);
    market_fixture_enter(&fixture, 2, 1, SIDE_BUY, 30, 95, TIF_DAY);
    market_fixture_enter(&fixture, 2, 2, SIDE_SELL, 40, 110, TIF_DAY);
    market_fixture_enter(&fixture, 2, 3, SIDE_SELL, 5, 100, TIF_DAY);
    market_fixture_replace(&fixture, 1, 2, 3, 25, 100, TIF_DAY);
    market_fixture_enter(&fixture, 1, 4, SIDE_SELL_SHORT, 40, 120, TIF_GTC);
    market_fixture_forget(&fixture);
    assert_int_equal(engine_totals(fixture.engine).open_orders, 5);
    assert_int_equal(engine_totals(fixture.engine).executions, 1);
}

/* Read `bytes` into a new engine, as a whole and cut; both end the same way. */
static enum status read_new(const struct engine_bytes *bytes)
{
    void *memory = NULL;
    struct engine *engine = engine_bytes_engine(&memory, &fixture_limits);
    enum status status = engine_bytes_read(bytes, engine, &random_numbers, 1);
    engine = engine_bytes_engine(&memory, &fixture_limits);
    struct snapshot_reader reader;
    snapshot_read_start(&reader, engine);
    assert_int_equal(snapshot_read(&reader, bytes->bytes, bytes->count), status);
    free(memory);
    return status;
}

static void test_an_empty_engine(void **state)
{
    (void)state;
    struct engine_bytes bytes = {.bytes = NULL};
    engine_bytes_write(&bytes, fixture.engine, &random_numbers, 1000);
    assert_int_equal(bytes.count,
                     snapshot_record_bytes(SNAPSHOT_HEAD) + snapshot_record_bytes(SNAPSHOT_END));
    assert_int_equal(read_new(&bytes), STATUS_OK);
    engine_bytes_free(&bytes);
}

/* Where chunks end is nobody's business: an exactly full last chunk is the end, too. */
static void test_chunks_end_anywhere(void **state)
{
    (void)state;
    trade();
    struct engine_bytes whole = {.bytes = NULL};
    engine_bytes_write(&whole, fixture.engine, &random_numbers, 100000);
    struct engine_bytes single = {.bytes = NULL};
    engine_bytes_write(&single, fixture.engine, &random_numbers, 1);
    check_bytes(&whole, &single);
    struct snapshot_writer writer;
    snapshot_write_start(&writer, fixture.engine);
    size_t count = 0;
    assert_int_equal(snapshot_write(&writer, single.bytes, whole.count, &count), STATUS_OK);
    assert_int_equal(count, whole.count);
    assert_int_equal(snapshot_write(&writer, single.bytes, whole.count, &count), STATUS_OK);
    assert_int_equal(count, 0);
    engine_bytes_free(&whole);
    engine_bytes_free(&single);
}

static void test_every_flipped_bit_is_found(void **state)
{
    (void)state;
    trade();
    struct engine_bytes bytes = {.bytes = NULL};
    engine_bytes_write(&bytes, fixture.engine, &random_numbers, 1000);
    void *memory = NULL;
    for (size_t i = 0; i < bytes.count; i++) {
        for (uint32_t bit = 0; bit < 8; bit++) {
            bytes.bytes[i] ^= (uint8_t)(1u << bit);
            struct engine *engine = engine_bytes_engine(&memory, &fixture_limits);
            enum status status = engine_bytes_read(&bytes, engine, &random_numbers, 1000);
            assert_true(status != STATUS_OK);
            bytes.bytes[i] ^= (uint8_t)(1u << bit);
        }
    }
    assert_int_equal(read_new(&bytes), STATUS_OK);
    free(memory);
    engine_bytes_free(&bytes);
}

static void test_cut_and_lengthened_bytes(void **state)
{
    (void)state;
    trade();
    struct engine_bytes bytes = {.bytes = NULL};
    engine_bytes_write(&bytes, fixture.engine, &random_numbers, 1000);
    size_t whole = bytes.count;
    for (bytes.count = 0; bytes.count < whole; bytes.count++) {
        assert_int_equal(read_new(&bytes), STATUS_MORE);
    }
    assert_int_equal(read_new(&bytes), STATUS_OK);
    bytes.bytes = realloc(bytes.bytes, whole + 1);
    assert_non_null(bytes.bytes);
    bytes.bytes[whole] = SNAPSHOT_END;
    bytes.count = whole + 1;
    assert_int_equal(read_new(&bytes), STATUS_BAD_FORMAT);
    engine_bytes_free(&bytes);
}

/* The `which`th record of this type (from 0), loaded; returns where it stands. */
static size_t find(const struct engine_bytes *bytes, uint8_t type, uint32_t which,
                   struct snapshot_record *record)
{
    size_t at = 0;
    while (bytes->bytes[at] != type || which > 0) {
        which -= bytes->bytes[at] == type ? 1 : 0;
        at += snapshot_record_bytes(bytes->bytes[at]);
        assert_true(at < bytes->count);
    }
    snapshot_record_load(record, bytes->bytes + at);
    return at;
}

/* What reading gives when this record stands in place of the one at `at`, the hash made right. */
static enum status read_with(const struct engine_bytes *bytes, size_t at,
                             const struct snapshot_record *record)
{
    struct engine_bytes copy = {.bytes = malloc(bytes->count), .count = bytes->count};
    assert_non_null(copy.bytes);
    memcpy(copy.bytes, bytes->bytes, bytes->count);
    uint8_t target[SNAPSHOT_RECORD_BYTES_MAX];
    uint32_t count = snapshot_record_store(record, target);
    memcpy(copy.bytes + at, target, count);
    engine_bytes_mend(&copy);
    enum status status = read_new(&copy);
    free(copy.bytes);
    return status;
}

/* The record `RECORD`, its `WHICH`th one, with FIELD set to VALUE, is refused so. */
#define CHECK_REFUSED(TYPE, WHICH, FIELD, VALUE, STATUS)                                           \
    do {                                                                                           \
        struct snapshot_record record;                                                             \
        size_t at = find(&bytes, TYPE, WHICH, &record);                                            \
        assert_int_equal(read_with(&bytes, at, &record), STATUS_OK);                               \
        record.body.FIELD = (VALUE);                                                               \
        assert_int_equal(read_with(&bytes, at, &record), STATUS);                                  \
    } while (false)
#define CHECK_BAD(TYPE, WHICH, FIELD, VALUE)                                                       \
    CHECK_REFUSED(TYPE, WHICH, FIELD, VALUE, STATUS_BAD_FORMAT)

static void test_heads_that_no_engine_writes(void **state)
{
    (void)state;
    trade();
    struct engine_bytes bytes = {.bytes = NULL};
    engine_bytes_write(&bytes, fixture.engine, &random_numbers, 1000);
    CHECK_BAD(SNAPSHOT_HEAD, 0, head.magic, 1);
    CHECK_REFUSED(SNAPSHOT_HEAD, 0, head.version, 1, STATUS_BAD_VERSION);
    CHECK_REFUSED(SNAPSHOT_HEAD, 0, head.limits.orders_max, 999, STATUS_BAD_ARGUMENT);
    CHECK_REFUSED(SNAPSHOT_HEAD, 0, head.limits.price_levels_max, 1, STATUS_BAD_ARGUMENT);
    CHECK_REFUSED(SNAPSHOT_HEAD, 0, head.limits.instruments_max, 5, STATUS_BAD_ARGUMENT);
    CHECK_REFUSED(SNAPSHOT_HEAD, 0, head.limits.firms_max, 5, STATUS_BAD_ARGUMENT);
    CHECK_REFUSED(SNAPSHOT_HEAD, 0, head.limits.sessions_max, 5, STATUS_BAD_ARGUMENT);
    CHECK_BAD(SNAPSHOT_HEAD, 0, head.order_id_next, 0);
    CHECK_BAD(SNAPSHOT_HEAD, 0, head.order_id_next, UINT64_MAX);
    CHECK_BAD(SNAPSHOT_HEAD, 0, head.order_id_next, 7);
    CHECK_BAD(SNAPSHOT_HEAD, 0, head.match_number_next, 0);
    CHECK_BAD(SNAPSHOT_HEAD, 0, head.match_number_next, UINT64_MAX);
    CHECK_BAD(SNAPSHOT_HEAD, 0, head.day_end_set, 1);
    CHECK_BAD(SNAPSHOT_HEAD, 0, head.day_end_ns, 1);
    CHECK_BAD(SNAPSHOT_HEAD, 0, head.shard.day_end_set, 1);
    CHECK_BAD(SNAPSHOT_HEAD, 0, head.shard.day_end_second, 1);
    CHECK_BAD(SNAPSHOT_HEAD, 0, head.shard.cancel_only_ms, CANCEL_ONLY_MS_MAX + 1);
    CHECK_BAD(SNAPSHOT_HEAD, 0, head.shard.cancel_only_ms, 1); /* Never set. */
    CHECK_BAD(SNAPSHOT_HEAD, 0, head.reopening_set, 1);
    CHECK_BAD(SNAPSHOT_HEAD, 0, head.reopening_ns, 1);
    CHECK_BAD(SNAPSHOT_HEAD, 0, head.firms_count, 2);
    CHECK_BAD(SNAPSHOT_HEAD, 0, head.firms_count, 0);
    CHECK_BAD(SNAPSHOT_HEAD, 0, head.firms_count, 5);
    CHECK_BAD(SNAPSHOT_HEAD, 0, head.sessions_count, 1);
    CHECK_BAD(SNAPSHOT_HEAD, 0, head.sessions_count, 3);
    CHECK_BAD(SNAPSHOT_HEAD, 0, head.sessions_count, UINT32_MAX);
    CHECK_BAD(SNAPSHOT_HEAD, 0, head.instruments_count, 0);
    CHECK_BAD(SNAPSHOT_HEAD, 0, head.instruments_count, 2);
    CHECK_BAD(SNAPSHOT_HEAD, 0, head.orders_count, 4);
    CHECK_BAD(SNAPSHOT_HEAD, 0, head.orders_count, 6);
    CHECK_BAD(SNAPSHOT_HEAD, 0, head.answers_count, 3);
    CHECK_BAD(SNAPSHOT_HEAD, 0, head.answers_count, UINT64_MAX);
    struct snapshot_record record;
    size_t at = find(&bytes, SNAPSHOT_END, 0, &record);
    record.body.end.records_count++;
    uint8_t target[SNAPSHOT_RECORD_BYTES_MAX];
    uint32_t count = snapshot_record_store(&record, target);
    memcpy(bytes.bytes + at, target, count);
    assert_int_equal(read_new(&bytes), STATUS_BAD_FORMAT);
    engine_bytes_free(&bytes);
}

static void test_participants_that_no_engine_writes(void **state)
{
    (void)state;
    trade();
    struct engine_bytes bytes = {.bytes = NULL};
    engine_bytes_write(&bytes, fixture.engine, &random_numbers, 1000);
    CHECK_BAD(SNAPSHOT_FIRM, 0, firm.version, 0);
    CHECK_BAD(SNAPSHOT_FIRM, 0, firm.terms.enabled, 2);
    CHECK_BAD(SNAPSHOT_FIRM, 0, firm.terms.name[0], ' ');
    CHECK_BAD(SNAPSHOT_FIRM, 0, firm.terms.name[0], 'X'); /* The sessions' firm is another. */
    CHECK_BAD(SNAPSHOT_SESSION, 1, session.version, 0);
    CHECK_BAD(SNAPSHOT_SESSION, 1, session.terms.name[1], '1'); /* As the first one. */
    CHECK_BAD(SNAPSHOT_SESSION, 1, session.terms.open_orders_max, 0);
    CHECK_BAD(SNAPSHOT_SESSION, 1, session.input_number_next, 0);
    CHECK_BAD(SNAPSHOT_SESSION, 1, session.sequence_next, 0);
    CHECK_BAD(SNAPSHOT_SESSION, 1, session.sequence_next, UINT64_MAX);
    CHECK_BAD(SNAPSHOT_SESSION, 1, session.generation, 0);
    CHECK_BAD(SNAPSHOT_SESSION, 1, session.epoch, 0);
    CHECK_BAD(SNAPSHOT_SESSION, 1, session.attached_site_id, SITES_MAX + 1);
    CHECK_BAD(SNAPSHOT_SESSION, 1, session.terms.cancel_on_disconnect, 2);
    CHECK_BAD(SNAPSHOT_SESSION, 1, session.terms.grace_ms, 1);
    CHECK_BAD(SNAPSHOT_SESSION, 1, session.grace_runs, 1);
    CHECK_BAD(SNAPSHOT_SESSION, 1, session.grace_ends_ns, 1);
    CHECK_BAD(SNAPSHOT_SESSION, 1, session.grace_length_ms, 1);
    CHECK_BAD(SNAPSHOT_SESSION, 1, session.references[0], 1); /* An open order has 2. */
    CHECK_BAD(SNAPSHOT_ANSWER, 1, answer.request_id, 1);
    CHECK_BAD(SNAPSHOT_ANSWER, 1, answer.request_id, 0);
    CHECK_BAD(SNAPSHOT_ANSWER, 1, answer.result, 0);
    CHECK_BAD(SNAPSHOT_ANSWER, 1, answer.result, ADMINISTRATION_BUSY + 1);
    engine_bytes_free(&bytes);
}

static void test_books_that_no_engine_writes(void **state)
{
    (void)state;
    trade();
    struct engine_bytes bytes = {.bytes = NULL};
    engine_bytes_write(&bytes, fixture.engine, &random_numbers, 1000);
    CHECK_BAD(SNAPSHOT_INSTRUMENT, 0, instrument.version, 0);
    CHECK_BAD(SNAPSHOT_INSTRUMENT, 0, instrument.terms.tick_size, 0);
    CHECK_BAD(SNAPSHOT_INSTRUMENT, 0, instrument.terms.tick_size, 3);
    CHECK_BAD(SNAPSHOT_INSTRUMENT, 0, instrument.terms.state, 9);
    CHECK_BAD(SNAPSHOT_LEVEL, 0, level.book_side, 2);
    CHECK_BAD(SNAPSHOT_LEVEL, 0, level.book_side, 1);
    CHECK_BAD(SNAPSHOT_LEVEL, 0, level.price, 101);
    CHECK_BAD(SNAPSHOT_LEVEL, 0, level.price, 95);
    CHECK_BAD(SNAPSHOT_LEVEL, 0, level.price, 110); /* Crosses. */
    CHECK_BAD(SNAPSHOT_LEVEL, 0, level.price, INT64_MIN);
    CHECK_BAD(SNAPSHOT_LEVEL, 0, level.price, INT64_MAX);
    CHECK_BAD(SNAPSHOT_ORDER, 0, order.order_id, 0);
    CHECK_BAD(SNAPSHOT_ORDER, 1, order.order_id, 1); /* The one before it at its price. */
    CHECK_BAD(SNAPSHOT_ORDER, 1, order.order_id, 3); /* One at another price. */
    CHECK_BAD(SNAPSHOT_ORDER, 1, order.order_id, 1000);
    CHECK_BAD(SNAPSHOT_ORDER, 0, order.leaves_lots, 0);
    CHECK_BAD(SNAPSHOT_ORDER, 0, order.leaves_lots, ORDER_LOTS_MAX + 1);
    CHECK_BAD(SNAPSHOT_ORDER, 0, order.cumulative_lots, ORDER_LOTS_MAX);
    CHECK_BAD(SNAPSHOT_ORDER, 0, order.session_id, 0);
    CHECK_BAD(SNAPSHOT_ORDER, 0, order.session_id, 3);
    CHECK_BAD(SNAPSHOT_ORDER, 0, order.user_reference, 0);
    CHECK_BAD(SNAPSHOT_ORDER, 0, order.user_reference, 5);
    CHECK_BAD(SNAPSHOT_ORDER, 0, order.user_reference, 4); /* Session 1 has another one of it. */
    CHECK_BAD(SNAPSHOT_ORDER, 0, order.channel, CHANNELS_MAX);
    CHECK_BAD(SNAPSHOT_ORDER, 0, order.side, 0);
    CHECK_BAD(SNAPSHOT_ORDER, 0, order.side, SIDE_SELL);
    CHECK_BAD(SNAPSHOT_ORDER, 0, order.side, SIDE_SELL_SHORT_EXEMPT + 1);
    CHECK_BAD(SNAPSHOT_ORDER, 0, order.time_in_force, TIF_IOC);
    engine_bytes_free(&bytes);
}

/* Records in another order, repeated or left out, however their hash is. (Without the mark of a
 * level its orders may pass for those of the level before: another market, but a market.) */
static void test_records_out_of_place(void **state)
{
    (void)state;
    trade();
    struct engine_bytes bytes = {.bytes = NULL};
    engine_bytes_write(&bytes, fixture.engine, &random_numbers, 1000);
    struct engine_bytes changed = {.bytes = malloc(2 * bytes.count)};
    assert_non_null(changed.bytes);
    for (size_t at = 0; at < bytes.count; at += snapshot_record_bytes(bytes.bytes[at])) {
        uint32_t count = snapshot_record_bytes(bytes.bytes[at]);
        memcpy(changed.bytes, bytes.bytes, at);
        memcpy(changed.bytes + at, bytes.bytes + at + count, bytes.count - at - count);
        changed.count = bytes.count - count;
        engine_bytes_mend(&changed);
        assert_true(read_new(&changed) != STATUS_OK || bytes.bytes[at] == SNAPSHOT_LEVEL);
        for (size_t to = 0; to < bytes.count; to += snapshot_record_bytes(bytes.bytes[to])) {
            memcpy(changed.bytes, bytes.bytes, to);
            memcpy(changed.bytes + to, bytes.bytes + at, count);
            memcpy(changed.bytes + to + count, bytes.bytes + to, bytes.count - to);
            changed.count = bytes.count + count;
            engine_bytes_mend(&changed);
            assert_true(read_new(&changed) != STATUS_OK);
        }
    }
    engine_bytes_free(&changed);
    engine_bytes_free(&bytes);
}

/* The ring of answers stands in the middle; requests are still answered again, not executed. */
static void test_answers_of_a_ring_that_went_round(void **state)
{
    (void)state;
    trade();
    for (uint32_t i = 0; i < ADMIN_REQUESTS_MAX + 100; i++) {
        market_fixture_state(&fixture, "ABC", i % 2 == 0 ? TRADING_HALTED : TRADING_OPEN, i + 1);
        market_fixture_forget(&fixture);
    }
    struct engine_bytes bytes = {.bytes = NULL};
    engine_bytes_write(&bytes, fixture.engine, &random_numbers, 1000);
    void *memory = NULL;
    struct engine *read = engine_bytes_engine(&memory, &fixture_limits);
    assert_int_equal(engine_bytes_read(&bytes, read, &random_numbers, 1000), STATUS_OK);
    check_equal(fixture.engine, read);
    static struct applied applied;
    struct command again = market_fixture_administration(&fixture, COMMAND_FIRM_SET, 0);
    again.input_number = fixture.request_id - 1 - (ADMIN_REQUESTS_MAX - 1); /* The oldest. */
    apply(read, &again, &applied);
    assert_int_equal(applied.count, 1);
    assert_int_equal(applied.events[0].reason, ADMINISTRATION_DONE);
    again.input_number--; /* Forgotten: executed, and invalid. */
    apply(read, &again, &applied);
    assert_int_equal(applied.events[0].reason, ADMINISTRATION_INVALID);
    free(memory);
    engine_bytes_free(&bytes);
}

static void write_while_it_runs(void *argument)
{
    struct snapshot_writer *writer = argument;
    uint8_t chunk[16];
    size_t bytes = 0;
    enum status status = snapshot_write(writer, chunk, sizeof chunk, &bytes);
    (void)status;
}

static void read_into_a_used_engine(void *argument)
{
    struct snapshot_reader reader;
    snapshot_read_start(&reader, argument);
}

static void test_misuse_stops(void **state)
{
    (void)state;
    trade();
    struct snapshot_writer writer;
    snapshot_write_start(&writer, fixture.engine);
    assert_false(asserts_stop(write_while_it_runs, &writer));
    market_fixture_enter(&fixture, 1, 5, SIDE_BUY, 10, 100, TIF_DAY);
    assert_true(asserts_stop(write_while_it_runs, &writer));
    assert_true(asserts_stop(read_into_a_used_engine, fixture.engine));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_read_engine_goes_on_as_the_one_written),
        cmocka_unit_test_setup_teardown(test_an_empty_engine, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_chunks_end_anywhere, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_every_flipped_bit_is_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cut_and_lengthened_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_heads_that_no_engine_writes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_participants_that_no_engine_writes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_books_that_no_engine_writes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_records_out_of_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_answers_of_a_ring_that_went_round, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_misuse_stops, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
