/* Commands on their way to the shard's leader, wherever it is (DESIGN 7, "Forwarding").
 *
 * A router keeps every command of this site's doors and operators until the own engine has executed
 * it, in order. While this site leads they go to its shard, else over the link to the site that
 * does, in one lane without gaps. When the leader changes, or the lane breaks, all that has not
 * been seen in the journal goes out again, in the same order: a later one never overtakes an
 * earlier one, and what arrives twice the engine takes once (epoch and input number, request id).
 *
 * One router for each shard; one loop thread owns it. */
#ifndef GATEWAY_ROUTER_H
#define GATEWAY_ROUTER_H

#include <stdbool.h>
#include <stdint.h>

#include "matching/base/status.h"
#include "matching/command.h"
#include "replication/link_wire.h"
#include "replication/shard.h"

/* Records sent to the leader and not yet taken there. */
#define ROUTER_IN_FLIGHT_MAX 8192u
/* A lane without an answer for so long begins again where the answers ended. */
#define ROUTER_RESEND_NS UINT64_C(250000000)

struct router_options {
    struct shard *shard;
    uint16_t shard_id;
    uint8_t site_id;
    uint32_t commands_max; /* Not yet executed; then STATUS_FULL. */
    uint64_t lane_seed;    /* Random at each start: no lane of an earlier life is taken for new. */
    void *context;
    /* Send a frame to a site. False: not now; the router tries again. */
    bool (*send)(void *context, uint8_t site_id, const struct link_frame *frame);
};

struct router;

/* STATUS_FULL without memory. All of it is taken here. */
MUST_USE enum status router_create(struct router **router, const struct router_options *options);
void router_destroy(struct router *router);

/* Take one command, copied; `received_ns` (monotonic) is when it came in, from which it ages.
 * STATUS_NOT_YET: no leader is known, or it takes nothing now: nobody has the command.
 * STATUS_FULL: push back on who sends. */
MUST_USE enum status router_submit(struct router *router, const struct command *command,
                                   uint64_t received_ns);

/* The own engine is about to execute this command of the journal. */
void router_applied(struct router *router, const struct command *command);

/* The own engine was replaced by the state of a snapshot: commands may have been executed on the
 * way that this router never sees, so everything that waits is sent once more, as to a new leader.
 */
void router_again(struct router *router);

/* Once a turn, behind shard_step(): hand on what waits. */
void router_run(struct router *router, uint64_t now_ns);
/* When router_run() wants to be called at the latest. */
uint64_t router_due_ns(const struct router *router, uint64_t now_ns);

/* Frames of other sites. A forward of commands that are none, or of somebody else's, takes nothing
 * from there on. */
void router_forward(struct router *router, uint8_t from_site_id, const struct link_forward *forward,
                    uint64_t now_ns);
void router_forward_reply(struct router *router, uint8_t from_site_id,
                          const struct link_forward_reply *reply, uint64_t now_ns);

struct router_counts {
    uint32_t waiting;   /* Not yet executed, now. */
    uint64_t forwarded; /* Records sent to other sites, those sent again included. */
    uint64_t repeated;  /* Of these: sent again. */
    uint64_t taken;     /* Records of other sites that went into the own shard. */
    uint64_t refused;   /* Records of other sites that are no commands of theirs. */
};
void router_counts(const struct router *router, struct router_counts *counts);

#endif
