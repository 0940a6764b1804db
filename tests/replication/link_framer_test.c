#include "replication/link_framer.h"

#include <stdlib.h>
#include <string.h>

#include "matching/base/bytes.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/link_frames.h"
#include "tests/support/test_seed.h"

#define STREAM_BYTES (8u << 20)

struct fixture {
    struct random random;
    struct link_framer framer;
    uint8_t *memory;
    uint8_t *payload;
    uint8_t *stream;
    uint32_t stream_bytes;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    fixture->memory = malloc(LINK_FRAMER_BYTES);
    fixture->payload = calloc(1, LINK_FRAMES_PAYLOAD_BYTES);
    fixture->stream = malloc(STREAM_BYTES);
    assert_non_null(fixture->memory);
    assert_non_null(fixture->payload);
    assert_non_null(fixture->stream);
    test_seed(&fixture->random);
    link_framer_init(&fixture->framer, fixture->memory);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    free(fixture->memory);
    free(fixture->payload);
    free(fixture->stream);
    free(fixture);
    return 0;
}

/* Frames of all sizes behind each other, until the stream is full. */
static void fill_stream(struct fixture *fixture)
{
    for (;;) {
        struct link_frame frame;
        uint8_t type = (uint8_t)(1 + random_below(&fixture->random, LINK_WIRE_TYPE_COUNT - 1));
        uint32_t payload_bytes =
            random_below(&fixture->random, 50) == 0 ? LINK_FRAMES_PAYLOAD_BYTES : 2048;
        link_frames_make(&frame, &fixture->random, type, fixture->payload, payload_bytes);
        uint32_t left = STREAM_BYTES - fixture->stream_bytes;
        if (left < link_wire_bytes_max(&frame)) {
            return;
        }
        fixture->stream_bytes +=
            (uint32_t)link_wire_encode(fixture->stream + fixture->stream_bytes, left, &frame);
    }
}

/* The same bytes come out, in whole frames, whatever pieces they come in. */
static void test_frames_come_out_whole(void **state)
{
    struct fixture *fixture = *state;
    fill_stream(fixture);
    uint32_t in = 0;
    uint32_t out = 0;
    while (out < fixture->stream_bytes) {
        uint32_t bytes_max;
        uint8_t *room = link_framer_room(&fixture->framer, &bytes_max);
        assert_true(bytes_max >= LINK_FRAMER_SPARE_BYTES);
        uint64_t want =
            1 + (random_u64(&fixture->random) >> (44 + random_below(&fixture->random, 19)));
        uint32_t bytes = (uint32_t)(want < bytes_max ? want : bytes_max);
        bytes = bytes < fixture->stream_bytes - in ? bytes : fixture->stream_bytes - in;
        memcpy(room, fixture->stream + in, bytes);
        link_framer_received(&fixture->framer, bytes);
        in += bytes;
        const uint8_t *frame_bytes;
        uint32_t count;
        enum status status = link_framer_next(&fixture->framer, &frame_bytes, &count);
        while (status == STATUS_OK) {
            struct link_frame frame;
            assert_int_equal(link_wire_decode(&frame, frame_bytes, count), STATUS_OK);
            assert_memory_equal(frame_bytes, fixture->stream + out, count);
            out += count;
            status = link_framer_next(&fixture->framer, &frame_bytes, &count);
        }
        assert_int_equal(status, STATUS_NOT_YET);
        assert_true(in >= out);
    }
    assert_int_equal(in, fixture->stream_bytes);
}

/* Refused at the header: nobody waits for a body that never fits. */
static void test_bad_headers_are_seen_at_once(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        uint8_t byte;
        uint8_t value;
        enum status status;
    } bad[] = {
        {3, 0x7F, STATUS_BAD_FORMAT},
        {4, 9, STATUS_BAD_VERSION},
        {5, 77, STATUS_BAD_FORMAT},
        {7, 1, STATUS_BAD_FORMAT},
    };
    for (uint32_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct link_frame ping = {.type = LINK_WIRE_PING};
        uint8_t bytes[256];
        (void)link_wire_encode(bytes, sizeof bytes, &ping);
        bytes[bad[i].byte] = bad[i].value;
        link_framer_init(&fixture->framer, fixture->memory);
        const uint8_t *frame;
        uint32_t frame_bytes;
        for (uint32_t at = 0; at < LINK_WIRE_HEADER_BYTES; at++) {
            uint32_t bytes_max;
            assert_int_equal(link_framer_next(&fixture->framer, &frame, &frame_bytes),
                             STATUS_NOT_YET);
            *link_framer_room(&fixture->framer, &bytes_max) = bytes[at];
            link_framer_received(&fixture->framer, 1);
        }
        assert_int_equal(link_framer_next(&fixture->framer, &frame, &frame_bytes), bad[i].status);
        assert_int_equal(link_framer_next(&fixture->framer, &frame, &frame_bytes), bad[i].status);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_frames_come_out_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_headers_are_seen_at_once, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
