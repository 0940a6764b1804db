#include "tools/trader.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/fake_exchange.h"

#define NS_A_S  UINT64_C(1000000000)
#define ACTIONS 600u

static const uint8_t symbols[1][SYMBOL_BYTES] = {"AAA     "};

struct fixture {
    struct fake_exchange *exchange;
    struct ouch_client *client;
    struct trader *trader;
    struct ledger *ledger;
    struct market_action actions[ACTIONS];
};

/* Orders 1, 2, ... and, after every third, a cancel of the one before it. */
static void fixture_actions(struct fixture *fixture)
{
    uint64_t id = 0;
    for (uint32_t i = 0; i < ACTIONS; i++) {
        bool cancel = i % 4 == 3;
        id += !cancel;
        fixture->actions[i] =
            (struct market_action){.order_id = cancel ? id - 1 : id,
                                   .quantity = 1,
                                   .total = 1,
                                   .price = 1000,
                                   .type = cancel ? MARKET_ACTION_CANCEL : MARKET_ACTION_ENTER,
                                   .side = SIDE_BUY};
    }
}

static void fixture_create_with(struct fixture *fixture, uint32_t sessions, uint64_t rate,
                                uint32_t window, const char *const *endpoints, uint64_t move_ns)
{
    memset(fixture, 0, sizeof *fixture);
    fixture_actions(fixture);
    fixture->exchange = fake_exchange_create();
    const struct ouch_client_options client = {.endpoint = fixture->exchange->endpoint,
                                               .sessions_max = sessions,
                                               .window_max = 64,
                                               .record_messages_max = 100000};
    assert_int_equal(ouch_client_create(&fixture->client, &client), STATUS_OK);
    for (uint32_t i = 0; i < sessions; i++) {
        char name[] = "FOO0";
        name[3] = (char)('0' + i);
        uint32_t session;
        assert_int_equal(ouch_client_session_add(fixture->client, name, "", &session), STATUS_OK);
    }
    assert_int_equal(ledger_create(&fixture->ledger, sessions, 100000), STATUS_OK);
    const struct trader_options options = {.client = fixture->client,
                                           .window = window,
                                           .rate = rate,
                                           .endpoints = endpoints,
                                           .endpoint_count = endpoints == NULL ? 0 : 2,
                                           .move_after_ns = move_ns,
                                           .from_first = true,
                                           .actions = fixture->actions,
                                           .action_count = ACTIONS,
                                           .instrument_count = 1,
                                           .symbols = symbols,
                                           .orders_max = ACTIONS,
                                           .ledger = fixture->ledger};
    assert_int_equal(trader_create(&fixture->trader, &options), STATUS_OK);
}

static void fixture_create(struct fixture *fixture, uint32_t sessions, uint64_t rate,
                           uint32_t window)
{
    fixture_create_with(fixture, sessions, rate, window, NULL, 0);
}

static void fixture_destroy(struct fixture *fixture)
{
    trader_destroy(fixture->trader);
    ouch_client_destroy(fixture->client);
    ledger_destroy(fixture->ledger);
    fake_exchange_destroy(fixture->exchange);
}

static void step(struct fixture *fixture)
{
    fake_exchange_step(fixture->exchange);
    trader_connect(fixture->trader);
    uint64_t due_ns = ouch_client_now_ns(fixture->client) + 1000000;
    assert_int_equal(trader_step(fixture->trader, due_ns), STATUS_OK);
}

static void until_ready(struct fixture *fixture)
{
    uint64_t limit_ns = ouch_client_now_ns(fixture->client) + 60 * NS_A_S;
    while (!trader_ready(fixture->trader)) {
        step(fixture);
        assert_true(ouch_client_now_ns(fixture->client) < limit_ns);
    }
}

static void until_done(struct fixture *fixture, uint32_t window)
{
    uint64_t limit_ns = ouch_client_now_ns(fixture->client) + 60 * NS_A_S;
    while (!trader_exhausted(fixture->trader) || !trader_settled(fixture->trader)) {
        step(fixture);
        for (uint32_t i = 0; i < ouch_client_session_count(fixture->client); i++) {
            /* And a barrier. */
            assert_in_range(ouch_client_pending(fixture->client, i), 0, window + 1);
        }
        assert_true(ouch_client_now_ns(fixture->client) < limit_ns);
    }
}

/* The commands came in as the actions say, whatever session they went over: resent ones and queries
 * left out. */
static void assert_order_kept(const struct fixture *fixture)
{
    uint32_t next = 0;
    uint32_t last[8] = {0};
    uint32_t sessions = ouch_client_session_count(fixture->client);
    assert_true(fixture->exchange->arrival_count < FAKE_EXCHANGE_MESSAGES);
    for (uint32_t i = 0; i < fixture->exchange->arrival_count; i++) {
        const struct fake_exchange_arrival *arrival = &fixture->exchange->arrivals[i];
        uint32_t session = (uint32_t)(arrival->name[3] - '0');
        if (arrival->type == COMMAND_ACCOUNT_QUERY) {
            continue;
        }
        if (arrival->type == COMMAND_ORDER_ENTER) {
            if (arrival->reference <= last[session]) {
                continue; /* Sent again. */
            }
            last[session] = arrival->reference;
        }
        while (fixture->actions[next].type == MARKET_ACTION_CANCEL &&
               arrival->type == COMMAND_ORDER_ENTER) {
            next++; /* That order was not open: the fake cancels odd ones only. */
        }
        if (fixture->actions[next].type == MARKET_ACTION_CANCEL) {
            next++;
            continue;
        }
        if (arrival->type == COMMAND_ORDER_CANCEL) {
            continue; /* Sent again. */
        }
        uint64_t id = fixture->actions[next].order_id;
        assert_int_equal(session, id % sessions);
        /* Ids are dense: so many of this session came before it. */
        assert_int_equal(arrival->reference,
                         session == 0 ? id / sessions : (id - session) / sessions + 1);
        next++;
    }
    assert_true(next >= ACTIONS - 1);
}

static void test_recorded(void **state)
{
    (void)state;
    for (uint32_t sessions = 1; sessions <= 3; sessions++) {
        static struct fixture fixture;
        fixture_create(&fixture, sessions, 0, 8);
        until_ready(&fixture);
        trader_start(fixture.trader);
        until_done(&fixture, 8);
        struct trader_counts counts = trader_counts(fixture.trader);
        assert_int_equal(counts.commands + counts.skipped, ACTIONS);
        assert_int_equal(counts.orders, ACTIONS / 4 * 3);
        assert_int_equal(counts.acknowledged, ACTIONS / 4 * 3);
        assert_int_equal(trader_order_latency(fixture.trader)->count, ACTIONS / 4 * 3);
        assert_true(counts.canceled > 0);
        assert_true(counts.silent > 0);
        assert_int_equal(counts.wrong_bytes + counts.wrong_starts + counts.not_ouch, 0);
        assert_order_kept(&fixture);
        assert_int_equal(ledger_close(fixture.ledger, false), 0);
        fixture_destroy(&fixture);
    }
}

/* Killed again and again: everything is answered once, in the same order. */
static void test_reconnects(void **state)
{
    (void)state;
    for (uint32_t sessions = 1; sessions <= 3; sessions += 2) {
        static struct fixture fixture;
        fixture_create(&fixture, sessions, 0, 8);
        until_ready(&fixture);
        trader_start(fixture.trader);
        for (uint32_t kill = 0; kill < 10; kill++) {
            uint64_t wanted = trader_counts(fixture.trader).acknowledged + 20;
            while (trader_counts(fixture.trader).acknowledged < wanted) {
                step(&fixture);
            }
            fixture.exchange->answers_max = kill;
            for (uint32_t i = 0; i < 5; i++) {
                step(&fixture);
            }
            fake_exchange_cut(fixture.exchange);
            fixture.exchange->answers_max = UINT32_MAX;
        }
        until_done(&fixture, 8);
        struct trader_counts counts = trader_counts(fixture.trader);
        assert_int_equal(counts.acknowledged, ACTIONS / 4 * 3);
        assert_true(counts.disconnects >= 10);
        assert_int_equal(counts.repeated, 0);
        assert_order_kept(&fixture);
        assert_int_equal(ledger_close(fixture.ledger, false), 0);
        fixture_destroy(&fixture);
    }
}

/* At a rate, latency counts from when a command was due: an exchange that stands still for a while
 * holds up everything that was due meanwhile. */
static void test_no_coordinated_omission(void **state)
{
    (void)state;
    static struct fixture fixture;
    fixture_create(&fixture, 1, 2000, 4);
    until_ready(&fixture);
    trader_start(fixture.trader);
    uint64_t started_ns = ouch_client_now_ns(fixture.client);
    while (trader_counts(fixture.trader).acknowledged < 50) {
        step(&fixture);
    }
    uint64_t stall_ns = ouch_client_now_ns(fixture.client) + NS_A_S / 10;
    while (ouch_client_now_ns(fixture.client) < stall_ns) { /* The exchange does nothing. */
        assert_int_equal(trader_step(fixture.trader, stall_ns), STATUS_OK);
    }
    until_done(&fixture, 4);
    /* 600 commands at 2,000 a second take no less than 0.3 s. */
    assert_true(ouch_client_now_ns(fixture.client) - started_ns >= NS_A_S / 10 * 299 / 100);
    /* Some 200 were due during the stall; a closed loop would have seen 4 slow ones. */
    const struct histogram *latency = trader_order_latency(fixture.trader);
    uint64_t fast = histogram_count_to(latency, NS_A_S / 100);
    assert_true(latency->count - fast > 50);
    assert_true(latency->max_ns >= NS_A_S / 10 * 9 / 10);
    fixture_destroy(&fixture);
}

/* Orders that a gateway refuses are gone, and not in doubt. */
static void test_refused(void **state)
{
    (void)state;
    static struct fixture fixture;
    fixture_create(&fixture, 2, 0, 8);
    until_ready(&fixture);
    trader_start(fixture.trader);
    fixture.exchange->refuse_commands = true;
    while (trader_counts(fixture.trader).refused < 20) {
        step(&fixture);
    }
    fixture.exchange->refuse_commands = false;
    until_done(&fixture, 8);
    struct trader_counts counts = trader_counts(fixture.trader);
    assert_true(counts.acknowledged < counts.orders);
    assert_int_equal(ledger_close(fixture.ledger, false), 0);
    fixture_destroy(&fixture);
}

/* A session that has traded before goes on behind its last reference and its last message. */
static void test_used_session(void **state)
{
    (void)state;
    static struct fixture fixture;
    fixture_create(&fixture, 1, 0, 8);
    fake_exchange_stream(fixture.exchange, "FOO0")->reference_last[0] = 70;
    until_ready(&fixture);
    trader_start(fixture.trader);
    until_done(&fixture, 8);
    assert_int_equal(fixture.exchange->arrivals[1].reference, 71);
    assert_int_equal(trader_counts(fixture.trader).acknowledged, ACTIONS / 4 * 3);
    fixture_destroy(&fixture);
}

/* Two places; what is wrong with the first is up to `spoil`. Everything is answered by the second.
 */
static void assert_moves(void (*spoil)(struct fake_exchange *), uint64_t move_ns)
{
    static struct fixture fixture;
    struct fake_exchange *spoilt = fake_exchange_create();
    struct fake_exchange *sound = fake_exchange_create();
    const char *const endpoints[] = {spoilt->endpoint, sound->endpoint};
    spoil(spoilt);
    fixture_create_with(&fixture, 3, 0, 8, endpoints, move_ns);
    uint64_t limit_ns = ouch_client_now_ns(fixture.client) + 60 * NS_A_S;
    bool started = false;
    while (!trader_exhausted(fixture.trader) || !trader_settled(fixture.trader)) {
        if (!started && trader_ready(fixture.trader)) {
            trader_start(fixture.trader);
            started = true;
        }
        fake_exchange_step(spoilt);
        fake_exchange_step(sound);
        step(&fixture);
        assert_true(ouch_client_now_ns(fixture.client) < limit_ns);
    }
    struct trader_counts counts = trader_counts(fixture.trader);
    assert_int_equal(counts.acknowledged, ACTIONS / 4 * 3);
    assert_true(counts.disconnects >= 2); /* Sessions 0 and 2 begin at the first. */
    assert_int_equal(counts.moves > 0, move_ns > 0);
    assert_int_equal(spoilt->arrival_count, 0);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(trader_endpoint(fixture.trader, i), 1);
    }
    assert_int_equal(ledger_close(fixture.ledger, false), 0);
    fake_exchange_destroy(spoilt);
    fake_exchange_destroy(sound);
    fixture_destroy(&fixture);
}

static void spoil_logins(struct fake_exchange *exchange)
{
    exchange->refuse_logins = true;
}

static void spoil_answers(struct fake_exchange *exchange)
{
    exchange->answers_max = 0;
}

static void test_refused_goes_to_the_next(void **state)
{
    (void)state;
    assert_moves(spoil_logins, 0);
}

static void test_unanswered_goes_to_the_next(void **state)
{
    (void)state;
    assert_moves(spoil_answers, NS_A_S / 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded),
        cmocka_unit_test(test_reconnects),
        cmocka_unit_test(test_no_coordinated_omission),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_used_session),
        cmocka_unit_test(test_refused_goes_to_the_next),
        cmocka_unit_test(test_unanswered_goes_to_the_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
