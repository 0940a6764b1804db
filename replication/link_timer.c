/* What happens by itself: dialling, pings, silence, the choice of paths, the pace of bulk. */
#include "replication/link_inside.h"

#define TIMER_SECOND_NS UINT64_C(1000000000)
static_assert(LINK_BULK_RATE_MAX <= UINT64_MAX / TIMER_SECOND_NS, "a second's bulk is counted");
/* Bulk that may go out at once after a pause: so much of a second's. */
#define TIMER_BULK_BURST_PART 50u
#define TIMER_BULK_BURST_MIN  (64 << 10)
/* A path must be better by a fifth and this to be worth a change. */
#define TIMER_BETTER_NS UINT64_C(100000)

uint64_t link_timer_round_trip_ns(const struct link_connection *connection)
{
    uint32_t count = connection->round_trip_count < LINK_ROUND_TRIPS ? connection->round_trip_count
                                                                     : LINK_ROUND_TRIPS;
    uint64_t shortest_ns = UINT64_MAX;
    for (uint32_t at = 0; at < count; at++) {
        uint64_t round_trip_ns = connection->round_trips_ns[at];
        shortest_ns = round_trip_ns < shortest_ns ? round_trip_ns : shortest_ns;
    }
    return shortest_ns;
}

/* Pings come four times in a heartbeat, from both ends: three missing ones are enough. */
bool link_timer_is_silent(const struct link_connection *connection)
{
    const struct link *link = connection->link;
    uint64_t ping_ns = link->options.heartbeat_ns / LINK_PINGS_A_HEARTBEAT;
    return link->now_ns - connection->received_ns > link->options.heartbeat_ns - ping_ns;
}

static bool timer_is_better(const struct link_connection *one, const struct link_connection *other)
{
    bool one_silent = link_timer_is_silent(one);
    bool other_silent = link_timer_is_silent(other);
    if (one_silent || other_silent) {
        return one_silent == other_silent ? one->received_ns > other->received_ns : other_silent;
    }
    uint64_t one_ns = link_timer_round_trip_ns(one);
    uint64_t other_ns = link_timer_round_trip_ns(other);
    if (one_ns == UINT64_MAX || other_ns == UINT64_MAX) {
        return one_ns < other_ns;
    }
    return one_ns + one_ns / 4 + TIMER_BETTER_NS < other_ns;
}

void link_timer_choose(struct link *link, struct link_peer *peer)
{
    uint32_t before = peer->best;
    for (uint32_t path = 0; path < LINK_PATHS_MAX; path++) {
        uint32_t index = peer->lines[path].connection;
        if (index == LINK_NONE || link->connections[index].state != LINK_UP) {
            continue;
        }
        if (peer->best == LINK_NONE ||
            timer_is_better(&link->connections[index], &link->connections[peer->best])) {
            peer->best = index;
        }
    }
    if (peer->best != before && peer->best != LINK_NONE) {
        peer->counts.path_changes++;
        link->ready |= (uint16_t)(1u << (peer->site.site_id - 1));
    }
}

static void timer_up(struct link *link, struct link_connection *connection)
{
    const struct link_options *options = &link->options;
    if (link->now_ns - connection->received_ns >= options->silence_ns) {
        link_connection_end(connection, LINK_END_SILENT, "");
        return;
    }
    if (!link_connection_is_trusted(connection)) {
        link_connection_end(connection, LINK_END_KEY_EXPIRED, "");
        return;
    }
    if (link->now_ns >= connection->ping_due_ns) {
        struct link_frame ping = {.type = LINK_WIRE_PING, .ping = {.sent_ns = link->now_ns}};
        link_output_control(connection, &ping);
        link_output_own(connection);
        connection->ping_due_ns = link->now_ns + options->heartbeat_ns / LINK_PINGS_A_HEARTBEAT;
    }
    link_due_by(link, connection->ping_due_ns);
}

static void timer_connection(struct link *link, struct link_connection *connection)
{
    bool late = link->now_ns >= connection->deadline_ns;
    switch ((enum link_state)connection->state) {
    case LINK_FREE:
        return;
    case LINK_DIALLING:
        if (late) {
            link_connection_end(connection, LINK_END_UNREACHABLE, "no answer");
        }
        break;
    case LINK_SHAKING:
    case LINK_GREETING:
        if (late) {
            link_connection_end(connection, LINK_END_HANDSHAKE_TIMEOUT, "");
        }
        break;
    case LINK_UP:
        timer_up(link, connection);
        break;
    case LINK_ENDING:
        if (late) {
            stream_close(&connection->stream);
            return;
        }
        break;
    }
    if (connection->state != LINK_UP && connection->state != LINK_FREE) {
        link_due_by(link, connection->deadline_ns);
    }
}

/* Bulk is paid for from an account that fills with time. */
static void timer_bulk(struct link *link, struct link_peer *peer)
{
    uint64_t rate = link->options.bulk_bytes_a_second;
    uint64_t passed_ns = link->now_ns - peer->bulk_refilled_ns;
    passed_ns = passed_ns < TIMER_SECOND_NS ? passed_ns : TIMER_SECOND_NS;
    uint64_t earned = rate * passed_ns / TIMER_SECOND_NS; /* LINK_BULK_RATE_MAX: no overflow. */
    if (earned == 0) {
        return;
    }
    int64_t burst = (int64_t)(rate / TIMER_BULK_BURST_PART);
    burst = burst > TIMER_BULK_BURST_MIN ? burst : TIMER_BULK_BURST_MIN;
    int64_t credit = peer->bulk_credit_bytes + (int64_t)earned;
    peer->bulk_credit_bytes = credit < burst ? credit : burst;
    peer->bulk_refilled_ns = link->now_ns;
}

static void timer_peer(struct link *link, struct link_peer *peer)
{
    if (peer->best != LINK_NONE) {
        link_timer_choose(link, peer);
    }
    timer_bulk(link, peer);
    if (link_queue_bytes(&peer->queues[LINK_BULK]) > 0) {
        link->ready |= (uint16_t)(1u << (peer->site.site_id - 1));
    }
    bool dials = link->options.site_id < peer->site.site_id && !link->shutting_down;
    for (uint8_t path = 0; dials && path < peer->site.path_count; path++) {
        struct link_line *line = &peer->lines[path];
        if (line->connection == LINK_NONE && link->now_ns >= line->dial_due_ns) {
            link_connection_dial(link, peer, path);
        } else if (line->connection == LINK_NONE) {
            link_due_by(link, line->dial_due_ns);
        }
    }
}

/* Who has been asleep judges nobody's silence. */
static void timer_slept(struct link *link)
{
    for (uint32_t i = 0; i < LINK_CONNECTIONS_MAX; i++) {
        struct link_connection *connection = &link->connections[i];
        if (connection->state == LINK_UP) {
            connection->received_ns = link->now_ns;
        }
    }
}

void link_timer_run(struct link *link)
{
    link->due_ns = UINT64_MAX;
    if (link->now_ns - link->stepped_ns > link->options.heartbeat_ns / 2) {
        timer_slept(link);
    }
    for (uint32_t i = 0; i < LINK_CONNECTIONS_MAX; i++) {
        timer_connection(link, &link->connections[i]);
    }
    for (uint32_t site = 0; site < SITES_MAX; site++) {
        if (link->peers[site].known) {
            timer_peer(link, &link->peers[site]);
        }
    }
}
