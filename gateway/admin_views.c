#include "gateway/admin_views.h"

#include <string.h>

#include "matching/base/assertion.h"

void admin_views_answer(struct admin_answer *answer, const struct admin_request *request,
                        const struct engine *engine)
{
    ASSERT(engine != NULL);
    ASSERT(request->ticket != 0);

    memset(answer, 0, sizeof *answer);
    answer->ticket = request->ticket;
    answer->kind = request->kind;
    switch (request->kind) {
    case ADMIN_INSTRUMENT:
        answer->status =
            engine_instrument_view(engine, request->object_id, &answer->body.instrument);
        return;
    case ADMIN_FIRM:
        answer->status = engine_firm_view(engine, request->object_id, &answer->body.firm);
        return;
    case ADMIN_SESSION:
        answer->status = engine_session_view(engine, request->object_id, &answer->body.session);
        return;
    case ADMIN_SHARD:
        answer->body.shard.shard_id = request->shard_id;
        answer->body.shard.totals = engine_totals(engine);
        answer->body.shard.event_hash = engine_event_hash(engine);
        engine_shard_view(engine, &answer->body.shard.market);
        return;
    case ADMIN_SITE:
    case ADMIN_COMMAND:
    case ADMIN_CHANGE:
        break;
    }
    ASSERT(false);
}
