#include "tools/load_report.h"

#include <string.h>

#include "tests/support/cmocka_all.h"

static struct histogram orders;
static struct histogram cancels;

static struct load_figures make_figures(void)
{
    histogram_reset(&orders);
    histogram_reset(&cancels);
    for (uint64_t i = 1; i <= 1000; i++) {
        histogram_record(&orders, i * 1000);
    }
    histogram_record(&cancels, 5000);
    return (struct load_figures){.rate = 2000,
                                 .sessions = 8,
                                 .seed = 3,
                                 .duration_ns = 500000000,
                                 .processor_ns = 2000000,
                                 .bytes_out = 50000,
                                 .bytes_in = 80000,
                                 .all_answered = true,
                                 .counts = {.commands = 1000,
                                            .orders = 900,
                                            .acknowledged = 899,
                                            .rejected = 1,
                                            .canceled = 100,
                                            .executions = 77},
                                 .order_latency = &orders,
                                 .cancel_latency = &cancels};
}

static void print(const struct load_figures *figures, char *text, size_t text_bytes)
{
    memset(text, 0, text_bytes);
    FILE *file = fmemopen(text, text_bytes, "w");
    assert_non_null(file);
    load_report_print(figures, file);
    assert_int_equal(fclose(file), 0);
}

static void test_text(void **state)
{
    (void)state;
    struct load_figures figures = make_figures();
    char text[4096];
    print(&figures, text, sizeof text);
    assert_non_null(
        strstr(text, "1,000 commands in 500 ms: 2,000 a second (2,000 asked for), 8 sessions\n"));
    assert_non_null(strstr(text, "orders accepted 899, rejected 1, canceled 100; executions 77\n"));
    assert_non_null(strstr(text, "client: 2.00 processor seconds per million commands; a command "
                                 "50.0 bytes out, 80.0 in\n"));
    assert_null(strstr(text, "not all"));
    assert_null(strstr(text, "refused"));
    figures.all_answered = false;
    figures.counts.refused = 4;
    print(&figures, text, sizeof text);
    assert_non_null(strstr(text, "not all commands were answered"));
    assert_non_null(strstr(text, "refused by the gateway 4"));
}

static json_int_t number(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    assert_true(json_is_integer(value));
    return json_integer_value(value);
}

static void test_json(void **state)
{
    (void)state;
    struct load_figures figures = make_figures();
    json_t *object = load_report_json(&figures);
    assert_non_null(object);
    assert_int_equal(number(object, "commands"), 1000);
    assert_int_equal(number(object, "commands_a_second"), 2000);
    assert_int_equal(number(object, "executions"), 77);
    assert_true(json_is_true(json_object_get(object, "all_answered")));
    const json_t *latency = json_object_get(object, "order_latency");
    assert_int_equal(number(latency, "count"), 1000);
    assert_in_range(number(latency, "p50_ns"), 500000, 500500);
    assert_in_range(number(latency, "p99_ns"), 990000, 991000);
    assert_int_equal(number(latency, "max_ns"), 1000000);
    assert_int_equal(number(json_object_get(object, "cancel_latency"), "count"), 1);
    json_decref(object);
}

/* Nothing was sent: figures of nothing, not a division by it. */
static void test_nothing(void **state)
{
    (void)state;
    struct load_figures figures = make_figures();
    figures.counts = (struct trader_counts){.commands = 0};
    char text[4096];
    print(&figures, text, sizeof text);
    assert_non_null(strstr(text, "0 commands in 500 ms: 0 a second"));
    assert_non_null(strstr(text, "0.00 processor seconds"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
