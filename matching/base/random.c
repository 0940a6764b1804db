#include "matching/base/random.h"

#include "matching/base/assertion.h"

static uint64_t random_rotate(uint64_t value, unsigned bits)
{
    return (value << bits) | (value >> (64 - bits));
}

void random_seed(struct random *random, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        seed += UINT64_C(0x9E3779B97F4A7C15);
        uint64_t mixed = seed;
        mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
        mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94D049BB133111EB);
        random->state[i] = mixed ^ (mixed >> 31);
    }
}

uint64_t random_u64(struct random *random)
{
    uint64_t *state = random->state;
    uint64_t result = random_rotate(state[1] * 5, 7) * 9;
    uint64_t shifted = state[1] << 17;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= shifted;
    state[3] = random_rotate(state[3], 45);
    return result;
}

uint64_t random_below(struct random *random, uint64_t bound)
{
    ASSERT(bound > 0);
    /* Rejection keeps it uniform: values below 2^64 mod bound are drawn again. */
    uint64_t threshold = -bound % bound;
    for (;;) {
        uint64_t value = random_u64(random);
        if (value >= threshold) {
            return value % bound;
        }
    }
}

double random_unit(struct random *random)
{
    return (double)(random_u64(random) >> 11) * 0x1.0p-53;
}
