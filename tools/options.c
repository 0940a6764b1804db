#include "tools/options.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "matching/base/assertion.h"

#define OPTIONS_HELP_VALUE  1     /* What getopt_long() returns for --help. */
#define OPTIONS_FIRST_VALUE 0x100 /* ... and for row 0: above every character. */
#define OPTIONS_WORD_MAX    24u   /* Longer words get no hint. */
#define OPTIONS_DISTANCE    2u    /* Typing errors that a hint forgives. */

struct options_unit {
    const char *name;
    uint64_t factor;
};

static const struct options_unit options_count_units[] = {
    {"", 1}, {"k", 1000}, {"M", 1000000}, {"G", 1000000000}, {NULL, 0}};
static const struct options_unit options_duration_units[] = {
    {"ns", 1},           {"us", 1000},          {"ms", 1000000}, {"s", 1000000000},
    {"m", 60000000000u}, {"h", 3600000000000u}, {NULL, 0}};
static const struct options_unit options_size_units[] = {
    {"", 1},           {"B", 1},          {"kB", 1000},      {"MB", 1000000}, {"GB", 1000000000},
    {"KiB", 1u << 10}, {"MiB", 1u << 20}, {"GiB", 1u << 30}, {NULL, 0}};

/* Digits, perhaps a point and digits, then exactly one of `units`. The fraction is rounded down. */
static enum status options_number_parse(const char *text, const struct options_unit *units,
                                        uint64_t *number)
{
    ASSERT(text != NULL);
    ASSERT(number != NULL);

    uint64_t whole = 0;
    uint64_t fraction = 0;
    uint64_t fraction_scale = 1;
    const char *at = text;
    if (*at < '0' || *at > '9') {
        return STATUS_BAD_FORMAT;
    }
    for (; *at >= '0' && *at <= '9'; at++) {
        if (__builtin_mul_overflow(whole, 10u, &whole) ||
            __builtin_add_overflow(whole, (uint64_t)(*at - '0'), &whole)) {
            return STATUS_BAD_FORMAT;
        }
    }
    if (*at == '.') {
        for (at++; *at >= '0' && *at <= '9'; at++) {
            if (fraction_scale == 1000000) {
                return STATUS_BAD_FORMAT; /* Finer than any use; keeps the product below 2^64. */
            }
            fraction = fraction * 10 + (uint64_t)(*at - '0');
            fraction_scale *= 10;
        }
        if (fraction_scale == 1) {
            return STATUS_BAD_FORMAT;
        }
    }
    while (units->name != NULL && strcmp(units->name, at) != 0) {
        units++;
    }
    uint64_t product;
    if (units->name == NULL || __builtin_mul_overflow(whole, units->factor, &product) ||
        __builtin_add_overflow(product, fraction * units->factor / fraction_scale, &product)) {
        return STATUS_BAD_FORMAT;
    }
    *number = product;
    return STATUS_OK;
}

enum status options_count_parse(const char *text, uint64_t *count)
{
    return options_number_parse(text, options_count_units, count);
}

enum status options_duration_parse(const char *text, uint64_t *duration_ns)
{
    return options_number_parse(text, options_duration_units, duration_ns);
}

enum status options_size_parse(const char *text, uint64_t *size_bytes)
{
    return options_number_parse(text, options_size_units, size_bytes);
}

static uint32_t options_least(uint32_t a, uint32_t b, uint32_t c)
{
    uint32_t least = a < b ? a : b;
    return least < c ? least : c;
}

/* Levenshtein's distance, one row of the table at a time. */
static uint32_t options_distance(const char *a, const char *b)
{
    size_t a_length = strlen(a);
    size_t b_length = strlen(b);
    if (a_length > OPTIONS_WORD_MAX || b_length > OPTIONS_WORD_MAX) {
        return UINT32_MAX;
    }
    uint32_t row[OPTIONS_WORD_MAX + 1];
    for (uint32_t j = 0; j <= b_length; j++) {
        row[j] = j;
    }
    for (uint32_t i = 1; i <= a_length; i++) {
        uint32_t diagonal = row[0];
        row[0] = i;
        for (uint32_t j = 1; j <= b_length; j++) {
            uint32_t above = row[j];
            row[j] = options_least(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
            diagonal = above;
        }
    }
    return row[b_length];
}

const char *options_nearest(const char *word, const char *const *words)
{
    ASSERT(word != NULL);
    ASSERT(words != NULL);

    const char *nearest = NULL;
    uint32_t least = OPTIONS_DISTANCE + 1;
    for (; *words != NULL; words++) {
        uint32_t distance = options_distance(word, *words);
        if (distance < least) {
            least = distance;
            nearest = *words;
        }
    }
    return nearest;
}

static void options_message(const char *name, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));
static void options_message(const char *name, const char *format, va_list arguments)
{
    ASSERT(format != NULL);
    (void)fprintf(stderr, "causeway%s%s: ", name[0] == '\0' ? "" : " ", name);
    (void)vfprintf(stderr, format, arguments);
    (void)fprintf(stderr, "\n");
}

int options_wrong(const char *name, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    options_message(name, format, arguments);
    va_end(arguments);
    (void)fprintf(stderr, "See: causeway%s%s --help\n", name[0] == '\0' ? "" : " ", name);
    return OPTIONS_EXIT_USAGE;
}

int options_failed(const char *name, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    options_message(name, format, arguments);
    va_end(arguments);
    return OPTIONS_EXIT_FAILED;
}

static void options_help(const struct options_command *command)
{
    printf("Usage: causeway %s%s%s%s\n\n%s\n", command->name,
           command->row_count > 0 ? " [OPTIONS]" : "", command->operands[0] == '\0' ? "" : " ",
           command->operands, command->summary);
    printf("\nOptions:\n");
    for (uint32_t i = 0; i < command->row_count; i++) {
        const struct option_row *row = &command->rows[i];
        char left[64];
        (void)snprintf(left, sizeof left, "--%s%s%s", row->name, row->value == NULL ? "" : " ",
                       row->value == NULL ? "" : row->value);
        if (row->letter != 0) {
            printf("  -%c, %-26s %s\n", row->letter, left, row->help);
        } else {
            printf("      %-26s %s\n", left, row->help);
        }
    }
    printf("  -h, %-26s %s\n", "--help", "Print this and exit.");
    printf("\nUnits: durations ns us ms s m h (250ms, 1.5s); counts and rates k M G (50k, 2M);\n"
           "sizes kB MB GB (thousands), KiB MiB GiB (1,024).\n"
           "Exit status: 0 done, 1 failed, 2 wrong arguments.\n");
    if (command->examples != NULL) {
        printf("\nExamples:\n%s", command->examples);
    }
}

/* Store one value. A sentence is printed when it does not fit. */
static bool options_store(const struct options_command *command, const struct option_row *row,
                          const char *text)
{
    ASSERT(row->target != NULL);
    uint64_t number = 0;
    enum status status = STATUS_OK;
    switch (row->kind) {
    case OPTION_FLAG:
        *(bool *)row->target = true;
        break;
    case OPTION_TEXT:
        *(const char **)row->target = text;
        break;
    case OPTION_COUNT:
        status = options_count_parse(text, &number);
        break;
    case OPTION_DURATION:
        status = options_duration_parse(text, &number);
        break;
    case OPTION_SIZE:
        status = options_size_parse(text, &number);
        break;
    }
    if (status != STATUS_OK) {
        static const char *const wanted[] = {"", "", "a number such as 1000, 50k or 2M",
                                             "a duration such as 250ms, 10s or 1.5m",
                                             "a size such as 4096, 64MiB or 1GB"};
        (void)options_wrong(command->name, "--%s takes %s, not '%s'", row->name, wanted[row->kind],
                            text);
        return false;
    }
    if (row->kind == OPTION_FLAG || row->kind == OPTION_TEXT) {
        return true;
    }
    if (number < row->minimum || (row->maximum != 0 && number > row->maximum)) {
        (void)options_wrong(command->name, "--%s is out of range: '%s' (%s)", row->name, text,
                            row->help);
        return false;
    }
    *(uint64_t *)row->target = number;
    return true;
}

/* What getopt_long() could not take: unknown, ambiguous, or without its value. */
static enum options_result options_unknown(const struct options_command *command, int argc,
                                           char **argv, int returned)
{
    const char *word = optind > 0 && optind <= argc ? argv[optind - 1] : "";
    if (returned == ':') {
        (void)options_wrong(command->name, "%s needs a value", word);
        return OPTIONS_WRONG;
    }
    if (optopt >= OPTIONS_FIRST_VALUE || optopt == OPTIONS_HELP_VALUE) {
        (void)options_wrong(command->name, "%s takes no value", word);
        return OPTIONS_WRONG;
    }
    if (optopt != 0) {
        (void)options_wrong(command->name, "unknown option '-%c'", optopt);
        return OPTIONS_WRONG;
    }
    const char *names[OPTIONS_ROWS_MAX + 1];
    for (uint32_t i = 0; i < command->row_count; i++) {
        names[i] = command->rows[i].name;
    }
    names[command->row_count] = NULL;
    const char *nearest = options_nearest(word + 2, names);
    if (nearest != NULL) {
        (void)options_wrong(command->name, "unknown option '%s'; did you mean '--%s'?", word,
                            nearest);
    } else {
        (void)options_wrong(command->name, "unknown option '%s'", word);
    }
    return OPTIONS_WRONG;
}

/* The tables that getopt_long() wants. */
static void options_tables(const struct options_command *command, struct option *longs,
                           char *shorts)
{
    char *end = shorts;
    *end++ = ':'; /* A missing value is told apart from an unknown option. */
    *end++ = 'h';
    for (uint32_t i = 0; i < command->row_count; i++) {
        const struct option_row *row = &command->rows[i];
        ASSERT((row->kind == OPTION_FLAG) == (row->value == NULL));
        int has_value = row->kind == OPTION_FLAG ? no_argument : required_argument;
        longs[i] = (struct option){.name = row->name,
                                   .has_arg = has_value,
                                   .val = OPTIONS_FIRST_VALUE + (int)i};
        if (row->letter != 0) {
            *end++ = row->letter;
            if (has_value == required_argument) {
                *end++ = ':';
            }
        }
    }
    longs[command->row_count] = (struct option){.name = "help", .val = OPTIONS_HELP_VALUE};
    longs[command->row_count + 1] = (struct option){.name = NULL};
    *end = '\0';
}

static const struct option_row *options_row(const struct options_command *command, int returned)
{
    for (uint32_t i = 0; i < command->row_count; i++) {
        const struct option_row *row = &command->rows[i];
        if (returned == OPTIONS_FIRST_VALUE + (int)i ||
            (row->letter != 0 && returned == row->letter)) {
            return row;
        }
    }
    ASSERT(false); /* getopt_long() returns what the tables hold. */
    return NULL;
}

enum options_result options_parse(const struct options_command *command, int argc, char **argv,
                                  int *operand)
{
    ASSERT(command->row_count <= OPTIONS_ROWS_MAX);
    ASSERT(command->operands_min <= command->operands_max);

    struct option longs[OPTIONS_ROWS_MAX + 2];
    char shorts[2 * OPTIONS_ROWS_MAX + 3];
    options_tables(command, longs, shorts);
    optind = 0; /* glibc: start anew, also after a subcommand has been parsed in this process. */
    opterr = 0;
    int returned;
    while ((returned = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
        if (returned == 'h' || returned == OPTIONS_HELP_VALUE) {
            options_help(command);
            return OPTIONS_HELP;
        }
        if (returned == '?' || returned == ':') {
            return options_unknown(command, argc, argv, returned);
        }
        const struct option_row *row = options_row(command, returned);
        if (!options_store(command, row, optarg)) {
            return OPTIONS_WRONG;
        }
        if (row->given != NULL) {
            *row->given = true;
        }
    }
    *operand = optind;
    uint32_t count = (uint32_t)(argc - optind);
    if (count < command->operands_min) {
        (void)options_wrong(command->name, "%s is missing", command->operands);
        return OPTIONS_WRONG;
    }
    if (count > command->operands_max) {
        (void)options_wrong(command->name, "'%s' is one argument too many",
                            argv[optind + (int)command->operands_max]);
        return OPTIONS_WRONG;
    }
    return OPTIONS_GO;
}
