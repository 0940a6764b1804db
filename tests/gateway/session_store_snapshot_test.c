#include "gateway/session_store_snapshot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/event_columns.h"
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
static uint32_t sessions_max;

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
    sessions_max = SESSIONS;
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
                                            .sessions_max = sessions_max,
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
    session_store_snapshot_write_start(snapshot, store, sessions_max);
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
    session_store_snapshot_read_start(snapshot, store, sessions_max);
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
    for (uint32_t id = 1; id <= sessions_max; id++) {
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

/* Sessions whose first whole block of a snapshot is in the file as one. */
static uint32_t whole_blocks(struct session_store *store)
{
    static uint8_t stored[1 << 16];
    struct stream_packer_sizes sizes;
    uint32_t whole = 0;
    assert_true(stream_packer_bound(SESSION_STORE_BLOCK_EVENTS) <= sizeof stored);
    for (uint32_t id = 1; id <= sessions_max; id++) {
        struct session_store_stream stream;
        if (!session_store_stream(store, id, true, &stream) ||
            stream.next_sequence <= SESSION_STORE_BLOCK_EVENTS) {
            continue;
        }
        enum status status = session_store_block(store, id, stream.generation, 1,
                                                 SESSION_STORE_BLOCK_EVENTS, stored, &sizes);
        assert_true(status == STATUS_OK || status == STATUS_NOT_FOUND);
        whole += status == STATUS_OK ? 1 : 0;
    }
    return whole;
}

/* Blocks that go through as they are, others that are put together, and some of both. */
static void test_same_events_same_bytes(void **state)
{
    (void)state;
    static const uint32_t cuts[] = {128, 16, 64, 120, 136, 256, 1024};
    uint64_t seed = random_u64(&random_numbers);
    for (uint32_t clients = EVENT_FLOW_EMPTY; clients <= EVENT_FLOW_RANDOM; clients++) {
        struct part part = {.bytes = NULL};
        struct part other = {.bytes = NULL};
        for (uint32_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
            struct event_flow flow;
            struct session_store *store = make(cuts[i], UINT64_C(1) << 30);
            event_flow_create(&flow, seed, SESSIONS, 400, (enum event_flow_clients)clients);
            append(store, &flow, EVENTS / 2);
            event_flow_destroy(&flow);
            assert_true(i == 0 ? whole_blocks(store) > 0 : whole_blocks(store) == 0);
            write_part(i == 0 ? &part : &other, store, 9000);
            session_store_destroy(store);
            /* Once more, from a snapshot. */
            store = make(cuts[i], UINT64_C(1) << 30);
            assert_int_equal(read_part(&part, store, 9000), STATUS_OK);
            assert_true(i == 0 ? whole_blocks(store) > 0 : whole_blocks(store) == 0);
            check_equal_parts(&part, i == 0 ? &part : &other);
            write_part(&other, store, 9000);
            check_equal_parts(&part, &other);
            session_store_destroy(store);
        }
        free(part.bytes);
        free(other.bytes);
    }
}

/* More open events than the pool has room for: blocks that are sealed short, and whole ones behind
 * and beside them. */
static void test_same_bytes_under_memory_pressure(void **state)
{
    (void)state;
    sessions_max = 4096;
    struct part parts[2] = {{.bytes = NULL}, {.bytes = NULL}};
    uint64_t seed = random_u64(&random_numbers);
    for (uint32_t i = 0; i < 2; i++) {
        struct event_flow flow;
        /* The second one always has room. */
        struct session_store *store =
            make(i == 0 ? SESSION_STORE_BLOCK_EVENTS : 16, UINT64_C(1) << 30);
        event_flow_create(&flow, seed, sessions_max, 10, EVENT_FLOW_EMPTY);
        append(store, &flow, 600000);
        event_flow_destroy(&flow);
        uint32_t whole_max = 0;
        for (uint32_t id = 1; id <= sessions_max; id++) {
            whole_max += session_store_next(store, id) > SESSION_STORE_BLOCK_EVENTS + 1 ? 1 : 0;
        }
        assert_true(whole_max > 1000);
        if (i == 0) {
            assert_in_range(whole_blocks(store), 100, whole_max - 100);
        } else {
            assert_int_equal(whole_blocks(store), 0);
        }
        write_part(&parts[i], store, 1 << 20);
        session_store_destroy(store);
    }
    check_equal_parts(&parts[0], &parts[1]);
    free(parts[0].bytes);
    free(parts[1].bytes);
}

/* A part with one stream of one block, which is a frame that no writer makes: nothing compressed.
 */
static void make_odd_part(struct part *part, const struct event *events, uint32_t count)
{
    const struct event *pointers[SESSION_STORE_BLOCK_EVENTS];
    for (uint32_t i = 0; i < count; i++) {
        pointers[i] = &events[i];
    }
    part->bytes = calloc(1, 1 << 16);
    uint8_t *raw = calloc(1, event_columns_bound(count));
    struct event_columns_scratch *scratch = malloc(event_columns_scratch_bytes());
    assert_non_null(part->bytes);
    assert_non_null(raw);
    assert_non_null(scratch);
    struct event_columns_packed packed = event_columns_pack(raw, pointers, count, scratch);
    uint32_t raw_bytes = (uint32_t)(packed.bytes - packed.dense_bytes);
    uint8_t *at = part->bytes;
    memcpy(at, "CWSTREAM", 8);
    at[8] = 2;
    at[12] = 1; /* Stream of session 1, generation 1, present. */
    at[13] = 1;
    at[17] = 1;
    at[21] = 1;
    bytes_store_le64(at + 22, count + 1);
    at[30] = 2;
    bytes_store_le16(at + 31, (uint16_t)count);
    bytes_store_le16(at + 33, (uint16_t)packed.dense_bytes);
    bytes_store_le32(at + 35, raw_bytes);
    bytes_store_le32(at + 39, (uint32_t)packed.bytes + 12);
    at += 43;
    bytes_store_le32(at, 0xFD2FB528); /* RFC 8878: magic, one segment, its size, one raw block. */
    at[4] = 0xA0;
    bytes_store_le32(at + 5, raw_bytes);
    bytes_store_le32(at + 9, raw_bytes << 3 | 1);
    memcpy(at + 12, raw, packed.bytes);
    at += 12 + packed.bytes;
    at[0] = 3;
    bytes_store_le64(at + 1, 1);
    bytes_store_le64(at + 9, count);
    part->count = (size_t)(at + 17 - part->bytes);
    free(raw);
    free(scratch);
}

/* Sound bytes that are not this packer's are as good; a store that cuts alike keeps them. */
static void test_odd_bytes(void **state)
{
    (void)state;
    static struct event events[SESSION_STORE_BLOCK_EVENTS];
    struct event_flow flow;
    struct part odd = {.bytes = NULL};
    struct part plain = {.bytes = NULL};
    struct part again = {.bytes = NULL};
    struct session_store *stores[3];
    event_flow_create(&flow, random_u64(&random_numbers), 1, 3, EVENT_FLOW_EMPTY);
    stores[0] = make(SESSION_STORE_BLOCK_EVENTS, UINT64_C(1) << 20);
    for (uint32_t i = 0; i < SESSION_STORE_BLOCK_EVENTS; i++) {
        event_flow_next(&flow, false, &events[i]);
        assert_int_equal(session_store_append(stores[0], &events[i]), STATUS_OK);
    }
    write_part(&plain, stores[0], 1000);
    for (uint32_t count = SESSION_STORE_BLOCK_EVENTS - 1; count <= SESSION_STORE_BLOCK_EVENTS;
         count++) {
        make_odd_part(&odd, events, count);
        assert_true(odd.count > plain.count);
        for (uint32_t i = 1; i < 3; i++) {
            stores[i] = make(i == 1 ? SESSION_STORE_BLOCK_EVENTS : 16, UINT64_C(1) << 20);
            assert_int_equal(read_part(&odd, stores[i], 1000), STATUS_OK);
            write_part(&again, stores[i], 1000);
            if (count == SESSION_STORE_BLOCK_EVENTS) {
                assert_int_equal(check_equal_streams(stores[0], stores[i]), count);
                check_equal_parts(&again, i == 1 ? &odd : &plain);
            }
            assert_int_equal(again.count == odd.count, i == 1 && count % 2 == 0);
            session_store_destroy(stores[i]);
        }
        free(odd.bytes);
    }
    session_store_destroy(stores[0]);
    event_flow_destroy(&flow);
    free(plain.bytes);
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
        cmocka_unit_test_setup_teardown(test_same_events_same_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_same_bytes_under_memory_pressure, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_odd_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_streams, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cut_and_lengthened, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_random_damage, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_nobody_writes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_space, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
