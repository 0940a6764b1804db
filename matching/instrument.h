/* Instruments: terms, trading state, the book, and exact tick arithmetic without division.
 *
 * Ids run from 1 without gaps; instruments are never taken away. The engine's thread owns the
 * table. */
#ifndef MATCHING_INSTRUMENT_H
#define MATCHING_INSTRUMENT_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "matching/base/arena.h"
#include "matching/base/status.h"
#include "matching/book.h"
#include "matching/command.h"
#include "matching/name_index.h"

/* What an order needs at every step. */
struct instrument {
    struct book book;
    uint64_t tick_inverse; /* Of the odd part of the tick, modulo 2^64. */
    uint64_t tick_bias;    /* A multiple of the tick, >= ORDER_PRICE_MAX: makes prices positive. */
    uint64_t tick_number_max;
    int64_t price_min;
    int64_t price_max; /* The lower of the terms' and, for an equity, below 200,000.00. */
    uint64_t quantity_lots_max;
    uint64_t symbol;    /* As name_index_pack() has it. */
    uint32_t tick_twos; /* The tick's factors of two. */
    uint32_t open_orders;
    uint8_t state; /* enum trading_state. */
    uint8_t reserved[7];
};

/* What only views and administration need. */
struct instrument_profile {
    struct command_instrument terms; /* `state` here is what was last set by terms or state. */
    uint32_t version;                /* 0: not in use. */
};

struct instruments {
    struct instrument *hot; /* By id; 0 is not used. */
    struct instrument_profile *profiles;
    struct name_index symbols;
    uint32_t count;
    uint32_t count_max;
};

size_t instrument_bytes(uint32_t count_max);

/* STATUS_FULL: the arena is too small. */
MUST_USE enum status instrument_create(struct instruments *instruments, struct arena *arena,
                                       uint32_t count_max);

/* Every field in its range (rules.md 8.3). */
bool instrument_state_valid(uint8_t state);
bool instrument_terms_valid(const struct command_instrument *terms);

/* Add an instrument, its book in `space`, and return its id. Asserts: valid terms, a new symbol,
 * count < count_max. */
uint32_t instrument_add(struct instruments *instruments, const struct book_space *space,
                        const struct command_instrument *terms);

/* Other terms for an instrument. Asserts: valid; same tick and decimals while orders are open. */
void instrument_change(struct instruments *instruments, uint32_t instrument_id,
                       const struct command_instrument *terms);

/* The id of a symbol; 0: there is none. */
static inline uint32_t instrument_find(const struct instruments *instruments,
                                       const uint8_t symbol[SYMBOL_BYTES])
{
    return name_index_find(&instruments->symbols, bytes_load_le64(symbol));
}

/* The tick number of a price in [-ORDER_PRICE_MAX, ORDER_PRICE_MAX], which grows with the price.
 * False: the price is not a multiple of the tick. Multiplying by the inverse of the odd part is
 * exact division for multiples and gives a number above tick_number_max for all others (Hacker's
 * Delight, 10-17). */
static inline bool instrument_tick_number(const struct instrument *instrument, int64_t price,
                                          uint64_t *tick_number)
{
    uint64_t product = ((uint64_t)price + instrument->tick_bias) * instrument->tick_inverse;
    uint32_t twos = instrument->tick_twos;
    *tick_number = product >> twos | product << (-twos & 63u);
    return *tick_number <= instrument->tick_number_max;
}

#endif
