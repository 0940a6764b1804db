#include "tools/status_text.h"

#include <string.h>

#include "matching/base/assertion.h"
#include "tools/human.h"

#define NANOSECONDS_PER_S UINT64_C(1000000000)

static uint64_t status_text_number(const json_t *object, const char *key)
{
    json_int_t value = json_integer_value(json_object_get(object, key));
    return value > 0 ? (uint64_t)value : 0;
}

static const char *status_text_word(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "?";
}

/* What has been added to a count since the answer before, each second. */
static struct human status_text_rate(const json_t *now, const json_t *before, const char *key,
                                     uint64_t elapsed_ns)
{
    uint64_t from = status_text_number(before, key);
    uint64_t to = status_text_number(now, key);
    /* A site that has started again counts from the start. */
    uint64_t grown = to > from ? to - from : 0;
    return human_count(elapsed_ns > 0 ? grown * NANOSECONDS_PER_S / elapsed_ns : 0);
}

static void status_text_site(FILE *out, const json_t *status)
{
    (void)fprintf(out, "site      %s of cluster %s (%s), up %s, %s%s\n",
                  status_text_word(status, "site"), status_text_word(status, "cluster"),
                  status_text_word(status, "provider"),
                  human_duration(status_text_number(status, "uptime_ns")).text,
                  json_is_true(json_object_get(status, "serving")) ? "serving clients"
                                                                   : "NOT SERVING YET",
                  json_is_true(json_object_get(status, "orders_refused"))
                      ? ", REFUSING ORDERS: the store is nearly full, make it larger or trim it"
                      : "");
    (void)fprintf(out, "io        %s\n", status_text_word(status, "io"));
}

static void status_text_journal(FILE *out, const json_t *journal)
{
    uint64_t store = status_text_number(journal, "store_bytes");
    uint64_t used = status_text_number(journal, "store_used_bytes");
    (void)fprintf(out, "disk      store %s of %s (%s), write-ahead ring %s of %s not yet stored\n",
                  human_bytes(used).text, human_bytes(store).text, human_percent(used, store).text,
                  human_bytes(status_text_number(journal, "wal_used_bytes")).text,
                  human_bytes(status_text_number(journal, "wal_bytes")).text);
}

/* Nothing where there is none. */
static void status_text_evidence(FILE *out, const json_t *evidence)
{
    uint64_t files = status_text_number(evidence, "files");
    if (files > 0) {
        (void)fprintf(out,
                      "evidence  %s tail%s of the journal that %s never committed, %s: `causeway "
                      "journal evidence` lists %s\n",
                      human_number(files).text, files == 1 ? "" : "s", files == 1 ? "was" : "were",
                      human_bytes(status_text_number(evidence, "bytes")).text,
                      files == 1 ? "it" : "them");
    }
}

static void status_text_clients(FILE *out, const json_t *clients)
{
    (void)fprintf(out, "clients   %s connections, %s sessions logged on; messages %s in, %s out\n",
                  human_number(status_text_number(clients, "connections")).text,
                  human_number(status_text_number(clients, "attached")).text,
                  human_count(status_text_number(clients, "messages_in")).text,
                  human_count(status_text_number(clients, "messages_out")).text);
    const char *reason = NULL;
    json_t *count = NULL;
    const char *lead = "ended     ";
    json_object_foreach(json_object_get(clients, "ends"), reason, count)
    {
        if (json_integer_value(count) > 0) {
            (void)fprintf(out, "%s%s %s", lead, reason,
                          human_number((uint64_t)json_integer_value(count)).text);
            lead = ", ";
        }
    }
    if (lead[0] == ',') {
        (void)fputc('\n', out);
    }
}

static void status_text_member(FILE *out, const json_t *member)
{
    (void)fprintf(out, "          %-12s %s", status_text_word(member, "name"),
                  status_text_word(member, "role"));
    if (json_object_get(member, "matched_log_index") != NULL) {
        (void)fprintf(out, ", has %s, round trip %s",
                      human_number(status_text_number(member, "matched_log_index")).text,
                      human_duration(status_text_number(member, "round_trip_ns")).text);
        if (json_object_get(member, "heard_ago_ns") == NULL) {
            (void)fputs(", NOT HEARD", out);
        } else {
            (void)fprintf(out, ", heard %s ago",
                          human_duration(status_text_number(member, "heard_ago_ns")).text);
        }
        (void)fputs(json_is_true(json_object_get(member, "snapshot")) ? ", needs a snapshot" : "",
                    out);
        (void)fputs(json_is_true(json_object_get(member, "fenced"))
                        ? ", FENCED: computes other events"
                        : "",
                    out);
    }
    (void)fputc('\n', out);
}

/* All sites and providers whose loss would mean the same, in one line. */
static void status_text_losses(FILE *out, const json_t *membership, const char *loss,
                               const char *meaning)
{
    static const char *const lists[][2] = {{"members", ""}, {"providers", "provider "}};
    const char *lead = meaning;
    for (size_t list = 0; list < sizeof lists / sizeof lists[0]; list++) {
        size_t index = 0;
        json_t *entry = NULL;
        json_array_foreach(json_object_get(membership, lists[list][0]), index, entry)
        {
            if (strcmp(status_text_word(entry, "loss"), loss) == 0) {
                (void)fprintf(out, "%s%s%s", lead, lists[list][1], status_text_word(entry, "name"));
                lead = ", ";
            }
        }
    }
    if (lead[0] == ',') {
        (void)fputc('\n', out);
    }
}

static void status_text_membership(FILE *out, const json_t *membership)
{
    if (membership == NULL) {
        return;
    }
    uint64_t providers = status_text_number(membership, "commit_providers");
    (void)fprintf(out, "  members led by %s; an order is acknowledged when %s provider%s it%s%s\n",
                  status_text_word(membership, "leader"), human_number(providers).text,
                  providers == 1 ? " holds" : "s hold",
                  json_is_true(json_object_get(membership, "plan")) ? "; A CHANGE IS UNDER WAY"
                                                                    : "",
                  json_is_true(json_object_get(membership, "repairing"))
                      ? "; IDLE: a quorum repair is promised here, `causeway site recover` ends it"
                      : "");
    size_t index = 0;
    json_t *member = NULL;
    json_array_foreach(json_object_get(membership, "members"), index, member)
    {
        status_text_member(out, member);
    }
    status_text_losses(out, membership, "harmless", "  losing  harmless now: ");
    status_text_losses(out, membership, "stops", "  losing  STOPS TRADING: ");
    status_text_losses(out, membership, "endangers", "  losing  MAY LOSE ORDERS: ");
}

static void status_text_shard(FILE *out, const json_t *shard, const json_t *before,
                              uint64_t elapsed_ns)
{
    const json_t *log = json_object_get(shard, "log");
    const json_t *totals = json_object_get(shard, "totals");
    const json_t *streams = json_object_get(shard, "streams");
    (void)fprintf(out, "\nshard %s %s: %s, term %s\n",
                  human_number(status_text_number(shard, "id")).text,
                  status_text_word(shard, "name"),
                  json_is_true(json_object_get(log, "halted"))   ? "HALTED"
                  : json_is_true(json_object_get(log, "leader")) ? "leader"
                                                                 : "follower",
                  human_number(status_text_number(log, "term")).text);
    if (json_is_true(json_object_get(log, "halted"))) {
        (void)fprintf(out, "  HALTED  %s. Its orders are refused here; other shards go on\n",
                      status_text_word(log, "halt"));
    }
    if (json_is_true(json_object_get(log, "evidence_waits"))) {
        (void)fputs("  WAITS   a tail that was never committed is to be dropped, and there is no "
                    "room to keep it as evidence: make room in the data directory\n",
                    out);
    }
    (void)fprintf(out,
                  "  log     appended %s, persisted %s, committed %s, applied %s; commands %s\n",
                  human_number(status_text_number(log, "appended_log_index")).text,
                  human_number(status_text_number(log, "persisted_log_index")).text,
                  human_number(status_text_number(log, "committed_log_index")).text,
                  human_number(status_text_number(log, "applied_log_index")).text,
                  human_number(status_text_number(log, "applied_command_sequence")).text);
    (void)fprintf(out, "  hash    events %s, chain %.16s...\n",
                  status_text_word(shard, "event_hash"), status_text_word(log, "chain_hash"));
    (void)fprintf(out,
                  "  orders  accepted %s, rejected %s, open %s; executions %s; not executed: "
                  "duplicates %s, stale %s\n",
                  human_number(status_text_number(totals, "orders_accepted")).text,
                  human_number(status_text_number(totals, "orders_rejected")).text,
                  human_number(status_text_number(totals, "open_orders")).text,
                  human_number(status_text_number(totals, "executions")).text,
                  human_number(status_text_number(totals, "duplicates")).text,
                  human_number(status_text_number(totals, "stale")).text);
    (void)fprintf(out, "  streams %s events, %s on disk, %s in memory\n",
                  human_count(status_text_number(streams, "events")).text,
                  human_bytes(status_text_number(streams, "file_bytes")).text,
                  human_bytes(status_text_number(streams, "memory_bytes")).text);
    status_text_membership(out, json_object_get(shard, "membership"));
    if (before != NULL) {
        const json_t *totals_before = json_object_get(before, "totals");
        (void)fprintf(
            out, "  a second: commands %s, orders accepted %s, executions %s, segments %s\n",
            status_text_rate(totals, totals_before, "commands", elapsed_ns).text,
            status_text_rate(totals, totals_before, "orders_accepted", elapsed_ns).text,
            status_text_rate(totals, totals_before, "executions", elapsed_ns).text,
            status_text_rate(log, json_object_get(before, "log"), "segments_sealed", elapsed_ns)
                .text);
    }
}

void status_text_print(FILE *out, const json_t *status, const json_t *before)
{
    ASSERT(out != NULL);
    status_text_site(out, status);
    status_text_journal(out, json_object_get(status, "journal"));
    status_text_evidence(out, json_object_get(status, "evidence"));
    status_text_clients(out, json_object_get(status, "clients"));
    uint64_t now_ns = status_text_number(status, "uptime_ns");
    uint64_t before_ns = status_text_number(before, "uptime_ns");
    const json_t *shards_before = json_object_get(before, "shards");
    size_t index = 0;
    json_t *shard = NULL;
    json_array_foreach(json_object_get(status, "shards"), index, shard)
    {
        status_text_shard(out, shard, json_array_get(shards_before, index),
                          now_ns > before_ns ? now_ns - before_ns : 0);
    }
}
