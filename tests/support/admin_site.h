/* A site as the administration port sees it: a real engine behind a real admin_link, driven by a
 * loop thread of its own, without journal and clients. Commands are executed at once, or held back
 * while the test says so. */
#ifndef TESTS_SUPPORT_ADMIN_SITE_H
#define TESTS_SUPPORT_ADMIN_SITE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "gateway/admin.h"
#include "gateway/admin_link.h"
#include "matching/engine.h"
#include "replication/io/io.h"
#include "tests/support/test_paths.h"

#define ADMIN_SITE_TOKEN "0123456789abcdef0123456789abcdef"

#define ADMIN_SITE_HELD_MAX 64u

struct admin_site_double {
    char directory[TEST_PATH_BYTES];
    char token_path[TEST_PATH_BYTES + 32];
    char config_path[TEST_PATH_BYTES + 32]; /* A configuration that leads tools here. */
    struct io *io;
    struct admin_link *link;
    struct admin *admin;
    struct engine *engine; /* The loop thread's. */
    void *memory;
    uint16_t port;
    pthread_t thread;
    struct admin_request held[ADMIN_SITE_HELD_MAX]; /* The loop thread's. */
    atomic_bool stopping;
    _Atomic uint32_t commands_seen;
    /* How the loop treats requests; change them freely while it runs. */
    atomic_bool silent; /* Takes requests and never answers them. */
    atomic_bool hold;   /* Takes them and answers after admin_site_release(). */
    _Atomic uint32_t held_count;
    _Atomic uint32_t lose_answers; /* The next so many commands are executed, the answer is lost. */
    _Atomic int refuse;            /* enum status: commands are refused with it. */
};

/* Starts it on a free port of 127.0.0.1. */
void admin_site_start(struct admin_site_double *site, uint32_t timeout_ms);
/* Answers what is held, in order, and what comes. */
void admin_site_release(struct admin_site_double *site);
void admin_site_stop(struct admin_site_double *site);

#endif
