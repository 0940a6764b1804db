/* Logs: one line an event, key=value, to stderr. Nothing secret ever goes in: no password, no key.
 * Any thread; a line is one write, so lines never mix. */
#ifndef GATEWAY_LOG_H
#define GATEWAY_LOG_H

enum log_level { LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

/* "time=... level=... event=EVENT " and the formatted rest, at most 1,500 characters: longer is
 * cut. */
void log_line(enum log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
