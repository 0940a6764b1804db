/* Turns the texts of a configuration file into values and keeps the first thing that is wrong, with
 * its line: what the parts of config.c share, and other readers of YAML. */
#ifndef GATEWAY_CONFIG_READER_H
#define GATEWAY_CONFIG_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/yaml_lines.h"
#include "gateway/yaml_load.h"

/* Places are those of yaml_lines_of(). Once something is wrong every call does nothing, so a caller
 * may read on and look at the end. */
struct config_reader {
    const char *path; /* Of the file, for messages. */
    const struct yaml_lines *lines;
    char *error; /* "path:line: sentence". */
    size_t error_bytes;
    bool failed;
};

/* Note an error at a place. */
void config_reader_fail(struct config_reader *reader, const char *place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same at a line that is known otherwise. */
void config_reader_fail_line(struct config_reader *reader, uint32_t line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* What libcyaml did not like; `manual` lists the keys. */
void config_reader_fail_schema(struct config_reader *reader, const struct yaml_load_error *error,
                               const char *manual);

/* `text` is what stands at `place`; NULL: nothing, which is an error for the functions without
 * "optional" in their comment. Each leaves the target alone when something is wrong. */

/* At most target_bytes - 1 characters, at least one. */
void config_reader_text(struct config_reader *reader, const char *place, const char *text,
                        char *target, size_t target_bytes);
/* 1 .. target_bytes - 1 of a-z, 0-9 and "-"; with `upper` also A-Z. */
void config_reader_name(struct config_reader *reader, const char *place, const char *text,
                        bool upper, char *target, size_t target_bytes);
/* "address:port" with a numeric IPv4 address, or "[address]:port" with an IPv6 one; no names
 * (DESIGN P6). Port 0 only with `port_any`. */
void config_reader_endpoint(struct config_reader *reader, const char *place, const char *text,
                            bool port_any, char *target, size_t target_bytes);
/* Exactly `target_bytes` bytes as hexadecimal digits. */
void config_reader_bytes(struct config_reader *reader, const char *place, const char *text,
                         uint8_t *target, size_t target_bytes);
/* Optional: a number from `least` to `most`. */
void config_reader_number(struct config_reader *reader, const char *place, const char *text,
                          uint64_t least, uint64_t most, uint64_t *target);
/* Optional: the same in bytes, with KiB, MiB or GiB behind it; a multiple of `multiple`. */
void config_reader_size(struct config_reader *reader, const char *place, const char *text,
                        uint64_t least, uint64_t most, uint64_t multiple, uint64_t *target);
/* Optional: the index of `text` among `count` words. */
void config_reader_choice(struct config_reader *reader, const char *place, const char *text,
                          const char *const *words, size_t count, size_t *target);

#endif
