#include "tests/support/link_cluster.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "matching/base/bytes.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/link_frames.h"
#include "tests/support/test_seed.h"

#define PATIENCE_NS UINT64_C(30000000000)
#define TURN_NS     UINT64_C(500000)
#define BATCH       64u
#define BYTES_MAX   (LINK_WIRE_FRAME_BYTES_MAX + 1024u)

struct link_cluster_site *link_cluster_site(struct link_cluster *cluster, uint8_t site_id)
{
    assert_true(site_id >= 1 && site_id <= cluster->count);
    return &cluster->sites[site_id - 1];
}

/* ---- What arrives ---- */

static uint64_t hash_frame(struct link_cluster *cluster, const struct link_frame *frame)
{
    uint8_t hash[crypto_generichash_BYTES];
    size_t bytes = link_wire_encode(cluster->bytes, BYTES_MAX, frame);
    assert_int_equal(crypto_generichash(hash, sizeof hash, cluster->bytes, bytes, NULL, 0), 0);
    return bytes_load_le64(hash);
}

static void arrived(struct link_cluster_site *site, uint8_t from, enum link_priority class,
                    const struct link_frame *frame)
{
    struct link_cluster_flight *flight = &site->flights[from - 1][class];
    uint64_t hash = hash_frame(site->cluster, frame);
    while (!site->cluster->ordered && flight->received < flight->sent &&
           flight->hashes[flight->received % LINK_CLUSTER_FLIGHT_MAX] != hash) {
        flight->received++; /* Lost. */
    }
    assert_true(flight->received < flight->sent);
    assert_true(flight->hashes[flight->received % LINK_CLUSTER_FLIGHT_MAX] == hash);
    flight->received++;
}

static void on_replica(void *context, uint8_t from, uint16_t shard_id,
                       const struct link_replica *replica)
{
    struct link_frame frame = {.type = LINK_WIRE_REPLICA,
                               .shard_id = shard_id,
                               .replica = *replica};
    arrived(context, from, LINK_CONSENSUS, &frame);
}

static void on_forward(void *context, uint8_t from, uint16_t shard_id,
                       const struct link_forward *forward)
{
    struct link_frame frame = {.type = LINK_WIRE_FORWARD,
                               .shard_id = shard_id,
                               .forward = *forward};
    arrived(context, from, LINK_FORWARD, &frame);
}

static void on_forward_reply(void *context, uint8_t from, uint16_t shard_id,
                             const struct link_forward_reply *reply)
{
    struct link_frame frame = {.type = LINK_WIRE_FORWARD_REPLY,
                               .shard_id = shard_id,
                               .forward_reply = *reply};
    arrived(context, from, LINK_FORWARD, &frame);
}

static void on_snapshot_request(void *context, uint8_t from, uint16_t shard_id,
                                const struct link_snapshot_request *request)
{
    struct link_frame frame = {.type = LINK_WIRE_SNAPSHOT_REQUEST,
                               .shard_id = shard_id,
                               .snapshot_request = *request};
    arrived(context, from, LINK_BULK, &frame);
}

static void on_snapshot_chunk(void *context, uint8_t from, uint16_t shard_id,
                              const struct link_snapshot_chunk *chunk)
{
    struct link_frame frame = {.type = LINK_WIRE_SNAPSHOT_CHUNK,
                               .shard_id = shard_id,
                               .snapshot_chunk = *chunk};
    arrived(context, from, LINK_BULK, &frame);
}

static void on_news(void *context, uint8_t from, const uint8_t *bytes, uint32_t bytes_count)
{
    struct link_frame frame = {.type = LINK_WIRE_NEWS, .news = {bytes, bytes_count}};
    arrived(context, from, LINK_FORWARD, &frame);
}

static void on_peer_changed(void *context, uint8_t site_id, const struct link_hello *hello)
{
    struct link_cluster_site *site = context;
    uint32_t *ups = &site->ups[site_id - 1];
    uint32_t *downs = &site->downs[site_id - 1];
    if (hello != NULL) {
        assert_int_equal(*ups, *downs);
        site->hellos[site_id - 1] = *hello;
        (*ups)++;
    } else {
        (*downs)++;
        assert_int_equal(*ups, *downs);
    }
}

static void on_note(void *context, const struct link_note *note)
{
    struct link_cluster_site *site = context;
    assert_true(strlen(link_end_text(note->end)) > 0);
    assert_true(note->count >= 1);
    site->notes[note->end]++;
    site->last_note = *note;
    (void)snprintf(site->last_text, sizeof site->last_text, "%s", note->text);
    site->last_note.text = site->last_text;
}

/* ---- Life ---- */

static void open_site(struct link_cluster *cluster, uint8_t site_id,
                      void (*change)(struct link_cluster_site *site))
{
    struct link_cluster_site *site = link_cluster_site(cluster, site_id);
    site->cluster = cluster;
    site->site_id = site_id;
    uint8_t secret[crypto_sign_SECRETKEYBYTES];
    memset(site->seed, site_id, sizeof site->seed);
    assert_int_equal(crypto_sign_seed_keypair(site->public_key, secret, site->seed), 0);
    struct io_options io_options = {.handles_max = LINK_HANDLES_MAX,
                                    .receive_buffer_bytes = 65536,
                                    .receive_buffer_count = 64};
    assert_int_equal(io_create(&site->io, &io_options), STATUS_OK);
    for (uint32_t from = 0; from < LINK_CLUSTER_SITES; from++) {
        for (uint32_t class = 0; class < LINK_PRIORITY_COUNT; class ++) {
            struct link_cluster_flight *flight = &site->flights[from][class];
            flight->hashes = calloc(LINK_CLUSTER_FLIGHT_MAX, sizeof *flight->hashes);
            assert_non_null(flight->hashes);
        }
    }
    link_options_init(&site->options);
    site->options.io = site->io;
    site->options.token_class = LINK_CLUSTER_CLASS;
    site->options.handler = (struct link_handler){site,
                                                  on_replica,
                                                  on_forward,
                                                  on_forward_reply,
                                                  on_snapshot_request,
                                                  on_snapshot_chunk,
                                                  on_news,
                                                  on_peer_changed,
                                                  on_note};
    site->options.key_seed = site->seed;
    site->options.site_id = site_id;
    site->options.cluster_id = LINK_CLUSTER_ID;
    site->options.incarnation = 100u + site_id;
    site->options.generation = 1;
    memset(site->options.genesis, 0x6E, sizeof site->options.genesis);
    site->options.rules_version_max = 10u + site_id;
    site->options.listen = "127.0.0.1:0";
    site->options.random_seed = random_u64(&cluster->random);
    site->options.redial_ns_min = 1000000;
    site->options.redial_ns_max = 50000000;
    if (change != NULL) {
        change(site);
    }
    char reason[LINK_TEXT_BYTES];
    enum status status = link_create(&site->link, &site->options, reason);
    if (status != STATUS_OK) {
        fail_msg("%s", reason);
    }
}

void link_cluster_open(struct link_cluster *cluster, uint32_t count,
                       void (*change)(struct link_cluster_site *site))
{
    assert_true(count <= LINK_CLUSTER_SITES);
    *cluster = (struct link_cluster){.count = count, .ordered = true};
    test_seed(&cluster->random);
    cluster->payload = calloc(1, LINK_FRAMES_PAYLOAD_BYTES);
    cluster->bytes = malloc(BYTES_MAX);
    assert_non_null(cluster->payload);
    assert_non_null(cluster->bytes);
    for (uint8_t site_id = 1; site_id <= count; site_id++) {
        open_site(cluster, site_id, change);
    }
}

void link_cluster_close(struct link_cluster *cluster)
{
    for (uint32_t i = 0; i < cluster->count; i++) {
        struct link_cluster_site *site = &cluster->sites[i];
        io_destroy(site->io);
        link_destroy(site->link);
        for (uint32_t from = 0; from < LINK_CLUSTER_SITES; from++) {
            for (uint32_t class = 0; class < LINK_PRIORITY_COUNT; class ++) {
                free(site->flights[from][class].hashes);
            }
        }
    }
    free(cluster->payload);
    free(cluster->bytes);
}

/* ---- Who knows whom ---- */

void link_cluster_describe(struct link_cluster *cluster, uint8_t of_site_id,
                           struct link_site *description)
{
    const struct link_cluster_site *of = link_cluster_site(cluster, of_site_id);
    *description = (struct link_site){.site_id = of_site_id,
                                      .incarnation = of->options.incarnation,
                                      .path_count = 1,
                                      .key_count = 1};
    (void)snprintf(description->paths[0], sizeof description->paths[0], "127.0.0.1:%u",
                   link_port(of->link));
    memcpy(description->keys[0].public_key, of->public_key, TLS_KEY_BYTES);
}

void link_cluster_introduce(struct link_cluster *cluster, uint8_t site_id, uint8_t of_site_id)
{
    struct link_site description;
    link_cluster_describe(cluster, of_site_id, &description);
    link_set_peer(link_cluster_site(cluster, site_id)->link, &description);
}

void link_cluster_join(struct link_cluster *cluster)
{
    for (uint8_t one = 1; one <= cluster->count; one++) {
        for (uint8_t other = 1; other <= cluster->count; other++) {
            if (one != other) {
                link_cluster_introduce(cluster, one, other);
            }
        }
    }
    for (uint8_t one = 1; one <= cluster->count; one++) {
        for (uint8_t other = 1; other < one; other++) {
            link_cluster_until_connected(cluster, one, other, true);
        }
    }
}

/* ---- The loop ---- */

static void turn_site(struct link_cluster_site *site)
{
    struct io_completion completions[BATCH];
    uint32_t count = io_poll(site->io, completions, BATCH, 0);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(completions[i].token >> 56, LINK_CLUSTER_CLASS);
        link_complete(site->link, &completions[i]);
    }
    link_step(site->link, io_now_ns(site->io), io_wall_ns(site->io) + site->cluster->wall_ahead_ns);
}

void link_cluster_turn(struct link_cluster *cluster)
{
    for (uint32_t i = 0; i < cluster->count; i++) {
        if (!cluster->sites[i].stopped) {
            turn_site(&cluster->sites[i]);
        }
    }
    for (uint32_t i = 0; i < LINK_CLUSTER_EXTRAS; i++) {
        if (cluster->extras[i].poll != NULL) {
            cluster->extras[i].poll(cluster->extras[i].context);
        }
    }
}

void link_cluster_until(struct link_cluster *cluster, bool (*done)(void *context), void *context)
{
    struct io *io = cluster->sites[0].io;
    io_now_refresh(io);
    uint64_t give_up_ns = io_now_ns(io) + PATIENCE_NS;
    while (!done(context)) {
        link_cluster_turn(cluster);
        io_now_refresh(io);
        if (io_now_ns(io) > give_up_ns) {
            fail_msg("it did not happen");
        }
    }
}

const struct link_peer_counts *link_cluster_peer(struct link_cluster *cluster, uint8_t site_id,
                                                 uint8_t of_site_id)
{
    struct link_cluster_site *site = link_cluster_site(cluster, site_id);
    assert_true(of_site_id >= 1 && of_site_id <= LINK_CLUSTER_SITES);
    link_peer_counts(site->link, of_site_id, &site->peers[of_site_id - 1]);
    return &site->peers[of_site_id - 1];
}

const struct link_counts *link_cluster_strangers(struct link_cluster *cluster, uint8_t site_id)
{
    struct link_cluster_site *site = link_cluster_site(cluster, site_id);
    link_counts(site->link, &site->strangers);
    return &site->strangers;
}

struct wanted {
    struct link_cluster *cluster;
    uint8_t one;
    uint8_t other;
    bool connected;
    enum link_end end;
    uint64_t count;
};

static bool end_counted(void *context)
{
    const struct wanted *wanted = context;
    const uint64_t *ends =
        wanted->other == 0 ? link_cluster_strangers(wanted->cluster, wanted->one)->ends
                           : link_cluster_peer(wanted->cluster, wanted->one, wanted->other)->ends;
    return ends[wanted->end] >= wanted->count;
}

void link_cluster_until_end(struct link_cluster *cluster, uint8_t site_id, uint8_t of_site_id,
                            enum link_end end, uint64_t count)
{
    struct wanted wanted = {
        .cluster = cluster, .one = site_id, .other = of_site_id, .end = end, .count = count};
    link_cluster_until(cluster, end_counted, &wanted);
}

static bool is_connected(void *context)
{
    const struct wanted *wanted = context;
    return link_cluster_peer(wanted->cluster, wanted->one, wanted->other)->connected ==
               wanted->connected &&
           link_cluster_peer(wanted->cluster, wanted->other, wanted->one)->connected ==
               wanted->connected;
}

void link_cluster_until_connected(struct link_cluster *cluster, uint8_t one, uint8_t other,
                                  bool connected)
{
    struct wanted wanted = {.cluster = cluster, .one = one, .other = other, .connected = connected};
    link_cluster_until(cluster, is_connected, &wanted);
}

static bool all_arrived(void *context)
{
    struct link_cluster *cluster = context;
    for (uint32_t to = 0; to < cluster->count; to++) {
        for (uint32_t from = 0; from < cluster->count; from++) {
            for (uint32_t class = 0; class < LINK_PRIORITY_COUNT; class ++) {
                const struct link_cluster_flight *flight = &cluster->sites[to].flights[from][class];
                if (flight->received != flight->sent) {
                    return false;
                }
            }
        }
    }
    return true;
}

void link_cluster_until_arrived(struct link_cluster *cluster)
{
    link_cluster_until(cluster, all_arrived, cluster);
}

/* ---- Sending ---- */

static uint8_t random_type(struct link_cluster *cluster, enum link_priority priority)
{
    bool answer = random_below(&cluster->random, 4) == 0;
    switch (priority) {
    case LINK_CONSENSUS:
        return LINK_WIRE_REPLICA;
    case LINK_FORWARD:
        if (random_below(&cluster->random, 16) == 0) {
            return LINK_WIRE_NEWS;
        }
        return answer ? LINK_WIRE_FORWARD_REPLY : LINK_WIRE_FORWARD;
    case LINK_BULK:
        return answer ? LINK_WIRE_SNAPSHOT_REQUEST : LINK_WIRE_SNAPSHOT_CHUNK;
    case LINK_PRIORITY_COUNT:
        break;
    }
    fail();
    return 0;
}

enum status link_cluster_send(struct link_cluster *cluster, uint8_t from, uint8_t to,
                              enum link_priority priority, uint32_t payload_bytes)
{
    struct link_frame frame;
    link_frames_make(&frame, &cluster->random, random_type(cluster, priority), cluster->payload,
                     payload_bytes);
    if (frame.type == LINK_WIRE_REPLICA) {
        frame.replica.message.from_site_id = from;
        frame.replica.message.to_site_id = to;
    }
    struct link_cluster_flight *flight =
        &link_cluster_site(cluster, to)->flights[from - 1][priority];
    assert_true(flight->sent - flight->received < LINK_CLUSTER_FLIGHT_MAX);
    enum status status = link_send(link_cluster_site(cluster, from)->link, to, priority, &frame);
    if (status == STATUS_OK) {
        flight->hashes[flight->sent % LINK_CLUSTER_FLIGHT_MAX] = hash_frame(cluster, &frame);
        flight->sent++;
    }
    return status;
}
