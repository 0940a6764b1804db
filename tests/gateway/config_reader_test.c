#include "gateway/config_reader.h"

#include <string.h>

#include "tests/support/cmocka_all.h"

/* A reader over a small file, for one test. */
struct fixture {
    struct yaml_lines *lines;
    char error[256];
    struct config_reader reader;
};

static void begin(struct fixture *fixture)
{
    static const char text[] = "first: 1\nsecond: 2\n";
    struct yaml_lines_error error;
    memset(fixture, 0, sizeof *fixture);
    assert_int_equal(yaml_lines_open(&fixture->lines, (const uint8_t *)text, strlen(text), &error),
                     STATUS_OK);
    fixture->reader = (struct config_reader){.path = "f.yaml",
                                             .lines = fixture->lines,
                                             .error = fixture->error,
                                             .error_bytes = sizeof fixture->error};
}

static void check_end(struct fixture *fixture, const char *message)
{
    assert_int_equal(fixture->reader.failed, message[0] != '\0');
    assert_string_equal(fixture->error, message);
    yaml_lines_close(fixture->lines);
}

static void test_the_first_error_stays(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture);
    config_reader_fail(&fixture.reader, "second", "number %d", 7);
    config_reader_fail(&fixture.reader, "first", "later");
    config_reader_fail_line(&fixture.reader, 9, "later still");
    uint64_t number = 5;
    config_reader_number(&fixture.reader, "first", "9", 1, 10, &number);
    assert_int_equal(number, 5); /* Nothing is read any more. */
    check_end(&fixture, "f.yaml:2: number 7");
    begin(&fixture);
    config_reader_fail_line(&fixture.reader, 9, "at a line");
    check_end(&fixture, "f.yaml:9: at a line");
}

static void test_a_long_error_is_cut(void **state)
{
    (void)state;
    struct fixture fixture;
    char wanted[sizeof fixture.error];
    begin(&fixture);
    config_reader_fail(&fixture.reader, "first", "%0400d", 0);
    memset(wanted, '0', sizeof wanted);
    memcpy(wanted, "f.yaml:1: ", 10);
    wanted[sizeof wanted - 1] = '\0';
    check_end(&fixture, wanted);
}

static void test_values(void **state)
{
    (void)state;
    struct fixture fixture;
    static const char *const words[] = {"one", "two"};
    char text[8] = "";
    uint8_t bytes[3] = {0};
    uint64_t value = 0;
    size_t choice = 9;
    begin(&fixture);
    config_reader_text(&fixture.reader, "first", "1234567", text, sizeof text);
    assert_string_equal(text, "1234567");
    config_reader_name(&fixture.reader, "first", "a-9", false, text, sizeof text);
    assert_string_equal(text, "a-9");
    config_reader_name(&fixture.reader, "first", "A-9", true, text, sizeof text);
    assert_string_equal(text, "A-9");
    config_reader_bytes(&fixture.reader, "first", "09afAF", bytes, sizeof bytes);
    assert_memory_equal(bytes, "\x09\xaf\xaf", 3);
    config_reader_number(&fixture.reader, "first", "007", 0, 7, &value);
    assert_int_equal(value, 7);
    config_reader_number(&fixture.reader, "first", "18446744073709551615", 0, UINT64_MAX, &value);
    assert_true(value == UINT64_MAX);
    config_reader_size(&fixture.reader, "first", "3  KiB", 0, 4096, 1024, &value);
    assert_int_equal(value, 3072);
    config_reader_choice(&fixture.reader, "first", "two", words, 2, &choice);
    assert_int_equal(choice, 1);

    /* What is absent leaves the target as it was, where that is allowed. */
    config_reader_number(&fixture.reader, "first", NULL, 0, 7, &value);
    config_reader_size(&fixture.reader, "first", NULL, 0, 7, 1, &value);
    config_reader_choice(&fixture.reader, "first", NULL, words, 2, &choice);
    assert_int_equal(value, 3072);
    assert_int_equal(choice, 1);
    check_end(&fixture, "");
}

static void test_endpoints(void **state)
{
    (void)state;
    static const char *const right[] = {"0.0.0.0:1", "255.255.255.255:65535", "[::]:1",
                                        "[2001:db8::1]:443", "[::ffff:1.2.3.4]:9"};
    static const char *const wrong[] = {
        "256.0.0.1:1", "1.2.3:1",    "1.2.3.4.5:1",    "[1.2.3.4]:1", "[::1]",
        "[::1]1",      "[::1:1",     "::1:1",          "1.2.3.4:",    "1.2.3.4: 1",
        "1.2.3.4:+1",  " 1.2.3.4:1", "host:1",         "[host]:1",    "1.2.3.4:0",
        "[::1]:70000", "[]:1",       "[fe80::1%lo]:1", ":1",          "]:1"};
    struct fixture fixture;
    char endpoint[64];
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
        begin(&fixture);
        config_reader_endpoint(&fixture.reader, "first", right[i], false, endpoint,
                               sizeof endpoint);
        assert_string_equal(endpoint, right[i]);
        check_end(&fixture, "");
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        begin(&fixture);
        config_reader_endpoint(&fixture.reader, "first", wrong[i], false, endpoint,
                               sizeof endpoint);
        assert_true(fixture.reader.failed);
        yaml_lines_close(fixture.lines);
    }
    begin(&fixture);
    config_reader_endpoint(&fixture.reader, "first", "1.2.3.4:0", true, endpoint, sizeof endpoint);
    assert_string_equal(endpoint, "1.2.3.4:0");
    check_end(&fixture, "");
}

static void test_absent_texts(void **state)
{
    (void)state;
    struct fixture fixture;
    char text[8] = "before";
    begin(&fixture);
    config_reader_text(&fixture.reader, "third", NULL, text, sizeof text);
    assert_string_equal(text, "before");
    check_end(&fixture, "f.yaml:1: `third` is missing");
    begin(&fixture);
    config_reader_name(&fixture.reader, "second", "", false, text, sizeof text);
    assert_string_equal(text, "before");
    check_end(&fixture, "f.yaml:2: `second` is empty");
    begin(&fixture);
    config_reader_text(&fixture.reader, "second", "12345678", text, sizeof text);
    assert_string_equal(text, "before");
    check_end(&fixture, "f.yaml:2: `second` has 8 characters; it may have 7");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_first_error_stays),
        cmocka_unit_test(test_a_long_error_is_cut),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_endpoints),
        cmocka_unit_test(test_absent_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
