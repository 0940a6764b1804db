#include "replication/link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replication/link_inside.h"

#define MILLISECOND_NS UINT64_C(1000000)
#define SECOND_NS      UINT64_C(1000000000)

const char *link_end_text(enum link_end end)
{
    static const char *const texts[LINK_END_COUNT] = {
        [LINK_END_KEY_UNKNOWN] = "key-unknown",
        [LINK_END_KEY_MISMATCH] = "key-mismatch",
        [LINK_END_KEY_EXPIRED] = "key-expired",
        [LINK_END_KEY_UNPROVEN] = "key-unproven",
        [LINK_END_BAD_HANDSHAKE] = "bad-handshake",
        [LINK_END_HANDSHAKE_TIMEOUT] = "handshake-timeout",
        [LINK_END_WRONG_VERSION] = "wrong-version",
        [LINK_END_WRONG_CLUSTER] = "wrong-cluster",
        [LINK_END_WRONG_SITE] = "wrong-site",
        [LINK_END_WRONG_INCARNATION] = "wrong-incarnation",
        [LINK_END_OLD_GENERATION] = "old-generation",
        [LINK_END_BAD_RECORD] = "bad-record",
        [LINK_END_BAD_FRAME] = "bad-frame",
        [LINK_END_REFUSED_HERE] = "refused-by-peer",
        [LINK_END_STRANGERS] = "too-many-strangers",
        [LINK_END_UNREACHABLE] = "unreachable",
        [LINK_END_SILENT] = "silent",
        [LINK_END_FAILED] = "failed",
        [LINK_END_PEER_CLOSED] = "peer-closed",
        [LINK_END_REPLACED] = "replaced",
        [LINK_END_REMOVED] = "removed",
        [LINK_END_SHUTDOWN] = "shutdown",
        [LINK_END_WRONG_GENESIS] = "wrong-genesis",
    };
    ASSERT(end >= 1);
    ASSERT(end < LINK_END_COUNT);
    return texts[end];
}

bool link_end_is_refusal(enum link_end end)
{
    ASSERT(end < LINK_END_COUNT);
    return end < LINK_END_UNREACHABLE || end == LINK_END_WRONG_GENESIS;
}

void link_options_init(struct link_options *options)
{
    *options = (struct link_options){
        .queue_bytes = {4u << 20, 2u << 20, 2u << 20},
        .send_bytes = 256u << 10,
        .bulk_bytes_a_second = 32u << 20,
        .heartbeat_ns = 200 * MILLISECOND_NS,
        .silence_ns = 2 * SECOND_NS,
        .handshake_ns = 5 * SECOND_NS,
        .redial_ns_min = 50 * MILLISECOND_NS,
        .redial_ns_max = 3 * SECOND_NS,
    };
}

/* ---- Life ---- */

static void link_check_options(const struct link_options *options)
{
    ASSERT(options->io != NULL);
    ASSERT(options->key_seed != NULL);
    ASSERT(options->site_id >= 1);
    ASSERT(options->site_id <= SITES_MAX);
    for (uint32_t class = 0; class < LINK_PRIORITY_COUNT; class ++) {
        ASSERT(options->queue_bytes[class] >= LINK_QUEUE_BYTES_MIN);
    }
    ASSERT(options->send_bytes >= TLS_STREAM_BYTES_MIN);
    ASSERT(options->bulk_bytes_a_second > 0);
    ASSERT(options->bulk_bytes_a_second <= LINK_BULK_RATE_MAX);
    ASSERT(options->heartbeat_ns >= LINK_PINGS_A_HEARTBEAT);
    ASSERT(options->silence_ns > options->heartbeat_ns);
    ASSERT(options->handshake_ns > 0);
    ASSERT(options->redial_ns_min > 0);
    ASSERT(options->redial_ns_max >= options->redial_ns_min);
    ASSERT(options->listen == NULL || strlen(options->listen) < LINK_WIRE_LISTEN_BYTES);
}

/* Cut one piece of memory into all buffers: untouched, they cost nothing. */
static enum status link_allot(struct link *link)
{
    const struct link_options *options = &link->options;
    size_t queues_bytes = 0;
    for (uint32_t class = 0; class < LINK_PRIORITY_COUNT; class ++) {
        queues_bytes += options->queue_bytes[class];
    }
    size_t each_bytes = LINK_FRAMER_BYTES + (size_t)2 * options->send_bytes;
    link->memory = malloc(queues_bytes * SITES_MAX + each_bytes * LINK_CONNECTIONS_MAX);
    if (link->memory == NULL) {
        return STATUS_FULL;
    }
    uint8_t *at = link->memory;
    for (uint32_t site = 0; site < SITES_MAX; site++) {
        for (uint32_t class = 0; class < LINK_PRIORITY_COUNT; class ++) {
            link_queue_init(&link->peers[site].queues[class], at, options->queue_bytes[class]);
            at += options->queue_bytes[class];
        }
    }
    for (uint32_t i = 0; i < LINK_CONNECTIONS_MAX; i++) {
        struct link_connection *connection = &link->connections[i];
        connection->link = link;
        link_framer_init(&connection->framer, at);
        stream_init(&connection->stream, options->io, at + LINK_FRAMER_BYTES, options->send_bytes);
        at += each_bytes;
        if (tls_create(&connection->tls, link->tls_context) != STATUS_OK) {
            return STATUS_FULL;
        }
    }
    return STATUS_OK;
}

enum status link_create(struct link **link, const struct link_options *options,
                        char reason[static LINK_TEXT_BYTES])
{
    link_check_options(options);
    *link = NULL;
    (void)snprintf(reason, LINK_TEXT_BYTES, "no memory for the links");
    struct link *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return STATUS_FULL;
    }
    made->options = *options;
    made->now_ns = io_now_ns(options->io);
    made->stepped_ns = made->now_ns;
    made->wall_ns = io_wall_ns(options->io);
    made->due_ns = made->now_ns;
    random_seed(&made->random, options->random_seed);
    struct tls_options tls_options = {.seed = options->key_seed};
    enum status status = tls_context_create(&made->tls_context, &tls_options, reason);
    made->options.key_seed = NULL;
    made->options.listen = NULL;
    if (status == STATUS_OK) {
        status = link_allot(made);
    }
    if (status == STATUS_OK && options->listen != NULL) {
        (void)snprintf(made->listen, sizeof made->listen, "%s", options->listen);
        status = io_listen(options->io, options->listen, link_connection_listen_token(made),
                           &made->listener, &made->port);
        (void)snprintf(reason, LINK_TEXT_BYTES, "cannot listen on %s: %s", options->listen,
                       status_text(status));
        made->listening = status == STATUS_OK;
    }
    if (status != STATUS_OK) {
        link_destroy(made);
        return status;
    }
    reason[0] = '\0';
    *link = made;
    return STATUS_OK;
}

void link_destroy(struct link *link)
{
    if (link == NULL) {
        return;
    }
    for (uint32_t i = 0; i < LINK_CONNECTIONS_MAX; i++) {
        tls_destroy(link->connections[i].tls);
    }
    tls_context_destroy(link->tls_context);
    free(link->memory);
    free(link);
}

uint16_t link_port(const struct link *link)
{
    return link->port;
}

/* ---- Peers ---- */

static void link_check_site(const struct link *link, const struct link_site *site)
{
    ASSERT(site->site_id >= 1);
    ASSERT(site->site_id <= SITES_MAX);
    ASSERT(site->site_id != link->options.site_id);
    ASSERT(site->path_count <= LINK_PATHS_MAX);
    ASSERT(site->key_count >= 1);
    ASSERT(site->key_count <= LINK_KEYS_MAX);
    for (uint32_t path = 0; path < site->path_count; path++) {
        ASSERT(strnlen(site->paths[path], LINK_WIRE_LISTEN_BYTES) < LINK_WIRE_LISTEN_BYTES);
    }
}

/* Connections that the new words about a peer leave no room for. */
static void link_review(struct link *link, const struct link_peer *peer,
                        const struct link_site *before)
{
    for (uint32_t i = 0; i < LINK_CONNECTIONS_MAX; i++) {
        struct link_connection *connection = &link->connections[i];
        if (connection->state == LINK_FREE || connection->site_id != peer->site.site_id) {
            continue;
        }
        uint8_t path = connection->path_index;
        bool proved = connection->state == LINK_GREETING || connection->state == LINK_UP;
        uint64_t incarnation = peer->site.incarnation;
        if (connection->dialled && (path >= peer->site.path_count ||
                                    strcmp(peer->site.paths[path], before->paths[path]) != 0)) {
            link_connection_end(connection, LINK_END_REMOVED, "the path is no longer one");
        } else if (proved && !link_connection_is_trusted(connection)) {
            link_connection_end(connection, LINK_END_REMOVED, "the key is no longer one");
        } else if (connection->state == LINK_UP && incarnation != 0 &&
                   incarnation != connection->hello.incarnation) {
            link_connection_end(connection, LINK_END_WRONG_INCARNATION, "another one is wanted");
        }
    }
}

void link_set_peer(struct link *link, const struct link_site *site)
{
    link_check_site(link, site);
    struct link_peer *peer = link_peer_of(link, site->site_id);
    struct link_site before = peer->site;
    if (!peer->known) {
        peer->known = true;
        peer->best = LINK_NONE;
        peer->partial_class = LINK_PRIORITY_COUNT;
        peer->bulk_refilled_ns = link->now_ns;
        peer->counts = (struct link_peer_counts){0};
        for (uint32_t path = 0; path < LINK_PATHS_MAX; path++) {
            peer->lines[path] = (struct link_line){.connection = LINK_NONE};
        }
        before = *site;
    }
    peer->site = *site;
    link_review(link, peer, &before);
    for (uint32_t path = 0; path < LINK_PATHS_MAX; path++) {
        peer->lines[path].dial_due_ns = link->now_ns;
        peer->lines[path].pause_ns = link->options.redial_ns_min;
    }
    link_due_by(link, link->now_ns);
}

void link_close_peer(struct link *link, uint8_t site_id)
{
    struct link_peer *peer = link_peer_of(link, site_id);
    if (!peer->known) {
        return;
    }
    for (uint32_t i = 0; i < LINK_CONNECTIONS_MAX; i++) {
        struct link_connection *connection = &link->connections[i];
        if (connection->state != LINK_FREE && connection->site_id == site_id) {
            link_connection_end(connection, LINK_END_REMOVED, "");
        }
    }
    ASSERT(peer->best == LINK_NONE);
    peer->known = false;
}

void link_set_generation(struct link *link, uint64_t generation)
{
    link->options.generation = generation;
    for (uint32_t i = 0; i < LINK_CONNECTIONS_MAX; i++) {
        struct link_connection *connection = &link->connections[i];
        if (connection->state == LINK_UP && connection->hello.generation < generation) {
            link_connection_end(connection, LINK_END_OLD_GENERATION, "");
        }
    }
}

/* ---- The loop ---- */

static void link_event(struct link_connection *connection, const struct io_completion *completion)
{
    struct link *link = connection->link;
    struct stream_event event;
    stream_complete(&connection->stream, completion, &event);
    switch (event.kind) {
    case STREAM_NOTHING:
        return;
    case STREAM_OPENED:
        link_connection_opened(connection);
        return;
    case STREAM_DATA:
        link_input_take(connection, event.data, event.data_bytes);
        stream_release(&connection->stream, completion);
        return;
    case STREAM_SENT:
        link_output_own(connection);
        if (connection->state == LINK_UP) {
            link_output_peer(link, link_peer_of(link, connection->site_id));
        }
        return;
    case STREAM_ENDED: {
        bool dialling = connection->state == LINK_DIALLING;
        enum link_end end = event.error == 0 ? LINK_END_PEER_CLOSED : LINK_END_FAILED;
        link_connection_end(connection, dialling ? LINK_END_UNREACHABLE : end,
                            event.error == 0 ? "" : strerror(event.error));
        stream_close(&connection->stream);
        return;
    }
    case STREAM_CLOSED:
        link_connection_end(connection, LINK_END_FAILED, tls_reason(connection->tls));
        link_connection_closed(connection);
        return;
    }
    ASSERT(false);
}

void link_complete(struct link *link, const struct io_completion *completion)
{
    link->now_ns = io_now_ns(link->options.io);
    if (completion->token == link_connection_listen_token(link)) {
        if (completion->kind == IO_ACCEPTED) {
            link_connection_accept(link, completion);
        }
        return;
    }
    struct link_connection *connection = link_connection_of_token(link, completion->token);
    link_event(connection, completion);
}

void link_step(struct link *link, uint64_t now_ns, uint64_t wall_ns)
{
    ASSERT(now_ns >= link->stepped_ns);
    link->now_ns = now_ns > link->now_ns ? now_ns : link->now_ns; /* Not before completions. */
    link->wall_ns = wall_ns;
    if (link->now_ns >= link->due_ns) {
        link_timer_run(link);
    }
    link->stepped_ns = now_ns;
    for (uint16_t ready = link->ready; ready != 0; ready &= (uint16_t)(ready - 1)) {
        uint8_t site_id = (uint8_t)(__builtin_ctz(ready) + 1);
        link->ready &= (uint16_t) ~(1u << (site_id - 1));
        link_output_peer(link, link_peer_of(link, site_id));
    }
}

uint64_t link_due_ns(const struct link *link)
{
    return link->ready != 0 ? link->now_ns : link->due_ns;
}

enum status link_send(struct link *link, uint8_t site_id, enum link_priority priority,
                      const struct link_frame *frame)
{
    ASSERT(priority < LINK_PRIORITY_COUNT);
    /* HELLO and such are the link's own. */
    ASSERT(frame->shard_id != 0 || frame->type == LINK_WIRE_NEWS);
    struct link_peer *peer = link_peer_of(link, site_id);
    if (!peer->known) {
        return STATUS_NOT_FOUND;
    }
    if (peer->best == LINK_NONE) {
        peer->counts.dropped[priority]++;
        return STATUS_CLOSED;
    }
    uint32_t frame_bytes;
    enum status status = link_queue_add(&peer->queues[priority], frame, &frame_bytes);
    if (status != STATUS_OK) {
        peer->counts.dropped[priority]++;
        return status;
    }
    link->ready |= (uint16_t)(1u << (site_id - 1));
    return STATUS_OK;
}

uint32_t link_room(const struct link *link, uint8_t site_id, enum link_priority priority)
{
    ASSERT(priority < LINK_PRIORITY_COUNT);
    ASSERT(site_id >= 1);
    ASSERT(site_id <= SITES_MAX);
    const struct link_peer *peer = &link->peers[site_id - 1];
    if (!peer->known || peer->best == LINK_NONE) {
        return 0;
    }
    uint32_t room = link_queue_room(&peer->queues[priority]);
    const uint32_t others = LINK_WIRE_HEADER_BYTES + LINK_WIRE_MESSAGE_BYTES_MAX;
    return room > others ? room - others : 0;
}

void link_shut_down(struct link *link)
{
    link->shutting_down = true;
    if (link->listening) {
        link->listening = false;
        io_close(link->options.io, link->listener, link_connection_listen_token(link));
    }
    for (uint32_t i = 0; i < LINK_CONNECTIONS_MAX; i++) {
        if (link->connections[i].state != LINK_FREE) {
            link_connection_end(&link->connections[i], LINK_END_SHUTDOWN, "");
        }
    }
}

bool link_is_quiet(const struct link *link)
{
    for (uint32_t i = 0; i < LINK_CONNECTIONS_MAX; i++) {
        if (link->connections[i].state != LINK_FREE) {
            return false;
        }
    }
    return true;
}

static void link_count_path(const struct link *link, const struct link_connection *connection,
                            struct link_peer_counts *counts)
{
    counts->wire_bytes_in += connection->stream.bytes_in;
    counts->wire_bytes_out += connection->stream.bytes_out;
    if (connection->state != LINK_UP) {
        return;
    }
    struct link_path_counts *path = &counts->paths[connection->path_index];
    uint64_t round_trip_ns = link_timer_round_trip_ns(connection);
    path->up = true;
    path->best = link->peers[connection->site_id - 1].best == link_index_of(connection);
    path->round_trip_ns = round_trip_ns == UINT64_MAX ? 0 : round_trip_ns;
}

void link_peer_counts(const struct link *link, uint8_t site_id, struct link_peer_counts *counts)
{
    ASSERT(site_id >= 1);
    ASSERT(site_id <= SITES_MAX);
    const struct link_peer *peer = &link->peers[site_id - 1];
    if (!peer->known) {
        *counts = (struct link_peer_counts){0};
        return;
    }
    *counts = peer->counts;
    counts->connected = peer->best != LINK_NONE;
    for (uint32_t class = 0; class < LINK_PRIORITY_COUNT; class ++) {
        counts->queued_bytes[class] = link_queue_bytes(&peer->queues[class]);
    }
    for (uint32_t i = 0; i < LINK_CONNECTIONS_MAX; i++) {
        const struct link_connection *connection = &link->connections[i];
        if (connection->state != LINK_FREE && connection->site_id == site_id) {
            link_count_path(link, connection, counts);
        }
    }
}

void link_counts(const struct link *link, struct link_counts *counts)
{
    *counts = link->strangers;
}
