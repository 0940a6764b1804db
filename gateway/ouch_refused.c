/* Private message `N`, Refused: what a gateway says by itself (protocol.md). */
#include <string.h>

#include "gateway/ouch.h"
#include "gateway/ouch_codes.h"
#include "gateway/ouch_tags.h"
#include "gateway/ouch_wire.h"
#include "matching/base/assertion.h"
#include "matching/base/bytes.h"

static const struct ouch_tags_rule refused_rule = {.appendage = REFUSED_APPENDAGE,
                                                   .optional = true,
                                                   .offered = OUCH_HAS_CHANNEL};

static bool ouch_is_refusal(uint8_t byte)
{
    return byte == OUCH_REFUSED_NO_QUORUM || byte == OUCH_REFUSED_NEARLY_FULL ||
           byte == OUCH_REFUSED_HALTED;
}

size_t ouch_refused_encode(uint8_t *target, size_t target_bytes, const struct ouch_refused *refused)
{
    ASSERT(target_bytes >= OUCH_MESSAGE_BYTES_MAX);
    ASSERT(ouch_is_refusal((uint8_t)refused->reason));

    struct ouch_tags tags = {0};
    ouch_codes_channel_to_wire(refused->channel, &tags);
    target[0] = OUT_REFUSED;
    bytes_store_be64(target + OUT_TIMESTAMP, refused->timestamp_ns % OUCH_DAY_NS);
    bytes_store_be32(target + OUT_REFERENCE, refused->user_reference);
    target[REFUSED_REASON] = (uint8_t)refused->reason;
    return ouch_tags_encode(target, target_bytes, &refused_rule, &tags);
}

enum status ouch_refused_decode(struct ouch_refused *refused, const uint8_t *payload,
                                size_t payload_bytes)
{
    ASSERT(refused != NULL);
    memset(refused, 0, sizeof *refused);
    if (payload_bytes < REFUSED_APPENDAGE || payload[0] != OUT_REFUSED) {
        return STATUS_BAD_FORMAT;
    }
    struct ouch_tags tags;
    enum status status = ouch_tags_decode(&tags, &refused_rule, payload, payload_bytes);
    uint64_t timestamp_ns = bytes_load_be64(payload + OUT_TIMESTAMP);
    if (status != STATUS_OK || timestamp_ns >= OUCH_DAY_NS ||
        !ouch_is_refusal(payload[REFUSED_REASON])) {
        return STATUS_BAD_FORMAT;
    }
    refused->timestamp_ns = timestamp_ns;
    refused->user_reference = bytes_load_be32(payload + OUT_REFERENCE);
    refused->channel = tags.channel;
    refused->reason = (enum ouch_refusal)payload[REFUSED_REASON];
    return STATUS_OK;
}
