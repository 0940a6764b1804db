#include "gateway/admin_change.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "replication/placement_record.h"
#include "replication/repair_record.h"

#define CHANGE_BYTES_MAX REPAIR_RECORD_BYTES

static_assert(PLACEMENT_RECORD_BYTES <= CHANGE_BYTES_MAX, "the larger one");

/* ---- Bytes ---- */

json_t *admin_change_hex(const uint8_t *bytes, size_t count)
{
    char text[2 * CHANGE_BYTES_MAX + 1];
    ASSERT(count <= CHANGE_BYTES_MAX);
    ASSERT(bytes != NULL);
    (void)sodium_bin2hex(text, sizeof text, bytes, count);
    return json_string(text);
}

bool admin_change_unhex(const json_t *text, uint8_t *bytes, size_t count)
{
    const char *digits = json_string_value(text);
    size_t made = 0;
    ASSERT(count > 0);
    return digits != NULL && strlen(digits) == 2 * count &&
           sodium_hex2bin(bytes, count, digits, 2 * count, NULL, &made, NULL) == 0 && made == count;
}

/* ---- Reading ---- */

static bool change_number(const json_t *root, const char *name, uint64_t most, uint64_t *value)
{
    const json_t *field = json_object_get(root, name);
    json_int_t number = json_integer_value(field);
    *value = (uint64_t)number;
    return json_is_integer(field) && number >= 0 && (uint64_t)number <= most;
}

/* Each of these reads the fields of one kind; returns the name of one that is wrong, or NULL. */

static const char *change_read_introduce(struct admin_change *change, const json_t *root)
{
    json_t *alone = json_pack("{s:[O]}", "sites", json_object_get(root, "site"));
    char *text = alone != NULL ? json_dumps(alone, JSON_COMPACT) : NULL;
    size_t bytes = text != NULL ? strlen(text) : 0;
    bool good = bytes > 0 && bytes < sizeof change->text;
    if (good) {
        memcpy(change->text, text, bytes + 1);
    }
    free(text);
    json_decref(alone);
    return good ? NULL : "site";
}

static const char *change_read_plan(struct admin_change *change, const json_t *root)
{
    uint8_t bytes[PLACEMENT_RECORD_PLACEMENT_BYTES];
    uint64_t waived = 0;
    if (!admin_change_unhex(json_object_get(root, "target"), bytes, sizeof bytes) ||
        !placement_record_load_one(&change->plan.target, bytes)) {
        return "target";
    }
    if (!change_number(root, "epoch", INT64_MAX, &change->plan.epoch)) {
        return "epoch";
    }
    if (!change_number(root, "waived", (1u << PLACEMENT_RULE_COUNT) - 1, &waived)) {
        return "waived";
    }
    change->plan.waived_rules = (uint32_t)waived;
    change->plan.replace = json_is_true(json_object_get(root, "replace"));
    return json_is_boolean(json_object_get(root, "replace")) ? NULL : "replace";
}

static const char *change_read_transfer(struct admin_change *change, const json_t *root)
{
    uint64_t site_id = 0;
    if (!change_number(root, "site_id", SITES_MAX, &site_id) || site_id == 0) {
        return "site_id";
    }
    change->site_id = (uint8_t)site_id;
    return NULL;
}

static const char *change_read_promise(struct admin_change *change, const json_t *root)
{
    uint8_t bytes[REPAIR_RECORD_BYTES];
    bool good = admin_change_unhex(json_object_get(root, "repair"), bytes, sizeof bytes) &&
                repair_record_load(&change->repair, bytes, sizeof bytes) == STATUS_OK;
    return good ? NULL : "repair";
}

static const char *change_read_activate(struct admin_change *change, const json_t *root)
{
    uint64_t promised = 0;
    if (!change_number(root, "generation", INT64_MAX, &change->activate.generation)) {
        return "generation";
    }
    if (!change_number(root, "promised", (1u << SITES_MAX) - 1, &promised)) {
        return "promised";
    }
    change->activate.promised = (uint16_t)promised;
    return NULL;
}

static const struct {
    const char *name;
    uint32_t field_count; /* With "what", and "shard" where it has one. */
    const char *(*read)(struct admin_change *change, const json_t *root);
} kinds[] = {
    [ADMIN_CHANGE_INTRODUCE] = {"introduce", 2, change_read_introduce},
    [ADMIN_CHANGE_PLAN] = {"plan", 6, change_read_plan},
    [ADMIN_CHANGE_TRANSFER] = {"transfer", 3, change_read_transfer},
    [ADMIN_CHANGE_PROMISE] = {"promise", 3, change_read_promise},
    [ADMIN_CHANGE_ACTIVATE] = {"activate", 4, change_read_activate},
};

static const char *change_read(struct admin_change *change, const json_t *root)
{
    const char *what = json_string_value(json_object_get(root, "what"));
    size_t kind = ADMIN_CHANGE_INTRODUCE;
    while (kind <= ADMIN_CHANGE_ACTIVATE && (what == NULL || strcmp(kinds[kind].name, what) != 0)) {
        kind++;
    }
    if (kind > ADMIN_CHANGE_ACTIVATE) {
        return "what";
    }
    uint64_t shard_id = 0;
    change->what = (enum admin_change_what)kind;
    if (change->what != ADMIN_CHANGE_INTRODUCE &&
        (!change_number(root, "shard", SHARDS_MAX, &shard_id) || shard_id == 0)) {
        return "shard";
    }
    change->shard_id = (uint16_t)shard_id;
    const char *wrong = kinds[kind].read(change, root);
    if (wrong == NULL && json_object_size(root) != kinds[kind].field_count) {
        return "that is not of this kind";
    }
    return wrong;
}

enum status admin_change_read(struct admin_change *change, const char *text, size_t text_bytes,
                              char error[static ADMIN_CHANGE_ERROR_BYTES])
{
    ASSERT(text != NULL || text_bytes == 0);
    memset(change, 0, sizeof *change);
    json_t *root = json_loadb(text_bytes > 0 ? text : "", text_bytes, JSON_REJECT_DUPLICATES, NULL);
    const char *wrong = NULL;
    if (!json_is_object(root)) {
        (void)snprintf(error, ADMIN_CHANGE_ERROR_BYTES, "the body must be a JSON object");
    } else {
        wrong = change_read(change, root);
    }
    bool good = json_is_object(root) && wrong == NULL;
    if (wrong != NULL) {
        (void)snprintf(error, ADMIN_CHANGE_ERROR_BYTES,
                       "a field \"%s\" is missing, wrong or out of its range", wrong);
    }
    json_decref(root);
    return good ? STATUS_OK : STATUS_BAD_FORMAT;
}

/* ---- Writing ---- */

static json_t *change_body_plan(const struct admin_change *change)
{
    uint8_t bytes[PLACEMENT_RECORD_PLACEMENT_BYTES];
    placement_record_store_one(bytes, &change->plan.target);
    return json_pack("{s:o, s:I, s:i, s:b}", "target", admin_change_hex(bytes, sizeof bytes),
                     "epoch", (json_int_t)change->plan.epoch, "waived",
                     (int)change->plan.waived_rules, "replace", change->plan.replace);
}

static json_t *change_body_introduce(const struct admin_change *change)
{
    json_t *sites = json_loads(change->text, JSON_REJECT_DUPLICATES, NULL);
    json_t *site = json_array_get(json_object_get(sites, "sites"), 0);
    json_t *body = json_pack("{s:O?}", "site", site);
    json_decref(sites);
    return body;
}

json_t *admin_change_body(const struct admin_change *change)
{
    json_t *body = NULL;
    uint8_t repair[REPAIR_RECORD_BYTES];
    switch (change->what) {
    case ADMIN_CHANGE_INTRODUCE:
        body = change_body_introduce(change);
        break;
    case ADMIN_CHANGE_PLAN:
        body = change_body_plan(change);
        break;
    case ADMIN_CHANGE_TRANSFER:
        body = json_pack("{s:i}", "site_id", change->site_id);
        break;
    case ADMIN_CHANGE_PROMISE:
        repair_record_store(repair, &change->repair);
        body = json_pack("{s:o}", "repair", admin_change_hex(repair, sizeof repair));
        break;
    case ADMIN_CHANGE_ACTIVATE:
        body = json_pack("{s:I, s:i}", "generation", (json_int_t)change->activate.generation,
                         "promised", change->activate.promised);
        break;
    }
    int failed = json_object_set_new(body, "what", json_string(kinds[change->what].name));
    if (change->what != ADMIN_CHANGE_INTRODUCE) {
        ASSERT(change->shard_id >= 1);
        failed |= json_object_set_new(body, "shard", json_integer(change->shard_id));
    }
    if (failed != 0) {
        json_decref(body);
        return NULL;
    }
    return body;
}

static const char *change_refusal_text(const struct admin_change_result *result)
{
    switch (result->refusal) {
    case REPLICA_ACCEPTED:
        break;
    case REPLICA_REFUSED_NOT_LEADER:
        return "this site does not lead the shard";
    case REPLICA_REFUSED_NOT_SERVING:
        return "the leader has not committed anything of its own yet: ask again";
    case REPLICA_REFUSED_BUSY:
        return "another change or transfer is under way";
    case REPLICA_REFUSED_SITE:
        return "the site is no voter that is heard and right";
    case REPLICA_REFUSED_LEARNER_BEHIND:
        return "the learner is too far behind to vote, or fenced: ask again when it has caught "
               "up and is rebuilt";
    case REPLICA_REFUSED_PLACEMENT:
        return result->verdict.rule != PLACEMENT_GOOD
                   ? placement_rule_text(result->verdict.rule)
                   : "the members are those already: only another plan replaces a plan";
    }
    return result->stale ? "the membership has changed since it was looked at: look again"
                         : status_text(result->status);
}

json_t *admin_change_json(const struct admin_change_result *result, unsigned *http_status)
{
    static const char *const words[] = {[REPLICA_ACCEPTED] = "accepted",
                                        [REPLICA_REFUSED_NOT_LEADER] = "not-leader",
                                        [REPLICA_REFUSED_NOT_SERVING] = "not-serving",
                                        [REPLICA_REFUSED_BUSY] = "busy",
                                        [REPLICA_REFUSED_SITE] = "site",
                                        [REPLICA_REFUSED_LEARNER_BEHIND] = "learner-behind",
                                        [REPLICA_REFUSED_PLACEMENT] = "placement"};
    ASSERT(result->refusal <= REPLICA_REFUSED_PLACEMENT);
    bool accepted = result->refusal == REPLICA_ACCEPTED && !result->stale &&
                    (result->status == STATUS_OK || result->status == STATUS_EXISTS);
    const char *word = accepted          ? "accepted"
                       : result->stale   ? "stale"
                       : result->refusal ? words[result->refusal]
                                         : "refused";
    *http_status = accepted ? 200 : 409;
    return json_pack("{s:s, s:s, s:i, s:i, s:i, s:i}", "result", word, "error",
                     accepted ? "" : change_refusal_text(result), "leader_site_id",
                     result->leader_site_id, "rule", (int)result->verdict.rule, "provider_id",
                     result->verdict.provider_id, "site_id", result->verdict.site_id);
}
