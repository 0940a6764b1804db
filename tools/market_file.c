#include "tools/market_file.h"

#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/config_reader.h"
#include "gateway/yaml_lines.h"
#include "matching/base/assertion.h"
#include "tools/decimal.h"
#include "tools/market_file_schema.h"
#include "tools/options.h"

#define FILE_BYTES_MAX          (4u * 1024u * 1024u)
#define PASSWORD_FILE_BYTES_MAX 64u
#define PLACE_BYTES             96u
#define PATH_BYTES              1024u
#define DECIMALS_MAX            12u
#define MILLISECOND_NS          UINT64_C(1000000)
#define PRICE_DECIMALS          4u /* OUCH's, unless the file says otherwise. */
#define OPEN_ORDERS_MAX         10000u

/* Where the reader is: "shards[0].firms[3]". */
struct cursor {
    struct config_reader *reader;
    char base[PLACE_BYTES / 2];
};

struct place {
    char text[PLACE_BYTES];
};

static struct place cursor_at(const struct cursor *cursor, const char *key)
{
    struct place place;
    (void)snprintf(place.text, sizeof place.text, "%s.%s", cursor->base, key);
    return place;
}

static struct cursor cursor_entry(const struct cursor *cursor, const char *list, uint32_t index)
{
    struct cursor entry = {.reader = cursor->reader};
    int bytes = snprintf(entry.base, sizeof entry.base, "%s.%s[%u]", cursor->base, list, index);
    ASSERT(bytes > 0 && (size_t)bytes < sizeof entry.base);
    return entry;
}

/* Up to `bytes` printable characters without spaces, padded. */
static void read_padded(const struct cursor *cursor, const char *key, const char *text,
                        uint8_t *target, size_t bytes)
{
    char found[32];
    struct place place = cursor_at(cursor, key);
    ASSERT(bytes < sizeof found);
    config_reader_text(cursor->reader, place.text, text, found, bytes + 1);
    if (cursor->reader->failed) {
        return;
    }
    for (const char *at = found; *at != '\0'; at++) {
        if (*at <= ' ' || *at > '~') {
            config_reader_fail(cursor->reader, place.text,
                               "`%s` may have printable characters without spaces only",
                               place.text);
            return;
        }
    }
    memset(target, ' ', bytes);
    memcpy(target, found, strlen(found));
}

/* An exact decimal in units of 10^-decimals; `text` NULL takes `*target` as it is. */
static void read_decimal(const struct cursor *cursor, const char *key, const char *text,
                         uint32_t decimals, int64_t least, int64_t most, int64_t *target)
{
    if (text == NULL || cursor->reader->failed) {
        return;
    }
    struct place place = cursor_at(cursor, key);
    int64_t value = 0;
    enum status status = decimal_parse(&value, text, decimals);
    char least_text[DECIMAL_TEXT_BYTES];
    char most_text[DECIMAL_TEXT_BYTES];
    decimal_format(least_text, least, decimals);
    decimal_format(most_text, most, decimals);
    if (status == STATUS_BAD_ARGUMENT) {
        config_reader_fail(cursor->reader, place.text,
                           "`%s` is \"%.40s\", finer than its %u decimals", place.text, text,
                           decimals);
    } else if (status != STATUS_OK || value < least || value > most) {
        config_reader_fail(cursor->reader, place.text,
                           "`%s` is \"%.40s\"; it must be a number from %s to %s", place.text, text,
                           least_text, most_text);
    } else {
        *target = value;
    }
}

static void read_needed(const struct cursor *cursor, const char *key, const char *text)
{
    if (text == NULL) {
        config_reader_fail(cursor->reader, cursor_at(cursor, key).text, "`%s` is missing",
                           cursor_at(cursor, key).text);
    }
}

static bool read_boolean(const struct cursor *cursor, const char *key, const char *text,
                         bool otherwise)
{
    static const char *const words[] = {"false", "true"};
    size_t choice = otherwise;
    config_reader_choice(cursor->reader, cursor_at(cursor, key).text, text, words, 2, &choice);
    return choice == 1;
}

static uint64_t read_number(const struct cursor *cursor, const char *key, const char *text,
                            uint64_t least, uint64_t most, uint64_t otherwise)
{
    uint64_t number = otherwise;
    config_reader_number(cursor->reader, cursor_at(cursor, key).text, text, least, most, &number);
    return number;
}

static void read_instrument(const struct cursor *cursor,
                            const struct market_file_schema_instrument *file,
                            struct market_file_instrument *instrument)
{
    static const char *const states[] = {"halted", "open", "cancel-only"};
    static const enum trading_state state_values[] = {TRADING_HALTED, TRADING_OPEN,
                                                      TRADING_CANCEL_ONLY};
    struct command_instrument *terms = &instrument->terms;
    read_padded(cursor, "symbol", file->symbol, terms->symbol, SYMBOL_BYTES);
    read_needed(cursor, "tick", file->tick);
    read_needed(cursor, "price_max", file->price_max);
    read_needed(cursor, "quantity_max", file->quantity_max);
    uint32_t decimals = (uint32_t)read_number(cursor, "price_decimals", file->price_decimals, 0,
                                              DECIMALS_MAX, PRICE_DECIMALS);
    terms->price_decimals = (uint8_t)decimals;
    read_decimal(cursor, "tick", file->tick, decimals, 1, ORDER_PRICE_MAX, &terms->tick_size);
    read_decimal(cursor, "price_min", file->price_min, decimals, -ORDER_PRICE_MAX, ORDER_PRICE_MAX,
                 &terms->price_min);
    read_decimal(cursor, "price_max", file->price_max, decimals, terms->price_min, ORDER_PRICE_MAX,
                 &terms->price_max);
    decimals = (uint32_t)read_number(cursor, "quantity_decimals", file->quantity_decimals, 0,
                                     DECIMALS_MAX, 0);
    terms->quantity_decimals = (uint8_t)decimals;
    int64_t lots = 0;
    read_decimal(cursor, "quantity_max", file->quantity_max, decimals, 1, (int64_t)ORDER_LOTS_MAX,
                 &lots);
    terms->quantity_lots_max = (uint64_t)lots;
    terms->equity = read_boolean(cursor, "equity", file->equity, false);
    size_t choice = 1;
    config_reader_choice(cursor->reader, cursor_at(cursor, "state").text, file->state, states, 3,
                         &choice);
    terms->state = (uint8_t)state_values[choice];
    instrument->state_given = file->state != NULL;
}

/* As a SoupBinTCP login carries it. */
static void set_password(const struct cursor *cursor, const char *key, const char *text,
                         size_t length, struct market_file_session *session)
{
    bool right =
        length > 0 && length <= SOUPBIN_PASSWORD_BYTES && text[0] != ' ' && text[length - 1] != ' ';
    for (size_t i = 0; right && i < length; i++) {
        right = text[i] >= ' ' && text[i] <= '~';
    }
    if (!right) {
        config_reader_fail(cursor->reader, cursor_at(cursor, key).text,
                           "a password has 1 to %u printable characters, no space first or last",
                           SOUPBIN_PASSWORD_BYTES);
        return;
    }
    memset(session->password, ' ', sizeof session->password);
    memcpy(session->password, text, length);
    session->password_given = true;
}

/* A relative path starts where the market file is. */
static void read_password_file(const struct cursor *cursor, const char *name,
                               struct market_file_session *session)
{
    const char *slash = strrchr(cursor->reader->path, '/');
    int directory = slash != NULL && name[0] != '/' ? (int)(slash - cursor->reader->path + 1) : 0;
    char path[PATH_BYTES];
    char error[PATH_BYTES + 128];
    uint8_t *text = NULL;
    size_t bytes = 0;
    (void)snprintf(path, sizeof path, "%.*s%s", directory, cursor->reader->path, name);
    if (yaml_load_file(path, "password", PASSWORD_FILE_BYTES_MAX, &text, &bytes, error,
                       sizeof error) != STATUS_OK) {
        config_reader_fail(cursor->reader, cursor_at(cursor, "password_file").text, "%s", error);
        return;
    }
    size_t length = bytes;
    while (length > 0 && (text[length - 1] == '\n' || text[length - 1] == '\r')) {
        length--;
    }
    set_password(cursor, "password_file", (const char *)text, length, session);
    sodium_memzero(text, bytes);
    free(text);
}

/* A duration behind these words, in whole milliseconds from 1 to `most`. */
static bool read_milliseconds(const char *text, const char *words, uint32_t most, uint32_t *target)
{
    uint64_t duration_ns = 0;
    if (strncmp(text, words, strlen(words)) != 0 ||
        options_duration_parse(text + strlen(words), &duration_ns) != STATUS_OK ||
        duration_ns % MILLISECOND_NS != 0 || duration_ns < MILLISECOND_NS ||
        duration_ns > most * MILLISECOND_NS) {
        return false;
    }
    *target = (uint32_t)(duration_ns / MILLISECOND_NS);
    return true;
}

/* "never", "at once" or "after 5s". */
static void read_cancel_on_disconnect(const struct cursor *cursor, const char *text,
                                      struct command_session *terms)
{
    if (text == NULL || strcmp(text, "never") == 0) {
        return;
    }
    terms->cancel_on_disconnect = 1;
    if (strcmp(text, "at once") != 0 &&
        !read_milliseconds(text, "after ", GRACE_MS_MAX, &terms->grace_ms)) {
        config_reader_fail(
            cursor->reader, cursor_at(cursor, "cancel_on_disconnect").text,
            "`cancel_on_disconnect` is \"%.40s\"; it must be \"never\", \"at once\", "
            "or \"after\" and a duration from 1ms to a day such as 5s",
            text);
    }
}

static void read_session(const struct cursor *cursor, const struct market_file_schema_session *file,
                         struct market_file_session *session)
{
    struct command_session *terms = &session->terms;
    read_padded(cursor, "name", file->name, terms->name, SESSION_NAME_BYTES);
    read_padded(cursor, "firm", file->firm, terms->firm, FIRM_NAME_BYTES);
    for (uint32_t i = 0; i < SESSION_NAME_BYTES; i++) {
        if (terms->name[i] >= 'a' && terms->name[i] <= 'z') {
            config_reader_fail(
                cursor->reader, cursor_at(cursor, "name").text,
                "`%s` is \"%s\"; session names are upper case, since SoupBinTCP user "
                "names are not case-sensitive",
                cursor_at(cursor, "name").text, file->name);
            break;
        }
    }
    terms->open_orders_max = (uint32_t)read_number(cursor, "open_orders_max", file->open_orders_max,
                                                   1, SESSION_ORDERS_MAX, OPEN_ORDERS_MAX);
    if (file->maximum_age != NULL && !cursor->reader->failed &&
        (options_duration_parse(file->maximum_age, &terms->maximum_age_ns) != STATUS_OK ||
         terms->maximum_age_ns > INT64_MAX)) {
        config_reader_fail(cursor->reader, cursor_at(cursor, "maximum_age").text,
                           "`maximum_age` is \"%.40s\"; it must be a duration such as 500ms or 5s",
                           file->maximum_age);
    }
    read_cancel_on_disconnect(cursor, file->cancel_on_disconnect, terms);
    if (file->password != NULL && file->password_file != NULL) {
        config_reader_fail(cursor->reader, cursor_at(cursor, "password_file").text,
                           "there is a `password` already");
    } else if (file->password != NULL) {
        set_password(cursor, "password", file->password, strlen(file->password), session);
    } else if (file->password_file != NULL) {
        read_password_file(cursor, file->password_file, session);
    }
}

/* "at once" or "cancel-only for 30s". */
static void read_reopen(const struct cursor *cursor, const char *text,
                        struct market_file_shard *shard)
{
    if (text == NULL) {
        return;
    }
    shard->reopen_given = true;
    if (strcmp(text, "at once") != 0 &&
        !read_milliseconds(text, "cancel-only for ", CANCEL_ONLY_MS_MAX,
                           &shard->terms.cancel_only_ms)) {
        config_reader_fail(
            cursor->reader, cursor_at(cursor, "reopen").text,
            "`reopen` is \"%.40s\"; it must be \"at once\", or \"cancel-only for\" and "
            "a duration from 1ms to a day such as 30s",
            text);
    }
}

/* "22:00", "22:00:00" or "never". */
static void read_day_end(const struct cursor *cursor, const char *text,
                         struct market_file_shard *shard)
{
    if (text == NULL) {
        return;
    }
    shard->day_end_given = true;
    if (strcmp(text, "never") == 0) {
        return;
    }
    unsigned hour = 0, minute = 0, second = 0;
    char rest = '\0';
    int fields = sscanf(text, "%2u:%2u:%2u%c", &hour, &minute, &second, &rest);
    bool digits = strspn(text, "0123456789:") == strlen(text);
    size_t length = strlen(text);
    bool right = digits && ((fields == 2 && length == 5) || (fields == 3 && length == 8)) &&
                 hour < 24 && minute < 60 && second < 60;
    if (!right) {
        config_reader_fail(cursor->reader, cursor_at(cursor, "day_end").text,
                           "`day_end` is \"%.40s\"; it must be a time of day in UTC such as "
                           "22:00:00, or never",
                           text);
        return;
    }
    shard->terms.day_end_set = 1;
    shard->terms.day_end_second = (hour * 60 + minute) * 60 + second;
}

static void *take(const struct cursor *cursor, uint32_t count, size_t bytes)
{
    void *list = calloc(count > 0 ? count : 1, bytes);
    if (list == NULL) {
        config_reader_fail_line(cursor->reader, 1, "too little memory for this file");
    }
    return list;
}

/* Names are padded: equal names have equal bytes. Only the newest can be double. */
static void refuse_double(const struct cursor *cursor, const char *key, const uint8_t *names,
                          size_t stride, size_t bytes, uint32_t index)
{
    const uint8_t *newest = names + index * stride;
    for (uint32_t i = 0; i < index && !cursor->reader->failed; i++) {
        if (memcmp(names + i * stride, newest, bytes) == 0) {
            config_reader_fail(cursor->reader, cursor_at(cursor, key).text,
                               "\"%.*s\" stands in this list twice", (int)bytes,
                               (const char *)newest);
        }
    }
}

static void read_shard(const struct cursor *cursor, const struct market_file_schema_shard *file,
                       struct market_file_shard *shard)
{
    read_needed(cursor, "id", file->id);
    shard->shard_id = (uint16_t)read_number(cursor, "id", file->id, 1, SHARDS_MAX, 1);
    read_day_end(cursor, file->day_end, shard);
    read_reopen(cursor, file->reopen, shard);
    shard->firms = take(cursor, file->firms_count, sizeof *shard->firms);
    shard->instruments = take(cursor, file->instruments_count, sizeof *shard->instruments);
    shard->sessions = take(cursor, file->sessions_count, sizeof *shard->sessions);
    for (uint32_t i = 0; i < file->firms_count && !cursor->reader->failed; i++) {
        struct cursor entry = cursor_entry(cursor, "firms", i);
        struct command_firm *firm = &shard->firms[i];
        read_padded(&entry, "name", file->firms[i].name, firm->name, FIRM_NAME_BYTES);
        firm->enabled = read_boolean(&entry, "enabled", file->firms[i].enabled, true);
        refuse_double(&entry, "name", shard->firms[0].name, sizeof *firm, FIRM_NAME_BYTES, i);
        shard->firm_count = i + 1;
    }
    for (uint32_t i = 0; i < file->instruments_count && !cursor->reader->failed; i++) {
        struct cursor entry = cursor_entry(cursor, "instruments", i);
        read_instrument(&entry, &file->instruments[i], &shard->instruments[i]);
        refuse_double(&entry, "symbol", shard->instruments[0].terms.symbol,
                      sizeof *shard->instruments, SYMBOL_BYTES, i);
        shard->instrument_count = i + 1;
    }
    for (uint32_t i = 0; i < file->sessions_count && !cursor->reader->failed; i++) {
        struct cursor entry = cursor_entry(cursor, "sessions", i);
        shard->session_count = i + 1;
        read_session(&entry, &file->sessions[i], &shard->sessions[i]);
        refuse_double(&entry, "name", shard->sessions[0].terms.name, sizeof *shard->sessions,
                      SESSION_NAME_BYTES, i);
    }
}

static void read_shards(struct market_file *market, struct config_reader *reader,
                        const struct market_file_schema *file)
{
    if (file->shards_count == 0) {
        config_reader_fail(reader, "shards", "`shards` is missing or empty");
    }
    for (uint32_t i = 0; i < file->shards_count && !reader->failed; i++) {
        struct cursor cursor = {.reader = reader};
        (void)snprintf(cursor.base, sizeof cursor.base, "shards[%u]", i);
        market->shard_count = i + 1;
        read_shard(&cursor, &file->shards[i], &market->shards[i]);
        for (uint32_t before = 0; before < i; before++) {
            if (market->shards[before].shard_id == market->shards[i].shard_id) {
                config_reader_fail(reader, cursor_at(&cursor, "id").text,
                                   "shard %u stands here twice", market->shards[i].shard_id);
            }
        }
    }
}

/* libcyaml's copy of the texts holds passwords, too. */
static void wipe(struct market_file_schema *file)
{
    for (uint32_t i = 0; i < file->shards_count; i++) {
        for (uint32_t s = 0; s < file->shards[i].sessions_count; s++) {
            char *password = file->shards[i].sessions[s].password;
            if (password != NULL) {
                sodium_memzero(password, strlen(password));
            }
        }
    }
}

static void read_text(struct market_file *market, struct config_reader *reader, const uint8_t *text,
                      size_t text_bytes)
{
    struct yaml_lines_error syntax;
    struct yaml_load_error schema;
    struct yaml_lines *lines = NULL;
    struct market_file_schema *file = NULL;
    if (yaml_lines_open(&lines, text, text_bytes, &syntax) != STATUS_OK) {
        config_reader_fail_line(reader, syntax.line, "%s", syntax.text);
        return;
    }
    reader->lines = lines;
    if (market_file_schema_load(&file, text, text_bytes, &schema) != STATUS_OK) {
        config_reader_fail_schema(reader, &schema, "tools/market.md");
    } else {
        read_shards(market, reader, file);
        wipe(file);
        market_file_schema_free(file);
    }
    yaml_lines_close(lines);
}

enum status market_file_read(struct market_file *file, const char *path,
                             char error[static MARKET_FILE_ERROR_BYTES])
{
    ASSERT(file != NULL);
    memset(file, 0, sizeof *file);
    error[0] = '\0';
    uint8_t *text = NULL;
    size_t text_bytes = 0;
    enum status status = yaml_load_file(path, "market", FILE_BYTES_MAX, &text, &text_bytes, error,
                                        MARKET_FILE_ERROR_BYTES);
    if (status != STATUS_OK) {
        return status;
    }
    struct config_reader reader = {.path = path,
                                   .error = error,
                                   .error_bytes = MARKET_FILE_ERROR_BYTES};
    read_text(file, &reader, text, text_bytes);
    sodium_memzero(text, text_bytes);
    free(text);
    if (reader.failed) {
        market_file_free(file);
        return STATUS_BAD_FORMAT;
    }
    return STATUS_OK;
}

void market_file_free(struct market_file *file)
{
    for (uint32_t i = 0; i < file->shard_count; i++) {
        struct market_file_shard *shard = &file->shards[i];
        if (shard->sessions != NULL) {
            sodium_memzero(shard->sessions, shard->session_count * sizeof *shard->sessions);
        }
        free(shard->firms);
        free(shard->instruments);
        free(shard->sessions);
    }
    file->shard_count = 0;
}
