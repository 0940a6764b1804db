#include "gateway/yaml_lines.h"

#include <string.h>

#include "tests/support/cmocka_all.h"

static const char text[] = "# comment\n"          /* 1 */
                           "a: 1\n"               /* 2 */
                           "list:\n"              /* 3 */
                           "  - x\n"              /* 4 */
                           "  - {b: 2,\n"         /* 5 */
                           "     c: [3,\n"        /* 6 */
                           "         4]}\n"       /* 7 */
                           "  - long:\n"          /* 8 */
                           "      deep: value\n"  /* 9 */
                           "      a: 5\n"         /* 10 */
                           "alias: &one {b: 6}\n" /* 11 */
                           "again: *one\n";       /* 12 */

static struct yaml_lines *open_text(const char *source)
{
    struct yaml_lines *lines = NULL;
    struct yaml_lines_error error;
    if (yaml_lines_open(&lines, (const uint8_t *)source, strlen(source), &error) != STATUS_OK) {
        fail_msg("%u: %s", error.line, error.text);
    }
    return lines;
}

static void test_places(void **state)
{
    (void)state;
    const struct {
        const char *place;
        uint32_t line;
    } places[] = {
        {"", 2},
        {"a", 2},
        {"list", 3},
        {"list[0]", 4},
        {"list[1]", 5},
        {"list[1].b", 5},
        {"list[1].c", 6},
        {"list[1].c[0]", 6},
        {"list[1].c[1]", 7},
        {"list[2].long", 8},
        {"list[2].long.deep", 9},
        {"list[2].long.a", 10},
        {"again.b", 11},
        /* Missing: as deep as there is anything. */
        {"nothing", 2},
        {"nothing.b[3]", 2},
        {"list[3]", 3},
        {"list[3].b", 3},
        {"list.b", 3},
        {"a[0]", 2},
        {"list[1].d", 5},
        {"list[2].long.deep.deeper", 9},
        {"lis", 2},
    };
    struct yaml_lines *lines = open_text(text);
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        assert_int_equal(yaml_lines_of(lines, places[i].place), places[i].line);
    }
    yaml_lines_close(lines);
}

static void test_keys_by_name(void **state)
{
    (void)state;
    struct yaml_lines *lines = open_text(text);
    assert_int_equal(yaml_lines_of_key(lines, "a", 1), 2);
    assert_int_equal(yaml_lines_of_key(lines, "a", 2), 2);
    assert_int_equal(yaml_lines_of_key(lines, "a", 3), 10);
    assert_int_equal(yaml_lines_of_key(lines, "a", 11), 11);
    assert_int_equal(yaml_lines_of_key(lines, "b", 1), 5);
    assert_int_equal(yaml_lines_of_key(lines, "none", 7), 7);
    yaml_lines_close(lines);
}

static void check_error(const char *source, size_t bytes, uint32_t line, const char *message)
{
    struct yaml_lines *lines = NULL;
    struct yaml_lines_error error;
    assert_int_equal(yaml_lines_open(&lines, (const uint8_t *)source, bytes, &error),
                     STATUS_BAD_FORMAT);
    assert_null(lines);
    assert_int_equal(error.line, line);
    assert_string_equal(error.text, message);
}

static void check_text(const char *source, uint32_t line, const char *message)
{
    check_error(source, strlen(source), line, message);
}

static void test_errors(void **state)
{
    (void)state;
    check_text("", 1, "the file must be a list of `key: value` lines");
    check_text("\n\n- a\n", 3, "the file must be a list of `key: value` lines");
    check_text("a: 1\nb: 2\nc: 3\nb: 4\n", 4,
               "`b` stands twice, first in line 2; keep one of them");
    check_text("a:\n  - {b: 1,\n     b: 2}\n", 3,
               "`b` stands twice, first in line 2; keep one of them");
    check_text("a: 1\nb: {\n", 3, "no valid YAML: did not find expected node content");
    check_text("a: 1\nb: *none\n", 2, "no valid YAML: found undefined alias");
    check_text("a: 1\n---\nb: 2\n", 3, "a second document begins here; there must be only one");
    check_text("a: 1\n---\nb: {\n", 4, "no valid YAML: did not find expected node content");
    check_error("a: 1\nb: \0\n", 10, 2, "no valid YAML: control characters are not allowed");
    check_error("a: 1\n\nb: \xc3\x28\n", 12, 3, "no valid YAML: invalid trailing UTF-8 octet");
}

/* A value that is the same list again and again stays one list here. */
static void test_aliases_in_a_circle(void **state)
{
    (void)state;
    struct yaml_lines *lines = open_text("a: &a\n  - b\n  - *a\n");
    assert_int_equal(yaml_lines_of(lines, "a[1][1][1][0]"), 2);
    yaml_lines_close(lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_keys_by_name),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_aliases_in_a_circle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
