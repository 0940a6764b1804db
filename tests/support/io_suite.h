/* One suite of tests for every backend of io.h: io_ring_test.c and io_epoll_test.c run it over
 * their backend, over reduced feature ladders and in every idle mode. */
#ifndef TESTS_SUPPORT_IO_SUITE_H
#define TESTS_SUPPORT_IO_SUITE_H

#include <stdbool.h>
#include <stdint.h>

#include "matching/base/random.h"
#include "replication/io/io.h"
#include "replication/io/io_create.h"

struct io_suite_variant {
    const char *name;
    enum io_backend_kind backend;
    enum io_idle idle;
    struct io_limits limits;
};

/* Runs all tests; how many failed. */
int io_suite_run(const struct io_suite_variant *variant);

/* What follows is for the suite's own files. */

#define IO_SUITE_BATCH   64u
#define IO_SUITE_KEPT    4096u
#define IO_SUITE_HANDLES 80u
#define IO_SUITE_TOKEN   UINT64_C(0xA000000000000000) /* Plus a handle: tokens of receives. */

/* An io under test, and the completions that it has given and nobody has asked for yet. */
struct io_suite {
    struct io *io;
    uint32_t batch_max;         /* Completions asked for at a time, 1 .. IO_SUITE_BATCH. */
    struct io_completion *kept; /* IO_SUITE_KEPT at most. */
    uint32_t kept_count;
    struct random random;
    int descriptors_before; /* Open in the process before io was created. */
};

/* Make it with the variant's backend; `buffer_count` buffers of `buffer_bytes`. */
void io_suite_open(struct io_suite *suite, void **state, uint32_t handles_max,
                   uint32_t buffer_count, uint32_t buffer_bytes);
/* Destroy it; checks that no descriptor is left over. */
void io_suite_close(struct io_suite *suite);
int io_suite_descriptors(void);

/* Poll once, until something comes or `due_ns`; keeps what comes. */
void io_suite_poll(struct io_suite *suite, uint64_t due_ns);
/* The first completion of this kind for this handle (UINT32_MAX: any), waited for. Fails the test
 * after half a minute. */
struct io_completion io_suite_expect(struct io_suite *suite, enum io_completion_kind kind,
                                     uint32_t handle);
/* Whether such a completion has been kept. */
bool io_suite_has(const struct io_suite *suite, enum io_completion_kind kind, uint32_t handle);
/* Poll until whatever could happen by itself has happened: two wake-ups have gone through. */
void io_suite_settle(struct io_suite *suite);
/* io_close() and IO_CLOSED; data that is kept for the handle is given back. */
void io_suite_close_handle(struct io_suite *suite, uint32_t handle);

/* A listener on 127.0.0.1; an accepted connection with a plain, blocking socket at the other end;
 * a connection with io at both ends. None receives yet. */
uint32_t io_suite_listen(struct io_suite *suite, uint16_t *port);
int io_suite_plain_connect(uint16_t port, int receive_buffer_bytes);
uint32_t io_suite_accept_plain(struct io_suite *suite, uint32_t listener, uint16_t port,
                               int *plain_fd);
void io_suite_pair(struct io_suite *suite, uint32_t listener, uint16_t port, uint32_t *accepted,
                   uint32_t *connected);

/* The byte that stands at `position` of stream `stream`. */
uint8_t io_suite_byte(uint64_t stream, uint64_t position);
void io_suite_fill(uint8_t *target, size_t bytes, uint64_t stream, uint64_t position);
void io_suite_check(const uint8_t *data, size_t bytes, uint64_t stream, uint64_t position);
/* Read exactly so many bytes from a plain socket and check them. */
void io_suite_plain_check(int fd, size_t bytes, uint64_t stream, uint64_t position);

/* The tests, by file. */
void io_suite_stream_echo(void **state);
void io_suite_stream_overflow(void **state);
void io_suite_stream_slow_reader(void **state);
void io_suite_stream_flood(void **state);
void io_suite_stream_pause(void **state);
void io_suite_stream_reset(void **state);
void io_suite_stream_half_close(void **state);
void io_suite_stream_last_words(void **state);

void io_suite_bound_endpoints(void **state);
void io_suite_bound_port_in_use(void **state);
void io_suite_bound_refused(void **state);
void io_suite_bound_handles(void **state);
void io_suite_bound_buffers(void **state);
void io_suite_bound_descriptors(void **state);

void io_suite_close_in_flight_send(void **state);
void io_suite_close_in_flight_connect(void **state);
void io_suite_close_before_poll(void **state);
void io_suite_close_listener(void **state);
void io_suite_close_with_pending(void **state);
void io_suite_close_churn(void **state);
void io_suite_close_destroy(void **state);

void io_suite_time_due(void **state);
void io_suite_time_wake(void **state);
void io_suite_time_wake_coalesced(void **state);

void io_suite_file_write(void **state);
void io_suite_file_direct(void **state);
void io_suite_file_forget(void **state);
void io_suite_file_many(void **state);
void io_suite_file_limit(void **state);
void io_suite_file_refused(void **state);
void io_suite_file_close(void **state);

#endif
