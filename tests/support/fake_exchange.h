/* A tiny exchange for tests of clients: SoupBinTCP and OUCH over plain sockets, no book behind it.
 * It accepts every order, cancels what is open, answers queries, keeps each session's stream and
 * replays it from any number; and it can be told to do so wrongly, so that a test sees whether a
 * client notices. Never blocks: the test calls fake_exchange_step() in turn with its client. */
#ifndef TESTS_SUPPORT_FAKE_EXCHANGE_H
#define TESTS_SUPPORT_FAKE_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

#define FAKE_EXCHANGE_SESSIONS    8u
#define FAKE_EXCHANGE_MESSAGES    4096u
#define FAKE_EXCHANGE_CONNECTIONS 16u

/* What is done wrong when message `sequence` of `session` goes out. */
enum fake_exchange_fault {
    FAKE_EXCHANGE_NONE = 0,
    FAKE_EXCHANGE_SKIP,    /* It is left out. */
    FAKE_EXCHANGE_REPEAT,  /* It is sent twice. */
    FAKE_EXCHANGE_FLIP,    /* One bit differs. */
    FAKE_EXCHANGE_OFFSET,  /* Login Accepted says one number more than asked for. */
    FAKE_EXCHANGE_RUBBISH, /* A packet of no known type follows it. */
};

struct fake_exchange_message {
    uint8_t bytes[80];
    uint32_t count;
};

struct fake_exchange_stream {
    char name[7];
    uint64_t generation;
    uint32_t reference_last[16]; /* By channel. */
    uint64_t message_count;
    uint32_t duplicates;
    struct fake_exchange_message messages[FAKE_EXCHANGE_MESSAGES];
};

struct fake_exchange_connection {
    int fd;                              /* -1: free. */
    struct fake_exchange_stream *stream; /* NULL before the login. */
    uint64_t cursor;                     /* Next number to send. */
    uint64_t heartbeats;
    uint32_t in_bytes;
    uint32_t out_bytes;
    uint32_t out_sent;
    uint8_t in[65536];
    uint8_t out[65536];
};

/* A command as it came in, over all sessions. */
struct fake_exchange_arrival {
    char name[7];
    uint8_t type; /* enum command_type. */
    uint32_t reference;
};

struct fake_exchange {
    int listener;
    char endpoint[32];
    uint32_t stream_count;
    uint32_t piece_bytes; /* Send at most so many bytes at a time; 0: as they come. */
    uint32_t answers_max; /* Answers to give before `mute`; UINT32_MAX: all. */
    bool refuse_logins;   /* Login Rejected `A`. */
    bool refuse_commands; /* Refuses every order with `N`, unsequenced. */
    enum fake_exchange_fault fault;
    uint64_t fault_sequence;
    uint64_t logins;
    uint32_t arrival_count; /* Commands taken; the first FAKE_EXCHANGE_MESSAGES are kept. */
    struct fake_exchange_arrival arrivals[FAKE_EXCHANGE_MESSAGES];
    struct fake_exchange_stream streams[FAKE_EXCHANGE_SESSIONS];
    struct fake_exchange_connection connections[FAKE_EXCHANGE_CONNECTIONS];
};

/* Listens on a free port of 127.0.0.1. Allocated: it is large. */
struct fake_exchange *fake_exchange_create(void);
void fake_exchange_destroy(struct fake_exchange *exchange);

/* Do what can be done without waiting. */
void fake_exchange_step(struct fake_exchange *exchange);

/* Cut every connection at once, as a killed process does; the streams stay. */
void fake_exchange_cut(struct fake_exchange *exchange);

/* End a session's generation and begin the next: End of Session, sequence 1. */
void fake_exchange_roll(struct fake_exchange *exchange, const char *name);

/* A session's stream, made when there is none. */
struct fake_exchange_stream *fake_exchange_stream(struct fake_exchange *exchange, const char *name);

#endif
