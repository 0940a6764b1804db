#include "gateway/yaml_load.h"

#include <cyaml/cyaml.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "matching/base/assertion.h"

/* libcyaml tells an error in its log: a line that says what, then a backtrace whose first entry
 * with "(line: N" is the place. */
static void yaml_load_log(cyaml_log_t level, void *context, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));

static void yaml_load_log(cyaml_log_t level, void *context, const char *format, va_list arguments)
{
    struct yaml_load_error *error = context;
    char text[YAML_LOAD_ERROR_BYTES];
    (void)level;
    (void)vsnprintf(text, sizeof text, format, arguments);
    text[strcspn(text, "\n")] = '\0';
    const char *line = strstr(text, "(line: ");
    if (line != NULL && error->line == 0) {
        error->line = (uint32_t)strtoul(line + strlen("(line: "), NULL, 10);
    }
    const char *prefix = "Load: ";
    if (error->text[0] == '\0' && strncmp(text, prefix, strlen(prefix)) == 0) {
        (void)snprintf(error->text, sizeof error->text, "%s", text + strlen(prefix));
    }
}

static cyaml_config_t yaml_load_settings(struct yaml_load_error *error)
{
    return (cyaml_config_t){.log_fn = error != NULL ? yaml_load_log : NULL,
                            .log_ctx = error,
                            .mem_fn = cyaml_mem,
                            .log_level = CYAML_LOG_ERROR};
}

enum status yaml_load(void **data, const struct cyaml_schema_value *schema, const uint8_t *text,
                      size_t text_bytes, struct yaml_load_error *error)
{
    ASSERT(data != NULL);
    ASSERT(error != NULL);

    *error = (struct yaml_load_error){0};
    cyaml_config_t settings = yaml_load_settings(error);
    cyaml_data_t *loaded = NULL;
    cyaml_err_t failure = cyaml_load_data(text, text_bytes, &settings, schema, &loaded, NULL);
    *data = loaded;
    if (failure == CYAML_OK && loaded != NULL) {
        return STATUS_OK;
    }
    if (error->line == 0) {
        error->line = 1;
    }
    if (error->text[0] == '\0') {
        (void)snprintf(error->text, sizeof error->text, "%s",
                       failure == CYAML_OK ? "nothing in it" : cyaml_strerror(failure));
    }
    *data = NULL;
    return failure == CYAML_ERR_OOM ? STATUS_FULL : STATUS_BAD_FORMAT;
}

void yaml_load_free(void *data, const struct cyaml_schema_value *schema)
{
    cyaml_config_t settings = yaml_load_settings(NULL);
    cyaml_err_t failure = cyaml_free(&settings, schema, data, 0);
    ASSERT(failure == CYAML_OK);
}

enum status yaml_load_file(const char *path, const char *what, size_t bytes_max, uint8_t **text,
                           size_t *text_bytes, char *error, size_t error_bytes)
{
    ASSERT(bytes_max > 0);
    ASSERT(bytes_max <= YAML_LOAD_FILE_BYTES_MAX);

    enum status status = STATUS_BAD_FORMAT;
    *text = malloc(bytes_max + 1);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (*text == NULL || file < 0) {
        bool absent = errno == ENOENT || errno == ENOTDIR;
        status = absent ? STATUS_NOT_FOUND : errno == EACCES ? STATUS_DENIED : STATUS_BAD_FORMAT;
        goto fail;
    }
    size_t bytes = 0;
    ssize_t piece = 0;
    do {
        bytes += (size_t)piece;
        piece = read(file, *text + bytes, bytes_max + 1 - bytes);
    } while (piece > 0);
    if (piece < 0) {
        goto fail;
    }
    if (bytes > bytes_max) {
        errno = EFBIG;
        goto fail;
    }
    (void)close(file);
    *text_bytes = bytes;
    return STATUS_OK;

fail:
    (void)snprintf(error, error_bytes, "%s: cannot read the %s: %s", path, what, strerror(errno));
    if (file >= 0) {
        (void)close(file);
    }
    free(*text);
    *text = NULL;
    return status;
}
