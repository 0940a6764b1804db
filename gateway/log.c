#include "gateway/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "matching/base/assertion.h"

#define LOG_LINE_BYTES_MAX 1600

static const char *log_level_text(enum log_level level)
{
    switch (level) {
    case LOG_LEVEL_INFO:
        return "info";
    case LOG_LEVEL_WARN:
        return "warn";
    case LOG_LEVEL_ERROR:
        return "error";
    }
    ASSERT(false);
    return "";
}

void log_line(enum log_level level, const char *event, const char *format, ...)
{
    ASSERT(event != NULL);
    ASSERT(format != NULL);

    char line[LOG_LINE_BYTES_MAX];
    struct timespec now;
    struct tm parts;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)gmtime_r(&now.tv_sec, &parts);
    int bytes = (int)strftime(line, sizeof line, "time=%Y-%m-%dT%H:%M:%S", &parts);
    bytes += snprintf(line + bytes, sizeof line - (size_t)bytes, ".%06ldZ level=%s event=%s ",
                      now.tv_nsec / 1000, log_level_text(level), event);
    va_list arguments;
    va_start(arguments, format);
    int wanted = vsnprintf(line + bytes, sizeof line - (size_t)bytes - 1, format, arguments);
    va_end(arguments);
    ASSERT(wanted >= 0);
    int room = (int)sizeof line - bytes - 2;
    bytes += wanted < room ? wanted : room;
    line[bytes++] = '\n';
    /* A log that cannot be written must not stop trading. */
    ssize_t written = write(STDERR_FILENO, line, (size_t)bytes);
    (void)written;
}
