#include "replication/io/io_create.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/asserts.h"
#include "tests/support/cmocka_all.h"

static const struct io_options OPTIONS = {
    .backend = IO_BACKEND_BEST,
    .idle = IO_IDLE_SLEEP,
    .handles_max = 4,
    .receive_buffer_bytes = 1024,
    .receive_buffer_count = 8,
};

static void test_each_backend(void **state)
{
    (void)state;
    struct io_options options = OPTIONS;
    struct io *io;
    options.backend = IO_BACKEND_EPOLL;
    assert_int_equal(io_create(&io, &options), STATUS_OK);
    assert_int_equal(strncmp(io_features(io), "epoll:", 6), 0);
    io_destroy(io);
    options.backend = IO_BACKEND_RING;
    enum status ring = io_create(&io, &options);
    assert_true(ring == STATUS_OK || ring == STATUS_DENIED);
    if (ring == STATUS_OK) {
        assert_int_equal(strncmp(io_features(io), "io_uring:", 9), 0);
        io_destroy(io);
    }
    options.backend = IO_BACKEND_BEST; /* Always there: epoll where io_uring is refused. */
    assert_int_equal(io_create(&io, &options), STATUS_OK);
    const char *expected = ring == STATUS_OK ? "io_uring:" : "epoll:";
    assert_int_equal(strncmp(io_features(io), expected, strlen(expected)), 0);
    io_destroy(io);
}

/* From here on io_uring_setup() fails in this process, as in most containers. */
static bool forbid_ring(void)
{
    struct sock_filter steps[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0), /* The number of the system call. */
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof steps / sizeof steps[0], .filter = steps};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static int create_where_forbidden(void)
{
    struct io_options options = OPTIONS;
    struct io *io;
    if (!forbid_ring()) {
        return 77;
    }
    options.backend = IO_BACKEND_RING;
    if (io_create(&io, &options) != STATUS_DENIED) {
        return 1;
    }
    options.backend = IO_BACKEND_BEST;
    if (io_create(&io, &options) != STATUS_OK) {
        return 2;
    }
    int wrong = strncmp(io_features(io), "epoll:", 6) == 0 ? 0 : 3;
    io_destroy(io);
    return wrong;
}

static void test_falls_back_where_forbidden(void **state)
{
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(create_where_forbidden());
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) {
        printf("skipped: this system has no seccomp filters\n");
        return;
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* Whichever descriptor is the first that is not to be had, creating fails whole: nothing stays
 * open. */
static void test_without_descriptors(void **state)
{
    (void)state;
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    static const enum io_backend_kind KINDS[] = {IO_BACKEND_RING, IO_BACKEND_EPOLL};
    for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++) {
        struct io_options options = OPTIONS;
        options.backend = KINDS[i];
        enum status status = STATUS_FULL;
        for (rlim_t spare = 0; status == STATUS_FULL; spare++) {
            int next = dup(0);
            assert_true(next >= 0);
            assert_int_equal(close(next), 0);
            struct rlimit small = {.rlim_cur = (rlim_t)next + spare, .rlim_max = before.rlim_max};
            assert_int_equal(setrlimit(RLIMIT_NOFILE, &small), 0);
            struct io *io;
            status = io_create(&io, &options);
            if (status == STATUS_OK) {
                io_destroy(io);
            }
            int after = dup(0);
            assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
            assert_int_equal(after, spare == 0 ? -1 : next);
            if (after >= 0) {
                assert_int_equal(close(after), 0);
            }
            assert_true(spare > 0 || status != STATUS_OK);
        }
        assert_true(status == STATUS_OK || status == STATUS_DENIED);
    }
}

static void create(void *argument)
{
    struct io *io;
    _exit(io_create(&io, argument) == STATUS_OK ? 0 : 1);
}

static void test_bad_options_stop(void **state)
{
    (void)state;
    struct io_options options = OPTIONS;
    assert_false(asserts_stop(create, &options));
    options.handles_max = 0;
    assert_true(asserts_stop(create, &options));
    options = OPTIONS;
    options.receive_buffer_count = 7;
    assert_true(asserts_stop(create, &options));
    options.receive_buffer_count = 65536;
    assert_true(asserts_stop(create, &options));
    options = OPTIONS;
    options.receive_buffer_bytes = 1000;
    assert_true(asserts_stop(create, &options));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_backend),
        cmocka_unit_test(test_falls_back_where_forbidden),
        cmocka_unit_test(test_without_descriptors),
        cmocka_unit_test(test_bad_options_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
