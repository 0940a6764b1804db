#include "matching/command_columns.h"

#include <stdlib.h>
#include <string.h>

#include "matching/base/checksum.h"
#include "matching/base/limits.h"
#include "matching/base/random.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/command_flow.h"

#define GOLDEN_BYTES    1983u
#define GOLDEN_CHECKSUM UINT64_C(0xF540D7DC95B967CC)

static struct command commands[SEGMENT_COMMANDS_MAX];
static struct command unpacked[SEGMENT_COMMANDS_MAX];
static uint8_t packed[SEGMENT_RAW_BYTES_MAX];
static struct command_flow flow;
static struct command_columns_scratch *scratch;

static int setup(void **state)
{
    (void)state;
    scratch = malloc(command_columns_scratch_bytes());
    return scratch == NULL ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    free(scratch);
    return 0;
}

static uint64_t test_seed(void)
{
    const char *text = getenv("SEED");
    uint64_t seed = text != NULL ? strtoull(text, NULL, 0) : 20260101;
    print_message("seed %llu\n", (unsigned long long)seed);
    return seed;
}

/* Pack, unpack, compare; the scratch memory is filled with rubbish before each. Returns the size.
 */
static size_t check_exact(uint32_t count, uint64_t base_timestamp_ns)
{
    size_t bytes = 0;
    memset(scratch, 0xA5, command_columns_scratch_bytes());
    command_columns_pack(packed, command_columns_bound(count), &bytes, commands, count,
                         base_timestamp_ns, scratch);
    memset(scratch, 0x5A, command_columns_scratch_bytes());
    memset(unpacked, 0xFF, count * sizeof unpacked[0]);
    assert_int_equal(command_columns_unpack(unpacked, count, packed, bytes, base_timestamp_ns,
                                            scratch),
                     STATUS_OK);
    assert_memory_equal(unpacked, commands, count * sizeof commands[0]);
    return bytes;
}

static void flow_fill(uint32_t count)
{
    flow.timestamp_ns += 500000;
    for (uint32_t index = 0; index < count; index++) {
        command_flow_next(&flow, &commands[index]);
    }
}

static void flow_start(enum command_flow_ids ids, enum command_flow_sessions order,
                       uint32_t symbols)
{
    const struct command_flow_options options = {
        .seed = 11, .sessions = 1000, .symbols = symbols, .ids = ids, .order = order};
    command_flow_init(&flow, &options);
    for (uint32_t i = 0; i < 30; i++) {
        flow_fill(1000);
    }
}

static void test_flows_are_exact_and_small(void **state)
{
    (void)state;
    static const uint32_t counts[] = {1, 2, 64, 1000, SEGMENT_COMMANDS_MAX};
    /* Bytes an order that are the aim (DESIGN 11), without the segment's header of 208 bytes. */
    static const size_t limits[] = {100, 60, 10 - 4, 8 - 1, 8 - 1};
    for (int ids = COMMAND_FLOW_EMPTY; ids <= COMMAND_FLOW_RANDOM; ids++) {
        for (int order = COMMAND_FLOW_ANY; order <= COMMAND_FLOW_RUNS; order++) {
            flow_start((enum command_flow_ids)ids, (enum command_flow_sessions)order, 1);
            for (uint32_t at = 0; at < sizeof counts / sizeof counts[0]; at++) {
                flow_fill(counts[at]);
                size_t bytes = check_exact(counts[at], commands[0].timestamp_ns);
                /* 14 random letters and digits are 10.4 bytes by themselves. */
                size_t limit = limits[at] + (ids == COMMAND_FLOW_RANDOM ? 11 : 0);
                assert_true(bytes <= counts[at] * limit);
            }
        }
    }
}

static void test_many_symbols_are_exact(void **state)
{
    (void)state;
    flow_start(COMMAND_FLOW_COUNTING, COMMAND_FLOW_ANY, COMMAND_FLOW_SYMBOLS_MAX);
    flow_fill(1000);
    assert_true(check_exact(1000, commands[0].timestamp_ns) < 10 * 1000);
}

/* A batch that does not change any more must not change its bytes: they are the journal's. */
static void test_golden(void **state)
{
    (void)state;
    flow_start(COMMAND_FLOW_COUNTING, COMMAND_FLOW_ANY, 3);
    flow_fill(500);
    commands[7].body.bytes[95] = 1; /* One raw record. */
    commands[9].type = COMMAND_SESSION_LOGON;
    memset(&commands[9].body, 0, sizeof commands[9].body);
    commands[9].body.logon.connection_id = 77;
    commands[11].flags = COMMAND_HAS_DEADLINE;
    size_t bytes = check_exact(500, commands[0].timestamp_ns);
    assert_int_equal(bytes, GOLDEN_BYTES);
    assert_true(checksum_bytes(CHECKSUM_SEED, packed, bytes) == GOLDEN_CHECKSUM);
}

static void random_fill(struct random *random, void *target, size_t bytes)
{
    uint8_t *at = target;
    for (size_t i = 0; i < bytes; i++) {
        at[i] = (uint8_t)random_u64(random);
    }
}

/* Any 128 bytes are a record: nothing is judged, nothing is lost. */
static void test_random_bytes_are_exact(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, test_seed());
    for (uint32_t round = 0; round < 60; round++) {
        uint32_t count = 1 + (uint32_t)random_below(&random, round % 20 == 0 ? 4096 : 70);
        random_fill(&random, commands, count * sizeof commands[0]);
        (void)check_exact(count, random_u64(&random));
    }
}

/* A value that some field will find at the edge of its range. */
static uint64_t random_edge(struct random *random)
{
    static const uint64_t edges[] = {0,
                                     1,
                                     2,
                                     9,
                                     INT32_MAX,
                                     UINT32_MAX,
                                     INT64_MAX,
                                     UINT64_MAX - 1,
                                     UINT64_MAX,
                                     UINT64_C(1) << 63,
                                     UINT64_C(1) << 31};
    uint64_t edge = edges[random_below(random, sizeof edges / sizeof edges[0])];
    return random_below(random, 2) == 0 ? edge : random_u64(random) >> random_below(random, 64);
}

/* Records of every known type with every field at an edge now and then: what each column does with
 * values that are nowhere near what it expects. */
static void record_wild(struct random *random, struct command *command, uint64_t percent)
{
    static const uint8_t types[] = {1, 2, 2, 2, 3, 4, 4, 5, 16, 17, 32, 35, 37, 99};
    if (random_below(random, 3) == 0) {
        command->type = types[random_below(random, sizeof types)];
    }
    uint8_t *bytes = (uint8_t *)command;
    for (uint32_t at = 0; at < 112; at += 8) {
        if (random_below(random, 100) < percent) {
            uint64_t value = random_edge(random);
            /* Fields differ in width: so must the strays. */
            memcpy(bytes + at + random_below(random, 8), &value, 1 + random_below(random, 8));
        }
    }
    command->type = command->type == 0 ? COMMAND_ORDER_ENTER : command->type;
}

static void test_wild_fields_are_exact(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, test_seed());
    flow_start(COMMAND_FLOW_EMPTY, COMMAND_FLOW_RUNS, 2);
    for (uint32_t round = 0; round < 400; round++) {
        uint32_t count = 1 + (uint32_t)random_below(&random, 200);
        flow_fill(count);
        uint64_t percent = round % 8;
        for (uint32_t index = 0; index < count; index++) {
            record_wild(&random, &commands[index], percent * percent);
        }
        (void)check_exact(count, random_edge(&random));
    }
}

static void test_identifiers_of_all_kinds_are_exact(void **state)
{
    (void)state;
    static const char *const ids[] = {
        "              ", "0             ", "9             ", "10            ",
        "ABC-0099      ", "ABC-0100      ", "99999999999999", "00000000000000",
        "9999999999999 ", "10000000000000", "A             ", "A1            ",
        "a b c 9       ", "4294967295    ", "X4294967295   ", "\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
        "            12", " 1            ", "zzzzzzzzzzzzzz",
    };
    const uint32_t ids_count = sizeof ids / sizeof ids[0];
    struct random random;
    random_seed(&random, test_seed());
    flow_start(COMMAND_FLOW_EMPTY, COMMAND_FLOW_RUNS, 1);
    for (uint32_t round = 0; round < 200; round++) {
        flow_fill(100);
        for (uint32_t index = 0; index < 100; index++) {
            if (commands[index].type == COMMAND_ORDER_ENTER) {
                memcpy(commands[index].body.order.client_order_id,
                       ids[random_below(&random, ids_count)], CLIENT_ORDER_ID_BYTES);
                commands[index].body.order.user_reference =
                    (uint32_t)random_edge(&random) + (uint32_t)random_below(&random, 12);
            }
        }
        (void)check_exact(100, commands[0].timestamp_ns);
    }
}

static void test_every_template_its_own_is_exact_and_bounded(void **state)
{
    (void)state;
    flow_start(COMMAND_FLOW_EMPTY, COMMAND_FLOW_ANY, 1);
    flow_fill(SEGMENT_COMMANDS_MAX);
    for (uint32_t index = 0; index < SEGMENT_COMMANDS_MAX; index++) {
        commands[index].flags = (uint8_t)index;
        commands[index].site_id = (uint8_t)(index >> 8);
    }
    size_t bytes = check_exact(SEGMENT_COMMANDS_MAX, commands[0].timestamp_ns);
    assert_true(bytes < 16 * SEGMENT_COMMANDS_MAX);
}

static void test_truncated_and_extended_are_refused(void **state)
{
    (void)state;
    flow_start(COMMAND_FLOW_RANDOM, COMMAND_FLOW_ANY, 2);
    flow_fill(40);
    commands[3].type = 200; /* With a raw record at the end. */
    for (uint32_t raw = 0; raw < 2; raw++) {
        size_t bytes = check_exact(40, commands[0].timestamp_ns);
        for (size_t size = 0; size < bytes; size++) {
            /* In memory of exactly that size, so that the sanitizer sees a read behind it. */
            uint8_t *copy = malloc(size + 1);
            assert_non_null(copy);
            memcpy(copy, packed, size);
            assert_int_equal(command_columns_unpack(unpacked, 40, copy, size,
                                                    commands[0].timestamp_ns, scratch),
                             STATUS_BAD_FORMAT);
            free(copy);
        }
        packed[bytes] = 0;
        assert_int_equal(command_columns_unpack(unpacked, 40, packed, bytes + 1,
                                                commands[0].timestamp_ns, scratch),
                         STATUS_BAD_FORMAT);
        assert_int_equal(command_columns_unpack(unpacked, 41, packed, bytes,
                                                commands[0].timestamp_ns, scratch),
                         STATUS_BAD_FORMAT);
        assert_int_equal(command_columns_unpack(unpacked, 39, packed, bytes,
                                                commands[0].timestamp_ns, scratch),
                         STATUS_BAD_FORMAT);
        flow_fill(40);
    }
}

/* Damage is the checksum's to find, but whatever is unpacked here must stay in bounds. */
static void test_damaged_bytes_stay_in_bounds(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, test_seed());
    flow_start(COMMAND_FLOW_COUNTING, COMMAND_FLOW_ANY, 3);
    uint32_t refused = 0;
    for (uint32_t round = 0; round < 3000; round++) {
        uint32_t count = 1 + (uint32_t)random_below(&random, 100);
        flow_fill(count);
        size_t bytes = check_exact(count, commands[0].timestamp_ns);
        for (uint64_t flips = 1 + random_below(&random, 4); flips > 0; flips--) {
            packed[random_below(&random, bytes)] ^= (uint8_t)(1u << random_below(&random, 8));
        }
        enum status status = command_columns_unpack(unpacked, count, packed, bytes,
                                                    commands[0].timestamp_ns, scratch);
        assert_true(status == STATUS_OK || status == STATUS_BAD_FORMAT);
        refused += status == STATUS_BAD_FORMAT ? 1 : 0;
    }
    assert_true(refused > 0);
}

static void test_unknown_forms_are_refused(void **state)
{
    (void)state;
    static const uint8_t empty[300];
    assert_int_equal(command_columns_unpack(unpacked, 1, empty, 0, 0, scratch), STATUS_BAD_FORMAT);
    assert_int_equal(command_columns_unpack(unpacked, 1, empty, 128, 0, scratch),
                     STATUS_BAD_FORMAT);
    assert_int_equal(command_columns_unpack(unpacked, 1, empty, 130, 0, scratch),
                     STATUS_BAD_FORMAT);
    assert_int_equal(command_columns_unpack(unpacked, 1, empty, 129, 0, scratch), STATUS_OK);
    memset(packed, 2, 129);
    assert_int_equal(command_columns_unpack(unpacked, 1, packed, 129, 0, scratch),
                     STATUS_BAD_FORMAT);
}

/* The smallest batch by hand, and what must not stand in its header. */
static void test_bad_headers_are_refused(void **state)
{
    (void)state;
    static const uint8_t tick[] = {1, 0, 0, 0, 0, 1, 0, 0, 0, 1, 1, 0, COMMAND_TICK};
    assert_int_equal(command_columns_unpack(unpacked, 1, tick, sizeof tick, 5, scratch), STATUS_OK);
    const struct command expected = {.timestamp_ns = 5, .type = COMMAND_TICK};
    assert_memory_equal(unpacked, &expected, sizeof expected);
    static const struct {
        uint32_t at;
        uint8_t value;
    } bad[] = {{1, 2}, {5, 0}, {6, 1}, {6, 0x80}, {7, 1}, {9, 0}, {9, 2}, {12, COMMAND_FIRM_SET}};
    for (uint32_t at = 0; at < sizeof bad / sizeof bad[0]; at++) {
        memcpy(packed, tick, sizeof tick);
        packed[bad[at].at] = bad[at].value;
        assert_int_equal(command_columns_unpack(unpacked, 1, packed, sizeof tick, 5, scratch),
                         STATUS_BAD_FORMAT);
    }
    /* Number of raw records: 2^32, which must not pass for none. */
    static const uint8_t many[] = {1,    0,    0, 0, 0, 1, 0x80, 0x80,        0x80,
                                   0x80, 0x10, 0, 0, 1, 1, 0,    COMMAND_TICK};
    assert_int_equal(command_columns_unpack(unpacked, 1, many, sizeof many, 5, scratch),
                     STATUS_BAD_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flows_are_exact_and_small),
        cmocka_unit_test(test_many_symbols_are_exact),
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_random_bytes_are_exact),
        cmocka_unit_test(test_wild_fields_are_exact),
        cmocka_unit_test(test_identifiers_of_all_kinds_are_exact),
        cmocka_unit_test(test_every_template_its_own_is_exact_and_bounded),
        cmocka_unit_test(test_truncated_and_extended_are_refused),
        cmocka_unit_test(test_damaged_bytes_stay_in_bounds),
        cmocka_unit_test(test_unknown_forms_are_refused),
        cmocka_unit_test(test_bad_headers_are_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
