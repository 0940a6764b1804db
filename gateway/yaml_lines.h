/* Where things stand in a YAML file: lines for messages about it.
 *
 * libcyaml reads values but keeps no places; libyaml's document tree has them (yaml_node_t,
 * start_mark). Also finds here what libcyaml lets pass or reports at the wrong place: errors of
 * syntax, a key that stands twice, a second document. */
#ifndef GATEWAY_YAML_LINES_H
#define GATEWAY_YAML_LINES_H

#include <stddef.h>
#include <stdint.h>

#include "matching/base/status.h"

#define YAML_LINES_ERROR_BYTES 256u

struct yaml_lines;

/* What is wrong with a text, and where. */
struct yaml_lines_error {
    uint32_t line; /* From 1. */
    char text[YAML_LINES_ERROR_BYTES];
};

/* Read a text. STATUS_BAD_FORMAT sets `error`: no YAML, not one document that is a mapping, or a
 * key twice. STATUS_FULL: no memory. `*lines` is NULL then. */
MUST_USE enum status yaml_lines_open(struct yaml_lines **lines, const uint8_t *text,
                                     size_t text_bytes, struct yaml_lines_error *error);
void yaml_lines_close(struct yaml_lines *lines);

/* Line, from 1, of a place like "bootstrap.sites[1].peer[0]": of the key, or of the entry of a
 * list. What is missing has the line of the deepest part that is there. */
uint32_t yaml_lines_of(const struct yaml_lines *lines, const char *place);

/* Line of the first key with this name, in any mapping, in line `from_line` or below; `from_line`
 * when there is none. For libcyaml, which tells of an unknown key where it was before it. */
uint32_t yaml_lines_of_key(const struct yaml_lines *lines, const char *key, uint32_t from_line);

#endif
