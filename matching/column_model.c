#include "matching/column_model.h"

#include <string.h>

static void column_model_keys_reset(struct column_model_keys *keys, uint32_t slots_count)
{
    ASSERT(slots_count <= COLUMN_MODEL_SLOTS_MAX);
    keys->count = 0;
    keys->slots_mask = slots_count - 1;
    memset(keys->slots, 0, slots_count * sizeof keys->slots[0]);
}

void column_model_reset(struct column_model *model, uint32_t count, uint64_t base_timestamp_ns)
{
    static_assert((COLUMN_MODEL_SLOTS_MAX & (COLUMN_MODEL_SLOTS_MAX - 1)) == 0, "used as a mask");
    static_assert(COLUMN_MODEL_KEYS_MAX < UINT16_MAX, "numbers + 1 fit a slot");
    ASSERT(count > 0);
    ASSERT(count <= COLUMN_MODEL_KEYS_MAX);

    uint32_t slots_count = 4;
    while (slots_count < 4 * count) {
        slots_count *= 2;
    }
    column_model_keys_reset(&model->session_keys, slots_count);
    column_model_keys_reset(&model->reference_keys, slots_count);
    column_model_keys_reset(&model->symbol_keys, slots_count);
    memset(model->quantities, 0, sizeof model->quantities);
    model->timestamp_ns = base_timestamp_ns;
    model->connection_id = 0;
    model->reference_sum = 0;
    model->input_sum = 0;
    model->ratio = 0;
    model->session_id = 0;
    model->order_index = 0;
}
