/* A text file read line by line, plain or compressed (.xz, .zst: by running xz or zstd, so that no
 * program needs their libraries for a test's input). Errors name the file and the line. */
#ifndef TOOLS_TEXT_FILE_H
#define TOOLS_TEXT_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "matching/base/status.h"

#define TEXT_FILE_LINE_MAX    1024u
#define TEXT_FILE_MESSAGE_MAX 512u

struct text_file {
    const char *path; /* The caller's; lives as long as this. */
    FILE *stream;
    pid_t child; /* The program that decompresses; 0 = none. */
    uint64_t line_number;
    char line[TEXT_FILE_LINE_MAX];
    char message[TEXT_FILE_MESSAGE_MAX]; /* "PATH:LINE: what", after any error. */
};

/* STATUS_NOT_FOUND, STATUS_DENIED, STATUS_IO; message set, nothing open. */
MUST_USE enum status text_file_open(struct text_file *file, const char *path);

/* The next line without its end (LF or CR LF) to file->line. `*got` false: there are no more.
 * STATUS_BAD_FORMAT: too long, or a zero byte; STATUS_IO: cannot be read. Message set. */
MUST_USE enum status text_file_next(struct text_file *file, bool *got);

/* Sets the message to path, present line and the formatted text; returns STATUS_BAD_FORMAT. */
enum status text_file_bad(struct text_file *file, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* After the last line: STATUS_BAD_FORMAT with a message when the compressed file was damaged.
 * Before it: gives up, STATUS_OK. */
MUST_USE enum status text_file_close(struct text_file *file);

/* Cuts `line` at its commas in place. Returns how many fields there are; only the first
 * `fields_max` are set. */
uint32_t text_file_split(char *line, char **fields, uint32_t fields_max);

/* A decimal number without sign or blanks, or with `decimals` digits after the point scaled up
 * ("12.5" with 4 decimals is 125000). False: no such number, or above `max`. */
bool text_file_number(const char *text, uint32_t decimals, uint64_t max, uint64_t *number);

#endif
