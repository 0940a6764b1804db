#include "tools/gnuplot.h"

#include <string.h>

#include "tests/support/cmocka_all.h"

static void test_forms(void **state)
{
    (void)state;
    enum gnuplot_form form = GNUPLOT_SVG;
    assert_int_equal(gnuplot_form("a/b.png", &form), STATUS_OK);
    assert_int_equal(form, GNUPLOT_PNG);
    assert_int_equal(gnuplot_form("a/b.svg", &form), STATUS_OK);
    assert_int_equal(form, GNUPLOT_SVG);
    static const char *const bad[] = {"", ".png", "a.pdf", "png", "a'; system 'x.png", "a\n.png"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(gnuplot_form(bad[i], &form), STATUS_BAD_ARGUMENT);
    }
}

static void test_text(void **state)
{
    (void)state;
    char text[64] = {0};
    FILE *file = fmemopen(text, sizeof text, "w");
    gnuplot_text(file, "a \"b\" \\c `d`\n");
    assert_int_equal(fclose(file), 0);
    assert_string_equal(text, "\"a  b   c  d  \"");
}

/* What gnuplot cannot do is an error, not a picture. */
static void test_failure(void **state)
{
    (void)state;
    FILE *script = tmpfile();
    assert_non_null(script);
    (void)fprintf(script, "this is no command of gnuplot\n");
    enum status status = gnuplot_run(script);
    (void)fclose(script);
    if (status == STATUS_NOT_FOUND) {
        print_message("skipped: no gnuplot\n");
        skip();
    }
    assert_int_equal(status, STATUS_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
