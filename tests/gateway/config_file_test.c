#include "gateway/config_file.h"

#include <string.h>

#include "tests/support/cmocka_all.h"

static void test_absent_keys_are_null(void **state)
{
    (void)state;
    const char *text = "cluster: x\nbootstrap:\n  sites: [{name: a}, {peer: [b, c]}]\n";
    struct config_file *file = NULL;
    struct yaml_load_error error;
    assert_int_equal(config_file_load(&file, (const uint8_t *)text, strlen(text), &error),
                     STATUS_OK);
    assert_string_equal(file->cluster, "x");
    assert_null(file->site);
    assert_null(file->listen);
    assert_null(file->tuning);
    assert_int_equal(file->bootstrap->sites_count, 2);
    assert_string_equal(file->bootstrap->sites[0].name, "a");
    assert_null(file->bootstrap->sites[0].key);
    assert_int_equal(file->bootstrap->sites[0].peer_count, 0);
    assert_null(file->bootstrap->sites[1].name);
    assert_int_equal(file->bootstrap->sites[1].peer_count, 2);
    assert_string_equal(file->bootstrap->sites[1].peer[1], "c");
    assert_int_equal(file->bootstrap->shards_count, 0);
    config_file_free(file);
}

static void check_error(const char *text, uint32_t line, const char *message)
{
    struct config_file *file = NULL;
    struct yaml_load_error error;
    assert_int_equal(config_file_load(&file, (const uint8_t *)text, strlen(text), &error),
                     STATUS_BAD_FORMAT);
    assert_null(file);
    assert_int_equal(error.line, line);
    assert_string_equal(error.text, message);
}

/* libcyaml's own words; config.c makes sentences of them. */
static void test_errors(void **state)
{
    (void)state;
    check_error("cluster: x\nsite: {a: b}\n", 2, "Expecting STRING, got event: MAPPING_START");
    check_error("tuning:\n  wal: 1\n  queue: [1]\n", 3,
                "Expecting STRING, got event: SEQUENCE_START");
    check_error("nothing: 1\n", 1, "Unexpected key: nothing");
    check_error("bootstrap:\n  sites:\n    - just text\n", 3,
                "Expecting MAPPING, got event: SCALAR");
    check_error("", 1, "nothing in it");
}

/* A list with more entries than any limit is refused before it is kept. */
static void test_a_long_list(void **state)
{
    (void)state;
    char text[1024] = "bootstrap:\n  sites: [";
    for (int i = 0; i < 65; i++) {
        strcat(text, "{}, ");
    }
    strcat(text, "]\n");
    check_error(text, 2, "Excessive entries (64 max) in sequence.");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_absent_keys_are_null),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_a_long_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
