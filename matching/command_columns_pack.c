/* Packing: first the numbers of all records go to a tape, then every column chooses its code, then
 * the tape is written. */
#include "matching/command_columns_batch.h"

#include <string.h>

#include "matching/base/assertion.h"
#include "matching/base/bytes.h"

static inline void tape_put(struct column_batch *batch, enum column_number column, uint64_t value)
{
    struct column_bits_statistics *statistics = &batch->statistics[column];
    statistics->count++;
    if (value < statistics->minimum) {
        statistics->minimum = value;
    }
    if (value > statistics->maximum) {
        statistics->maximum = value;
    }
    batch->tape.values[batch->tape_count] = value;
    batch->tape.columns[batch->tape_count++] = (uint8_t)column;
}

static inline void tape_put_text(struct column_batch *batch, enum column_number column,
                                 uint64_t value)
{
    batch->tape.values[batch->tape_count] = value;
    batch->tape.columns[batch->tape_count++] = (uint8_t)column;
}

/* The same for a field that only has a number when it is not zero. */
static inline void tape_put_present(struct column_batch *batch, enum column_number column,
                                    uint64_t value, uint32_t bit, uint32_t *present)
{
    if (value != 0) {
        *present |= bit;
        tape_put(batch, column, value);
    }
}

/* Euclid's algorithm; 0 divides into everything. One step when `unit` divides `price`. */
static uint64_t pack_common_divisor(uint64_t price, uint64_t unit)
{
    while (unit != 0) {
        uint64_t rest = price % unit;
        price = unit;
        unit = rest;
    }
    return price;
}

/* What only the whole batch tells: the unit of prices and how session ids go on. */
static void pack_survey(struct column_batch *batch, const struct command *commands, uint32_t count)
{
    uint64_t unit = 0;
    uint32_t same_count = 0;
    uint32_t step_count = 0;
    uint32_t session_id = 0;
    for (uint32_t index = 0; index < count; index++) {
        const struct command *command = &commands[index];
        same_count += command->session_id == session_id ? 1 : 0;
        step_count += command->session_id == session_id + 1 ? 1 : 0;
        session_id = command->session_id;
        if (unit != 1 && column_template_form(command->type) == COLUMN_FORM_ORDER) {
            uint64_t price = (uint64_t)command->body.order.price;
            unit = pack_common_divisor(command->body.order.price < 0 ? 0 - price : price, unit);
        }
    }
    batch->session_step = step_count > same_count ? 1 : 0;
    batch->price_unit = unit == 0 || unit > INT64_MAX ? 1 : unit;
}

static struct column_model_session *pack_common(struct column_batch *batch,
                                                const struct command *command, uint32_t *present)
{
    struct column_model *model = &batch->model;
    tape_put_present(batch, COLUMN_TIMESTAMP, command->timestamp_ns - model->timestamp_ns,
                     COLUMN_PRESENT_TIMESTAMP, present);
    model->timestamp_ns = command->timestamp_ns;
    if (command->session_id != model->session_id + batch->session_step) {
        *present |= COLUMN_PRESENT_SESSION;
        tape_put(batch, COLUMN_SESSION, command->session_id);
    }
    model->session_id = command->session_id;

    bool fresh;
    struct column_model_session *session = column_model_session(model, command->session_id, &fresh);
    if (fresh) {
        tape_put(batch, COLUMN_EPOCH_FIRST, command->epoch);
        tape_put(batch, COLUMN_INPUT_FIRST, command->input_number);
    } else {
        uint32_t epoch_step = command->epoch - session->epoch;
        tape_put_present(batch, COLUMN_EPOCH_NEXT, column_bits_zigzag32(epoch_step),
                         COLUMN_PRESENT_EPOCH, present);
        uint64_t expected = epoch_step == 0 ? session->input_number + 1 : 1;
        tape_put_present(batch, COLUMN_INPUT_NEXT,
                         column_bits_zigzag(command->input_number - expected), COLUMN_PRESENT_INPUT,
                         present);
    }
    session->epoch = command->epoch;
    session->input_number = command->input_number;
    tape_put_present(batch, COLUMN_WAITED, command->waited_ms, COLUMN_PRESENT_WAITED, present);
    return session;
}

static struct column_model_symbol *pack_symbol(struct column_batch *batch,
                                               const struct command *commands, uint32_t index)
{
    const uint8_t *symbol = commands[index].body.order.symbol;
    bool fresh;
    uint32_t number = column_model_key(&batch->model.symbol_keys, bytes_load_le64(symbol), &fresh);
    struct column_model_symbol *known = &batch->model.symbols[number];
    tape_put(batch, COLUMN_SYMBOL, number);
    if (fresh) {
        *known = (struct column_model_symbol){0};
        uint32_t length = SYMBOL_BYTES;
        while (length > 0 && symbol[length - 1] == ' ') {
            length--;
        }
        for (uint32_t at = 0; at < length; at++) {
            column_text_use(&batch->symbol_letters, symbol[at]);
        }
        batch->symbol_letters_count += length;
        tape_put(batch, COLUMN_SYMBOL_LENGTH, length);
        tape_put_text(batch, TAPE_SYMBOL_TEXT, (uint64_t)index << 4 | length);
    }
    return known;
}

static void pack_identifier(struct column_batch *batch, struct column_model_session *session,
                            const struct command *commands, uint32_t index, uint32_t *present)
{
    const struct command_order *order = &commands[index].body.order;
    const uint8_t *id = order->client_order_id;
    uint8_t expected[CLIENT_ORDER_ID_BYTES];
    column_batch_expect(expected, batch, session, commands);
    session->order_index = index + 1;
    batch->model.order_index = index + 1;
    if (memcmp(id, expected, sizeof expected) == 0) {
        return;
    }
    *present |= COLUMN_PRESENT_IDENTIFIER;
    uint8_t counted[CLIENT_ORDER_ID_BYTES];
    memcpy(counted, expected, sizeof counted);
    column_text_replace(counted, order->user_reference);
    if (memcmp(id, counted, sizeof counted) == 0) {
        tape_put(batch, COLUMN_IDENTIFIER, IDENTIFIER_REFERENCE);
        return;
    }
    if (memcmp(id, column_batch_empty_id, sizeof column_batch_empty_id) == 0) {
        tape_put(batch, COLUMN_IDENTIFIER, IDENTIFIER_EMPTY);
        return;
    }
    uint32_t changed = 0;
    uint32_t changed_count = 0;
    for (uint32_t at = 0; at < CLIENT_ORDER_ID_BYTES; at++) {
        if (id[at] != expected[at]) {
            changed |= 1u << at;
            changed_count++;
        }
    }
    bool literal = changed_count > IDENTIFIER_CHANGED_MAX;
    for (uint32_t at = 0; at < CLIENT_ORDER_ID_BYTES; at++) {
        if (literal || (changed >> at & 1) != 0) {
            column_text_use(&batch->identifier_letters, id[at]);
        }
    }
    if (literal) {
        batch->identifier_letters_count += CLIENT_ORDER_ID_BYTES;
        tape_put(batch, COLUMN_IDENTIFIER, IDENTIFIER_LITERAL);
        tape_put_text(batch, TAPE_IDENTIFIER_LITERAL, index);
    } else {
        batch->identifier_letters_count += changed_count;
        batch->changed_count++;
        tape_put(batch, COLUMN_IDENTIFIER, IDENTIFIER_CHANGED);
        tape_put_text(batch, TAPE_IDENTIFIER_CHANGED,
                      (uint64_t)index << CLIENT_ORDER_ID_BYTES | changed);
    }
}

static void pack_price(struct column_batch *batch, struct column_model_symbol *symbol,
                       const struct command_order *order, uint32_t *present)
{
    if (order->price == 0) {
        return;
    }
    *present |= COLUMN_PRESENT_PRICE;
    uint64_t units = (uint64_t)order->price;
    if (batch->price_unit > 1) {
        units = (uint64_t)(order->price / (int64_t)batch->price_unit);
    }
    uint32_t offer = column_batch_offer(order);
    uint64_t near_units;
    if (column_model_price(symbol, offer, &near_units)) {
        tape_put(batch, COLUMN_PRICE_NEXT, column_bits_zigzag(units - near_units));
    } else {
        tape_put(batch, COLUMN_PRICE_FIRST, column_bits_zigzag(units));
    }
    column_model_price_set(symbol, offer, units);
}

static void pack_order(struct column_batch *batch, struct column_model_session *session,
                       const struct command *commands, uint32_t index, uint32_t *present)
{
    const struct command *command = &commands[index];
    const struct command_order *order = &command->body.order;
    struct column_model *model = &batch->model;
    struct column_model_symbol *symbol = pack_symbol(batch, commands, index);

    struct column_model_reference *reference =
        column_model_reference(model, command->session_id, order->channel);
    uint32_t target = order->user_reference - 1;
    if (reference->known) {
        target = reference->last;
        uint32_t step = order->user_reference - reference->last - 1;
        tape_put_present(batch, COLUMN_REFERENCE_NEXT, column_bits_zigzag32(step),
                         COLUMN_PRESENT_REFERENCE, present);
    } else {
        uint32_t guess = column_model_guess(model, command->input_number);
        tape_put(batch, COLUMN_REFERENCE_FIRST,
                 column_bits_zigzag32(order->user_reference - guess));
        column_model_learn(model, order->user_reference, command->input_number);
    }
    reference->last = order->user_reference;
    reference->known = true;
    if (order->original_user_reference != 0) {
        *present |= COLUMN_PRESENT_TARGET;
        tape_put(batch, COLUMN_TARGET_NEXT, (uint32_t)(target - order->original_user_reference));
    }

    uint32_t position = column_model_quantity_find(model, order->quantity_lots);
    tape_put(batch, COLUMN_QUANTITY, position);
    if (position == COLUMN_MODEL_QUANTITY_COUNT) {
        tape_put(batch, COLUMN_QUANTITY_NEW, order->quantity_lots);
    }
    column_model_quantity_front(model, position, order->quantity_lots);
    tape_put_present(batch, COLUMN_MINIMUM, order->minimum_lots, COLUMN_PRESENT_MINIMUM, present);
    pack_price(batch, symbol, order, present);
    uint64_t deadline_base =
        (command->flags & COMMAND_HAS_DEADLINE) != 0 ? command->timestamp_ns : 0;
    tape_put_present(batch, COLUMN_DEADLINE, order->deadline_ns - deadline_base,
                     COLUMN_PRESENT_DEADLINE, present);
    tape_put_present(batch, COLUMN_MAXIMUM_AGE, order->maximum_age_ns, COLUMN_PRESENT_MAXIMUM_AGE,
                     present);
    pack_identifier(batch, session, commands, index, present);
}

static void pack_cancel(struct column_batch *batch, const struct command *command,
                        uint32_t *present)
{
    const struct command_cancel *cancel = &command->body.cancel;
    struct column_model *model = &batch->model;
    const struct column_model_reference *reference =
        column_model_reference(model, command->session_id, cancel->channel);
    if (reference->known) {
        tape_put(batch, COLUMN_TARGET_NEXT, (uint32_t)(reference->last - cancel->user_reference));
    } else {
        uint32_t guess = column_model_guess(model, command->input_number);
        tape_put(batch, COLUMN_TARGET_FIRST, column_bits_zigzag32(guess - cancel->user_reference));
    }
    tape_put_present(batch, COLUMN_CANCEL_QUANTITY, cancel->quantity_lots, COLUMN_PRESENT_QUANTITY,
                     present);
}

static void pack_logon(struct column_batch *batch, const struct command *command, uint32_t *present)
{
    struct column_model *model = &batch->model;
    uint64_t connection_id = command->body.logon.connection_id;
    tape_put_present(batch, COLUMN_CONNECTION,
                     column_bits_zigzag(connection_id - model->connection_id - 1),
                     COLUMN_PRESENT_CONNECTION, present);
    model->connection_id = connection_id;
}

/* Put one record on the tape. */
static void pack_record(struct column_batch *batch, const struct command *commands, uint32_t index)
{
    const struct command *command = &commands[index];
    enum column_form form = column_template_form(command->type);
    uint32_t template_at = batch->tape_count;
    batch->tape.columns[batch->tape_count++] = COLUMN_TEMPLATE;
    if (!column_template_fits(form, command)) {
        batch->tape.values[template_at] = UINT64_MAX; /* Gets its rank behind all templates. */
        batch->raw_indexes[batch->raw_count++] = (uint16_t)index;
        return;
    }
    uint32_t present = 0;
    struct column_model_session *session = pack_common(batch, command, &present);
    switch (form) {
    case COLUMN_FORM_ORDER:
        pack_order(batch, session, commands, index, &present);
        break;
    case COLUMN_FORM_CANCEL:
        pack_cancel(batch, command, &present);
        break;
    case COLUMN_FORM_LOGON:
        pack_logon(batch, command, &present);
        break;
    case COLUMN_FORM_QUERY:
    case COLUMN_FORM_BARE:
        break;
    case COLUMN_FORM_RAW:
        ASSERT(false);
    }
    struct column_template template;
    column_template_take(&template, form, command);
    bytes_store_le16(template.present, (uint16_t)present);
    batch->tape.values[template_at] = column_template_use(&batch->templates, &template);
    ASSERT(batch->tape_count - template_at <= COLUMN_BATCH_TAPE_MAX);
}

/* Replace template numbers by ranks and choose every column's code. Returns the bits of the stream.
 */
static uint64_t pack_choose(struct column_batch *batch, uint32_t commands_count)
{
    column_template_rank(&batch->templates);
    struct column_bits_statistics *templates = &batch->statistics[COLUMN_TEMPLATE];
    templates->count = commands_count;
    templates->minimum = 0;
    templates->maximum = batch->templates.count - (batch->raw_count > 0 ? 0 : 1);
    for (uint32_t at = 0; at < batch->tape_count; at++) {
        uint32_t column = batch->tape.columns[at];
        if (column == COLUMN_TEMPLATE) {
            uint64_t number = batch->tape.values[at];
            batch->tape.values[at] =
                number == UINT64_MAX ? batch->templates.count : batch->templates.ranks[number];
        }
        if (column < COLUMN_COUNT) {
            struct column_bits_statistics *statistics = &batch->statistics[column];
            uint64_t value = batch->tape.values[at] - statistics->minimum;
            statistics->lengths[column_bits_length(value)]++;
        }
    }
    uint64_t bits = 0;
    for (uint32_t column = 0; column < COLUMN_COUNT; column++) {
        uint64_t column_bits;
        batch->codes[column] = column_bits_choose(&batch->statistics[column], &column_bits);
        bits += column_bits;
    }
    column_text_number(&batch->symbol_letters);
    column_text_number(&batch->identifier_letters);
    bits += (uint64_t)batch->symbol_letters_count * batch->symbol_letters.width;
    bits += (uint64_t)batch->identifier_letters_count * batch->identifier_letters.width;
    bits += (uint64_t)batch->changed_count * CLIENT_ORDER_ID_BYTES;
    return bits;
}

static void pack_header(const struct column_batch *batch, uint8_t *target, size_t *position)
{
    size_t start = *position;
    target[(*position)++] = COLUMN_BATCH_COLUMNS;
    target[(*position)++] = (uint8_t)batch->session_step;
    uint32_t used = 0;
    for (uint32_t column = 0; column < COLUMN_COUNT; column++) {
        used |= (batch->codes[column].kind != COLUMN_BITS_ZERO ? 1u : 0u) << column;
    }
    for (uint32_t shift = 0; shift < 24; shift += 8) {
        target[(*position)++] = (uint8_t)(used >> shift);
    }
    for (uint32_t column = 0; column < COLUMN_COUNT; column++) {
        if (used >> column & 1) {
            column_bits_code_write(target, position, &batch->codes[column]);
        }
    }
    column_bits_varint_write(target, position, batch->price_unit);
    column_bits_varint_write(target, position, batch->raw_count);
    column_text_alphabet_write(target, position, &batch->symbol_letters);
    column_text_alphabet_write(target, position, &batch->identifier_letters);
    ASSERT(*position - start <= COLUMN_BATCH_HEADER_BYTES_MAX);
    column_template_write(target, position, &batch->templates);
}

static void pack_letters(struct column_bits_writer *writer,
                         const struct column_text_alphabet *alphabet, const uint8_t *text,
                         uint32_t letters)
{
    for (uint32_t at = 0; letters >> at != 0; at++) {
        if (letters >> at & 1) {
            column_bits_put(writer, alphabet->numbers[text[at]], alphabet->width);
        }
    }
}

/* Letters of a record: the tape says which. */
static void pack_text(const struct column_batch *batch, struct column_bits_writer *writer,
                      const struct command *commands, uint32_t column, uint64_t value)
{
    const uint32_t id_letters = (1u << CLIENT_ORDER_ID_BYTES) - 1;
    if (column == TAPE_SYMBOL_TEXT) {
        pack_letters(writer, &batch->symbol_letters, commands[value >> 4].body.order.symbol,
                     (1u << (value & 15)) - 1);
    } else if (column == TAPE_IDENTIFIER_CHANGED) {
        uint32_t changed = (uint32_t)value & id_letters;
        column_bits_put(writer, changed, CLIENT_ORDER_ID_BYTES);
        pack_letters(writer, &batch->identifier_letters,
                     commands[value >> CLIENT_ORDER_ID_BYTES].body.order.client_order_id, changed);
    } else {
        ASSERT(column == TAPE_IDENTIFIER_LITERAL);
        pack_letters(writer, &batch->identifier_letters, commands[value].body.order.client_order_id,
                     id_letters);
    }
}

static size_t pack_write(const struct column_batch *batch, uint8_t *target,
                         const struct command *commands)
{
    size_t position = 0;
    pack_header(batch, target, &position);
    struct column_bits_writer writer = {.target = target + position};
    for (uint32_t at = 0; at < batch->tape_count; at++) {
        uint32_t column = batch->tape.columns[at];
        if (column < COLUMN_COUNT) {
            column_bits_write(&writer, &batch->codes[column], batch->tape.values[at]);
        } else {
            pack_text(batch, &writer, commands, column, batch->tape.values[at]);
        }
    }
    position += column_bits_finish(&writer);
    for (uint32_t raw = 0; raw < batch->raw_count; raw++) {
        memcpy(target + position, &commands[batch->raw_indexes[raw]], sizeof commands[0]);
        position += sizeof commands[0];
    }
    return position;
}

static void pack_reset(struct column_batch *batch, uint32_t count, uint64_t base_timestamp_ns)
{
    column_model_reset(&batch->model, count, base_timestamp_ns);
    column_template_reset(&batch->templates, count);
    memset(batch->statistics, 0, sizeof batch->statistics);
    for (uint32_t column = 0; column < COLUMN_COUNT; column++) {
        batch->statistics[column].minimum = UINT64_MAX;
    }
    memset(batch->symbol_letters.used, 0, sizeof batch->symbol_letters.used);
    memset(batch->identifier_letters.used, 0, sizeof batch->identifier_letters.used);
    batch->symbol_letters_count = 0;
    batch->identifier_letters_count = 0;
    batch->changed_count = 0;
    batch->raw_count = 0;
    batch->tape_count = 0;
}

size_t command_columns_pack_batch(struct column_batch *batch, uint8_t *target,
                                  const struct command *commands, uint32_t count,
                                  uint64_t base_timestamp_ns)
{
    pack_reset(batch, count, base_timestamp_ns);
    pack_survey(batch, commands, count);
    for (uint32_t index = 0; index < count; index++) {
        pack_record(batch, commands, index);
    }
    uint64_t stream_bits = pack_choose(batch, count);
    size_t records_bytes = count * sizeof commands[0];
    size_t packed_max = COLUMN_BATCH_HEADER_BYTES_MAX + column_template_bytes(&batch->templates) +
                        (size_t)(stream_bits / 8) + batch->raw_count * sizeof commands[0];
    if (packed_max > records_bytes + COLUMN_BATCH_HEADER_BYTES_MAX) {
        target[0] = COLUMN_BATCH_RAW;
        memcpy(target + 1, commands, records_bytes);
        return 1 + records_bytes;
    }
    size_t packed = pack_write(batch, target, commands);
    ASSERT(packed <= packed_max);
    return packed;
}
