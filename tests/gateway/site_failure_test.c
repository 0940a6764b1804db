#include "gateway/site_failure.h"

#include <string.h>

#include "tests/support/cmocka_all.h"

#define VERIFY "causeway journal verify"

/* Whatever a damaged journal may be called must come with what to do. */
static void test_damage_comes_with_advice(void **state)
{
    (void)state;
    const enum status damage[] = {STATUS_SHORT,         STATUS_BAD_FORMAT, STATUS_BAD_CHECKSUM,
                                  STATUS_BAD_SIGNATURE, STATUS_BAD_CHAIN,  STATUS_UNKNOWN_KEY,
                                  STATUS_DAMAGED};
    for (size_t i = 0; i < sizeof damage / sizeof damage[0]; i++) {
        char error[SITE_FAILURE_BYTES];
        site_failure_journal(error, damage[i], "frame 7 cannot be read");
        assert_non_null(strstr(error, "frame 7 cannot be read; "));
        assert_non_null(strstr(error, VERIFY));
        site_failure_journal(error, damage[i], "");
        assert_non_null(strstr(error, status_text(damage[i])));
        assert_non_null(strstr(error, VERIFY));
    }
}

static void test_other_failures_keep_their_own_advice(void **state)
{
    (void)state;
    const enum status other[] = {STATUS_NO_SPACE, STATUS_IN_USE, STATUS_FOREIGN,
                                 STATUS_DENIED,   STATUS_IO,     STATUS_BAD_VERSION,
                                 STATUS_NOT_FOUND};
    for (size_t i = 0; i < sizeof other / sizeof other[0]; i++) {
        char error[SITE_FAILURE_BYTES];
        site_failure_journal(error, other[i], "make room on the disk");
        assert_string_equal(error, "make room on the disk");
    }
}

static void test_a_long_sentence_loses_its_end_and_not_the_advice(void **state)
{
    (void)state;
    char found[2 * SITE_FAILURE_BYTES];
    memset(found, 'x', sizeof found - 1);
    found[sizeof found - 1] = '\0';
    char error[SITE_FAILURE_BYTES];
    site_failure_journal(error, STATUS_DAMAGED, found);
    assert_int_equal(strlen(error), SITE_FAILURE_BYTES - 1);
    assert_int_equal(error[0], 'x');
    assert_non_null(strstr(error, VERIFY));
    assert_non_null(strstr(error, "is whole"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_damage_comes_with_advice),
        cmocka_unit_test(test_other_failures_keep_their_own_advice),
        cmocka_unit_test(test_a_long_sentence_loses_its_end_and_not_the_advice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
