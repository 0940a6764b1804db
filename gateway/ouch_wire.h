/* OUCH 5.0 on the wire: types and offsets of the messages that ouch.h serves, for its codecs only.
 *
 * Nasdaq, "OUCH 5.0 Order Entry Specification", revision 1.04 (2024-05-01). Big-endian throughout.
 * ..._APPENDAGE is the offset of the Appendage Length (u16); options begin behind it. */
#ifndef GATEWAY_OUCH_WIRE_H
#define GATEWAY_OUCH_WIRE_H

#define OUCH_APPENDAGE_LENGTH_BYTES 2u
#define OUCH_QUANTITY_IN_TAG        0xFFFFFFFFu /* Fixed field when the option holds the number. */
#define OUCH_DAY_NS                 UINT64_C(86400000000000)

enum {
    IN_ENTER = 'O',
    IN_REPLACE = 'U',
    IN_CANCEL = 'X',
    IN_MODIFY = 'M',
    IN_MASS_CANCEL = 'C',
    IN_DISABLE = 'D',
    IN_ENABLE = 'E',
    IN_QUERY = 'Q',
};

enum {
    OUT_SYSTEM = 'S',
    OUT_ACCEPTED = 'A',
    OUT_REPLACED = 'U',
    OUT_CANCELED = 'C',
    OUT_EXECUTED = 'E',
    OUT_REJECTED = 'J',
    OUT_ACCOUNT = 'Q',
    OUT_REFUSED = 'N', /* Ours, unsequenced: protocol.md. */
};

enum {
    ENTER_REFERENCE = 1,
    ENTER_SIDE = 5,
    ENTER_QUANTITY = 6,
    ENTER_SYMBOL = 10,
    ENTER_PRICE = 18,
    ENTER_TIME_IN_FORCE = 26,
    ENTER_DISPLAY = 27,
    ENTER_CAPACITY = 28,
    ENTER_SWEEP = 29,
    ENTER_CROSS = 30,
    ENTER_CLIENT_ORDER_ID = 31,
    ENTER_APPENDAGE = 45,
};

enum {
    REPLACE_ORIGINAL = 1,
    REPLACE_REFERENCE = 5,
    REPLACE_QUANTITY = 9,
    REPLACE_PRICE = 13,
    REPLACE_TIME_IN_FORCE = 21,
    REPLACE_DISPLAY = 22,
    REPLACE_SWEEP = 23,
    REPLACE_CLIENT_ORDER_ID = 24,
    REPLACE_APPENDAGE = 38,
};

enum {
    CANCEL_REFERENCE = 1,
    CANCEL_QUANTITY = 5,
    CANCEL_APPENDAGE = 9,
};

/* Not served: only their lengths matter. */
enum {
    MODIFY_APPENDAGE = 10,
    MASS_CANCEL_APPENDAGE = 17,
    DISABLE_APPENDAGE = 9,
    QUERY_APPENDAGE = 1,
};

/* Every outbound message: type, then nanoseconds since midnight. */
enum {
    OUT_TIMESTAMP = 1,
    OUT_REFERENCE = 9, /* In most. */
};

enum {
    SYSTEM_EVENT_CODE = 9,
    SYSTEM_BYTES = 10,
};

/* Order Accepted; Order Replaced has the original's reference before the new one and, from there
 * on, the same fields four bytes later. */
enum {
    ACCEPTED_SIDE = 13,
    ACCEPTED_QUANTITY = 14,
    ACCEPTED_SYMBOL = 18,
    ACCEPTED_PRICE = 26,
    ACCEPTED_TIME_IN_FORCE = 34,
    ACCEPTED_DISPLAY = 35,
    ACCEPTED_ORDER_ID = 36,
    ACCEPTED_CAPACITY = 44,
    ACCEPTED_SWEEP = 45,
    ACCEPTED_CROSS = 46,
    ACCEPTED_STATE = 47,
    ACCEPTED_CLIENT_ORDER_ID = 48,
    ACCEPTED_APPENDAGE = 62,
    REPLACED_SHIFT = 4,
    REPLACED_ORIGINAL = 9,
    REPLACED_REFERENCE = 13,
    REPLACED_APPENDAGE = 66,
};

enum {
    CANCELED_QUANTITY = 13,
    CANCELED_REASON = 17,
    CANCELED_APPENDAGE = 18,
};

enum {
    EXECUTED_QUANTITY = 13,
    EXECUTED_PRICE = 17,
    EXECUTED_LIQUIDITY = 25,
    EXECUTED_MATCH_NUMBER = 26,
    EXECUTED_APPENDAGE = 34,
};

enum {
    REJECTED_REASON = 13,
    REJECTED_CLIENT_ORDER_ID = 15,
    REJECTED_APPENDAGE = 29,
};

enum {
    ACCOUNT_APPENDAGE = 13,
};

enum {
    REFUSED_REASON = 13,
    REFUSED_APPENDAGE = 14,
};

#endif
