#include "gateway/admin_read.h"

#include <inttypes.h>
#include <jansson.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "gateway/admin_json.h"
#include "gateway/credential.h"
#include "matching/base/assertion.h"
#include "matching/base/limits.h"

#define READER_FIELDS_MAX 12u
#define DECIMALS_MAX      12

/* Reads the fields of one JSON object, notes the first complaint, and knows at the end which fields
 * nobody asked for. */
struct reader {
    json_t *object;
    const char *names[READER_FIELDS_MAX];
    uint32_t name_count;
    bool failed;
    char *error; /* ADMIN_READ_ERROR_BYTES. */
};

static void reader_fail(struct reader *reader, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void reader_fail(struct reader *reader, const char *format, ...)
{
    if (!reader->failed) {
        reader->failed = true;
        va_list arguments;
        va_start(arguments, format);
        (void)vsnprintf(reader->error, ADMIN_READ_ERROR_BYTES, format, arguments);
        va_end(arguments);
    }
}

static json_t *reader_field(struct reader *reader, const char *name)
{
    ASSERT(reader->name_count < READER_FIELDS_MAX);
    reader->names[reader->name_count++] = name;
    json_t *value = json_object_get(reader->object, name);
    if (value == NULL) {
        reader_fail(reader, "field \"%s\" is missing", name);
    }
    return value;
}

static int64_t reader_integer(struct reader *reader, const char *name, int64_t least, int64_t most)
{
    json_t *value = reader_field(reader, name);
    if (value == NULL) {
        return least;
    }
    int64_t number = json_integer_value(value);
    if (!json_is_integer(value) || number < least || number > most) {
        reader_fail(reader, "field \"%s\" must be an integer from %" PRId64 " to %" PRId64, name,
                    least, most);
        return least;
    }
    return number;
}

/* Fields that came later may be left out: they are zero then. */
static bool reader_has(const struct reader *reader, const char *name)
{
    return json_object_get(reader->object, name) != NULL;
}

static bool reader_boolean(struct reader *reader, const char *name)
{
    json_t *value = reader_field(reader, name);
    if (value != NULL && !json_is_boolean(value)) {
        reader_fail(reader, "field \"%s\" must be true or false", name);
    }
    return json_is_true(value);
}

static const char *reader_text(struct reader *reader, const char *name)
{
    json_t *value = reader_field(reader, name);
    if (value != NULL && !json_is_string(value)) {
        reader_fail(reader, "field \"%s\" must be a text", name);
    }
    const char *text = json_string_value(value);
    return text != NULL ? text : "";
}

/* `text_of` gives the word of a value, or NULL where a value has none. */
static uint8_t reader_word(struct reader *reader, const char *name,
                           const char *(*text_of)(uint8_t value))
{
    const char *text = reader_text(reader, name);
    for (uint8_t value = 1; value < UINT8_MAX; value++) {
        const char *word = text_of(value);
        if (word != NULL && strcmp(word, text) == 0) {
            return value;
        }
    }
    reader_fail(reader, "field \"%s\" cannot be \"%.32s\"", name, text);
    return 0;
}

static void reader_padded(struct reader *reader, const char *name, uint8_t *target, size_t bytes)
{
    const char *text = reader_text(reader, name);
    size_t length = strlen(text);
    bool right = length > 0 && length <= bytes;
    for (size_t i = 0; right && i < length; i++) {
        right = text[i] > ' ' && text[i] <= '~';
    }
    if (!right) {
        reader_fail(reader, "field \"%s\" must be 1 to %zu printable characters without spaces",
                    name, bytes);
        return;
    }
    memset(target, ' ', bytes);
    memcpy(target, text, length);
}

static void reader_hex(struct reader *reader, const char *name, uint8_t *target, size_t bytes)
{
    const char *text = reader_text(reader, name);
    size_t made = 0;
    if (strlen(text) != 2 * bytes ||
        sodium_hex2bin(target, bytes, text, 2 * bytes, NULL, &made, NULL) != 0 || made != bytes) {
        reader_fail(reader, "field \"%s\" must be %zu hexadecimal digits", name, 2 * bytes);
    }
}

/* A misspelt field must not be passed over in silence. */
static void reader_end(struct reader *reader)
{
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach(reader->object, key, value)
    {
        bool known = false;
        for (uint32_t i = 0; i < reader->name_count; i++) {
            known = known || strcmp(key, reader->names[i]) == 0;
        }
        if (!known) {
            reader_fail(reader, "unknown field \"%.64s\"", key);
        }
    }
}

static void read_instrument(struct reader *reader, struct command_instrument *instrument)
{
    reader_padded(reader, "symbol", instrument->symbol, SYMBOL_BYTES);
    instrument->tick_size = reader_integer(reader, "tick_size", 1, ORDER_PRICE_MAX);
    instrument->price_min = reader_integer(reader, "price_min", -ORDER_PRICE_MAX, ORDER_PRICE_MAX);
    instrument->price_max = reader_integer(reader, "price_max", -ORDER_PRICE_MAX, ORDER_PRICE_MAX);
    instrument->quantity_lots_max =
        (uint64_t)reader_integer(reader, "quantity_lots_max", 1, (int64_t)ORDER_LOTS_MAX);
    instrument->price_decimals = (uint8_t)reader_integer(reader, "price_decimals", 0, DECIMALS_MAX);
    instrument->quantity_decimals =
        (uint8_t)reader_integer(reader, "quantity_decimals", 0, DECIMALS_MAX);
    instrument->state = reader_word(reader, "state", admin_json_state_text);
    instrument->equity = reader_boolean(reader, "equity");
}

static void read_session(struct reader *reader, struct command_session *session)
{
    reader_padded(reader, "name", session->name, SESSION_NAME_BYTES);
    reader_padded(reader, "firm", session->firm, FIRM_NAME_BYTES);
    session->open_orders_max =
        (uint32_t)reader_integer(reader, "open_orders_max", 1, SESSION_ORDERS_MAX);
    session->maximum_age_ns = (uint64_t)reader_integer(reader, "maximum_age_ns", 0, INT64_MAX);
    session->hash_operations =
        (uint32_t)reader_integer(reader, "hash_operations", 1, CREDENTIAL_OPERATIONS_MAX);
    session->hash_memory_kib =
        (uint32_t)reader_integer(reader, "hash_memory_kib", 8, CREDENTIAL_MEMORY_KIB_MAX);
    reader_hex(reader, "salt", session->salt, CREDENTIAL_SALT_BYTES);
    reader_hex(reader, "hash", session->hash, CREDENTIAL_HASH_BYTES);
    if (reader_has(reader, "cancel_on_disconnect")) {
        session->cancel_on_disconnect = reader_boolean(reader, "cancel_on_disconnect");
    }
    if (reader_has(reader, "grace_ms")) {
        session->grace_ms = (uint32_t)reader_integer(reader, "grace_ms", 0, GRACE_MS_MAX);
    }
}

static void read_object(struct reader *reader, struct command *command)
{
    switch ((enum command_type)command->type) {
    case COMMAND_INSTRUMENT_SET:
        read_instrument(reader, &command->body.instrument);
        return;
    case COMMAND_INSTRUMENT_STATE:
        reader_padded(reader, "symbol", command->body.instrument.symbol, SYMBOL_BYTES);
        command->body.instrument.state = reader_word(reader, "state", admin_json_state_text);
        return;
    case COMMAND_FIRM_SET:
        reader_padded(reader, "name", command->body.firm.name, FIRM_NAME_BYTES);
        command->body.firm.enabled = reader_boolean(reader, "enabled");
        return;
    case COMMAND_SESSION_SET:
        read_session(reader, &command->body.session);
        return;
    case COMMAND_SESSION_END:
        reader_padded(reader, "name", command->body.session_end.name, SESSION_NAME_BYTES);
        return;
    case COMMAND_SHARD_SET:
        command->body.shard.day_end_set = reader_boolean(reader, "day_end_set");
        command->body.shard.day_end_second =
            (uint32_t)reader_integer(reader, "day_end_second", 0, 86399);
        if (reader_has(reader, "cancel_only_ms")) {
            command->body.shard.cancel_only_ms =
                (uint32_t)reader_integer(reader, "cancel_only_ms", 0, CANCEL_ONLY_MS_MAX);
        }
        return;
    case COMMAND_TICK:
    case COMMAND_ORDER_ENTER:
    case COMMAND_ORDER_REPLACE:
    case COMMAND_ORDER_CANCEL:
    case COMMAND_ACCOUNT_QUERY:
    case COMMAND_SESSION_LOGON:
    case COMMAND_SESSION_LOGOFF:
    case COMMAND_SITE_SILENT:
        break;
    }
    ASSERT(false);
}

enum status admin_read_command(struct command *command, uint16_t *shard_id, const char *text,
                               size_t text_bytes, char error[static ADMIN_READ_ERROR_BYTES])
{
    ASSERT(text != NULL || text_bytes == 0);
    error[0] = '\0';
    json_error_t place;
    json_t *root =
        json_loadb(text_bytes > 0 ? text : "", text_bytes, JSON_REJECT_DUPLICATES, &place);
    if (root == NULL) {
        (void)snprintf(error, ADMIN_READ_ERROR_BYTES, "not JSON: line %d, column %d: %s",
                       place.line, place.column, place.text);
        return STATUS_BAD_FORMAT;
    }
    struct reader reader = {.object = root, .error = error};
    struct command made = {0};
    uint16_t shard = 0;
    if (!json_is_object(root)) {
        reader_fail(&reader, "the body must be a JSON object");
    } else {
        shard = (uint16_t)reader_integer(&reader, "shard", 1, SHARDS_MAX);
        made.input_number = (uint64_t)reader_integer(&reader, "request_id", 1, INT64_MAX);
        made.epoch = (uint32_t)reader_integer(&reader, "expected_version", 0, UINT32_MAX);
        made.type = reader_word(&reader, "type", admin_json_type_text);
        json_t *object = reader_field(&reader, "object");
        if (object != NULL && !json_is_object(object)) {
            reader_fail(&reader, "field \"object\" must be a JSON object");
        }
        reader_end(&reader);
        if (!reader.failed) {
            struct reader inner = {.object = object, .error = error};
            read_object(&inner, &made);
            reader_end(&inner);
            reader.failed = inner.failed;
        }
    }
    json_decref(root);
    if (reader.failed) {
        ASSERT(error[0] != '\0');
        return STATUS_BAD_FORMAT;
    }
    *command = made;
    *shard_id = shard;
    return STATUS_OK;
}
