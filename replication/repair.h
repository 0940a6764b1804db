/* Quorum repair: what to do on the day that most voters are gone for good (DESIGN 6; protocol.md,
 * "Quorum repair"). Pure.
 *
 * Three steps, each of which may be interrupted and repeated:
 *
 * 1. Report. Every reachable survivor says where its log ends and what rules it. repair_decide()
 *    makes a repair of that: the log that is kept, the membership of the survivors, a new
 *    generation, and what may be lost by it.
 * 2. Promise. Every survivor named accepts it durably (repair_may_promise()). From then on it takes
 *    no part in the old generation, so its log stays as it was reported. It promises one repair of
 *    a round; a later round replaces that, also where it has been activated at other survivors
 *    meanwhile. What keeps two repairs from being active is the word of who begins the later one:
 *    that the other survivors of the earlier one are off. The tool names them.
 * 3. Activate. When all have promised, each begins anew in the new generation
 *    (repair_may_activate()), with the repaired membership in force from outside its log. Nobody is
 *    elected there without the kept log. The first leader seals the membership into it.
 *
 * Whoever is not named is refused by its generation for ever. That the others are off is the
 * operator's word; nothing here can prove it. */
#ifndef REPLICATION_REPAIR_H
#define REPLICATION_REPAIR_H

#include <stdbool.h>
#include <stdint.h>

#include "replication/placement.h"
#include "replication/replica_message.h"

#define REPAIR_HASH_BYTES 32u

/* What of the acknowledged may be gone. */
enum repair_loss {
    REPAIR_LOSES_NOTHING = 0, /* Every commit quorum had a survivor: provably nothing. */
    REPAIR_LOSES_UNSEEN,      /* Nothing, unless a membership change that no survivor has seen let
                                 the missing commit alone. */
    REPAIR_LOSES_SOME, /* What the missing alone acknowledged: they were a commit quorum, also
                          of an earlier repair that a survivor has promised. */
    REPAIR_LOSS_COUNT
};

/* A repair, as every survivor accepts it: the same bytes everywhere (repair_record.h). */
struct repair {
    /* Round in the upper half, one above all that was seen; below it a fingerprint of all the rest:
     * two repairs never have the same generation, also when their operators know nothing of each
     * other, and of two that meet the lower one stops. */
    uint64_t generation;
    uint64_t previous_generation; /* That of all survivors before. */
    struct replica_position kept; /* Where the log that is kept ends. */
    uint8_t kept_site_id;         /* Who has it. */
    enum repair_loss loss;        /* As it was said to the operator. */
    uint16_t survivors;           /* All that must promise: bit (site_id - 1). */
    uint16_t attested;            /* Those that the operator says are off. */
    uint64_t commit_log_index;    /* Highest that a survivor knows to be committed. */
    uint8_t attestation_hash[REPAIR_HASH_BYTES]; /* Of what the operator signed. */
    struct placement before;                     /* Ruled where the kept log is. */
    struct placement after;                      /* Rules from now on. */
};

/* A survivor, as it reports. */
struct repair_report {
    uint8_t site_id;
    uint64_t incarnation;
    uint64_t generation;           /* In which it takes part, or did until it promised. */
    const struct repair *promised; /* And not activated; NULL: none. */
    struct replica_position last;  /* Durable and verified. */
    uint64_t commit_log_index;     /* As far as it knows. */
    struct placement placement;    /* repair_ruling(). */
    uint64_t placement_log_index;  /* 0: not in its log. */
    struct placement previous_placement;
};

struct repair_request {
    const struct repair_report *reports;
    uint32_t report_count; /* 1 .. SITES_MAX. */
    uint16_t attested;     /* The operator attests that these are off for good. */
    bool forced;           /* Also when a quorum is there. */
    uint8_t attestation_hash[REPAIR_HASH_BYTES];
};

enum repair_refusal {
    REPAIR_ACCEPTED = 0,
    REPAIR_REFUSED_REPORT,       /* Fields out of range, or a site twice. */
    REPAIR_REFUSED_GENERATION,   /* The site was left out of an earlier repair. */
    REPAIR_REFUSED_UNFINISHED,   /* The site has promised what others have activated: activate it
                                    there first. */
    REPAIR_REFUSED_MEMBER,       /* The site is no member, or has another journal than it had. */
    REPAIR_REFUSED_NOT_ATTESTED, /* A member neither reports nor is it attested to be off. */
    REPAIR_REFUSED_IS_ON,        /* Attested to be off, and reports. */
    REPAIR_REFUSED_QUORUM,       /* A quorum is there: nothing to repair. */
    REPAIR_REFUSED_RANGE,        /* A counter is at its end. */
    REPAIR_REFUSAL_COUNT
};

/* Sentences. Static storage; never NULL. */
const char *repair_refusal_text(enum repair_refusal refusal);
const char *repair_loss_text(enum repair_loss loss);

/* Decide. When a survivor has already promised a repair that can still be carried through with just
 * these survivors, it is that one again. Refused: `*site_id` is the one at fault, 0 if none, and
 * `repair` is undefined. */
MUST_USE enum repair_refusal repair_decide(const struct repair_request *request,
                                           struct repair *repair, uint8_t *site_id);

/* Whether every field is in its range and the generation that of just these fields: repairs come
 * over the network and from disks. */
bool repair_valid(const struct repair *repair);

/* The membership that rules a site: that of its log, or, as long as this is an older one, that of
 * the repair it last accepted: `after` if that is active, else `before`. `accepted` may be NULL. */
const struct placement *repair_ruling(const struct repair *accepted, bool active,
                                      const struct placement *in_log);

/* Where a site stands that is asked to promise or to activate. */
struct repair_stand {
    uint8_t site_id;
    uint64_t incarnation;
    uint64_t generation;           /* In which it takes part, or did until it promised. */
    const struct repair *accepted; /* Promised or activated last; NULL: none. */
    bool active;                   /* It is activated. */
    struct replica_position last;  /* End of its log, durable or not. */
};

/* STATUS_OK: stop the replica, make it durable behind everything else, answer. STATUS_EXISTS: it
 * has been accepted already, answer so. STATUS_FOREIGN: the site is not named in it. STATUS_DENIED:
 * another one of the same round or a later one has been accepted here, or the site is in another
 * generation than the repair was made in. STATUS_BAD_CHAIN: the log does not stand where it was
 * reported: report again. */
MUST_USE enum status repair_may_promise(const struct repair_stand *stand,
                                        const struct repair *repair);

/* `promised`: the survivors whose promise of just this generation the tool has seen. STATUS_OK:
 * make it durable, begin anew in it. STATUS_EXISTS: done already. STATUS_NOT_FOUND: it has not been
 * promised here. STATUS_NOT_YET: not by all. */
MUST_USE enum status repair_may_activate(const struct repair_stand *stand, uint64_t generation,
                                         uint16_t promised);

#endif
