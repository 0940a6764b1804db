#include "gateway/ouch_tags.h"

#include <string.h>

#include "gateway/ouch.h"
#include "gateway/ouch_wire.h"
#include "matching/base/assertion.h"
#include "matching/base/bytes.h"

/* An option on the wire: length of the rest, tag, value. */
#define OPTION_TAG        1u
#define OPTION_VALUE      2u
#define OPTION_BYTES_MIN  2u
#define OPTION_SIZE_ANY   0u
#define OPTION_SEEN_WORDS 4u
#define OPTION_WORD_BITS  64u

/* Bytes of an option's value; OPTION_SIZE_ANY where the specification assigns no tag or where its
 * size is not certain (29, 30: since revision 1.05). */
static uint32_t ouch_option_bytes(uint8_t tag)
{
    static const uint8_t standard[OUCH_TAG_STANDARD_MAX + 1] = {
        [1] = 8,  [2] = 4,  [3] = 4,  [4] = 1,  [5] = 4,  [6] = 1,  [7] = 4,  [9] = 8,
        [10] = 1, [11] = 4, [12] = 1, [13] = 4, [14] = 4, [15] = 4, [16] = 1, [17] = 1,
        [18] = 1, [22] = 4, [23] = 8, [24] = 2, [25] = 1, [26] = 4, [27] = 1, [28] = 1,
    };
    if (tag <= OUCH_TAG_STANDARD_MAX) {
        return standard[tag];
    }
    switch (tag) {
    case OUCH_TAG_ORDER_KIND:
    case OUCH_TAG_TIME_IN_FORCE:
        return 1;
    case OUCH_TAG_DEADLINE:
    case OUCH_TAG_TOO_LATE:
    case OUCH_TAG_EXPIRY:
    case OUCH_TAG_MAXIMUM_AGE:
    case OUCH_TAG_QUANTITY:
    case OUCH_TAG_MINIMUM_64:
        return 8;
    default: /* Any byte may come. */
        return OPTION_SIZE_ANY;
    }
}

static uint32_t ouch_option_bit(uint8_t tag)
{
    switch (tag) {
    case OUCH_TAG_MINIMUM:
        return OUCH_HAS_MINIMUM;
    case OUCH_TAG_CHANNEL:
        return OUCH_HAS_CHANNEL;
    case OUCH_TAG_ORDER_KIND:
        return OUCH_HAS_ORDER_KIND;
    case OUCH_TAG_TIME_IN_FORCE:
        return OUCH_HAS_TIME_IN_FORCE;
    case OUCH_TAG_DEADLINE:
        return OUCH_HAS_DEADLINE;
    case OUCH_TAG_TOO_LATE:
        return OUCH_HAS_TOO_LATE;
    case OUCH_TAG_MAXIMUM_AGE:
        return OUCH_HAS_MAXIMUM_AGE;
    case OUCH_TAG_QUANTITY:
        return OUCH_HAS_QUANTITY;
    case OUCH_TAG_MINIMUM_64:
        return OUCH_HAS_MINIMUM_64;
    default: /* Any byte may come. */
        return 0;
    }
}

/* Take an option that the message offers. Returns a reject_reason, or 0. */
static uint8_t ouch_option_take(struct ouch_tags *tags, uint8_t tag, const uint8_t *value)
{
    switch (tag) {
    case OUCH_TAG_CHANNEL:
        tags->channel = value[0];
        return 0;
    case OUCH_TAG_ORDER_KIND:
        tags->order_kind = value[0];
        return value[0] == 'M' || value[0] == 'L' ? 0 : REJECT_OTHER;
    case OUCH_TAG_TIME_IN_FORCE:
        tags->time_in_force = value[0];
        return value[0] == 'G' || value[0] == 'F' ? 0 : REJECT_TIME_IN_FORCE;
    case OUCH_TAG_DEADLINE:
        tags->deadline_ns = bytes_load_be64(value);
        return 0;
    case OUCH_TAG_TOO_LATE:
        tags->too_late_ns = bytes_load_be64(value);
        return 0;
    case OUCH_TAG_MAXIMUM_AGE:
        tags->maximum_age_ns = bytes_load_be64(value);
        return 0;
    case OUCH_TAG_QUANTITY:
        tags->quantity_lots = bytes_load_be64(value);
        return 0;
    case OUCH_TAG_MINIMUM:
        tags->minimum_lots = bytes_load_be32(value);
        return (tags->present & OUCH_HAS_MINIMUM_64) == 0 ? 0 : REJECT_MINIMUM;
    case OUCH_TAG_MINIMUM_64:
        tags->minimum_lots = bytes_load_be64(value);
        return (tags->present & OUCH_HAS_MINIMUM) == 0 ? 0 : REJECT_MINIMUM;
    default: /* ouch_option_bit() gave it a bit, so it is one of these. */
        break;
    }
    ASSERT(false);
    return 0;
}

static bool ouch_option_is_one_of(uint8_t byte, uint8_t first, uint8_t second)
{
    return byte == first || byte == second;
}

/* Whether an option that is known on this message, but not offered, asks for something: then the
 * reason to refuse it, else 0. protocol.md has the table. */
static uint8_t ouch_option_refusal(uint8_t tag, const uint8_t *value)
{
    switch (tag) {
    case OUCH_TAG_FIRM:
        return bytes_load_be32(value) == 0x20202020u ? 0 : REJECT_FIRM;
    case OUCH_TAG_CUSTOMER_TYPE:
        return ouch_option_is_one_of(value[0], 'R', 'N') ? 0 : REJECT_OTHER;
    case OUCH_TAG_MAX_FLOOR:
    case OUCH_TAG_RANDOM_RESERVES:
        return bytes_load_be32(value) == 0 ? 0 : REJECT_RESERVE;
    case OUCH_TAG_PRICE_TYPE:
        return value[0] == 'L' ? 0 : REJECT_PEG;
    case OUCH_TAG_PEG_OFFSET:
        return bytes_load_be32(value) == 0 ? 0 : REJECT_PEG;
    case OUCH_TAG_POST_ONLY:
        return value[0] == 'N' ? 0 : REJECT_OTHER;
    case OUCH_TAG_EXPIRE_TIME:
    case OUCH_TAG_EXPIRY:
        return REJECT_TIME_IN_FORCE;
    case OUCH_TAG_TRADE_NOW:
    case OUCH_TAG_SHARES_LOCATED:
        return ouch_option_is_one_of(value[0], 'Y', 'N') ? 0 : REJECT_OTHER;
    case OUCH_TAG_GROUP_ID:
    case OUCH_TAG_LOCATE_BROKER:
        return 0;
    case OUCH_TAG_SIDE:
        return REJECT_SIDE;
    default: /* Any byte may come. */
        return REJECT_OTHER;
    }
}

static uint8_t ouch_option_read(struct ouch_tags *tags, const struct ouch_tags_rule *rule,
                                uint8_t tag, const uint8_t *value)
{
    uint32_t bit = ouch_option_bit(tag);
    if ((rule->offered & bit) != 0) {
        uint8_t reject = ouch_option_take(tags, tag, value);
        tags->present |= bit;
        return reject;
    }
    bool known =
        tag <= OUCH_TAG_STANDARD_MAX ? (rule->known >> tag & 1u) != 0 : tag == OUCH_TAG_EXPIRY;
    return known ? ouch_option_refusal(tag, value) : REJECT_OTHER;
}

static enum status ouch_options_decode(struct ouch_tags *tags, const struct ouch_tags_rule *rule,
                                       const uint8_t *source, size_t source_bytes)
{
    uint64_t seen[OPTION_SEEN_WORDS] = {0};
    size_t place = 0;
    while (place < source_bytes) {
        size_t option_bytes = (size_t)source[place] + 1;
        if (option_bytes < OPTION_BYTES_MIN || option_bytes > source_bytes - place) {
            return STATUS_BAD_FORMAT;
        }
        uint8_t tag = source[place + OPTION_TAG];
        uint32_t value_bytes = ouch_option_bytes(tag);
        if (value_bytes != OPTION_SIZE_ANY && option_bytes != OPTION_VALUE + value_bytes) {
            return STATUS_BAD_FORMAT;
        }
        uint64_t *word = &seen[tag / OPTION_WORD_BITS];
        uint64_t bit = UINT64_C(1) << (tag % OPTION_WORD_BITS);
        if ((*word & bit) != 0) {
            return STATUS_BAD_FORMAT;
        }
        *word |= bit;
        uint8_t reject = ouch_option_read(tags, rule, tag, source + place + OPTION_VALUE);
        if (tags->reject == 0) {
            tags->reject = reject;
        }
        place += option_bytes;
    }
    ASSERT(place == source_bytes);
    return STATUS_OK;
}

enum status ouch_tags_decode(struct ouch_tags *tags, const struct ouch_tags_rule *rule,
                             const uint8_t *payload, size_t payload_bytes)
{
    ASSERT(rule->appendage > 0);
    ASSERT(rule->appendage + OUCH_APPENDAGE_LENGTH_BYTES <= OUCH_MESSAGE_BYTES_MAX);

    memset(tags, 0, sizeof *tags);
    if (rule->optional && payload_bytes == rule->appendage) {
        return STATUS_OK;
    }
    size_t options = rule->appendage + OUCH_APPENDAGE_LENGTH_BYTES;
    if (payload_bytes < options || payload_bytes > OUCH_MESSAGE_BYTES_MAX ||
        bytes_load_be16(payload + rule->appendage) != payload_bytes - options) {
        return STATUS_BAD_FORMAT;
    }
    return ouch_options_decode(tags, rule, payload + options, payload_bytes - options);
}

static uint8_t *ouch_option_write(uint8_t *place, uint8_t tag, uint64_t value)
{
    uint32_t value_bytes = ouch_option_bytes(tag);
    place[0] = (uint8_t)(value_bytes + 1);
    place[OPTION_TAG] = tag;
    if (value_bytes == 1) {
        ASSERT(value <= UINT8_MAX);
        place[OPTION_VALUE] = (uint8_t)value;
    } else if (value_bytes == 4) {
        ASSERT(value <= UINT32_MAX);
        bytes_store_be32(place + OPTION_VALUE, (uint32_t)value);
    } else {
        ASSERT(value_bytes == 8);
        bytes_store_be64(place + OPTION_VALUE, value);
    }
    return place + OPTION_VALUE + value_bytes;
}

static uint64_t ouch_option_value(const struct ouch_tags *tags, uint8_t tag)
{
    switch (tag) {
    case OUCH_TAG_MINIMUM:
    case OUCH_TAG_MINIMUM_64:
        return tags->minimum_lots;
    case OUCH_TAG_CHANNEL:
        return tags->channel;
    case OUCH_TAG_ORDER_KIND:
        return tags->order_kind;
    case OUCH_TAG_TIME_IN_FORCE:
        return tags->time_in_force;
    case OUCH_TAG_DEADLINE:
        return tags->deadline_ns;
    case OUCH_TAG_TOO_LATE:
        return tags->too_late_ns;
    case OUCH_TAG_MAXIMUM_AGE:
        return tags->maximum_age_ns;
    case OUCH_TAG_QUANTITY:
        return tags->quantity_lots;
    default: /* Only tags with a bit are written. */
        break;
    }
    ASSERT(false);
    return 0;
}

size_t ouch_tags_encode(uint8_t *target, size_t target_bytes, const struct ouch_tags_rule *rule,
                        const struct ouch_tags *tags)
{
    static const uint8_t written[] = {
        OUCH_TAG_MINIMUM,       OUCH_TAG_CHANNEL,  OUCH_TAG_ORDER_KIND,
        OUCH_TAG_TIME_IN_FORCE, OUCH_TAG_DEADLINE, OUCH_TAG_TOO_LATE,
        OUCH_TAG_MAXIMUM_AGE,   OUCH_TAG_QUANTITY, OUCH_TAG_MINIMUM_64,
    };
    ASSERT(target_bytes >= OUCH_MESSAGE_BYTES_MAX);
    ASSERT((tags->present & ~rule->offered) == 0);

    if (tags->present == 0 && rule->optional) {
        return rule->appendage;
    }
    uint8_t *first = target + rule->appendage + OUCH_APPENDAGE_LENGTH_BYTES;
    uint8_t *place = first;
    if (tags->present != 0) {
        for (size_t i = 0; i < sizeof written; i++) {
            if ((tags->present & ouch_option_bit(written[i])) != 0) {
                place = ouch_option_write(place, written[i], ouch_option_value(tags, written[i]));
            }
        }
    }
    bytes_store_be16(target + rule->appendage, (uint16_t)(place - first));
    ASSERT((size_t)(place - target) <= OUCH_MESSAGE_BYTES_MAX);
    return (size_t)(place - target);
}
