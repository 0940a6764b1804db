/* Unpacking: one pass over the bits, whatever they are. */
#include "matching/command_columns_batch.h"

#include <string.h>

#include "matching/base/assertion.h"
#include "matching/base/bytes.h"

/* The stream being read, and where it goes. */
struct unpack {
    struct column_batch *batch;
    struct command *commands;
    struct column_bits_reader reader;
};

static inline uint64_t unpack_number(struct unpack *unpack, enum column_number column)
{
    return column_bits_read(&unpack->reader, &unpack->batch->codes[column]);
}

/* A number that must fit 32 bits. */
static inline uint32_t unpack_number32(struct unpack *unpack, enum column_number column)
{
    uint64_t value = unpack_number(unpack, column);
    unpack->reader.failed |= value > UINT32_MAX;
    return (uint32_t)value;
}

/* A number of a field that is zero where it has none. */
static inline uint64_t unpack_present(struct unpack *unpack, enum column_number column,
                                      uint32_t bit, uint32_t present)
{
    return (present & bit) != 0 ? unpack_number(unpack, column) : 0;
}

static inline uint32_t unpack_present32(struct unpack *unpack, enum column_number column,
                                        uint32_t bit, uint32_t present)
{
    return (present & bit) != 0 ? unpack_number32(unpack, column) : 0;
}

static void unpack_letters(struct unpack *unpack, const struct column_text_alphabet *alphabet,
                           uint8_t *text, uint32_t letters)
{
    for (uint32_t at = 0; letters >> at != 0; at++) {
        if (letters >> at & 1) {
            uint64_t number = column_bits_take(&unpack->reader, alphabet->width);
            bool known = number < alphabet->count;
            unpack->reader.failed |= !known;
            text[at] = known ? alphabet->letters[number] : 0;
        }
    }
}

static struct column_model_session *unpack_common(struct unpack *unpack, struct command *command,
                                                  uint32_t present)
{
    struct column_model *model = &unpack->batch->model;
    model->timestamp_ns +=
        unpack_present(unpack, COLUMN_TIMESTAMP, COLUMN_PRESENT_TIMESTAMP, present);
    command->timestamp_ns = model->timestamp_ns;
    model->session_id += unpack->batch->session_step;
    if ((present & COLUMN_PRESENT_SESSION) != 0) {
        model->session_id = unpack_number32(unpack, COLUMN_SESSION);
    }
    command->session_id = model->session_id;

    bool fresh;
    struct column_model_session *session = column_model_session(model, command->session_id, &fresh);
    if (fresh) {
        session->epoch = unpack_number32(unpack, COLUMN_EPOCH_FIRST);
        session->input_number = unpack_number(unpack, COLUMN_INPUT_FIRST);
    } else {
        uint32_t epoch_step = column_bits_unzigzag32(
            unpack_present32(unpack, COLUMN_EPOCH_NEXT, COLUMN_PRESENT_EPOCH, present));
        uint64_t expected = epoch_step == 0 ? session->input_number + 1 : 1;
        session->epoch += epoch_step;
        session->input_number =
            expected + column_bits_unzigzag(unpack_present(unpack, COLUMN_INPUT_NEXT,
                                                           COLUMN_PRESENT_INPUT, present));
    }
    command->epoch = session->epoch;
    command->input_number = session->input_number;
    command->waited_ms = unpack_present32(unpack, COLUMN_WAITED, COLUMN_PRESENT_WAITED, present);
    return session;
}

/* NULL: no such symbol. */
static struct column_model_symbol *unpack_symbol(struct unpack *unpack, struct command_order *order)
{
    struct column_model_keys *keys = &unpack->batch->model.symbol_keys;
    uint64_t number = unpack_number(unpack, COLUMN_SYMBOL);
    if (number > keys->count) {
        return NULL;
    }
    struct column_model_symbol *symbol = &unpack->batch->model.symbols[number];
    if (number == keys->count) {
        uint64_t length = unpack_number(unpack, COLUMN_SYMBOL_LENGTH);
        if (length > SYMBOL_BYTES) {
            return NULL;
        }
        uint8_t text[SYMBOL_BYTES];
        memset(text, ' ', sizeof text);
        unpack_letters(unpack, &unpack->batch->symbol_letters, text, (1u << length) - 1);
        ASSERT(keys->count < COLUMN_MODEL_KEYS_MAX);
        keys->keys[keys->count++] = bytes_load_le64(text);
        *symbol = (struct column_model_symbol){0};
    }
    bytes_store_le64(order->symbol, keys->keys[number]);
    return symbol;
}

static void unpack_identifier(struct unpack *unpack, struct column_model_session *session,
                              uint32_t index, uint32_t present)
{
    const uint32_t id_letters = (1u << CLIENT_ORDER_ID_BYTES) - 1;
    struct command_order *order = &unpack->commands[index].body.order;
    uint8_t *id = order->client_order_id;
    column_batch_expect(id, unpack->batch, session, unpack->commands);
    session->order_index = index + 1;
    unpack->batch->model.order_index = index + 1;
    if ((present & COLUMN_PRESENT_IDENTIFIER) == 0) {
        return;
    }
    switch (unpack_number(unpack, COLUMN_IDENTIFIER)) {
    case IDENTIFIER_REFERENCE:
        column_text_replace(id, order->user_reference);
        return;
    case IDENTIFIER_EMPTY:
        memcpy(id, column_batch_empty_id, CLIENT_ORDER_ID_BYTES);
        return;
    case IDENTIFIER_CHANGED:
        unpack_letters(unpack, &unpack->batch->identifier_letters, id,
                       (uint32_t)column_bits_take(&unpack->reader, CLIENT_ORDER_ID_BYTES));
        return;
    case IDENTIFIER_LITERAL:
        unpack_letters(unpack, &unpack->batch->identifier_letters, id, id_letters);
        return;
    default:
        unpack->reader.failed = true;
    }
}

static void unpack_price(struct unpack *unpack, struct column_model_symbol *symbol,
                         struct command_order *order, uint32_t present)
{
    if ((present & COLUMN_PRESENT_PRICE) == 0) {
        return;
    }
    uint32_t offer = column_batch_offer(order);
    uint64_t units;
    if (column_model_price(symbol, offer, &units)) {
        units += column_bits_unzigzag(unpack_number(unpack, COLUMN_PRICE_NEXT));
    } else {
        units = column_bits_unzigzag(unpack_number(unpack, COLUMN_PRICE_FIRST));
    }
    column_model_price_set(symbol, offer, units);
    order->price = (int64_t)(units * unpack->batch->price_unit);
}

static void unpack_order(struct unpack *unpack, struct column_model_session *session,
                         uint32_t index, uint32_t present)
{
    struct command *command = &unpack->commands[index];
    struct command_order *order = &command->body.order;
    struct column_model *model = &unpack->batch->model;
    struct column_model_symbol *symbol = unpack_symbol(unpack, order);
    if (symbol == NULL) {
        unpack->reader.failed = true;
        return;
    }

    struct column_model_reference *reference =
        column_model_reference(model, command->session_id, order->channel);
    uint32_t target;
    if (reference->known) {
        target = reference->last;
        order->user_reference =
            reference->last + 1 +
            column_bits_unzigzag32(
                unpack_present32(unpack, COLUMN_REFERENCE_NEXT, COLUMN_PRESENT_REFERENCE, present));
    } else {
        order->user_reference =
            column_model_guess(model, command->input_number) +
            column_bits_unzigzag32(unpack_number32(unpack, COLUMN_REFERENCE_FIRST));
        column_model_learn(model, order->user_reference, command->input_number);
        target = order->user_reference - 1;
    }
    reference->last = order->user_reference;
    reference->known = true;
    if ((present & COLUMN_PRESENT_TARGET) != 0) {
        order->original_user_reference = target - unpack_number32(unpack, COLUMN_TARGET_NEXT);
    }

    uint64_t position = unpack_number(unpack, COLUMN_QUANTITY);
    if (position < COLUMN_MODEL_QUANTITY_COUNT) {
        order->quantity_lots = model->quantities[position];
    } else {
        unpack->reader.failed |= position > COLUMN_MODEL_QUANTITY_COUNT;
        position = COLUMN_MODEL_QUANTITY_COUNT;
        order->quantity_lots = unpack_number(unpack, COLUMN_QUANTITY_NEW);
    }
    column_model_quantity_front(model, (uint32_t)position, order->quantity_lots);
    order->minimum_lots = unpack_present(unpack, COLUMN_MINIMUM, COLUMN_PRESENT_MINIMUM, present);
    unpack_price(unpack, symbol, order, present);
    uint64_t deadline_base =
        (command->flags & COMMAND_HAS_DEADLINE) != 0 ? command->timestamp_ns : 0;
    order->deadline_ns =
        deadline_base + unpack_present(unpack, COLUMN_DEADLINE, COLUMN_PRESENT_DEADLINE, present);
    order->maximum_age_ns =
        unpack_present(unpack, COLUMN_MAXIMUM_AGE, COLUMN_PRESENT_MAXIMUM_AGE, present);
    unpack_identifier(unpack, session, index, present);
}

static void unpack_cancel(struct unpack *unpack, struct command *command, uint32_t present)
{
    struct command_cancel *cancel = &command->body.cancel;
    struct column_model *model = &unpack->batch->model;
    const struct column_model_reference *reference =
        column_model_reference(model, command->session_id, cancel->channel);
    if (reference->known) {
        cancel->user_reference = reference->last - unpack_number32(unpack, COLUMN_TARGET_NEXT);
    } else {
        cancel->user_reference =
            column_model_guess(model, command->input_number) -
            column_bits_unzigzag32(unpack_number32(unpack, COLUMN_TARGET_FIRST));
    }
    cancel->quantity_lots =
        unpack_present(unpack, COLUMN_CANCEL_QUANTITY, COLUMN_PRESENT_QUANTITY, present);
}

static void unpack_logon(struct unpack *unpack, struct command *command, uint32_t present)
{
    struct column_model *model = &unpack->batch->model;
    uint64_t step = column_bits_unzigzag(
        unpack_present(unpack, COLUMN_CONNECTION, COLUMN_PRESENT_CONNECTION, present));
    model->connection_id += 1 + step;
    command->body.logon.connection_id = model->connection_id;
}

static void unpack_record(struct unpack *unpack, uint32_t index,
                          const struct column_template *template)
{
    struct command *command = &unpack->commands[index];
    memset(command, 0, sizeof *command);
    enum column_form form = column_template_form(template->type);
    column_template_give(template, form, command);
    uint32_t present = bytes_load_le16(template->present);
    struct column_model_session *session = unpack_common(unpack, command, present);
    switch (form) {
    case COLUMN_FORM_ORDER:
        unpack_order(unpack, session, index, present);
        return;
    case COLUMN_FORM_CANCEL:
        unpack_cancel(unpack, command, present);
        return;
    case COLUMN_FORM_LOGON:
        unpack_logon(unpack, command, present);
        return;
    case COLUMN_FORM_QUERY:
    case COLUMN_FORM_BARE:
        return;
    case COLUMN_FORM_RAW:
        break; /* Templates of such types are refused when they are read. */
    }
    ASSERT(false);
}

/* Read everything in front of the stream of bits; `*position` is where that begins. */
static enum status unpack_header(struct column_batch *batch, uint32_t count, const uint8_t *source,
                                 size_t source_bytes, size_t *position)
{
    if (source_bytes < COLUMN_BATCH_HEADER_FIXED) {
        return STATUS_SHORT;
    }
    ASSERT(source[0] == COLUMN_BATCH_COLUMNS);
    batch->session_step = source[1];
    uint32_t used = source[2] | (uint32_t)source[3] << 8 | (uint32_t)source[4] << 16;
    static_assert(COLUMN_COUNT == 24, "every bit of the three bytes is a column");
    if (batch->session_step > 1) {
        return STATUS_BAD_FORMAT;
    }
    *position = COLUMN_BATCH_HEADER_FIXED;
    enum status status = STATUS_OK;
    for (uint32_t column = 0; column < COLUMN_COUNT && status == STATUS_OK; column++) {
        batch->codes[column] = (struct column_bits_code){.kind = COLUMN_BITS_ZERO};
        if (used >> column & 1) {
            status = column_bits_code_read(&batch->codes[column], source, source_bytes, position);
        }
    }
    uint64_t raw_count = 0;
    if (status == STATUS_OK) {
        status = column_bits_varint_read(&batch->price_unit, source, source_bytes, position);
    }
    if (status == STATUS_OK) {
        status = column_bits_varint_read(&raw_count, source, source_bytes, position);
    }
    if (status == STATUS_OK) {
        status = column_text_alphabet_read(&batch->symbol_letters, source, source_bytes, position);
    }
    if (status == STATUS_OK) {
        status =
            column_text_alphabet_read(&batch->identifier_letters, source, source_bytes, position);
    }
    if (status == STATUS_OK) {
        status = column_template_read(&batch->templates, count, source, source_bytes, position);
    }
    if (status == STATUS_OK && (raw_count > count || batch->price_unit == 0)) {
        return STATUS_BAD_FORMAT;
    }
    batch->raw_count = (uint32_t)raw_count;
    return status;
}

/* Read all records from the stream and the raw ones behind it. */
static enum status unpack_records(struct unpack *unpack, uint32_t count, uint64_t stream_bits,
                                  const uint8_t *raw)
{
    struct column_batch *batch = unpack->batch;
    uint32_t raw_count = 0;
    for (uint32_t index = 0; index < count; index++) {
        uint64_t rank = unpack_number(unpack, COLUMN_TEMPLATE);
        if (rank < batch->templates.count) {
            unpack_record(unpack, index, &batch->templates.templates[rank]);
        } else if (rank == batch->templates.count && raw_count < batch->raw_count) {
            memcpy(&unpack->commands[index], raw + raw_count * sizeof(struct command),
                   sizeof(struct command));
            raw_count++;
        } else {
            return STATUS_BAD_FORMAT;
        }
        /* The slack behind the stream takes any one record, so one look a record is enough. */
        if (unpack->reader.failed || unpack->reader.position > stream_bits) {
            return STATUS_BAD_FORMAT;
        }
    }
    uint64_t rest = stream_bits - unpack->reader.position;
    if (raw_count != batch->raw_count || rest >= 8 ||
        column_bits_take(&unpack->reader, (uint32_t)rest) != 0) {
        return STATUS_BAD_FORMAT;
    }
    return STATUS_OK;
}

enum status command_columns_unpack_batch(struct column_batch *batch, struct command *commands,
                                         uint32_t count, const uint8_t *source, size_t source_bytes,
                                         uint64_t base_timestamp_ns)
{
    size_t records_bytes = count * sizeof commands[0];
    if (source_bytes < 1 || source[0] > COLUMN_BATCH_COLUMNS) {
        return STATUS_BAD_FORMAT;
    }
    if (source[0] == COLUMN_BATCH_RAW) {
        if (source_bytes != 1 + records_bytes) {
            return STATUS_BAD_FORMAT;
        }
        memcpy(commands, source + 1, records_bytes);
        return STATUS_OK;
    }
    size_t position;
    if (source_bytes > records_bytes + 2 * COLUMN_BATCH_HEADER_BYTES_MAX ||
        unpack_header(batch, count, source, source_bytes, &position) != STATUS_OK) {
        return STATUS_BAD_FORMAT;
    }
    size_t raw_bytes = batch->raw_count * sizeof commands[0];
    if (source_bytes - position < raw_bytes) {
        return STATUS_BAD_FORMAT;
    }
    size_t stream_bytes = source_bytes - position - raw_bytes;
    ASSERT(stream_bytes + COLUMN_BATCH_SLACK_BYTES <= sizeof batch->stream);
    memcpy(batch->stream, source + position, stream_bytes);
    memset(batch->stream + stream_bytes, 0, COLUMN_BATCH_SLACK_BYTES);
    column_model_reset(&batch->model, count, base_timestamp_ns);
    struct unpack unpack = {.batch = batch,
                            .commands = commands,
                            .reader = {.source = batch->stream}};
    return unpack_records(&unpack, count, stream_bytes * 8, source + source_bytes - raw_bytes);
}
