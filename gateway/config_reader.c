#include "gateway/config_reader.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "matching/base/assertion.h"

#define TEXT_SHOWN 64 /* Characters of a wrong value that a message repeats. */

static void config_reader_note(struct config_reader *reader, uint32_t line, const char *format,
                               va_list arguments) __attribute__((format(printf, 3, 0)));

static void config_reader_note(struct config_reader *reader, uint32_t line, const char *format,
                               va_list arguments)
{
    ASSERT(line > 0);
    if (reader->failed) {
        return;
    }
    int bytes =
        snprintf(reader->error, reader->error_bytes, "%s:%" PRIu32 ": ", reader->path, line);
    ASSERT(bytes > 0);
    if ((size_t)bytes < reader->error_bytes) {
        (void)vsnprintf(reader->error + bytes, reader->error_bytes - (size_t)bytes, format,
                        arguments);
    }
    reader->failed = true;
}

void config_reader_fail_line(struct config_reader *reader, uint32_t line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    config_reader_note(reader, line, format, arguments);
    va_end(arguments);
}

void config_reader_fail(struct config_reader *reader, const char *place, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    config_reader_note(reader, yaml_lines_of(reader->lines, place), format, arguments);
    va_end(arguments);
}

/* Whether there is something to read. */
static bool config_reader_has(struct config_reader *reader, const char *place, const char *text)
{
    if (reader->failed) {
        return false;
    }
    if (text == NULL) {
        config_reader_fail(reader, place, "`%s` is missing", place);
        return false;
    }
    if (text[0] == '\0') {
        config_reader_fail(reader, place, "`%s` is empty", place);
        return false;
    }
    return true;
}

void config_reader_fail_schema(struct config_reader *reader, const struct yaml_load_error *error,
                               const char *manual)
{
    const char *unknown = "Unexpected key: ";
    if (strncmp(error->text, unknown, strlen(unknown)) == 0) {
        const char *key = error->text + strlen(unknown);
        config_reader_fail_line(reader, yaml_lines_of_key(reader->lines, key, error->line),
                                "there is no key `%s` here; %s lists the keys", key, manual);
        return;
    }
    config_reader_fail_line(reader, error->line, "%s; %s lists the keys", error->text, manual);
}

void config_reader_text(struct config_reader *reader, const char *place, const char *text,
                        char *target, size_t target_bytes)
{
    ASSERT(target_bytes > 1);
    if (!config_reader_has(reader, place, text)) {
        return;
    }
    size_t text_bytes = strlen(text);
    if (text_bytes >= target_bytes) {
        config_reader_fail(reader, place, "`%s` has %zu characters; it may have %zu", place,
                           text_bytes, target_bytes - 1);
        return;
    }
    memcpy(target, text, text_bytes + 1);
}

void config_reader_name(struct config_reader *reader, const char *place, const char *text,
                        bool upper, char *target, size_t target_bytes)
{
    ASSERT(target_bytes > 1);
    if (!config_reader_has(reader, place, text)) {
        return;
    }
    const char *allowed = upper ? "abcdefghijklmnopqrstuvwxyz0123456789-ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                : "abcdefghijklmnopqrstuvwxyz0123456789-";
    if (strspn(text, allowed) != strlen(text) || strlen(text) >= target_bytes) {
        config_reader_fail(
            reader, place,
            "`%s` is \"%.*s\"; it must be 1 to %zu characters of %sa-z, 0-9 and \"-\"", place,
            TEXT_SHOWN, text, target_bytes - 1, upper ? "A-Z, " : "");
        return;
    }
    memcpy(target, text, strlen(text) + 1);
}

/* Digits only, without sign or space, that fit: `*end` is behind them. */
static bool config_reader_digits(const char *text, uint64_t *value, const char **end)
{
    uint64_t number = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9'; at++) {
        uint64_t digit = (uint64_t)(*at - '0');
        if (number > (UINT64_MAX - digit) / 10) {
            return false;
        }
        number = number * 10 + digit;
    }
    *value = number;
    *end = at;
    return at != text;
}

static bool config_reader_is_address(const char *address, size_t address_bytes, int family)
{
    char copy[INET6_ADDRSTRLEN];
    unsigned char binary[sizeof(struct in6_addr)];
    if (address_bytes == 0 || address_bytes >= sizeof copy) {
        return false;
    }
    memcpy(copy, address, address_bytes);
    copy[address_bytes] = '\0';
    return inet_pton(family, copy, binary) == 1;
}

static bool config_reader_is_endpoint(const char *text, bool port_any)
{
    const char *colon = strrchr(text, ':');
    const char *end = NULL;
    uint64_t port = 0;
    if (colon == NULL || !config_reader_digits(colon + 1, &port, &end) || *end != '\0' ||
        port > UINT16_MAX || (port == 0 && !port_any)) {
        return false;
    }
    size_t address_bytes = (size_t)(colon - text);
    if (text[0] == '[') {
        return address_bytes > 2 && colon[-1] == ']' &&
               config_reader_is_address(text + 1, address_bytes - 2, AF_INET6);
    }
    return config_reader_is_address(text, address_bytes, AF_INET);
}

void config_reader_endpoint(struct config_reader *reader, const char *place, const char *text,
                            bool port_any, char *target, size_t target_bytes)
{
    if (!config_reader_has(reader, place, text)) {
        return;
    }
    if (!config_reader_is_endpoint(text, port_any) || strlen(text) >= target_bytes) {
        config_reader_fail(reader, place,
                           "`%s` is \"%.*s\"; it must be a numeric address and a port, like "
                           "127.0.0.1:7001 or [::1]:7001: names are not looked up",
                           place, TEXT_SHOWN, text);
        return;
    }
    memcpy(target, text, strlen(text) + 1);
}

static int config_reader_hex(char digit)
{
    const char *digits = "0123456789abcdef";
    const char *upper = "0123456789ABCDEF";
    const char *found = digit == '\0' ? NULL : strchr(digits, digit);
    if (found != NULL) {
        return (int)(found - digits);
    }
    found = digit == '\0' ? NULL : strchr(upper, digit);
    return found != NULL ? (int)(found - upper) : -1;
}

void config_reader_bytes(struct config_reader *reader, const char *place, const char *text,
                         uint8_t *target, size_t target_bytes)
{
    if (!config_reader_has(reader, place, text)) {
        return;
    }
    bool right = strlen(text) == 2 * target_bytes;
    for (size_t i = 0; right && i < 2 * target_bytes; i++) {
        right = config_reader_hex(text[i]) >= 0;
    }
    if (!right) {
        config_reader_fail(reader, place, "`%s` must be %zu hexadecimal digits", place,
                           2 * target_bytes);
        return;
    }
    for (size_t i = 0; i < target_bytes; i++) {
        int byte = config_reader_hex(text[2 * i]) << 4 | config_reader_hex(text[2 * i + 1]);
        target[i] = (uint8_t)byte;
    }
}

void config_reader_number(struct config_reader *reader, const char *place, const char *text,
                          uint64_t least, uint64_t most, uint64_t *target)
{
    ASSERT(least <= most);
    if (text == NULL || reader->failed) {
        return;
    }
    uint64_t value = 0;
    const char *end = NULL;
    if (!config_reader_digits(text, &value, &end) || *end != '\0' || value < least ||
        value > most) {
        config_reader_fail(reader, place,
                           "`%s` is \"%.*s\"; it must be a number from %" PRIu64 " to %" PRIu64,
                           place, TEXT_SHOWN, text, least, most);
        return;
    }
    *target = value;
}

/* Text of a size, with the largest unit that divides it. */
static void config_reader_size_text(uint64_t size, char *text, size_t text_bytes)
{
    static const char *const units[] = {"", " KiB", " MiB", " GiB"};
    size_t unit = 0;
    while (unit < 3 && size >= 1024 && size % 1024 == 0) {
        size /= 1024;
        unit++;
    }
    (void)snprintf(text, text_bytes, "%" PRIu64 "%s", size, units[unit]);
}

static bool config_reader_is_size(const char *text, uint64_t *size)
{
    static const char *const units[] = {"KiB", "MiB", "GiB"};
    const char *end = NULL;
    uint64_t value = 0;
    if (!config_reader_digits(text, &value, &end)) {
        return false;
    }
    while (*end == ' ') {
        end++;
    }
    unsigned shift = 0;
    for (unsigned i = 0; i < 3; i++) {
        if (strcmp(end, units[i]) == 0) {
            shift = 10 * (i + 1);
        }
    }
    if ((*end != '\0' && shift == 0) || value > UINT64_MAX >> shift) {
        return false;
    }
    *size = value << shift;
    return true;
}

void config_reader_size(struct config_reader *reader, const char *place, const char *text,
                        uint64_t least, uint64_t most, uint64_t multiple, uint64_t *target)
{
    ASSERT(least <= most);
    ASSERT(multiple > 0);
    if (text == NULL || reader->failed) {
        return;
    }
    uint64_t size = 0;
    if (!config_reader_is_size(text, &size) || size < least || size > most ||
        size % multiple != 0) {
        char least_text[32];
        char most_text[32];
        char multiple_text[32];
        config_reader_size_text(least, least_text, sizeof least_text);
        config_reader_size_text(most, most_text, sizeof most_text);
        config_reader_size_text(multiple, multiple_text, sizeof multiple_text);
        config_reader_fail(reader, place,
                           "`%s` is \"%.*s\"; it must be a size from %s to %s, a multiple of %s "
                           "(units: KiB, MiB, GiB)",
                           place, TEXT_SHOWN, text, least_text, most_text, multiple_text);
        return;
    }
    *target = size;
}

void config_reader_choice(struct config_reader *reader, const char *place, const char *text,
                          const char *const *words, size_t count, size_t *target)
{
    ASSERT(count > 0);
    if (text == NULL || reader->failed) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (strcmp(text, words[i]) == 0) {
            *target = i;
            return;
        }
    }
    char list[128] = "";
    for (size_t i = 0; i < count; i++) {
        size_t bytes = strlen(list);
        (void)snprintf(list + bytes, sizeof list - bytes, "%s%s",
                       i == 0           ? ""
                       : i + 1 == count ? " or "
                                        : ", ",
                       words[i]);
    }
    config_reader_fail(reader, place, "`%s` is \"%.*s\"; it must be %s", place, TEXT_SHOWN, text,
                       list);
}
