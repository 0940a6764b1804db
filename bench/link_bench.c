/* A link between two sites, each on a thread and an io of its own, beside plain TCP over the same
 * io: what TLS, frames and queues cost. Round trips of one small message at a time; small messages
 * (answers of a follower) and appends of 8 KiB and 64 KiB as fast as they go.
 *   link_bench [--seconds N]
 * Table to stderr, JSON to stdout. */
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "matching/base/bytes.h"
#include "matching/base/histogram.h"
#include "replication/io/stream.h"
#include "replication/link.h"

#define NS_PER_SECOND UINT64_C(1000000000)
#define BATCH         64u
#define ROUNDS        3u
#define TOKEN_CLASS   1u
#define HALF_BYTES    (256u << 10)
#define SMALL_BYTES   87u /* An append reply in ordinary flow. */
#define LARGE_MAX     (64u << 10)

enum what { ROUND_TRIP = 0, SMALL, APPEND_8, APPEND_64, WHAT_COUNT };

struct row {
    enum what what;
    bool link; /* Else plain TCP. */
    enum io_idle idle;
    struct histogram *latency; /* ROUND_TRIP. */
    uint64_t messages;
    uint64_t bytes;
    uint64_t wire_bytes;
    uint64_t wire_messages;
    uint64_t elapsed_ns;
    uint64_t connect_ns;
};

/* One end: a thread, an io, and a link or a stream. */
struct end {
    struct row *row;
    struct io *io;
    bool sends; /* The client's end. */
    struct link *link;
    struct stream stream;
    _Atomic uint32_t port; /* Of the server, once it listens. */
    bool connected;
    bool ended;
    _Atomic uint64_t bytes; /* Received, without framing. */
    uint64_t sent_ns;
    uint64_t until_ns;
    uint8_t *memory;
    uint8_t *payload;
};

static const char *what_text(enum what what)
{
    static const char *const texts[WHAT_COUNT] = {"round trip", "87 B", "8 KiB", "64 KiB"};
    return texts[what];
}

static uint32_t message_bytes(enum what what)
{
    static const uint32_t bytes[WHAT_COUNT] = {SMALL_BYTES, SMALL_BYTES, 8u << 10, LARGE_MAX};
    return bytes[what];
}

static void must(enum status status, const char *text)
{
    if (status != STATUS_OK) {
        (void)fprintf(stderr, "link_bench: %s: %s\n", text, status_text(status));
        exit(1);
    }
}

static void make_end(struct end *end, struct row *row, bool sends)
{
    end->row = row;
    end->sends = sends;
    struct io_options options = {.idle = row->idle,
                                 .handles_max = LINK_HANDLES_MAX,
                                 .receive_buffer_bytes = 65536,
                                 .receive_buffer_count = 64};
    must(io_create(&end->io, &options), "io_create");
    end->memory = calloc(2, HALF_BYTES);
    end->payload = calloc(1, LARGE_MAX);
    ASSERT(end->memory != NULL);
    ASSERT(end->payload != NULL);
    stream_init(&end->stream, end->io, end->memory, HALF_BYTES);
    randombytes_buf(end->payload, LARGE_MAX);
}

/* ---- Over a link ---- */

static enum status link_say(struct end *end, enum what what)
{
    struct link_frame frame = {.type = LINK_WIRE_REPLICA,
                               .shard_id = 1,
                               .replica.message = {.from_site_id = end->sends ? 1 : 2,
                                                   .to_site_id = end->sends ? 2 : 1,
                                                   .from_incarnation = UINT64_MAX,
                                                   .generation = 1,
                                                   .term = 12,
                                                   .position = {.log_index = 5000000, .term = 12},
                                                   .audit = {4999984, UINT64_MAX, UINT64_MAX}}};
    memset(frame.replica.message.position.chain_hash, 7, REPLICA_HASH_BYTES);
    if (what == ROUND_TRIP || what == SMALL) {
        frame.replica.message.type = REPLICA_APPEND_REPLY;
        frame.replica.message.wall_ns = UINT64_MAX;
    } else {
        frame.replica.message.type = REPLICA_APPEND;
        frame.replica.message.entry_count = 1;
        frame.replica.segments = end->payload;
        frame.replica.segments_bytes = message_bytes(what);
    }
    return link_send(end->link, end->sends ? 2 : 1, LINK_CONSENSUS, &frame);
}

static void next_round_trip(struct end *end)
{
    io_now_refresh(end->io);
    uint64_t now_ns = io_now_ns(end->io);
    if (end->sent_ns != 0) {
        histogram_record(end->row->latency, now_ns - end->sent_ns);
    }
    end->sent_ns = now_ns;
}

static void on_replica(void *context, uint8_t from, uint16_t shard_id,
                       const struct link_replica *replica)
{
    struct end *end = context;
    ASSERT(from != 0);
    ASSERT(shard_id == 1);
    uint32_t bytes = replica->segments_bytes == 0 ? SMALL_BYTES : replica->segments_bytes;
    (void)atomic_fetch_add_explicit(&end->bytes, bytes, memory_order_relaxed);
    if (end->row->what == ROUND_TRIP) {
        if (end->sends) {
            next_round_trip(end);
        }
        must(link_say(end, ROUND_TRIP), "link_send");
    }
}

static void on_forward(void *context, uint8_t from, uint16_t shard_id,
                       const struct link_forward *forward)
{
    ASSERT(context != NULL && from != 0 && shard_id != 0 && forward != NULL);
}

static void on_forward_reply(void *context, uint8_t from, uint16_t shard_id,
                             const struct link_forward_reply *reply)
{
    ASSERT(context != NULL && from != 0 && shard_id != 0 && reply != NULL);
}

static void on_request(void *context, uint8_t from, uint16_t shard_id,
                       const struct link_snapshot_request *request)
{
    ASSERT(context != NULL && from != 0 && shard_id != 0 && request != NULL);
}

static void on_chunk(void *context, uint8_t from, uint16_t shard_id,
                     const struct link_snapshot_chunk *chunk)
{
    ASSERT(context != NULL && from != 0 && shard_id != 0 && chunk != NULL);
}

static void on_news(void *context, uint8_t from, const uint8_t *bytes, uint32_t bytes_count)
{
    ASSERT(context != NULL && from != 0 && bytes != NULL && bytes_count != 0);
}

static void on_peer_changed(void *context, uint8_t site_id, const struct link_hello *hello)
{
    struct end *end = context;
    ASSERT(site_id != 0);
    end->ended = end->connected;
    end->connected = hello != NULL;
}

static void on_note(void *context, const struct link_note *note)
{
    ASSERT(context != NULL);
    if (note->end < LINK_END_UNREACHABLE) {
        (void)fprintf(stderr, "link_bench: %s: %s\n", link_end_text(note->end), note->text);
        exit(1);
    }
}

static void make_link(struct end *end)
{
    uint8_t seed[TLS_KEY_BYTES];
    memset(seed, end->sends ? 1 : 2, sizeof seed);
    struct link_options options;
    link_options_init(&options);
    options.io = end->io;
    options.token_class = TOKEN_CLASS;
    options.handler =
        (struct link_handler){end,      on_replica, on_forward,      on_forward_reply, on_request,
                              on_chunk, on_news,    on_peer_changed, on_note};
    options.key_seed = seed;
    options.site_id = end->sends ? 1 : 2;
    options.listen = end->sends ? NULL : "127.0.0.1:0";
    char reason[LINK_TEXT_BYTES];
    must(link_create(&end->link, &options, reason), reason);
}

static void introduce(struct end *end, uint16_t port)
{
    struct link_site site = {.site_id = end->sends ? 2 : 1, .path_count = 1, .key_count = 1};
    uint8_t seed[TLS_KEY_BYTES];
    uint8_t secret[crypto_sign_SECRETKEYBYTES];
    memset(seed, end->sends ? 2 : 1, sizeof seed);
    (void)snprintf(site.paths[0], sizeof site.paths[0], "127.0.0.1:%u", port);
    (void)crypto_sign_seed_keypair(site.keys[0].public_key, secret, seed);
    link_set_peer(end->link, &site);
}

/* ---- Over plain TCP ---- */

static void tcp_data(struct end *end, const struct stream_event *event)
{
    (void)atomic_fetch_add_explicit(&end->bytes, event->data_bytes, memory_order_relaxed);
    if (end->row->what != ROUND_TRIP) {
        return;
    }
    ASSERT(event->data_bytes == SMALL_BYTES);
    if (end->sends) {
        next_round_trip(end);
    }
    uint32_t bytes_max;
    uint8_t *room = stream_room(&end->stream, &bytes_max);
    ASSERT(bytes_max >= SMALL_BYTES);
    memcpy(room, event->data, SMALL_BYTES);
    stream_filled(&end->stream, SMALL_BYTES);
    stream_flush(&end->stream);
}

static void tcp_complete(struct end *end, const struct io_completion *completion)
{
    if (completion->kind == IO_ACCEPTED) {
        stream_accept(&end->stream, completion->handle, TOKEN_CLASS);
        end->connected = true;
        return;
    }
    struct stream_event event;
    stream_complete(&end->stream, completion, &event);
    if (event.kind == STREAM_OPENED) {
        end->connected = true;
    } else if (event.kind == STREAM_DATA) {
        tcp_data(end, &event);
        stream_release(&end->stream, completion);
    } else if (event.kind == STREAM_ENDED) {
        end->ended = true;
    }
}

static bool tcp_say(struct end *end, enum what what)
{
    uint32_t bytes_max;
    uint8_t *room = stream_room(&end->stream, &bytes_max);
    if (bytes_max < message_bytes(what)) {
        return false;
    }
    memcpy(room, end->payload, message_bytes(what));
    stream_filled(&end->stream, message_bytes(what));
    return true;
}

/* ---- Both ---- */

static bool say(struct end *end, enum what what)
{
    return end->row->link ? link_say(end, what) == STATUS_OK : tcp_say(end, what);
}

static void turn(struct end *end, uint64_t due_ns)
{
    struct io_completion completions[BATCH];
    if (end->row->link) {
        link_step(end->link, io_now_ns(end->io), io_wall_ns(end->io));
    } else {
        stream_flush(&end->stream);
    }
    uint64_t link_ns = end->row->link ? link_due_ns(end->link) : UINT64_MAX;
    uint32_t count = io_poll(end->io, completions, BATCH, link_ns < due_ns ? link_ns : due_ns);
    for (uint32_t i = 0; i < count; i++) {
        if (completions[i].kind == IO_WOKEN) {
            continue;
        }
        if (end->row->link) {
            link_complete(end->link, &completions[i]);
        } else {
            tcp_complete(end, &completions[i]);
        }
    }
}

static void listen_end(struct end *end)
{
    uint16_t port;
    if (end->row->link) {
        make_link(end);
        introduce(end, 0);
        port = link_port(end->link);
    } else {
        uint32_t listener;
        must(io_listen(end->io, "127.0.0.1:0", 0, &listener, &port), "io_listen");
    }
    atomic_store(&end->port, port);
}

static void connect_end(struct end *end, uint16_t port)
{
    if (end->row->link) {
        make_link(end);
        introduce(end, port);
        return;
    }
    char endpoint[32];
    (void)snprintf(endpoint, sizeof endpoint, "127.0.0.1:%u", port);
    must(stream_connect(&end->stream, endpoint, TOKEN_CLASS), "io_connect");
}

static void free_end(struct end *end)
{
    io_destroy(end->io);
    link_destroy(end->link);
    free(end->memory);
    free(end->payload);
}

/* An io belongs to the thread that made it, from its making to its end. */
static void *serve(void *argument)
{
    struct end *end = argument;
    make_end(end, end->row, false);
    listen_end(end);
    while (!end->ended) {
        turn(end, UINT64_MAX);
    }
    free_end(end);
    return NULL;
}

/* Bytes as TCP carries them, one way, and the messages that they hold. */
static void count_wire(struct row *row, const struct end *client)
{
    if (!row->link) {
        row->wire_bytes += client->stream.bytes_out;
        row->wire_messages += client->stream.bytes_out / message_bytes(row->what);
        return;
    }
    struct link_peer_counts counts;
    link_peer_counts(client->link, 2, &counts);
    row->wire_bytes += counts.wire_bytes_out;
    row->wire_messages += counts.frames_out[LINK_CONSENSUS];
}

static void drive(struct end *client, uint64_t duration_ns)
{
    struct row *row = client->row;
    io_now_refresh(client->io);
    uint64_t begun_ns = io_now_ns(client->io);
    while (!client->connected) {
        turn(client, UINT64_MAX);
    }
    io_now_refresh(client->io);
    uint64_t start_ns = io_now_ns(client->io);
    row->connect_ns += start_ns - begun_ns;
    uint64_t until_ns = start_ns + duration_ns;
    if (row->what == ROUND_TRIP) {
        next_round_trip(client);
        if (!say(client, row->what)) {
            exit(1);
        }
        turn(client, 0);
    }
    while (io_now_ns(client->io) < until_ns) {
        bool full = row->what == ROUND_TRIP;
        for (uint32_t i = 0; i < 512 && !full; i++) {
            full = !say(client, row->what);
        }
        turn(client, full ? until_ns : 0);
    }
    row->elapsed_ns += io_now_ns(client->io) - start_ns;
}

static void run(struct row *row, uint64_t duration_ns)
{
    struct end *ends = calloc(2, sizeof *ends);
    ASSERT(ends != NULL);
    make_end(&ends[0], row, true);
    ends[1].row = row;
    pthread_t thread;
    int failed = pthread_create(&thread, NULL, serve, &ends[1]);
    ASSERT(failed == 0);
    while (atomic_load(&ends[1].port) == 0) {
        (void)sched_yield();
    }
    connect_end(&ends[0], (uint16_t)atomic_load(&ends[1].port));
    drive(&ends[0], duration_ns);
    uint64_t bytes = atomic_load(&ends[1].bytes);
    row->bytes += bytes;
    row->messages += bytes / message_bytes(row->what);
    count_wire(row, &ends[0]);
    free_end(&ends[0]); /* The server sees the end of it. */
    failed = pthread_join(thread, NULL);
    ASSERT(failed == 0);
    free(ends);
}

static void report(const struct row *rows, uint32_t row_count)
{
    (void)fprintf(stderr,
                  "what        idle   over     messages/s      MB/s  wire B/message   p50 us"
                  "   p99 us  connect us\n");
    (void)printf("{\"bench\":\"link\",\"rows\":[");
    for (uint32_t i = 0; i < row_count; i++) {
        const struct row *row = &rows[i];
        const char *over = row->link ? "link" : "tcp";
        const char *idle = row->idle == IO_IDLE_SLEEP ? "sleep" : "yield";
        double seconds = (double)row->elapsed_ns / (double)NS_PER_SECOND;
        double rate = (double)row->messages / seconds;
        double megabytes = (double)row->bytes / seconds / 1e6;
        double wire = (double)row->wire_bytes / (double)row->wire_messages;
        double p50_us = (double)histogram_percentile(row->latency, 500000) / 1e3;
        double p99_us = (double)histogram_percentile(row->latency, 990000) / 1e3;
        double connect_us = (double)row->connect_ns / ROUNDS / 1e3;
        (void)fprintf(stderr, "%-11s %-5s  %-4s %14.0f %9.0f %15.1f %8.1f %8.1f %11.0f\n",
                      what_text(row->what), idle, over, rate, megabytes, wire, p50_us, p99_us,
                      connect_us);
        (void)printf("%s{\"what\":\"%s\",\"idle\":\"%s\",\"over\":\"%s\",\"per_second\":%.0f,"
                     "\"mb_per_second\":%.1f,\"wire_bytes\":%.2f,\"p50_us\":%.2f,\"p99_us\":%.2f,"
                     "\"connect_us\":%.0f}",
                     i == 0 ? "" : ",", what_text(row->what), idle, over, rate, megabytes, wire,
                     p50_us, p99_us, connect_us);
    }
    (void)printf("]}\n");
}

int main(int argc, char **argv)
{
    uint64_t seconds =
        argc == 3 && strcmp(argv[1], "--seconds") == 0 ? strtoull(argv[2], NULL, 10) : 6;
    if (seconds < 1 || seconds > 3600 || sodium_init() < 0) {
        (void)fprintf(stderr, "usage: link_bench [--seconds 1..3600]\n");
        return 2;
    }
    struct row rows[4 * WHAT_COUNT];
    uint32_t row_count = 0;
    for (uint32_t idle = 0; idle < 2; idle++) {
        for (uint32_t what = 0; what < WHAT_COUNT; what++) {
            for (uint32_t over = 0; over < 2 && (idle == 0 || what == ROUND_TRIP); over++) {
                struct row *row = &rows[row_count++];
                *row = (struct row){.what = (enum what)what,
                                    .link = over == 1,
                                    .idle = idle == 0 ? IO_IDLE_SLEEP : IO_IDLE_YIELD,
                                    .latency = calloc(1, sizeof *row->latency)};
                ASSERT(row->latency != NULL);
            }
        }
    }
    for (uint32_t round = 0; round < ROUNDS; round++) {
        for (uint32_t i = 0; i < row_count; i++) {
            run(&rows[i], seconds * NS_PER_SECOND / (ROUNDS * row_count));
        }
    }
    report(rows, row_count);
    for (uint32_t i = 0; i < row_count; i++) {
        free(rows[i].latency);
    }
    return 0;
}
