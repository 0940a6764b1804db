/* Deterministic pseudo-random numbers for generators, simulators and tests: same seed, same
 * numbers. Never for keys or anything secret. xoshiro256** 1.0, seeded by splitmix64 (Blackman,
 * Vigna: "Scrambled linear pseudorandom number generators", ACM TOMS 47, 2021). */
#ifndef MATCHING_BASE_RANDOM_H
#define MATCHING_BASE_RANDOM_H

#include <stdint.h>

struct random {
    uint64_t state[4];
};

void random_seed(struct random *random, uint64_t seed);

uint64_t random_u64(struct random *random);

/* Uniform in [0, bound); bound > 0. */
uint64_t random_below(struct random *random, uint64_t bound);

/* Uniform in [0, 1), 53 bits. For workload models only: nothing replicated uses floating point. */
double random_unit(struct random *random);

#endif
