/* How many bytes an order takes in the journal, and what it costs to get there and back.
 *
 *   segment_bench [--symbols N] [--level N] [--seconds N]
 *
 * The flow is tests/support/command_flow.h: half passive orders, two fifths cancels, one tenth
 * crossing IOC, over 1,000 sessions. Bytes include the segment's header. One line of JSON goes to
 * standard output at the end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "matching/command_columns.h"
#include "replication/codec.h"
#include "replication/io/monotonic.h"
#include "replication/segment.h"
#include "tests/support/command_flow.h"

#define WARM_UP_COMMANDS 300000u

struct bench {
    struct command_flow flow;
    struct command_columns_scratch *scratch;
    struct codec_context *codec;
    struct segment_signer signer;
    struct segment_verifier verifier;
    uint64_t duration_ns; /* Of each line of the table. */
    uint32_t symbols;
    struct command commands[SEGMENT_COMMANDS_MAX];
    struct command unpacked[SEGMENT_COMMANDS_MAX];
    uint8_t packed[SEGMENT_RAW_BYTES_MAX];
    uint8_t sealed[SEGMENT_BYTES_MAX];
};

struct sums {
    uint64_t segments;
    uint64_t commands;
    uint64_t bytes;
    uint64_t pack_ns;
    uint64_t unpack_ns;
    uint64_t compress_ns;
    uint64_t decompress_ns;
    uint64_t seal_ns;
    uint64_t verify_ns;
};

/* One segment there and back, each step timed. */
static void run_segment(struct bench *bench, uint32_t count, struct segment *segment,
                        struct sums *sums)
{
    size_t packed_bytes;
    size_t stored_bytes;
    enum codec codec;
    uint64_t base = bench->commands[0].timestamp_ns;
    uint64_t start = monotonic_now_ns();
    command_columns_pack(bench->packed, sizeof bench->packed, &packed_bytes, bench->commands, count,
                         base, bench->scratch);
    uint64_t packed = monotonic_now_ns();
    codec_compress(bench->codec, bench->sealed + SEGMENT_HEADER_BYTES, SEGMENT_STORED_BYTES_MAX,
                   bench->packed, packed_bytes, &codec, &stored_bytes);
    uint64_t compressed = monotonic_now_ns();
    segment->command_count = count;
    segment->base_timestamp_ns = base;
    segment->raw_bytes = (uint32_t)packed_bytes;
    segment->stored_bytes = (uint32_t)stored_bytes;
    segment->codec = (uint8_t)codec;
    segment_seal(segment, bench->sealed, sizeof bench->sealed, &bench->signer);
    uint64_t sealed = monotonic_now_ns();

    struct segment opened;
    enum status status = segment_open(&opened, bench->sealed, sizeof bench->sealed);
    ASSERT(status == STATUS_OK);
    status = segment_verify_payload(&opened);
    ASSERT(status == STATUS_OK);
    status = segment_verify_signature(&opened, bench->sealed, &bench->verifier, 1);
    ASSERT(status == STATUS_OK);
    uint64_t verified = monotonic_now_ns();
    status = codec_decompress(bench->codec, bench->packed, opened.raw_bytes, opened.codec,
                              opened.payload, opened.stored_bytes);
    ASSERT(status == STATUS_OK);
    uint64_t decompressed = monotonic_now_ns();
    status = command_columns_unpack(bench->unpacked, count, bench->packed, opened.raw_bytes, base,
                                    bench->scratch);
    uint64_t unpacked = monotonic_now_ns();
    ASSERT(status == STATUS_OK);
    ASSERT(memcmp(bench->unpacked, bench->commands, count * sizeof bench->commands[0]) == 0);

    sums->segments++;
    sums->commands += count;
    sums->bytes += segment_bytes(&opened);
    sums->pack_ns += packed - start;
    sums->compress_ns += compressed - packed;
    sums->seal_ns += sealed - compressed;
    sums->verify_ns += verified - sealed;
    sums->decompress_ns += decompressed - verified;
    sums->unpack_ns += unpacked - decompressed;
    memcpy(segment->previous_chain_hash, opened.chain_hash, SEGMENT_HASH_BYTES);
    segment->log_index++;
    segment->first_command_sequence += count;
}

static struct sums run(struct bench *bench, enum command_flow_ids ids, uint32_t count)
{
    const struct command_flow_options options = {.seed = 1,
                                                 .sessions = 1000,
                                                 .symbols = bench->symbols,
                                                 .ids = ids,
                                                 .order = COMMAND_FLOW_ANY};
    command_flow_init(&bench->flow, &options);
    for (uint32_t command = 0; command < WARM_UP_COMMANDS; command++) {
        command_flow_next(&bench->flow, &bench->commands[0]);
    }
    struct segment segment = {.shard_id = 1,
                              .cluster_id = segment_cluster_id("bench"),
                              .term = 1,
                              .log_index = 2,
                              .first_command_sequence = 1};
    struct sums sums = {0};
    uint64_t end = monotonic_now_ns() + bench->duration_ns;
    do {
        bench->flow.timestamp_ns += 200000;
        for (uint32_t index = 0; index < count; index++) {
            command_flow_next(&bench->flow, &bench->commands[index]);
        }
        run_segment(bench, count, &segment, &sums);
    } while (monotonic_now_ns() < end);
    return sums;
}

static double each(uint64_t sum, uint64_t count)
{
    return (double)sum / (double)count;
}

static void report(struct bench *bench)
{
    static const char *const names[] = {"empty", "counting", "random"};
    static const uint32_t counts[] = {64, 1000, SEGMENT_COMMANDS_MAX};
    char json[4096] = "";
    size_t used = 0;
    (void)fprintf(stderr, "client order id  orders a segment  bytes/order  pack  compress  unpack  "
                          "decompress (ns/order)  seal  verify (us)\n");
    for (int ids = COMMAND_FLOW_EMPTY; ids <= COMMAND_FLOW_RANDOM; ids++) {
        for (uint32_t at = 0; at < sizeof counts / sizeof counts[0]; at++) {
            struct sums sums = run(bench, (enum command_flow_ids)ids, counts[at]);
            double bytes = each(sums.bytes, sums.commands);
            double pack = each(sums.pack_ns, sums.commands);
            double unpack = each(sums.unpack_ns, sums.commands);
            (void)fprintf(stderr,
                          "%-15s  %16u  %11.2f  %4.0f  %8.1f  %6.0f  %10.1f             %5.1f  "
                          "%6.1f\n",
                          names[ids], counts[at], bytes, pack,
                          each(sums.compress_ns, sums.commands), unpack,
                          each(sums.decompress_ns, sums.commands),
                          each(sums.seal_ns, sums.segments) / 1000,
                          each(sums.verify_ns, sums.segments) / 1000);
            int bytes_printed = snprintf(
                json + used, sizeof json - used,
                "%s{\"ids\":\"%s\",\"orders\":%u,\"bytes_per_order\":%.3f,\"pack_ns\":%.1f,"
                "\"unpack_ns\":%.1f,\"seal_us\":%.1f,\"verify_us\":%.1f}",
                used == 0 ? "" : ",", names[ids], counts[at], bytes, pack, unpack,
                each(sums.seal_ns, sums.segments) / 1000,
                each(sums.verify_ns, sums.segments) / 1000);
            ASSERT(bytes_printed > 0);
            used += (size_t)bytes_printed;
            ASSERT(used < sizeof json);
        }
    }
    (void)printf("{\"bench\":\"segment\",\"symbols\":%u,\"rows\":[%s]}\n", bench->symbols, json);
}

static uint32_t option(int argc, char **argv, const char *name, uint32_t otherwise)
{
    for (int at = 1; at + 1 < argc; at++) {
        if (strcmp(argv[at], name) == 0) {
            return (uint32_t)strtoul(argv[at + 1], NULL, 10);
        }
    }
    return otherwise;
}

int main(int argc, char **argv)
{
    struct bench *bench = calloc(1, sizeof *bench);
    if (bench == NULL || sodium_init() < 0) {
        return 1;
    }
    bench->symbols = option(argc, argv, "--symbols", 1);
    bench->duration_ns = option(argc, argv, "--seconds", 1) * UINT64_C(1000000000);
    bench->scratch = malloc(command_columns_scratch_bytes());
    if (bench->scratch == NULL || bench->symbols < 1 || bench->symbols > COMMAND_FLOW_SYMBOLS_MAX ||
        codec_create(&bench->codec, (int)option(argc, argv, "--level", 3)) != STATUS_OK) {
        (void)fprintf(stderr,
                      "usage: segment_bench [--symbols 1..%u] [--level 1..9] [--seconds N]\n",
                      COMMAND_FLOW_SYMBOLS_MAX);
        return 1;
    }
    (void)crypto_sign_keypair(bench->verifier.public_key, bench->signer.secret_key);
    segment_key_id(bench->verifier.key_id, bench->verifier.public_key);
    memcpy(bench->signer.key_id, bench->verifier.key_id, SEGMENT_KEY_ID_BYTES);
    report(bench);
    codec_destroy(bench->codec);
    free(bench->scratch);
    free(bench);
    return 0;
}
