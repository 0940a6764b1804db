/* A batch of commands on its way to packed bytes or back: what packing and unpacking share.
 * The order of the columns, and of the numbers of one record, is the format:
 * replication/protocol.md, "Command columns". */
#ifndef MATCHING_COMMAND_COLUMNS_BATCH_H
#define MATCHING_COMMAND_COLUMNS_BATCH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "matching/base/limits.h"
#include "matching/column_bits.h"
#include "matching/column_model.h"
#include "matching/column_template.h"
#include "matching/column_text.h"
#include "matching/command.h"

/* The first byte of a packed batch. */
#define COLUMN_BATCH_RAW     0u /* Records as they stand in memory: what would not shrink. */
#define COLUMN_BATCH_COLUMNS 1u

/* Room for all of a header but the templates. */
#define COLUMN_BATCH_HEADER_BYTES_MAX 512u
#define COLUMN_BATCH_HEADER_FIXED     5u /* Form, step, bits of the columns in use. */

/* Numbers of one record on the tape, and bits of one record in the stream, at most. */
#define COLUMN_BATCH_TAPE_MAX 24u
#define COLUMN_BATCH_RECORD_BITS_MAX                                                               \
    (COLUMN_BATCH_TAPE_MAX * COLUMN_BITS_VALUE_MAX + 8 * SYMBOL_BYTES +                            \
     (8 + 1) * CLIENT_ORDER_ID_BYTES)
#define COLUMN_BATCH_SLACK_BYTES (COLUMN_BATCH_RECORD_BITS_MAX / 8 + COLUMN_BITS_SLACK_BYTES + 1)

/* Values are the format: never renumber. */
enum column_number {
    COLUMN_TEMPLATE,
    COLUMN_TIMESTAMP,
    COLUMN_SESSION,
    COLUMN_EPOCH_FIRST,
    COLUMN_EPOCH_NEXT,
    COLUMN_INPUT_FIRST,
    COLUMN_INPUT_NEXT,
    COLUMN_WAITED,
    COLUMN_SYMBOL,
    COLUMN_SYMBOL_LENGTH,
    COLUMN_REFERENCE_FIRST,
    COLUMN_REFERENCE_NEXT,
    COLUMN_TARGET_FIRST,
    COLUMN_TARGET_NEXT,
    COLUMN_QUANTITY,
    COLUMN_QUANTITY_NEW,
    COLUMN_MINIMUM,
    COLUMN_PRICE_FIRST,
    COLUMN_PRICE_NEXT,
    COLUMN_DEADLINE,
    COLUMN_MAXIMUM_AGE,
    COLUMN_IDENTIFIER,
    COLUMN_CANCEL_QUANTITY,
    COLUMN_CONNECTION,
    COLUMN_COUNT,
    /* On the tape only: letters of a record, not numbers. */
    TAPE_SYMBOL_TEXT = COLUMN_COUNT, /* Index << 4 | length. */
    TAPE_IDENTIFIER_CHANGED,         /* Index << 14 | bits of the letters that differ. */
    TAPE_IDENTIFIER_LITERAL,         /* Index. */
};
static_assert(COLUMN_COUNT <= 24, "three bytes of bits in the header");
static_assert(COLUMN_BATCH_HEADER_FIXED + COLUMN_COUNT * COLUMN_BITS_CODE_BYTES_MAX + 3 * 10 +
                      2 * COLUMN_TEXT_ALPHABET_BYTES_MAX + COLUMN_BITS_SLACK_BYTES <=
                  COLUMN_BATCH_HEADER_BYTES_MAX,
              "a header fits its room");

/* How a client order id differs from the next one expected. */
enum identifier {
    IDENTIFIER_REFERENCE = 0, /* Its number is the order's reference. */
    IDENTIFIER_EMPTY = 1,     /* Spaces. */
    IDENTIFIER_CHANGED = 2,   /* In few letters. */
    IDENTIFIER_LITERAL = 3,
};
#define IDENTIFIER_CHANGED_MAX                                                                     \
    11u /* Beyond, all letters take fewer bits than the differing ones. */

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "raw records are written as they stand");

struct column_batch {
    struct column_model model;
    struct column_templates templates;
    struct column_bits_statistics statistics[COLUMN_COUNT];
    struct column_bits_code codes[COLUMN_COUNT];
    struct column_text_alphabet symbol_letters;
    struct column_text_alphabet identifier_letters;
    uint64_t price_unit; /* All prices of the batch are multiples of it. */
    uint32_t session_step;
    uint32_t symbol_letters_count;
    uint32_t identifier_letters_count;
    uint32_t changed_count;
    uint32_t raw_count;
    uint32_t tape_count;
    uint16_t raw_indexes[SEGMENT_COMMANDS_MAX];
    union {
        struct {
            uint64_t values[SEGMENT_COMMANDS_MAX * COLUMN_BATCH_TAPE_MAX];
            uint8_t columns[SEGMENT_COMMANDS_MAX * COLUMN_BATCH_TAPE_MAX];
        } tape;
        uint8_t stream[SEGMENT_RAW_BYTES_MAX + COLUMN_BATCH_SLACK_BYTES];
    };
};

/* A sale of any kind is on the offers' side. */
static inline uint32_t column_batch_offer(const struct command_order *order)
{
    return order->side == SIDE_BUY ? 0 : 1;
}

static const uint8_t column_batch_empty_id[CLIENT_ORDER_ID_BYTES] = "              ";

/* The client order id expected: behind the session's last one here, or behind anybody's. */
static inline void column_batch_expect(uint8_t expected[static CLIENT_ORDER_ID_BYTES],
                                       const struct column_batch *batch,
                                       const struct column_model_session *session,
                                       const struct command *commands)
{
    uint32_t order_index = session->order_index;
    if (order_index == 0) {
        order_index = batch->model.order_index;
    }
    if (order_index == 0) {
        memcpy(expected, column_batch_empty_id, CLIENT_ORDER_ID_BYTES);
        return;
    }
    memcpy(expected, commands[order_index - 1].body.order.client_order_id, CLIENT_ORDER_ID_BYTES);
    column_text_next(expected);
}

/* Pack into `target`, which has command_columns_bound() bytes of room. Returns the bytes written.
 */
size_t command_columns_pack_batch(struct column_batch *batch, uint8_t *target,
                                  const struct command *commands, uint32_t count,
                                  uint64_t base_timestamp_ns);

/* Unpack exactly `count` commands from exactly `source_bytes`, else STATUS_BAD_FORMAT. */
MUST_USE enum status command_columns_unpack_batch(struct column_batch *batch,
                                                  struct command *commands, uint32_t count,
                                                  const uint8_t *source, size_t source_bytes,
                                                  uint64_t base_timestamp_ns);

#endif
