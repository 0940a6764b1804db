#include "gateway/ouch_tags.h"

#include <stdbool.h>
#include <string.h>

#include "gateway/ouch.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/hex.h"

static const struct ouch_tags_rule open_rule = {
    .appendage = 1, .optional = true, .offered = 0x1FF, .known = UINT32_MAX};
static const struct ouch_tags_rule closed_rule = {.appendage = 1};

static enum status decode(struct ouch_tags *tags, const struct ouch_tags_rule *rule,
                          const char *hex)
{
    uint8_t payload[OUCH_MESSAGE_BYTES_MAX];
    size_t count = hex_bytes(payload, sizeof payload, hex);
    return ouch_tags_decode(tags, rule, payload, count);
}

static void test_the_length_field(void **state)
{
    (void)state;
    struct ouch_tags tags;
    assert_int_equal(decode(&tags, &open_rule, "58"), STATUS_OK);
    assert_int_equal(decode(&tags, &closed_rule, "58"), STATUS_BAD_FORMAT);
    assert_int_equal(decode(&tags, &open_rule, "5800"), STATUS_BAD_FORMAT);
    assert_int_equal(decode(&tags, &open_rule, "580000"), STATUS_OK);
    assert_int_equal(decode(&tags, &closed_rule, "580000"), STATUS_OK);
    assert_int_equal(decode(&tags, &open_rule, "580001"), STATUS_BAD_FORMAT);
    assert_int_equal(decode(&tags, &open_rule, "58000000"), STATUS_BAD_FORMAT);
    /* An option of any size, one byte past the end, and just to it. */
    assert_int_equal(decode(&tags, &open_rule, "58000303c805"), STATUS_BAD_FORMAT);
    assert_int_equal(decode(&tags, &open_rule, "58000403c80506"), STATUS_OK);
    assert_int_equal(decode(&tags, &open_rule, "580003021c05"), STATUS_OK);
    assert_int_equal(tags.present, OUCH_HAS_CHANNEL);
    assert_int_equal(tags.channel, 5);
    assert_int_equal(tags.reject, 0);
}

/* Every tag with every value length from 0 to 9: only the right size of a known tag passes. */
static void test_sizes(void **state)
{
    (void)state;
    static const uint8_t sizes[256] = {
        [1] = 8,   [2] = 4,   [3] = 4,   [4] = 1,   [5] = 4,   [6] = 1,   [7] = 4,   [9] = 8,
        [10] = 1,  [11] = 4,  [12] = 1,  [13] = 4,  [14] = 4,  [15] = 4,  [16] = 1,  [17] = 1,
        [18] = 1,  [22] = 4,  [23] = 8,  [24] = 2,  [25] = 1,  [26] = 4,  [27] = 1,  [28] = 1,
        [128] = 1, [129] = 1, [130] = 8, [131] = 8, [132] = 8, [133] = 8, [134] = 8, [135] = 8,
    };
    for (unsigned tag = 0; tag < 256; tag++) {
        for (uint8_t bytes = 0; bytes < 10; bytes++) {
            uint8_t payload[32] = {'X', 0, (uint8_t)(bytes + 2), (uint8_t)(bytes + 1),
                                   (uint8_t)tag};
            struct ouch_tags tags;
            bool fits = sizes[tag] == 0 || sizes[tag] == bytes;
            assert_int_equal(ouch_tags_decode(&tags, &closed_rule, payload, bytes + 5u),
                             fits ? STATUS_OK : STATUS_BAD_FORMAT);
            assert_int_equal(tags.reject != 0, fits);
            assert_int_equal(tags.present, 0); /* This rule offers nothing. */
        }
    }
}

static void test_every_tag_twice(void **state)
{
    (void)state;
    for (unsigned tag = 31; tag < 128; tag++) {
        uint8_t payload[] = {'X', 0, 6, 1, (uint8_t)tag, 1, 200, 1, (uint8_t)tag};
        struct ouch_tags tags;
        assert_int_equal(ouch_tags_decode(&tags, &closed_rule, payload, sizeof payload),
                         STATUS_BAD_FORMAT);
        payload[8] = (uint8_t)(tag + 128);
        if (payload[8] > 135 && payload[8] != 200) {
            assert_int_equal(ouch_tags_decode(&tags, &closed_rule, payload, sizeof payload),
                             STATUS_OK);
        }
    }
}

static void test_encode_in_order_of_tags(void **state)
{
    (void)state;
    const struct ouch_tags tags = {.present = 0x1FF & ~OUCH_HAS_MINIMUM_64,
                                   .channel = 5,
                                   .order_kind = 'M',
                                   .time_in_force = 'G',
                                   .minimum_lots = 1,
                                   .deadline_ns = 2,
                                   .too_late_ns = 3,
                                   .maximum_age_ns = 4,
                                   .quantity_lots = 5};
    const char *hex = "580037"
                      "050300000001"
                      "021c05"
                      "02804d"
                      "028147"
                      "09820000000000000002"
                      "09830000000000000003"
                      "09850000000000000004"
                      "09860000000000000005";
    uint8_t wanted[OUCH_MESSAGE_BYTES_MAX];
    uint8_t payload[OUCH_MESSAGE_BYTES_MAX] = {'X'};
    size_t count = hex_bytes(wanted, sizeof wanted, hex);
    assert_int_equal(ouch_tags_encode(payload, sizeof payload, &open_rule, &tags), count);
    assert_memory_equal(payload, wanted, count);
    struct ouch_tags again;
    assert_int_equal(ouch_tags_decode(&again, &open_rule, payload, count), STATUS_OK);
    assert_memory_equal(&again, &tags, sizeof tags);
}

static void test_encode_nothing(void **state)
{
    (void)state;
    const struct ouch_tags none = {0};
    uint8_t payload[OUCH_MESSAGE_BYTES_MAX] = {'X', 9, 9};
    assert_int_equal(ouch_tags_encode(payload, sizeof payload, &open_rule, &none), 1);
    assert_int_equal(ouch_tags_encode(payload, sizeof payload, &closed_rule, &none), 3);
    assert_memory_equal(payload, "X\0\0", 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_length_field), cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_every_tag_twice),  cmocka_unit_test(test_encode_in_order_of_tags),
        cmocka_unit_test(test_encode_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
