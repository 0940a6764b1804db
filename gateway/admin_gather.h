/* What one HTTP request needs to know, asked piece by piece: which requests to send next, what to
 * make of the answers, when it is complete. Pure but for jansson's memory. */
#ifndef GATEWAY_ADMIN_GATHER_H
#define GATEWAY_ADMIN_GATHER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "gateway/admin_message.h"
#include "matching/base/limits.h"
#include "matching/base/status.h"

#define ADMIN_GATHER_WINDOW 32u /* Requests of one gathering under way at a time. */

enum admin_gather_what {
    ADMIN_GATHER_STATUS,  /* The site and all its shards. */
    ADMIN_GATHER_MARKET,  /* Besides, every instrument, firm and session. */
    ADMIN_GATHER_COMMAND, /* One command. */
    ADMIN_GATHER_CHANGE,  /* One change of membership or leadership. */
};

struct admin_gather {
    enum admin_gather_what what;
    enum admin_kind kind; /* Being asked for now, ... */
    uint16_t shard_id;    /* ... of this shard ... */
    uint32_t object_id;   /* ... from this one on. */
    bool asked_all;       /* Nothing more to ask of this kind. */
    bool done;
    uint32_t outstanding;
    enum status status; /* Why it failed; STATUS_OK. */
    struct command command;
    struct admin_site site;
    struct admin_shard shards[SHARDS_MAX];
    struct event event; /* ADMIN_GATHER_COMMAND: the answer. */
    struct admin_change change;
    struct admin_change_result result; /* ADMIN_GATHER_CHANGE: the answer. */
    json_t *market;                    /* ADMIN_GATHER_MARKET: a list of shards. */
    json_t *list;                      /* Of the kind being asked for. */
};

/* `command` and `shard_id` only for ADMIN_GATHER_COMMAND. */
void admin_gather_begin(struct admin_gather *gather, enum admin_gather_what what,
                        const struct command *command, uint16_t shard_id);
void admin_gather_begin_change(struct admin_gather *gather, const struct admin_change *change);
/* Lets go of its memory; may be called twice. */
void admin_gather_end(struct admin_gather *gather);

/* The next request to send, its ticket left to the caller. False: none now. */
bool admin_gather_next(struct admin_gather *gather, struct admin_request *request);

/* An answer to one of its requests; reads come in the order asked. */
void admin_gather_answer(struct admin_gather *gather, const struct admin_answer *answer);

#endif
