/* The optional appendage of OUCH 5.0 messages: a list of (length, tag, value), appendix A, and the
 * private tags of protocol.md. Pure. */
#ifndef GATEWAY_OUCH_TAGS_H
#define GATEWAY_OUCH_TAGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "matching/base/status.h"

/* Tags of the specification that mean something here, or must be refused with their own reason. */
enum {
    OUCH_TAG_FIRM = 2,
    OUCH_TAG_MINIMUM = 3,
    OUCH_TAG_CUSTOMER_TYPE = 4,
    OUCH_TAG_MAX_FLOOR = 5,
    OUCH_TAG_PRICE_TYPE = 6,
    OUCH_TAG_PEG_OFFSET = 7,
    OUCH_TAG_POST_ONLY = 12,
    OUCH_TAG_RANDOM_RESERVES = 13,
    OUCH_TAG_EXPIRE_TIME = 15,
    OUCH_TAG_TRADE_NOW = 16,
    OUCH_TAG_GROUP_ID = 24,
    OUCH_TAG_SHARES_LOCATED = 25,
    OUCH_TAG_LOCATE_BROKER = 26,
    OUCH_TAG_SIDE = 27,
    OUCH_TAG_CHANNEL = 28, /* UserRefIdx. */
    OUCH_TAG_STANDARD_MAX = 30,
};

/* Private tags: never renumber. */
enum {
    OUCH_TAG_ORDER_KIND = 128,    /* 1: `M` market, `L` limit. */
    OUCH_TAG_TIME_IN_FORCE = 129, /* 1: `G` good till cancel, `F` fill or kill. */
    OUCH_TAG_DEADLINE = 130,      /* 8: UTC ns. */
    OUCH_TAG_TOO_LATE = 131,    /* 8: out `J` only: the order's deadline, UTC ns; 0: it had none. */
    OUCH_TAG_EXPIRY = 132,      /* 8: absolute expiry, UTC ns; not offered yet. */
    OUCH_TAG_MAXIMUM_AGE = 133, /* 8: ns. */
    OUCH_TAG_QUANTITY = 134,    /* 8: lots; the fixed field holds 0xFFFFFFFF. */
    OUCH_TAG_MINIMUM_64 = 135,  /* 8: lots; instead of tag 3. */
};

/* Bits of ouch_tags.present and ouch_tags_rule.offered. */
#define OUCH_HAS_MINIMUM       0x001u
#define OUCH_HAS_CHANNEL       0x002u
#define OUCH_HAS_ORDER_KIND    0x004u
#define OUCH_HAS_TIME_IN_FORCE 0x008u
#define OUCH_HAS_DEADLINE      0x010u
#define OUCH_HAS_TOO_LATE      0x020u
#define OUCH_HAS_MAXIMUM_AGE   0x040u
#define OUCH_HAS_QUANTITY      0x080u
#define OUCH_HAS_MINIMUM_64    0x100u

/* What an appendage says. Fields without their bit in `present` are zero. */
struct ouch_tags {
    uint32_t present; /* OUCH_HAS_... */
    uint8_t reject;   /* enum reject_reason of the first option or value not offered; 0: none. */
    uint8_t channel;
    uint8_t order_kind;    /* 'M' or 'L'. */
    uint8_t time_in_force; /* 'G' or 'F'. */
    uint64_t minimum_lots; /* Tag 3 or tag 135. */
    uint64_t deadline_ns;
    uint64_t too_late_ns; /* The order's deadline as entered. */
    uint64_t maximum_age_ns;
    uint64_t quantity_lots;
};

/* What a message may carry. */
struct ouch_tags_rule {
    uint32_t appendage; /* Offset of the Appendage Length. */
    bool optional;      /* Length and options may both be absent. */
    uint32_t offered;   /* OUCH_HAS_... that are taken from this message. */
    uint32_t known;     /* Bit n: tag n of the specification is known on this message. */
};

/* Check the length of the whole message against its rule and read its options.
 * STATUS_BAD_FORMAT: wrong length, an option cut off, one without a tag, one of the wrong size, or
 * a tag twice. Options that are well-formed but not offered set `reject`. */
MUST_USE enum status ouch_tags_decode(struct ouch_tags *tags, const struct ouch_tags_rule *rule,
                                      const uint8_t *payload, size_t payload_bytes);

/* Write the options in `present` in ascending order of tags, and their length, behind the fixed
 * part; without any, the length field is left out where the rule says so. Returns the bytes of the
 * whole message. Asserts: only offered options; target_bytes >= OUCH_MESSAGE_BYTES_MAX. */
size_t ouch_tags_encode(uint8_t *target, size_t target_bytes, const struct ouch_tags_rule *rule,
                        const struct ouch_tags *tags);

#endif
