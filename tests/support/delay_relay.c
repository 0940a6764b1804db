#include "tests/support/delay_relay.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "matching/base/assertion.h"
#include "replication/io/monotonic.h"
#include "tools/free_port.h"

#define RELAY_PAIRS_MAX   64u
#define RELAY_BYTES       ((size_t)16 << 20) /* Under way in one direction; beyond, nothing is read. */
#define RELAY_PIECES      65536u
#define RELAY_PIECE_BYTES 65536u
#define RELAY_AGAIN_NS    UINT64_C(200000)    /* Who has no room for what is due is asked again. */
#define RELAY_LOOK_NS     UINT64_C(100000000) /* For the end. */

struct relay_piece {
    uint64_t due_ns;
    uint64_t end; /* Position behind its last byte. */
};

/* From sockets[side] to the other one. Positions count from the start of the connection. */
struct relay_way {
    uint8_t *bytes; /* A ring. */
    struct relay_piece *pieces;
    uint64_t read;
    uint64_t written;
    uint64_t piece_first;
    uint64_t piece_next;
};

struct relay_pair {
    int sockets[2]; /* -1: the pair is free. */
    struct relay_way ways[2];
};

struct relay_place {
    int listener;
    uint16_t behind;
};

struct delay_relay {
    uint64_t delay_ns;
    struct relay_place places[DELAY_RELAY_PLACES_MAX];
    uint32_t place_count;
    uint32_t next_port;
    struct relay_pair pairs[RELAY_PAIRS_MAX];
    pthread_t thread;
    bool started;
    _Atomic bool stop;
};

static struct sockaddr_in relay_address(uint16_t port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons(port),
                                .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
}

struct delay_relay *delay_relay_create(uint64_t delay_ns)
{
    struct delay_relay *relay = calloc(1, sizeof *relay);
    ASSERT(relay != NULL);
    relay->delay_ns = delay_ns;
    for (uint32_t at = 0; at < RELAY_PAIRS_MAX; at++) {
        relay->pairs[at].sockets[0] = relay->pairs[at].sockets[1] = -1;
    }
    return relay;
}

uint16_t delay_relay_add(struct delay_relay *relay, uint16_t port)
{
    ASSERT(relay->place_count < DELAY_RELAY_PLACES_MAX);
    ASSERT(!relay->started);
    struct relay_place *place = &relay->places[relay->place_count++];
    const struct sockaddr_in address = relay_address(port);
    const int yes = 1;
    place->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    ASSERT(place->listener >= 0);
    ASSERT(setsockopt(place->listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0);
    ASSERT(bind(place->listener, (const struct sockaddr *)&address, sizeof address) == 0);
    ASSERT(listen(place->listener, 16) == 0);
    do {
        place->behind = free_port(&relay->next_port);
    } while (place->behind == port);
    ASSERT(place->behind != 0);
    return place->behind;
}

static void relay_end(struct relay_pair *pair)
{
    for (uint32_t side = 0; side < 2; side++) {
        (void)close(pair->sockets[side]);
        free(pair->ways[side].bytes);
        free(pair->ways[side].pieces);
    }
    *pair = (struct relay_pair){.sockets = {-1, -1}};
}

static void relay_accept(struct delay_relay *relay, const struct relay_place *place)
{
    const struct sockaddr_in address = relay_address(place->behind);
    const int yes = 1;
    struct relay_pair *pair = NULL;
    for (uint32_t at = 0; at < RELAY_PAIRS_MAX && pair == NULL; at++) {
        pair = relay->pairs[at].sockets[0] < 0 ? &relay->pairs[at] : NULL;
    }
    int near = accept4(place->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (near < 0) {
        return; /* It has gone again. */
    }
    ASSERT(pair != NULL);
    int far = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT(far >= 0);
    *pair = (struct relay_pair){.sockets = {near, far}};
    for (uint32_t side = 0; side < 2; side++) {
        pair->ways[side].bytes = malloc(RELAY_BYTES);
        pair->ways[side].pieces = malloc(RELAY_PIECES * sizeof *pair->ways[side].pieces);
        ASSERT(pair->ways[side].bytes != NULL && pair->ways[side].pieces != NULL);
        ASSERT(setsockopt(pair->sockets[side], IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) == 0);
    }
    if (connect(far, (const struct sockaddr *)&address, sizeof address) != 0) {
        relay_end(pair); /* Nobody is there: who came finds that out. */
    }
}

/* Everything that is there and for which there is room. False: the connection has ended. */
static bool relay_read(struct relay_way *way, int from, uint64_t due_ns)
{
    for (;;) {
        size_t at = (size_t)(way->read % RELAY_BYTES);
        size_t room = RELAY_BYTES - (size_t)(way->read - way->written);
        size_t wanted = room < RELAY_BYTES - at ? room : RELAY_BYTES - at;
        wanted = wanted < RELAY_PIECE_BYTES ? wanted : RELAY_PIECE_BYTES;
        if (wanted == 0 || way->piece_next - way->piece_first == RELAY_PIECES) {
            return true;
        }
        ssize_t got = recv(from, way->bytes + at, wanted, MSG_DONTWAIT);
        if (got <= 0) {
            return got < 0 && (errno == EAGAIN || errno == EINTR);
        }
        way->read += (uint64_t)got;
        way->pieces[way->piece_next++ % RELAY_PIECES] =
            (struct relay_piece){.due_ns = due_ns, .end = way->read};
    }
}

/* What is due. False: the connection has ended. */
static bool relay_write(struct relay_way *way, int to, uint64_t now_ns)
{
    while (way->piece_first < way->piece_next) {
        const struct relay_piece *piece = &way->pieces[way->piece_first % RELAY_PIECES];
        if (piece->due_ns > now_ns) {
            return true;
        }
        size_t at = (size_t)(way->written % RELAY_BYTES);
        ssize_t sent = send(to, way->bytes + at, (size_t)(piece->end - way->written),
                            MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0) {
            return errno == EAGAIN || errno == EINTR;
        }
        way->written += (uint64_t)sent;
        way->piece_first += way->written == piece->end;
    }
    return true;
}

/* One look at everything; returns when the next piece is due. */
static uint64_t relay_turn(struct delay_relay *relay)
{
    uint64_t due_ns = UINT64_MAX;
    for (uint32_t at = 0; at < RELAY_PAIRS_MAX; at++) {
        struct relay_pair *pair = &relay->pairs[at];
        bool lives = pair->sockets[0] >= 0;
        for (uint32_t side = 0; side < 2 && lives; side++) {
            struct relay_way *way = &pair->ways[side];
            uint64_t now_ns = monotonic_now_ns();
            lives = relay_read(way, pair->sockets[side], now_ns + relay->delay_ns) &&
                    relay_write(way, pair->sockets[1 - side], now_ns);
            if (lives && way->piece_first < way->piece_next) {
                uint64_t piece_ns = way->pieces[way->piece_first % RELAY_PIECES].due_ns;
                piece_ns = piece_ns > now_ns ? piece_ns : now_ns + RELAY_AGAIN_NS;
                due_ns = piece_ns < due_ns ? piece_ns : due_ns;
            }
        }
        if (pair->sockets[0] >= 0 && !lives) {
            relay_end(pair);
        }
    }
    return due_ns;
}

static void relay_wait(struct delay_relay *relay, uint64_t due_ns)
{
    struct pollfd polled[DELAY_RELAY_PLACES_MAX + 2 * RELAY_PAIRS_MAX];
    nfds_t count = 0;
    for (uint32_t at = 0; at < relay->place_count; at++) {
        polled[count++] = (struct pollfd){.fd = relay->places[at].listener, .events = POLLIN};
    }
    for (uint32_t at = 0; at < RELAY_PAIRS_MAX; at++) {
        for (uint32_t side = 0; side < 2 && relay->pairs[at].sockets[0] >= 0; side++) {
            const struct relay_way *way = &relay->pairs[at].ways[side];
            bool room = way->read - way->written < RELAY_BYTES &&
                        way->piece_next - way->piece_first < RELAY_PIECES;
            polled[count++] =
                (struct pollfd){.fd = relay->pairs[at].sockets[side], .events = room ? POLLIN : 0};
        }
    }
    uint64_t now_ns = monotonic_now_ns();
    uint64_t wait_ns = due_ns > now_ns ? due_ns - now_ns : 0;
    wait_ns = wait_ns < RELAY_LOOK_NS ? wait_ns : RELAY_LOOK_NS;
    const struct timespec wait = {.tv_nsec = (long)wait_ns};
    if (ppoll(polled, count, &wait, NULL) <= 0) {
        return;
    }
    for (uint32_t at = 0; at < relay->place_count; at++) {
        if (polled[at].revents != 0) {
            relay_accept(relay, &relay->places[at]);
        }
    }
}

static void *relay_run(void *argument)
{
    struct delay_relay *relay = argument;
    while (!atomic_load_explicit(&relay->stop, memory_order_acquire)) {
        relay_wait(relay, relay_turn(relay));
    }
    return NULL;
}

void delay_relay_start(struct delay_relay *relay)
{
    ASSERT(!relay->started);
    ASSERT(pthread_create(&relay->thread, NULL, relay_run, relay) == 0);
    relay->started = true;
}

void delay_relay_destroy(struct delay_relay *relay)
{
    if (relay == NULL) {
        return;
    }
    if (relay->started) {
        atomic_store_explicit(&relay->stop, true, memory_order_release);
        ASSERT(pthread_join(relay->thread, NULL) == 0);
    }
    for (uint32_t at = 0; at < RELAY_PAIRS_MAX; at++) {
        if (relay->pairs[at].sockets[0] >= 0) {
            relay_end(&relay->pairs[at]);
        }
    }
    for (uint32_t at = 0; at < relay->place_count; at++) {
        (void)close(relay->places[at].listener);
    }
    free(relay);
}
