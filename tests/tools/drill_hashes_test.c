/* What sites say they have executed, and where it can be compared. */
#include "tools/drill_hashes.h"

#include <string.h>

#include "tests/support/cmocka_all.h"

static const char *const answer_text =
    "{\"shards\": ["
    "{\"event_hash\": \"00000000000000aa\","
    " \"log\": {\"applied_log_index\": 7, \"applied_command_sequence\": 70}},"
    "{\"event_hash\": \"00000000000000bb\","
    " \"log\": {\"applied_log_index\": 8, \"applied_command_sequence\": 80}}]}";

static struct drill_hashes hashes;

static void answers(void **state)
{
    (void)state;
    json_t *answer = json_loads(answer_text, 0, NULL);
    assert_non_null(answer);
    memset(&hashes, 0, sizeof hashes);
    assert_int_equal(drill_hashes_read(hashes.sites[0], 2, answer), STATUS_OK);
    assert_int_equal(hashes.sites[0][0].log_index, 7);
    assert_int_equal(hashes.sites[0][0].commands, 70);
    assert_string_equal(hashes.sites[0][0].event_hash, "00000000000000aa");
    assert_int_equal(hashes.sites[0][1].log_index, 8);
    assert_string_equal(hashes.sites[0][1].event_hash, "00000000000000bb");
    assert_int_equal(drill_hashes_read(hashes.sites[0], 3, answer), STATUS_BAD_FORMAT);
    json_decref(answer);
    answer = json_loads("{\"shards\": [{\"event_hash\": \"aa\", \"log\": {\"applied_log_index\": 1,"
                        "\"applied_command_sequence\": 1}}]}",
                        0, NULL);
    assert_int_equal(drill_hashes_read(hashes.sites[0], 1, answer), STATUS_BAD_FORMAT);
    json_decref(answer);
}

static void tell(uint32_t site, uint32_t shard, uint64_t log_index, const char *hash)
{
    struct drill_hashes_shard *told = &hashes.sites[site][shard];
    *told = (struct drill_hashes_shard){.log_index = log_index, .commands = 10};
    assert_int_equal(strlen(hash), DRILL_HASHES_TEXT_BYTES - 1);
    memcpy(told->event_hash, hash, DRILL_HASHES_TEXT_BYTES);
}

/* After equally many commands, but at another place, the hashes may differ: the opening of a term
 * is in them, too. */
static void compared_at_equal_places(void **state)
{
    (void)state;
    uint64_t differ = 99;
    memset(&hashes, 0, sizeof hashes);
    for (uint32_t site = 0; site < 3; site++) {
        tell(site, 0, 5, "00000000000000aa");
        tell(site, 1, 9, "00000000000000bb");
    }
    assert_int_equal(drill_hashes_compare(&hashes, 3, 2, &differ), 6);
    assert_int_equal(differ, 0);
    tell(2, 0, 6, "00000000000000cc");
    assert_int_equal(drill_hashes_compare(&hashes, 3, 2, &differ), 4);
    assert_int_equal(differ, 0);
    tell(0, 1, 9, "00000000000000cc");
    assert_int_equal(drill_hashes_compare(&hashes, 3, 2, &differ), 4);
    assert_int_equal(differ, 2);
    hashes.sites[1][1].commands = 11; /* The same hash after other commands: no less wrong. */
    assert_int_equal(drill_hashes_compare(&hashes, 3, 2, &differ), 4);
    assert_int_equal(differ, 3);
    memset(hashes.sites[0], 0, sizeof hashes.sites[0]); /* Has told nothing. */
    assert_int_equal(drill_hashes_compare(&hashes, 3, 2, &differ), 1);
    assert_int_equal(differ, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(answers),
                                       cmocka_unit_test(compared_at_equal_places)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
