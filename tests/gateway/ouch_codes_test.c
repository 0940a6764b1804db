#include "gateway/ouch_codes.h"

#include <string.h>

#include "matching/event.h"
#include "tests/support/cmocka_all.h"

/* Each code and its value, and that no other byte is one. */
static void check_bytes(uint8_t (*to_wire)(uint8_t), uint8_t (*from_wire)(uint8_t),
                        const char *codes)
{
    unsigned valid = 0;
    for (uint8_t value = 1; codes[value - 1] != '\0'; value++) {
        assert_int_equal(to_wire(value), codes[value - 1]);
        assert_int_equal(from_wire((uint8_t)codes[value - 1]), value);
    }
    for (unsigned byte = 0; byte < 256; byte++) {
        valid += from_wire((uint8_t)byte) != 0;
    }
    assert_int_equal(valid, strlen(codes));
}

static void test_bytes(void **state)
{
    (void)state;
    check_bytes(ouch_codes_side_to_wire, ouch_codes_side_from_wire, "BSTE");
    check_bytes(ouch_codes_cancel_to_wire, ouch_codes_cancel_from_wire, "UIESZ");
    check_bytes(ouch_codes_liquidity_to_wire, ouch_codes_liquidity_from_wire, "AR");
}

static void test_times_in_force(void **state)
{
    (void)state;
    const struct {
        uint8_t time_in_force;
        uint8_t byte;
        uint8_t option;
    } times[] = {{TIF_DAY, '0', 0}, {TIF_GTC, '0', 'G'}, {TIF_IOC, '3', 0}, {TIF_FOK, '3', 'F'}};
    for (size_t i = 0; i < 4; i++) {
        struct ouch_tags tags = {0};
        assert_int_equal(ouch_codes_time_to_wire(times[i].time_in_force, &tags), times[i].byte);
        assert_int_equal(tags.time_in_force, times[i].option);
        assert_int_equal(tags.present, times[i].option != 0 ? OUCH_HAS_TIME_IN_FORCE : 0);
        assert_int_equal(ouch_codes_time_from_wire(times[i].byte, &tags), times[i].time_in_force);
    }
    /* All pairs of bytes: four mean something. */
    unsigned valid = 0;
    for (unsigned pair = 0; pair < 65536; pair++) {
        struct ouch_tags tags = {.present = pair < 256 ? 0 : OUCH_HAS_TIME_IN_FORCE,
                                 .time_in_force = (uint8_t)(pair >> 8)};
        valid += ouch_codes_time_from_wire((uint8_t)pair, &tags) != 0;
    }
    assert_int_equal(valid, 4);
}

static void test_kinds(void **state)
{
    (void)state;
    struct ouch_tags tags = {0};
    ouch_codes_kind_to_wire(ORDER_LIMIT, &tags);
    assert_int_equal(tags.present, 0);
    assert_int_equal(ouch_codes_kind_from_wire(&tags), ORDER_LIMIT);
    ouch_codes_kind_to_wire(ORDER_MARKET, &tags);
    assert_int_equal(tags.present, OUCH_HAS_ORDER_KIND);
    assert_int_equal(tags.order_kind, 'M');
    assert_int_equal(ouch_codes_kind_from_wire(&tags), ORDER_MARKET);
    tags.order_kind = 'L';
    assert_int_equal(ouch_codes_kind_from_wire(&tags), ORDER_LIMIT);
    tags.order_kind = 'm';
    assert_int_equal(ouch_codes_kind_from_wire(&tags), 0);
}

static void test_quantities(void **state)
{
    (void)state;
    const uint64_t quantities[] = {0, 1, UINT32_MAX - 1, UINT32_MAX, UINT64_C(1) << 32, UINT64_MAX};
    for (size_t i = 0; i < sizeof quantities / sizeof quantities[0]; i++) {
        struct ouch_tags tags = {0};
        uint64_t again = 7;
        uint32_t fixed = ouch_codes_quantity_to_wire(quantities[i], &tags);
        assert_int_equal((tags.present & OUCH_HAS_QUANTITY) != 0, quantities[i] > UINT32_MAX);
        assert_true(ouch_codes_quantity_from_wire(&again, fixed, &tags));
        assert_true(again == quantities[i]);
        if (tags.present != 0) {
            assert_int_equal(fixed, UINT32_MAX);
            assert_false(ouch_codes_quantity_from_wire(&again, fixed - 1, &tags));
        }
        tags = (struct ouch_tags){0};
        ouch_codes_minimum_to_wire(quantities[i], &tags);
        uint32_t wanted = quantities[i] > UINT32_MAX ? OUCH_HAS_MINIMUM_64 : OUCH_HAS_MINIMUM;
        assert_int_equal(tags.present, quantities[i] == 0 ? 0 : wanted);
        assert_true(tags.minimum_lots == quantities[i]);
    }
}

static void test_reject_codes(void **state)
{
    (void)state;
    unsigned valid = 0;
    const struct ouch_tags plain = {0};
    const struct ouch_tags late = {.present = OUCH_HAS_TOO_LATE};
    for (uint32_t code = 0; code <= UINT16_MAX; code++) {
        uint8_t reason = ouch_codes_reject_from_wire((uint16_t)code, &plain);
        if (reason != 0) {
            valid++;
            assert_int_equal(ouch_codes_reject_to_wire(reason), code);
        }
    }
    assert_int_equal(valid, 14);
    assert_int_equal(ouch_codes_reject_from_wire(0x0F, &plain), REJECT_OTHER);
    assert_int_equal(ouch_codes_reject_from_wire(0x0F, &late), REJECT_TOO_LATE);
    assert_int_equal(ouch_codes_reject_to_wire(REJECT_TOO_LATE), 0x0F);
}

static void test_channels(void **state)
{
    (void)state;
    struct ouch_tags tags = {0};
    ouch_codes_channel_to_wire(0, &tags);
    assert_int_equal(tags.present, 0);
    ouch_codes_channel_to_wire(255, &tags);
    assert_int_equal(tags.present, OUCH_HAS_CHANNEL);
    assert_int_equal(tags.channel, 255);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes),        cmocka_unit_test(test_times_in_force),
        cmocka_unit_test(test_kinds),        cmocka_unit_test(test_quantities),
        cmocka_unit_test(test_reject_codes), cmocka_unit_test(test_channels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
