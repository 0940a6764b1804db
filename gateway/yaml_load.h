/* Files of YAML into structs by a libcyaml schema: what every reader of such a file shares. */
#ifndef GATEWAY_YAML_LOAD_H
#define GATEWAY_YAML_LOAD_H

#include <stddef.h>
#include <stdint.h>

#include "matching/base/status.h"

#define YAML_LOAD_ERROR_BYTES    256u
#define YAML_LOAD_FILE_BYTES_MAX (4096u * 1024u)

struct cyaml_schema_value; /* <cyaml/cyaml.h>. */

/* libcyaml's own words; whoever reads on makes sentences of them. */
struct yaml_load_error {
    uint32_t line; /* From 1. */
    char text[YAML_LOAD_ERROR_BYTES];
};

/* Read a text of one document. `*data` is what `schema`, whose outermost value is a pointer, says.
 * STATUS_BAD_FORMAT sets `error`; STATUS_FULL: no memory. */
MUST_USE enum status yaml_load(void **data, const struct cyaml_schema_value *schema,
                               const uint8_t *text, size_t text_bytes,
                               struct yaml_load_error *error);
void yaml_load_free(void *data, const struct cyaml_schema_value *schema);

/* A whole file of at most `bytes_max` (up to YAML_LOAD_FILE_BYTES_MAX); free() it. `what` it is
 * goes into `error`, a sentence: "PATH: cannot read the WHAT: why". STATUS_NOT_FOUND,
 * STATUS_DENIED, STATUS_BAD_FORMAT (too large, no file). */
MUST_USE enum status yaml_load_file(const char *path, const char *what, size_t bytes_max,
                                    uint8_t **text, size_t *text_bytes, char *error,
                                    size_t error_bytes);

#endif
