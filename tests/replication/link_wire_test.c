#include "replication/link_wire.h"

#include <stdlib.h>
#include <string.h>

#include "matching/base/bytes.h"
#include "tests/support/asserts.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/link_frames.h"
#include "tests/support/test_seed.h"

#define BYTES_MAX (LINK_WIRE_FRAME_BYTES_MAX + 1024u)

struct fixture {
    struct random random;
    uint8_t *payload;
    uint8_t *bytes;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    fixture->payload = calloc(1, LINK_FRAMES_PAYLOAD_BYTES);
    fixture->bytes = calloc(1, BYTES_MAX);
    assert_non_null(fixture->payload);
    assert_non_null(fixture->bytes);
    test_seed(&fixture->random);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    free(fixture->payload);
    free(fixture->bytes);
    free(fixture);
    return 0;
}

/* Encode, decode, compare; the frame's bytes. */
static size_t round_trip(struct fixture *fixture, const struct link_frame *frame)
{
    size_t bytes_max = link_wire_bytes_max(frame);
    assert_true(bytes_max <= BYTES_MAX);
    memset(fixture->bytes, 0xEE, bytes_max);
    size_t bytes = link_wire_encode(fixture->bytes, bytes_max, frame);
    assert_true(bytes <= bytes_max);
    assert_true(bytes <= LINK_WIRE_FRAME_BYTES_MAX);
    struct link_frame back;
    memset(&back, 0xDD, sizeof back);
    assert_int_equal(link_wire_decode(&back, fixture->bytes, bytes), STATUS_OK);
    link_frames_equal(frame, &back);
    return bytes;
}

static void test_random_frames_come_back(void **state)
{
    struct fixture *fixture = *state;
    for (uint32_t round = 0; round < 2000; round++) {
        for (uint8_t type = LINK_WIRE_HELLO; type < LINK_WIRE_TYPE_COUNT; type++) {
            struct link_frame frame;
            link_frames_make(&frame, &fixture->random, type, fixture->payload, 8192);
            (void)round_trip(fixture, &frame);
        }
        uint8_t message_type =
            (uint8_t)(REPLICA_PRE_VOTE + round % (REPLICA_MESSAGE_TYPE_COUNT - 1));
        struct link_frame frame;
        link_frames_make_replica(&frame, &fixture->random, message_type, fixture->payload, 8192);
        (void)round_trip(fixture, &frame);
    }
    for (uint32_t round = 0; round < 20; round++) {
        struct link_frame frame;
        link_frames_make_replica(&frame, &fixture->random, REPLICA_APPEND, fixture->payload,
                                 LINK_FRAMES_PAYLOAD_BYTES);
        (void)round_trip(fixture, &frame);
        link_frames_make(&frame, &fixture->random, LINK_WIRE_SNAPSHOT_CHUNK, fixture->payload,
                         LINK_FRAMES_PAYLOAD_BYTES);
        (void)round_trip(fixture, &frame);
        link_frames_make(&frame, &fixture->random, LINK_WIRE_FORWARD, fixture->payload,
                         LINK_FRAMES_PAYLOAD_BYTES);
        (void)round_trip(fixture, &frame);
    }
}

static void test_the_largest_fit(void **state)
{
    struct fixture *fixture = *state;
    struct link_frame frame;
    do {
        link_frames_make_replica(&frame, &fixture->random, REPLICA_APPEND, fixture->payload, 65536);
    } while (frame.replica.message.entry_count == 0);
    frame.replica.message.entry_count = REPLICA_BATCH_ENTRIES_MAX;
    frame.replica.segments_bytes = LINK_WIRE_SEGMENTS_BYTES_MAX;
    (void)round_trip(fixture, &frame);
    frame.replica.message.entry_count = 1;
    frame.replica.segments_bytes = SEGMENT_BYTES_MAX;
    (void)round_trip(fixture, &frame);
    /* Every number as long as it can be. */
    frame.replica.message = (struct replica_message){.type = REPLICA_APPEND,
                                                     .from_site_id = SITES_MAX,
                                                     .to_site_id = 1,
                                                     .generation = UINT64_MAX,
                                                     .from_incarnation = UINT64_MAX,
                                                     .term = UINT64_MAX / 2,
                                                     .position.log_index = UINT64_MAX / 2,
                                                     .position.term = 1,
                                                     .entry_count = 1,
                                                     .commit_log_index = UINT64_MAX,
                                                     .sent_ns = UINT64_MAX,
                                                     .round_trip_ns = UINT64_MAX,
                                                     .audit.log_index = UINT64_MAX};
    size_t bytes = round_trip(fixture, &frame);
    assert_true(bytes <= LINK_WIRE_HEADER_BYTES + LINK_WIRE_MESSAGE_BYTES_MAX + SEGMENT_BYTES_MAX);
}

/* Bytes on a link cost money: an append in the middle of a day, and its answer. */
static void test_overhead_is_small(void **state)
{
    struct fixture *fixture = *state;
    memset(fixture->payload, 0, SEGMENT_HEADER_BYTES);
    struct replica_position position = {.log_index = 5000000, .term = 12};
    memset(position.chain_hash, 7, sizeof position.chain_hash);
    bytes_store_le64(fixture->payload + 32, position.log_index + 1);
    memcpy(fixture->payload + 80, position.chain_hash, REPLICA_HASH_BYTES);
    struct link_frame frame = {.type = LINK_WIRE_REPLICA,
                               .shard_id = 1,
                               .replica = {.message = {.type = REPLICA_APPEND,
                                                       .from_site_id = 1,
                                                       .to_site_id = 2,
                                                       .generation = 1,
                                                       .from_incarnation = UINT64_MAX,
                                                       .term = 12,
                                                       .position = position,
                                                       .entry_count = 1,
                                                       .commit_log_index = 4999990,
                                                       .round_trip_ns = 80000000,
                                                       .audit = {4999984, UINT64_MAX, UINT64_MAX}},
                                           .segments = fixture->payload,
                                           .segments_bytes = SEGMENT_HEADER_BYTES}};
    assert_int_equal(round_trip(fixture, &frame) - SEGMENT_HEADER_BYTES, 52);
    frame.replica = (struct link_replica){.message = {.type = REPLICA_APPEND_REPLY,
                                                      .from_site_id = 2,
                                                      .to_site_id = 1,
                                                      .generation = 1,
                                                      .from_incarnation = UINT64_MAX,
                                                      .term = 12,
                                                      .position = position,
                                                      .wall_ns = UINT64_MAX,
                                                      .audit = {4999984, UINT64_MAX, UINT64_MAX}}};
    assert_int_equal(round_trip(fixture, &frame), 87);
}

static void test_every_truncation_is_short(void **state)
{
    struct fixture *fixture = *state;
    for (uint8_t type = LINK_WIRE_HELLO; type < LINK_WIRE_TYPE_COUNT; type++) {
        for (uint32_t round = 0; round < 10; round++) {
            struct link_frame frame;
            link_frames_make(&frame, &fixture->random, type, fixture->payload, 2048);
            size_t bytes = round_trip(fixture, &frame);
            for (size_t short_bytes = 0; short_bytes < bytes; short_bytes++) {
                assert_int_equal(link_wire_decode(&frame, fixture->bytes, short_bytes),
                                 STATUS_SHORT);
            }
            assert_int_equal(link_wire_decode(&frame, fixture->bytes, bytes + 1),
                             STATUS_BAD_FORMAT);
        }
    }
}

/* The header says that a body ends earlier, or later, than its fields do. */
static void test_a_body_of_another_length_is_refused(void **state)
{
    struct fixture *fixture = *state;
    for (uint8_t type = LINK_WIRE_HELLO; type < LINK_WIRE_TYPE_COUNT; type++) {
        struct link_frame frame;
        do {
            link_frames_make(&frame, &fixture->random, type, fixture->payload, 1024);
        } while (frame.type == LINK_WIRE_REPLICA && frame.replica.segments != NULL);
        uint32_t bytes = (uint32_t)round_trip(fixture, &frame);
        /* The bytes of these are all that is left. */
        bool counted = type != LINK_WIRE_SNAPSHOT_CHUNK && type != LINK_WIRE_NEWS;
        for (uint32_t body = 0; counted && body < bytes + 64; body++) {
            if (body + LINK_WIRE_HEADER_BYTES == bytes) {
                continue;
            }
            bytes_store_le32(fixture->bytes, body);
            assert_int_equal(link_wire_decode(&frame, fixture->bytes,
                                              LINK_WIRE_HEADER_BYTES + body),
                             STATUS_BAD_FORMAT);
        }
    }
}

/* These bytes never change. */
static void test_layout(void **state)
{
    struct fixture *fixture = *state;
    struct link_frame ping = {.type = LINK_WIRE_PING, .ping = {.sent_ns = 0x0102030405060708}};
    (void)round_trip(fixture, &ping);
    assert_memory_equal(fixture->bytes, "\x08\0\0\0\2\7\0\0\x08\x07\x06\x05\x04\x03\x02\x01", 16);

    struct link_frame hello = {.type = LINK_WIRE_HELLO,
                               .hello = {.version_min = 1,
                                         .version_max = 2,
                                         .site_id = 3,
                                         .path_index = 1,
                                         .cluster_id = 0x11,
                                         .incarnation = 0x22,
                                         .generation = 0x33,
                                         .rules_version_max = 4,
                                         .genesis = {0xB1, [31] = 0xB2},
                                         .listen = "[::1]:7"}};
    (void)round_trip(fixture, &hello);
    assert_memory_equal(fixture->bytes,
                        "\x48\0\0\0\2\1\0\0\1\2\3\1\x11\0\0\0\0\0\0\0\x22\0\0\0\0\0\0\0\x33\0\0\0\0"
                        "\0\0\0\4\0\0\0\xB1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
                        "\0\0\0\xB2\7[::1]:7",
                        80);

    struct link_frame reply = {.type = LINK_WIRE_REPLICA,
                               .shard_id = 8,
                               .replica.message = {.type = REPLICA_APPEND_REPLY,
                                                   .from_site_id = 9,
                                                   .to_site_id = 2,
                                                   .rejected = true,
                                                   .generation = 1,
                                                   .from_incarnation = 0x44,
                                                   .term = 300,
                                                   .position = {128, 299, {0xAA}},
                                                   .rejected_log_index = 5,
                                                   .hint_log_index = 4,
                                                   .hint_term = 3,
                                                   .sent_ns = 127,
                                                   .audit = {16, 0x55, 0x66},
                                                   .wall_ns = 0x77}};
    size_t bytes = round_trip(fixture, &reply);
    static const uint8_t head[] = {79, 0, 0, 0, 2, 2, 8,    0, 6, 0x92, 0x94, 0x06, 0x44, 0, 0,
                                   0,  0, 0, 0, 0, 1, 0xAC, 2, 1, 0x80, 0x01, 0xAA, 0,    0, 0};
    static const uint8_t tail[] = {5, 4, 3, 127, 16, 0x55, 0,    0, 0, 0, 0, 0, 0, 0x66, 0,
                                   0, 0, 0, 0,   0,  0,    0x77, 0, 0, 0, 0, 0, 0, 0};
    assert_memory_equal(fixture->bytes, head, sizeof head);
    assert_memory_equal(fixture->bytes + bytes - sizeof tail, tail, sizeof tail);
}

/* ---- Each rule of the decoder, broken alone, in good frames ---- */

static struct link_frame good(uint8_t type)
{
    static const uint8_t records[] = {1, 0, 'a', 2, 0, 'b', 'c'};
    struct link_frame frame = {.type = type, .shard_id = 3};
    switch ((enum link_wire_type)type) {
    case LINK_WIRE_HELLO:
        frame.shard_id = 0;
        frame.hello = (struct link_hello){
            .version_min = 1, .version_max = 1, .site_id = 3, .listen = "127.0.0.1:1"};
        return frame;
    case LINK_WIRE_REPLICA:
        frame.replica.message = (struct replica_message){.type = REPLICA_VOTE,
                                                         .from_site_id = 1,
                                                         .to_site_id = 2,
                                                         .term = 9,
                                                         .position = {7, 8, {1}}};
        return frame;
    case LINK_WIRE_FORWARD:
        frame.forward = (struct link_forward){1, 2, 2, records, sizeof records};
        return frame;
    case LINK_WIRE_FORWARD_REPLY:
        frame.forward_reply = (struct link_forward_reply){.lane = 1, .next_number = 2};
        return frame;
    case LINK_WIRE_SNAPSHOT_REQUEST:
        frame.snapshot_request =
            (struct link_snapshot_request){.log_index = 1, .bytes_max = 0x040000};
        return frame;
    case LINK_WIRE_SNAPSHOT_CHUNK:
        frame.snapshot_chunk = (struct link_snapshot_chunk){.log_index = 1,
                                                            .offset = 10,
                                                            .total_bytes = 17,
                                                            .bytes = records,
                                                            .bytes_count = sizeof records};
        return frame;
    case LINK_WIRE_PING:
    case LINK_WIRE_PONG:
        frame.shard_id = 0;
        return frame;
    case LINK_WIRE_BYE:
        frame.shard_id = 0;
        frame.bye.reason = 1;
        return frame;
    case LINK_WIRE_NEWS:
        frame.shard_id = 0;
        frame.news = (struct link_news){records, sizeof records};
        return frame;
    case LINK_WIRE_TYPE_COUNT:
        break;
    }
    fail();
    return frame;
}

static const struct {
    uint8_t type;
    uint32_t byte;
    uint8_t value;
    enum status status;
} bad_fields[] = {
    {LINK_WIRE_PING, 0, 7, STATUS_BAD_FORMAT},  /* Body of another size. */
    {LINK_WIRE_PING, 3, 1, STATUS_BAD_FORMAT},  /* Larger than any frame. */
    {LINK_WIRE_PING, 4, 0, STATUS_BAD_VERSION}, /* Version. */
    {LINK_WIRE_PING, 4, LINK_WIRE_VERSION - 1, STATUS_BAD_VERSION},
    {LINK_WIRE_PING, 4, LINK_WIRE_VERSION + 1, STATUS_BAD_VERSION},
    {LINK_WIRE_PING, 5, 0, STATUS_BAD_FORMAT}, /* No such type. */
    {LINK_WIRE_PING, 5, LINK_WIRE_TYPE_COUNT, STATUS_BAD_FORMAT},
    {LINK_WIRE_PING, 6, 1, STATUS_BAD_FORMAT}, /* Belongs to no shard. */
    {LINK_WIRE_BYE, 7, 1, STATUS_BAD_FORMAT},
    {LINK_WIRE_BYE, 8, 0, STATUS_BAD_FORMAT},     /* No reason. */
    {LINK_WIRE_NEWS, 1, 0x21, STATUS_BAD_FORMAT}, /* More than it may have. */
    {LINK_WIRE_NEWS, 6, 1, STATUS_BAD_FORMAT},    /* Belongs to no shard. */
    {LINK_WIRE_REPLICA, 6, 0, STATUS_BAD_FORMAT}, /* No shard. */
    {LINK_WIRE_REPLICA, 6, SHARDS_MAX + 1, STATUS_BAD_FORMAT},
    {LINK_WIRE_REPLICA, 8, 0, STATUS_BAD_FORMAT}, /* No such message. */
    {LINK_WIRE_REPLICA, 8, REPLICA_MESSAGE_TYPE_COUNT, STATUS_BAD_FORMAT},
    {LINK_WIRE_REPLICA, 8, REPLICA_CAMPAIGN, STATUS_BAD_FORMAT}, /* Has no position. */
    {LINK_WIRE_REPLICA, 9, 0x02, STATUS_BAD_FORMAT},             /* From nobody. */
    {LINK_WIRE_REPLICA, 9, 0x10, STATUS_BAD_FORMAT},             /* To nobody. */
    {LINK_WIRE_REPLICA, 9, 0x1A, STATUS_BAD_FORMAT},             /* No such site. */
    {LINK_WIRE_REPLICA, 9, 0x22, STATUS_BAD_FORMAT},             /* To itself. */
    {LINK_WIRE_REPLICA, 10, 0x11, STATUS_BAD_FORMAT},            /* A vote grants nothing. */
    {LINK_WIRE_REPLICA, 10, 0x14, STATUS_BAD_FORMAT},
    {LINK_WIRE_REPLICA, 10, 0x18, STATUS_BAD_FORMAT},
    {LINK_WIRE_REPLICA, 10, 0x20, STATUS_BAD_FORMAT}, /* Continued, but no segments. */
    {LINK_WIRE_REPLICA, 10, 0x50, STATUS_BAD_FORMAT}, /* No commit, sent, ... */
    {LINK_WIRE_REPLICA, 10, 0x90, STATUS_BAD_FORMAT},
    {LINK_WIRE_REPLICA, 10, 0x00, STATUS_BAD_FORMAT}, /* Bytes of a position left over. */
    {LINK_WIRE_REPLICA, 11, 0x01, STATUS_BAD_FORMAT},
    {LINK_WIRE_REPLICA, 11, 0x02, STATUS_BAD_FORMAT},
    {LINK_WIRE_REPLICA, 11, 0x04, STATUS_BAD_FORMAT},
    {LINK_WIRE_REPLICA, 11, 0x08, STATUS_BAD_FORMAT},
    {LINK_WIRE_REPLICA, 11, 0x10, STATUS_BAD_FORMAT}, /* No such field. */
    {LINK_WIRE_REPLICA, 21, 0, STATUS_BAD_FORMAT},    /* Term 0. */
    {LINK_WIRE_REPLICA, 22, 10, STATUS_BAD_FORMAT},   /* Position's term below 0, */
    {LINK_WIRE_REPLICA, 22, 9, STATUS_BAD_FORMAT},    /* 0 with a log index. */
    {LINK_WIRE_REPLICA, 23, 0, STATUS_BAD_FORMAT},    /* Log index 0 with a term. */
    {LINK_WIRE_HELLO, 8, 0, STATUS_BAD_FORMAT},       /* Versions from 1 */
    {LINK_WIRE_HELLO, 8, 2, STATUS_BAD_FORMAT},       /* to less. */
    {LINK_WIRE_HELLO, 10, 0, STATUS_BAD_FORMAT},      /* No site. */
    {LINK_WIRE_HELLO, 10, SITES_MAX + 1, STATUS_BAD_FORMAT},
    {LINK_WIRE_HELLO, 11, LINK_WIRE_PATHS_MAX, STATUS_BAD_FORMAT},
    {LINK_WIRE_HELLO, 72, 10, STATUS_BAD_FORMAT}, /* Length of the address. */
    {LINK_WIRE_HELLO, 72, 12, STATUS_BAD_FORMAT},
    {LINK_WIRE_HELLO, 73, ' ', STATUS_BAD_FORMAT}, /* Not printable. */
    {LINK_WIRE_HELLO, 74, 0, STATUS_BAD_FORMAT},
    {LINK_WIRE_HELLO, 75, 0x7F, STATUS_BAD_FORMAT},
    {LINK_WIRE_HELLO, 76, 0x80, STATUS_BAD_FORMAT},
    {LINK_WIRE_FORWARD, 16, 0, STATUS_BAD_FORMAT}, /* Numbers from 1. */
    {LINK_WIRE_FORWARD, 24, 1, STATUS_BAD_FORMAT}, /* Fewer than there are, */
    {LINK_WIRE_FORWARD, 24, 3, STATUS_BAD_FORMAT}, /* more, */
    {LINK_WIRE_FORWARD, 24, 0, STATUS_BAD_FORMAT}, /* none, */
    {LINK_WIRE_FORWARD, 25, 5, STATUS_BAD_FORMAT}, /* above the most. */
    {LINK_WIRE_FORWARD, 26, 0, STATUS_BAD_FORMAT}, /* An empty record. */
    {LINK_WIRE_FORWARD, 29, 3, STATUS_BAD_FORMAT}, /* Beyond the end. */
    {LINK_WIRE_FORWARD, 29, 1, STATUS_BAD_FORMAT}, /* Before it. */
    {LINK_WIRE_FORWARD_REPLY, 16, 0, STATUS_BAD_FORMAT},
    {LINK_WIRE_FORWARD_REPLY, 32, LINK_FORWARD_OUTCOME_COUNT, STATUS_BAD_FORMAT},
    {LINK_WIRE_FORWARD_REPLY, 33, SITES_MAX + 1, STATUS_BAD_FORMAT},
    {LINK_WIRE_SNAPSHOT_REQUEST, 8, 0, STATUS_BAD_FORMAT},
    {LINK_WIRE_SNAPSHOT_REQUEST, 56, 1, STATUS_BAD_FORMAT}, /* More than a chunk. */
    {LINK_WIRE_SNAPSHOT_REQUEST, 58, 0, STATUS_BAD_FORMAT}, /* Nothing. */
    {LINK_WIRE_SNAPSHOT_CHUNK, 8, 0, STATUS_BAD_FORMAT},
    {LINK_WIRE_SNAPSHOT_CHUNK, 48, 11, STATUS_BAD_FORMAT}, /* Beyond the total. */
    {LINK_WIRE_SNAPSHOT_CHUNK, 48, 18, STATUS_BAD_FORMAT},
    {LINK_WIRE_SNAPSHOT_CHUNK, 55, 0x80, STATUS_BAD_FORMAT},
    {LINK_WIRE_SNAPSHOT_CHUNK, 56, 16, STATUS_BAD_FORMAT},
    {LINK_WIRE_SNAPSHOT_CHUNK, 0, 56, STATUS_BAD_FORMAT}, /* Bytes behind. */
};

static void test_each_field_is_checked(void **state)
{
    struct fixture *fixture = *state;
    for (uint32_t i = 0; i < sizeof bad_fields / sizeof bad_fields[0]; i++) {
        struct link_frame frame = good(bad_fields[i].type);
        size_t bytes = round_trip(fixture, &frame);
        assert_true(bad_fields[i].byte < bytes);
        assert_int_not_equal(fixture->bytes[bad_fields[i].byte], bad_fields[i].value);
        fixture->bytes[bad_fields[i].byte] = bad_fields[i].value;
        enum status status = link_wire_decode(&frame, fixture->bytes, bytes);
        if (status != bad_fields[i].status) {
            fail_msg("case %u: type %u byte %u gives %s", i, bad_fields[i].type, bad_fields[i].byte,
                     status_text(status));
        }
    }
}

/* A frame as hexadecimal would be unreadable: the fields that follow header, sites, incarnation. */
static enum status decode_message(struct fixture *fixture, uint8_t type, uint16_t present,
                                  const uint8_t *rest, uint32_t rest_bytes)
{
    uint8_t *bytes = fixture->bytes;
    memset(bytes, 0, LINK_WIRE_HEADER_BYTES + 12);
    bytes_store_le32(bytes, 12 + rest_bytes);
    bytes[4] = LINK_WIRE_VERSION;
    bytes[5] = LINK_WIRE_REPLICA;
    bytes[6] = 1;
    bytes[8] = type;
    bytes[9] = 0x12;
    bytes_store_le16(bytes + 10, present);
    memcpy(bytes + 20, rest, rest_bytes);
    struct link_frame frame;
    return link_wire_decode(&frame, bytes, LINK_WIRE_HEADER_BYTES + 12 + rest_bytes);
}

/* One message has one form. */
static void test_only_the_shortest_form_passes(void **state)
{
    struct fixture *fixture = *state;
    enum status bad = STATUS_BAD_FORMAT;
    assert_int_equal(decode_message(fixture, REPLICA_CAMPAIGN, 0, (const uint8_t *)"\1\5", 2),
                     STATUS_OK);
    /* A number with a zero at its top, and one of more than 64 bits. */
    assert_int_equal(decode_message(fixture, REPLICA_CAMPAIGN, 0, (const uint8_t *)"\x81\0\5", 3),
                     bad);
    assert_int_equal(decode_message(fixture, REPLICA_CAMPAIGN, 0,
                                    (const uint8_t *)"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01\5",
                                    11),
                     STATUS_OK);
    assert_int_equal(decode_message(fixture, REPLICA_CAMPAIGN, 0,
                                    (const uint8_t *)"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x02\5",
                                    11),
                     bad);
    assert_int_equal(decode_message(fixture, REPLICA_CAMPAIGN, 0,
                                    (const uint8_t *)"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x81\1\5",
                                    12),
                     bad);
    /* Fields that are there without a value: position, commit, sent, round trip, audit, wall. */
    uint8_t zeros[64] = {1, 5};
    assert_int_equal(decode_message(fixture, REPLICA_APPEND, 0, zeros, 2), STATUS_OK);
    zeros[2] = 5; /* Terms back: the position's is 0. */
    assert_int_equal(decode_message(fixture, REPLICA_APPEND, 0x10, zeros, 36), bad);
    zeros[2] = 0;
    assert_int_equal(decode_message(fixture, REPLICA_APPEND, 0x40, zeros, 3), bad);
    assert_int_equal(decode_message(fixture, REPLICA_APPEND, 0x80, zeros, 3), bad);
    assert_int_equal(decode_message(fixture, REPLICA_APPEND, 0x100, zeros, 3), bad);
    assert_int_equal(decode_message(fixture, REPLICA_APPEND, 0x200, zeros, 19), bad);
    assert_int_equal(decode_message(fixture, REPLICA_APPEND_REPLY, 0x400, zeros, 10), bad);
    zeros[2] = 1;
    assert_int_equal(decode_message(fixture, REPLICA_APPEND_REPLY, 0x400, zeros, 10), STATUS_OK);
}

/* Appends: counts and sizes of segments, and a position that is spelled out although the first
 * segment says it. */
static void test_segments_are_bounded(void **state)
{
    struct fixture *fixture = *state;
    enum status bad = STATUS_BAD_FORMAT;
    static uint8_t rest[4 + 257 * SEGMENT_HEADER_BYTES];
    memset(rest, 0, sizeof rest);
    rest[0] = 1; /* Generation. */
    rest[1] = 5; /* Term. */
    rest[2] = 1; /* Segments. */
    const uint32_t one_bytes = 3 + SEGMENT_HEADER_BYTES;
    /* Log index 9 does not follow the empty position. */
    bytes_store_le64(rest + 3 + 32, 9);
    assert_int_equal(decode_message(fixture, REPLICA_APPEND, 0x800, rest, one_bytes), STATUS_OK);
    assert_int_equal(decode_message(fixture, REPLICA_SNAPSHOT, 0x800, rest, one_bytes), bad);
    assert_int_equal(decode_message(fixture, REPLICA_APPEND, 0x800, rest, one_bytes - 1), bad);
    assert_int_equal(decode_message(fixture, REPLICA_APPEND, 0x800, rest, 3), bad);
    /* Log index 1 does: then it must be left to the segment. */
    bytes_store_le64(rest + 3 + 32, 1);
    assert_int_equal(decode_message(fixture, REPLICA_APPEND, 0x800, rest, one_bytes), bad);
    rest[2] = 0;
    assert_int_equal(decode_message(fixture, REPLICA_APPEND, 0x800, rest, one_bytes), bad);
    /* Continued: terms back, then the count. */
    rest[2] = 5;
    rest[3] = 1;
    memset(rest + 4, 0, sizeof rest - 4);
    bytes_store_le64(rest + 4 + 32, 1);
    assert_int_equal(decode_message(fixture, REPLICA_APPEND, 0x820, rest, one_bytes + 1),
                     STATUS_OK);
    rest[2] = 4; /* A term, but nothing before. */
    assert_int_equal(decode_message(fixture, REPLICA_APPEND, 0x820, rest, one_bytes + 1), bad);
    rest[2] = 5;
    bytes_store_le64(rest + 4 + 32, 0); /* Continues what is before the beginning. */
    assert_int_equal(decode_message(fixture, REPLICA_APPEND, 0x820, rest, one_bytes + 1), bad);
    /* 257 segments are too many. */
    rest[2] = 0x81;
    rest[3] = 0x02;
    bytes_store_le64(rest + 4 + 32, 9);
    assert_int_equal(decode_message(fixture, REPLICA_APPEND, 0x800, rest, sizeof rest), bad);
    rest[2] = 0x80;
    assert_int_equal(decode_message(fixture, REPLICA_APPEND, 0x800, rest, sizeof rest), STATUS_OK);
}

static void test_records_are_read_back(void **state)
{
    struct fixture *fixture = *state;
    struct link_forward forward = {.lane = 1, .first_number = 1, .records = fixture->payload};
    uint8_t *record = fixture->bytes;
    memset(record, 0, UINT16_MAX);
    while (forward.record_count < 10) {
        record[0] = (uint8_t)forward.record_count++;
        assert_int_equal(link_wire_record_add(fixture->payload, 1000, &forward.records_bytes,
                                              record, forward.record_count * 10),
                         STATUS_OK);
    }
    uint32_t before_bytes = forward.records_bytes;
    assert_int_equal(before_bytes, 570);
    assert_int_equal(link_wire_record_add(fixture->payload, 1000, &forward.records_bytes, record,
                                          429),
                     STATUS_FULL);
    assert_int_equal(link_wire_record_add(fixture->payload, LINK_FRAMES_PAYLOAD_BYTES,
                                          &forward.records_bytes, record, UINT16_MAX),
                     STATUS_OK);
    forward.records_bytes = before_bytes;
    struct link_frame frame = {.type = LINK_WIRE_FORWARD, .shard_id = 1, .forward = forward};
    (void)round_trip(fixture, &frame);
    uint32_t offset = 0;
    const uint8_t *back = NULL;
    uint32_t back_bytes = 0;
    for (uint32_t at = 0; at < 10; at++) {
        assert_int_equal(link_wire_record_next(&forward, &offset, &back, &back_bytes), STATUS_OK);
        assert_int_equal(back_bytes, (at + 1) * 10);
        assert_int_equal(back[0], at);
    }
    assert_int_equal(link_wire_record_next(&forward, &offset, &back, &back_bytes),
                     STATUS_NOT_FOUND);
}

/* A field that does not belong to its message would be lost: the encoder stops. */
static void encode(void *argument)
{
    static uint8_t bytes[1024];
    (void)link_wire_encode(bytes, sizeof bytes, argument);
}

static void test_the_encoder_asserts(void **state)
{
    (void)state;
    struct link_frame frame = good(LINK_WIRE_REPLICA);
    frame.replica.message.commit_log_index = 1;
    assert_true(asserts_stop(encode, &frame));
    frame = good(LINK_WIRE_REPLICA);
    frame.replica.message.wall_ns = 1;
    assert_true(asserts_stop(encode, &frame));
    frame = good(LINK_WIRE_REPLICA);
    frame.replica.message.hint_term = 1;
    assert_true(asserts_stop(encode, &frame));
    frame = good(LINK_WIRE_PING);
    frame.shard_id = 1;
    assert_true(asserts_stop(encode, &frame));
    frame = good(LINK_WIRE_BYE);
    frame.bye.reason = 0;
    assert_true(asserts_stop(encode, &frame));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_frames_come_back),
        cmocka_unit_test(test_the_largest_fit),
        cmocka_unit_test(test_overhead_is_small),
        cmocka_unit_test(test_every_truncation_is_short),
        cmocka_unit_test(test_a_body_of_another_length_is_refused),
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_each_field_is_checked),
        cmocka_unit_test(test_only_the_shortest_form_passes),
        cmocka_unit_test(test_segments_are_bounded),
        cmocka_unit_test(test_records_are_read_back),
        cmocka_unit_test(test_the_encoder_asserts),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
