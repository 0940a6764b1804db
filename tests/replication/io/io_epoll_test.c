#include "replication/io/io_epoll.h"

#include "tests/support/io_suite.h"

int main(void)
{
    static const struct io_suite_variant VARIANTS[] = {
        {"epoll, sleeping", IO_BACKEND_EPOLL, IO_IDLE_SLEEP, {0, 0}},
        {"epoll, yielding", IO_BACKEND_EPOLL, IO_IDLE_YIELD, {0, 0}},
        {"epoll, spinning", IO_BACKEND_EPOLL, IO_IDLE_SPIN, {0, 0}},
    };
    int failures = 0;
    for (size_t i = 0; i < sizeof VARIANTS / sizeof VARIANTS[0]; i++) {
        failures += io_suite_run(&VARIANTS[i]);
    }
    return failures == 0 ? 0 : 1;
}
