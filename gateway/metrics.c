#include "gateway/metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/egress.h"
#include "matching/base/assertion.h"

enum figure_type { FIGURE_COUNTER, FIGURE_GAUGE };

struct figure {
    const char *name;
    const char *help;
    enum figure_type type;
    size_t offset; /* Of a uint64_t. */
};

#define SITE(name, type, help, field)                                                              \
    {                                                                                              \
        "causeway_" name, help, type, offsetof(struct admin_site, field)                           \
    }
static const struct figure site_figures[] = {
    SITE("uptime_nanoseconds", FIGURE_GAUGE, "Since this process started.", uptime_ns),
    SITE("wal_bytes", FIGURE_GAUGE, "Size of the write-ahead ring.", journal.wal_bytes),
    SITE("wal_used_bytes", FIGURE_GAUGE, "In the ring and not yet stored.", journal.wal_used_bytes),
    SITE("wal_written_bytes_total", FIGURE_COUNTER, "Written to the ring since start.",
         journal.wal_written_bytes),
    SITE("wal_writes_total", FIGURE_COUNTER, "Writes to the ring since start.", journal.wal_writes),
    SITE("store_bytes", FIGURE_GAUGE, "Reserved for the store.", journal.store_bytes),
    SITE("store_used_bytes", FIGURE_GAUGE, "Used of the store: warns at 70 %, refuses at 90 %.",
         journal.store_used_bytes),
    SITE("store_commits_total", FIGURE_COUNTER, "Transactions of the store.",
         journal.store_commits),
    SITE("client_connections_total", FIGURE_COUNTER, "Client connections ever accepted.",
         doors.accepted),
    SITE("client_messages_in_total", FIGURE_COUNTER, "Messages of clients.", doors.messages_in),
    SITE("client_messages_out_total", FIGURE_COUNTER, "Messages to clients.", doors.messages_out),
    SITE("client_bytes_in_total", FIGURE_COUNTER, "Bytes of clients.", doors.bytes_in),
    SITE("client_bytes_out_total", FIGURE_COUNTER, "Bytes to clients.", doors.bytes_out),
    SITE("client_refusals_total", FIGURE_COUNTER, "Orders refused without being sequenced.",
         doors.refused),
    SITE("evidence_files", FIGURE_GAUGE,
         "Tails of the journal that were never committed, dropped and kept as signed evidence.",
         evidence_files),
    SITE("evidence_bytes", FIGURE_GAUGE, "Size of those.", evidence_bytes),
    SITE("client_pauses_total", FIGURE_COUNTER, "Times a connection was not read for a while.",
         doors.pauses),
};

#define SHARD(name, type, help, field)                                                             \
    {                                                                                              \
        "causeway_shard_" name, help, type, offsetof(struct admin_shard, field)                    \
    }
static const struct figure shard_figures[] = {
    SHARD("term", FIGURE_GAUGE, "Present term.", log.term),
    SHARD("appended_log_index", FIGURE_GAUGE, "Last segment appended.", log.appended_log_index),
    SHARD("persisted_log_index", FIGURE_GAUGE, "Last segment durable here.",
          log.persisted_log_index),
    SHARD("committed_log_index", FIGURE_GAUGE, "Last segment durable on a quorum.",
          log.committed_log_index),
    SHARD("applied_log_index", FIGURE_GAUGE, "Last segment executed.", log.applied_log_index),
    SHARD("applied_command_sequence", FIGURE_GAUGE, "Last command executed.",
          log.applied_command_sequence),
    SHARD("segments_sealed_total", FIGURE_COUNTER, "Segments sealed since start.",
          log.segments_sealed),
    SHARD("commands_sealed_total", FIGURE_COUNTER, "Commands sealed since start.",
          log.records_sealed),
    SHARD("commands_logged_total", FIGURE_COUNTER,
          "Commands that came into the log since start, sealed here or elsewhere.",
          log.records_logged),
    SHARD("segment_bytes_total", FIGURE_COUNTER, "Bytes of segments sealed since start.",
          log.segment_bytes),
    SHARD("forks_total", FIGURE_COUNTER, "Other chains at one index and term seen since start.",
          log.forks),
    SHARD("commands_total", FIGURE_COUNTER, "Commands executed since the market's birth.",
          totals.commands),
    SHARD("orders_accepted_total", FIGURE_COUNTER, "Orders accepted.", totals.orders_accepted),
    SHARD("orders_rejected_total", FIGURE_COUNTER, "Orders rejected.", totals.orders_rejected),
    SHARD("executions_total", FIGURE_COUNTER, "Trades.", totals.executions),
    SHARD("duplicates_total", FIGURE_COUNTER, "References seen before, not executed again.",
          totals.duplicates),
    SHARD("stale_total", FIGURE_COUNTER, "Commands of a former attachment, not executed.",
          totals.stale),
    SHARD("open_orders", FIGURE_GAUGE, "Orders in the books.", totals.open_orders),
    SHARD("stream_events", FIGURE_GAUGE, "Events in the session streams.", streams.events),
    SHARD("stream_file_bytes", FIGURE_GAUGE, "Session streams on disk.", streams.file_bytes),
    SHARD("stream_memory_bytes", FIGURE_GAUGE, "Session streams in memory.", streams.memory_bytes),
};

static uint64_t value_at(const void *source, size_t offset)
{
    uint64_t value;
    memcpy(&value, (const uint8_t *)source + offset, sizeof value);
    return value;
}

static void head(FILE *out, const char *name, const char *help, enum figure_type type)
{
    (void)fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name,
                  type == FIGURE_COUNTER ? "counter" : "gauge");
}

static void one(FILE *out, const char *name, const char *help, enum figure_type type,
                uint64_t value)
{
    head(out, name, help, type);
    (void)fprintf(out, "%s %" PRIu64 "\n", name, value);
}

/* Names of shards and sites are [a-z0-9-] or what the configuration allows: nothing to escape. */
static void write_shards(FILE *out, const struct admin_shard *shards, uint32_t count)
{
    for (size_t row = 0; row < sizeof shard_figures / sizeof shard_figures[0]; row++) {
        const struct figure *figure = &shard_figures[row];
        head(out, figure->name, figure->help, figure->type);
        for (uint32_t i = 0; i < count; i++) {
            (void)fprintf(out, "%s{shard=\"%s\"} %" PRIu64 "\n", figure->name, shards[i].name,
                          value_at(&shards[i], figure->offset));
        }
    }
    head(out, "causeway_shard_leader", "1: this site leads the shard.", FIGURE_GAUGE);
    for (uint32_t i = 0; i < count; i++) {
        (void)fprintf(out, "causeway_shard_leader{shard=\"%s\"} %d\n", shards[i].name,
                      shards[i].log.leader ? 1 : 0);
    }
    head(out, "causeway_shard_halted",
         "1: the shard takes no part at this site any more; /status says why.", FIGURE_GAUGE);
    for (uint32_t i = 0; i < count; i++) {
        (void)fprintf(out, "causeway_shard_halted{shard=\"%s\"} %d\n", shards[i].name,
                      shards[i].log.halted ? 1 : 0);
    }
    head(out, "causeway_shard_evidence_waits",
         "1: there is no room to keep a tail that is to be dropped, and the shard waits for it.",
         FIGURE_GAUGE);
    for (uint32_t i = 0; i < count; i++) {
        (void)fprintf(out, "causeway_shard_evidence_waits{shard=\"%s\"} %d\n", shards[i].name,
                      shards[i].log.evidence_waits ? 1 : 0);
    }
    head(out, "causeway_shard_queue_room", "Commands that may still be queued.", FIGURE_GAUGE);
    for (uint32_t i = 0; i < count; i++) {
        (void)fprintf(out, "causeway_shard_queue_room{shard=\"%s\"} %" PRIu32 "\n", shards[i].name,
                      shards[i].queue_room);
    }
}

#define PEER(name, type, help, field)                                                              \
    {                                                                                              \
        "causeway_peer_" name, help, type, offsetof(struct admin_peer, field)                      \
    }
static const struct figure peer_figures[] = {
    PEER("round_trip_nanoseconds", FIGURE_GAUGE, "Of the best path; 0: not measured yet.",
         round_trip_ns),
    PEER("egress_bytes_total", FIGURE_COUNTER, "Bytes sent, as TCP carries them.", bytes_out),
    PEER("ingress_bytes_total", FIGURE_COUNTER, "Bytes received, likewise.", bytes_in),
    PEER("egress_cost_micros_total", FIGURE_COUNTER,
         "Price of the bytes sent, in millionths of the configuration's currency.", cost_micros),
    PEER("egress_millibytes_per_command", FIGURE_GAUGE,
         "Bytes sent per command that came into the logs here since start, in thousandths.",
         millibytes_per_command),
    PEER("dropped_frames_total", FIGURE_COUNTER, "Frames without room or connection.", dropped),
    PEER("connects_total", FIGURE_COUNTER, "Paths that came up.", connects),
};

static void write_peer(FILE *out, const struct admin_site *site, uint32_t at, const char *name,
                       uint64_t value)
{
    (void)fprintf(out, "%s{peer=\"%s\",provider=\"%s\"} %" PRIu64 "\n", name, site->sites[at].name,
                  site->sites[at].provider, value);
}

static void write_links(FILE *out, const struct admin_site *site)
{
    uint64_t bytes_out = 0;
    for (size_t row = 0; row < sizeof peer_figures / sizeof peer_figures[0]; row++) {
        const struct figure *figure = &peer_figures[row];
        head(out, figure->name, figure->help, figure->type);
        for (uint32_t at = 0; at < SITES_MAX; at++) {
            if (site->peers[at].known) {
                write_peer(out, site, at, figure->name, value_at(&site->peers[at], figure->offset));
            }
        }
    }
    head(out, "causeway_peer_connected", "1: the link is up.", FIGURE_GAUGE);
    for (uint32_t at = 0; at < SITES_MAX; at++) {
        if (site->peers[at].known) {
            write_peer(out, site, at, "causeway_peer_connected", site->peers[at].connected);
            bytes_out += site->peers[at].bytes_out;
        }
    }
    one(out, "causeway_egress_millibytes_per_command",
        "Bytes sent to all sites per command that came into the logs here since start, sealed here "
        "or elsewhere, in thousandths; 0: none did.",
        FIGURE_GAUGE, egress_millibytes_per_command(bytes_out, site->commands_logged));
    head(out, "causeway_link_ends_total",
         "Connections between sites that were refused or ended, by reason.", FIGURE_COUNTER);
    for (uint32_t end = 1; end < LINK_END_COUNT; end++) {
        (void)fprintf(out, "causeway_link_ends_total{reason=\"%s\"} %" PRIu64 "\n",
                      link_end_text((enum link_end)end), site->link_ends[end]);
    }
}

static void write_site(FILE *out, const struct admin_site *site)
{
    head(out, "causeway_site_info", "Who this is.", FIGURE_GAUGE);
    (void)fprintf(out, "causeway_site_info{cluster=\"%s\",site=\"%s\",provider=\"%s\"} 1\n",
                  site->cluster, site->site, site->provider);
    one(out, "causeway_serving", "1: clients are let in.", FIGURE_GAUGE, site->serving);
    one(out, "causeway_orders_refused", "1: the store is nearly full, only cancels are served.",
        FIGURE_GAUGE, site->orders_refused);
    one(out, "causeway_client_connections", "Client connections.", FIGURE_GAUGE,
        site->doors.connections);
    one(out, "causeway_client_sessions_attached", "Sessions logged on here.", FIGURE_GAUGE,
        site->doors.attached);
    for (size_t row = 0; row < sizeof site_figures / sizeof site_figures[0]; row++) {
        const struct figure *figure = &site_figures[row];
        one(out, figure->name, figure->help, figure->type, value_at(site, figure->offset));
    }
    head(out, "causeway_client_ends_total", "Client connections that ended, by reason.",
         FIGURE_COUNTER);
    for (uint32_t i = 0; i < DOOR_END_COUNT; i++) {
        (void)fprintf(out, "causeway_client_ends_total{reason=\"%s\"} %" PRIu64 "\n",
                      door_end_text((enum door_end)i), site->doors.ends[i]);
    }
}

char *metrics_text(const struct admin_site *site, const struct admin_shard *shards,
                   const struct metrics_admin *admin)
{
    ASSERT(site->shard_count <= SHARDS_MAX);
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    if (out == NULL) {
        return NULL;
    }
    write_site(out, site);
    write_shards(out, shards, site->shard_count);
    write_links(out, site);
    one(out, "causeway_admin_requests_total", "HTTP requests.", FIGURE_COUNTER, admin->requests);
    one(out, "causeway_admin_unauthorized_total", "HTTP requests with a wrong token or none.",
        FIGURE_COUNTER, admin->unauthorized);
    one(out, "causeway_admin_timeouts_total", "HTTP requests not answered in time.", FIGURE_COUNTER,
        admin->timeouts);
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    ASSERT(text != NULL);
    return text;
}
