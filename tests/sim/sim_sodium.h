/* Hashes, signatures and random bytes of libsodium, replaced for the simulator, which is linked
 * with this.
 *
 * Ed25519 takes 80 us a segment and site here and would be nine tenths of a run; BLAKE2b a tenth of
 * the rest. What stands in for them is a fast hash, keyed with the public key for a signature: any
 * other bytes or key fail as they would, by chance though, not against an enemy. Some seeds run
 * with the real ones. Random bytes (the start nonce of a ring) come from the seed. */
#ifndef TESTS_SIM_SIM_SODIUM_H
#define TESTS_SIM_SIM_SODIUM_H

#include <stdbool.h>
#include <stdint.h>

/* Before anything of libsodium is used in this process. */
void sim_sodium_start(void);
/* For the next run. */
void sim_sodium_seed(uint64_t seed, bool real);

#endif
