/* Bodies of POST /membership: read back as written, refused when a field is wrong. */
#include "gateway/admin_change.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"

static struct placement placement_of(uint32_t voters)
{
    struct placement placement = {.epoch = 0, .commit_providers = 1, .preferred_site_ids = {2, 1}};
    for (uint32_t at = 0; at < voters; at++) {
        placement.sites[at] = (struct placement_site){.incarnation = 10 + at,
                                                      .provider_id = (uint8_t)(at + 1),
                                                      .role = PLACEMENT_VOTER};
    }
    return placement;
}

static void read_text(struct admin_change *change, const char *text, enum status expected)
{
    char error[ADMIN_CHANGE_ERROR_BYTES];
    assert_int_equal(admin_change_read(change, text, strlen(text), error), expected);
}

static void round_trip(const struct admin_change *change)
{
    json_t *body = admin_change_body(change);
    char *text = json_dumps(body, JSON_COMPACT);
    json_decref(body);
    assert_non_null(text);
    struct admin_change back;
    read_text(&back, text, STATUS_OK);
    assert_int_equal(back.what, change->what);
    assert_int_equal(back.shard_id, change->shard_id);
    /* Written again it is the same: every field has come through. */
    body = admin_change_body(&back);
    char *again = json_dumps(body, JSON_COMPACT);
    json_decref(body);
    assert_string_equal(text, again);
    free(text);
    free(again);
}

static struct repair repair_now(void)
{
    static struct repair_report reports[2];
    for (uint8_t at = 0; at < 2; at++) {
        reports[at] = (struct repair_report){.site_id = (uint8_t)(at + 1),
                                             .incarnation = 10u + at,
                                             .last = {.log_index = 7, .term = 3},
                                             .placement = placement_of(5),
                                             .previous_placement = placement_of(5)};
    }
    const struct repair_request request = {.reports = reports, .report_count = 2, .attested = 28};
    struct repair repair;
    uint8_t site_id = 0;
    assert_int_equal(repair_decide(&request, &repair, &site_id), REPAIR_ACCEPTED);
    return repair;
}

static void test_what_is_written_is_read(void **state)
{
    (void)state;
    struct admin_change change = {.what = ADMIN_CHANGE_PLAN,
                                  .shard_id = 3,
                                  .plan = {.target = placement_of(3),
                                           .epoch = 12,
                                           .waived_rules = 1u << PLACEMENT_PROVIDER_LOSS,
                                           .replace = true}};
    round_trip(&change);
    change = (struct admin_change){.what = ADMIN_CHANGE_TRANSFER, .shard_id = 1, .site_id = 9};
    round_trip(&change);
    change =
        (struct admin_change){.what = ADMIN_CHANGE_PROMISE, .shard_id = 8, .repair = repair_now()};
    round_trip(&change);
    change = (struct admin_change){.what = ADMIN_CHANGE_ACTIVATE,
                                   .shard_id = 2,
                                   .activate = {.generation = UINT64_C(1) << 40, .promised = 511}};
    round_trip(&change);
    change = (struct admin_change){.what = ADMIN_CHANGE_INTRODUCE,
                                   .text = "{\"sites\":[{\"id\":4,\"name\":\"lon1\"}]}"};
    round_trip(&change);
}

static const char *const wrong[] = {
    "",
    "[]",
    "7",
    "{\"what\":\"plan\"}",
    "{\"what\":\"elect\",\"shard\":1}",
    "{\"shard\":1,\"site_id\":2}",
    "{\"what\":\"transfer\",\"shard\":0,\"site_id\":2}",
    "{\"what\":\"transfer\",\"shard\":9,\"site_id\":2}",
    "{\"what\":\"transfer\",\"shard\":1,\"site_id\":0}",
    "{\"what\":\"transfer\",\"shard\":1,\"site_id\":10}",
    "{\"what\":\"transfer\",\"shard\":1,\"site_id\":\"2\"}",
    "{\"what\":\"transfer\",\"shard\":1,\"site_id\":2,\"more\":1}",
    "{\"what\":\"transfer\",\"shard\":1,\"site_id\":2,\"site_id\":2}",
    "{\"what\":\"activate\",\"shard\":1,\"generation\":-1,\"promised\":3}",
    "{\"what\":\"activate\",\"shard\":1,\"generation\":1,\"promised\":512}",
    "{\"what\":\"promise\",\"shard\":1,\"repair\":\"00\"}",
    "{\"what\":\"introduce\"}",
    "{\"what\":\"introduce\",\"site\":{},\"shard\":1}",
    "{\"what\":\"plan\",\"shard\":1,\"target\":\"00\",\"epoch\":1,\"waived\":0,\"replace\":false}",
};

static void test_what_is_wrong_is_refused(void **state)
{
    (void)state;
    struct admin_change change;
    for (size_t at = 0; at < sizeof wrong / sizeof wrong[0]; at++) {
        char error[ADMIN_CHANGE_ERROR_BYTES] = "";
        assert_int_equal(admin_change_read(&change, wrong[at], strlen(wrong[at]), error),
                         STATUS_BAD_FORMAT);
        assert_true(strlen(error) > 0);
    }
    /* A repair that does not hold together, a target that could never commit. */
    struct admin_change promise = {.what = ADMIN_CHANGE_PROMISE,
                                   .shard_id = 1,
                                   .repair = repair_now()};
    json_t *body = admin_change_body(&promise);
    char *text = json_dumps(body, JSON_COMPACT);
    json_decref(body);
    char *digits = strstr(text, "\"repair\":\"");
    assert_non_null(digits);
    digits[strlen("\"repair\":\"") + 33] ^= 1; /* Of its generation. */
    read_text(&change, text, STATUS_BAD_FORMAT);
    free(text);
    char many[2048];
    memset(many, '[', sizeof many);
    char error[ADMIN_CHANGE_ERROR_BYTES];
    assert_int_equal(admin_change_read(&change, many, sizeof many, error), STATUS_BAD_FORMAT);
}

static void check_result(struct admin_change_result result, const char *word, unsigned expected)
{
    unsigned http_status = 0;
    json_t *json = admin_change_json(&result, &http_status);
    assert_string_equal(json_string_value(json_object_get(json, "result")), word);
    assert_int_equal(http_status, expected);
    const char *error = json_string_value(json_object_get(json, "error"));
    assert_non_null(error);
    assert_int_equal(error[0] == '\0', expected == 200);
    json_decref(json);
}

static void test_results_have_words(void **state)
{
    (void)state;
    check_result((struct admin_change_result){.leader_site_id = 1}, "accepted", 200);
    check_result((struct admin_change_result){.status = STATUS_EXISTS}, "accepted", 200);
    check_result((struct admin_change_result){.status = STATUS_BAD_CHAIN}, "refused", 409);
    check_result((struct admin_change_result){.stale = true}, "stale", 409);
    check_result((struct admin_change_result){.refusal = REPLICA_REFUSED_NOT_LEADER}, "not-leader",
                 409);
    check_result((struct admin_change_result){.refusal = REPLICA_REFUSED_PLACEMENT,
                                              .verdict = {PLACEMENT_PROVIDER_LOSS, 2, 0}},
                 "placement", 409);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_written_is_read),
        cmocka_unit_test(test_what_is_wrong_is_refused),
        cmocka_unit_test(test_results_have_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
