/* The queueing model of emulated lines, with injected time. */
#include "tools/wan_model.h"

#include <string.h>

#include "matching/base/random.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/test_seed.h"

#define MS UINT64_C(1000000)
#define S  UINT64_C(1000000000)

static struct wan_model *model_of(uint32_t nodes, uint64_t seed)
{
    struct wan_model *model;
    assert_int_equal(wan_model_create(&model, nodes, seed), STATUS_OK);
    return model;
}

static void put(struct wan_model *model, uint32_t from, uint32_t to, uint32_t number,
                uint32_t bytes, uint64_t now_ns)
{
    uint8_t data[WAN_MODEL_PACKET_BYTES_MAX] = {0};
    memcpy(data, &number, sizeof number);
    wan_model_put(model, from, to, data, bytes, false, now_ns);
}

/* Takes the next packet due by then; its number, or UINT32_MAX. */
static uint32_t take(struct wan_model *model, uint64_t now_ns, struct wan_model_packet *packet)
{
    uint32_t number = UINT32_MAX;
    if (wan_model_take(model, now_ns, packet)) {
        assert_true(packet->due_ns <= now_ns);
        assert_true(packet->bytes >= sizeof number);
        memcpy(&number, packet->data, sizeof number);
    }
    return number;
}

static void delay(void **state)
{
    (void)state;
    struct wan_model *model = model_of(3, 1);
    struct wan_model_packet packet;
    struct wan_line line = {.delay_ns = 40 * MS};
    wan_model_line_set(model, 0, 1, &line);
    assert_int_equal(wan_model_due_ns(model), UINT64_MAX);
    put(model, 0, 1, 7, 100, 5 * MS);
    put(model, 1, 0, 8, 100, 6 * MS); /* The other way is another line. */
    assert_int_equal(wan_model_due_ns(model), 6 * MS);
    assert_int_equal(take(model, 45 * MS - 1, &packet), 8);
    assert_int_equal(take(model, 45 * MS - 1, &packet), UINT32_MAX);
    assert_int_equal(take(model, 45 * MS, &packet), 7);
    assert_int_equal(packet.from, 0);
    assert_int_equal(packet.to, 1);
    assert_int_equal(packet.bytes, 100);
    assert_int_equal(packet.put_ns, 5 * MS);
    assert_int_equal(wan_model_counts(model, 0, 1).delivered, 1);
    assert_int_equal(wan_model_counts(model, 0, 1).delivered_bytes, 100);
    wan_model_destroy(model);
}

/* However the delay varies and changes, order is kept and nothing comes early. */
static void jitter_keeps_order(void **state)
{
    (void)state;
    struct random random;
    test_seed(&random);
    struct wan_model *model = model_of(2, random_u64(&random));
    struct wan_line line = {.delay_ns = 10 * MS, .jitter_ns = 30 * MS};
    struct wan_model_packet packet;
    uint64_t now_ns = 0;
    uint32_t expected = 0;
    bool late = false;
    for (uint32_t i = 0; i < 2000; i++) {
        line.delay_ns = (5 + random_below(&random, 20)) * MS;
        wan_model_line_set(model, 0, 1, &line);
        now_ns += random_below(&random, 2 * MS);
        put(model, 0, 1, i, 64, now_ns);
        uint32_t number;
        while ((number = take(model, now_ns, &packet)) != UINT32_MAX) {
            assert_int_equal(number, expected++);
            assert_true(packet.due_ns >= packet.put_ns + 5 * MS);
            late = late || packet.due_ns > packet.put_ns + 26 * MS;
        }
    }
    while (take(model, UINT64_MAX, &packet) != UINT32_MAX) {
        expected++;
    }
    assert_int_equal(expected, 2000);
    assert_true(late);
    wan_model_destroy(model);
}

static void loss_is_counted(void **state)
{
    (void)state;
    struct random random;
    test_seed(&random);
    struct wan_model *model = model_of(2, random_u64(&random));
    struct wan_model_packet packet;
    struct wan_line line = {.loss_ppm = 250000};
    wan_model_line_set(model, 0, 1, &line);
    uint32_t arrived = 0;
    for (uint32_t i = 0; i < 20000; i++) {
        put(model, 0, 1, i, 64, i);
        arrived += take(model, i, &packet) != UINT32_MAX;
    }
    struct wan_model_counts counts = wan_model_counts(model, 0, 1);
    assert_int_equal(counts.delivered, arrived);
    assert_int_equal(counts.delivered + counts.lost, 20000);
    assert_in_range(counts.lost, 4600, 5400); /* 5,000 +- 6.5 standard deviations. */
    line.loss_ppm = WAN_LINE_PPM;
    wan_model_line_set(model, 0, 1, &line);
    put(model, 0, 1, 0, 64, 30000);
    assert_int_equal(take(model, UINT64_MAX, &packet), UINT32_MAX);
    wan_model_destroy(model);
}

static void rate(void **state)
{
    (void)state;
    struct wan_model *model = model_of(2, 1);
    struct wan_model_packet packet;
    struct wan_line line = {.delay_ns = MS, .rate_bytes = 100000, .queue_bytes = 5000};
    wan_model_line_set(model, 0, 1, &line);
    /* A packet of 1,000 bytes takes 10 ms; five wait at most, the one going out included. */
    for (uint32_t i = 0; i < 8; i++) {
        put(model, 0, 1, i, 1000, 0);
    }
    assert_int_equal(wan_model_counts(model, 0, 1).overflow, 3);
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(wan_model_due_ns(model), MS + (i + 1) * 10 * MS);
        assert_int_equal(take(model, UINT64_MAX, &packet), i);
    }
    put(model, 0, 1, 9, 1000, 25 * MS); /* Behind what is still going out. */
    assert_int_equal(wan_model_due_ns(model), 61 * MS);
    line.rate_bytes = 0;
    wan_model_line_set(model, 0, 1, &line);
    put(model, 0, 1, 10, 1000, 26 * MS); /* No rate any more, but never before the one ahead. */
    assert_int_equal(take(model, UINT64_MAX, &packet), 9);
    assert_int_equal(take(model, UINT64_MAX, &packet), 10);
    assert_int_equal(packet.due_ns, 61 * MS);
    wan_model_destroy(model);
}

static void reorder(void **state)
{
    (void)state;
    struct wan_model *model = model_of(2, 1);
    struct wan_model_packet packet;
    struct wan_line line = {.delay_ns = MS, .reorder_ppm = WAN_LINE_PPM};
    wan_model_line_set(model, 0, 1, &line);
    put(model, 0, 1, 1, 64, 0);
    line.reorder_ppm = 0;
    wan_model_line_set(model, 0, 1, &line);
    put(model, 0, 1, 2, 64, 1);
    assert_int_equal(take(model, UINT64_MAX, &packet), 2);
    assert_int_equal(take(model, UINT64_MAX, &packet), 1);
    assert_int_equal(packet.due_ns, MS + WAN_LINE_REORDER_NS);
    assert_int_equal(wan_model_counts(model, 0, 1).reordered, 1);
    wan_model_destroy(model);
}

static void cut(void **state)
{
    (void)state;
    struct wan_model *model = model_of(2, 1);
    struct wan_model_packet packet;
    struct wan_line line = {.delay_ns = 10 * MS};
    wan_model_line_set(model, 0, 1, &line);
    wan_model_line_set(model, 1, 0, &line);
    put(model, 0, 1, 1, 64, 0); /* Under way when the line is cut. */
    line.cut = true;
    wan_model_line_set(model, 0, 1, &line);
    put(model, 0, 1, 2, 64, MS);
    put(model, 1, 0, 3, 64, MS);
    assert_int_equal(take(model, S, &packet), 3); /* One way only. */
    assert_int_equal(take(model, S, &packet), UINT32_MAX);
    assert_int_equal(wan_model_counts(model, 0, 1).cut, 2);
    line.cut = false;
    wan_model_line_set(model, 0, 1, &line);
    put(model, 0, 1, 4, 64, S);
    assert_int_equal(take(model, 2 * S, &packet), 4);
    wan_model_destroy(model);
}

static void connects_lost(void **state)
{
    (void)state;
    struct wan_model *model = model_of(2, 1);
    struct wan_model_packet packet;
    struct wan_line line = {.connects_lost = true};
    const uint8_t data[4] = {1, 0, 0, 0};
    wan_model_line_set(model, 0, 1, &line);
    wan_model_put(model, 0, 1, data, sizeof data, true, 0);
    assert_int_equal(take(model, S, &packet), UINT32_MAX);
    wan_model_put(model, 0, 1, data, sizeof data, false, 0);
    assert_int_equal(take(model, S, &packet), 1);
    assert_int_equal(wan_model_counts(model, 0, 1).refused, 1);
    wan_model_destroy(model);
}

/* Full: dropped and counted, and all that was taken in comes out again. */
static void bounded(void **state)
{
    (void)state;
    struct wan_model *model = model_of(2, 1);
    struct wan_model_packet packet;
    struct wan_line line = {.delay_ns = S};
    wan_model_line_set(model, 0, 1, &line);
    for (uint32_t round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < WAN_MODEL_PACKETS_MAX + 5; i++) {
            put(model, 0, 1, i, WAN_MODEL_PACKET_BYTES_MAX, round * 2 * S);
        }
        assert_int_equal(wan_model_counts(model, 0, 1).overflow, 5 * (round + 1));
        for (uint32_t i = 0; i < WAN_MODEL_PACKETS_MAX; i++) {
            assert_int_equal(take(model, UINT64_MAX, &packet), i);
            assert_int_equal(packet.bytes, WAN_MODEL_PACKET_BYTES_MAX);
        }
    }
    wan_model_destroy(model);
}

/* A hash of everything that comes out of a line under this seed, with `others` as company. */
static uint64_t fate(uint64_t seed, uint32_t others)
{
    struct wan_model *model = model_of(3, seed);
    struct wan_model_packet packet;
    struct wan_line line = {
        .delay_ns = 3 * MS, .jitter_ns = 9 * MS, .loss_ppm = 100000, .reorder_ppm = 50000};
    wan_model_line_set(model, 0, 1, &line);
    wan_model_line_set(model, 2, 1, &line);
    uint64_t hash = 0;
    for (uint32_t i = 0; i < 1000; i++) {
        put(model, 0, 1, i, 64, i * MS);
        for (uint32_t other = 0; other < others; other++) {
            put(model, 2, 1, i, 64, i * MS);
        }
        uint32_t number;
        while ((number = take(model, i * MS, &packet)) != UINT32_MAX) {
            if (packet.from == 0) {
                hash = (hash ^ number ^ packet.due_ns) * UINT64_C(0x100000001B3);
            }
        }
    }
    wan_model_destroy(model);
    return hash;
}

static void same_seed_same_fate(void **state)
{
    (void)state;
    struct random random;
    test_seed(&random);
    uint64_t seed = random_u64(&random);
    assert_true(fate(seed, 0) == fate(seed, 0));
    assert_true(fate(seed, 0) == fate(seed, 3));
    assert_true(fate(seed, 0) != fate(seed + 1, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(delay),
                                       cmocka_unit_test(jitter_keeps_order),
                                       cmocka_unit_test(loss_is_counted),
                                       cmocka_unit_test(rate),
                                       cmocka_unit_test(reorder),
                                       cmocka_unit_test(cut),
                                       cmocka_unit_test(connects_lost),
                                       cmocka_unit_test(bounded),
                                       cmocka_unit_test(same_seed_same_fate)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
