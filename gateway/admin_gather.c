#include "gateway/admin_gather.h"

#include <string.h>

#include "gateway/admin_json.h"
#include "matching/base/assertion.h"

static void admin_gather_turn_to(struct admin_gather *gather, enum admin_kind kind,
                                 uint16_t shard_id)
{
    gather->kind = kind;
    gather->shard_id = shard_id;
    gather->object_id = 1;
    gather->asked_all = false;
}

void admin_gather_begin(struct admin_gather *gather, enum admin_gather_what what,
                        const struct command *command, uint16_t shard_id)
{
    ASSERT((what == ADMIN_GATHER_COMMAND) == (command != NULL));
    memset(gather, 0, sizeof *gather);
    gather->what = what;
    if (what == ADMIN_GATHER_COMMAND) {
        gather->command = *command;
        admin_gather_turn_to(gather, ADMIN_COMMAND, shard_id);
        return;
    }
    admin_gather_turn_to(gather, ADMIN_SITE, 0);
    if (what == ADMIN_GATHER_MARKET) {
        gather->market = json_array();
    }
}

void admin_gather_begin_change(struct admin_gather *gather, const struct admin_change *change)
{
    ASSERT(change->what >= ADMIN_CHANGE_INTRODUCE);
    memset(gather, 0, sizeof *gather);
    gather->what = ADMIN_GATHER_CHANGE;
    gather->change = *change;
    admin_gather_turn_to(gather, ADMIN_CHANGE, change->shard_id);
}

void admin_gather_end(struct admin_gather *gather)
{
    json_decref(gather->list);
    json_decref(gather->market);
    gather->list = NULL;
    gather->market = NULL;
}

bool admin_gather_next(struct admin_gather *gather, struct admin_request *request)
{
    if (gather->done || gather->asked_all || gather->outstanding == ADMIN_GATHER_WINDOW) {
        return false;
    }
    memset(request, 0, sizeof *request);
    request->kind = gather->kind;
    request->shard_id = gather->shard_id;
    switch (gather->kind) {
    case ADMIN_COMMAND:
        request->command = gather->command;
        gather->asked_all = true;
        break;
    case ADMIN_CHANGE:
        request->change = gather->change;
        gather->asked_all = true;
        break;
    case ADMIN_SITE:
    case ADMIN_SHARD:
        gather->asked_all = true;
        break;
    case ADMIN_INSTRUMENT:
    case ADMIN_FIRM:
    case ADMIN_SESSION:
        request->object_id = gather->object_id++;
        break;
    }
    gather->outstanding++;
    return true;
}

static json_t *admin_gather_market_shard(const struct admin_gather *gather)
{
    return json_array_get(gather->market, gather->shard_id - 1u);
}

/* Everything of one kind has been answered: what comes next? */
static void admin_gather_advance(struct admin_gather *gather)
{
    bool market = gather->what == ADMIN_GATHER_MARKET;
    static const char *const list_names[] = {
        [ADMIN_INSTRUMENT] = "instruments", [ADMIN_FIRM] = "firms", [ADMIN_SESSION] = "sessions"};
    switch (gather->kind) {
    case ADMIN_COMMAND:
    case ADMIN_CHANGE:
        gather->done = true;
        return;
    case ADMIN_SITE:
        if (gather->site.shard_count == 0) {
            gather->done = true;
        } else {
            admin_gather_turn_to(gather, ADMIN_SHARD, 1);
        }
        return;
    case ADMIN_INSTRUMENT:
    case ADMIN_FIRM:
        (void)json_object_set_new(admin_gather_market_shard(gather), list_names[gather->kind],
                                  gather->list);
        gather->list = json_array();
        admin_gather_turn_to(gather, gather->kind + 1, gather->shard_id);
        return;
    case ADMIN_SESSION:
        (void)json_object_set_new(admin_gather_market_shard(gather), list_names[gather->kind],
                                  gather->list);
        gather->list = NULL;
        break;
    case ADMIN_SHARD:
        if (market) {
            gather->list = json_array();
            admin_gather_turn_to(gather, ADMIN_INSTRUMENT, gather->shard_id);
            return;
        }
        break;
    }
    if (gather->shard_id == gather->site.shard_count) {
        gather->done = true;
    } else {
        admin_gather_turn_to(gather, ADMIN_SHARD, (uint16_t)(gather->shard_id + 1));
    }
}

/* STATUS_FULL without memory. */
static enum status admin_gather_keep(struct admin_gather *gather, const struct admin_answer *answer)
{
    int failed = 0;
    switch (answer->kind) {
    case ADMIN_COMMAND:
        gather->event = answer->body.event;
        break;
    case ADMIN_CHANGE:
        gather->result = answer->body.change;
        break;
    case ADMIN_SITE:
        ASSERT(answer->body.site.shard_count <= SHARDS_MAX);
        gather->site = answer->body.site;
        break;
    case ADMIN_SHARD:
        gather->shards[gather->shard_id - 1] = answer->body.shard;
        if (gather->what == ADMIN_GATHER_MARKET) {
            failed =
                json_array_append_new(gather->market, admin_json_shard_terms(&answer->body.shard));
        }
        break;
    case ADMIN_INSTRUMENT:
        failed =
            json_array_append_new(gather->list, admin_json_instrument(&answer->body.instrument));
        break;
    case ADMIN_FIRM:
        failed = json_array_append_new(gather->list, admin_json_firm(&answer->body.firm));
        break;
    case ADMIN_SESSION:
        failed = json_array_append_new(gather->list, admin_json_session(&answer->body.session));
        break;
    }
    return failed == 0 ? STATUS_OK : STATUS_FULL;
}

void admin_gather_answer(struct admin_gather *gather, const struct admin_answer *answer)
{
    ASSERT(gather->outstanding > 0);
    ASSERT(answer->kind == gather->kind);

    gather->outstanding--;
    bool list = gather->kind == ADMIN_INSTRUMENT || gather->kind == ADMIN_FIRM ||
                gather->kind == ADMIN_SESSION;
    if (list && (gather->asked_all || answer->status == STATUS_NOT_FOUND)) {
        /* Ids have no gaps: the first that is not there ends the list, also when later ones have
         * been made since. */
        gather->asked_all = true;
    } else if (gather->status == STATUS_OK) {
        gather->status = answer->status;
        if (answer->status == STATUS_OK) {
            gather->status = admin_gather_keep(gather, answer);
        }
    }
    if (gather->status != STATUS_OK) {
        gather->done = true;
    } else if (gather->asked_all && gather->outstanding == 0) {
        admin_gather_advance(gather);
    }
}
