#include "tools/text_file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "matching/base/assertion.h"

extern char **environ;

static enum status text_file_system(struct text_file *file, int error, const char *what)
{
    (void)snprintf(file->message, sizeof file->message, "%s: %s: %s", file->path, what,
                   strerror(error));
    switch (error) {
    case ENOENT:
        return STATUS_NOT_FOUND;
    case EACCES:
    case EPERM:
        return STATUS_DENIED;
    default: /* Whatever else a system may say. */
        return STATUS_IO;
    }
}

static bool ends_with(const char *text, const char *ending)
{
    size_t bytes = strlen(text);
    size_t ending_bytes = strlen(ending);
    return bytes > ending_bytes && strcmp(text + bytes - ending_bytes, ending) == 0;
}

/* The file goes to the program as its standard input, so a path like "-x" is no option. */
static enum status text_file_spawn(struct text_file *file, const char *program, int input)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return text_file_system(file, errno, "pipe");
    }
    posix_spawn_file_actions_t actions;
    char *const arguments[] = {strdup(program), strdup("-dcq"), NULL};
    int error = posix_spawn_file_actions_init(&actions);
    if (error == 0) {
        error = posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
        error =
            error != 0 ? error : posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
        error = error != 0 || arguments[0] == NULL || arguments[1] == NULL
                    ? ENOMEM
                    : posix_spawnp(&file->child, program, &actions, NULL, arguments, environ);
        (void)posix_spawn_file_actions_destroy(&actions);
    }
    free(arguments[0]);
    free(arguments[1]);
    (void)close(ends[1]);
    if (error != 0) {
        file->child = 0;
        (void)close(ends[0]);
        char what[64];
        (void)snprintf(what, sizeof what, "cannot run `%s` (install %s)", program,
                       strcmp(program, "xz") == 0 ? "xz-utils" : program);
        return text_file_system(file, error, what);
    }
    file->stream = fdopen(ends[0], "r");
    ASSERT(file->stream != NULL);
    return STATUS_OK;
}

enum status text_file_open(struct text_file *file, const char *path)
{
    ASSERT(path != NULL);
    *file = (struct text_file){.path = path};
    int input = open(path, O_RDONLY | O_CLOEXEC);
    if (input < 0) {
        return text_file_system(file, errno, "open");
    }
    const char *program = ends_with(path, ".xz") ? "xz" : ends_with(path, ".zst") ? "zstd" : NULL;
    if (program == NULL) {
        file->stream = fdopen(input, "r");
        ASSERT(file->stream != NULL);
        return STATUS_OK;
    }
    enum status status = text_file_spawn(file, program, input);
    (void)close(input);
    return status;
}

enum status text_file_bad(struct text_file *file, const char *format, ...)
{
    ASSERT(format != NULL);
    int bytes = snprintf(file->message, sizeof file->message, "%s:%llu: ", file->path,
                         (unsigned long long)file->line_number);
    ASSERT(bytes > 0);
    size_t used = (size_t)bytes < sizeof file->message ? (size_t)bytes : sizeof file->message - 1;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(file->message + used, sizeof file->message - used, format, arguments);
    va_end(arguments);
    return STATUS_BAD_FORMAT;
}

enum status text_file_next(struct text_file *file, bool *got)
{
    ASSERT(file->stream != NULL);
    *got = false;
    size_t bytes = 0;
    int byte = getc_unlocked(file->stream);
    if (byte == EOF) {
        return ferror(file->stream) != 0 ? text_file_system(file, errno, "read") : STATUS_OK;
    }
    file->line_number++;
    for (; byte != EOF && byte != '\n'; byte = getc_unlocked(file->stream)) {
        if (byte == '\0') {
            return text_file_bad(file, "a zero byte: not a text file");
        }
        if (bytes == sizeof file->line - 1) {
            return text_file_bad(file, "longer than %u characters", TEXT_FILE_LINE_MAX - 1);
        }
        file->line[bytes++] = (char)byte;
    }
    if (ferror(file->stream) != 0) {
        return text_file_system(file, errno, "read");
    }
    bytes -= bytes > 0 && file->line[bytes - 1] == '\r' ? 1 : 0;
    file->line[bytes] = '\0';
    *got = true;
    return STATUS_OK;
}

enum status text_file_close(struct text_file *file)
{
    ASSERT(file->stream != NULL);
    bool ended = feof(file->stream) != 0;
    (void)fclose(file->stream);
    file->stream = NULL;
    if (file->child == 0) {
        return STATUS_OK;
    }
    if (!ended) {
        (void)kill(file->child, SIGTERM);
    }
    int result = 0;
    while (waitpid(file->child, &result, 0) < 0 && errno == EINTR) {
    }
    file->child = 0;
    if (ended && (!WIFEXITED(result) || WEXITSTATUS(result) != 0)) {
        return text_file_bad(file, "damaged: it could not be decompressed to its end");
    }
    return STATUS_OK;
}

uint32_t text_file_split(char *line, char **fields, uint32_t fields_max)
{
    ASSERT(fields_max > 0);
    uint32_t count = 0;
    for (char *at = line; at != NULL; count++) {
        char *comma = strchr(at, ',');
        if (comma != NULL) {
            *comma = '\0';
        }
        if (count < fields_max) {
            fields[count] = at;
        }
        at = comma != NULL ? comma + 1 : NULL;
    }
    ASSERT(count > 0);
    return count;
}

bool text_file_number(const char *text, uint32_t decimals, uint64_t max, uint64_t *number)
{
    uint64_t value = 0;
    uint32_t digits = 0;
    uint32_t after = 0;
    bool point = false;
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '.' && !point && digits > 0 && decimals > 0) {
            point = true;
            continue;
        }
        if (*at < '0' || *at > '9' || (point && after == decimals)) {
            return false;
        }
        if (__builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*at - '0'), &value)) {
            return false;
        }
        digits++;
        after += point ? 1 : 0;
    }
    for (; after < decimals; after++) {
        if (__builtin_mul_overflow(value, 10u, &value)) {
            return false;
        }
    }
    *number = value;
    return digits > 0 && value <= max;
}
