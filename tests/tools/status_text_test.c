#include "tools/status_text.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"

static char *print(const char *status, const char *before)
{
    json_t *now = json_loads(status, 0, NULL);
    json_t *then = before != NULL ? json_loads(before, 0, NULL) : NULL;
    assert_non_null(now);
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    assert_non_null(out);
    status_text_print(out, now, then);
    assert_int_equal(fclose(out), 0);
    json_decref(now);
    json_decref(then);
    return text;
}

#define STATUS(uptime, commands)                                                                   \
    "{\"cluster\":\"demo\",\"site\":\"one\",\"provider\":\"metal\",\"io\":\"io_uring: x\","        \
    "\"serving\":true,\"orders_refused\":false,\"uptime_ns\":" uptime ","                          \
    "\"journal\":{\"wal_bytes\":1048576,\"wal_used_bytes\":512,\"store_bytes\":1073741824,"        \
    "\"store_used_bytes\":536870912},\"clients\":{\"connections\":3,\"attached\":2,"               \
    "\"messages_in\":1234,\"messages_out\":5678,\"ends\":{\"logout\":1,\"silent\":0,"              \
    "\"replaced\":2}},\"shards\":[{\"id\":1,\"name\":\"EQ\",\"event_hash\":\"00ff\",\"log\":{"     \
    "\"leader\":true,\"term\":4,\"appended_log_index\":12,\"persisted_log_index\":11,"             \
    "\"committed_log_index\":10,\"applied_log_index\":9,\"applied_command_sequence\":1000,"        \
    "\"chain_hash\":\"0123456789abcdef0123\",\"segments_sealed\":1},\"totals\":{"                  \
    "\"commands\":" commands                                                                       \
    ",\"orders_accepted\":7,\"orders_rejected\":6,\"open_orders\":5,\"executions\":4,"             \
    "\"duplicates\":3,\"stale\":2},\"streams\":{\"events\":8,\"file_bytes\":2048,"                 \
    "\"memory_bytes\":1024},\"membership\":{\"leader\":\"one\",\"commit_providers\":2,"            \
    "\"plan\":true,\"members\":[{\"name\":\"one\",\"role\":\"voter\",\"loss\":\"stops\"},"         \
    "{\"name\":\"two\",\"role\":\"learner\",\"loss\":\"harmless\",\"matched_log_index\":11,"       \
    "\"heard_ago_ns\":2000000,\"round_trip_ns\":1500}],\"providers\":[{\"name\":\"metal\","        \
    "\"loss\":\"endangers\"},{\"name\":\"aws\",\"loss\":\"harmless\"}]}}]}"

static void everything_is_shown(void **state)
{
    (void)state;
    char *text = print(STATUS("5000000000", "9"), NULL);
    assert_string_equal(
        text,
        "site      one of cluster demo (metal), up 5.00 s, serving clients\n"
        "io        io_uring: x\n"
        "disk      store 512 MiB of 1.00 GiB (50.00 %), write-ahead ring 512 B of 1.00 MiB not yet "
        "stored\n"
        "clients   3 connections, 2 sessions logged on; messages 1.23 k in, 5.67 k out\n"
        "ended     logout 1, replaced 2\n"
        "\n"
        "shard 1 EQ: leader, term 4\n"
        "  log     appended 12, persisted 11, committed 10, applied 9; commands 1,000\n"
        "  hash    events 00ff, chain 0123456789abcdef...\n"
        "  orders  accepted 7, rejected 6, open 5; executions 4; not executed: duplicates 3, stale "
        "2\n"
        "  streams 8 events, 2.00 KiB on disk, 1.00 KiB in memory\n"
        "  members led by one; an order is acknowledged when 2 providers hold it; A CHANGE IS "
        "UNDER WAY\n"
        "          one          voter\n"
        "          two          learner, has 11, round trip 1.50 us, heard 2.00 ms ago\n"
        "  losing  harmless now: two, provider aws\n"
        "  losing  STOPS TRADING: one\n"
        "  losing  MAY LOSE ORDERS: provider metal\n");
    free(text);
}

static void rates_are_since_the_answer_before(void **state)
{
    (void)state;
    char *text = print(STATUS("7000000000", "5000"), STATUS("5000000000", "1000"));
    assert_non_null(strstr(text, "a second: commands 2.00 k, orders accepted 0,"));
    free(text);
    /* Started again meanwhile: less than before is no rate. */
    text = print(STATUS("1000000000", "10"), STATUS("5000000000", "1000"));
    assert_non_null(strstr(text, "a second: commands 0,"));
    free(text);
}

static void alarms_stand_out(void **state)
{
    (void)state;
    char *text = print("{\"serving\":false,\"orders_refused\":true}", NULL);
    assert_non_null(strstr(text, "NOT SERVING YET"));
    assert_non_null(strstr(text, "REFUSING ORDERS"));
    assert_null(strstr(text, "evidence"));
    free(text);
    text = print("{\"evidence\":{\"files\":2,\"bytes\":2048},\"shards\":[{\"log\":"
                 "{\"evidence_waits\":true}}]}",
                 NULL);
    assert_non_null(strstr(text, "evidence  2 tails of the journal that were never committed, 2.00 "
                                 "KiB: `causeway journal evidence` lists them\n"));
    assert_non_null(strstr(text, "  WAITS   a tail that was never committed"));
    assert_null(strstr(text, "HALTED"));
    free(text);
    text = print("{\"shards\":[{\"id\":3,\"name\":\"EQ\",\"log\":{\"halted\":true,\"halt\":"
                 "\"for a reason\"}}]}",
                 NULL);
    assert_non_null(strstr(text, "shard 3 EQ: HALTED, term 0\n"));
    assert_non_null(strstr(text, "  HALTED  for a reason. Its orders are refused here; other"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_is_shown),
        cmocka_unit_test(rates_are_since_the_answer_before),
        cmocka_unit_test(alarms_stand_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
