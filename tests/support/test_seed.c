#include "tests/support/test_seed.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

void test_seed(struct random *random)
{
    const char *chosen = getenv("SEED");
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    uint64_t seed = chosen != NULL ? strtoull(chosen, NULL, 0)
                                   : (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
    printf("seed %" PRIu64 " (SEED=%" PRIu64 " repeats this run)\n", seed, seed);
    random_seed(random, seed);
}
