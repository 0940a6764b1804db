/* The running hash over events that replicas compare (DESIGN: P4).
 *
 * The words of an event are paired; each pair, mixed with keys, is multiplied to 128 bits, and the
 * products are added up (the NH construction: Black, Halevi, Krawczyk, Krovetz, Rogaway, "UMAC",
 * CRYPTO 1999). A processor works on them side by side: only one short step an event waits for the
 * event before. Integers alone: the same on every compiler and CPU. Like base/checksum.h it finds
 * bugs and broken machines, not enemies. */
#ifndef MATCHING_EVENT_HASH_H
#define MATCHING_EVENT_HASH_H

#include <stdint.h>

#include "matching/base/checksum.h"

#define EVENT_HASH_WORDS_MAX 16u

__extension__ typedef unsigned __int128 event_hash_sum;

/* Fractional digits of pi, in hexadecimal. */
extern const uint64_t event_hash_keys[EVENT_HASH_WORDS_MAX];

/* The product of the words `index` (even) and `index` + 1 of an event. */
static inline event_hash_sum event_hash_pair(uint32_t index, uint64_t word, uint64_t next_word)
{
    return (event_hash_sum)(word ^ event_hash_keys[index]) *
           (next_word ^ event_hash_keys[index + 1]);
}

/* The running hash after an event whose products add up to `sum`. */
static inline uint64_t event_hash_step(uint64_t hash, event_hash_sum sum)
{
    return checksum_mix(hash + (uint64_t)(sum >> 64), (uint64_t)sum);
}

#endif
