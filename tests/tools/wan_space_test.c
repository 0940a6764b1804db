/* Network namespaces of a node's own: what is in them, and that they go without a trace. */
#include "tools/wan_space.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"

static struct wan_space space_or_skip(void)
{
    struct wan_space space;
    char reason[WAN_SPACE_ERROR_BYTES];
    if (wan_space_permit(reason) != STATUS_OK) {
        print_message("skipped: no privileges: %s\n", reason);
        skip();
    }
    enum status status = wan_space_open(&space, 0x0A630005, 24, reason);
    assert_string_equal(reason, "");
    assert_int_equal(status, STATUS_OK);
    return space;
}

/* Whether the namespace of this thread has a device of this name. */
static bool has_device(const char *name)
{
    char line[512];
    char wanted[32];
    (void)snprintf(wanted, sizeof wanted, "%s:", name);
    FILE *file = fopen("/proc/thread-self/net/dev", "re");
    assert_non_null(file);
    bool found = false;
    while (fgets(line, sizeof line, file) != NULL) {
        found = found || strstr(line, wanted) != NULL;
    }
    (void)fclose(file);
    return found;
}

static ino_t own_namespace(void)
{
    struct stat status;
    assert_int_equal(stat("/proc/thread-self/ns/net", &status), 0);
    return status.st_ino;
}

static void made_and_entered(void **state)
{
    (void)state;
    struct wan_space space = space_or_skip();
    ino_t before = own_namespace();
    bool had_device = has_device("wan0");
    /* A process of its own: there is no way back. */
    pid_t pid = fork();
    if (pid == 0) {
        bool entered = wan_space_enter(&space) == STATUS_OK && own_namespace() != before &&
                       has_device("wan0") && has_device("lo");
        _exit(entered ? 0 : 1);
    }
    int ended = -1;
    assert_int_equal(waitpid(pid, &ended, 0), pid);
    assert_int_equal(ended, 0);
    assert_true(own_namespace() == before);
    assert_int_equal(has_device("wan0"), had_device);
    wan_space_close(&space);
    assert_int_equal(space.namespace_fd, -1);
    assert_int_equal(space.tun_fd, -1);
}

/* With the device's descriptor the device goes, whoever still lives in the namespace. */
static void device_goes_with_its_descriptor(void **state)
{
    (void)state;
    struct wan_space space = space_or_skip();
    int namespace_fd = fcntl(space.namespace_fd, F_DUPFD_CLOEXEC, 3);
    assert_true(namespace_fd >= 0);
    wan_space_close(&space);
    struct wan_space left = {.namespace_fd = namespace_fd, .tun_fd = -1};
    pid_t pid = fork();
    if (pid == 0) {
        bool gone = wan_space_enter(&left) == STATUS_OK && !has_device("wan0") && has_device("lo");
        _exit(gone ? 0 : 1);
    }
    int ended = -1;
    assert_int_equal(waitpid(pid, &ended, 0), pid);
    assert_int_equal(ended, 0);
    wan_space_close(&left);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(made_and_entered),
                                       cmocka_unit_test(device_goes_with_its_descriptor)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
