/* What clients ask for: enter, replace, cancel, query (rules.md 3 to 6). */
#ifndef MATCHING_ORDER_ENTRY_H
#define MATCHING_ORDER_ENTRY_H

#include "matching/market.h"

/* Each takes a command of its type and judges everything in it. STATUS_MORE: the incoming order
 * goes on trading by matcher_run(). An empty batch of EVENT_BATCH_MIN events always suffices for
 * what happens before the first execution. */
MUST_USE enum status order_entry_enter(struct market *market, const struct command *command);
MUST_USE enum status order_entry_replace(struct market *market, const struct command *command);
void order_entry_cancel(struct market *market, const struct command *command);
void order_entry_query(struct market *market, const struct command *command);

#endif
