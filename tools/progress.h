/* Progress of a long command: one line on stderr, refreshed in place on a terminal.
 *
 * Elsewhere (a file, a pipe) there is either nothing or a line a second, as the command wants. */
#ifndef TOOLS_PROGRESS_H
#define TOOLS_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

enum progress_mode {
    PROGRESS_OFF,      /* Never. */
    PROGRESS_TERMINAL, /* Only on a terminal. */
    PROGRESS_LINES,    /* Also elsewhere, a line a second. */
};

struct progress {
    bool on;
    bool terminal;
    bool line_open; /* A line without its end stands on the terminal. */
    uint64_t next_ns;
};

void progress_start(struct progress *progress, enum progress_mode mode);

/* Whether it is time for progress_line(); cheap, for inner loops. */
bool progress_due(const struct progress *progress, uint64_t now_ns);

/* Show the line. */
void progress_line(struct progress *progress, uint64_t now_ns, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Before anything else is printed: ends the open line. */
void progress_end(struct progress *progress);

#endif
