#include "replication/io/monotonic.h"

#include <time.h>

#include "matching/base/assertion.h"

uint64_t monotonic_now_ns(void)
{
    struct timespec now;
    int failed = clock_gettime(CLOCK_MONOTONIC, &now);
    ASSERT(failed == 0);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}
