/* Arguments of a subcommand: one table says what it takes, parses it and prints its help.
 *
 * On getopt_long(): options and operands may be mixed, "--" ends the options. Values carry units:
 * durations "250ms", "10s", "1.5m"; counts and rates "50k", "2M"; sizes "64MiB", "1GB". What a user
 * typed wrong is answered with a sentence and a hint on stderr, never with an assertion. */
#ifndef TOOLS_OPTIONS_H
#define TOOLS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "matching/base/status.h"

#define OPTIONS_ROWS_MAX 40u

/* Exit statuses of every subcommand. */
#define OPTIONS_EXIT_DONE   0
#define OPTIONS_EXIT_FAILED 1 /* It was tried and did not succeed. */
#define OPTIONS_EXIT_USAGE  2 /* It was asked for wrongly; nothing was tried. */

enum option_kind {
    OPTION_FLAG,     /* bool: no value. */
    OPTION_TEXT,     /* const char *: into argv. */
    OPTION_COUNT,    /* uint64_t: "1000", "50k", "1.5M", "2G" (thousands). */
    OPTION_DURATION, /* uint64_t nanoseconds: number and ns, us, ms, s, m or h. */
    OPTION_SIZE,     /* uint64_t bytes: "4096", kB MB GB (thousands), KiB MiB GiB (1,024). */
};

/* One option. `target` points to the kind's type and holds the default. */
struct option_row {
    const char *name; /* Long name without dashes. */
    char letter;      /* Short name, or 0. */
    enum option_kind kind;
    void *target;
    const char *value; /* Name of the value in the help, for example "DURATION"; NULL for a flag. */
    const char *help;  /* One sentence, with unit and default. */
    uint64_t minimum;  /* Numbers only; both ends are allowed. */
    uint64_t maximum;  /* 0: no limit. */
    bool *given;       /* Set when the user gave it; may be NULL. */
};

struct options_command {
    const char *name;     /* "load": for messages. */
    const char *operands; /* "DIR", "FILE...", or "" when it takes none. */
    uint32_t operands_min;
    uint32_t operands_max;
    const char *summary; /* What it does: one or a few sentences. */
    const struct option_row *rows;
    uint32_t row_count;
    const char *examples; /* Lines, each a command, or NULL. */
};

enum options_result {
    OPTIONS_GO,    /* Parsed: go on. */
    OPTIONS_HELP,  /* --help was asked for and printed: exit with OPTIONS_EXIT_DONE. */
    OPTIONS_WRONG, /* The message has been printed: exit with OPTIONS_EXIT_USAGE. */
};

/* Parse argv[1 ..]. `*operand` is the index of the first operand in argv, which is reordered so
 * that operands come last. Not thread-safe (getopt is not). */
MUST_USE enum options_result options_parse(const struct options_command *command, int argc,
                                           char **argv, int *operand);

/* Print "causeway NAME: sentence" and where the help is; returns OPTIONS_EXIT_USAGE. */
int options_wrong(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Print "causeway NAME: sentence"; returns OPTIONS_EXIT_FAILED. */
int options_failed(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The values. STATUS_BAD_FORMAT: not such a value, or above 2^64 - 1; then nothing is set. */
MUST_USE enum status options_count_parse(const char *text, uint64_t *count);
MUST_USE enum status options_duration_parse(const char *text, uint64_t *duration_ns);
MUST_USE enum status options_size_parse(const char *text, uint64_t *size_bytes);

/* The word of `words` (NULL-terminated) nearest to `word`, or NULL when none is near: for hints. */
const char *options_nearest(const char *word, const char *const *words);

#endif
