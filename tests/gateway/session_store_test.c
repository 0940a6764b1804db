#include "gateway/session_store.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/block_file.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/event_flow.h"
#include "tests/support/test_paths.h"

struct fixture {
    char directory[TEST_PATH_BYTES];
    char path[TEST_PATH_BYTES + 16];
    struct session_store *store;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    test_paths_make(fixture->directory, "session-store");
    (void)snprintf(fixture->path, sizeof fixture->path, "%s/streams", fixture->directory);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    session_store_destroy(fixture->store);
    test_paths_remove(fixture->directory);
    free(fixture);
    return 0;
}

static uint64_t seed(void)
{
    const char *text = getenv("SEED");
    uint64_t value = text != NULL ? strtoull(text, NULL, 0) : 20260102;
    print_message("SEED=%llu\n", (unsigned long long)value);
    return value;
}

static void make(struct fixture *fixture, uint32_t sessions, uint32_t block_events,
                 uint64_t file_bytes_max)
{
    struct session_store_options options = {.path = fixture->path,
                                            .sessions_max = sessions,
                                            .block_events = block_events,
                                            .file_bytes_max = file_bytes_max};
    assert_int_equal(session_store_create(&fixture->store, &options), STATUS_OK);
}

/* The plain model: all events of a generation in one array. */
struct model_stream {
    struct event *events;
    uint64_t count;
    uint64_t room;
};
struct model {
    uint32_t sessions;
    uint32_t *generations;             /* By session id. */
    struct model_stream (*streams)[2]; /* By session id, then generation modulo 2. */
};

static void model_create(struct model *model, uint32_t sessions)
{
    model->sessions = sessions;
    model->generations = calloc((size_t)sessions + 1, sizeof *model->generations);
    model->streams = calloc((size_t)sessions + 1, sizeof *model->streams);
    assert_non_null(model->generations);
    assert_non_null(model->streams);
}

static void model_destroy(struct model *model)
{
    for (uint32_t id = 0; id <= model->sessions; id++) {
        free(model->streams[id][0].events);
        free(model->streams[id][1].events);
    }
    free(model->streams);
    free(model->generations);
}

static void model_append(struct model *model, const struct event *event)
{
    uint32_t id = event->session_id;
    if (event->type == EVENT_SYSTEM) {
        model->generations[id]++;
        model->streams[id][model->generations[id] % 2].count = 0;
    }
    struct model_stream *stream = &model->streams[id][model->generations[id] % 2];
    if (stream->count == stream->room) {
        stream->room = stream->room == 0 ? 64 : 2 * stream->room;
        stream->events = realloc(stream->events, stream->room * sizeof *stream->events);
        assert_non_null(stream->events);
    }
    stream->events[stream->count++] = *event;
}

/* Reads up to 64 events from `sequence` on and compares; returns how many there were. */
static uint32_t check_read(struct session_store *store, const struct model *model, uint32_t id,
                           uint32_t generation, uint64_t sequence, uint32_t events_max)
{
    static struct event events[64];
    const struct model_stream *stream = &model->streams[id][generation % 2];
    uint64_t expected = sequence > stream->count ? 0 : stream->count + 1 - sequence;
    expected = expected < events_max ? expected : events_max;
    uint32_t count = 99;
    assert_int_equal(
        session_store_read(store, id, generation, sequence, events, events_max, &count), STATUS_OK);
    assert_int_equal(count, expected);
    if (count > 0) {
        assert_memory_equal(events, &stream->events[sequence - 1], count * sizeof events[0]);
    }
    return count;
}

static void check_all(struct session_store *store, const struct model *model)
{
    for (uint32_t id = 1; id <= model->sessions; id++) {
        uint32_t newest = model->generations[id];
        uint32_t oldest = newest > 1 ? newest - 1 : newest;
        for (uint32_t generation = oldest; generation > 0 && generation <= newest; generation++) {
            uint64_t sequence = 1;
            uint32_t count = 1;
            while (count > 0) {
                count = check_read(store, model, id, generation, sequence, 64);
                sequence += count;
            }
            assert_int_equal(sequence, model->streams[id][generation % 2].count + 1);
        }
    }
}

static void check_random(struct fixture *fixture, struct random *random, uint32_t sessions,
                         uint32_t block_events, uint32_t events)
{
    make(fixture, sessions, block_events, UINT64_C(1) << 32);
    struct model model;
    struct event_flow flow;
    model_create(&model, sessions);
    event_flow_create(&flow, random_u64(random), sessions, 20, EVENT_FLOW_COUNTING);
    for (uint32_t index = 0; index < events; index++) {
        struct event event;
        event_flow_next(&flow, true, &event);
        assert_int_equal(session_store_append(fixture->store, &event), STATUS_OK);
        model_append(&model, &event);
        assert_int_equal(session_store_next(fixture->store, event.session_id), event.sequence + 1);
        uint32_t id = 1 + (uint32_t)random_below(random, sessions);
        uint32_t generation = model.generations[id];
        if (generation == 0 || index % 4 != 0) {
            continue;
        }
        generation -= generation > 1 && random_below(random, 4) == 0 ? 1 : 0;
        uint64_t length = model.streams[id][generation % 2].count;
        uint64_t back = random_below(random, 2) == 0 ? 5 : length + 3;
        back = back < length + 3 ? back : length + 3;
        uint64_t sequence = length + 3 - random_below(random, back);
        (void)check_read(fixture->store, &model, id, generation, sequence < 1 ? 1 : sequence,
                         1 + (uint32_t)random_below(random, 64));
    }
    check_all(fixture->store, &model);
    struct session_store_usage usage;
    session_store_usage(fixture->store, &usage);
    assert_int_equal(usage.events, events);
    event_flow_destroy(&flow);
    model_destroy(&model);
    session_store_destroy(fixture->store);
    fixture->store = NULL;
}

static void test_equals_a_plain_model(void **state)
{
    struct fixture *fixture = *state;
    struct random random;
    random_seed(&random, seed());
    check_random(fixture, &random, 1, 16, 40000);
    check_random(fixture, &random, 37, 16, 60000);
    check_random(fixture, &random, 37, 64, 60000);
    check_random(fixture, &random, 1000, 256, 60000);
    check_random(fixture, &random, 3, 1024, 60000);
}

/* More than fits into the pool: blocks are sealed early, and nothing is lost. */
static void test_equals_a_plain_model_under_memory_pressure(void **state)
{
    struct fixture *fixture = *state;
    struct random random;
    random_seed(&random, seed());
    check_random(fixture, &random, 600, 1024, 430000);
}

static void fill(struct fixture *fixture, uint32_t session_id, uint64_t first, uint64_t last)
{
    struct event event = {.session_id = session_id, .timestamp_ns = 1000};
    for (uint64_t sequence = first; sequence <= last; sequence++) {
        event.type = sequence == 1 ? EVENT_SYSTEM : EVENT_ACCOUNT;
        event.reason = sequence == 1 ? SYSTEM_START : 0;
        event.sequence = sequence;
        event.timestamp_ns += sequence * UINT64_C(7919) % 100000;
        event.user_reference = (uint32_t)sequence;
        assert_int_equal(session_store_append(fixture->store, &event), STATUS_OK);
    }
}

/* Blocks that were sealed early do not shift those behind them: of session 1 in the file, in pairs
 * of first sequence and events. */
static void test_blocks_end_at_multiples(void **state)
{
    struct fixture *fixture = *state;
    static const uint64_t expected[][2] = {{1, 1001}, {1002, 23}, {1025, 1024}, {2049, 1024}};
    make(fixture, 394, 1024, UINT64_C(1) << 30);
    /* More than the 393,216 events that open blocks may have: it begins with the longest one. */
    fill(fixture, 1, 1, 1001);
    for (uint32_t id = 2; id <= 394; id++) {
        fill(fixture, id, 1, 1000);
    }
    fill(fixture, 1, 1002, 3500);
    int file = open(fixture->path, O_RDONLY | O_CLOEXEC);
    assert_true(file >= 0);
    uint32_t found = 0;
    struct block_header header;
    off_t offset = 64;
    while (pread(file, &header, sizeof header, offset) == (ssize_t)sizeof header) {
        offset += (off_t)(sizeof header + header.stored_bytes);
        if (header.session_id == 1) {
            assert_true(found < 4);
            assert_int_equal(header.first_sequence, expected[found][0]);
            assert_int_equal(header.event_count, expected[found][1]);
            found++;
        }
    }
    assert_int_equal(found, 4);
    assert_int_equal(close(file), 0);
    struct event events[4];
    uint32_t count = 0;
    for (uint64_t sequence = 999; sequence < 3497; sequence += 1 + sequence % 40) {
        assert_int_equal(session_store_read(fixture->store, 1, 1, sequence, events, 4, &count),
                         STATUS_OK);
        assert_int_equal(count, 4);
        assert_int_equal(events[0].sequence, sequence);
        assert_int_equal(events[3].user_reference, sequence + 3);
    }
}

static void test_generations(void **state)
{
    struct fixture *fixture = *state;
    make(fixture, 3, 16, 1 << 20);
    struct event events[8];
    uint32_t count = 9;
    assert_int_equal(session_store_next(fixture->store, 2), 1);
    assert_int_equal(session_store_read(fixture->store, 2, 1, 1, events, 8, &count), STATUS_OK);
    assert_int_equal(count, 0);
    fill(fixture, 2, 1, 40);
    assert_int_equal(session_store_next(fixture->store, 2), 41);
    fill(fixture, 2, 1, 3);
    assert_int_equal(session_store_next(fixture->store, 2), 4);
    /* The generation before: whole. */
    assert_int_equal(session_store_read(fixture->store, 2, 1, 39, events, 8, &count), STATUS_OK);
    assert_int_equal(count, 2);
    assert_int_equal(events[1].user_reference, 40);
    assert_int_equal(session_store_read(fixture->store, 2, 1, 41, events, 8, &count), STATUS_OK);
    assert_int_equal(count, 0);
    assert_int_equal(session_store_read(fixture->store, 2, 2, 1, events, 8, &count), STATUS_OK);
    assert_int_equal(count, 3);
    /* One that is still to come. */
    assert_int_equal(session_store_read(fixture->store, 2, 3, 1, events, 8, &count), STATUS_OK);
    assert_int_equal(count, 0);
    fill(fixture, 2, 1, 1);
    assert_int_equal(session_store_read(fixture->store, 2, 1, 1, events, 8, &count),
                     STATUS_NOT_FOUND);
    assert_int_equal(session_store_read(fixture->store, 2, 2, 3, events, 8, &count), STATUS_OK);
    assert_int_equal(count, 1);
    assert_int_equal(session_store_read(fixture->store, 2, 3, 1, events, 8, &count), STATUS_OK);
    assert_int_equal(count, 1);
    /* The neighbours know nothing of it. */
    assert_int_equal(session_store_next(fixture->store, 1), 1);
    assert_int_equal(session_store_next(fixture->store, 3), 1);
}

/* Blocks that are not in memory any more: any byte of theirs that changes is found. */
static void test_any_damaged_byte_is_found(void **state)
{
    struct fixture *fixture = *state;
    make(fixture, 1, 16, 1 << 20);
    fill(fixture, 1, 1, 16 * 30);
    int file = open(fixture->path, O_RDWR | O_CLOEXEC);
    assert_true(file >= 0);
    off_t offset = 64;
    uint64_t bytes_checked = 0;
    for (uint32_t block = 0; block < 12; block++) {
        struct block_header header;
        assert_int_equal(pread(file, &header, sizeof header, offset), sizeof header);
        assert_int_equal(header.first_sequence, 1 + block * 16);
        off_t end = offset + (off_t)(sizeof header + header.stored_bytes);
        for (; offset < end; offset++) {
            uint8_t byte = 0;
            assert_int_equal(pread(file, &byte, 1, offset), 1);
            uint8_t wrong = byte ^ (uint8_t)(1u << (offset & 7));
            assert_int_equal(pwrite(file, &wrong, 1, offset), 1);
            struct event event;
            uint32_t count = 0;
            assert_int_equal(session_store_read(fixture->store, 1, 1, header.first_sequence + 3,
                                                &event, 1, &count),
                             STATUS_DAMAGED);
            assert_int_equal(count, 0);
            assert_int_equal(pwrite(file, &byte, 1, offset), 1);
            bytes_checked++;
        }
    }
    assert_true(bytes_checked > 12 * sizeof(struct block_header));
    struct event events[16];
    uint32_t count = 0;
    assert_int_equal(session_store_read(fixture->store, 1, 1, 1, events, 16, &count), STATUS_OK);
    assert_int_equal(count, 16);
    assert_int_equal(close(file), 0);
}

static void test_a_full_file_is_final(void **state)
{
    struct fixture *fixture = *state;
    make(fixture, 2, 16, 4096);
    struct event event = {.type = EVENT_SYSTEM, .reason = SYSTEM_START, .session_id = 1};
    enum status status = STATUS_OK;
    uint64_t appended = 0;
    while (status == STATUS_OK && appended < 100000) {
        event.sequence++;
        event.timestamp_ns += event.sequence * UINT64_C(0x9E3779B97F4A7C15);
        status = session_store_append(fixture->store, &event);
        event.type = EVENT_ACCOUNT;
        event.reason = 0;
        appended += status == STATUS_OK ? 1 : 0;
    }
    assert_int_equal(status, STATUS_NO_SPACE);
    assert_true(appended > 64);
    assert_int_equal(session_store_append(fixture->store, &event), STATUS_NO_SPACE);
    /* Also for a session that needs no room in the file yet. */
    struct event other = {
        .type = EVENT_SYSTEM, .reason = SYSTEM_START, .session_id = 2, .sequence = 1};
    assert_int_equal(session_store_append(fixture->store, &other), STATUS_NO_SPACE);
    assert_int_equal(session_store_next(fixture->store, 2), 1);
    /* What was appended can still be read; nothing else appears. */
    struct event last[2];
    uint32_t count = 0;
    assert_int_equal(session_store_next(fixture->store, 1), appended + 1);
    assert_int_equal(session_store_read(fixture->store, 1, 1, appended, last, 2, &count),
                     STATUS_OK);
    assert_int_equal(count, 1);
    assert_int_equal(session_store_read(fixture->store, 1, 1, 1, last, 2, &count), STATUS_OK);
    assert_int_equal(count, 2);
    struct session_store_usage usage;
    session_store_usage(fixture->store, &usage);
    assert_in_range(usage.file_bytes, 64, 4096);
}

static void test_options_are_checked(void **state)
{
    struct fixture *fixture = *state;
    struct session_store_options good = {
        .path = fixture->path, .sessions_max = 10, .block_events = 64, .file_bytes_max = 1 << 20};
    struct session_store_options bad = good;
    bad.sessions_max = 0;
    assert_int_equal(session_store_create(&fixture->store, &bad), STATUS_BAD_ARGUMENT);
    bad.sessions_max = 16385;
    assert_int_equal(session_store_create(&fixture->store, &bad), STATUS_BAD_ARGUMENT);
    bad = good;
    bad.block_events = 8;
    assert_int_equal(session_store_create(&fixture->store, &bad), STATUS_BAD_ARGUMENT);
    bad.block_events = 2048;
    assert_int_equal(session_store_create(&fixture->store, &bad), STATUS_BAD_ARGUMENT);
    bad.block_events = 65;
    assert_int_equal(session_store_create(&fixture->store, &bad), STATUS_BAD_ARGUMENT);
    bad = good;
    bad.path = "/nowhere/at/all";
    assert_int_equal(session_store_create(&fixture->store, &bad), STATUS_NOT_FOUND);
    assert_int_equal(access(fixture->path, F_OK), -1);
    assert_null(fixture->store);
    assert_int_equal(session_store_create(&fixture->store, &good), STATUS_OK);
}

/* DESIGN.md 11: at most 30 bytes an order for the streams. */
static void test_bytes_per_order(void **state)
{
    struct fixture *fixture = *state;
    make(fixture, 100, 256, UINT64_C(1) << 32);
    struct event_flow flow;
    event_flow_create(&flow, seed(), 100, 100, EVENT_FLOW_EMPTY);
    for (uint32_t index = 0; index < 600000; index++) {
        struct event event;
        event_flow_next(&flow, false, &event);
        assert_int_equal(session_store_append(fixture->store, &event), STATUS_OK);
    }
    struct session_store_usage usage;
    session_store_usage(fixture->store, &usage);
    double bytes = (double)usage.file_bytes / (double)flow.orders;
    print_message("%.1f bytes an order, %.2f events an order\n", bytes,
                  (double)usage.events / (double)flow.orders);
    event_flow_destroy(&flow);
    assert_true(bytes > 5.0);
    assert_true(bytes <= 30.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_equals_a_plain_model, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_equals_a_plain_model_under_memory_pressure, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_blocks_end_at_multiples, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_generations, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_any_damaged_byte_is_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_full_file_is_final, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_options_are_checked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bytes_per_order, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
