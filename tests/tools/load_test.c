/* causeway load against a real site process, as a user runs it. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/site_process.h"
#include "tests/support/test_paths.h"

#define OUTPUT_BYTES 16384u

static char directory[TEST_PATH_BYTES];
static struct site_process site;
static char market[TEST_PATH_BYTES + 16];
static char output[OUTPUT_BYTES];

#define RUN(...) site_process_run(output, sizeof output, (const char *const[]){__VA_ARGS__, NULL})

static int set_up(void **state)
{
    (void)state;
    test_paths_make(directory, "load");
    (void)snprintf(market, sizeof market, "%s/market.yaml", directory);
    site_process_init(&site, directory);
    int exit_status;
    assert_true(site_process_start(&site, &exit_status));
    assert_int_equal(RUN(site.tool, "load", "--write-market", market, "--sessions", "3",
                         "--instruments", "2"),
                     0);
    assert_int_equal(RUN(site.tool, "market", "apply", market, "--config", site.config), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    site_process_kill(&site);
    test_paths_remove(directory);
    return 0;
}

static json_int_t number(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    assert_true(json_is_integer(value));
    return json_integer_value(value);
}

static json_t *parsed(void)
{
    json_error_t error;
    json_t *object = json_loads(output, 0, &error);
    if (object == NULL) {
        fail_msg("%s in: %s", error.text, output);
    }
    return object;
}

/* The rate is kept, everything is answered, orders trade; again on the same sessions. */
static void test_open_loop(void **state)
{
    (void)state;
    for (uint32_t round = 0; round < 2; round++) {
        assert_int_equal(RUN(site.tool, "load", "--config", site.config, "--market", market,
                             "--sessions", "3", "--rate", "2k", "--warmup", "300ms", "--duration",
                             "1s", "--json"),
                         0);
        json_t *object = parsed();
        assert_true(json_is_true(json_object_get(object, "all_answered")));
        assert_int_equal(number(object, "rejected"), 0);
        assert_int_equal(number(object, "disconnects"), 0);
        assert_true(number(object, "commands") > 0);
        assert_true(number(object, "executions") > 0);
        const json_t *latency = json_object_get(object, "order_latency");
        assert_true(number(latency, "count") > 0);
        assert_true(number(latency, "p50_ns") > 0);
        assert_true(number(latency, "max_ns") >= number(latency, "p99_ns"));
        json_decref(object);
    }
}

static void test_closed_loop(void **state)
{
    (void)state;
    assert_int_equal(RUN(site.tool, "load", "--config", site.config, "--market", market,
                         "--sessions", "1", "--instruments", "1", "--window", "1", "--warmup", "0s",
                         "--duration", "500ms", "--client-order-id", "random"),
                     0);
    assert_non_null(strstr(output, "order to acknowledgement"));
    assert_non_null(strstr(output, "1 sessions"));
    assert_null(strstr(output, "asked for"));
}

static void test_wrong(void **state)
{
    (void)state;
    assert_int_equal(RUN(site.tool, "load"), 2);
    assert_int_equal(RUN(site.tool, "load", "--config", site.config), 2);
    assert_non_null(strstr(output, "--market"));
    assert_int_equal(RUN(site.tool, "load", "--config", site.config, "--market", market,
                         "--sessions", "4", "--duration", "1s"),
                     1);
    assert_non_null(strstr(output, "3 sessions"));
    assert_int_equal(RUN(site.tool, "load", "--config", site.config, "--market", market,
                         "--sessions", "3", "--instruments", "3"),
                     2);
    assert_int_equal(RUN(site.tool, "load", "--client-order-id", "odd"), 2);
    /* Other passwords than those that were applied. */
    assert_int_equal(RUN(site.tool, "load", "--write-market", market, "--sessions", "3",
                         "--instruments", "2"),
                     0);
    assert_int_equal(RUN(site.tool, "load", "--config", site.config, "--market", market,
                         "--sessions", "3", "--duration", "1s"),
                     1);
    assert_non_null(strstr(output, "refused the login (reason 'A')"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_open_loop, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_closed_loop, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_wrong, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
