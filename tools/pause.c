#include "tools/pause.h"

#include <time.h>

#include "matching/base/assertion.h"

#define NS_A_SECOND UINT64_C(1000000000)

void pause_ns(uint64_t ns)
{
    const struct timespec pause = {.tv_sec = (time_t)(ns / NS_A_SECOND),
                                   .tv_nsec = (long)(ns % NS_A_SECOND)};
    ASSERT(pause.tv_nsec >= 0);
    (void)nanosleep(&pause, NULL); /* Interrupted: whoever waits looks again. */
}
