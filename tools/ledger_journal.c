#include <stddef.h>

#include "matching/base/assertion.h"
#include "tools/ledger_inside.h"

/* A command that may cancel an order: a cancel, or a replace of one that has executed as much
 * already. */
static void ledger_journal_cancel(struct ledger *ledger, uint32_t session, uint8_t channel,
                                  uint32_t user_reference)
{
    struct ledger_order *order =
        ledger_get(ledger, ledger_key(ledger, session, channel, user_reference));
    if (order != NULL) { /* Of an order that never was: superfluous, but no violation. */
        order->flags |= LEDGER_CANCEL_JOURNALED;
    }
}

void ledger_journal(struct ledger *ledger, uint32_t session, const struct command *command)
{
    if (command->type == COMMAND_ORDER_CANCEL) {
        ledger_journal_cancel(ledger, session, command->body.cancel.channel,
                              command->body.cancel.user_reference);
        return;
    }
    if (command->type != COMMAND_ORDER_ENTER && command->type != COMMAND_ORDER_REPLACE) {
        return;
    }
    const struct command_order *body = &command->body.order;
    if (command->type == COMMAND_ORDER_REPLACE) {
        ledger_journal_cancel(ledger, session, body->channel, body->original_user_reference);
    }
    uint64_t key = ledger_key(ledger, session, body->channel, body->user_reference);
    struct ledger_order *order = ledger_get(ledger, key);
    if (order == NULL) {
        ledger_find_order(ledger, LEDGER_NEVER_SENT, key, 0, 0);
        return;
    }
    if (order->body_hash != ledger_body_hash(command)) {
        ledger_find_order(ledger, LEDGER_JOURNAL_DIFFERS, key, 0, 0);
    }
    ledger->counts.in_journal += (order->flags & LEDGER_JOURNAL) == 0;
    order->flags |= LEDGER_JOURNAL;
}

bool ledger_journal_lacks(const struct ledger_order *order)
{
    bool answered = (order->flags & (LEDGER_ACCEPTED | LEDGER_REJECTED)) != 0;
    bool canceled = (order->flags & LEDGER_CANCEL_ACKNOWLEDGED) != 0;
    return (answered && (order->flags & LEDGER_JOURNAL) == 0) ||
           (canceled && (order->flags & LEDGER_CANCEL_JOURNALED) == 0);
}

uint64_t ledger_journal_end(struct ledger *ledger)
{
    uint64_t missing = 0;
    for (uint64_t i = 0; i < ledger->order_room; i++) {
        const struct ledger_order *order = &ledger->orders[i];
        if (order->key != 0 && ledger_journal_lacks(order)) {
            ledger_find_order(ledger, LEDGER_NOT_IN_JOURNAL, order->key, 0, 0);
            missing++;
        }
    }
    ledger_journal_forget(ledger);
    return missing;
}

void ledger_journal_forget(struct ledger *ledger)
{
    ASSERT(ledger->order_room > 0);
    ledger->counts.in_journal = 0;
    for (uint64_t i = 0; i < ledger->order_room; i++) {
        ledger->orders[i].flags &= ~(LEDGER_JOURNAL | LEDGER_CANCEL_JOURNALED);
    }
}
