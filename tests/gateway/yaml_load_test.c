/* config_file_test.c and config_test.c show what a schema makes of a text; here the files. */
#include "gateway/yaml_load.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/text_fixture.h"

static void test_a_file_is_read_whole(void **state)
{
    struct text_fixture *fixture = *state;
    text_fixture_write(fixture, "some.yaml", "a: b\n");
    uint8_t *text = NULL;
    size_t bytes = 0;
    char error[256] = "";
    assert_int_equal(yaml_load_file(fixture->path, "thing", 5, &text, &bytes, error, sizeof error),
                     STATUS_OK);
    assert_int_equal(bytes, 5);
    assert_memory_equal(text, "a: b\n", 5);
    assert_string_equal(error, "");
    free(text);
}

static void test_what_cannot_be_read_is_named(void **state)
{
    struct text_fixture *fixture = *state;
    text_fixture_write(fixture, "some.yaml", "a: b\n");
    uint8_t *text = NULL;
    size_t bytes = 0;
    char error[256];
    assert_int_equal(yaml_load_file(fixture->path, "thing", 4, &text, &bytes, error, sizeof error),
                     STATUS_BAD_FORMAT);
    assert_non_null(strstr(error, "some.yaml: cannot read the thing: File too large"));
    assert_null(text);
    assert_int_equal(unlink(fixture->path), 0);
    assert_int_equal(yaml_load_file(fixture->path, "thing", 4, &text, &bytes, error, sizeof error),
                     STATUS_NOT_FOUND);
    assert_non_null(strstr(error, "No such file"));
    assert_int_equal(yaml_load_file(fixture->directory, "thing", 4, &text, &bytes, error,
                                    sizeof error),
                     STATUS_BAD_FORMAT);
    assert_non_null(strstr(error, "Is a directory"));
    assert_null(text);
}

static int setup(void **state)
{
    static struct text_fixture fixture;
    text_fixture_make(&fixture);
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    text_fixture_remove(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_file_is_read_whole),
        cmocka_unit_test(test_what_cannot_be_read_is_named),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
