/* Programs that refuse a configuration as causewayd does, and such that do not. */
#include "tools/drill_refusal.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/test_paths.h"

#define REFUSED                                                                                    \
    "bootstrap: the sites of shard 1 cannot keep what is promised: two providers are too few"
#define DENIED "level=error event=cannot-start status=denied error=\\\"" REFUSED "\\\""

static char root[TEST_PATH_BYTES];
static char config[TEST_PATH_BYTES + 32];
static char program[TEST_PATH_BYTES + 32];
static char sentence[DRILL_REFUSAL_BYTES];
static char error[DRILL_PLACE_ERROR_BYTES];

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int set_up(void **state)
{
    (void)state;
    test_paths_make(root, "drill_refusal");
    (void)snprintf(config, sizeof config, "%s/site.yaml", root);
    (void)snprintf(program, sizeof program, "%s/program", root);
    write_file(config, "shards:\n"
                       "  - {id: 1, prefer: [a, b], override: [provider-loss, no-spare-provider]}\n"
                       "  - {id: 2, prefer: [b, a]}\n");
    sentence[0] = '\0';
    error[0] = '\0';
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    test_paths_remove(root);
    return 0;
}

/* A program of the shell: `body` sees the configuration's path as $2. */
static enum status see(const char *body)
{
    char text[1024];
    (void)snprintf(text, sizeof text, "#!/bin/sh\n%s\n", body);
    write_file(program, text);
    assert_int_equal(chmod(program, 0700), 0);
    return drill_refusal_see(program, root, config, sentence, error);
}

static void test_it_is_refused_for_want_of_the_override(void **state)
{
    (void)state;
    assert_int_equal(see("grep -q override \"$2\" && echo ' event=ready'\n"
                         "[ \"$(grep -c 'prefer: \\[[ab], [ab]\\]}' \"$2\")\" = 2 ] || exit 0\n"
                         "echo \"" DENIED "\" >&2\n"
                         "exit 1"),
                     STATUS_OK);
    assert_string_equal(sentence, REFUSED);
}

static void test_what_is_no_refusal(void **state)
{
    (void)state;
    assert_int_equal(see("echo 'level=info event=ready' >&2; exec sleep 100"), STATUS_EXISTS);
    assert_non_null(strstr(error, "was not refused"));
    assert_int_equal(see("exit 1"), STATUS_EXISTS);
    assert_int_equal(see("echo \"" DENIED "\" >&2; exit 0"), STATUS_EXISTS);
    assert_int_equal(
        see("echo 'level=error event=cannot-start status=denied error=\"the address is "
            "not ours\"' >&2; exit 1"),
        STATUS_EXISTS);
    assert_int_equal(see("echo 'level=error event=cannot-start status=io error=\"" REFUSED
                         "\"' >&2; exit 1"),
                     STATUS_EXISTS);
    assert_int_not_equal(drill_refusal_see("/no/such/program", root, config, sentence, error),
                         STATUS_OK);
}

static void test_nothing_to_refuse(void **state)
{
    (void)state;
    write_file(config, "shards:\n  - {id: 1, prefer: [a]}\n");
    assert_int_equal(see("exit 1"), STATUS_NOT_FOUND);
    assert_int_equal(drill_refusal_see(program, root, "/no/such/file", sentence, error), STATUS_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_it_is_refused_for_want_of_the_override, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_no_refusal, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nothing_to_refuse, set_up, tear_down)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
