#include "tools/progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "matching/base/assertion.h"

#define PROGRESS_TERMINAL_PERIOD_NS UINT64_C(200000000)
#define PROGRESS_LINES_PERIOD_NS    UINT64_C(1000000000)

void progress_start(struct progress *progress, enum progress_mode mode)
{
    bool terminal = isatty(STDERR_FILENO) == 1;
    *progress =
        (struct progress){.on = mode == PROGRESS_LINES || (mode == PROGRESS_TERMINAL && terminal),
                          .terminal = terminal};
}

bool progress_due(const struct progress *progress, uint64_t now_ns)
{
    return progress->on && now_ns >= progress->next_ns;
}

void progress_line(struct progress *progress, uint64_t now_ns, const char *format, ...)
{
    ASSERT(format != NULL);
    if (!progress->on) {
        return;
    }
    progress->next_ns =
        now_ns + (progress->terminal ? PROGRESS_TERMINAL_PERIOD_NS : PROGRESS_LINES_PERIOD_NS);
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (progress->terminal) {
        (void)fprintf(stderr, "\r%s\033[K", line); /* "Erase to the end of the line." */
        progress->line_open = true;
    } else {
        (void)fprintf(stderr, "%s\n", line);
    }
    (void)fflush(stderr);
}

void progress_end(struct progress *progress)
{
    if (progress->line_open) {
        (void)fprintf(stderr, "\n");
        progress->line_open = false;
    }
    ASSERT(!progress->line_open);
}
