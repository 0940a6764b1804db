#include "matching/instrument.h"

#include "matching/base/assertion.h"
#include "matching/base/limits.h"

#define INSTRUMENT_DECIMALS_MAX 12u
#define INSTRUMENT_EQUITY_PRICE 200000u /* OUCH 5.0: at or above, a price means "market". */

size_t instrument_bytes(uint32_t count_max)
{
    size_t each = sizeof(struct instrument) + sizeof(struct instrument_profile);
    return ((size_t)count_max + 1) * each + 2 * (size_t)64 + name_index_bytes(count_max);
}

enum status instrument_create(struct instruments *instruments, struct arena *arena,
                              uint32_t count_max)
{
    ASSERT(count_max > 0);
    ASSERT(count_max <= INSTRUMENTS_MAX);

    *instruments = (struct instruments){.count_max = count_max};
    size_t slots = (size_t)count_max + 1;
    instruments->hot = arena_take(arena, slots, sizeof(struct instrument), 64);
    instruments->profiles = arena_take(arena, slots, sizeof(struct instrument_profile), 64);
    if (instruments->hot == NULL || instruments->profiles == NULL) {
        return STATUS_FULL;
    }
    return name_index_create(&instruments->symbols, arena, count_max);
}

bool instrument_state_valid(uint8_t state)
{
    return state >= TRADING_HALTED && state <= TRADING_CANCEL_ONLY;
}

bool instrument_terms_valid(const struct command_instrument *terms)
{
    static const uint8_t zero[sizeof terms->reserved] = {0};
    if (!name_index_valid(terms->symbol, SYMBOL_BYTES)) {
        return false;
    }
    if (terms->tick_size < 1 || terms->tick_size > ORDER_PRICE_MAX) {
        return false;
    }
    if (terms->price_min < -ORDER_PRICE_MAX || terms->price_max > ORDER_PRICE_MAX ||
        terms->price_min > terms->price_max) {
        return false;
    }
    if (terms->quantity_lots_max < 1 || terms->quantity_lots_max > ORDER_LOTS_MAX) {
        return false;
    }
    if (terms->price_decimals > INSTRUMENT_DECIMALS_MAX ||
        terms->quantity_decimals > INSTRUMENT_DECIMALS_MAX) {
        return false;
    }
    return instrument_state_valid(terms->state) && terms->equity <= 1 &&
           memcmp(terms->reserved, zero, sizeof zero) == 0;
}

/* x * x' = 1 modulo 2^64 for odd x: each step doubles the number of right bits, from three. */
static uint64_t instrument_inverse(uint64_t odd)
{
    ASSERT((odd & 1) == 1);
    uint64_t inverse = odd;
    for (uint32_t right_bits = 3; right_bits < 64; right_bits *= 2) {
        inverse *= 2 - odd * inverse;
    }
    ASSERT(odd * inverse == 1);
    return inverse;
}

static int64_t instrument_price_max(const struct command_instrument *terms)
{
    if (terms->equity == 0) {
        return terms->price_max;
    }
    int64_t limit = INSTRUMENT_EQUITY_PRICE;
    for (uint32_t i = 0; i < terms->price_decimals; i++) {
        limit *= 10;
    }
    return limit - 1 < terms->price_max ? limit - 1 : terms->price_max;
}

static void instrument_derive(struct instrument *instrument, const struct command_instrument *terms)
{
    uint64_t tick = (uint64_t)terms->tick_size;
    uint8_t twos = (uint8_t)__builtin_ctzll(tick);
    instrument->tick_twos = twos;
    instrument->tick_inverse = instrument_inverse(tick >> twos);
    instrument->tick_bias = ((uint64_t)ORDER_PRICE_MAX + tick - 1) / tick * tick;
    instrument->tick_number_max = UINT64_MAX / tick;
    instrument->price_min = terms->price_min;
    instrument->price_max = instrument_price_max(terms);
    instrument->quantity_lots_max = terms->quantity_lots_max;
    instrument->state = terms->state;
    ASSERT(instrument->tick_bias >= (uint64_t)ORDER_PRICE_MAX);
    ASSERT(instrument->tick_bias % tick == 0);
}

uint32_t instrument_add(struct instruments *instruments, const struct book_space *space,
                        const struct command_instrument *terms)
{
    ASSERT(instrument_terms_valid(terms));
    ASSERT(instruments->count < instruments->count_max);

    uint32_t instrument_id = ++instruments->count;
    struct instrument *instrument = &instruments->hot[instrument_id];
    book_open(&instrument->book, space, instrument_id - 1);
    instrument_derive(instrument, terms);
    instruments->profiles[instrument_id] =
        (struct instrument_profile){.terms = *terms, .version = 1};
    name_index_add(&instruments->symbols, name_index_pack(terms->symbol, SYMBOL_BYTES),
                   instrument_id);
    return instrument_id;
}

void instrument_change(struct instruments *instruments, uint32_t instrument_id,
                       const struct command_instrument *terms)
{
    ASSERT(instrument_id > 0);
    ASSERT(instrument_id <= instruments->count);
    ASSERT(instrument_terms_valid(terms));

    struct instrument *instrument = &instruments->hot[instrument_id];
    struct instrument_profile *profile = &instruments->profiles[instrument_id];
    ASSERT(memcmp(terms->symbol, profile->terms.symbol, SYMBOL_BYTES) == 0);
    ASSERT(instrument->open_orders == 0 || terms->tick_size == profile->terms.tick_size);
    instrument_derive(instrument, terms);
    profile->terms = *terms;
    profile->version++;
}
