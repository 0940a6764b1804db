/* What a batch of commands makes predictable: the state that command_columns builds up while it
 * packs and, in the same way from the same values, while it unpacks.
 *
 * All of it starts empty at every batch. Lookups are bounded by the batch's size whatever the keys
 * are. Pure. */
#ifndef MATCHING_COLUMN_MODEL_H
#define MATCHING_COLUMN_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "matching/base/assertion.h"
#include "matching/base/limits.h"

#define COLUMN_MODEL_KEYS_MAX       SEGMENT_COMMANDS_MAX
#define COLUMN_MODEL_SLOTS_MAX      (4u * COLUMN_MODEL_KEYS_MAX) /* At most a quarter is used. */
#define COLUMN_MODEL_QUANTITY_COUNT 8u

/* Numbers keys in the order in which they first come. */
struct column_model_keys {
    uint64_t keys[COLUMN_MODEL_KEYS_MAX];
    uint32_t count;
    uint32_t slots_mask;
    uint16_t slots[COLUMN_MODEL_SLOTS_MAX]; /* Number + 1; 0: free. */
};

struct column_model_session {
    uint64_t input_number;
    uint32_t epoch;
    uint32_t order_index; /* 1 + index of its last record with a client order id; 0: none yet. */
};

struct column_model_reference {
    uint32_t last; /* Last new reference of this (session, channel), when known. */
    bool known;
};

struct column_model_symbol {
    uint64_t price_units[2]; /* Last price of bids, of offers. */
    bool known[2];
};

struct column_model {
    struct column_model_keys session_keys;
    struct column_model_keys reference_keys;
    struct column_model_keys symbol_keys;
    struct column_model_session sessions[COLUMN_MODEL_KEYS_MAX];
    struct column_model_reference references[COLUMN_MODEL_KEYS_MAX];
    struct column_model_symbol symbols[COLUMN_MODEL_KEYS_MAX];
    uint64_t quantities[COLUMN_MODEL_QUANTITY_COUNT]; /* The last different ones, newest first. */
    uint64_t timestamp_ns;
    uint64_t connection_id;
    uint64_t reference_sum; /* Over first references: their ratio to the input numbers. */
    uint64_t input_sum;
    uint64_t ratio; /* 16 bits behind the point. */
    uint32_t session_id;
    uint32_t order_index; /* As above, of any session. */
};

/* Empty the model for a batch of `count` commands. */
void column_model_reset(struct column_model *model, uint32_t count, uint64_t base_timestamp_ns);

/* Number of `key`; `*fresh` when it has not come before. */
static inline uint32_t column_model_key(struct column_model_keys *keys, uint64_t key, bool *fresh)
{
    uint64_t hash = key * UINT64_C(0x9E3779B97F4A7C15);
    hash ^= hash >> 32;
    uint32_t slot = (uint32_t)hash & keys->slots_mask;
    while (keys->slots[slot] != 0) {
        uint32_t number = keys->slots[slot] - 1u;
        if (keys->keys[number] == key) {
            *fresh = false;
            return number;
        }
        slot = (slot + 1) & keys->slots_mask;
    }
    ASSERT(keys->count < COLUMN_MODEL_KEYS_MAX);
    uint32_t number = keys->count++;
    keys->keys[number] = key;
    keys->slots[slot] = (uint16_t)(number + 1);
    *fresh = true;
    return number;
}

/* The session's entry; a fresh one is empty and the caller fills it. */
static inline struct column_model_session *column_model_session(struct column_model *model,
                                                                uint32_t session_id, bool *fresh)
{
    struct column_model_session *session =
        &model->sessions[column_model_key(&model->session_keys, session_id, fresh)];
    if (*fresh) {
        *session = (struct column_model_session){0};
    }
    return session;
}

static inline struct column_model_reference *
column_model_reference(struct column_model *model, uint32_t session_id, uint8_t channel)
{
    bool fresh;
    uint64_t key = (uint64_t)session_id << 8 | channel;
    struct column_model_reference *reference =
        &model->references[column_model_key(&model->reference_keys, key, &fresh)];
    if (fresh) {
        *reference = (struct column_model_reference){0};
    }
    return reference;
}

/* A session that sends orders and cancels in a steady mix has used a steady share of its input
 * numbers for new references: the first reference seen is guessed from the ratio of those before.
 */
static inline uint32_t column_model_guess(const struct column_model *model, uint64_t input_number)
{
    return (uint32_t)((model->ratio * input_number) >> 16);
}

static inline void column_model_learn(struct column_model *model, uint32_t reference,
                                      uint64_t input_number)
{
    model->reference_sum += reference;
    model->input_sum += input_number;
    model->ratio = model->input_sum == 0 ? 0 : (model->reference_sum << 16) / model->input_sum;
}

/* Position of a quantity among the last different ones; COLUMN_MODEL_QUANTITY_COUNT: not there. */
static inline uint32_t column_model_quantity_find(const struct column_model *model,
                                                  uint64_t quantity)
{
    uint32_t position = 0;
    while (position < COLUMN_MODEL_QUANTITY_COUNT && model->quantities[position] != quantity) {
        position++;
    }
    return position;
}

/* Move the quantity found at `position` to the front; a new one drops the oldest. */
static inline void column_model_quantity_front(struct column_model *model, uint32_t position,
                                               uint64_t quantity)
{
    if (position == COLUMN_MODEL_QUANTITY_COUNT) {
        position--;
    }
    for (; position > 0; position--) {
        model->quantities[position] = model->quantities[position - 1];
    }
    model->quantities[0] = quantity;
}

/* The price that the next one of this symbol is near to. False: none has come yet. */
static inline bool column_model_price(const struct column_model_symbol *symbol, uint32_t offer,
                                      uint64_t *price_units)
{
    uint32_t side = symbol->known[offer] ? offer : offer ^ 1u;
    *price_units = symbol->price_units[side];
    return symbol->known[side];
}

static inline void column_model_price_set(struct column_model_symbol *symbol, uint32_t offer,
                                          uint64_t price_units)
{
    symbol->price_units[offer] = price_units;
    symbol->known[offer] = true;
}

#endif
