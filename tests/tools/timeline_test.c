#include "tools/timeline.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/test_paths.h"

#define START_NS UINT64_C(5000000000)
#define SLICE_NS UINT64_C(100000000)

static void test_slices(void **state)
{
    (void)state;
    struct timeline *timeline;
    assert_int_equal(timeline_create(&timeline, START_NS, SLICE_NS), STATUS_OK);
    for (uint64_t i = 1; i <= 100; i++) {
        timeline_acknowledged(timeline, START_NS + i, i * 1000);
    }
    timeline_executed(timeline, START_NS + SLICE_NS - 1);
    timeline_mark(timeline, TIMELINE_KILLED, START_NS + SLICE_NS);
    timeline_acknowledged(timeline, START_NS + 3 * SLICE_NS, 7000000);
    const struct timeline_slice *slices;
    assert_int_equal(timeline_slices(timeline, &slices), 4);
    assert_int_equal(slices[0].acknowledged, 100);
    assert_int_equal(slices[0].executed, 1);
    assert_in_range(slices[0].latency_p50_ns, 50000, 50100);
    assert_in_range(slices[0].latency_p99_ns, 99000, 99100);
    assert_int_equal(slices[0].latency_max_ns, 100000);
    for (uint32_t i = 1; i < 3; i++) {
        assert_int_equal(slices[i].acknowledged, 0);
        assert_int_equal(slices[i].latency_max_ns, 0);
    }
    assert_int_equal(slices[3].acknowledged, 1);
    assert_int_equal(slices[3].latency_max_ns, 7000000);
    timeline_destroy(timeline);
}

static void test_bounds(void **state)
{
    (void)state;
    struct timeline *timeline;
    assert_int_equal(timeline_create(&timeline, 0, 1), STATUS_OK);
    timeline_acknowledged(timeline, TIMELINE_SLICES_MAX - 1, 1);
    timeline_acknowledged(timeline, TIMELINE_SLICES_MAX, 1);
    timeline_executed(timeline, UINT64_MAX);
    for (uint32_t i = 0; i <= TIMELINE_MARKS_MAX; i++) {
        timeline_mark(timeline, TIMELINE_SERVES, i);
    }
    const struct timeline_slice *slices;
    assert_int_equal(timeline_slices(timeline, &slices), TIMELINE_SLICES_MAX);
    assert_int_equal(slices[TIMELINE_SLICES_MAX - 1].acknowledged, 1);
    timeline_destroy(timeline);
}

static void test_picture(void **state)
{
    (void)state;
    struct timeline *timeline;
    assert_int_equal(timeline_create(&timeline, START_NS, SLICE_NS), STATUS_OK);
    for (uint64_t i = 0; i < 2000; i++) {
        timeline_acknowledged(timeline, START_NS + i * SLICE_NS / 40, 1000 + i);
        timeline_executed(timeline, START_NS + i * SLICE_NS / 40);
    }
    timeline_mark(timeline, TIMELINE_KILLED, START_NS + 10 * SLICE_NS);
    timeline_mark_numbered(timeline, TIMELINE_HARM, START_NS + 12 * SLICE_NS, 2);
    timeline_mark_numbered(timeline, TIMELINE_CHANGE, START_NS + 11 * SLICE_NS, 1);
    timeline_mark(timeline, TIMELINE_SERVES, START_NS + 12 * SLICE_NS);
    char directory[TEST_PATH_BYTES];
    char path[TEST_PATH_BYTES + 16];
    test_paths_make(directory, "timeline");
    (void)snprintf(path, sizeof path, "%s/a.png", directory);
    enum status status = timeline_picture(timeline, path, "a \"drill\"");
    struct stat found = {.st_size = 0};
    if (status != STATUS_NOT_FOUND) {
        assert_int_equal(status, STATUS_OK);
        assert_int_equal(stat(path, &found), 0);
        assert_true(found.st_size > 4000);
    }
    assert_int_equal(timeline_picture(timeline, "a.jpg", "t"), STATUS_BAD_ARGUMENT);
    test_paths_remove(directory);
    timeline_destroy(timeline);
    if (status == STATUS_NOT_FOUND) {
        print_message("skipped: no gnuplot\n");
        skip();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slices),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_picture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
