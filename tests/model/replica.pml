/* Replicas with a log, for commit.pml, transfer.pml and membership.pml: replica_election.c,
 * replica_follower.c and replica_leader.c as far as safety is concerned.
 *
 * Those define, besides what log.pml wants:
 *   TERMS, LOG           bounds: terms (to 4), entries of a log (to 4)
 *   TERM_OF(entry)       its term
 *   VOTERS(replica)      by the placement in its log
 *   FIRST(others)        which first election stands for all that are like it
 *   COUNTED(index, set)  whether `leader` takes `index` for committed when `set` holds it
 *   check_commit()       what must hold when `ledger` is about to grow to `end` entries of `leader`
 *   check_disk()         what must hold when a disk has changed
 *   on_raise(replica), on_cut(replica), on_append(replica), on_crash(replica)
 *                        more to do then: `meets` is where the log was cut, or what was appended */

#include "log.pml"

/* ---- State ---- */

byte term[REPLICAS]; /* Durable at once, with the vote: vote.pml has the way there. */
bool leads[REPLICAS];
PACKED log[REPLICAS];
PACKED disk[REPLICAS];       /* What a crash leaves of it. */
byte matched[REPLICAS];      /* Equal to a leader's log (rule 2); 0: to nobody's. */
byte matched_with[REPLICAS]; /* That leader's term. */

/* Messages are facts: what was said once may be received at any time from then on, in any order, any
 * number of times or never. Of a term's leader: who it is, all that it has sealed, what it has told
 * to be committed. Of a follower, at its leader: the highest index it has acknowledged. */
byte leader_of[TERMS + 1]; /* Replica + 1. */
PACKED sent[TERMS + 1];
byte told[TERMS + 1];
byte acked[REPLICAS * REPLICAS];
#define ACKED(at, of) acked[(at)*REPLICAS + (of)]

PACKED ledger; /* All that was ever acknowledged to a client. */

/* Set anew in each step that uses them, so no part of the state. */
hidden byte who;
hidden byte to;
hidden byte end;
hidden byte set;
hidden byte meets;
hidden byte leader;

#define USED_OF_3 GREATER(term[0], GREATER(term[1], term[2]))
#if REPLICAS == 3
#define USED USED_OF_3
#else
#define USED GREATER(USED_OF_3, GREATER(term[3], term[4]))
#endif
#define DURABLE(replica) COMMON(disk[replica], log[replica])
#define LEADS(replica, t) (leads[replica] && term[replica] == (t))

/* ---- Facts that make no difference any more are forgotten, or each would double the states ---- */

#define AWAITS(replica) (leader_of[to] != (replica) + 1 && term[replica] <= to)
inline forget_sent() {
    for (to : 1 .. TERMS) {
        if
        :: leader_of[to] && SET_OF(AWAITS) == 0 ->
            sent[to] = 0;
            if
            :: !LEADS(leader_of[to] - 1, to) -> told[to] = 0; leader_of[to] = 0
            :: else
            fi
        :: else
        fi
    }
}

inline forget_acked(at, up_to) {
    for (to : 0 .. REPLICAS - 1) {
        if
        :: ACKED(at, to) <= up_to -> ACKED(at, to) = 0
        :: else
        fi
    }
}

/* ---- Elections ---- */

inline leave(replica) {
    if
    :: leads[replica] -> leads[replica] = 0; forget_acked(replica, LOG)
    :: else
    fi
}

inline raise(replica, t) {
    leave(replica);
    term[replica] = t;
#ifndef BUG_MATCHED_KEPT
    matched[replica] = 0;
    matched_with[replica] = 0;
#endif
    on_raise(replica)
}

#define END_TERM(log) TERM_OF(LAST(log))
#define OWN(voter) UP_TO(log[voter], DURABLE(voter))
/* Whether a voter may give its vote, by what is durable there: election_is_fresh(). */
#if defined BUG_FRESHNESS_IGNORED
#define FRESH(candidate, voter) 1
#elif defined BUG_FRESHNESS_BY_LENGTH
#define FRESH(candidate, voter) (LENGTH(log[candidate]) >= DURABLE(voter))
#else
#define FRESH(candidate, voter) \
    (END_TERM(log[candidate]) > END_TERM(OWN(voter)) || \
     (END_TERM(log[candidate]) == END_TERM(OWN(voter)) && \
      LENGTH(log[candidate]) >= DURABLE(voter)))
#endif

#define ENOUGH(others) ELECTS((others) | BIT(_pid), VOTERS(_pid))
/* Who could be left out of an election: a vote more only binds its voter. */
#define SPARE(others, voter) (HAS(others, voter) && ENOUGH((others) & ~BIT(voter)))
#define SPARES(others) \
    (SPARE(others, 0) || SPARE(others, 1) || SPARE(others, 2) || SPARE(others, 3) || \
     SPARE(others, 4))
#define DENIES(others, voter) (HAS(others, voter) && !FRESH(_pid, voter))
#define DENIED_OF_3(others) (DENIES(others, 0) || DENIES(others, 1) || DENIES(others, 2))
#if REPLICAS == 3
#define DENIED(others) DENIED_OF_3(others)
#else
#define DENIED(others) (DENIED_OF_3(others) || DENIES(others, 3) || DENIES(others, 4))
#endif
/* election_may_campaign(): only a log that is durable stands for election. */
#define CAN_CAMPAIGN (USED < TERMS && disk[_pid] == log[_pid])
#define CAN_BE_ELECTED_BY(others) (!HAS(others, _pid) && ENOUGH(others) && !SPARES(others))
#define CAN_ELECT(others) \
    (CAN_CAMPAIGN && CAN_BE_ELECTED_BY(others) && !DENIED(others) && FIRST(others))

/* A whole election in one step. The candidate's log does not change between its campaign and its
 * victory, and a voter says nothing in earlier terms once it has voted, so whatever either did in
 * between it can as well do afterwards. An election that nobody wins only binds its voters, and so
 * does one in a term that is skipped; vote.pml has them all. */
#define KNOWS_LAST(replica) (term[replica] == USED)
inline elect(candidate, others) {
    set = SET_OF(KNOWS_LAST);
    /* Also across changes of the membership. */
    MUST(election_quorums_meet, set & (others | BIT(candidate)));
    end = USED + 1;
    for (who : 0 .. REPLICAS - 1) {
        if
        :: HAS(others | BIT(candidate), who) ->
#ifdef BUG_ACK_AFTER_VOTE
            leave(who);
            term[who] = end
#else
            raise(who, end)
#endif
        :: else
        fi
    }
    MUST(leader_has_all_acknowledged, SAME(log[candidate], ledger, LENGTH(ledger)));
    matched[candidate] = 0;
    matched_with[candidate] = 0;
    leads[candidate] = 1;
    leader_of[end] = candidate + 1;
    sent[end] = log[candidate];
    forget_sent()
}

/* ---- Commit ---- */

#define HOLDS(replica) (ACKED(leader, replica) >= end)
#define LACKS(replica) \
    (leads[replica] && term[replica] > term[leader] && !SAME(log[replica], log[leader], end))

/* leader_commit(), as soon as it is possible: an acknowledgement that comes late or never only
 * leaves less to be lost. The leader's own disk is one of the voters, not a must (rule 5). */
inline commit(at) {
    leader = at;
    for (end : told[term[leader]] + 1 .. LENGTH(log[leader])) {
        set = SET_OF(HOLDS) & ~BIT(leader) | (DURABLE(leader) >= end) << leader;
        if
        :: COUNTED(end, set) -> told[term[leader]] = end
        :: else
        fi
    }
    end = told[term[leader]];
    MUST(committed_never_changes, SAME(ledger, log[leader], LESSER(end, LENGTH(ledger))));
    if
    :: end > LENGTH(ledger) ->
        if
        :: TERM_OF(ENTRY(log[leader], LENGTH(ledger) + 1)) < term[leader] ->
            GOAL(older_terms_committed_along)
        :: else
        fi;
        if
        :: term[leader] < USED -> GOAL(committed_by_a_deposed_leader)
        :: else
        fi;
        set = SET_OF(LACKS);
        MUST(later_leader_has_all_acknowledged, set == 0);
        check_commit();
        ledger = UP_TO(log[leader], end)
    :: else
    fi;
    forget_acked(leader, end)
}

#if defined BUG_ACK_NOT_DURABLE
#define ACKNOWLEDGED(replica) matched[replica]
#elif defined BUG_ACK_UNMATCHED
#define ACKNOWLEDGED(replica) DURABLE(replica)
#else
#define ACKNOWLEDGED(replica) LESSER(matched[replica], DURABLE(replica))
#endif

/* A follower's answer, and what it takes for committed: follower_reply(), follower_commit(). */
inline acknowledge(replica, t) {
    end = ACKNOWLEDGED(replica);
#ifdef BUG_COMMIT_UNMATCHED
    set = LESSER(told[t], LENGTH(log[replica]));
#else
    set = LESSER(told[t], end);
#endif
    MUST(follower_applies_committed, SAME(log[replica], ledger, set));
    if
    :: leader_of[t] && LEADS(leader_of[t] - 1, t) && end > told[t] &&
       end > ACKED(leader_of[t] - 1, replica) ->
        ACKED(leader_of[t] - 1, replica) = end;
        commit(leader_of[t] - 1)
    :: else
    fi
}

/* ---- Steps of a replica ---- */

/* A leader appends to its log; it may send this before its own disk has it. */
inline seal(replica, entry) {
    log[replica] = WITH(log[replica], LENGTH(log[replica]) + 1, entry);
    sent[term[replica]] = log[replica];
    forget_sent()
}

/* What an append finds at a follower. One that does not match changes nothing but the term. */
#define HEARTBEAT 1 /* The logs are equal up to its place. */
#define NEXT 2      /* The same, and an entry follows: taken, and another one there dropped. */
#define LATE 3      /* The first entry, which was matched long ago. */

#define FROM(t) (leader_of[t] && leader_of[t] != _pid + 1 && t >= term[_pid])
#define MEETS(t) COMMON(log[_pid], sent[t])
#define MATCHED(t) (matched_with[_pid] == t -> matched[_pid] : 0)
#define HEARTBEAT_COMES(t) (FROM(t) && MATCHED(t) < MEETS(t))
#define NEXT_COMES(t) (FROM(t) && MEETS(t) < LENGTH(sent[t]))
#define LATE_COMES(t) (FROM(t) && MATCHED(t) > 1)

/* follower_append() */
inline receive(replica, t, kind) {
    if
    :: t > term[replica] -> raise(replica, t)
    :: else
    fi;
    meets = COMMON(log[replica], sent[t]);
    if
    :: kind == NEXT ->
        if
        :: LENGTH(log[replica]) > meets -> GOAL(other_tail_dropped); on_cut(replica)
        :: else
        fi;
        log[replica] = WITH(log[replica], meets + 1, ENTRY(sent[t], meets + 1));
        meets++;
        on_append(replica)
#ifdef BUG_LATE_CUTS
    :: kind == LATE -> meets = 1; log[replica] = UP_TO(log[replica], 1)
#endif
    :: else
    fi;
#ifdef BUG_ACK_AFTER_VOTE
    if
    :: matched_with[replica] != t -> matched[replica] = 0
    :: else
    fi;
#endif
    matched[replica] = GREATER(matched[replica], meets);
    matched_with[replica] = t;
    acknowledge(replica, t);
    forget_sent()
}

/* The journal has made one record more durable: a cut, or an entry. */
inline persist(replica) {
    meets = LENGTH(disk[replica]);
    if
    :: SAME(disk[replica], log[replica], meets) -> disk[replica] = UP_TO(log[replica], meets + 1)
    :: else -> disk[replica] = UP_TO(log[replica], DURABLE(replica))
    fi;
    check_disk();
    if
    :: leads[replica] -> commit(replica)
    :: matched[replica] -> acknowledge(replica, matched_with[replica])
    :: else
    fi
}

/* Crash and start again. One that loses nothing is like one that is only slow. */
inline crash(replica) {
    GOAL(entries_lost_in_a_crash);
    leave(replica);
    log[replica] = disk[replica];
    matched[replica] = 0;
    matched_with[replica] = 0;
    on_crash(replica);
    forget_sent()
}

/* ---- Choices ---- */

#define ELECTION(others_) :: CAN_ELECT(others_) -> others = others_
#define MESSAGES(t)                                     \
    :: HEARTBEAT_COMES(t) -> from = t; kind = HEARTBEAT \
    :: NEXT_COMES(t) -> from = t; kind = NEXT           \
    :: LATE_COMES(t) -> from = t; kind = LATE
#if TERMS == 2
#define ANY_MESSAGE MESSAGES(1) MESSAGES(2)
#elif TERMS == 3
#define ANY_MESSAGE MESSAGES(1) MESSAGES(2) MESSAGES(3)
#else
#define ANY_MESSAGE MESSAGES(1) MESSAGES(2) MESSAGES(3) MESSAGES(4)
#endif
