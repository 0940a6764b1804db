#include "matching/event_writer.h"

void event_writer_put_order(struct event_writer *writer, uint64_t head, uint64_t sequence,
                            uint64_t reference, uint64_t quantity_lots,
                            const struct event_writer_order *order)
{
    static_assert(CLIENT_ORDER_ID_BYTES == 14, "4 + 8 + 2 bytes in words 11, 12 and 13");

    const uint8_t *id = order->client_order_id;
    uint64_t word_11 = (uint64_t)order->capacity | (uint64_t)order->sweep << 8 |
                       (uint64_t)order->cross << 16 | (uint64_t)bytes_load_le32(id) << 32;
    uint64_t word_12 = bytes_load_le64(id + 4);
    uint64_t word_13 = bytes_load_le16(id + 12);

    uint8_t *target = event_writer_place(writer, head, sequence, reference, quantity_lots);
    bytes_store_le64(target + 40, 0);
    bytes_store_le64(target + 48, order->price);
    bytes_store_le64(target + 56, order->order_id);
    bytes_store_le64(target + 64, order->minimum_lots);
    bytes_store_le64(target + 72, order->deadline_ns);
    bytes_store_le64(target + 80, order->terms);
    bytes_store_le64(target + 88, word_11);
    bytes_store_le64(target + 96, word_12);
    bytes_store_le64(target + 104, word_13);
    bytes_store_le64(target + 112, order->symbol);
    bytes_store_le64(target + 120, 0);

    uint64_t digest =
        event_hash_head(head, sequence, writer->timestamp_ns, reference, quantity_lots, 0) +
        event_hash_fold(order->price ^ EVENT_HASH_KEY_6, order->order_id ^ EVENT_HASH_KEY_7) +
        event_hash_fold(order->minimum_lots ^ EVENT_HASH_KEY_8,
                        order->deadline_ns ^ EVENT_HASH_KEY_9) +
        event_hash_fold(order->terms ^ EVENT_HASH_KEY_10, word_11 ^ EVENT_HASH_KEY_11) +
        event_hash_fold(word_12 ^ EVENT_HASH_KEY_12, word_13 ^ EVENT_HASH_KEY_13) +
        event_hash_fold(order->symbol ^ EVENT_HASH_KEY_14, 15 ^ EVENT_HASH_KEY_15);
    event_writer_fold(writer, digest);
}
