/* Sizes and waits of a site; when it takes snapshots; what its traffic costs. */
#include <stdio.h>
#include <string.h>

#include "gateway/config_parts.h"
#include "matching/base/assertion.h"

#define KIB              UINT64_C(1024)
#define MIB              (KIB * KIB)
#define GIB              (KIB * MIB)
#define STREAM_BYTES_MIN (16 * MIB)
#define FILE_BYTES_MAX   (65536 * GIB)
#define QUEUE_MAX        (UINT64_C(1) << 20)
#define COMPRESSION_MAX  9u
#define SEGMENTS_MAX     (UINT64_C(1) << 40)
#define SECONDS_MAX      UINT64_C(31536000)
#define SILENCE_MAX      UINT64_C(3600)
#define SECOND_NS        UINT64_C(1000000000)

/* What holds where the file says nothing; config.md lists them. */
static const struct config_tuning config_tuning_defaults = {
    .wal_bytes = 64 * MIB,
    .store_bytes = 4 * GIB,
    .stream_bytes_max = 16 * GIB,
    .wal_writes_in_flight = 2,
    .segment_commands_max = 4096,
    .queue_commands_max = 16384,
    .connections_max = 1024,
    .orders_max = 1u << 20,
    .price_levels_max = 1u << 16,
    .instruments_max = 256,
    .firms_max = 256,
    .sessions_max = 4096,
    .compression_level = 1,
    .io_backend = IO_BACKEND_BEST,
};

static void config_tuning_count(struct config_reader *reader, const char *place, const char *text,
                                uint64_t most, uint32_t *target)
{
    ASSERT(most <= UINT32_MAX);
    uint64_t value = *target;
    config_reader_number(reader, place, text, 1, most, &value);
    *target = (uint32_t)value;
}

static void config_tuning_io(struct config_tuning *tuning, struct config_reader *reader,
                             const char *text)
{
    static const char *const words[] = {"best", "ring", "epoll"};
    static const enum io_backend_kind kinds[] = {IO_BACKEND_BEST, IO_BACKEND_RING,
                                                 IO_BACKEND_EPOLL};
    size_t choice = 0;
    config_reader_choice(reader, "tuning.io", text, words, 3, &choice);
    tuning->io_backend = kinds[choice];
}

void config_tuning_read(struct config_tuning *tuning, struct config_reader *reader,
                        const struct config_file_tuning *file)
{
    *tuning = config_tuning_defaults;
    if (file == NULL) {
        return;
    }
    config_reader_size(reader, "tuning.wal", file->wal, WAL_BYTES_MIN, WAL_BYTES_MAX,
                       WAL_ALIGNMENT_BYTES, &tuning->wal_bytes);
    config_reader_size(reader, "tuning.store", file->store, STORE_BYTES_MIN, FILE_BYTES_MAX,
                       WAL_ALIGNMENT_BYTES, &tuning->store_bytes);
    config_reader_size(reader, "tuning.streams", file->streams, STREAM_BYTES_MIN, FILE_BYTES_MAX, 1,
                       &tuning->stream_bytes_max);
    config_tuning_count(reader, "tuning.wal_writes_in_flight", file->wal_writes_in_flight,
                        WAL_WRITES_IN_FLIGHT_MAX, &tuning->wal_writes_in_flight);
    config_tuning_count(reader, "tuning.segment_commands", file->segment_commands,
                        SEGMENT_COMMANDS_MAX, &tuning->segment_commands_max);
    config_tuning_count(reader, "tuning.queue", file->queue, QUEUE_MAX,
                        &tuning->queue_commands_max);
    config_tuning_count(reader, "tuning.connections", file->connections, CONNECTIONS_MAX,
                        &tuning->connections_max);
    config_tuning_count(reader, "tuning.orders", file->orders, ORDERS_MAX, &tuning->orders_max);
    config_tuning_count(reader, "tuning.price_levels", file->price_levels, PRICE_LEVELS_MAX,
                        &tuning->price_levels_max);
    config_tuning_count(reader, "tuning.instruments", file->instruments, INSTRUMENTS_MAX,
                        &tuning->instruments_max);
    config_tuning_count(reader, "tuning.firms", file->firms, FIRMS_MAX, &tuning->firms_max);
    config_tuning_count(reader, "tuning.sessions", file->sessions, SESSIONS_MAX,
                        &tuning->sessions_max);
    uint32_t level = (uint32_t)tuning->compression_level;
    config_tuning_count(reader, "tuning.compression_level", file->compression_level,
                        COMPRESSION_MAX, &level);
    tuning->compression_level = (int)level;
    config_tuning_io(tuning, reader, file->io);
}

void config_tuning_snapshots(struct config_snapshots *snapshots, struct config_reader *reader,
                             const struct config_file_snapshots *file)
{
    static const struct config_file_snapshots nothing = {0};
    static const char *const words[] = {"yes", "no"};
    const struct config_file_snapshots *given = file != NULL ? file : &nothing;
    uint64_t seconds = 3600;
    uint64_t keep = 2;
    size_t trim = 0;
    *snapshots = (struct config_snapshots){.every_bytes = 256 * MIB};
    config_reader_size(reader, "snapshots.bytes", given->bytes, 0, FILE_BYTES_MAX, 1,
                       &snapshots->every_bytes);
    config_reader_number(reader, "snapshots.segments", given->segments, 0, SEGMENTS_MAX,
                         &snapshots->every_segments);
    config_reader_number(reader, "snapshots.seconds", given->seconds, 0, SECONDS_MAX, &seconds);
    config_reader_number(reader, "snapshots.keep", given->keep, 2, SNAPSHOT_KEPT_MAX, &keep);
    config_reader_choice(reader, "snapshots.trim", given->trim, words, 2, &trim);
    snapshots->every_ns = seconds * SECOND_NS;
    snapshots->keep = (uint32_t)keep;
    snapshots->trim = trim == 0;
}

/* A price as 0.09, at most six decimals and 999,999. */
static bool config_tuning_micros(const char *text, uint64_t *micros)
{
    uint64_t value = 0;
    uint32_t whole = 0;
    uint32_t decimals = 0;
    bool point = false;
    for (; *text != '\0'; text++) {
        if (*text == '.' && !point && whole > 0) {
            point = true;
        } else if (*text >= '0' && *text <= '9' && (point ? decimals : whole) < 6) {
            value = value * 10 + (uint64_t)(*text - '0');
            whole += point ? 0 : 1;
            decimals += point ? 1 : 0;
        } else {
            return false;
        }
    }
    for (uint32_t at = decimals; at < 6; at++) {
        value *= 10;
    }
    *micros = value;
    return whole > 0 && (!point || decimals > 0);
}

void config_tuning_prices(struct config *config, struct config_reader *reader,
                          const struct config_file *file)
{
    char place[CONFIG_PLACE_BYTES];
    ASSERT(config->price_count == 0);
    if (file->egress_count > SITES_MAX && !reader->failed) {
        config_reader_fail(reader, "egress", "`egress` has %u prices; at most %u fit",
                           file->egress_count, SITES_MAX);
    }
    for (uint32_t at = 0; at < file->egress_count && !reader->failed; at++) {
        struct config_price *price = &config->prices[at];
        (void)snprintf(place, sizeof place, "egress[%u].provider", at);
        config_reader_name(reader, place, file->egress[at].provider, false, price->provider,
                           sizeof price->provider);
        (void)snprintf(place, sizeof place, "egress[%u].price", at);
        const char *text = file->egress[at].price != NULL ? file->egress[at].price : "";
        if (!reader->failed && !config_tuning_micros(text, &price->micros_per_gib)) {
            config_reader_fail(reader, place,
                               "`price` is \"%.20s\"; it must be what a GiB costs, as 0.09, with "
                               "at most six decimals",
                               text);
        }
        config->price_count = at + 1;
    }
}

void config_tuning_silence(uint64_t *site_silence_ns, struct config_reader *reader,
                           const char *text)
{
    uint64_t seconds = 5;
    ASSERT(site_silence_ns != NULL);
    config_reader_number(reader, "site_silence", text, 1, SILENCE_MAX, &seconds);
    *site_silence_ns = seconds * SECOND_NS;
    ASSERT(*site_silence_ns > 0);
}
