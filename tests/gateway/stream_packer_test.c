#include "gateway/stream_packer.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/event_columns.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/event_flow.h"
#include "tests/support/test_seed.h"

#define EVENTS 1024u

struct fixture {
    struct stream_packer *packer;
    struct event events[EVENTS];
    struct event copies[EVENTS];
    const struct event *sources[EVENTS];
    struct event *targets[EVENTS];
    uint8_t *stored;
    struct stream_packer_sizes sizes;
    struct random random;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    test_seed(&fixture->random);
    assert_int_equal(stream_packer_create(&fixture->packer, EVENTS), STATUS_OK);
    fixture->stored = malloc(stream_packer_bound(EVENTS));
    assert_non_null(fixture->stored);
    struct event_flow flow;
    event_flow_create(&flow, random_u64(&fixture->random), 2, 30, EVENT_FLOW_RANDOM);
    for (uint32_t index = 0; index < EVENTS; index++) {
        event_flow_next(&flow, true, &fixture->events[index]);
        fixture->sources[index] = &fixture->events[index];
        fixture->targets[index] = &fixture->copies[index];
    }
    event_flow_destroy(&flow);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    stream_packer_destroy(fixture->packer);
    free(fixture->stored);
    free(fixture);
    return 0;
}

static void pack(struct fixture *fixture, uint32_t first, uint32_t count)
{
    stream_packer_pack(fixture->packer, fixture->sources + first, count, fixture->stored,
                       &fixture->sizes);
    assert_true(stream_packer_fits(&fixture->sizes, count));
}

/* Unpacks bytes of exactly this size: a look beyond them is found out. */
static enum status unpack(struct fixture *fixture, const uint8_t *stored,
                          const struct stream_packer_sizes *sizes, uint32_t count)
{
    uint8_t *exact = malloc(sizes->stored_bytes > 0 ? sizes->stored_bytes : 1);
    assert_non_null(exact);
    memcpy(exact, stored, sizes->stored_bytes);
    enum status status =
        stream_packer_unpack(fixture->packer, exact, sizes, fixture->targets, count);
    free(exact);
    return status;
}

static void test_round_trip(void **state)
{
    struct fixture *fixture = *state;
    for (uint32_t count = 1; count <= EVENTS; count += 1 + count / 7) {
        uint32_t first = (uint32_t)random_below(&fixture->random, EVENTS + 1 - count);
        pack(fixture, first, count);
        memset(fixture->copies, 0xAA, sizeof fixture->copies);
        assert_int_equal(unpack(fixture, fixture->stored, &fixture->sizes, count), STATUS_OK);
        for (uint32_t index = 0; index < count; index++) {
            struct event expected = fixture->events[first + index];
            expected.session_id = 0;
            expected.sequence = 0;
            assert_memory_equal(&fixture->copies[index], &expected, sizeof expected);
        }
        assert_true(count < 128 || fixture->sizes.stored_bytes < count * 30);
    }
}

/* Whatever else a packer has done, and however large its blocks may be. */
static void test_same_events_same_bytes(void **state)
{
    struct fixture *fixture = *state;
    uint8_t *stored = malloc(stream_packer_bound(200));
    assert_non_null(stored);
    for (uint32_t round = 0; round < 40; round++) {
        uint32_t count = 1 + (uint32_t)random_below(&fixture->random, 200);
        uint32_t first = (uint32_t)random_below(&fixture->random, EVENTS + 1 - count);
        struct stream_packer *other = NULL;
        struct stream_packer_sizes sizes;
        assert_int_equal(stream_packer_create(&other, count), STATUS_OK);
        assert_true(stream_packer_memory(other) < stream_packer_memory(fixture->packer));
        stream_packer_pack(other, fixture->sources + first, count, stored, &sizes);
        stream_packer_destroy(other);
        pack(fixture, first, count);
        assert_int_equal(fixture->sizes.stored_bytes, sizes.stored_bytes);
        assert_int_equal(fixture->sizes.raw_bytes, sizes.raw_bytes);
        assert_int_equal(fixture->sizes.dense_bytes, sizes.dense_bytes);
        assert_memory_equal(fixture->stored, stored, sizes.stored_bytes);
    }
    free(stored);
}

static void test_sizes_that_do_not_fit(void **state)
{
    struct fixture *fixture = *state;
    pack(fixture, 0, 128);
    const struct stream_packer_sizes good = fixture->sizes;
    struct stream_packer_sizes bad = good;
    bad.stored_bytes = good.dense_bytes - 1u;
    assert_false(stream_packer_fits(&bad, 128));
    bad.stored_bytes = (uint32_t)stream_packer_bound(128);
    assert_true(stream_packer_fits(&bad, 128));
    bad.stored_bytes++;
    assert_false(stream_packer_fits(&bad, 128));
    assert_true(stream_packer_fits(&bad, 129));
    bad = good;
    bad.raw_bytes = (uint32_t)event_columns_bound(128) - good.dense_bytes;
    assert_true(stream_packer_fits(&bad, 128));
    bad.raw_bytes++;
    assert_false(stream_packer_fits(&bad, 128));
    bad.raw_bytes = UINT32_MAX;
    assert_false(stream_packer_fits(&bad, EVENTS));
}

static void test_other_bytes_are_refused(void **state)
{
    struct fixture *fixture = *state;
    pack(fixture, 0, 100);
    const struct stream_packer_sizes good = fixture->sizes;
    struct stream_packer_sizes bad = good;
    assert_int_equal(unpack(fixture, fixture->stored, &good, 100), STATUS_OK);
    assert_int_equal(unpack(fixture, fixture->stored, &good, 99), STATUS_BAD_FORMAT);
    assert_int_equal(unpack(fixture, fixture->stored, &good, 101), STATUS_BAD_FORMAT);
    for (bad.stored_bytes = good.dense_bytes; bad.stored_bytes < good.stored_bytes;
         bad.stored_bytes++) {
        assert_int_equal(unpack(fixture, fixture->stored, &bad, 100), STATUS_BAD_FORMAT);
    }
    bad = good;
    bad.dense_bytes--;
    assert_int_equal(unpack(fixture, fixture->stored, &bad, 100), STATUS_BAD_FORMAT);
    bad = good;
    bad.raw_bytes++;
    assert_int_equal(unpack(fixture, fixture->stored, &bad, 100), STATUS_BAD_FORMAT);
    bad.raw_bytes = 0;
    assert_int_equal(unpack(fixture, fixture->stored, &bad, 100), STATUS_BAD_FORMAT);
}

/* Frames that a decompressor passes over, or takes together: nobody writes them, and what they
 * carry would go from site to site. */
static void test_more_than_one_frame_is_refused(void **state)
{
    struct fixture *fixture = *state;
    static const uint8_t skippable[] = {0x50, 0x2A, 0x4D, 0x18, 4, 0, 0, 0, 'j', 'u', 'n', 'k'};
    static const uint8_t empty[] = {0x28, 0xB5, 0x2F, 0xFD, 0x20, 0, 1, 0, 0};
    pack(fixture, 0, 100);
    struct stream_packer_sizes sizes = fixture->sizes;
    uint8_t *stored = malloc(sizes.stored_bytes + sizeof skippable);
    assert_non_null(stored);
    size_t frame = sizes.stored_bytes - sizes.dense_bytes;
    memcpy(stored, fixture->stored, frame);
    memcpy(stored + frame, skippable, sizeof skippable);
    memcpy(stored + frame + sizeof skippable, fixture->stored + frame, sizes.dense_bytes);
    sizes.stored_bytes += (uint32_t)sizeof skippable;
    assert_int_equal(unpack(fixture, stored, &sizes, 100), STATUS_BAD_FORMAT);
    memcpy(stored, skippable, sizeof skippable);
    memcpy(stored + sizeof skippable, fixture->stored, fixture->sizes.stored_bytes);
    assert_int_equal(unpack(fixture, stored, &sizes, 100), STATUS_BAD_FORMAT);
    sizes.stored_bytes = fixture->sizes.stored_bytes + (uint32_t)sizeof empty;
    memcpy(stored, fixture->stored, frame);
    memcpy(stored + frame, empty, sizeof empty);
    memcpy(stored + frame + sizeof empty, fixture->stored + frame, sizes.dense_bytes);
    assert_int_equal(unpack(fixture, stored, &sizes, 100), STATUS_BAD_FORMAT);
    free(stored);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_round_trip, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_same_events_same_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sizes_that_do_not_fit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_other_bytes_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_more_than_one_frame_is_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
