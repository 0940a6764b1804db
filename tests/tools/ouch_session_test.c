#include "tools/ouch_session.h"

#include <string.h>

#include "gateway/ouch.h"
#include "tests/support/cmocka_all.h"

#define EVENTS 64u

struct fixture {
    struct ouch_session session;
    struct ouch_session_event events[EVENTS];
    uint8_t bytes[16384]; /* From the server, to be received. */
    size_t count;
};

static void fixture_create(struct fixture *fixture, uint32_t send_bytes_max)
{
    memset(fixture, 0, sizeof *fixture);
    const struct ouch_session_options options = {.username = "ALICE",
                                                 .password = "secret",
                                                 .index = 3,
                                                 .window = 64,
                                                 .send_bytes_max = send_bytes_max,
                                                 .record_messages_max = 1000};
    assert_int_equal(ouch_session_create(&fixture->session, &options), STATUS_OK);
}

static void server_accepts(struct fixture *fixture, uint64_t generation, uint64_t sequence)
{
    const struct soupbin_accepted accepted = {.session = generation, .sequence = sequence};
    fixture->count += soupbin_accepted_encode(fixture->bytes + fixture->count,
                                              sizeof fixture->bytes - fixture->count, &accepted);
}

static void server_event(struct fixture *fixture, struct event event)
{
    uint8_t *target = fixture->bytes + fixture->count;
    size_t room = sizeof fixture->bytes - fixture->count;
    event.sequence = 1; /* Not on the wire. */
    event.timestamp_ns = fixture->count;
    size_t bytes =
        ouch_event_encode(target + SOUPBIN_HEADER_BYTES, room - SOUPBIN_HEADER_BYTES, &event);
    fixture->count += soupbin_header_encode(target, room, SOUPBIN_SEQUENCED, bytes);
}

static void server_order_accepted(struct fixture *fixture, uint32_t reference)
{
    struct event event = {.type = EVENT_ORDER_ACCEPTED,
                          .state = 'L',
                          .user_reference = reference,
                          .quantity_lots = 5,
                          .price = 1000,
                          .order_id = reference,
                          .side = SIDE_BUY,
                          .time_in_force = TIF_DAY,
                          .kind = ORDER_LIMIT,
                          .display = 'Y',
                          .capacity = 'P',
                          .sweep = 'N',
                          .cross = 'N'};
    memset(event.symbol, 'A', sizeof event.symbol);
    memset(event.client_order_id, ' ', sizeof event.client_order_id);
    server_event(fixture, event);
}

static void server_account(struct fixture *fixture, uint8_t channel)
{
    server_event(fixture,
                 (struct event){.type = EVENT_ACCOUNT, .channel = channel, .user_reference = 1});
}

/* Receive everything that the server sent, `piece` bytes at a time; returns the events. */
static uint32_t receive(struct fixture *fixture, size_t piece, enum status *end)
{
    uint32_t count = 0;
    *end = STATUS_OK;
    for (size_t at = 0; at < fixture->count && *end == STATUS_OK;) {
        size_t bytes = fixture->count - at < piece ? fixture->count - at : piece;
        uint32_t added = 0;
        at += ouch_session_receive(&fixture->session, fixture->bytes + at, bytes, 77,
                                   fixture->events + count, EVENTS - count, &added, end);
        count += added;
    }
    fixture->count = 0;
    return count;
}

static void connect_session(struct fixture *fixture, uint64_t sequence)
{
    ouch_session_reset(&fixture->session);
    fixture->session.state = OUCH_SESSION_CONNECTING;
    ouch_session_login(&fixture->session, sequence, 0);
    fixture->session.send_bytes = 0;
}

static struct command order(uint32_t reference)
{
    struct command command = {.type = COMMAND_ORDER_ENTER};
    struct command_order *body = &command.body.order;
    memset(body->symbol, 'A', sizeof body->symbol);
    memset(body->client_order_id, ' ', sizeof body->client_order_id);
    body->side = SIDE_BUY;
    body->time_in_force = TIF_DAY;
    body->kind = ORDER_LIMIT;
    body->display = 'Y';
    body->capacity = 'P';
    body->sweep = 'N';
    body->cross = 'N';
    body->user_reference = reference;
    body->quantity_lots = 5;
    body->price = 1000;
    return command;
}

/* The commands in the send buffer, decoded; empties it. */
static uint32_t sent(struct fixture *fixture, struct command *commands, uint32_t commands_max)
{
    uint32_t count = 0;
    uint32_t at = 0;
    while (at < fixture->session.send_bytes) {
        struct soupbin_packet packet;
        assert_int_equal(soupbin_decode(&packet, fixture->session.send + at,
                                        fixture->session.send_bytes - at, 512),
                         STATUS_OK);
        at += packet.packet_bytes;
        assert_int_equal(packet.type, SOUPBIN_UNSEQUENCED);
        assert_true(count < commands_max);
        assert_int_equal(
            ouch_command_decode(&commands[count], packet.payload, packet.payload_bytes), STATUS_OK);
        count++;
    }
    fixture->session.send_bytes = 0;
    return count;
}

static void test_login_request(void **state)
{
    (void)state;
    static struct fixture fixture;
    fixture_create(&fixture, 4096);
    fixture.session.state = OUCH_SESSION_CONNECTING;
    ouch_session_login(&fixture.session, 42, 0);
    struct soupbin_packet packet;
    assert_int_equal(soupbin_decode(&packet, fixture.session.send, fixture.session.send_bytes, 512),
                     STATUS_OK);
    struct soupbin_login login;
    assert_int_equal(soupbin_login_decode(&login, packet.payload, packet.payload_bytes), STATUS_OK);
    assert_memory_equal(login.username, "ALICE ", 6);
    assert_memory_equal(login.password, "secret    ", 10);
    assert_true(login.session_any);
    assert_int_equal(login.sequence, 42);
    ouch_session_destroy(&fixture.session);

    struct ouch_session session;
    struct ouch_session_options options = {
        .username = "SEVENCH", .password = "", .window = 2, .send_bytes_max = 1024};
    assert_int_equal(ouch_session_create(&session, &options), STATUS_BAD_ARGUMENT);
    options.username = "";
    assert_int_equal(ouch_session_create(&session, &options), STATUS_BAD_ARGUMENT);
    options.username = "BOB";
    options.password = "elevenchars";
    assert_int_equal(ouch_session_create(&session, &options), STATUS_BAD_ARGUMENT);
}

/* However the bytes are cut, the same events come out. */
static void test_pieces(void **state)
{
    (void)state;
    for (size_t piece = 1; piece < 300; piece += piece < 80 ? 1 : 37) {
        static struct fixture fixture;
        fixture_create(&fixture, 4096);
        connect_session(&fixture, 1);
        server_accepts(&fixture, 1, 1);
        for (uint32_t i = 1; i <= 20; i++) {
            server_order_accepted(&fixture, i);
        }
        enum status end;
        assert_int_equal(receive(&fixture, piece, &end), 21);
        assert_int_equal(end, STATUS_OK);
        assert_int_equal(fixture.events[0].kind, OUCH_SESSION_LOGGED_ON);
        assert_int_equal(fixture.events[0].sequence, 1);
        assert_int_equal(fixture.events[0].status, STATUS_OK);
        for (uint32_t i = 1; i <= 20; i++) {
            const struct ouch_session_event *event = &fixture.events[i];
            assert_int_equal(event->kind, OUCH_SESSION_MESSAGE);
            assert_int_equal(event->session, 3);
            assert_int_equal(event->received_ns, 77);
            assert_int_equal(event->sequence, i);
            assert_int_equal(event->event.type, EVENT_ORDER_ACCEPTED);
            assert_int_equal(event->event.user_reference, i);
            assert_int_equal(event->status, STATUS_OK);
            assert_int_equal(event->record, STATUS_OK);
        }
        assert_int_equal(fixture.session.record.count, 20);
        ouch_session_destroy(&fixture.session);
    }
}

static void test_events_are_bounded(void **state)
{
    (void)state;
    static struct fixture fixture;
    fixture_create(&fixture, 4096);
    connect_session(&fixture, 1);
    server_accepts(&fixture, 1, 1);
    for (uint32_t i = 1; i <= 20; i++) {
        server_order_accepted(&fixture, i);
    }
    size_t at = 0;
    uint32_t total = 0;
    while (at < fixture.count) {
        uint32_t added;
        enum status end;
        at += ouch_session_receive(&fixture.session, fixture.bytes + at, fixture.count - at, 0,
                                   fixture.events, 3, &added, &end);
        assert_int_equal(end, STATUS_OK);
        assert_in_range(added, 0, 3);
        for (uint32_t i = 0; i < added; i++, total++) {
            assert_int_equal(fixture.events[i].sequence, total == 0 ? 1 : total);
        }
    }
    assert_int_equal(total, 21);
    ouch_session_destroy(&fixture.session);
}

/* Commands wait for the login, go out in order, and go out again after a reconnect: the same
 * references, oldest first, without what has been answered. */
static void test_resend(void **state)
{
    (void)state;
    static struct fixture fixture;
    fixture_create(&fixture, 4096);
    for (uint32_t i = 1; i <= 4; i++) {
        struct command command = order(i);
        assert_int_equal(ouch_session_command(&fixture.session, &command, 100 + i), STATUS_OK);
    }
    assert_int_equal(fixture.session.send_bytes, 0);
    connect_session(&fixture, 1);
    server_accepts(&fixture, 1, 1);
    enum status end;
    assert_int_equal(receive(&fixture, 1000, &end), 1);
    struct command commands[16];
    assert_int_equal(sent(&fixture, commands, 16), 4);
    server_order_accepted(&fixture, 1);
    server_order_accepted(&fixture, 2);
    assert_int_equal(receive(&fixture, 1000, &end), 2);
    assert_true(fixture.events[1].answers);
    assert_int_equal(fixture.events[1].answer.tag, 102);

    struct command late = order(5);
    connect_session(&fixture, fixture.session.sequence_seen + 1);
    assert_int_equal(ouch_session_command(&fixture.session, &late, 105), STATUS_OK);
    server_accepts(&fixture, 1, 3);
    server_order_accepted(&fixture, 3); /* Was executed before the connection broke. */
    assert_int_equal(receive(&fixture, 1000, &end), 2);
    assert_int_equal(fixture.events[1].sequence, 3);
    assert_false(fixture.events[1].repeated);
    assert_true(fixture.events[1].answers);
    assert_int_equal(sent(&fixture, commands, 16), 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(commands[i].body.order.user_reference, 3 + i);
        assert_int_equal(commands[i].body.order.quantity_lots, 5);
    }
    ouch_session_destroy(&fixture.session);
}

/* A small send buffer only delays: nothing is lost or reordered. */
static void test_small_send_buffer(void **state)
{
    (void)state;
    static struct fixture fixture;
    fixture_create(&fixture, OUCH_SESSION_SEND_BYTES_MIN);
    connect_session(&fixture, 1);
    server_accepts(&fixture, 1, 1);
    enum status end;
    assert_int_equal(receive(&fixture, 1000, &end), 1);
    for (uint32_t i = 1; i <= 64; i++) {
        struct command command = order(i);
        assert_int_equal(ouch_session_command(&fixture.session, &command, i), STATUS_OK);
    }
    struct command more = order(65);
    assert_int_equal(ouch_session_command(&fixture.session, &more, 65), STATUS_FULL);
    uint32_t next = 1;
    uint32_t rounds = 0;
    while (next <= 64) {
        struct command commands[32];
        uint32_t count = sent(&fixture, commands, 32);
        assert_true(count > 0);
        for (uint32_t i = 0; i < count; i++) {
            assert_int_equal(commands[i].body.order.user_reference, next++);
        }
        ouch_session_fill(&fixture.session);
        rounds++;
    }
    assert_true(rounds > 1);
    assert_int_equal(fixture.session.send_bytes, 0);
    ouch_session_destroy(&fixture.session);
}

/* The answer to a query from before the reconnect must not pass for the answer to the one sent
 * again: more commands stand between them. */
static void test_stale_query_answer(void **state)
{
    (void)state;
    static struct fixture fixture;
    fixture_create(&fixture, 4096);
    connect_session(&fixture, 1);
    server_accepts(&fixture, 1, 1);
    enum status end;
    assert_int_equal(receive(&fixture, 1000, &end), 1);
    assert_int_equal(ouch_session_barrier(&fixture.session, 9), STATUS_OK);
    assert_int_equal(ouch_session_barrier(&fixture.session, 9), STATUS_NOT_YET);
    struct command commands[4];
    assert_int_equal(sent(&fixture, commands, 4), 1);
    uint8_t first_channel = commands[0].body.query.channel;

    connect_session(&fixture, 1);
    server_accepts(&fixture, 1, 1);
    assert_int_equal(receive(&fixture, 1000, &end), 1);
    assert_int_equal(sent(&fixture, commands, 4), 1);
    uint8_t second_channel = commands[0].body.query.channel;
    assert_int_not_equal(first_channel, second_channel);
    server_account(&fixture, first_channel);
    assert_int_equal(receive(&fixture, 1000, &end), 1);
    assert_false(fixture.events[0].answers);
    assert_int_equal(ouch_session_barrier(&fixture.session, 9), STATUS_NOT_YET);
    server_account(&fixture, second_channel);
    assert_int_equal(receive(&fixture, 1000, &end), 1);
    assert_true(fixture.events[0].answers);
    assert_int_equal(fixture.events[0].answer.tag, 9);
    assert_int_equal(ouch_session_barrier(&fixture.session, 10), STATUS_OK);
    ouch_session_destroy(&fixture.session);
}

/* Reading the stream again: the same bytes are fine, others are noticed, nothing is answered
 * twice. */
static void test_replay(void **state)
{
    (void)state;
    static struct fixture fixture;
    fixture_create(&fixture, 4096);
    connect_session(&fixture, 1);
    server_accepts(&fixture, 1, 1);
    for (uint32_t i = 1; i <= 10; i++) {
        server_order_accepted(&fixture, i);
    }
    static uint8_t stream[sizeof fixture.bytes];
    size_t stream_bytes = fixture.count;
    memcpy(stream, fixture.bytes, stream_bytes);
    enum status end;
    assert_int_equal(receive(&fixture, 1000, &end), 11);

    for (size_t flipped = stream_bytes - 40; flipped <= stream_bytes; flipped++) {
        connect_session(&fixture, 1);
        memcpy(fixture.bytes, stream, stream_bytes);
        fixture.count = stream_bytes;
        fixture.bytes[flipped] ^= 0x01; /* One behind the end: nothing flipped. */
        assert_int_equal(receive(&fixture, 1000, &end), 11);
        for (uint32_t i = 1; i <= 10; i++) {
            assert_true(fixture.events[i].repeated);
            assert_false(fixture.events[i].answers);
            bool changed = i == 10 && flipped < stream_bytes;
            assert_int_equal(fixture.events[i].record, changed ? STATUS_BAD_CHECKSUM : STATUS_OK);
        }
    }
    assert_int_equal(fixture.session.record.count, 10);

    connect_session(&fixture, 11);
    server_accepts(&fixture, 1, 12); /* Leaves one out. */
    assert_int_equal(receive(&fixture, 1000, &end), 1);
    assert_int_equal(fixture.events[0].status, STATUS_BAD_CHAIN);
    server_order_accepted(&fixture, 12);
    assert_int_equal(receive(&fixture, 1000, &end), 1);
    assert_int_equal(fixture.events[0].record, STATUS_BAD_CHAIN);
    ouch_session_destroy(&fixture.session);
}

/* Asked only for what comes next: what came before is nobody's loss. */
static void test_from_now_on(void **state)
{
    (void)state;
    static struct fixture fixture;
    fixture_create(&fixture, 4096);
    connect_session(&fixture, 0);
    server_accepts(&fixture, 1, 500);
    server_order_accepted(&fixture, 1);
    enum status end;
    assert_int_equal(receive(&fixture, 1000, &end), 2);
    assert_int_equal(fixture.events[0].status, STATUS_OK);
    assert_int_equal(fixture.events[1].sequence, 500);
    assert_false(fixture.events[1].repeated);
    assert_int_equal(fixture.session.sequence_seen, 500);
    ouch_session_destroy(&fixture.session);
}

static void test_new_generation(void **state)
{
    (void)state;
    static struct fixture fixture;
    fixture_create(&fixture, 4096);
    connect_session(&fixture, 1);
    server_accepts(&fixture, 1, 1);
    server_order_accepted(&fixture, 1);
    fixture.count +=
        soupbin_empty_encode(fixture.bytes + fixture.count, 16, SOUPBIN_END_OF_SESSION);
    enum status end;
    assert_int_equal(receive(&fixture, 1000, &end), 3);
    assert_int_equal(fixture.events[2].kind, OUCH_SESSION_ENDED);
    connect_session(&fixture, 1);
    server_accepts(&fixture, 2, 1);
    server_order_accepted(&fixture, 2);
    assert_int_equal(receive(&fixture, 1000, &end), 2);
    assert_int_equal(fixture.events[1].generation, 2);
    assert_false(fixture.events[1].repeated);
    assert_int_equal(fixture.events[1].record, STATUS_OK);
    assert_int_equal(fixture.session.record.count, 1);
    ouch_session_destroy(&fixture.session);
}

static void test_refusals(void **state)
{
    (void)state;
    static struct fixture fixture;
    const uint8_t types[] = {SOUPBIN_UNSEQUENCED, SOUPBIN_DEBUG};
    for (size_t i = 0; i < sizeof types; i++) {
        fixture_create(&fixture, 4096);
        connect_session(&fixture, 1);
        server_accepts(&fixture, 1, 1);
        enum status end;
        assert_int_equal(receive(&fixture, 1000, &end), 1);
        struct command command = order(1);
        assert_int_equal(ouch_session_command(&fixture.session, &command, 8), STATUS_OK);
        const struct ouch_refused refused = {.user_reference = 1, .reason = OUCH_REFUSED_NO_QUORUM};
        size_t bytes = ouch_refused_encode(fixture.bytes + SOUPBIN_HEADER_BYTES,
                                           OUCH_MESSAGE_BYTES_MAX, &refused);
        fixture.count = soupbin_header_encode(fixture.bytes, sizeof fixture.bytes,
                                              (enum soupbin_type)types[i], bytes);
        assert_int_equal(receive(&fixture, 1000, &end), 1);
        assert_int_equal(fixture.events[0].kind, OUCH_SESSION_REFUSED);
        assert_int_equal(fixture.events[0].reason, OUCH_REFUSED_NO_QUORUM);
        assert_true(fixture.events[0].answers);
        assert_int_equal(fixture.events[0].answer.tag, 8);
        assert_int_equal(fixture.session.sequence_seen, 0);
        ouch_session_destroy(&fixture.session);
    }
    fixture_create(&fixture, 4096);
    connect_session(&fixture, 1);
    fixture.count = soupbin_rejected_encode(fixture.bytes, 64, SOUPBIN_NOT_AUTHORIZED);
    enum status end;
    assert_int_equal(receive(&fixture, 1000, &end), 1);
    assert_int_equal(end, STATUS_DENIED);
    assert_int_equal(fixture.events[0].kind, OUCH_SESSION_LOGON_REFUSED);
    assert_int_equal(fixture.events[0].reason, SOUPBIN_NOT_AUTHORIZED);
    ouch_session_destroy(&fixture.session);
}

static void expect_end(const uint8_t *bytes, size_t count, bool logged_on, enum status wanted)
{
    static struct fixture fixture;
    fixture_create(&fixture, 4096);
    connect_session(&fixture, 1);
    enum status end;
    if (logged_on) {
        server_accepts(&fixture, 1, 1);
        assert_int_equal(receive(&fixture, 1000, &end), 1);
    }
    memcpy(fixture.bytes, bytes, count);
    fixture.count = count;
    assert_int_equal(receive(&fixture, 1, &end), 0);
    assert_int_equal(end, wanted);
    ouch_session_destroy(&fixture.session);
}

static void test_rubbish(void **state)
{
    (void)state;
    expect_end((const uint8_t[]){0, 0, 'H'}, 3, true, STATUS_BAD_FORMAT);
    expect_end((const uint8_t[]){0, 1, '?'}, 3, true, STATUS_BAD_FORMAT);
    expect_end((const uint8_t[]){0x7F, 0, 'S'}, 3, true, STATUS_BAD_FORMAT);
    expect_end((const uint8_t[]){0, 1, 'S'}, 3, true, STATUS_BAD_FORMAT);
    expect_end((const uint8_t[]){0, 2, 'S', 'x'}, 4, false, STATUS_BAD_FORMAT);
    expect_end((const uint8_t[]){0, 3, 'A', '1', '1'}, 5, false, STATUS_BAD_FORMAT);
    expect_end((const uint8_t[]){0, 2, 'U', 'x'}, 4, true, STATUS_BAD_FORMAT);
    expect_end((const uint8_t[]){0, 1, 'H', 0, 3, '+', 'h', 'i'}, 8, true, STATUS_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_login_request),
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_events_are_bounded),
        cmocka_unit_test(test_resend),
        cmocka_unit_test(test_small_send_buffer),
        cmocka_unit_test(test_stale_query_answer),
        cmocka_unit_test(test_replay),
        cmocka_unit_test(test_from_now_on),
        cmocka_unit_test(test_new_generation),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_rubbish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
