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

/* Whether an answer to the order came out that the journal does not account for. */
static bool ledger_journal_lacks(const struct ledger_order *order)
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

/* What is missing of one order. */
static void ledger_close_order(struct ledger *ledger, const struct ledger_order *order,
                               bool journal)
{
    ASSERT((order->flags & LEDGER_SENT) != 0);
    bool answered = (order->flags & (LEDGER_ACCEPTED | LEDGER_REJECTED)) != 0;
    if (!answered && (order->flags & LEDGER_SILENT) == 0) {
        ledger_find_order(ledger, LEDGER_IN_DOUBT, order->key, 0, 0);
    }
    if (journal && ledger_journal_lacks(order)) {
        ledger_find_order(ledger, LEDGER_NOT_IN_JOURNAL, order->key, 0, 0);
    }
}

uint64_t ledger_close(struct ledger *ledger, bool journal)
{
    for (uint64_t i = 0; i < ledger->order_room; i++) {
        if (ledger->orders[i].key != 0) {
            ledger_close_order(ledger, &ledger->orders[i], journal);
        }
    }
    for (uint64_t i = 0; i < ledger->match_last; i++) {
        uint8_t sides = ledger->matches[i].sides;
        if (sides < 2) {
            ledger_find(ledger,
                        (struct ledger_finding){.violation = sides == 0 ? LEDGER_MATCH_MISSING
                                                                        : LEDGER_MATCH_ONE_SIDED,
                                                .match_number = i + 1});
        }
    }
    uint64_t total = 0;
    for (uint32_t i = 0; i < LEDGER_VIOLATIONS; i++) {
        total += ledger->counts.violations[i];
    }
    return total;
}
