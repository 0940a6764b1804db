/* Commands: the engine's whole input, as fixed-width records.
 *
 * A command is what the journal holds, what every replica executes and what replays: nothing else
 * changes the market. Doors make client commands, the operator's tools administrative ones, the
 * leader TICKs. Little-endian on disk through command_columns.h; `struct command` is the form in
 * memory and has no padding, so equal commands have equal bytes: unused fields are zero.
 *
 * Strings (symbols, names) are left-justified and padded with spaces, as on the exchange's wire. */
#ifndef MATCHING_COMMAND_H
#define MATCHING_COMMAND_H

#include <assert.h>
#include <stdint.h>

#define SYMBOL_BYTES          8u
#define SESSION_NAME_BYTES    6u  /* SoupBinTCP Username (3.00, Login Request). */
#define FIRM_NAME_BYTES       4u  /* OUCH 5.0 Firm. */
#define CLIENT_ORDER_ID_BYTES 14u /* OUCH 5.0 ClOrdID. */
#define CREDENTIAL_SALT_BYTES 16u
#define CREDENTIAL_HASH_BYTES 32u

/* Values are the journal's format: never renumber. */
enum command_type {
    COMMAND_TICK = 1,              /* Time passes: timers due by the timestamp fire. */
    COMMAND_ORDER_ENTER = 2,       /* OUCH `O`. */
    COMMAND_ORDER_REPLACE = 3,     /* OUCH `U`. */
    COMMAND_ORDER_CANCEL = 4,      /* OUCH `X`: cancel, or reduce and keep priority. */
    COMMAND_ACCOUNT_QUERY = 5,     /* OUCH `Q`: what is the next reference number? */
    COMMAND_SESSION_LOGON = 16,    /* Binds a session to a site under a new attach epoch. */
    COMMAND_SESSION_LOGOFF = 17,   /* The client left; reported by the site that it left. */
    COMMAND_SITE_SILENT = 18,      /* A site is not heard any more: `site_id`. From the leader. */
    COMMAND_INSTRUMENT_SET = 32,   /* Administration from here on: creates or changes. */
    COMMAND_INSTRUMENT_STATE = 33, /* Opens, halts, or leaves only cancels. */
    COMMAND_FIRM_SET = 34,
    COMMAND_SESSION_SET = 35,
    COMMAND_SESSION_END = 36, /* Rolls the generation: end of session, new id, sequence 1. */
    COMMAND_SHARD_SET = 37,   /* Day end; reopening after an outage. */
};

enum side {
    SIDE_BUY = 1,
    SIDE_SELL = 2,
    SIDE_SELL_SHORT = 3,        /* OUCH `T`; ranks and matches as SELL. */
    SIDE_SELL_SHORT_EXEMPT = 4, /* OUCH `E`; likewise. */
};

enum time_in_force {
    TIF_DAY = 1,
    TIF_GTC = 2,
    TIF_IOC = 3,
    TIF_FOK = 4,
};

enum order_kind {
    ORDER_LIMIT = 1,
    ORDER_MARKET = 2, /* Never rests; `price` is zero and means nothing. */
};

enum trading_state {
    TRADING_HALTED = 1, /* Only cancels. Refuses orders with the halt's reason. */
    TRADING_OPEN = 2,
    TRADING_CANCEL_ONLY = 3, /* As halted, but says so: after an outage, before opening. */
};

/* Bits of `flags` of every command. */
#define COMMAND_HAS_DEADLINE 0x01u /* order.deadline_ns holds. */
#define COMMAND_UNSUPPORTED                                                                        \
    0x02u /* The door decoded it, but an option is not offered; `reject`.                          \
           */

/* Enter and replace. A replace inherits symbol and side of the original. */
struct command_order {
    uint8_t symbol[SYMBOL_BYTES];
    uint8_t client_order_id[CLIENT_ORDER_ID_BYTES];
    uint8_t side;          /* enum side. */
    uint8_t time_in_force; /* enum time_in_force. */
    uint8_t kind;          /* enum order_kind. */
    uint8_t channel;       /* UserRefIdx: 0 .. CHANNELS_MAX-1, checked by the engine. */
    uint8_t display;       /* Echoed: OUCH Display, Capacity, InterMarket Sweep, CrossType. */
    uint8_t capacity;
    uint8_t sweep;
    uint8_t cross;
    uint8_t reject;                   /* enum reject_reason when COMMAND_UNSUPPORTED, else 0. */
    uint8_t reserved;                 /* Zero. */
    uint32_t user_reference;          /* New reference, strictly increasing a (session, channel). */
    uint32_t original_user_reference; /* Replace: the order replaced, same channel. Else 0. */
    uint64_t quantity_lots;           /* Replace: liable for the whole chain, executed included. */
    uint64_t minimum_lots;            /* 0 = none. Only with IOC; FOK implies it. */
    int64_t price;        /* In units of 10^-price_decimals; a multiple of the instrument's tick. */
    uint64_t deadline_ns; /* UTC; sequenced later, it is rejected. With COMMAND_HAS_DEADLINE. */
    uint64_t maximum_age_ns; /* The order's own maximum age, or 0: its session's. */
};

struct command_cancel {
    uint64_t quantity_lots; /* New intended total size, executed included; 0 = all. */
    uint32_t user_reference;
    uint8_t channel;
    uint8_t reserved[3]; /* Zero. */
};

struct command_query {
    uint8_t channel;
    uint8_t reserved[7]; /* Zero. */
};

struct command_logon {
    uint64_t connection_id; /* The door's, unique at its site for the life of the journal. */
    uint8_t reserved[8];    /* Zero. */
};

struct command_instrument {
    uint8_t symbol[SYMBOL_BYTES];
    int64_t tick_size; /* In units of 10^-price_decimals, > 0. */
    int64_t price_max; /* Highest and lowest price accepted, same units. */
    int64_t price_min;
    uint64_t quantity_lots_max; /* Largest order, 1 .. ORDER_LOTS_MAX. */
    uint8_t price_decimals;     /* 0 .. 12. */
    uint8_t quantity_decimals;  /* 0 .. 12: one lot is 10^-quantity_decimals. */
    uint8_t state;              /* enum trading_state. */
    uint8_t equity;             /* 1: OUCH prices at or above 200,000.00 are refused. */
    uint8_t reserved[4];        /* Zero. */
};

struct command_firm {
    uint8_t name[FIRM_NAME_BYTES];
    uint8_t enabled;     /* 0 or 1: a disabled firm's orders are rejected; cancels are served. */
    uint8_t reserved[3]; /* Zero. */
};

struct command_session {
    uint8_t name[SESSION_NAME_BYTES];
    uint8_t cancel_on_disconnect; /* 0 or 1: its orders go when it has been away for grace_ms. */
    uint8_t reserved;             /* Zero. */
    uint8_t firm[FIRM_NAME_BYTES];
    uint32_t open_orders_max; /* 1 .. SESSION_ORDERS_MAX. */
    uint64_t maximum_age_ns;  /* Default maximum age of its orders; 0 = none. */
    uint32_t hash_operations; /* Argon2id cost: passes. */
    uint32_t hash_memory_kib; /* Argon2id cost: memory, KiB. */
    uint8_t salt[CREDENTIAL_SALT_BYTES];
    uint8_t hash[CREDENTIAL_HASH_BYTES]; /* Argon2id of the password. */
    uint32_t grace_ms;     /* 0 .. GRACE_MS_MAX; 0: at once. Zero without cancel_on_disconnect. */
    uint8_t reserved_2[4]; /* Zero. */
};

struct command_session_end {
    uint8_t name[SESSION_NAME_BYTES];
    uint8_t reserved[2]; /* Zero. */
};

struct command_shard {
    uint32_t day_end_second; /* Seconds after midnight UTC, below 86,400; with day_end_set. */
    uint8_t day_end_set;     /* 0: the day never ends. */
    uint8_t reserved[3];     /* Zero. */
    uint32_t cancel_only_ms; /* After an unplanned change of leader; 0: opens at once. At most
                                CANCEL_ONLY_MS_MAX. */
};

struct command {
    uint64_t timestamp_ns; /* UTC; set once by the leader; never below the command before it. */
    uint64_t input_number; /* Client: from 1 in each epoch. Administration: the request id. */
    uint32_t session_id;   /* Client commands: from 1. Administration: 0. */
    uint32_t epoch;        /* Client commands: attach epoch. Administration: expected version. */
    uint32_t waited_ms;    /* On its way to the leader, by monotonic clocks; counts as age. */
    uint8_t type;          /* enum command_type. */
    uint8_t flags;         /* COMMAND_HAS_... */
    uint8_t site_id;       /* Where the client is, or who is silent: 1 .. SITES_MAX; else 0. */
    uint8_t reserved;      /* Zero. */
    union {
        struct command_order order;
        struct command_cancel cancel;
        struct command_query query;
        struct command_logon logon;
        struct command_instrument instrument;
        struct command_firm firm;
        struct command_session session;
        struct command_session_end session_end;
        struct command_shard shard;
        uint8_t bytes[96];
    } body;
};
static_assert(sizeof(struct command_order) == 80, "the layout is the format");
static_assert(sizeof(struct command_session) == 88, "the layout is the format");
static_assert(sizeof(struct command_shard) == 12, "the layout is the format");
static_assert(sizeof(struct command) == 128, "the layout is the format");

#endif
