/* Events: the engine's whole output, as fixed-width records, neutral of any wire protocol.
 *
 * Events with a `sequence` belong to a session's stream and are numbered by the engine, so every
 * site has the same stream (DESIGN: P3). Others are for the site: logons, answers to
 * administration. No padding; unused fields are zero; strings are padded with spaces. Only the
 * first event_bytes(type) bytes of an event carry anything: the rest is zero and is not stored. */
#ifndef MATCHING_EVENT_H
#define MATCHING_EVENT_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "matching/command.h"

/* Values are the stream's format: never renumber. */
enum event_type {
    EVENT_SYSTEM = 1,         /* First and last of a session's generation: OUCH `S`. */
    EVENT_ORDER_ACCEPTED = 2, /* OUCH `A`. */
    EVENT_ORDER_REPLACED = 3, /* OUCH `U`. */
    EVENT_ORDER_CANCELED = 4, /* OUCH `C`: quantity_lots is what was taken off. */
    EVENT_ORDER_EXECUTED = 5, /* OUCH `E`. */
    EVENT_ORDER_REJECTED = 6, /* OUCH `J`. */
    EVENT_ACCOUNT = 7,        /* OUCH `Q`: user_reference is the next one. */
    EVENT_SESSION_LOGON = 32, /* For the site from here on: not in a stream. */
    EVENT_SESSION_LOGOFF =
        33, /* The epoch ended: by its client, a logon elsewhere, an end, its site's silence. */
    EVENT_ADMINISTRATION = 34, /* The answer to an administrative command. */
};

enum system_code {
    SYSTEM_START = 1, /* OUCH Event Code `S`. */
    SYSTEM_END = 2,   /* OUCH Event Code `E`. */
};

enum cancel_reason {
    CANCEL_USER = 1, /* OUCH `U`. */
    CANCEL_IMMEDIATE =
        2,              /* `I`: the rest of an IOC or market order, or a FOK that could not fill. */
    CANCEL_DAY_END = 3, /* `E`: closed. */
    CANCEL_SUPERVISORY = 4, /* `S`: an operator. */
    CANCEL_SYSTEM = 5,      /* `Z`: a replace with invalid details cancels the original. */
    CANCEL_DISCONNECT = 6,  /* `Z`: the session was away for longer than its grace period. */
};

enum reject_reason {
    REJECT_HALTED = 1,        /* OUCH 0x07. */
    REJECT_SYMBOL = 2,        /* 0x17: no such instrument. */
    REJECT_PRICE = 3,         /* 0x1D: off tick, out of range. */
    REJECT_QUANTITY = 4,      /* 0x13: zero, or above the instrument's maximum. */
    REJECT_MINIMUM = 5,       /* 0x0D: minimum quantity above quantity, or without IOC. */
    REJECT_SIDE = 6,          /* 0x09. */
    REJECT_TIME_IN_FORCE = 7, /* 0x0F. */
    REJECT_DISPLAY = 8,       /* 0x03. */
    REJECT_RESERVE = 9,       /* 0x04: MaxFloor. */
    REJECT_PEG = 10,          /* 0x05. */
    REJECT_CROSS = 11,        /* 0x14. */
    REJECT_FIRM = 12,         /* 0x0C: the firm is disabled. */
    REJECT_TOO_LATE = 13, /* 0x0F with option tag 131 (protocol.md): past its deadline or age. */
    REJECT_CHANNEL = 14,  /* 0x0F: UserRefIdx beyond CHANNELS_MAX. */
    REJECT_SESSION_ORDERS = 15, /* 0x1E: the session's open orders are at their limit. */
    REJECT_SHARD_FULL = 16,     /* 0x0A: order pool or price levels at their ceiling. */
    REJECT_OTHER = 17,          /* 0x0F: an option that is not offered. */
    REJECT_MARKET_RESTS = 18,   /* 0x0F: a market order that is not IOC or FOK. */
    REJECT_COUNT
};

enum liquidity {
    LIQUIDITY_ADDED = 1,   /* OUCH `A`. */
    LIQUIDITY_REMOVED = 2, /* OUCH `R`. */
};

enum administration_result {
    ADMINISTRATION_DONE = 1,      /* Changed. */
    ADMINISTRATION_UNCHANGED = 2, /* Already so. */
    ADMINISTRATION_CONFLICT = 3,  /* Another version than expected: look again. */
    ADMINISTRATION_INVALID = 4,   /* A value out of its range. */
    ADMINISTRATION_UNKNOWN = 5,   /* No such instrument, firm or session. */
    ADMINISTRATION_FULL = 6,      /* A ceiling of limits.h. */
    ADMINISTRATION_BUSY = 7,      /* Not while orders are open. */
};

struct event {
    uint8_t type;    /* enum event_type. */
    uint8_t channel; /* UserRefIdx of the reference. */
    uint8_t reason;  /* cancel_reason, reject_reason, liquidity, system_code, ..._result. */
    uint8_t state;   /* Accepted, replaced: 'L' live or 'D' dead (OUCH Order State). */
    uint32_t session_id;
    uint64_t sequence;       /* In the session's stream, from 1; 0 outside streams. */
    uint64_t timestamp_ns;   /* Of the command. */
    uint32_t user_reference; /* Logon, logoff: the epoch. Administration: the new version. */
    uint32_t instrument_id;  /* From 1; 0 when there is none. */
    uint64_t
        quantity_lots; /* Accepted: the order's; replaced: outstanding. Logon: next sequence. */
    /* 40 bytes: system, account, logon, logoff, canceled end here. */
    uint64_t match_number; /* Executed: same on both sides, from 1. Logon: connection id.
                              Administration: request id. */
    int64_t price;         /* Executed at; accepted, replaced with. 10^-price_decimals. */
    /* 56 bytes: executed, logon and administration end here. */
    uint64_t order_id; /* Day-unique, assigned by us, from 1. */
    uint64_t minimum_lots;
    uint64_t deadline_ns; /* 0 = none. */
    uint32_t original_user_reference;
    uint8_t side; /* As entered: enum side. */
    uint8_t time_in_force;
    uint8_t kind;
    uint8_t display;
    uint8_t capacity;
    uint8_t sweep;
    uint8_t cross;
    uint8_t reserved; /* Zero. */
    uint8_t client_order_id[CLIENT_ORDER_ID_BYTES];
    uint8_t reserved_2[6];        /* Zero. */
    uint8_t symbol[SYMBOL_BYTES]; /* As entered. */
    /* 120 bytes: accepted, replaced and rejected end here. */
    uint8_t reserved_3[8]; /* Zero. */
};
static_assert(sizeof(struct event) == 128, "the layout is the format");

/* Bytes of an event of `type` that carry something: 40, 56 or 120, or 0 when there is no such type
 * (so a reader can refuse what a damaged file says). */
uint32_t event_bytes(uint8_t type);

/* Whether an engine could have put it into a stream: what everybody who renders events relies on.
 * For who reads events from bytes that another site has sent. */
bool event_streamed(const struct event *event);

#endif
