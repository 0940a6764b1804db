#include "replication/io/tls.h"

#include <openssl/ssl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/io_suite.h"
#include "tests/support/test_seed.h"

#define HALF_BYTES     65536u
#define RECORDED_BYTES (4u << 20)

/* One end: what TLS writes stays in the stream's memory, and the test carries it over. No kernel is
 * involved. */
struct end {
    struct stream stream;
    uint8_t memory[2 * HALF_BYTES];
    struct tls_context *context;
    struct tls *tls;
    uint8_t key[TLS_KEY_BYTES];
    uint8_t expected[TLS_KEY_BYTES]; /* Of the other end. */
    uint32_t judged;
    bool established;
    enum status status; /* Of the last call that took input. */
    uint64_t number;    /* Of the stream of test bytes that it sends. */
    uint64_t sent_bytes;
    uint64_t received_bytes;
};

struct fixture {
    struct random random;
    struct end dials;
    struct end answers;
    uint8_t *recorded; /* All that the dialling end has said. */
    uint32_t recorded_bytes;
};

static bool accepts(void *context, const uint8_t public_key[static TLS_KEY_BYTES])
{
    struct end *end = context;
    end->judged++;
    return memcmp(public_key, end->expected, TLS_KEY_BYTES) == 0;
}

static void make_end(struct end *end, uint8_t seed_byte, uint64_t records_per_key_max)
{
    uint8_t seed[TLS_KEY_BYTES];
    uint8_t secret[crypto_sign_SECRETKEYBYTES];
    char reason[TLS_REASON_BYTES];
    memset(seed, seed_byte, sizeof seed);
    assert_int_equal(crypto_sign_seed_keypair(end->key, secret, seed), 0);
    struct tls_options options = {.seed = seed, .records_per_key_max = records_per_key_max};
    assert_int_equal(tls_context_create(&end->context, &options, reason), STATUS_OK);
    assert_int_equal(tls_create(&end->tls, end->context), STATUS_OK);
    stream_init(&end->stream, NULL, end->memory, HALF_BYTES);
    end->number = seed_byte;
}

static void start_end(struct end *end, bool dialled)
{
    struct tls_judge judge = {.context = end, .accepts = accepts};
    tls_stop(end->tls);
    end->stream.state = STREAM_OPEN;
    end->stream.filled_bytes = 0;
    end->established = false;
    end->status = STATUS_NOT_YET;
    end->sent_bytes = 0;
    end->received_bytes = 0;
    assert_int_equal(tls_start(end->tls, &end->stream, dialled, &judge), STATUS_OK);
}

static int set_up_with(void **state, uint64_t records_per_key_max)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    test_seed(&fixture->random);
    fixture->recorded = malloc(RECORDED_BYTES);
    assert_non_null(fixture->recorded);
    make_end(&fixture->dials, 1, records_per_key_max);
    make_end(&fixture->answers, 2, records_per_key_max);
    memcpy(fixture->dials.expected, fixture->answers.key, TLS_KEY_BYTES);
    memcpy(fixture->answers.expected, fixture->dials.key, TLS_KEY_BYTES);
    start_end(&fixture->dials, true);
    start_end(&fixture->answers, false);
    *state = fixture;
    return 0;
}

static int set_up(void **state)
{
    return set_up_with(state, 0);
}

static int set_up_short_keys(void **state)
{
    return set_up_with(state, 3);
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    tls_destroy(fixture->dials.tls);
    tls_destroy(fixture->answers.tls);
    tls_context_destroy(fixture->dials.context);
    tls_context_destroy(fixture->answers.context);
    free(fixture->recorded);
    free(fixture);
    return 0;
}

/* Take input whole, as far as the end goes. */
static void take(struct end *end, const uint8_t *data, uint32_t data_bytes)
{
    if (data_bytes > 0) {
        tls_input(end->tls, data, data_bytes);
    }
    if (!end->established) {
        end->status = tls_handshake(end->tls);
        if (end->status != STATUS_OK) {
            return;
        }
        end->established = true;
    }
    do {
        uint8_t plain[5000];
        uint32_t bytes = 0;
        end->status = tls_read(end->tls, plain, sizeof plain, &bytes);
        if (end->status == STATUS_OK) {
            io_suite_check(plain, bytes, 3 - end->number, end->received_bytes);
            end->received_bytes += bytes;
        }
    } while (end->status == STATUS_OK);
}

static void record(struct fixture *fixture, const struct end *from, const uint8_t *data,
                   uint32_t bytes)
{
    if (from == &fixture->dials && fixture->recorded_bytes + bytes <= RECORDED_BYTES) {
        memcpy(fixture->recorded + fixture->recorded_bytes, data, bytes);
        fixture->recorded_bytes += bytes;
    }
}

/* Carry over what `from` has written, in pieces of any size. */
static void carry(struct fixture *fixture, struct end *from, struct end *to)
{
    uint32_t total_bytes = from->stream.filled_bytes;
    from->stream.filled_bytes = 0;
    record(fixture, from, from->memory, total_bytes);
    static uint8_t copy[HALF_BYTES];
    memcpy(copy, from->memory, total_bytes);
    uint32_t at = 0;
    while (at < total_bytes && to->status == STATUS_NOT_YET) {
        uint64_t want =
            1 + (random_u64(&fixture->random) >> (48 + random_below(&fixture->random, 16)));
        uint32_t bytes = want < total_bytes - at ? (uint32_t)want : total_bytes - at;
        take(to, copy + at, bytes);
        at += bytes;
    }
}

static void shake_hands(struct fixture *fixture)
{
    take(&fixture->dials, NULL, 0);
    for (uint32_t round = 0; round < 4; round++) {
        carry(fixture, &fixture->dials, &fixture->answers);
        carry(fixture, &fixture->answers, &fixture->dials);
    }
}

static void send_some(struct fixture *fixture, struct end *end)
{
    static uint8_t plain[20000];
    uint32_t bytes_max = 1 + (uint32_t)random_below(&fixture->random, sizeof plain);
    io_suite_fill(plain, bytes_max, end->number, end->sent_bytes);
    uint32_t bytes = 0;
    uint32_t before = end->stream.filled_bytes;
    enum status status = tls_write(end->tls, plain, bytes_max, &bytes);
    if (status == STATUS_NOT_YET) {
        assert_true(end->stream.filled_bytes > HALF_BYTES - 1024);
        return;
    }
    assert_int_equal(status, STATUS_OK);
    assert_true(bytes >= 1);
    assert_true(bytes <= bytes_max);
    assert_true(bytes <= TLS_RECORD_BYTES);
    assert_true(end->stream.filled_bytes >= before + bytes + 22);
    end->sent_bytes += bytes;
}

static void exchange(struct fixture *fixture)
{
    for (uint32_t round = 0; round < 1000; round++) {
        struct end *from = round % 2 == 0 ? &fixture->dials : &fixture->answers;
        struct end *to = round % 2 == 0 ? &fixture->answers : &fixture->dials;
        uint64_t writes = random_below(&fixture->random, 8);
        for (uint64_t at = 0; at < writes; at++) {
            send_some(fixture, from);
        }
        carry(fixture, from, to);
        assert_int_equal(to->status, STATUS_NOT_YET);
        assert_true(to->received_bytes == from->sent_bytes);
    }
}

static void test_two_sites_talk(void **state)
{
    struct fixture *fixture = *state;
    shake_hands(fixture);
    assert_true(fixture->dials.established);
    assert_true(fixture->answers.established);
    assert_int_equal(fixture->dials.judged, 1);
    assert_int_equal(fixture->answers.judged, 1);
    uint8_t key[TLS_KEY_BYTES];
    tls_peer_key(fixture->dials.tls, key);
    assert_memory_equal(key, fixture->answers.key, TLS_KEY_BYTES);
    tls_peer_key(fixture->answers.tls, key);
    assert_memory_equal(key, fixture->dials.key, TLS_KEY_BYTES);
    exchange(fixture);
    /* Goodbye, from either end. */
    tls_stop(fixture->dials.tls);
    carry(fixture, &fixture->dials, &fixture->answers);
    assert_int_equal(fixture->answers.status, STATUS_CLOSED);
    assert_string_equal(tls_reason(fixture->answers.tls), "the peer said goodbye");
}

/* Keys are replaced every third record, on both ends; nobody notices. */
static void test_keys_are_replaced(void **state)
{
    struct fixture *fixture = *state;
    shake_hands(fixture);
    exchange(fixture);
    assert_true(fixture->dials.received_bytes > 1000000);
}

/* The end that dials sees a key that it does not expect. */
static void test_the_answering_key_is_not_expected(void **state)
{
    struct fixture *fixture = *state;
    fixture->dials.expected[31] ^= 1;
    shake_hands(fixture);
    assert_int_equal(fixture->dials.status, STATUS_UNKNOWN_KEY);
    assert_false(fixture->dials.established);
    assert_non_null(strstr(tls_reason(fixture->dials.tls), "key"));
    assert_int_equal(fixture->answers.status, STATUS_DENIED);
    assert_false(fixture->answers.established);
    assert_non_null(strstr(tls_reason(fixture->answers.tls), "alert"));
}

/* The end that is dialled does: the other one learns it right behind its own handshake. */
static void test_the_dialling_key_is_not_expected(void **state)
{
    struct fixture *fixture = *state;
    fixture->answers.expected[0] ^= 1;
    shake_hands(fixture);
    assert_int_equal(fixture->answers.status, STATUS_UNKNOWN_KEY);
    assert_false(fixture->answers.established);
    assert_int_equal(fixture->dials.status, STATUS_DENIED);
}

static void test_garbage_is_no_handshake(void **state)
{
    struct fixture *fixture = *state;
    static const char http[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    take(&fixture->answers, (const uint8_t *)http, sizeof http - 1);
    assert_int_equal(fixture->answers.status, STATUS_BAD_FORMAT);
    assert_true(strlen(tls_reason(fixture->answers.tls)) > 0);
    for (uint32_t round = 0; round < 200; round++) {
        struct end *end = round % 2 == 0 ? &fixture->answers : &fixture->dials;
        start_end(end, round % 2 == 1);
        take(end, NULL, 0);
        assert_int_equal(end->status, STATUS_NOT_YET);
        for (uint32_t piece = 0; piece < 200 && end->status == STATUS_NOT_YET; piece++) {
            uint8_t bytes[256];
            for (uint32_t at = 0; at < sizeof bytes; at++) {
                bytes[at] = (uint8_t)random_u64(&fixture->random);
            }
            take(end, bytes, sizeof bytes);
        }
        assert_true(end->status == STATUS_BAD_FORMAT || end->status == STATUS_DENIED);
        assert_false(end->established);
    }
}

/* A handshake that goes on and on: one hello in many records. */
static void test_a_handshake_is_bounded(void **state)
{
    struct fixture *fixture = *state;
    static uint8_t piece[5 + 4096] = {22, 3, 3, 16, 0, 1, 0, 0xFF, 0xFF}; /* Hello of 65,535. */
    uint64_t bytes = 0;
    while (fixture->answers.status == STATUS_NOT_YET) {
        take(&fixture->answers, piece, sizeof piece);
        bytes += sizeof piece;
        memset(piece + 5, 0, 4);
        assert_true(bytes <= 2 * TLS_HANDSHAKE_BYTES_MAX);
    }
    assert_int_equal(fixture->answers.status, STATUS_BAD_FORMAT);
    assert_string_equal(tls_reason(fixture->answers.tls), "the handshake is too long");
}

/* All that a site said, said again to the site that heard it: of no use. */
static void test_a_recorded_session_is_refused(void **state)
{
    struct fixture *fixture = *state;
    shake_hands(fixture);
    send_some(fixture, &fixture->dials);
    carry(fixture, &fixture->dials, &fixture->answers);
    assert_true(fixture->answers.received_bytes > 0);
    start_end(&fixture->answers, false);
    take(&fixture->answers, fixture->recorded, fixture->recorded_bytes);
    assert_int_equal(fixture->answers.status, STATUS_BAD_FORMAT);
    assert_false(fixture->answers.established);
    assert_true(fixture->answers.received_bytes == 0);
}

/* A record said twice within a session. */
static void test_a_repeated_record_is_refused(void **state)
{
    struct fixture *fixture = *state;
    shake_hands(fixture);
    send_some(fixture, &fixture->dials);
    uint32_t bytes = fixture->dials.stream.filled_bytes;
    take(&fixture->answers, fixture->dials.memory, bytes);
    assert_int_equal(fixture->answers.status, STATUS_NOT_YET);
    uint64_t received_bytes = fixture->answers.received_bytes;
    take(&fixture->answers, fixture->dials.memory, bytes);
    assert_int_equal(fixture->answers.status, STATUS_BAD_CHECKSUM);
    assert_true(fixture->answers.received_bytes == received_bytes);
}

/* One bit of a record is not what was sent: nothing of it comes out. */
static void test_changed_records_are_refused(void **state)
{
    struct fixture *fixture = *state;
    for (uint32_t bit = 0; bit < 8 * 64; bit += 3) {
        start_end(&fixture->dials, true);
        start_end(&fixture->answers, false);
        shake_hands(fixture);
        uint8_t plain[42];
        uint32_t written = 0;
        io_suite_fill(plain, sizeof plain, 1, 0);
        assert_int_equal(tls_write(fixture->dials.tls, plain, sizeof plain, &written), STATUS_OK);
        assert_int_equal(fixture->dials.stream.filled_bytes, 64);
        fixture->dials.memory[bit / 8] ^= (uint8_t)(1u << bit % 8);
        take(&fixture->answers, fixture->dials.memory, 64);
        /* A length that became greater: wait for the rest, which is wrong as well. */
        for (uint32_t more = 0; more < 300 && fixture->answers.status == STATUS_NOT_YET; more++) {
            take(&fixture->answers, fixture->recorded, 64);
        }
        assert_true(fixture->answers.status == STATUS_BAD_CHECKSUM ||
                    fixture->answers.status == STATUS_BAD_FORMAT);
        assert_true(fixture->answers.received_bytes == 0);
    }
}

/* Somebody with OpenSSL as it comes: what it says, and what our end makes of it. */
static enum status foreign(struct fixture *fixture, int version)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    assert_non_null(context);
    assert_int_equal(SSL_CTX_set_max_proto_version(context, version), 1);
    SSL *ssl = SSL_new(context);
    BIO *in = BIO_new(BIO_s_mem());
    BIO *out = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl, in, out);
    SSL_set_connect_state(ssl);
    start_end(&fixture->answers, false);
    for (uint32_t round = 0; round < 4 && fixture->answers.status == STATUS_NOT_YET; round++) {
        (void)SSL_do_handshake(ssl);
        uint8_t bytes[4096];
        int count = BIO_read(out, bytes, sizeof bytes);
        if (count > 0) {
            take(&fixture->answers, bytes, (uint32_t)count);
        }
        (void)BIO_write(in, fixture->answers.memory, (int)fixture->answers.stream.filled_bytes);
        fixture->answers.stream.filled_bytes = 0;
    }
    SSL_free(ssl);
    SSL_CTX_free(context);
    return fixture->answers.status;
}

static void test_others_are_refused(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(foreign(fixture, TLS1_2_VERSION), STATUS_BAD_FORMAT);
    assert_string_equal(tls_reason(fixture->answers.tls), "unsupported protocol");
    assert_int_equal(foreign(fixture, TLS1_3_VERSION), STATUS_BAD_FORMAT);
    assert_string_equal(tls_reason(fixture->answers.tls), "peer did not return a certificate");
    assert_int_equal(fixture->answers.judged, 0);
}

/* A slow peer: no room, and then the rest. */
static void test_room_is_bounded(void **state)
{
    struct fixture *fixture = *state;
    shake_hands(fixture);
    for (uint32_t round = 0; round < 3; round++) {
        static uint8_t plain[TLS_RECORD_BYTES];
        uint32_t bytes = 0;
        enum status status = STATUS_OK;
        while (status == STATUS_OK) {
            io_suite_fill(plain, sizeof plain, 1, fixture->dials.sent_bytes);
            status = tls_write(fixture->dials.tls, plain, sizeof plain, &bytes);
            fixture->dials.sent_bytes += status == STATUS_OK ? bytes : 0;
        }
        assert_int_equal(status, STATUS_NOT_YET);
        assert_true(fixture->dials.stream.filled_bytes <= HALF_BYTES);
        assert_true(fixture->dials.stream.filled_bytes > HALF_BYTES - 1024);
        carry(fixture, &fixture->dials, &fixture->answers);
        assert_true(fixture->answers.received_bytes == fixture->dials.sent_bytes);
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_two_sites_talk),
        cmocka_unit_test_setup_teardown(test_keys_are_replaced, set_up_short_keys, tear_down),
        TEST(test_the_answering_key_is_not_expected),
        TEST(test_the_dialling_key_is_not_expected),
        TEST(test_garbage_is_no_handshake),
        TEST(test_a_handshake_is_bounded),
        TEST(test_a_recorded_session_is_refused),
        TEST(test_a_repeated_record_is_refused),
        TEST(test_changed_records_are_refused),
        TEST(test_others_are_refused),
        TEST(test_room_is_bounded),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
