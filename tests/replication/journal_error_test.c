#include "replication/journal_error.h"

#include <string.h>

#include "tests/support/cmocka_all.h"

static void test_last_one_counts(void **state)
{
    (void)state;
    struct journal_error error;
    journal_error_set(&error, "frame %d at byte %d", 7, 4096);
    assert_string_equal(error.text, "frame 7 at byte 4096");
    journal_error_set(&error, "%s", "other");
    assert_string_equal(error.text, "other");
}

static void test_long_sentences_are_cut(void **state)
{
    (void)state;
    char text[2 * JOURNAL_ERROR_BYTES];
    struct journal_error error;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    journal_error_set(&error, "%s", text);
    assert_int_equal(strlen(error.text), JOURNAL_ERROR_BYTES - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_last_one_counts),
        cmocka_unit_test(test_long_sentences_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
