#include "tools/monotonic.h"

#include <time.h>

#include "matching/base/assertion.h"

#define MONOTONIC_NS_A_S UINT64_C(1000000000)

uint64_t monotonic_now_ns(void)
{
    struct timespec now;
    int failed = clock_gettime(CLOCK_MONOTONIC, &now);
    ASSERT(failed == 0);
    return (uint64_t)now.tv_sec * MONOTONIC_NS_A_S + (uint64_t)now.tv_nsec;
}

void monotonic_pause(uint64_t pause_ns)
{
    const struct timespec pause = {.tv_sec = (time_t)(pause_ns / MONOTONIC_NS_A_S),
                                   .tv_nsec = (long)(pause_ns % MONOTONIC_NS_A_S)};
    (void)nanosleep(&pause, NULL); /* Interrupted: whoever waits looks again. */
}
