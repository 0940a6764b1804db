#include "gateway/ouch.h"

#include "tests/support/cmocka_all.h"
#include "tests/support/hex.h"
#include "tests/support/ouch_check.h"

static void check(const struct ouch_refused *refused, const char *hex)
{
    uint8_t wanted[OUCH_MESSAGE_BYTES_MAX];
    uint8_t message[OUCH_MESSAGE_BYTES_MAX];
    size_t count = hex_bytes(wanted, sizeof wanted, hex);
    assert_int_equal(ouch_refused_encode(message, sizeof message, refused), count);
    assert_memory_equal(message, wanted, count);
    struct ouch_refused again;
    assert_int_equal(ouch_refused_decode(&again, message, count), STATUS_OK);
    assert_true(again.timestamp_ns == refused->timestamp_ns % UINT64_C(86400000000000));
    assert_int_equal(again.user_reference, refused->user_reference);
    assert_int_equal(again.channel, refused->channel);
    assert_int_equal(again.reason, refused->reason);
}

static void test_golden(void **state)
{
    (void)state;
    const struct ouch_refused plain = {.timestamp_ns = UINT64_C(86400000000000) * 20000 + 258,
                                       .user_reference = 77,
                                       .reason = OUCH_REFUSED_NO_QUORUM};
    check(&plain, "4e00000000000001020000004d51");
    const struct ouch_refused channel = {.timestamp_ns = 258,
                                         .user_reference = 77,
                                         .channel = 5,
                                         .reason = OUCH_REFUSED_NEARLY_FULL};
    check(&channel, "4e00000000000001020000004d460003021c05");
    const struct ouch_refused halted = {.timestamp_ns = 258,
                                        .user_reference = 77,
                                        .reason = OUCH_REFUSED_HALTED};
    check(&halted, "4e00000000000001020000004d48");
}

static void test_decoder_refuses(void **state)
{
    (void)state;
    uint8_t message[64];
    size_t count = hex_bytes(message, sizeof message, "4e00000000000001020000004d51");
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(ouch_check_refused(message, i), STATUS_BAD_FORMAT);
    }
    assert_int_equal(ouch_check_refused(message, count), STATUS_OK);
    assert_int_equal(ouch_check_refused(message, count + 1), STATUS_BAD_FORMAT);
    message[13] = 'X';
    assert_int_equal(ouch_check_refused(message, count), STATUS_BAD_FORMAT);
    message[13] = 'Q';
    message[0] = 'J';
    assert_int_equal(ouch_check_refused(message, count), STATUS_BAD_FORMAT);
    message[0] = 'N';
    message[1] = 1;
    assert_int_equal(ouch_check_refused(message, count), STATUS_BAD_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_decoder_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
