#include "gateway/session_store_snapshot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "matching/base/bytes.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/event_flow.h"
#include "tests/support/test_paths.h"
#include "tests/support/test_seed.h"

#define SESSIONS 7u
#define EVENTS   30000u

static char directory[TEST_PATH_BYTES];
static struct session_store_snapshot *snapshot;
static struct random random_numbers;
static uint32_t stores_made;

/* Bytes of a whole part. */
struct part {
    uint8_t *bytes;
    size_t count;
    size_t room;
};

static int set_up(void **state)
{
    (void)state;
    test_seed(&random_numbers);
    test_paths_make(directory, "session-store-snapshot");
    assert_int_equal(session_store_snapshot_create(&snapshot), STATUS_OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    session_store_snapshot_destroy(snapshot);
    test_paths_remove(directory);
    return 0;
}

static struct session_store *make(uint32_t block_events, uint64_t file_bytes_max)
{
    char path[TEST_PATH_BYTES + 32];
    (void)snprintf(path, sizeof path, "%s/streams-%u", directory, stores_made++);
    struct session_store_options options = {.path = path,
                                            .sessions_max = SESSIONS,
                                            .block_events = block_events,
                                            .file_bytes_max = file_bytes_max};
    struct session_store *store = NULL;
    assert_int_equal(session_store_create(&store, &options), STATUS_OK);
    return store;
}

static void append(struct session_store *store, struct event_flow *flow, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct event event;
        event_flow_next(flow, true, &event);
        assert_int_equal(session_store_append(store, &event), STATUS_OK);
    }
}

static void write_part(struct part *part, struct session_store *store, size_t chunk_max)
{
    session_store_snapshot_write_start(snapshot, store, SESSIONS);
    part->count = 0;
    enum status status = STATUS_MORE;
    while (status == STATUS_MORE) {
        size_t chunk = 1 + random_below(&random_numbers, chunk_max);
        if (part->room - part->count < chunk) {
            part->room = 2 * part->room + chunk;
            part->bytes = realloc(part->bytes, part->room);
            assert_non_null(part->bytes);
        }
        size_t bytes = 0;
        status = session_store_snapshot_write(snapshot, part->bytes + part->count, chunk, &bytes);
        assert_true(bytes <= chunk);
        assert_true(status == STATUS_OK || bytes == chunk);
        part->count += bytes;
    }
    assert_int_equal(status, STATUS_OK);
}

static enum status read_part(const struct part *part, struct session_store *store, size_t chunk_max)
{
    session_store_snapshot_read_start(snapshot, store, SESSIONS);
    enum status status = STATUS_MORE;
    for (size_t done = 0; done < part->count && (status == STATUS_MORE || status == STATUS_OK);) {
        size_t chunk = 1 + random_below(&random_numbers, chunk_max);
        chunk = chunk < part->count - done ? chunk : part->count - done;
        uint8_t *copy = malloc(chunk); /* A look beyond it is found out. */
        assert_non_null(copy);
        memcpy(copy, part->bytes + done, chunk);
        status = session_store_snapshot_read(snapshot, copy, chunk);
        free(copy);
        done += chunk;
    }
    return status;
}

static void check_equal_parts(const struct part *one, const struct part *other)
{
    assert_int_equal(one->count, other->count);
    assert_memory_equal(one->bytes, other->bytes, one->count);
}

/* Both replay the same of both generations of every session; returns how many events. */
static uint64_t check_equal_streams(struct session_store *one, struct session_store *other)
{
    static struct event events[2][200];
    uint64_t total = 0;
    for (uint32_t id = 1; id <= SESSIONS; id++) {
        assert_int_equal(session_store_next(one, id), session_store_next(other, id));
        for (uint32_t present = 0; present < 2; present++) {
            struct session_store_stream streams[2];
            bool there = session_store_stream(one, id, present == 1, &streams[0]);
            assert_int_equal(session_store_stream(other, id, present == 1, &streams[1]), there);
            assert_int_equal(streams[0].generation, streams[1].generation);
            assert_int_equal(streams[0].next_sequence, streams[1].next_sequence);
            uint32_t count = there ? 1 : 0;
            for (uint64_t sequence = 1; count > 0; sequence += count) {
                uint32_t other_count = 0;
                assert_int_equal(session_store_read(one, id, streams[0].generation, sequence,
                                                    events[0], 200, &count),
                                 STATUS_OK);
                assert_int_equal(session_store_read(other, id, streams[0].generation, sequence,
                                                    events[1], 200, &other_count),
                                 STATUS_OK);
                assert_int_equal(count, other_count);
                assert_memory_equal(events[0], events[1], count * sizeof events[0][0]);
                total += count;
            }
        }
    }
    return total;
}

/* What is read replays the same, goes on the same, and is written the same again. */
static void test_streams_come_back(void **state)
{
    (void)state;
    uint64_t seed = random_u64(&random_numbers);
    struct event_flow flows[2];
    struct session_store *one = make(128, UINT64_C(1) << 30);
    struct part part = {.bytes = NULL};
    struct part again = {.bytes = NULL};
    event_flow_create(&flows[0], seed, SESSIONS, 5, EVENT_FLOW_COUNTING);
    event_flow_create(&flows[1], seed, SESSIONS, 5, EVENT_FLOW_COUNTING);
    for (uint32_t round = 0; round < 4; round++) {
        append(one, &flows[0], EVENTS / 4);
        struct session_store *other = make(64, UINT64_C(1) << 30);
        write_part(&part, one, 100000);
        assert_int_equal(read_part(&part, other, 5000), STATUS_OK);
        uint64_t events = check_equal_streams(one, other);
        assert_true(events > EVENTS / 40);
        assert_true(part.count < events * 40); /* 128 bytes each before. */
        write_part(&again, other, 77);
        check_equal_parts(&part, &again);
        session_store_destroy(one);
        one = other;
    }
    /* Against one that was never anything but appended to. */
    struct session_store *plain = make(1024, UINT64_C(1) << 30);
    append(plain, &flows[1], EVENTS);
    (void)check_equal_streams(one, plain);
    write_part(&again, plain, 1000);
    check_equal_parts(&part, &again);
    session_store_destroy(one);
    session_store_destroy(plain);
    event_flow_destroy(&flows[0]);
    event_flow_destroy(&flows[1]);
    free(part.bytes);
    free(again.bytes);
}

static void test_no_streams(void **state)
{
    (void)state;
    struct session_store *store = make(16, 1 << 20);
    struct session_store *other = make(16, 1 << 20);
    struct part part = {.bytes = NULL};
    write_part(&part, store, 1000);
    assert_int_equal(part.count, 12 + 17);
    assert_int_equal(read_part(&part, other, 3), STATUS_OK);
    assert_int_equal(check_equal_streams(store, other), 0);
    session_store_destroy(store);
    session_store_destroy(other);
    free(part.bytes);
}

/* A part of about a dozen blocks, to spoil. */
static void make_part(struct part *part)
{
    struct event_flow flow;
    struct session_store *store = make(16, UINT64_C(1) << 30);
    event_flow_create(&flow, random_u64(&random_numbers), 2, 3, EVENT_FLOW_RANDOM);
    append(store, &flow, 1500);
    event_flow_destroy(&flow);
    write_part(part, store, 1000);
    session_store_destroy(store);
}

static enum status read_new(const struct part *part, size_t chunk_max)
{
    struct session_store *store = make(128, UINT64_C(1) << 30);
    enum status status = read_part(part, store, chunk_max);
    session_store_destroy(store);
    return status;
}

static void test_cut_and_lengthened(void **state)
{
    (void)state;
    struct part part = {.bytes = NULL};
    make_part(&part);
    size_t whole = part.count;
    for (part.count = 0; part.count < whole; part.count += 1 + part.count / 20) {
        assert_int_equal(read_new(&part, 5000), STATUS_MORE);
    }
    part.count = whole;
    assert_int_equal(read_new(&part, 5000), STATUS_OK);
    part.bytes = realloc(part.bytes, whole + 1);
    assert_non_null(part.bytes);
    part.bytes[whole] = 3;
    part.count++;
    assert_int_equal(read_new(&part, 5000), STATUS_BAD_FORMAT);
    assert_int_equal(read_new(&part, 1), STATUS_BAD_FORMAT);
    free(part.bytes);
}

/* Any change gives a status or other events, never more than that. */
static void test_random_damage(void **state)
{
    (void)state;
    struct part part = {.bytes = NULL};
    make_part(&part);
    uint32_t refused = 0;
    for (uint32_t i = 0; i < 300; i++) {
        size_t at = i < 150 ? i : random_below(&random_numbers, part.count);
        uint8_t before = part.bytes[at];
        part.bytes[at] ^= (uint8_t)(1 + random_below(&random_numbers, 255));
        enum status status = read_new(&part, 5000);
        refused += status != STATUS_OK ? 1 : 0;
        part.bytes[at] = before;
    }
    assert_true(refused > 100);
    assert_int_equal(read_new(&part, 5000), STATUS_OK);
    free(part.bytes);
}

/* Fields of the head and the first stream (of session 1, generation 1, present). */
static void test_what_nobody_writes(void **state)
{
    (void)state;
    struct part part = {.bytes = NULL};
    make_part(&part);
    static const struct {
        size_t at;
        uint8_t byte;
        enum status status;
    } cases[] = {
        {0, 'X', STATUS_BAD_FORMAT},   {8, 1, STATUS_BAD_VERSION},
        {12, 4, STATUS_BAD_FORMAT},    {12, 2, STATUS_BAD_FORMAT}, /* A block of nothing. */
        {13, 0, STATUS_BAD_FORMAT},    {13, SESSIONS + 1, STATUS_BAD_FORMAT},
        {17, 0, STATUS_BAD_FORMAT},    {21, 2, STATUS_BAD_FORMAT},
        {29, 0xFF, STATUS_BAD_FORMAT}, /* Endless. */
        {30, 1, STATUS_BAD_FORMAT},    /* A stream inside a stream. */
        {30, 3, STATUS_BAD_FORMAT},    {32, 0x40, STATUS_BAD_FORMAT},
    };
    for (uint32_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t before = part.bytes[cases[i].at];
        part.bytes[cases[i].at] = cases[i].byte;
        assert_true(before != cases[i].byte);
        assert_int_equal(read_new(&part, 5000), cases[i].status);
        part.bytes[cases[i].at] = before;
    }
    bytes_store_le64(part.bytes + part.count - 8, 1);
    assert_int_equal(read_new(&part, 5000), STATUS_BAD_FORMAT);
    free(part.bytes);
}

static void test_no_space(void **state)
{
    (void)state;
    struct part part = {.bytes = NULL};
    make_part(&part);
    struct session_store *store = make(16, 4096);
    assert_int_equal(read_part(&part, store, 5000), STATUS_NO_SPACE);
    assert_int_equal(session_store_snapshot_read(snapshot, part.bytes, 1), STATUS_NO_SPACE);
    session_store_destroy(store);
    free(part.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_streams_come_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_streams, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cut_and_lengthened, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_random_damage, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_nobody_writes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_space, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
