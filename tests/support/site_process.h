/* A site as a user has it: made by `causeway init`, run as a real `causewayd` process that the test
 * may kill, and that dies with it. Its log is kept; ports are free ones of 127.0.0.1. */
#ifndef TESTS_SUPPORT_SITE_PROCESS_H
#define TESTS_SUPPORT_SITE_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "tests/support/test_paths.h"

#define SITE_PROCESS_WAIT_MS                                                                       \
    60000 /* Generous: machines are slow at times; nothing depends on it. */

struct site_process {
    char directory[TEST_PATH_BYTES]; /* The site's: site.yaml and data. */
    char config[TEST_PATH_BYTES + 16];
    char log[TEST_PATH_BYTES + 16]; /* Everything that causewayd said, over all starts. */
    char program[TEST_PATH_BYTES + 16];
    char tool[TEST_PATH_BYTES + 16];
    uint16_t ouch_port;
    uint16_t admin_port;
    off_t log_bytes; /* Before this start. */
    pid_t pid;       /* 0: not running. */
};

/* Make a new site below `directory`, with cluster "test" and site "one". Asserts that init
 * succeeds. */
void site_process_init(struct site_process *site, const char *directory);

/* Several sites of one cluster below `directory`, "site-1" and so on, each at a provider of its
 * own; every shard of `shards` ("EQ=site-1,site-2") prefers whom it names. Asserts that it
 * succeeds. */
void site_process_init_cluster(struct site_process *sites, uint32_t count, const char *directory,
                               const char *shards);

/* One site more below `directory`, of cluster "test", that others can reach: alone until it is
 * added. Asserts that it succeeds. */
void site_process_init_reachable(struct site_process *site, const char *directory, const char *name,
                                 const char *provider);

/* A port that no site here has. */
uint16_t site_process_free_port(void);

/* Start it, as the two steps that several sites need: none serves alone. */
void site_process_launch(struct site_process *site);
bool site_process_await(struct site_process *site, int *exit_status);

/* Start it and wait until it serves. False when it ended instead; *exit_status says how. */
bool site_process_start(struct site_process *site, int *exit_status);

/* SIGKILL and reap. */
void site_process_kill(struct site_process *site);
/* SIGTERM, reap, exit status. */
int site_process_stop(struct site_process *site);

/* Start a program, both outputs into the file `output`; reap it with waitpid(), or as below. */
pid_t site_process_begin(const char *output, const char *const arguments[]);
/* What it has written into the file so far. */
void site_process_read(const char *path, char *output, size_t output_bytes);
/* Wait for its end, and read all that it wrote; returns its exit status as site_process_run(). */
int site_process_finish(pid_t pid, const char *path, char *output, size_t output_bytes);

/* Run a program to its end with the given arguments (NULL at the end), both outputs into `output`.
 * Returns its exit status, 128 + signal when killed. */
int site_process_run(char *output, size_t output_bytes, const char *const arguments[]);

/* Whether a whole line of the log holds `text`, anywhere or behind `from_bytes`. */
bool site_process_logged(const struct site_process *site, const char *text);
bool site_process_logged_since(const struct site_process *site, off_t from_bytes, const char *text);
/* Whether it does not run any more; it is not reaped by this. The same of a program that was begun.
 */
bool site_process_ended(const struct site_process *site);
bool site_process_pid_ended(pid_t pid);

/* The whole log to stderr, indented: what a failed test should say. */
void site_process_show_log(const struct site_process *site);

#endif
