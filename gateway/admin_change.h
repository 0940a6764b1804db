/* Changes of membership and leadership, as the administration port takes them (POST /membership):
 * a site is made known, a plan is begun, the leadership is handed over, a quorum repair is promised
 * and activated. Pure but for jansson's memory. Fields: protocol.md, "Membership". */
#ifndef GATEWAY_ADMIN_CHANGE_H
#define GATEWAY_ADMIN_CHANGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "matching/base/status.h"
#include "replication/placement.h"
#include "replication/repair.h"
#include "replication/replica.h"

#define ADMIN_CHANGE_ERROR_BYTES 256u
#define ADMIN_CHANGE_TEXT_BYTES  1024u

enum admin_change_what {
    ADMIN_CHANGE_INTRODUCE = 1, /* `text`: of members.h. */
    ADMIN_CHANGE_PLAN,
    ADMIN_CHANGE_TRANSFER,
    ADMIN_CHANGE_PROMISE,
    ADMIN_CHANGE_ACTIVATE,
};

struct admin_change {
    enum admin_change_what what;
    uint16_t shard_id; /* 0 with INTRODUCE. */
    union {
        char text[ADMIN_CHANGE_TEXT_BYTES];
        struct {
            struct placement target;
            uint64_t epoch; /* Of the membership that the target was made for. */
            uint32_t waived_rules;
            bool replace; /* A plan that is under way. */
        } plan;
        uint8_t site_id; /* TRANSFER: who is to lead. */
        struct repair repair;
        struct {
            uint64_t generation;
            uint16_t promised;
        } activate;
    };
};

/* What became of it. */
struct admin_change_result {
    enum replica_refusal refusal; /* PLAN, TRANSFER. */
    struct placement_verdict verdict;
    bool stale;             /* PLAN: the membership is no longer the one it was made for. */
    enum status status;     /* INTRODUCE, PROMISE, ACTIVATE. */
    uint8_t leader_site_id; /* 0: nobody knows one. */
};

/* `text` may hold any bytes. STATUS_BAD_FORMAT with a sentence in `error`. */
MUST_USE enum status admin_change_read(struct admin_change *change, const char *text,
                                       size_t text_bytes,
                                       char error[static ADMIN_CHANGE_ERROR_BYTES]);

/* The body that admin_change_read() reads. NULL without memory. */
json_t *admin_change_body(const struct admin_change *change);

/* The answer's JSON and HTTP status. NULL without memory. */
json_t *admin_change_json(const struct admin_change_result *result, unsigned *http_status);

/* Bytes to and from hexadecimal digits in JSON. NULL without memory; false: not just so many. */
json_t *admin_change_hex(const uint8_t *bytes, size_t count);
bool admin_change_unhex(const json_t *text, uint8_t *bytes, size_t count);

#endif
