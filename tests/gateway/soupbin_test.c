#include "gateway/soupbin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/ouch.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/hex.h"
#include "tests/support/pcap.h"
#include "tests/support/test_paths.h"
#include "tests/support/test_seed.h"

#define ROUNDS      20000u
#define SERVER_PORT 4000u

/* Golden vectors of the specification page. */
#define VECTOR_LOGIN                                                                               \
    "002f4c464f4f20202062617220202020202020202020202020202020202020202020202020202020202020202020" \
    "202031"
#define VECTOR_ACCEPTED "001f41202020202020202053312020202020202020202020202020202020202031"

static struct soupbin_login make_login(const char *username, const char *password)
{
    struct soupbin_login login = {.session_any = true, .sequence = 1};
    memset(login.username, ' ', sizeof login.username);
    memset(login.password, ' ', sizeof login.password);
    memcpy(login.username, username, strlen(username));
    memcpy(login.password, password, strlen(password));
    return login;
}

static void test_golden(void **state)
{
    (void)state;
    uint8_t wanted[64];
    uint8_t made[64];
    struct soupbin_packet packet;
    struct soupbin_login decoded;
    const struct soupbin_login login = make_login("FOO", "bar");
    size_t count = hex_bytes(wanted, sizeof wanted, VECTOR_LOGIN);
    assert_int_equal(soupbin_login_encode(made, sizeof made, &login), count);
    assert_memory_equal(made, wanted, count);
    assert_int_equal(soupbin_decode(&packet, wanted, count, 512), STATUS_OK);
    assert_int_equal(soupbin_login_decode(&decoded, packet.payload, packet.payload_bytes),
                     STATUS_OK);
    assert_memory_equal(decoded.username, login.username, sizeof login.username);
    assert_memory_equal(decoded.password, login.password, sizeof login.password);
    assert_true(decoded.session_any);
    assert_int_equal(decoded.sequence, 1);
    assert_false(decoded.version_4_10);

    /* The page's session is "S1", which is none of ours; but for it, the bytes are the same. */
    struct soupbin_accepted accepted = {.session = 31, .sequence = 1};
    count = hex_bytes(wanted, sizeof wanted, VECTOR_ACCEPTED);
    assert_int_equal(soupbin_accepted_encode(made, sizeof made, &accepted), count);
    made[3 + 8] = 'S';
    assert_memory_equal(made, wanted, count);
    assert_int_equal(soupbin_accepted_decode(&accepted, made + 3, count - 3), STATUS_NOT_FOUND);
    assert_int_equal(accepted.sequence, 1);

    assert_int_equal(soupbin_rejected_encode(made, sizeof made, SOUPBIN_NOT_AUTHORIZED), 4);
    assert_memory_equal(made, "\x00\x02JA", 4);
    assert_int_equal(soupbin_rejected_encode(made, sizeof made, SOUPBIN_SESSION_NOT_AVAILABLE), 4);
    assert_memory_equal(made, "\x00\x02JS", 4);
    static const enum soupbin_type empty[] = {SOUPBIN_SERVER_HEARTBEAT, SOUPBIN_CLIENT_HEARTBEAT,
                                              SOUPBIN_LOGOUT_REQUEST, SOUPBIN_END_OF_SESSION};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(soupbin_empty_encode(made, sizeof made, empty[i]), 3);
        assert_memory_equal(made, "\x00\x01", 2);
        assert_int_equal(made[2], "HROZ"[i]);
    }
}

static void test_every_split_of_a_stream(void **state)
{
    (void)state;
    uint8_t stream[128];
    size_t count = hex_bytes(stream, sizeof stream, VECTOR_LOGIN);
    count += soupbin_empty_encode(stream + count, sizeof stream - count, SOUPBIN_CLIENT_HEARTBEAT);
    for (size_t bytes = 0; bytes <= count; bytes++) {
        struct soupbin_packet packet;
        uint8_t *copy = test_malloc(bytes + 1); /* One more: cmocka wants no empty block. */
        memcpy(copy, stream, bytes);
        enum status status = soupbin_decode(&packet, copy, bytes, 512);
        assert_int_equal(status, bytes < 49 ? STATUS_SHORT : STATUS_OK);
        if (status == STATUS_OK) {
            assert_int_equal(packet.type, 'L');
            assert_int_equal(packet.packet_bytes, 49);
            assert_int_equal(packet.payload_bytes, SOUPBIN_LOGIN_BYTES);
            assert_ptr_equal(packet.payload, copy + 3);
            status = soupbin_decode(&packet, copy + 49, bytes - 49, 512);
            assert_int_equal(status, bytes < count ? STATUS_SHORT : STATUS_OK);
        }
        test_free(copy);
    }
}

static void test_length_bounds(void **state)
{
    (void)state;
    static uint8_t bytes[SOUPBIN_HEADER_BYTES + SOUPBIN_PAYLOAD_BYTES_MAX];
    struct soupbin_packet packet;
    /* No room for a type: told from two bytes alone, and so is a packet above the limit. */
    assert_int_equal(soupbin_decode(&packet, (const uint8_t *)"\0\0", 2, 512), STATUS_BAD_FORMAT);
    assert_int_equal(soupbin_decode(&packet, (const uint8_t *)"\x01\xfe", 2, 512), STATUS_SHORT);
    assert_int_equal(soupbin_decode(&packet, (const uint8_t *)"\x01\xff", 2, 512),
                     STATUS_BAD_FORMAT);
    assert_int_equal(soupbin_header_encode(bytes, sizeof bytes, SOUPBIN_SEQUENCED,
                                           SOUPBIN_PAYLOAD_BYTES_MAX),
                     sizeof bytes);
    assert_int_equal(soupbin_decode(&packet, bytes, sizeof bytes, sizeof bytes), STATUS_OK);
    assert_int_equal(packet.payload_bytes, SOUPBIN_PAYLOAD_BYTES_MAX);
    /* Any type passes: what it means is the caller's matter. */
    for (unsigned type = 0; type < 256; type++) {
        const uint8_t one[] = {0, 1, (uint8_t)type};
        assert_int_equal(soupbin_decode(&packet, one, sizeof one, 512), STATUS_OK);
        assert_int_equal(packet.type, type);
        assert_int_equal(packet.payload_bytes, 0);
    }
}

/* Payload of a login from its fields as text, each padded on the right with spaces. */
static enum status login_decode(struct soupbin_login *login, const char *username,
                                const char *password, const char *session, const char *sequence,
                                const char *heartbeat)
{
    uint8_t payload[SOUPBIN_LOGIN_4_10_BYTES];
    memset(payload, ' ', sizeof payload);
    memcpy(payload, username, strlen(username));
    memcpy(payload + 6, password, strlen(password));
    memcpy(payload + 16, session, strlen(session));
    memcpy(payload + 26, sequence, strlen(sequence));
    if (heartbeat == NULL) {
        return soupbin_login_decode(login, payload, SOUPBIN_LOGIN_BYTES);
    }
    memcpy(payload + 46, heartbeat, strlen(heartbeat));
    return soupbin_login_decode(login, payload, sizeof payload);
}

static void test_login_fields(void **state)
{
    (void)state;
    struct soupbin_login login;
    assert_int_equal(login_decode(&login, "aB9", "p w~!", "        12", "7", NULL), STATUS_OK);
    assert_memory_equal(login.username, "AB9   ", 6); /* Names know no case, passwords do. */
    assert_memory_equal(login.password, "p w~!     ", 10);
    assert_false(login.session_any);
    assert_int_equal(login.session, 12);
    assert_int_equal(login.sequence, 7);
    assert_int_equal(login_decode(&login, "A", "", "0000000012", "  000", "5000"), STATUS_OK);
    assert_int_equal(login.session, 12);
    assert_int_equal(login.sequence, 0);
    assert_true(login.version_4_10);
    assert_int_equal(login.heartbeat_timeout_ms, 5000);
    assert_int_equal(login_decode(&login, "A", "", "", "18446744073709551615", NULL), STATUS_OK);
    assert_true(login.sequence == UINT64_MAX);
    assert_int_equal(login_decode(&login, "", "", "9999999999", "1", "    0"), STATUS_OK);
    assert_true(login.session == UINT64_C(9999999999));
}

static void test_login_refuses(void **state)
{
    (void)state;
    struct soupbin_login login;
    /* Another server's session: all else holds, so that the answer is Login Rejected `S`. */
    assert_int_equal(login_decode(&login, "A", "pw", "S1", "9", NULL), STATUS_NOT_FOUND);
    assert_int_equal(login.sequence, 9);
    assert_memory_equal(login.password, "pw        ", 10);
    assert_int_equal(login_decode(&login, "A", "pw", "1 2", "9", NULL), STATUS_NOT_FOUND);
    assert_int_equal(login_decode(&login, "A", "pw", "-1", "9", NULL), STATUS_NOT_FOUND);

    assert_int_equal(login_decode(&login, " A", "pw", "", "1", NULL), STATUS_BAD_FORMAT);
    assert_int_equal(login_decode(&login, "A B", "pw", "", "1", NULL), STATUS_BAD_FORMAT);
    assert_int_equal(login_decode(&login, "A-B", "pw", "", "1", NULL), STATUS_BAD_FORMAT);
    assert_int_equal(login_decode(&login, "A", "p\tw", "", "1", NULL), STATUS_BAD_FORMAT);
    assert_int_equal(login_decode(&login, "A", "p\x80w", "", "1", NULL), STATUS_BAD_FORMAT);
    assert_int_equal(login_decode(&login, "A", "pw", "", "", NULL), STATUS_BAD_FORMAT);
    assert_int_equal(login_decode(&login, "A", "pw", "", "1 1", NULL), STATUS_BAD_FORMAT);
    assert_int_equal(login_decode(&login, "A", "pw", "", "+1", NULL), STATUS_BAD_FORMAT);
    assert_int_equal(login_decode(&login, "A", "pw", "", "18446744073709551616", NULL),
                     STATUS_BAD_FORMAT);
    assert_int_equal(login_decode(&login, "A", "pw", "", "1", ""), STATUS_BAD_FORMAT);
    assert_int_equal(login_decode(&login, "A", "pw", "", "1", "5s"), STATUS_BAD_FORMAT);
    static const uint8_t spaces[64] = {' '};
    for (size_t bytes = 0; bytes < sizeof spaces; bytes++) {
        assert_int_equal(soupbin_login_decode(&login, spaces, bytes), STATUS_BAD_FORMAT);
    }
}

static void test_random_logins_round_trip(void **state)
{
    (void)state;
    struct random random;
    test_seed(&random);
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct soupbin_login login = make_login("USER", "secret");
        struct soupbin_login again;
        uint8_t packet[SOUPBIN_HEADER_BYTES + SOUPBIN_LOGIN_4_10_BYTES];
        login.username[4] = (uint8_t)('A' + random_below(&random, 26));
        login.password[9] = (uint8_t)(' ' + random_below(&random, '~' - ' ' + 1));
        login.session_any = random_below(&random, 2) == 0;
        login.session = login.session_any ? 0 : random_below(&random, UINT64_C(10000000000));
        login.sequence = random_u64(&random) >> random_below(&random, 64);
        login.version_4_10 = random_below(&random, 2) == 0;
        login.heartbeat_timeout_ms =
            login.version_4_10 ? (uint32_t)random_below(&random, 100000) : 0;
        size_t count = soupbin_login_encode(packet, sizeof packet, &login);
        assert_int_equal(count, login.version_4_10 ? 54 : 49);
        assert_int_equal(soupbin_login_decode(&again, packet + 3, count - 3), STATUS_OK);
        assert_memory_equal(again.username, login.username, sizeof login.username);
        assert_memory_equal(again.password, login.password, sizeof login.password);
        assert_int_equal(again.session_any, login.session_any);
        assert_true(again.session == login.session);
        assert_true(again.sequence == login.sequence);
        assert_int_equal(again.version_4_10, login.version_4_10);
        assert_int_equal(again.heartbeat_timeout_ms, login.heartbeat_timeout_ms);
    }
}

static void test_accepted(void **state)
{
    (void)state;
    const struct soupbin_accepted most = {.session = UINT64_C(9999999999), .sequence = UINT64_MAX};
    struct soupbin_accepted again;
    uint8_t packet[40];
    size_t count = soupbin_accepted_encode(packet, sizeof packet, &most);
    assert_int_equal(count, 33);
    assert_memory_equal(packet + 3, "999999999918446744073709551615", 30);
    assert_int_equal(soupbin_accepted_decode(&again, packet + 3, count - 3), STATUS_OK);
    assert_true(again.session == most.session);
    assert_true(again.sequence == most.sequence);
    assert_int_equal(soupbin_accepted_decode(&again, packet + 3, count - 4), STATUS_BAD_FORMAT);
    packet[20] = ' ';
    assert_int_equal(soupbin_accepted_decode(&again, packet + 3, count - 3), STATUS_BAD_FORMAT);
}

/* A session of our packets, as a server and a client would send them. */
static void write_session(const char *path, size_t segment_bytes)
{
    struct pcap pcap;
    uint8_t up[512];
    uint8_t down[512];
    size_t count = 0;
    pcap_open(&pcap, path, 50000, SERVER_PORT);
    struct soupbin_login login = make_login("ALPHA1", "s3cret");
    login.session_any = false;
    login.session = 12;
    login.sequence = 34;
    pcap_data(&pcap, true, up, soupbin_login_encode(up, sizeof up, &login), segment_bytes);

    const struct soupbin_accepted accepted = {.session = 12, .sequence = 34};
    count = soupbin_accepted_encode(down, sizeof down, &accepted);
    /* Apart from what follows: the dissector begins a new conversation at Login Accepted, which
     * loses the beginning of a packet that goes on in the next segment. */
    pcap_data(&pcap, false, down, count, segment_bytes);
    count = 0;
    for (uint64_t sequence = 34; sequence < 37; sequence++) {
        const struct event event = {.type = EVENT_ACCOUNT, .sequence = sequence};
        size_t payload = ouch_event_encode(down + count + 3, sizeof down - count - 3, &event);
        count +=
            soupbin_header_encode(down + count, sizeof down - count, SOUPBIN_SEQUENCED, payload);
    }
    count += soupbin_empty_encode(down + count, sizeof down - count, SOUPBIN_SERVER_HEARTBEAT);
    pcap_data(&pcap, false, down, count, segment_bytes);

    struct command query = {.type = COMMAND_ACCOUNT_QUERY};
    query.body.query.channel = 3;
    count = ouch_command_encode(up + 3, sizeof up - 3, &query);
    count = soupbin_header_encode(up, sizeof up, SOUPBIN_UNSEQUENCED, count);
    count += soupbin_empty_encode(up + count, sizeof up - count, SOUPBIN_CLIENT_HEARTBEAT);
    count += soupbin_empty_encode(up + count, sizeof up - count, SOUPBIN_LOGOUT_REQUEST);
    pcap_data(&pcap, true, up, count, segment_bytes);
    count = soupbin_empty_encode(down, sizeof down, SOUPBIN_END_OF_SESSION);
    count += soupbin_rejected_encode(down + count, sizeof down - count, SOUPBIN_NOT_AUTHORIZED);
    pcap_data(&pcap, false, down, count, segment_bytes);
    pcap_close(&pcap);
}

/* What tshark says of write_session(), without the layers below and what it says of them. */
static const char session_text[] = "SoupBinTCP, Login Request\n"
                                   "    Packet Length: 47\n"
                                   "    Packet Type: Login Request ('L')\n"
                                   "    User Name: ALPHA1\n"
                                   "    Password: s3cret    \n"
                                   "    Session:         12\n"
                                   "    Requested sequence number: 34\n"
                                   "SoupBinTCP, Login Accepted\n"
                                   "    Packet Length: 31\n"
                                   "    Packet Type: Login Accepted ('A')\n"
                                   "    Session:         12\n"
                                   "    Next sequence number: 34\n"
                                   "SoupBinTCP, Sequenced Data, SeqNum=34\n"
                                   "    Packet Length: 14\n"
                                   "    Packet Type: Sequenced Data ('S')\n"
                                   "    Sequence number: 34 (Calculated)\n"
                                   "    Message: 51000000000000000000000000\n"
                                   "SoupBinTCP, Sequenced Data, SeqNum=35\n"
                                   "    Packet Length: 14\n"
                                   "    Packet Type: Sequenced Data ('S')\n"
                                   "    Sequence number: 35 (Calculated)\n"
                                   "    Message: 51000000000000000000000000\n"
                                   "SoupBinTCP, Sequenced Data, SeqNum=36\n"
                                   "    Packet Length: 14\n"
                                   "    Packet Type: Sequenced Data ('S')\n"
                                   "    Sequence number: 36 (Calculated)\n"
                                   "    Message: 51000000000000000000000000\n"
                                   "SoupBinTCP, Server Heartbeat\n"
                                   "    Packet Length: 1\n"
                                   "    Packet Type: Server Heartbeat ('H')\n"
                                   "SoupBinTCP, Unsequenced Data\n"
                                   "    Packet Length: 7\n"
                                   "    Packet Type: Unsequenced Data ('U')\n"
                                   "    Message: 510003021c03\n"
                                   "SoupBinTCP, Client Heartbeat\n"
                                   "    Packet Length: 1\n"
                                   "    Packet Type: Client Heartbeat ('R')\n"
                                   "SoupBinTCP, Logout Request\n"
                                   "    Packet Length: 1\n"
                                   "    Packet Type: Logout Request ('O')\n"
                                   "SoupBinTCP, End of Session\n"
                                   "    Packet Length: 1\n"
                                   "    Packet Type: End of Session ('Z')\n"
                                   "SoupBinTCP, Login Rejected\n"
                                   "    Packet Length: 2\n"
                                   "    Packet Type: Login Rejected ('J')\n"
                                   "    Login Reject Code: Not authorized ('A')\n";

/* What tshark prints of `path` when called with `arguments`. */
static void tshark(char *text, size_t text_bytes, const char *path, const char *arguments)
{
    char line[TEST_PATH_BYTES + 256];
    (void)snprintf(line, sizeof line,
                   "tshark -r '%s' -d tcp.port==%u,soupbintcp --disable-protocol ouch "
                   "-o tcp.check_checksum:TRUE %s 2>/dev/null",
                   path, SERVER_PORT, arguments);
    FILE *output = popen(line, "r");
    assert_non_null(output);
    size_t bytes = fread(text, 1, text_bytes - 1, output);
    text[bytes] = '\0';
    assert_true(bytes < text_bytes - 1);
    assert_int_equal(pclose(output), 0);
}

/* Keep the lines of the dissector, and what tshark could make nothing of. */
static void keep_soupbin(char *text)
{
    char *to = text;
    for (char *line = text; *line != '\0';) {
        size_t bytes = strcspn(line, "\n") + 1;
        if (strncmp(line, "SoupBinTCP", 10) == 0 || strncmp(line, "    ", 4) == 0 ||
            strncmp(line, "[Malformed", 10) == 0) {
            memmove(to, line, bytes);
            to += bytes;
        }
        line += bytes;
    }
    *to = '\0';
}

/* Somebody else's reading of our packets: tshark's SoupBinTCP dissector, whatever the segments. */
static void test_tshark_reads_our_packets(void **state)
{
    (void)state;
    if (system("command -v tshark >/dev/null 2>&1") != 0) {
        printf("skipped: tshark is not installed\n");
        skip();
    }
    static const size_t segment_sizes[] = {1460, 48, 11, 1};
    static char text[1 << 16];
    char directory[TEST_PATH_BYTES];
    char path[TEST_PATH_BYTES + 16];
    test_paths_make(directory, "soupbin");
    (void)snprintf(path, sizeof path, "%s/session.pcap", directory);
    for (size_t i = 0; i < sizeof segment_sizes / sizeof segment_sizes[0]; i++) {
        write_session(path, segment_sizes[i]);
        tshark(text, sizeof text, path, "-O soupbintcp");
        keep_soupbin(text);
        assert_string_equal(text, session_text);
        tshark(text, sizeof text, path, "-Y 'tcp.checksum.status != 1 || tcp.analysis.flags'");
        assert_string_equal(text, "");
    }
    test_paths_remove(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),        cmocka_unit_test(test_every_split_of_a_stream),
        cmocka_unit_test(test_length_bounds), cmocka_unit_test(test_login_fields),
        cmocka_unit_test(test_login_refuses), cmocka_unit_test(test_random_logins_round_trip),
        cmocka_unit_test(test_accepted),      cmocka_unit_test(test_tshark_reads_our_packets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
