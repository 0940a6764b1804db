/* The running hash over events that replicas compare (DESIGN: P4).
 *
 * Each event is folded to 64 bits by independent 64 x 64 -> 128 bit products of pairs of its words
 * and constants, which a processor works on side by side; only one short step a event depends on
 * the step before. Integers alone: the same on every compiler and CPU. Like base/checksum.h it
 * finds bugs and broken machines, not enemies. */
#ifndef MATCHING_EVENT_HASH_H
#define MATCHING_EVENT_HASH_H

#include <stdint.h>

#include "matching/base/checksum.h"

__extension__ typedef unsigned __int128 event_hash_product;

/* Fractional digits of pi, in hexadecimal. */
#define EVENT_HASH_KEY_0  UINT64_C(0x243F6A8885A308D3)
#define EVENT_HASH_KEY_1  UINT64_C(0x13198A2E03707344)
#define EVENT_HASH_KEY_2  UINT64_C(0xA4093822299F31D0)
#define EVENT_HASH_KEY_3  UINT64_C(0x082EFA98EC4E6C89)
#define EVENT_HASH_KEY_4  UINT64_C(0x452821E638D01377)
#define EVENT_HASH_KEY_5  UINT64_C(0xBE5466CF34E90C6C)
#define EVENT_HASH_KEY_6  UINT64_C(0xC0AC29B7C97C50DD)
#define EVENT_HASH_KEY_7  UINT64_C(0x3F84D5B5B5470917)
#define EVENT_HASH_KEY_8  UINT64_C(0x9216D5D98979FB1B)
#define EVENT_HASH_KEY_9  UINT64_C(0xD1310BA698DFB5AC)
#define EVENT_HASH_KEY_10 UINT64_C(0x2FFD72DBD01ADFB7)
#define EVENT_HASH_KEY_11 UINT64_C(0xB8E1AFED6A267E96)
#define EVENT_HASH_KEY_12 UINT64_C(0xBA7C9045F12C7F99)
#define EVENT_HASH_KEY_13 UINT64_C(0x24A19947B3916CF7)
#define EVENT_HASH_KEY_14 UINT64_C(0x0801F2E2858EFC16)
#define EVENT_HASH_KEY_15 UINT64_C(0x636920D871574E69)

/* High and low half of the product, folded. */
static inline uint64_t event_hash_fold(uint64_t left, uint64_t right)
{
    event_hash_product product = (event_hash_product)left * right;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Digest of the words that every event has; `rest` brings in the others, or the count of words. */
static inline uint64_t event_hash_head(uint64_t word_0, uint64_t word_1, uint64_t word_2,
                                       uint64_t word_3, uint64_t word_4, uint64_t rest)
{
    return event_hash_fold(word_0 ^ EVENT_HASH_KEY_0, word_1 ^ EVENT_HASH_KEY_1) +
           event_hash_fold(word_2 ^ EVENT_HASH_KEY_2, word_3 ^ EVENT_HASH_KEY_3) +
           event_hash_fold(word_4 ^ EVENT_HASH_KEY_4, rest ^ EVENT_HASH_KEY_5);
}

#endif
