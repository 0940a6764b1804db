#include "replication/link_queue.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/link_frames.h"
#include "tests/support/test_seed.h"

#define CAPACITY     20000u
#define STREAM_BYTES (8u << 20)

struct fixture {
    struct random random;
    struct link_queue queue;
    uint8_t *memory;
    uint8_t *payload;
    uint8_t *expected; /* All bytes that were added. */
    uint32_t added_bytes;
    uint32_t taken_bytes;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    fixture->memory = malloc(CAPACITY); /* No byte more: sanitizers watch its end. */
    fixture->payload = calloc(1, LINK_FRAMES_PAYLOAD_BYTES);
    fixture->expected = malloc(STREAM_BYTES);
    assert_non_null(fixture->memory);
    assert_non_null(fixture->payload);
    assert_non_null(fixture->expected);
    test_seed(&fixture->random);
    link_queue_init(&fixture->queue, fixture->memory, CAPACITY);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    free(fixture->memory);
    free(fixture->payload);
    free(fixture->expected);
    free(fixture);
    return 0;
}

static enum status add(struct fixture *fixture, uint32_t payload_bytes)
{
    struct link_frame frame;
    uint8_t type = (uint8_t)(1 + random_below(&fixture->random, LINK_WIRE_TYPE_COUNT - 1));
    link_frames_make(&frame, &fixture->random, type, fixture->payload, payload_bytes);
    bool fits = link_wire_bytes_max(&frame) <= link_queue_room(&fixture->queue);
    uint32_t before = link_queue_bytes(&fixture->queue);
    uint32_t bytes = 0;
    enum status status = link_queue_add(&fixture->queue, &frame, &bytes);
    assert_int_equal(status, fits ? STATUS_OK : STATUS_FULL);
    assert_int_equal(link_queue_bytes(&fixture->queue), before + (fits ? bytes : 0));
    if (status == STATUS_OK) {
        assert_true(fixture->added_bytes + bytes <= STREAM_BYTES);
        assert_int_equal(link_wire_encode(fixture->expected + fixture->added_bytes,
                                          link_wire_bytes_max(&frame), &frame),
                         bytes);
        fixture->added_bytes += bytes;
    }
    return status;
}

/* Take some of what is next, or begin the first frame anew. */
static void take(struct fixture *fixture)
{
    uint32_t bytes;
    uint32_t frame_left;
    const uint8_t *next = link_queue_next(&fixture->queue, &bytes, &frame_left);
    if (bytes == 0) {
        assert_int_equal(fixture->taken_bytes, fixture->added_bytes);
        assert_int_equal(frame_left, 0);
        return;
    }
    assert_true(frame_left >= 1 && frame_left <= bytes);
    assert_memory_equal(next, fixture->expected + fixture->taken_bytes, bytes);
    if (random_below(&fixture->random, 10) == 0) {
        uint32_t frame_bytes;
        uint32_t taken = fixture->queue.taken;
        link_queue_again(&fixture->queue);
        fixture->taken_bytes -= taken;
        assert_int_equal(link_wire_peek(&frame_bytes, fixture->expected + fixture->taken_bytes, 8),
                         STATUS_OK);
        assert_int_equal(frame_bytes, taken + frame_left);
        return;
    }
    uint32_t some = 1 + (uint32_t)random_below(&fixture->random, bytes);
    uint32_t whole = link_queue_take(&fixture->queue, some);
    fixture->taken_bytes += some;
    assert_true(whole >= 1 || some < frame_left);
    assert_true(link_queue_is_partial(&fixture->queue) || whole >= 1);
}

static void test_frames_come_out_as_they_went_in(void **state)
{
    struct fixture *fixture = *state;
    uint32_t full = 0;
    while (fixture->added_bytes < STREAM_BYTES / 2) {
        uint32_t payload_bytes = random_below(&fixture->random, 4) == 0 ? 8192 : 1024;
        uint32_t bias = fixture->added_bytes / 200000 % 2 == 0 ? 3 : 1; /* Fill, then drain. */
        if (random_below(&fixture->random, 4) < bias) {
            full += add(fixture, payload_bytes) == STATUS_FULL ? 1 : 0;
        } else {
            take(fixture);
        }
    }
    assert_true(full > 100);
    while (link_queue_bytes(&fixture->queue) > 0) {
        take(fixture);
    }
    assert_int_equal(link_queue_room(&fixture->queue), CAPACITY);
}

static void test_clear_drops_all(void **state)
{
    struct fixture *fixture = *state;
    while (add(fixture, 1024) == STATUS_OK) {
    }
    (void)link_queue_take(&fixture->queue, 5);
    assert_true(link_queue_is_partial(&fixture->queue));
    link_queue_clear(&fixture->queue);
    assert_int_equal(link_queue_bytes(&fixture->queue), 0);
    assert_false(link_queue_is_partial(&fixture->queue));
    assert_int_equal(link_queue_room(&fixture->queue), CAPACITY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_frames_come_out_as_they_went_in, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_clear_drops_all, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
