#include "tools/site_desk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/members.h"
#include "matching/base/assertion.h"

#define HTTP_OK          200L
#define HTTP_UNAVAILABLE 503L /* For now: the same may succeed later. */

enum status site_desk_open(struct site_desk *desk, const char *paths)
{
    memset(desk, 0, sizeof *desk);
    desk->configs = calloc(SITES_MAX, sizeof desk->configs[0]);
    char *copy = strdup(paths);
    enum status status = desk->configs != NULL && copy != NULL ? STATUS_OK : STATUS_FULL;
    (void)snprintf(desk->error, sizeof desk->error, "no memory");
    for (char *at = copy; at != NULL && status == STATUS_OK;) {
        char *comma = strchr(at, ',');
        if (comma != NULL) {
            *comma = '\0';
        }
        if (desk->count == SITES_MAX) {
            (void)snprintf(desk->error, sizeof desk->error, "more than %u configurations",
                           SITES_MAX);
            status = STATUS_BAD_ARGUMENT;
            break;
        }
        status = admin_client_open(&desk->clients[desk->count], at, &desk->configs[desk->count],
                                   desk->error);
        desk->count += status == STATUS_OK ? 1 : 0;
        if (status == STATUS_OK &&
            strcmp(desk->configs[0].cluster, desk->configs[desk->count - 1].cluster) != 0) {
            (void)snprintf(desk->error, sizeof desk->error, "%s is of cluster %s, not of %s", at,
                           desk->configs[desk->count - 1].cluster, desk->configs[0].cluster);
            status = STATUS_FOREIGN;
        }
        at = comma != NULL ? comma + 1 : NULL;
    }
    free(copy);
    return status;
}

void site_desk_close(struct site_desk *desk)
{
    for (uint32_t at = 0; at < desk->count; at++) {
        admin_client_close(desk->clients[at]);
    }
    free(desk->configs);
    desk->configs = NULL;
    desk->count = 0;
}

static void desk_ask(struct site_desk *desk, uint32_t at, uint64_t patience_ns)
{
    struct admin_client_answer answer;
    char *error = desk->errors[at];
    desk->heard[at] = false;
    if (admin_client_ask(desk->clients[at], "/membership", NULL, patience_ns, &answer) !=
        STATUS_OK) {
        (void)snprintf(error, sizeof desk->errors[at], "%s", admin_client_error(desk->clients[at]));
        return;
    }
    if (answer.http_status != HTTP_OK) {
        (void)snprintf(error, sizeof desk->errors[at], "%s", admin_client_complaint(&answer));
    } else if (!site_view_read(&desk->views[at], answer.json)) {
        (void)snprintf(error, sizeof desk->errors[at],
                       "site %s answers what this program does not understand: it runs another "
                       "version",
                       desk->configs[at].site);
    } else if (strcmp(desk->views[at].cluster, desk->configs[at].cluster) != 0) {
        char text[sizeof desk->errors[at]];
        (void)snprintf(text, sizeof text, "site %s is of cluster %s, not of %s",
                       desk->views[at].site, desk->views[at].cluster, desk->configs[at].cluster);
        memcpy(error, text, sizeof text);
    } else {
        for (uint32_t shard = 0; shard < desk->views[at].shard_count; shard++) {
            struct site_view_shard *view = &desk->views[at].shards[shard];
            view->report.promised = view->report.promised != NULL ? &view->promised : NULL;
        }
        desk->heard[at] = true;
    }
    json_decref(answer.json);
}

enum status site_desk_look(struct site_desk *desk, uint64_t patience_ns)
{
    ASSERT(desk->count > 0);
    bool any = false;
    for (uint32_t at = 0; at < desk->count; at++) {
        desk_ask(desk, at, patience_ns);
        any = any || desk->heard[at];
        if (!desk->heard[at]) {
            memcpy(desk->error, desk->errors[at], sizeof desk->error);
        }
    }
    return any ? STATUS_OK : STATUS_CLOSED;
}

bool site_desk_all_heard(const struct site_desk *desk)
{
    ASSERT(desk->count > 0);
    bool all = true;
    for (uint32_t at = 0; at < desk->count; at++) {
        all = all && desk->heard[at];
    }
    return all;
}

uint32_t site_desk_any(const struct site_desk *desk)
{
    uint32_t at = 0;
    while (!desk->heard[at]) {
        at++;
        ASSERT(at < desk->count);
    }
    return at;
}

const struct site_view_shard *site_desk_shard(const struct site_desk *desk, uint32_t index,
                                              uint16_t shard_id)
{
    ASSERT(index < desk->count);
    ASSERT(shard_id >= 1);
    return shard_id <= desk->views[index].shard_count ? &desk->views[index].shards[shard_id - 1]
                                                      : NULL;
}

static bool desk_has(const struct site_desk *desk, const char *site)
{
    bool has = false;
    for (uint32_t at = 0; at < desk->count; at++) {
        has = has || strcmp(desk->configs[at].site, site) == 0;
    }
    return has;
}

enum status site_desk_leader(struct site_desk *desk, uint16_t shard_id, uint32_t *index)
{
    const char *named = "none";
    for (uint32_t at = 0; at < desk->count; at++) {
        const struct site_view_shard *shard =
            desk->heard[at] ? site_desk_shard(desk, at, shard_id) : NULL;
        if (shard != NULL && shard->leader) {
            *index = at;
            return STATUS_OK;
        }
        if (shard != NULL && shard->leader_site_id != 0) {
            named = members_name_of(desk->views[at].sites, shard->leader_site_id);
        }
    }
    if (strcmp(named, "none") == 0) {
        (void)snprintf(desk->error, sizeof desk->error,
                       "nobody leads shard %u now: without a quorum nothing can be changed (see "
                       "`causeway site recover` where most voters are gone for good)",
                       shard_id);
    } else if (desk_has(desk, named)) {
        (void)snprintf(desk->error, sizeof desk->error,
                       "shard %u was led by %s a moment ago, and by nobody now", shard_id, named);
        return STATUS_NOT_YET;
    } else {
        (void)snprintf(desk->error, sizeof desk->error,
                       "shard %u is led by %s: give its configuration as well, --config FILE,FILE",
                       shard_id, named);
    }
    return STATUS_NOT_FOUND;
}

static bool desk_knows_better(const struct site_view_shard *one,
                              const struct site_view_shard *other)
{
    uint64_t own = one->record.placement.epoch;
    uint64_t its = other->record.placement.epoch;
    return one->leader != other->leader ? one->leader : own > its;
}

void site_desk_newest(const struct site_desk *desk, struct site_view *view)
{
    *view = desk->views[site_desk_any(desk)];
    for (uint32_t at = 0; at < desk->count; at++) {
        const struct site_view *other = &desk->views[at];
        if (!desk->heard[at]) {
            continue;
        }
        for (uint32_t place = 0; place < SITES_MAX; place++) {
            if (other->sites[place].name[0] != '\0' &&
                other->sites[place].version >= view->sites[place].version) {
                view->sites[place] = other->sites[place];
            }
        }
        for (uint32_t shard = 0; shard < view->shard_count && shard < other->shard_count; shard++) {
            if (desk_knows_better(&other->shards[shard], &view->shards[shard])) {
                view->shards[shard] = other->shards[shard];
            }
        }
    }
    ASSERT(view->shard_count > 0);
}

static uint8_t desk_number(const json_t *json, const char *name, uint8_t most)
{
    json_int_t number = json_integer_value(json_object_get(json, name));
    return number > 0 && number <= most ? (uint8_t)number : 0;
}

static enum status desk_refused(struct site_desk *desk, const json_t *json,
                                struct placement_verdict *verdict)
{
    const char *result = json_string_value(json_object_get(json, "result"));
    const char *error = json_string_value(json_object_get(json, "error"));
    (void)snprintf(desk->error, sizeof desk->error, "%s", error != NULL ? error : "refused");
    if (verdict != NULL) {
        *verdict = (struct placement_verdict){
            .rule = (enum placement_rule)desk_number(json, "rule", PLACEMENT_RULE_COUNT - 1),
            .provider_id = desk_number(json, "provider_id", SITES_MAX),
            .site_id = desk_number(json, "site_id", SITES_MAX)};
    }
    static const char *const later[] = {"not-leader", "not-serving",    "busy",
                                        "site",       "learner-behind", "stale"};
    for (size_t at = 0; result != NULL && at < sizeof later / sizeof later[0]; at++) {
        if (strcmp(result, later[at]) == 0) {
            return STATUS_NOT_YET;
        }
    }
    return STATUS_DENIED;
}

enum status site_desk_change(struct site_desk *desk, uint32_t index,
                             const struct admin_change *change, uint64_t patience_ns,
                             struct placement_verdict *verdict)
{
    ASSERT(index < desk->count);
    struct admin_client_answer answer;
    json_t *body = admin_change_body(change);
    if (body == NULL) {
        (void)snprintf(desk->error, sizeof desk->error, "no memory");
        return STATUS_DENIED;
    }
    enum status status =
        admin_client_ask(desk->clients[index], "/membership", body, patience_ns, &answer);
    json_decref(body);
    if (status != STATUS_OK) {
        (void)snprintf(desk->error, sizeof desk->error, "%s",
                       admin_client_error(desk->clients[index]));
        return STATUS_NOT_YET;
    }
    const char *result = json_string_value(json_object_get(answer.json, "result"));
    if (result == NULL) {
        (void)snprintf(desk->error, sizeof desk->error, "%s", admin_client_complaint(&answer));
        status = answer.http_status == HTTP_UNAVAILABLE ? STATUS_NOT_YET : STATUS_DENIED;
    } else if (strcmp(result, "accepted") != 0) {
        status = desk_refused(desk, answer.json, verdict);
    }
    json_decref(answer.json);
    return status;
}
