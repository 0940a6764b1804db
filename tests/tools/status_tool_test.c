/* `causeway status` as an operator runs it, against an administration port with a real engine. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "tests/support/admin_site.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/site_process.h"

static char output[16384];

static int setup(void **state)
{
    struct admin_site_double *site = malloc(sizeof *site);
    ASSERT(site != NULL);
    admin_site_start(site, 200);
    *state = site;
    return 0;
}

static int teardown(void **state)
{
    admin_site_stop(*state);
    free(*state);
    return 0;
}

static int status(const struct admin_site_double *site, const char *a, const char *b)
{
    char build[TEST_PATH_BYTES];
    char program[TEST_PATH_BYTES + 16];
    test_paths_build(build);
    (void)snprintf(program, sizeof program, "%s/causeway", build);
    const char *const arguments[] = {program, "status", "--config", site->config_path, a, b, NULL};
    return site_process_run(output, sizeof output, arguments);
}

static void shows_the_site(void **state)
{
    assert_int_equal(status(*state, NULL, NULL), 0);
    assert_non_null(strstr(output, "site      one of cluster test (metal), up 12.3 us"));
    assert_non_null(strstr(output, "disk      store 77 B of 1000 B (7.70 %)"));
    assert_non_null(strstr(output, "shard 1 EQ: leader, term 4"));
    assert_non_null(strstr(output, "  members led by "));
}

static void json_is_the_sites(void **state)
{
    assert_int_equal(status(*state, "--json", NULL), 0);
    json_t *root = json_loads(output, 0, NULL);
    assert_non_null(root);
    assert_int_equal(json_integer_value(json_object_get(root, "uptime_ns")), 12345);
    json_decref(root);
}

static void silence_fails(void **state)
{
    struct admin_site_double *site = *state;
    atomic_store(&site->silent, true);
    assert_int_equal(status(site, NULL, NULL), 1);
    assert_non_null(strstr(output, "no answer in time"));
}

static void arguments(void **state)
{
    assert_int_equal(status(*state, "more", NULL), 2);
    assert_int_equal(status(*state, "--nonsense", NULL), 2);
    assert_int_equal(status(*state, "--help", NULL), 0);
    assert_non_null(strstr(output, "--watch"));
}

#define ON_SITE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_SITE(shows_the_site),
        ON_SITE(json_is_the_sites),
        ON_SITE(silence_fails),
        ON_SITE(arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
