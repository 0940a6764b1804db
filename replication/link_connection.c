/* A connection from its beginning to its end: dialled or accepted, keys, HELLO, close. */
#include <string.h>

#include "replication/link_inside.h"

#define CONNECTION_LINGER_NS    UINT64_C(1000000000) /* For last words, when it ends. */
#define CONNECTION_NOTE_NS      UINT64_C(60000000000)
#define CONNECTION_TOKEN_CLASS  56u
#define CONNECTION_TOKEN_COUNT  32u
#define CONNECTION_TOKEN_COUNTS 0xFFFFFFu

/* Tokens name the class, how often the slot was used, and the slot; index 0 is the listener. */
static uint64_t connection_token(const struct link_connection *connection)
{
    return link_connection_listen_token(connection->link) |
           (uint64_t)(connection->use_count & CONNECTION_TOKEN_COUNTS) << CONNECTION_TOKEN_COUNT |
           (link_index_of(connection) + 1);
}

uint64_t link_connection_listen_token(const struct link *link)
{
    return (uint64_t)link->options.token_class << CONNECTION_TOKEN_CLASS;
}

struct link_connection *link_connection_of_token(struct link *link, uint64_t token)
{
    uint32_t index = (uint32_t)token;
    ASSERT(index >= 1);
    ASSERT(index <= LINK_CONNECTIONS_MAX);
    struct link_connection *connection = &link->connections[index - 1];
    ASSERT(connection->state != LINK_FREE);
    ASSERT(connection_token(connection) == token);
    return connection;
}

/* ---- Keys ---- */

static const struct link_key *connection_find_key(const struct link_peer *peer,
                                                  const uint8_t *public_key)
{
    for (uint32_t at = 0; peer->known && at < peer->site.key_count; at++) {
        if (memcmp(peer->site.keys[at].public_key, public_key, TLS_KEY_BYTES) == 0) {
            return &peer->site.keys[at];
        }
    }
    return NULL;
}

static bool connection_key_expired(const struct link *link, const struct link_key *key)
{
    return key->expires_ns != 0 && link->wall_ns >= key->expires_ns;
}

bool link_connection_is_trusted(const struct link_connection *connection)
{
    const struct link *link = connection->link;
    ASSERT(connection->site_id != 0);
    const struct link_key *key =
        connection_find_key(&link->peers[connection->site_id - 1], connection->key.public_key);
    return key != NULL && !connection_key_expired(link, key);
}

/* TLS asks for a key that is not proved yet: only remember whose it would be. */
static bool connection_accepts(void *context, const uint8_t public_key[static TLS_KEY_BYTES])
{
    struct link_connection *connection = context;
    struct link *link = connection->link;
    uint8_t first = connection->dialled ? connection->site_id : 1;
    uint8_t last = connection->dialled ? connection->site_id : (uint8_t)(link->options.site_id - 1);
    connection->refusal = connection->dialled ? LINK_END_KEY_MISMATCH : LINK_END_KEY_UNKNOWN;
    for (uint8_t site_id = first; site_id <= last; site_id++) {
        const struct link_key *key = connection_find_key(link_peer_of(link, site_id), public_key);
        if (key == NULL) {
            continue;
        }
        if (connection_key_expired(link, key)) {
            connection->refusal = LINK_END_KEY_EXPIRED;
            return false;
        }
        connection->judged_site_id = site_id;
        connection->key = *key;
        return true;
    }
    return false;
}

/* ---- Beginning ---- */

static struct link_connection *connection_begin(struct link *link)
{
    for (uint32_t i = 0; i < LINK_CONNECTIONS_MAX; i++) {
        struct link_connection *connection = &link->connections[i];
        if (connection->state != LINK_FREE) {
            continue;
        }
        *connection = (struct link_connection){
            .link = link,
            .use_count = connection->use_count + 1,
            .stream = connection->stream,
            .tls = connection->tls,
            .opened_ns = link->now_ns,
            .received_ns = link->now_ns,
            .deadline_ns = link->now_ns + link->options.handshake_ns,
            .framer = {.memory = connection->framer.memory},
        };
        link_due_by(link, connection->deadline_ns);
        return connection;
    }
    return NULL;
}

/* The next attempt, at a random time in the upper half of the pause, which then doubles. */
static void connection_redial(struct link *link, struct link_line *line)
{
    uint64_t half_ns = line->pause_ns / 2;
    line->dial_due_ns = link->now_ns + half_ns + random_below(&link->random, half_ns + 1);
    line->pause_ns *= 2;
    line->pause_ns =
        line->pause_ns < link->options.redial_ns_max ? line->pause_ns : link->options.redial_ns_max;
    link_due_by(link, line->dial_due_ns);
}

/* Count an end, and note it unless it was noted within the last minute. */
static void connection_tell(struct link *link, uint8_t site_id, uint8_t path_index,
                            enum link_end end, const char *text)
{
    if (site_id == 0) {
        link->strangers.ends[end]++;
    } else {
        link_peer_of(link, site_id)->counts.ends[end]++;
    }
    struct link_note_state *state = &link->notes[site_id][end];
    state->count++;
    if (state->told_ns != 0 && link->now_ns - state->told_ns < CONNECTION_NOTE_NS) {
        return;
    }
    struct link_note note = {.end = end,
                             .site_id = site_id,
                             .path_index = path_index,
                             .count = state->count,
                             .text = text};
    state->told_ns = link->now_ns;
    state->count = 0;
    link->options.handler.note(link->options.handler.context, &note);
}

void link_connection_dial(struct link *link, struct link_peer *peer, uint8_t path_index)
{
    struct link_line *line = &peer->lines[path_index];
    ASSERT(line->connection == LINK_NONE);
    struct link_connection *connection = connection_begin(link);
    if (connection == NULL) {
        connection_redial(link, line); /* Slots are free again within seconds. */
        return;
    }
    enum status status = stream_connect(&connection->stream, peer->site.paths[path_index],
                                        connection_token(connection));
    if (status != STATUS_OK) {
        connection_tell(link, peer->site.site_id, path_index, LINK_END_UNREACHABLE,
                        status_text(status));
        connection_redial(link, line);
        return;
    }
    connection->state = LINK_DIALLING;
    connection->dialled = true;
    connection->site_id = peer->site.site_id;
    connection->path_index = path_index;
    line->connection = link_index_of(connection);
}

/* Those who have not said who they are must leave room for those who will. */
static void connection_bound_strangers(struct link *link)
{
    struct link_connection *oldest = NULL;
    uint32_t count = 0;
    for (uint32_t i = 0; i < LINK_CONNECTIONS_MAX; i++) {
        struct link_connection *connection = &link->connections[i];
        bool waits = connection->state == LINK_SHAKING || connection->state == LINK_GREETING;
        if (!waits || connection->dialled) {
            continue;
        }
        count++;
        if (oldest == NULL || connection->opened_ns < oldest->opened_ns) {
            oldest = connection;
        }
    }
    if (count >= LINK_STRANGERS_MAX) {
        link_connection_end(oldest, LINK_END_STRANGERS, "");
        stream_close(&oldest->stream);
    }
}

void link_connection_accept(struct link *link, const struct io_completion *completion)
{
    if (completion->result < 0) {
        return; /* It was gone before it was here. */
    }
    link->strangers.accepted++;
    connection_bound_strangers(link);
    struct link_connection *connection = link->shutting_down ? NULL : connection_begin(link);
    if (connection == NULL) {
        connection_tell(link, 0, 0, LINK_END_STRANGERS, "no connection is free");
        io_close(link->options.io, completion->handle, link_connection_listen_token(link));
        return;
    }
    stream_accept(&connection->stream, completion->handle, connection_token(connection));
    link_connection_opened(connection);
}

void link_connection_opened(struct link_connection *connection)
{
    ASSERT(connection->stream.state == STREAM_OPEN);
    struct tls_judge judge = {.context = connection, .accepts = connection_accepts};
    connection->state = LINK_SHAKING;
    if (tls_start(connection->tls, &connection->stream, connection->dialled, &judge) != STATUS_OK) {
        link_connection_end(connection, LINK_END_FAILED, tls_reason(connection->tls));
        return;
    }
    if (connection->dialled) {
        (void)link_connection_shake(connection); /* The first words are the dialler's. */
    }
}

static enum link_end connection_shake_end(const struct link_connection *connection,
                                          enum status status)
{
    if (status == STATUS_UNKNOWN_KEY) {
        /* Not asked about a key of another kind: then it is as unknown as any. */
        return connection->refusal != 0 ? (enum link_end)connection->refusal : LINK_END_KEY_UNKNOWN;
    }
    if (status == STATUS_BAD_SIGNATURE) {
        return LINK_END_KEY_UNPROVEN;
    }
    if (status == STATUS_DENIED) {
        return LINK_END_REFUSED_HERE;
    }
    return status == STATUS_CLOSED ? LINK_END_PEER_CLOSED : LINK_END_BAD_HANDSHAKE;
}

static void connection_say_hello(struct link_connection *connection)
{
    const struct link *link = connection->link;
    struct link_frame frame = {.type = LINK_WIRE_HELLO,
                               .hello = {.version_min = LINK_WIRE_VERSION,
                                         .version_max = LINK_WIRE_VERSION,
                                         .site_id = link->options.site_id,
                                         .path_index =
                                             connection->dialled ? connection->path_index : 0,
                                         .cluster_id = link->options.cluster_id,
                                         .incarnation = link->options.incarnation,
                                         .generation = link->options.generation,
                                         .rules_version_max = link->options.rules_version_max}};
    memcpy(frame.hello.listen, link->listen, sizeof link->listen);
    memcpy(frame.hello.genesis, link->options.genesis, sizeof frame.hello.genesis);
    link_output_control(connection, &frame);
}

bool link_connection_shake(struct link_connection *connection)
{
    ASSERT(connection->state == LINK_SHAKING);
    enum status status = tls_handshake(connection->tls);
    if (status == STATUS_NOT_YET) {
        stream_flush(&connection->stream);
        return false;
    }
    if (status != STATUS_OK) {
        link_connection_end(connection, connection_shake_end(connection, status),
                            tls_reason(connection->tls));
        return false;
    }
    ASSERT(connection->judged_site_id != 0);
    connection->site_id = connection->judged_site_id;
    connection->state = LINK_GREETING;
    connection_say_hello(connection);
    link_output_own(connection);
    return connection->state == LINK_GREETING;
}

/* ---- HELLO ---- */

/* LINK_END_COUNT: nothing is wrong. */
static enum link_end connection_judge_hello(const struct link_connection *connection,
                                            const struct link_hello *hello)
{
    const struct link *link = connection->link;
    const struct link_site *site = &link->peers[connection->site_id - 1].site;
    if (hello->version_min > LINK_WIRE_VERSION || hello->version_max < LINK_WIRE_VERSION) {
        return LINK_END_WRONG_VERSION;
    }
    if (hello->cluster_id != link->options.cluster_id) {
        return LINK_END_WRONG_CLUSTER;
    }
    if (hello->site_id != connection->site_id) {
        return LINK_END_WRONG_SITE;
    }
    if (site->incarnation != 0 && hello->incarnation != site->incarnation) {
        return LINK_END_WRONG_INCARNATION;
    }
    if (hello->generation < link->options.generation) {
        return LINK_END_OLD_GENERATION;
    }
    if (memcmp(hello->genesis, link->options.genesis, sizeof hello->genesis) != 0) {
        return LINK_END_WRONG_GENESIS;
    }
    return LINK_END_COUNT;
}

void link_connection_greeted(struct link_connection *connection, const struct link_hello *hello)
{
    ASSERT(connection->state == LINK_GREETING);
    struct link *link = connection->link;
    struct link_peer *peer = link_peer_of(link, connection->site_id);
    enum link_end wrong = connection_judge_hello(connection, hello);
    if (wrong != LINK_END_COUNT) {
        link_connection_end(connection, wrong, "");
        return;
    }
    if (!connection->dialled) {
        connection->path_index = hello->path_index;
        uint32_t former = peer->lines[hello->path_index].connection;
        if (former != LINK_NONE) {
            /* It has given up a connection that we still take for alive. */
            link_connection_end(&link->connections[former], LINK_END_REPLACED, "");
        }
        ASSERT(peer->lines[hello->path_index].connection == LINK_NONE);
        peer->lines[hello->path_index].connection = link_index_of(connection);
    }
    connection->hello = *hello;
    connection->state = LINK_UP;
    connection->ping_due_ns = link->now_ns;
    link_due_by(link, link->now_ns);
    peer->lines[connection->path_index].pause_ns = link->options.redial_ns_min;
    peer->counts.connects++;
    if (peer->best == LINK_NONE) {
        peer->best = link_index_of(connection);
        link->options.handler.peer_changed(link->options.handler.context, connection->site_id,
                                           &connection->hello);
    }
}

/* ---- End ---- */

/* Take the connection out of its peer's hands. */
static void connection_leave(struct link *link, struct link_connection *connection)
{
    if (connection->site_id == 0) {
        return;
    }
    struct link_peer *peer = link_peer_of(link, connection->site_id);
    uint32_t index = link_index_of(connection);
    for (uint32_t path = 0; path < LINK_PATHS_MAX; path++) {
        if (peer->lines[path].connection == index) {
            peer->lines[path].connection = LINK_NONE;
            connection_redial(link, &peer->lines[path]);
        }
    }
    if (peer->partial_class != LINK_PRIORITY_COUNT && peer->partial_connection == index) {
        link_queue_again(&peer->queues[peer->partial_class]);
        peer->partial_class = LINK_PRIORITY_COUNT;
    }
}

/* The last path is gone: what waits would be old when the next one comes. */
static void connection_lost(struct link *link, struct link_peer *peer)
{
    for (uint32_t class = 0; class < LINK_PRIORITY_COUNT; class ++) {
        struct link_queue *queue = &peer->queues[class];
        uint32_t bytes = 0;
        uint32_t frame_left = 0;
        (void)link_queue_next(queue, &bytes, &frame_left);
        while (bytes > 0) {
            (void)link_queue_take(queue, frame_left);
            peer->counts.dropped[class]++;
            (void)link_queue_next(queue, &bytes, &frame_left);
        }
    }
    link->options.handler.peer_changed(link->options.handler.context, peer->site.site_id, NULL);
}

/* Say why, to somebody who has proved a key and is not in the middle of a frame. */
static void connection_say_bye(struct link_connection *connection, enum link_end end)
{
    struct link_frame frame = {.type = LINK_WIRE_BYE, .bye = {.reason = (uint8_t)end}};
    if (end != LINK_END_BAD_RECORD && end != LINK_END_FAILED && end != LINK_END_PEER_CLOSED &&
        end != LINK_END_REFUSED_HERE) {
        link_output_control(connection, &frame);
        link_output_own(connection);
    }
}

void link_connection_end(struct link_connection *connection, enum link_end end, const char *text)
{
    ASSERT(connection->state != LINK_FREE);
    ASSERT(end < LINK_END_COUNT);
    struct link *link = connection->link;
    if (connection->state == LINK_ENDING) {
        return;
    }
    bool proved = connection->state == LINK_GREETING || connection->state == LINK_UP;
    if (proved && connection->stream.state == STREAM_OPEN) {
        connection_say_bye(connection, end);
    }
    connection->state = LINK_ENDING;
    connection->deadline_ns = link->now_ns + CONNECTION_LINGER_NS;
    link_due_by(link, connection->deadline_ns);
    connection_leave(link, connection);
    tls_stop(connection->tls);
    if (connection->stream.state != STREAM_FREE) {
        stream_finish(&connection->stream);
    }
    connection_tell(link, connection->site_id, connection->path_index, end, text);
    if (connection->site_id != 0) {
        struct link_peer *peer = link_peer_of(link, connection->site_id);
        if (peer->best == link_index_of(connection)) {
            peer->best = LINK_NONE;
            link_timer_choose(link, peer);
            if (peer->best == LINK_NONE) {
                connection_lost(link, peer);
            }
        }
    }
}

void link_connection_closed(struct link_connection *connection)
{
    struct link *link = connection->link;
    ASSERT(connection->state == LINK_ENDING);
    if (connection->site_id == 0) {
        link->strangers.bytes_in += connection->stream.bytes_in;
    } else {
        struct link_peer_counts *counts = &link_peer_of(link, connection->site_id)->counts;
        counts->wire_bytes_in += connection->stream.bytes_in;
        counts->wire_bytes_out += connection->stream.bytes_out;
    }
    connection->state = LINK_FREE;
}
