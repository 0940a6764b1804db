/* Signatures and random bytes of libsodium, replaced for the simulator, which is linked with this.
 *
 * Ed25519 takes 80 us a segment and site here and would be nine tenths of a run. What stands in for
 * it is a keyed hash under the public key: any other bytes or key fail as they would. Some seeds
 * run with the real one. Random bytes (the start nonce of a ring) come from the seed. */
#ifndef TESTS_SIM_SIM_SIGNATURE_H
#define TESTS_SIM_SIM_SIGNATURE_H

#include <stdbool.h>
#include <stdint.h>

/* Before anything of libsodium is used in this process. */
void sim_signature_start(void);
/* For the next run. */
void sim_signature_seed(uint64_t seed, bool real);

#endif
