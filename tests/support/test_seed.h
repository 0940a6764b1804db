/* Seeds of random tests: printed, and taken again from the environment. */
#ifndef TESTS_SUPPORT_TEST_SEED_H
#define TESTS_SUPPORT_TEST_SEED_H

#include "matching/base/random.h"

/* Seed `random` with $SEED when it is set, else with the clock; prints "seed N" either way. */
void test_seed(struct random *random);

#endif
