#include "matching/event_writer.h"

/* Where a command and an event have the same bytes in a row, they are moved as words. */
static_assert(offsetof(struct command_order, kind) == offsetof(struct command_order, side) + 2,
              "side, time in force, kind");
static_assert(offsetof(struct event, kind) == offsetof(struct event, side) + 2,
              "side, time in force, kind");
static_assert(offsetof(struct command_order, cross) == offsetof(struct command_order, capacity) + 2,
              "capacity, sweep, cross");
static_assert(offsetof(struct event, cross) == offsetof(struct event, capacity) + 2,
              "capacity, sweep, cross");
static_assert(CLIENT_ORDER_ID_BYTES == 14, "4, 8 and 2 bytes in words 11, 12 and 13");

/* Each pair of words is loaded, stored and multiplied before the next: a function of its own, so
 * that they stay in registers. */
void event_writer_put_order(struct event_writer *writer, uint64_t head, uint64_t sequence,
                            uint64_t reference, uint64_t order_id, const struct command *command)
{
    const struct command_order *terms = &command->body.order;
    uint64_t quantity_lots = terms->quantity_lots;
    uint8_t *target = event_writer_place(writer, head, sequence, reference, quantity_lots);
    event_hash_sum sum = event_writer_sum(writer, head, sequence, reference, quantity_lots, 0);
    bytes_store_le64(target + 40, 0);

    uint64_t price = (uint64_t)terms->price;
    bytes_store_le64(target + 48, price);
    bytes_store_le64(target + 56, order_id);
    sum += event_hash_pair(6, price, order_id);

    uint64_t minimum_lots = terms->minimum_lots;
    uint64_t deadline_ns = (command->flags & COMMAND_HAS_DEADLINE) != 0 ? terms->deadline_ns : 0;
    bytes_store_le64(target + 64, minimum_lots);
    bytes_store_le64(target + 72, deadline_ns);
    sum += event_hash_pair(8, minimum_lots, deadline_ns);

    const uint8_t *id = terms->client_order_id;
    uint64_t word_10 = (uint64_t)terms->original_user_reference |
                       (uint64_t)(bytes_load_le32(&terms->side) & 0xFFFFFFu) << 32 |
                       (uint64_t)terms->display << 56;
    uint64_t word_11 = (uint64_t)(bytes_load_le32(&terms->capacity) & 0xFFFFFFu) |
                       (uint64_t)bytes_load_le32(id) << 32;
    bytes_store_le64(target + 80, word_10);
    bytes_store_le64(target + 88, word_11);
    sum += event_hash_pair(10, word_10, word_11);

    uint64_t word_12 = bytes_load_le64(id + 4);
    uint64_t word_13 = bytes_load_le16(id + 12);
    bytes_store_le64(target + 96, word_12);
    bytes_store_le64(target + 104, word_13);
    sum += event_hash_pair(12, word_12, word_13);

    uint64_t symbol = bytes_load_le64(terms->symbol);
    bytes_store_le64(target + 112, symbol);
    bytes_store_le64(target + 120, 0);
    sum += event_hash_pair(14, symbol, 15);
    writer->hash = event_hash_step(writer->hash, sum);
}
