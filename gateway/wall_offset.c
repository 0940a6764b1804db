#include "gateway/wall_offset.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "matching/base/assertion.h"
#include "replication/journal_file.h"

#define WALL_OFFSET_TEXT_BYTES 32u
#define WALL_OFFSET_PATH_BYTES 4096u

enum status wall_offset_read(const char *path, int64_t *offset_ns)
{
    char text[WALL_OFFSET_TEXT_BYTES];
    ASSERT(path != NULL);
    ASSERT(offset_ns != NULL);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return journal_file_status(errno);
    }
    ssize_t bytes = read(fd, text, sizeof text - 1);
    int error = errno;
    (void)close(fd);
    if (bytes < 0) {
        return journal_file_status(error);
    }
    text[bytes] = '\0';
    char *end = NULL;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno != 0 || end == text || (*end != '\0' && *end != '\n')) {
        return STATUS_BAD_FORMAT;
    }
    *offset_ns = value;
    return STATUS_OK;
}

enum status wall_offset_write(const char *path, int64_t offset_ns)
{
    char next[WALL_OFFSET_PATH_BYTES];
    ASSERT(path != NULL);
    int bytes = snprintf(next, sizeof next, "%s.next", path);
    ASSERT(bytes > 0);
    if ((size_t)bytes >= sizeof next) {
        return STATUS_DENIED;
    }
    FILE *file = fopen(next, "we");
    if (file == NULL) {
        return journal_file_status(errno);
    }
    bool written = fprintf(file, "%" PRId64 "\n", offset_ns) > 0;
    written = fclose(file) == 0 && written;
    if (!written || rename(next, path) != 0) {
        return journal_file_status(errno);
    }
    return STATUS_OK;
}
