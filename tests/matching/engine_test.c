#include "matching/engine.h"

#include <stdlib.h>
#include <string.h>

#include "matching/base/limits.h"
#include "matching/base/random.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/market_fixture.h"

static struct market_fixture fixture;

static int set_up(void **state)
{
    (void)state;
    struct engine_limits limits = market_fixture_limits();
    market_fixture_open(&fixture, &limits, EVENT_BATCH_MIN);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    market_fixture_close(&fixture);
    return 0;
}

static void test_a_first_trade_from_an_empty_engine(void **state)
{
    (void)state;
    struct command command = market_fixture_firm(&fixture, "FRMA", true, 0);
    market_fixture_apply(&fixture, &command);
    command = market_fixture_instrument(&fixture, "ABC", 0);
    market_fixture_apply(&fixture, &command);
    command = market_fixture_session(&fixture, "S1", "FRMA", 0);
    market_fixture_apply(&fixture, &command);
    market_fixture_logon(&fixture, 1, 3, 77);
    market_fixture_enter(&fixture, 1, 1, SIDE_SELL, 100, 500, TIF_DAY);
    market_fixture_enter(&fixture, 1, 2, SIDE_BUY, 150, 505, TIF_GTC);
    market_fixture_expect(
        &fixture,
        "administration reason=1 reference=1 match=1\n"
        "administration reason=1 reference=1 match=2\n"
        "system reason=1 session=1 sequence=1\n"
        "administration reason=1 reference=1 match=3\n"
        "logon session=1 reference=1 lots=2 match=77\n"
        "accepted state=L session=1 sequence=2 reference=1 instrument=1 lots=100 price=500 order=1 "
        "side=2 tif=1 kind=1 symbol=ABC\n"
        "accepted state=L session=1 sequence=3 reference=2 instrument=1 lots=150 price=505 order=2 "
        "side=1 tif=2 kind=1 symbol=ABC\n"
        "executed reason=1 session=1 sequence=4 reference=1 instrument=1 lots=100 match=1 "
        "price=500\n"
        "executed reason=2 session=1 sequence=5 reference=2 instrument=1 lots=100 match=1 "
        "price=500\n");
    struct engine_instrument view;
    assert_int_equal(engine_instrument_view(fixture.engine, 1, &view), STATUS_OK);
    assert_true(view.bid_set);
    assert_false(view.ask_set);
    assert_int_equal(view.bid_price, 505);
    assert_int_equal(view.bid_lots, 50);
    assert_int_equal(view.open_orders, 1);
}

static void test_creation_refuses_limits_and_small_arenas(void **state)
{
    (void)state;
    struct engine_limits limits = market_fixture_limits();
    size_t bytes = (engine_bytes(&limits) + 63) / 64 * 64;
    uint8_t *memory = aligned_alloc(64, bytes);
    assert_non_null(memory);
    memset(memory, 0, bytes);
    struct engine *engine = NULL;
    struct arena arena;
    for (uint32_t i = 0; i < 10; i++) {
        struct engine_limits wrong = limits;
        uint32_t *fields[] = {&wrong.orders_max, &wrong.price_levels_max, &wrong.instruments_max,
                              &wrong.firms_max, &wrong.sessions_max};
        static const uint32_t ceilings[] = {ORDERS_MAX, PRICE_LEVELS_MAX, INSTRUMENTS_MAX,
                                            FIRMS_MAX, SESSIONS_MAX};
        *fields[i / 2] = i % 2 == 0 ? 0 : ceilings[i / 2] + 1;
        arena_init(&arena, memory, bytes);
        assert_int_equal(engine_create(&engine, &arena, &wrong), STATUS_BAD_ARGUMENT);
        assert_int_equal(arena.used_bytes, 0);
    }
    arena_init(&arena, memory, bytes - 4096);
    assert_int_equal(engine_create(&engine, &arena, &limits), STATUS_FULL);
    arena_init(&arena, memory, bytes);
    assert_int_equal(engine_create(&engine, &arena, &limits), STATUS_OK);
    free(memory);
}

static void test_views_of_what_does_not_exist(void **state)
{
    (void)state;
    market_fixture_trade(&fixture);
    uint8_t name[8];
    uint32_t id = 12345;
    market_fixture_name(name, sizeof name, "NONE");
    assert_int_equal(engine_session_find(fixture.engine, name, &id), STATUS_NOT_FOUND);
    assert_int_equal(engine_instrument_find(fixture.engine, name, &id), STATUS_NOT_FOUND);
    assert_int_equal(engine_firm_find(fixture.engine, name, &id), STATUS_NOT_FOUND);
    assert_int_equal(id, 12345);
    struct engine_session session;
    struct engine_instrument instrument;
    struct engine_firm firm;
    for (uint32_t i = 0; i < 4; i++) {
        uint32_t wrong = (uint32_t[]){0, 3, 1000000, UINT32_MAX}[i];
        assert_int_equal(engine_session_view(fixture.engine, wrong, &session), STATUS_NOT_FOUND);
        assert_int_equal(engine_instrument_view(fixture.engine, wrong, &instrument),
                         STATUS_NOT_FOUND);
        assert_int_equal(engine_firm_view(fixture.engine, wrong, &firm), STATUS_NOT_FOUND);
    }
}

static void test_views_show_what_was_set(void **state)
{
    (void)state;
    market_fixture_trade(&fixture);
    struct command command = market_fixture_session(&fixture, "S1", "FRMA", 1);
    command.body.session.maximum_age_ns = 7;
    command.body.session.hash_operations = 2;
    command.body.session.hash_memory_kib = 1024;
    memset(command.body.session.salt, 0xA5, CREDENTIAL_SALT_BYTES);
    memset(command.body.session.hash, 0x5A, CREDENTIAL_HASH_BYTES);
    market_fixture_apply(&fixture, &command);
    market_fixture_enter(&fixture, 1, 1, SIDE_SELL, 10, 500, TIF_DAY);
    uint32_t id = 0;
    struct engine_session session;
    assert_int_equal(engine_session_find(fixture.engine, command.body.session.name, &id),
                     STATUS_OK);
    assert_int_equal(id, 1);
    assert_int_equal(engine_session_view(fixture.engine, id, &session), STATUS_OK);
    assert_int_equal(session.session_id, 1);
    assert_int_equal(session.version, 2);
    assert_memory_equal(session.name, "S1    ", 6);
    assert_memory_equal(session.firm, "FRMA", 4);
    assert_int_equal(session.epoch, 1);
    assert_int_equal(session.attached_site_id, 1);
    assert_int_equal(session.input_number_next, 2);
    assert_int_equal(session.generation, 1);
    assert_int_equal(session.sequence_next, 3);
    assert_int_equal(session.open_orders, 1);
    assert_int_equal(session.open_orders_max, 900);
    assert_int_equal(session.maximum_age_ns, 7);
    assert_int_equal(session.hash_operations, 2);
    assert_int_equal(session.hash_memory_kib, 1024);
    assert_memory_equal(session.salt, command.body.session.salt, sizeof session.salt);
    assert_memory_equal(session.hash, command.body.session.hash, sizeof session.hash);

    struct engine_firm firm;
    assert_int_equal(engine_firm_find(fixture.engine, (const uint8_t *)"FRMA", &id), STATUS_OK);
    assert_int_equal(engine_firm_view(fixture.engine, id, &firm), STATUS_OK);
    assert_true(firm.enabled);
    assert_int_equal(firm.version, 1);
    assert_memory_equal(firm.name, "FRMA", 4);
}

static void test_time_never_goes_back(void **state)
{
    (void)state;
    market_fixture_trade(&fixture);
    fixture.now_ns = MARKET_FIXTURE_NS + 10;
    market_fixture_enter(&fixture, 1, 1, SIDE_SELL, 10, 500, TIF_DAY);
    fixture.now_ns = MARKET_FIXTURE_NS + 3;
    market_fixture_cancel(&fixture, 1, 1, 0);
    market_fixture_expect(&fixture,
                          "accepted state=L session=1 sequence=2 at=10 reference=1 instrument=1 "
                          "lots=10 price=500 order=1 side=2 tif=1 kind=1 symbol=ABC\n"
                          "canceled reason=1 session=1 sequence=3 at=10 reference=1 instrument=1 "
                          "lots=10\n");
}

static void test_unknown_types_are_only_counted(void **state)
{
    (void)state;
    market_fixture_trade(&fixture);
    for (uint32_t type = 0; type <= UINT8_MAX; type++) {
        bool known =
            (type >= 1 && type <= 5) || (type >= 16 && type <= 18) || (type >= 32 && type <= 37);
        if (known) {
            continue;
        }
        struct command command = market_fixture_client(&fixture, (uint8_t)type, 1);
        fixture.input_numbers[1]--;
        uint64_t before = engine_totals(fixture.engine).commands;
        market_fixture_apply(&fixture, &command);
        assert_int_equal(engine_totals(fixture.engine).commands, before + 1);
        assert_int_equal(engine_totals(fixture.engine).stale, 0);
    }
    market_fixture_expect(&fixture, "");
}

/* A sweep over more orders than a batch holds: the same events, whatever the batch. */
static void test_a_sweep_goes_on_in_the_next_batch(void **state)
{
    (void)state;
    uint64_t hashes[2];
    uint64_t checksums[2];
    for (uint32_t run = 0; run < 2; run++) {
        struct engine_limits limits = market_fixture_limits();
        market_fixture_close(&fixture);
        market_fixture_open(&fixture, &limits, run == 0 ? EVENT_BATCH_MIN : EVENT_BATCH_MIN * 4);
        market_fixture_trade(&fixture);
        for (uint32_t i = 1; i <= 10; i++) {
            market_fixture_enter(&fixture, 1, i, SIDE_SELL, i, 500 + 5 * i, TIF_DAY);
        }
        market_fixture_forget(&fixture);
        market_fixture_enter(&fixture, 2, 1, SIDE_BUY, 60, 1000, TIF_IOC);
        assert_int_equal(fixture.events_count, 1 + 20 + 1);
        assert_int_equal(fixture.calls, run == 0 ? 3 : 1);
        for (uint32_t i = 1; i <= 10; i++) {
            const struct event *resting = &fixture.events[i * 2 - 1];
            const struct event *incoming = &fixture.events[i * 2];
            assert_int_equal(resting->session_id, 1);
            assert_int_equal(resting->user_reference, i);
            assert_int_equal(resting->reason, LIQUIDITY_ADDED);
            assert_int_equal(incoming->session_id, 2);
            assert_int_equal(incoming->reason, LIQUIDITY_REMOVED);
            assert_int_equal(incoming->match_number, resting->match_number);
            assert_int_equal(incoming->price, 500 + 5 * i);
            assert_int_equal(incoming->quantity_lots, i);
        }
        assert_int_equal(fixture.events[21].type, EVENT_ORDER_CANCELED);
        assert_int_equal(fixture.events[21].quantity_lots, 5);
        hashes[run] = engine_event_hash(fixture.engine);
        checksums[run] = engine_checksum(fixture.engine);
    }
    assert_int_equal(hashes[0], hashes[1]);
    assert_int_equal(checksums[0], checksums[1]);
}

/* Whatever comes next, right or wrong, looking at it changes nothing. */
static void test_anticipation_changes_nothing(void **state)
{
    (void)state;
    static struct command next[64];
    struct random random;
    random_seed(&random, 9);
    market_fixture_trade(&fixture);
    for (uint32_t i = 1; i <= 40; i++) {
        market_fixture_enter(&fixture, 1, i, SIDE_SELL, i, 500 + 5 * (i % 7), TIF_DAY);
    }
    uint64_t checksum = engine_checksum(fixture.engine);
    for (uint32_t run = 0; run < 200; run++) {
        for (uint32_t i = 0; i < 64; i++) {
            for (size_t byte = 0; byte < sizeof next[i].body; byte++) {
                next[i].body.bytes[byte] = (uint8_t)random_u64(&random);
            }
            next[i].type = (uint8_t)random_below(&random, 8);
            next[i].session_id = (uint32_t)random_below(&random, 4);
            if (i % 2 == 0) {
                next[i].body.cancel.user_reference = i;
                next[i].body.cancel.channel = 0;
            }
            if (i % 3 == 0) {
                market_fixture_name(next[i].body.order.symbol, SYMBOL_BYTES, "ABC");
            }
        }
        for (uint32_t i = 0; i < 64; i++) {
            engine_anticipate(fixture.engine, &next[i], 64 - i);
        }
    }
    engine_anticipate(fixture.engine, next, 0);
    assert_int_equal(engine_checksum(fixture.engine), checksum);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_anticipation_changes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_first_trade_from_an_empty_engine, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_creation_refuses_limits_and_small_arenas, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_views_of_what_does_not_exist, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_views_show_what_was_set, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_time_never_goes_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unknown_types_are_only_counted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_sweep_goes_on_in_the_next_batch, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
