#include "tools/command_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "matching/base/assertion.h"

#define COMMAND_TEXT_NS_A_S UINT64_C(1000000000)

struct command_text_line {
    char *target;
    size_t used;
    bool json;
};

static void command_text_put(struct command_text_line *line, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void command_text_put(struct command_text_line *line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int wanted =
        vsnprintf(line->target + line->used, COMMAND_TEXT_BYTES - line->used, format, arguments);
    va_end(arguments);
    ASSERT(wanted >= 0);
    ASSERT(line->used + (size_t)wanted < COMMAND_TEXT_BYTES);
    line->used += (size_t)wanted;
}

static void command_text_name(struct command_text_line *line, const char *name)
{
    const char *gap = line->used == 0 || line->target[line->used - 1] == '{' ? "" : " ";
    if (line->json) {
        command_text_put(line, "%s\"%s\":", *gap == '\0' ? "" : ",", name);
    } else {
        command_text_put(line, "%s%s=", gap, name);
    }
}

static void command_text_number(struct command_text_line *line, const char *name, uint64_t number)
{
    command_text_name(line, name);
    bool quoted = line->json && number > INT64_MAX;
    command_text_put(line, quoted ? "\"%llu\"" : "%llu", (unsigned long long)number);
}

static void command_text_signed(struct command_text_line *line, const char *name, int64_t number)
{
    command_text_name(line, name);
    command_text_put(line, "%lld", (long long)number);
}

/* A number that means something only when it is not zero. */
static void command_text_some(struct command_text_line *line, const char *name, uint64_t number)
{
    if (number != 0) {
        command_text_number(line, name, number);
    }
}

static void command_text_word(struct command_text_line *line, const char *name, const char *word)
{
    command_text_name(line, name);
    command_text_put(line, line->json ? "\"%s\"" : "%s", word);
}

/* Bytes padded with spaces, as they are on the wire. */
static void command_text_string(struct command_text_line *line, const char *name,
                                const uint8_t *bytes, size_t count)
{
    while (count > 0 && bytes[count - 1] == ' ') {
        count--;
    }
    command_text_name(line, name);
    command_text_put(line, "\"");
    for (size_t i = 0; i < count; i++) {
        if (bytes[i] < 0x20 || bytes[i] >= 0x7F || bytes[i] == '"' || bytes[i] == '\\') {
            command_text_put(line, line->json ? "\\u00%02x" : "\\x%02x", bytes[i]);
        } else {
            command_text_put(line, "%c", bytes[i]);
        }
    }
    command_text_put(line, "\"");
}

static void command_text_hex(struct command_text_line *line, const char *name, const uint8_t *bytes,
                             size_t count)
{
    command_text_name(line, name);
    command_text_put(line, "\"");
    for (size_t i = 0; i < count; i++) {
        command_text_put(line, "%02x", bytes[i]);
    }
    command_text_put(line, "\"");
}

/* A value of an enum by its word, or as a number when there is no such value. */
static void command_text_value(struct command_text_line *line, const char *name, uint8_t value,
                               const char *const *words, size_t word_count)
{
    if (value < word_count && words[value] != NULL) {
        command_text_word(line, name, words[value]);
    } else {
        command_text_number(line, name, value);
    }
}

#define COMMAND_TEXT_VALUE(line, name, value, words)                                               \
    command_text_value(line, name, value, words, sizeof(words) / sizeof(words)[0])

static const char *const command_text_sides[] = {
    [SIDE_BUY] = "buy",
    [SIDE_SELL] = "sell",
    [SIDE_SELL_SHORT] = "sell-short",
    [SIDE_SELL_SHORT_EXEMPT] = "sell-short-exempt",
};
static const char *const command_text_times[] = {
    [TIF_DAY] = "day", [TIF_GTC] = "gtc", [TIF_IOC] = "ioc", [TIF_FOK] = "fok"};
static const char *const command_text_kinds[] = {
    [ORDER_LIMIT] = "limit", [ORDER_MARKET] = "market"};
static const char *const command_text_states[] = {
    [TRADING_HALTED] = "halted", [TRADING_OPEN] = "open", [TRADING_CANCEL_ONLY] = "cancel-only"};

const char *command_text_type(uint8_t type)
{
    static const char *const types[] = {[COMMAND_TICK] = "tick",
                                        [COMMAND_ORDER_ENTER] = "order-enter",
                                        [COMMAND_ORDER_REPLACE] = "order-replace",
                                        [COMMAND_ORDER_CANCEL] = "order-cancel",
                                        [COMMAND_ACCOUNT_QUERY] = "account-query",
                                        [COMMAND_SESSION_LOGON] = "session-logon",
                                        [COMMAND_SESSION_LOGOFF] = "session-logoff",
                                        [COMMAND_SITE_SILENT] = "site-silent",
                                        [COMMAND_INSTRUMENT_SET] = "instrument-set",
                                        [COMMAND_INSTRUMENT_STATE] = "instrument-state",
                                        [COMMAND_FIRM_SET] = "firm-set",
                                        [COMMAND_SESSION_SET] = "session-set",
                                        [COMMAND_SESSION_END] = "session-end",
                                        [COMMAND_SHARD_SET] = "shard-set"};
    return type < sizeof types / sizeof types[0] ? types[type] : NULL;
}

void command_text_time(char *target, size_t target_bytes, uint64_t timestamp_ns)
{
    ASSERT(target_bytes >= 40);
    time_t seconds = (time_t)(timestamp_ns / COMMAND_TEXT_NS_A_S);
    struct tm parts;
    char date[32] = "?";
    if (gmtime_r(&seconds, &parts) != NULL) {
        (void)strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &parts);
    }
    (void)snprintf(target, target_bytes, "%s.%09uZ", date,
                   (unsigned)(timestamp_ns % COMMAND_TEXT_NS_A_S));
}

static void command_text_order(struct command_text_line *line, const struct command *command)
{
    const struct command_order *order = &command->body.order;
    command_text_number(line, "user_reference", order->user_reference);
    command_text_some(line, "channel", order->channel);
    if (command->type == COMMAND_ORDER_REPLACE) {
        command_text_number(line, "original_user_reference", order->original_user_reference);
    } else {
        command_text_string(line, "symbol", order->symbol, sizeof order->symbol);
        COMMAND_TEXT_VALUE(line, "side", order->side, command_text_sides);
    }
    COMMAND_TEXT_VALUE(line, "kind", order->kind, command_text_kinds);
    COMMAND_TEXT_VALUE(line, "time_in_force", order->time_in_force, command_text_times);
    command_text_number(line, "quantity_lots", order->quantity_lots);
    command_text_some(line, "minimum_lots", order->minimum_lots);
    command_text_signed(line, "price", order->price);
    command_text_some(line, "deadline_ns", order->deadline_ns);
    command_text_some(line, "maximum_age_ns", order->maximum_age_ns);
    const uint8_t echoed[] = {order->display, order->capacity, order->sweep, order->cross};
    command_text_string(line, "echoed", echoed, sizeof echoed);
    command_text_some(line, "reject", order->reject);
    command_text_string(line, "client_order_id", order->client_order_id,
                        sizeof order->client_order_id);
}

static void command_text_instrument(struct command_text_line *line, const struct command *command)
{
    const struct command_instrument *instrument = &command->body.instrument;
    command_text_string(line, "symbol", instrument->symbol, sizeof instrument->symbol);
    COMMAND_TEXT_VALUE(line, "state", instrument->state, command_text_states);
    if (command->type == COMMAND_INSTRUMENT_STATE) {
        return;
    }
    command_text_number(line, "price_decimals", instrument->price_decimals);
    command_text_number(line, "quantity_decimals", instrument->quantity_decimals);
    command_text_signed(line, "tick_size", instrument->tick_size);
    command_text_signed(line, "price_min", instrument->price_min);
    command_text_signed(line, "price_max", instrument->price_max);
    command_text_number(line, "quantity_lots_max", instrument->quantity_lots_max);
    command_text_number(line, "equity", instrument->equity);
}

/* The password's hash is left out: it is not secret enough to print. */
static void command_text_session(struct command_text_line *line, const struct command *command)
{
    const struct command_session *session = &command->body.session;
    command_text_string(line, "name", session->name, sizeof session->name);
    command_text_string(line, "firm", session->firm, sizeof session->firm);
    command_text_number(line, "open_orders_max", session->open_orders_max);
    command_text_some(line, "maximum_age_ns", session->maximum_age_ns);
    command_text_number(line, "hash_operations", session->hash_operations);
    command_text_number(line, "hash_memory_kib", session->hash_memory_kib);
    if (session->cancel_on_disconnect != 0) {
        command_text_number(line, "grace_ms", session->grace_ms);
    }
}

static void command_text_body(struct command_text_line *line, const struct command *command)
{
    switch (command->type) {
    case COMMAND_ORDER_ENTER:
    case COMMAND_ORDER_REPLACE:
        command_text_order(line, command);
        break;
    case COMMAND_ORDER_CANCEL:
        command_text_number(line, "user_reference", command->body.cancel.user_reference);
        command_text_some(line, "channel", command->body.cancel.channel);
        command_text_number(line, "quantity_lots", command->body.cancel.quantity_lots);
        break;
    case COMMAND_ACCOUNT_QUERY:
        command_text_number(line, "channel", command->body.query.channel);
        break;
    case COMMAND_SESSION_LOGON:
        command_text_number(line, "connection_id", command->body.logon.connection_id);
        break;
    case COMMAND_INSTRUMENT_SET:
    case COMMAND_INSTRUMENT_STATE:
        command_text_instrument(line, command);
        break;
    case COMMAND_FIRM_SET:
        command_text_string(line, "name", command->body.firm.name, FIRM_NAME_BYTES);
        command_text_number(line, "enabled", command->body.firm.enabled);
        break;
    case COMMAND_SESSION_SET:
        command_text_session(line, command);
        break;
    case COMMAND_SESSION_END:
        command_text_string(line, "name", command->body.session_end.name, SESSION_NAME_BYTES);
        break;
    case COMMAND_SHARD_SET:
        command_text_number(line, "day_end_set", command->body.shard.day_end_set);
        command_text_number(line, "day_end_second", command->body.shard.day_end_second);
        command_text_some(line, "cancel_only_ms", command->body.shard.cancel_only_ms);
        break;
    case COMMAND_TICK:
    case COMMAND_SESSION_LOGOFF:
    case COMMAND_SITE_SILENT:
        break;
    default: /* A byte of the file, not an enum. */
        command_text_hex(line, "body", command->body.bytes, sizeof command->body.bytes);
        break;
    }
}

size_t command_text(char target[static COMMAND_TEXT_BYTES], uint64_t command_sequence,
                    const struct command *command, bool json)
{
    struct command_text_line line = {.target = target, .json = json};
    if (json) {
        command_text_put(&line, "{");
    }
    command_text_number(&line, "command", command_sequence);
    char time_text[48];
    command_text_time(time_text, sizeof time_text, command->timestamp_ns);
    command_text_word(&line, "time", time_text);
    const char *type = command_text_type(command->type);
    if (type != NULL) {
        command_text_word(&line, "type", type);
    } else {
        command_text_number(&line, "type", command->type);
    }
    command_text_some(&line, "session", command->session_id);
    command_text_some(&line, command->session_id != 0 ? "epoch" : "expected_version",
                      command->epoch);
    command_text_some(&line, command->session_id != 0 ? "input_number" : "request_id",
                      command->input_number);
    command_text_some(&line, "site", command->site_id);
    command_text_some(&line, "waited_ms", command->waited_ms);
    command_text_some(&line, "flags", command->flags);
    command_text_body(&line, command);
    if (json) {
        command_text_put(&line, "}");
    }
    ASSERT(line.used > 0);
    return line.used;
}
