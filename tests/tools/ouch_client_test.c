#include "tools/ouch_client.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/fake_exchange.h"

#define EVENTS 32u
#define NS_A_S UINT64_C(1000000000)

/* A client and the fake exchange that it talks to, and what the client has said so far. */
struct pair {
    struct fake_exchange *exchange;
    struct ouch_client *client;
    uint64_t messages;
    uint64_t answered;
    uint64_t silent;
    uint64_t repeated;
    uint64_t logged_on;
    uint64_t refused_logons;
    uint64_t refused;
    uint64_t ended;
    uint64_t disconnected;
    enum status disconnected_why;
    uint64_t records_bad;
    uint64_t record_bad_sequence;
    enum status record_bad;
    enum status logon_status;
};

static struct pair pair_create(uint32_t sessions, enum io_backend_kind backend)
{
    struct pair pair = {.exchange = fake_exchange_create()};
    const struct ouch_client_options options = {.endpoint = pair.exchange->endpoint,
                                                .sessions_max = 8,
                                                .window_max = 64,
                                                .send_bytes = 2048,
                                                .record_messages_max = 10000,
                                                .backend = backend};
    assert_int_equal(ouch_client_create(&pair.client, &options), STATUS_OK);
    for (uint32_t i = 0; i < sessions; i++) {
        char name[] = "FOO0";
        name[3] = (char)('0' + i);
        uint32_t session;
        assert_int_equal(ouch_client_session_add(pair.client, name, "pass", &session), STATUS_OK);
        assert_int_equal(session, i);
    }
    return pair;
}

static void pair_destroy(struct pair *pair)
{
    ouch_client_destroy(pair->client);
    fake_exchange_destroy(pair->exchange);
}

static void pair_take(struct pair *pair, const struct ouch_session_event *event)
{
    switch (event->kind) {
    case OUCH_SESSION_LOGGED_ON:
        pair->logged_on++;
        pair->logon_status = event->status;
        break;
    case OUCH_SESSION_LOGON_REFUSED:
        pair->refused_logons++;
        break;
    case OUCH_SESSION_MESSAGE:
        pair->messages++;
        pair->repeated += event->repeated;
        if (event->record != STATUS_OK && pair->records_bad++ == 0) {
            pair->record_bad_sequence = event->sequence;
            pair->record_bad = event->record;
        }
        break;
    case OUCH_SESSION_REFUSED:
        pair->refused++;
        break;
    case OUCH_SESSION_ENDED:
        pair->ended++;
        break;
    case OUCH_SESSION_DISCONNECTED:
        pair->disconnected++;
        pair->disconnected_why = event->status;
        break;
    }
    if (event->answers) {
        pair->answered++;
        pair->silent += event->answer.silent_count;
    }
}

static void pair_step(struct pair *pair)
{
    struct ouch_session_event events[EVENTS];
    fake_exchange_step(pair->exchange);
    uint64_t due_ns = ouch_client_now_ns(pair->client) + 1000000;
    uint32_t count = ouch_client_poll(pair->client, events, EVENTS, due_ns);
    assert_in_range(count, 0, EVENTS);
    for (uint32_t i = 0; i < count; i++) {
        pair_take(pair, &events[i]);
    }
}

/* Step until `*counter` is at least `wanted`; fails when it takes absurdly long. */
static void pair_until(struct pair *pair, const uint64_t *counter, uint64_t wanted)
{
    uint64_t limit_ns = ouch_client_now_ns(pair->client) + 60 * NS_A_S;
    while (*counter < wanted) {
        pair_step(pair);
        assert_true(ouch_client_now_ns(pair->client) < limit_ns);
    }
}

static void pair_connect(struct pair *pair, uint32_t session, uint64_t sequence)
{
    uint64_t before = pair->logged_on;
    assert_int_equal(ouch_client_connect(pair->client, session, sequence), STATUS_OK);
    pair_until(pair, &pair->logged_on, before + 1);
}

static void pair_order(struct pair *pair, uint32_t session, uint32_t reference)
{
    struct command command = {.type = COMMAND_ORDER_ENTER};
    struct command_order *order = &command.body.order;
    memcpy(order->symbol, "AAPL    ", sizeof order->symbol);
    memset(order->client_order_id, ' ', sizeof order->client_order_id);
    order->side = SIDE_SELL;
    order->time_in_force = TIF_DAY;
    order->kind = ORDER_LIMIT;
    order->display = 'Y';
    order->capacity = 'P';
    order->sweep = 'N';
    order->cross = 'N';
    order->user_reference = reference;
    order->quantity_lots = reference;
    order->price = 10000;
    enum status status;
    while ((status = ouch_client_send(pair->client, session, &command, reference)) == STATUS_FULL) {
        pair_step(pair);
    }
    assert_int_equal(status, STATUS_OK);
}

static void pair_cancel(struct pair *pair, uint32_t session, uint32_t reference)
{
    struct command command = {.type = COMMAND_ORDER_CANCEL};
    command.body.cancel.user_reference = reference;
    assert_int_equal(ouch_client_send(pair->client, session, &command, reference), STATUS_OK);
}

static void many_sessions(enum io_backend_kind backend)
{
    struct pair pair = pair_create(5, backend);
    pair.exchange->piece_bytes = 7;
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(ouch_client_connect(pair.client, i, 1), STATUS_OK);
        assert_int_equal(ouch_client_connect(pair.client, i, 1), STATUS_IN_USE);
    }
    pair_until(&pair, &pair.logged_on, 5);
    pair.exchange->piece_bytes = 0;
    for (uint32_t reference = 1; reference <= 200; reference++) {
        for (uint32_t i = 0; i < 5; i++) {
            pair_order(&pair, i, reference);
        }
    }
    pair_until(&pair, &pair.answered, 1000);
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(ouch_client_pending(pair.client, i), 0);
        assert_int_equal(ouch_client_sequence_next(pair.client, i), 201);
        assert_int_equal(ouch_client_session(pair.client, i)->record.count, 200);
    }
    assert_int_equal(pair.records_bad, 0);
    assert_int_equal(ouch_client_counts(pair.client).messages_received, 1000);
    pair_destroy(&pair);
}

static void test_many_sessions(void **state)
{
    (void)state;
    many_sessions(IO_BACKEND_BEST);
    many_sessions(IO_BACKEND_EPOLL);
}

/* The exchange is killed with answers under way and commands lost: after the reconnect at the next
 * number everything is answered, once, and the stream is whole. */
static void test_reconnect(void **state)
{
    (void)state;
    struct pair pair = pair_create(1, IO_BACKEND_BEST);
    pair_connect(&pair, 0, 1);
    uint32_t reference = 1;
    for (uint32_t kill = 0; kill < 20; kill++) {
        pair.exchange->answers_max = 10 + kill;
        for (uint32_t i = 0; i < 40; i++) {
            pair_order(&pair, 0, reference++);
        }
        /* What was answered is cut off before all of it is received. */
        pair_until(&pair, &pair.messages, pair.messages + 1 + kill % 10);
        uint64_t disconnected = pair.disconnected;
        fake_exchange_cut(pair.exchange);
        pair_until(&pair, &pair.disconnected, disconnected + 1);
        assert_int_equal(pair.disconnected_why, STATUS_CLOSED);
        pair.exchange->answers_max = UINT32_MAX;
        pair_connect(&pair, 0, ouch_client_sequence_next(pair.client, 0));
        pair_until(&pair, &pair.messages, reference - 1);
    }
    const struct fake_exchange_stream *stream = fake_exchange_stream(pair.exchange, "FOO0");
    assert_int_equal(stream->message_count, 800);
    assert_int_equal(pair.answered, 800);
    assert_int_equal(pair.repeated, 0);
    assert_int_equal(pair.records_bad, 0);
    for (uint32_t i = 0; i < 800; i++) {
        uint64_t hash = stream_record_hash(stream->messages[i].bytes, stream->messages[i].count);
        assert_int_equal(ouch_client_session(pair.client, 0)->record.hashes[i], hash);
    }
    pair_destroy(&pair);
}

/* Cancels of orders that are gone get no answer; a barrier settles them. */
static void test_barrier(void **state)
{
    (void)state;
    struct pair pair = pair_create(1, IO_BACKEND_BEST);
    pair_connect(&pair, 0, 1);
    for (uint32_t reference = 1; reference <= 6; reference++) {
        pair_order(&pair, 0, reference);
    }
    for (uint32_t reference = 1; reference <= 6; reference++) {
        pair_cancel(&pair, 0, reference);
    }
    pair_until(&pair, &pair.answered, 9);
    assert_int_equal(ouch_client_pending(pair.client, 0), 1); /* The cancel of 6. */
    assert_int_equal(ouch_client_barrier(pair.client, 0, 99), STATUS_OK);
    assert_int_equal(ouch_client_barrier(pair.client, 0, 99), STATUS_NOT_YET);
    pair_until(&pair, &pair.answered, 10);
    assert_int_equal(ouch_client_pending(pair.client, 0), 0);
    assert_int_equal(pair.silent, 3);
    pair_destroy(&pair);
}

/* One thing done wrong while the stream is read again: the record says which number. */
static void replay_with_fault(enum fake_exchange_fault fault, uint64_t sequence, enum status wanted,
                              uint64_t wanted_sequence)
{
    struct pair pair = pair_create(1, IO_BACKEND_BEST);
    pair_connect(&pair, 0, 1);
    for (uint32_t reference = 1; reference <= 100; reference++) {
        pair_order(&pair, 0, reference);
    }
    pair_until(&pair, &pair.answered, 100);
    assert_int_equal(pair.records_bad, 0);
    ouch_client_disconnect(pair.client, 0);
    pair_until(&pair, &pair.disconnected, 1);
    pair.exchange->fault = fault;
    pair.exchange->fault_sequence = sequence;
    pair_connect(&pair, 0, 1);
    uint64_t replayed = fault == FAKE_EXCHANGE_SKIP ? 99 : 100;
    pair_until(&pair, &pair.messages, 100 + replayed);
    if (wanted == STATUS_OK) {
        assert_int_equal(pair.records_bad, 0);
        assert_int_equal(pair.repeated, 100);
    } else {
        assert_true(pair.records_bad > 0);
        assert_int_equal(pair.record_bad, wanted);
        assert_int_equal(pair.record_bad_sequence, wanted_sequence);
    }
    pair_destroy(&pair);
}

static void test_planted_faults(void **state)
{
    (void)state;
    replay_with_fault(FAKE_EXCHANGE_NONE, 0, STATUS_OK, 0);
    replay_with_fault(FAKE_EXCHANGE_SKIP, 40, STATUS_BAD_CHECKSUM, 40);
    replay_with_fault(FAKE_EXCHANGE_REPEAT, 40, STATUS_BAD_CHECKSUM, 41);
    replay_with_fault(FAKE_EXCHANGE_FLIP, 40, STATUS_BAD_CHECKSUM, 40);
}

/* A server that goes on at another number than was asked for. */
static void test_wrong_start(void **state)
{
    (void)state;
    struct pair pair = pair_create(1, IO_BACKEND_BEST);
    pair_connect(&pair, 0, 1);
    assert_int_equal(pair.logon_status, STATUS_OK);
    pair_order(&pair, 0, 1);
    pair_until(&pair, &pair.answered, 1);
    fake_exchange_cut(pair.exchange);
    pair_until(&pair, &pair.disconnected, 1);
    pair.exchange->fault = FAKE_EXCHANGE_OFFSET;
    pair_connect(&pair, 0, 2);
    assert_int_equal(pair.logon_status, STATUS_BAD_CHAIN);
    pair_destroy(&pair);
}

static void test_ends(void **state)
{
    (void)state;
    struct pair pair = pair_create(2, IO_BACKEND_BEST);
    pair.exchange->refuse_logins = true;
    assert_int_equal(ouch_client_connect(pair.client, 0, 1), STATUS_OK);
    pair_until(&pair, &pair.disconnected, 1);
    assert_int_equal(pair.refused_logons, 1);
    assert_int_equal(pair.disconnected_why, STATUS_DENIED);

    pair.exchange->refuse_logins = false;
    pair_connect(&pair, 0, 1);
    pair.exchange->refuse_commands = true;
    pair_order(&pair, 0, 1);
    pair_until(&pair, &pair.refused, 1);
    assert_int_equal(ouch_client_pending(pair.client, 0), 0);
    ouch_client_logout(pair.client, 0);
    pair_until(&pair, &pair.disconnected, 2);

    pair.exchange->refuse_commands = false;
    pair_connect(&pair, 1, 1);
    pair_order(&pair, 1, 1);
    pair_until(&pair, &pair.answered, 2);
    fake_exchange_roll(pair.exchange, "FOO1");
    pair_until(&pair, &pair.ended, 1);
    fake_exchange_cut(pair.exchange);
    pair_until(&pair, &pair.disconnected, 3);
    pair_connect(&pair, 1, 1);
    pair_order(&pair, 1, 2);
    pair_until(&pair, &pair.answered, 3);
    assert_int_equal(ouch_client_session(pair.client, 1)->generation, 2);
    assert_int_equal(ouch_client_sequence_next(pair.client, 1), 2);

    pair.exchange->fault = FAKE_EXCHANGE_RUBBISH;
    pair.exchange->fault_sequence = 2;
    pair_order(&pair, 1, 3);
    pair_until(&pair, &pair.disconnected, 4);
    assert_int_equal(pair.disconnected_why, STATUS_BAD_FORMAT);
    pair_destroy(&pair);
}

/* Nobody listens: an outcome, not an error of the program; and it may be tried again. */
static void test_nobody_there(void **state)
{
    (void)state;
    struct pair pair = pair_create(1, IO_BACKEND_BEST);
    struct fake_exchange *gone = fake_exchange_create();
    struct ouch_client *client;
    const struct ouch_client_options options = {.endpoint = gone->endpoint,
                                                .sessions_max = 1,
                                                .window_max = 2};
    assert_int_equal(ouch_client_create(&client, &options), STATUS_OK);
    fake_exchange_destroy(gone);
    ouch_client_destroy(pair.client);
    pair.client = client;
    uint32_t session;
    assert_int_equal(ouch_client_session_add(client, "A", "", &session), STATUS_OK);
    assert_int_equal(ouch_client_session_add(client, "B", "", &session), STATUS_FULL);
    for (uint32_t i = 1; i <= 3; i++) {
        assert_int_equal(ouch_client_connect(client, 0, 1), STATUS_OK);
        pair_until(&pair, &pair.disconnected, i);
        assert_int_equal(pair.disconnected_why, STATUS_CLOSED);
    }
    pair_destroy(&pair);
}

/* A client that has nothing to say says so every second. */
static void test_heartbeats(void **state)
{
    (void)state;
    struct pair pair = pair_create(1, IO_BACKEND_BEST);
    pair_connect(&pair, 0, 1);
    pair_until(&pair, &pair.exchange->connections[0].heartbeats, 1);
    assert_int_equal(pair.disconnected, 0);
    pair_destroy(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_sessions), cmocka_unit_test(test_reconnect),
        cmocka_unit_test(test_barrier),       cmocka_unit_test(test_planted_faults),
        cmocka_unit_test(test_wrong_start),   cmocka_unit_test(test_ends),
        cmocka_unit_test(test_nobody_there),  cmocka_unit_test(test_heartbeats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
