#include "tools/wan.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "matching/base/assertion.h"
#include "replication/io/monotonic.h"
#include "tools/wan_packet.h"

#define WAN_NETWORK     UINT32_C(0x0A630000) /* 10.99.0.0/24; only ever in namespaces of its own. */
#define WAN_PREFIX_BITS 24u
#define WAN_NS_A_S      UINT64_C(1000000000)
#define WAN_BURST       64u   /* Packets of a node in a row: then the others. */
#define WAN_SLACK_NS    1000u /* Of the thread's timers; 50 us is what the system takes. */

struct wan {
    struct wan_space spaces[WAN_NODES_MAX];
    uint32_t node_count;
    int stop_fd; /* Readable: the thread ends. */
    bool running;
    pthread_t thread;
    pthread_mutex_t lock; /* What follows. */
    struct wan_model *model;
    uint64_t strays;
};

static uint32_t wan_node_address(uint32_t node)
{
    ASSERT(node < WAN_NODES_MAX);
    return WAN_NETWORK + node + 1;
}

/* One packet of a node onto its line. */
static void wan_route(struct wan *wan, uint32_t from, const uint8_t *data, size_t bytes,
                      uint64_t now_ns)
{
    struct wan_packet packet;
    if (wan_packet_decode(&packet, data, bytes) != STATUS_OK) {
        return; /* IPv6 looks for neighbours on every device. */
    }
    uint32_t to = packet.destination - WAN_NETWORK - 1;
    if (to >= wan->node_count || to == from) {
        wan->strays++;
        return;
    }
    wan_model_put(wan->model, from, to, data, bytes, packet.connects, now_ns);
}

static void wan_take_in(struct wan *wan, uint32_t node)
{
    uint8_t data[WAN_MODEL_PACKET_BYTES_MAX];
    for (uint32_t i = 0; i < WAN_BURST; i++) {
        ssize_t bytes = read(wan->spaces[node].tun_fd, data, sizeof data);
        if (bytes <= 0) {
            return;
        }
        wan_route(wan, node, data, (size_t)bytes, monotonic_now_ns());
    }
}

static void wan_give_out(struct wan *wan)
{
    struct wan_model_packet packet;
    while (wan_model_take(wan->model, monotonic_now_ns(), &packet)) {
        ssize_t bytes = write(wan->spaces[packet.to].tun_fd, packet.data, packet.bytes);
        wan->strays += bytes != (ssize_t)packet.bytes;
    }
}

/* How long the thread may sleep; false: until something comes. */
static bool wan_pause(struct wan *wan, struct timespec *pause)
{
    (void)pthread_mutex_lock(&wan->lock);
    uint64_t due_ns = wan_model_due_ns(wan->model);
    (void)pthread_mutex_unlock(&wan->lock);
    uint64_t now_ns = monotonic_now_ns();
    uint64_t wait_ns = due_ns > now_ns ? due_ns - now_ns : 0;
    *pause = (struct timespec){.tv_sec = (time_t)(wait_ns / WAN_NS_A_S),
                               .tv_nsec = (long)(wait_ns % WAN_NS_A_S)};
    return due_ns != UINT64_MAX;
}

static void *wan_thread(void *context)
{
    struct wan *wan = context;
    struct pollfd waits[WAN_NODES_MAX + 1];
    (void)prctl(PR_SET_TIMERSLACK, WAN_SLACK_NS);
    for (uint32_t i = 0; i < wan->node_count; i++) {
        waits[i] = (struct pollfd){.fd = wan->spaces[i].tun_fd, .events = POLLIN};
    }
    waits[wan->node_count] = (struct pollfd){.fd = wan->stop_fd, .events = POLLIN};
    for (;;) {
        struct timespec pause;
        const struct timespec *limit = wan_pause(wan, &pause) ? &pause : NULL;
        int ready = ppoll(waits, wan->node_count + 1, limit, NULL);
        ASSERT(ready >= 0 || errno == EINTR);
        if (ready > 0 && waits[wan->node_count].revents != 0) {
            return NULL;
        }
        (void)pthread_mutex_lock(&wan->lock);
        for (uint32_t i = 0; i < wan->node_count && ready > 0; i++) {
            if (waits[i].revents != 0) {
                wan_take_in(wan, i);
            }
        }
        wan_give_out(wan);
        (void)pthread_mutex_unlock(&wan->lock);
    }
}

/* The thread takes no signals: they are the program's. */
static enum status wan_run(struct wan *wan)
{
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&wan->thread, NULL, wan_thread, wan);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    wan->running = failed == 0;
    return failed == 0 ? STATUS_OK : STATUS_FULL;
}

enum status wan_start(struct wan **wan, uint32_t node_count, uint64_t seed,
                      char reason[static WAN_SPACE_ERROR_BYTES])
{
    ASSERT(node_count >= 1);
    ASSERT(node_count <= WAN_NODES_MAX);
    struct wan *made = calloc(1, sizeof *made);
    *wan = NULL;
    (void)snprintf(reason, WAN_SPACE_ERROR_BYTES, "no memory");
    if (made == NULL) {
        return STATUS_FULL;
    }
    (void)pthread_mutex_init(&made->lock, NULL);
    made->stop_fd = eventfd(0, EFD_CLOEXEC);
    enum status status =
        made->stop_fd < 0 ? STATUS_FULL : wan_model_create(&made->model, node_count, seed);
    for (uint32_t i = 0; i < node_count && status == STATUS_OK; i++) {
        status = wan_space_open(&made->spaces[i], wan_node_address(i), WAN_PREFIX_BITS, reason);
        made->node_count += status == STATUS_OK;
    }
    if (status == STATUS_OK) {
        status = wan_run(made);
    }
    if (status != STATUS_OK) {
        wan_stop(made);
        return status;
    }
    *wan = made;
    return STATUS_OK;
}

void wan_stop(struct wan *wan)
{
    if (wan == NULL) {
        return;
    }
    if (wan->running) {
        int failed = eventfd_write(wan->stop_fd, 1);
        ASSERT(failed == 0);
        (void)pthread_join(wan->thread, NULL);
    }
    for (uint32_t i = 0; i < wan->node_count; i++) {
        wan_space_close(&wan->spaces[i]);
    }
    if (wan->stop_fd >= 0) {
        (void)close(wan->stop_fd);
    }
    wan_model_destroy(wan->model);
    (void)pthread_mutex_destroy(&wan->lock);
    free(wan);
}

void wan_address(uint32_t node, char address[static WAN_ADDRESS_BYTES])
{
    uint32_t value = wan_node_address(node);
    (void)snprintf(address, WAN_ADDRESS_BYTES, "%u.%u.%u.%u", (unsigned)(value >> 24),
                   (unsigned)(value >> 16 & 0xFF), (unsigned)(value >> 8 & 0xFF),
                   (unsigned)(value & 0xFF));
}

int wan_namespace(const struct wan *wan, uint32_t node)
{
    ASSERT(node < wan->node_count);
    return wan->spaces[node].namespace_fd;
}

enum status wan_enter(const struct wan *wan, uint32_t node)
{
    ASSERT(node < wan->node_count);
    return wan_space_enter(&wan->spaces[node]);
}

struct wan_line wan_line_of(struct wan *wan, uint32_t from, uint32_t to)
{
    (void)pthread_mutex_lock(&wan->lock);
    struct wan_line line = *wan_model_line(wan->model, from, to);
    (void)pthread_mutex_unlock(&wan->lock);
    return line;
}

void wan_line_set(struct wan *wan, uint32_t from, uint32_t to, const struct wan_line *line)
{
    (void)pthread_mutex_lock(&wan->lock);
    wan_model_line_set(wan->model, from, to, line);
    (void)pthread_mutex_unlock(&wan->lock);
}

struct wan_model_counts wan_counts(struct wan *wan, uint32_t from, uint32_t to)
{
    (void)pthread_mutex_lock(&wan->lock);
    struct wan_model_counts counts = wan_model_counts(wan->model, from, to);
    (void)pthread_mutex_unlock(&wan->lock);
    return counts;
}

uint64_t wan_strays(struct wan *wan)
{
    (void)pthread_mutex_lock(&wan->lock);
    uint64_t strays = wan->strays;
    (void)pthread_mutex_unlock(&wan->lock);
    return strays;
}
