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

/* What a command needs is fetched in steps: each reads what the one before has brought. */
#define ORDER_ENTRY_STEPS 3u

/* Prefetch for a command, of any type, that comes soon. */
void order_entry_anticipate(const struct market *market, const struct command *command,
                            uint32_t step);

#endif
