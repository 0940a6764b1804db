#include "replication/io/io_ring.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/io_suite.h"

#define FLAT (IO_FEATURE_SINGLE_ISSUER | IO_FEATURE_DEFER_TASKRUN | IO_FEATURE_COOP_TASKRUN)

/* Each step of the ladder is left out once, alone and with those above it; queues of a few entries
 * overflow in most tests. */
static const struct io_suite_variant VARIANTS[] = {
    {"ring, sleeping", IO_BACKEND_RING, IO_IDLE_SLEEP, {0, 0}},
    {"ring, yielding", IO_BACKEND_RING, IO_IDLE_YIELD, {0, 0}},
    {"ring, spinning", IO_BACKEND_RING, IO_IDLE_SPIN, {0, 0}},
    {"ring, tiny queues", IO_BACKEND_RING, IO_IDLE_SLEEP, {0, 4}},
    {"ring, tiny queues, spinning", IO_BACKEND_RING, IO_IDLE_SPIN, {0, 4}},
    {"ring without single-issuer",
     IO_BACKEND_RING,
     IO_IDLE_SLEEP,
     {IO_FEATURE_SINGLE_ISSUER | IO_FEATURE_DEFER_TASKRUN, 0}},
    {"ring without defer-taskrun", IO_BACKEND_RING, IO_IDLE_SLEEP, {IO_FEATURE_DEFER_TASKRUN, 0}},
    {"ring without defer-taskrun, spinning",
     IO_BACKEND_RING,
     IO_IDLE_SPIN,
     {IO_FEATURE_DEFER_TASKRUN, 0}},
    {"ring without any taskrun, tiny queues", IO_BACKEND_RING, IO_IDLE_SLEEP, {FLAT, 4}},
    {"ring without any taskrun, spinning", IO_BACKEND_RING, IO_IDLE_SPIN, {FLAT, 0}},
    {"ring without multishot-accept",
     IO_BACKEND_RING,
     IO_IDLE_SLEEP,
     {IO_FEATURE_MULTISHOT_ACCEPT, 0}},
    {"ring without multishot-receive",
     IO_BACKEND_RING,
     IO_IDLE_SLEEP,
     {IO_FEATURE_MULTISHOT_RECEIVE, 0}},
    {"ring without provided-buffers",
     IO_BACKEND_RING,
     IO_IDLE_SLEEP,
     {IO_FEATURE_PROVIDED_BUFFERS, 0}},
    {"ring without provided-buffers, tiny queues",
     IO_BACKEND_RING,
     IO_IDLE_SLEEP,
     {IO_FEATURE_PROVIDED_BUFFERS, 4}},
    {"ring without registered-buffers",
     IO_BACKEND_RING,
     IO_IDLE_SLEEP,
     {IO_FEATURE_REGISTERED_BUFFERS, 0}},
    {"ring without whole sends", IO_BACKEND_RING, IO_IDLE_SLEEP, {IO_FEATURE_WHOLE_SENDS, 0}},
    {"ring without ext-arg", IO_BACKEND_RING, IO_IDLE_SLEEP, {IO_FEATURE_EXT_ARG, 0}},
    {"ring with nothing", IO_BACKEND_RING, IO_IDLE_SLEEP, {IO_FEATURES_ALL, 0}},
    {"ring with nothing, tiny queues", IO_BACKEND_RING, IO_IDLE_SLEEP, {IO_FEATURES_ALL, 4}},
};

/* Every combination of steps, which takes minutes: with IO_LADDER set in the environment. */
static int run_ladder(void)
{
    int failures = 0;
    for (uint32_t left_out = 0; left_out <= IO_FEATURES_ALL; left_out++) {
        char name[64];
        (void)snprintf(name, sizeof name, "ring without features 0x%02X", left_out);
        const struct io_suite_variant variant = {
            name, IO_BACKEND_RING, IO_IDLE_SLEEP, {left_out, left_out % 2 == 0 ? 0 : 8}};
        failures += io_suite_run(&variant);
    }
    return failures;
}

/* What is left out is not reported, and this kernel's own ladder is. */
static void test_features(void **state)
{
    (void)state;
    static const struct {
        uint32_t feature;
        const char *name;
    } NAMES[] = {
        {IO_FEATURE_SINGLE_ISSUER, "single-issuer"},
        {IO_FEATURE_DEFER_TASKRUN, "defer-taskrun"},
        {IO_FEATURE_MULTISHOT_ACCEPT, "multishot-accept"},
        {IO_FEATURE_MULTISHOT_RECEIVE, "multishot-receive"},
        {IO_FEATURE_PROVIDED_BUFFERS, "provided-buffers"},
        {IO_FEATURE_REGISTERED_BUFFERS, "registered-buffers"},
        {IO_FEATURE_EXT_ARG, "ext-arg"},
    };
    struct io_options options = {
        .backend = IO_BACKEND_RING,
        .handles_max = 4,
        .receive_buffer_bytes = 1024,
        .receive_buffer_count = 4,
    };
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        struct io_limits limits = {.features_left_out = NAMES[i].feature};
        struct io *io;
        assert_int_equal(io_ring_create(&io, &options, &limits), STATUS_OK);
        assert_non_null(strstr(io_features(io), "io_uring:"));
        assert_null(strstr(io_features(io), NAMES[i].name));
        io_destroy(io);
    }
    struct io *io;
    assert_int_equal(io_create(&io, &options), STATUS_OK);
    printf("           this kernel: %s\n", io_features(io));
    io_destroy(io);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_features)};
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    for (size_t i = 0; i < sizeof VARIANTS / sizeof VARIANTS[0]; i++) {
        failures += io_suite_run(&VARIANTS[i]);
    }
    if (getenv("IO_LADDER") != NULL) {
        failures += run_ladder();
    }
    return failures == 0 ? 0 : 1;
}
