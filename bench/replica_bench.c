/* What consensus itself costs: replicas in one process, messages passed in memory, disks that are
 * done at once.
 *
 *   replica_bench [--milliseconds N]
 *
 * A step is one call of replica_step(). Segments are bytes of the given size, copied as a link
 * would copy them: out of the leader's journal into the message, out of that into the follower's.
 * Not included: hashes, signatures, sockets, disks (segment_bench, io_bench). Times are of all
 * replicas together, since one core runs them. One line of JSON goes to standard output at the end.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "replication/io/monotonic.h"
#include "replication/replica.h"

#define SLOTS           1024u /* Of each replica's ring, and segments of each journal. */
#define BATCH_ENTRIES   64u
#define BATCH_BYTES_MAX (1u << 18)
#define QUEUE_MAX       128u
#define MS              UINT64_C(1000000)

struct letter {
    struct replica_message message;
    struct replica_entry entries[BATCH_ENTRIES];
    uint8_t bytes[BATCH_BYTES_MAX];
};

struct node {
    struct replica replica;
    struct replica_log_slot slots[SLOTS];
    struct replica_entry entries[SLOTS]; /* Of log index modulo SLOTS. */
    uint8_t *segments;
};

struct bench {
    struct node *nodes;
    uint32_t node_count;
    uint32_t segment_bytes;
    uint64_t now_ns; /* Of the replicas. */
    uint64_t random;
    uint64_t steps;
    struct letter *letters; /* A ring of QUEUE_MAX. */
    uint64_t letter_first;
    uint64_t letter_end;
    struct replica_output output;
};

static uint8_t *segment_at(const struct bench *bench, const struct node *node, uint64_t log_index)
{
    return node->segments + (size_t)(log_index % SLOTS) * bench->segment_bytes;
}

static void post(struct bench *bench, const struct node *node,
                 const struct replica_message *message)
{
    ASSERT(bench->letter_end - bench->letter_first < QUEUE_MAX);
    ASSERT(message->entry_count <= BATCH_ENTRIES);
    struct letter *letter = &bench->letters[bench->letter_end++ % QUEUE_MAX];
    letter->message = *message;
    for (uint32_t at = 0; at < message->entry_count; at++) {
        uint64_t log_index = message->position.log_index + 1 + at;
        letter->entries[at] = node->entries[log_index % SLOTS];
        memcpy(letter->bytes + (size_t)at * bench->segment_bytes,
               segment_at(bench, node, log_index), bench->segment_bytes);
    }
}

static void step(struct bench *bench, struct node *node, struct replica_input *input,
                 const struct letter *letter)
{
    struct replica_output *output = &bench->output;
    input->now_ns = bench->now_ns;
    input->random = bench->random += 7;
    replica_step(&node->replica, input, output);
    bench->steps++;
    ASSERT(output->halt == REPLICA_RUNS);
    ASSERT(!output->truncate && output->headers_wanted_count == 0);
    for (uint32_t at = 0; at < output->accepted_count; at++) {
        uint32_t place = output->accepted_first + at;
        uint64_t log_index = letter->entries[place].position.log_index;
        node->entries[log_index % SLOTS] = letter->entries[place];
        memcpy(segment_at(bench, node, log_index),
               letter->bytes + (size_t)place * bench->segment_bytes, bench->segment_bytes);
    }
    for (uint32_t at = 0; at < output->message_count; at++) {
        post(bench, node, &output->messages[at]);
    }
    if (output->accepted_count > 0 || output->vote || input->type == REPLICA_APPENDED) {
        struct replica_input persisted = {.type = REPLICA_PERSISTED,
                                          .persisted = node->replica.log.last,
                                          .term = node->replica.term,
                                          .voted_site_id = node->replica.voted_site_id};
        persisted.now_ns = bench->now_ns;
        replica_step(&node->replica, &persisted, output);
        bench->steps++;
        for (uint32_t at = 0; at < output->message_count; at++) {
            post(bench, node, &output->messages[at]);
        }
    }
}

static void deliver_all(struct bench *bench)
{
    while (bench->letter_first < bench->letter_end) {
        struct letter *letter = &bench->letters[bench->letter_first % QUEUE_MAX];
        struct replica_input input = {.type = REPLICA_RECEIVE, .message = &letter->message};
        letter->message.entries = letter->message.entry_count > 0 ? letter->entries : NULL;
        step(bench, &bench->nodes[letter->message.to_site_id - 1], &input, letter);
        bench->letter_first++; /* Not before: the bytes were still wanted. */
    }
}

/* What the leader may seal, `count` segments at most. */
static uint32_t seal(struct bench *bench, struct node *node, uint32_t count)
{
    struct replica_seal seal;
    uint32_t sealed = 0;
    while (sealed < count && replica_seal_position(&node->replica, &seal) == STATUS_OK) {
        struct replica_entry *entry = &node->entries[seal.log_index % SLOTS];
        *entry =
            (struct replica_entry){.position = {.log_index = seal.log_index, .term = seal.term},
                                   .segment_bytes = bench->segment_bytes,
                                   .kind = (uint8_t)seal.kind};
        memcpy(entry->position.chain_hash, &seal.log_index, sizeof seal.log_index);
        segment_at(bench, node, seal.log_index)[0] = (uint8_t)seal.log_index;
        struct replica_input input = {.type = REPLICA_APPENDED, .entry = *entry};
        step(bench, node, &input, NULL);
        sealed++;
    }
    return sealed;
}

static void begin(struct bench *bench)
{
    struct placement placement = {.commit_providers = 1};
    for (uint32_t at = 0; at < bench->node_count; at++) {
        placement.sites[at] = (struct placement_site){.incarnation = at + 1,
                                                      .provider_id = (uint8_t)(at + 1),
                                                      .role = PLACEMENT_VOTER};
    }
    bench->now_ns = 1;
    for (uint32_t at = 0; at < bench->node_count; at++) {
        struct node *node = &bench->nodes[at];
        struct replica_options options = {.site_id = (uint8_t)(at + 1),
                                          .incarnation = at + 1,
                                          .slots = node->slots,
                                          .slots_max = SLOTS,
                                          .in_flight_messages_max = 16,
                                          .in_flight_bytes_max = 16 * BATCH_BYTES_MAX,
                                          .batch_entries_max = BATCH_ENTRIES,
                                          .batch_bytes_max = BATCH_BYTES_MAX,
                                          .election_ns_min = 100 * MS,
                                          .election_ns_max = 1000 * MS,
                                          .uncommitted_age_ns_max = 1000 * MS,
                                          .preference_hold_ns = 1000 * MS};
        struct replica_start start = {.placement = placement, .previous_placement = placement};
        replica_init(&node->replica, &options, &start);
    }
}

/* Let time pass until the first site serves. */
static struct node *lead(struct bench *bench)
{
    struct node *node = &bench->nodes[0];
    while (!replica_serves(&node->replica)) {
        bench->now_ns += 10 * MS;
        struct replica_input input = {.type = REPLICA_TICK};
        step(bench, node, &input, NULL);
        deliver_all(bench);
        (void)seal(bench, node, 1);
        deliver_all(bench);
    }
    return node;
}

struct row {
    uint32_t nodes;
    uint32_t segment_bytes;
    uint32_t in_flight;
    double ns_per_entry;
    double steps_per_s;
    double steps_per_entry;
};

static struct row measure(struct bench *bench, uint32_t in_flight, uint64_t for_ns)
{
    begin(bench);
    struct node *leader = lead(bench);
    uint64_t before = leader->replica.commit_log_index;
    bench->steps = 0;
    uint64_t start = monotonic_now_ns();
    uint64_t now = start;
    while (now - start < for_ns) {
        for (uint32_t turn = 0; turn < 64; turn++) {
            uint32_t sealed = seal(bench, leader, in_flight);
            ASSERT(sealed == in_flight);
            deliver_all(bench);
        }
        now = monotonic_now_ns();
        bench->now_ns += 1000; /* Hardly any time: no heartbeat falls into it. */
    }
    uint64_t committed = leader->replica.commit_log_index - before;
    ASSERT(leader->replica.commit_log_index == leader->replica.log.last.log_index);
    double elapsed_ns = (double)(now - start);
    return (struct row){.nodes = bench->node_count,
                        .segment_bytes = bench->segment_bytes,
                        .in_flight = in_flight,
                        .ns_per_entry = elapsed_ns / (double)committed,
                        .steps_per_s = (double)bench->steps * 1e9 / elapsed_ns,
                        .steps_per_entry = (double)bench->steps / (double)committed};
}

static void report(struct bench *bench, uint64_t for_ns)
{
    static const uint32_t sizes[] = {64, 16384};
    static const uint32_t flights[] = {1, 16};
    (void)fprintf(stderr, "replicas  segment B  in flight  ns/committed entry  steps/s  "
                          "steps/entry\n");
    (void)printf("{\"bench\":\"replica\",\"memory_per_entry\":%zu,\"memory_per_replica\":%zu,"
                 "\"rows\":[",
                 sizeof(struct replica_log_slot), sizeof(struct replica));
    for (uint32_t at = 0; at < 8; at++) {
        bench->node_count = (at & 4u) != 0 ? 5 : 3;
        bench->segment_bytes = sizes[at >> 1 & 1u];
        struct row row = measure(bench, flights[at & 1u], for_ns);
        (void)fprintf(stderr, "%8u  %9u  %9u  %18.0f  %7.2fM  %11.2f\n", row.nodes,
                      row.segment_bytes, row.in_flight, row.ns_per_entry, row.steps_per_s / 1e6,
                      row.steps_per_entry);
        (void)printf("%s{\"replicas\":%u,\"segment_bytes\":%u,\"in_flight\":%u,\"ns_per_entry\":"
                     "%.1f,\"steps_per_s\":%.0f}",
                     at == 0 ? "" : ",", row.nodes, row.segment_bytes, row.in_flight,
                     row.ns_per_entry, row.steps_per_s);
    }
    (void)printf("]}\n");
    (void)fprintf(stderr, "memory: %zu B a log entry (its header), %zu B a replica besides\n",
                  sizeof(struct replica_log_slot), sizeof(struct replica));
}

/* Memory whose pages are all there: their first touch is not measured. */
static void *touched(size_t bytes)
{
    void *memory = malloc(bytes);
    ASSERT(memory != NULL);
    memset(memory, 0x55, bytes);
    return memory;
}

int main(int argc, char **argv)
{
    uint64_t for_ns = 500 * MS;
    if (argc == 3 && strcmp(argv[1], "--milliseconds") == 0) {
        for_ns = strtoull(argv[2], NULL, 10) * MS;
    } else if (argc != 1) {
        (void)fprintf(stderr, "usage: replica_bench [--milliseconds N]\n");
        return 1;
    }
    struct bench *bench = calloc(1, sizeof *bench);
    ASSERT(bench != NULL);
    bench->nodes = touched(5 * sizeof *bench->nodes);
    bench->letters = touched(QUEUE_MAX * sizeof *bench->letters);
    for (uint32_t at = 0; at < 5; at++) {
        bench->nodes[at].segments = touched((size_t)SLOTS * 16384);
    }
    report(bench, for_ns);
    for (uint32_t at = 0; at < 5; at++) {
        free(bench->nodes[at].segments);
    }
    free(bench->letters);
    free(bench->nodes);
    free(bench);
    return 0;
}
