/* What an engine knows of its instruments, firms and sessions, as answers for the administration
 * port. Called by the loop thread between two turns. */
#ifndef GATEWAY_ADMIN_VIEWS_H
#define GATEWAY_ADMIN_VIEWS_H

#include "gateway/admin_message.h"
#include "matching/engine.h"

/* Answers ADMIN_INSTRUMENT, ADMIN_FIRM and ADMIN_SESSION completely; of ADMIN_SHARD what the engine
 * has (totals, hash, terms). Asserts: none of the other kinds. */
void admin_views_answer(struct admin_answer *answer, const struct admin_request *request,
                        const struct engine *engine);

#endif
