#include "gateway/data_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "matching/base/assertion.h"
#include "replication/journal_file.h"

#define DATA_FILE_NAME_BYTES 32u

/* 0, or an errno. */
static int data_file_fill(const char *path, const char *text)
{
    size_t bytes = strlen(text);
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0) {
        return errno;
    }
    ssize_t written = write(file, text, bytes);
    int error = written < 0 ? errno : written < (ssize_t)bytes ? ENOSPC : 0;
    if (error == 0 && fsync(file) != 0) {
        error = errno;
    }
    if (close(file) != 0 && error == 0) {
        error = errno;
    }
    return error;
}

enum status data_file_write(const char *directory, const char *name, const char *text,
                            struct journal_error *error)
{
    ASSERT(strlen(name) + 4 < DATA_FILE_NAME_BYTES);
    ASSERT(text[0] != '\0');
    char new_name[DATA_FILE_NAME_BYTES];
    char path[JOURNAL_PATH_BYTES];
    char new_path[JOURNAL_PATH_BYTES];
    (void)snprintf(new_name, sizeof new_name, "%s.new", name);
    enum status status = journal_file_path(path, directory, name, error);
    if (status == STATUS_OK) {
        status = journal_file_path(new_path, directory, new_name, error);
    }
    if (status != STATUS_OK) {
        return status;
    }
    int error_number = data_file_fill(new_path, text);
    if (error_number == 0 && rename(new_path, path) != 0) {
        error_number = errno;
    }
    return error_number == 0 ? journal_file_sync_directory(directory, error)
                             : journal_file_failed(error, "write", path, error_number);
}
