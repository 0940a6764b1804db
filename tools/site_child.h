/* A causewayd process that a tool starts, kills and starts again. Its log goes to a file. It dies
 * with whoever started it. */
#ifndef TOOLS_SITE_CHILD_H
#define TOOLS_SITE_CHILD_H

#include <stdint.h>
#include <sys/types.h>

#include "matching/base/status.h"

struct site_child {
    const char *program; /* Path of causewayd. */
    const char *config;
    const char *log;         /* Appended to. */
    int namespace_fd;        /* Network namespace to live in; -1: this process's own. */
    pid_t pid;               /* 0: not running. */
    uint64_t log_from_bytes; /* Where the log of this start begins. */
    int exit_status;         /* Of the last end: exit status, or 128 + signal. */
    uint32_t starts;
};

/* Paths stay the caller's. It lives where this process does, unless namespace_fd is set then. */
void site_child_init(struct site_child *child, const char *program, const char *config,
                     const char *log);

/* Start the process; does not wait. STATUS_NOT_FOUND: no such program; STATUS_IO: `errno` says. */
MUST_USE enum status site_child_start(struct site_child *child);

/* Look, without waiting: STATUS_OK when it has said event=ready, STATUS_NOT_YET, or STATUS_CLOSED
 * when it has ended; then exit_status is set and it is no longer running. */
MUST_USE enum status site_child_look(struct site_child *child);

/* Wait until it is ready, at most `limit_ms`: STATUS_OK, STATUS_CLOSED or STATUS_TIMEOUT. */
MUST_USE enum status site_child_wait(struct site_child *child, uint32_t limit_ms);

/* SIGSTOP: it is there but does nothing; and on again. Nothing when it is not running. */
void site_child_freeze(const struct site_child *child);
void site_child_thaw(const struct site_child *child);

/* SIGKILL, and wait for the end. */
void site_child_kill(struct site_child *child);

/* SIGTERM, without waiting: site_child_look() tells when it has ended. */
void site_child_ask(const struct site_child *child);

/* SIGTERM, and wait at most `limit_ms` for the end, then SIGKILL. Returns exit_status. */
int site_child_stop(struct site_child *child, uint32_t limit_ms);

/* The last line of its log, for messages. */
void site_child_last_words(const struct site_child *child, char *text, size_t text_bytes);

#endif
