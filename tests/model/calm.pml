/* Pre-vote and stickiness: a replica that was cut off and comes back, or a request that was long on
 * its way, does not disturb a leader that the majority hears. replica_election.c, replica_raises().
 * Time is only this: the majority hears its leader within every timeout, the other one at times. */

#include "common.pml"

#define TERMS 3
#define LEADER 0 /* In term 1; replica 1 hears it. */
#define LOST 2   /* The other one. */

byte term[REPLICAS] = 1;
/* Of the lost one. */
bool is_candidate;
bool is_pre_candidate;
byte votes;       /* Or pre-votes. */
byte pre_asked;   /* Facts, a mask: the terms in which it has asked for pre-votes, for votes. */
byte asked;
bool begun;
bool is_gone; /* For good. */

inline raise(replica, t) {
    MUST(majority_keeps_its_leader, replica == LOST);
    term[replica] = t;
    is_candidate = 0;
    is_pre_candidate = 0;
    votes = 0
}

inline campaign() {
    raise(LOST, term[LOST] + 1);
    is_candidate = 1;
    votes = BIT(LOST);
    asked = asked | BIT(term[LOST])
}

/* election_pre_campaign() */
inline time_out() {
#ifdef BUG_PRE_VOTE_SKIPPED
    campaign()
#else
    is_pre_candidate = 1;
    is_candidate = 0;
    votes = BIT(LOST);
    pre_asked = pre_asked | BIT(term[LOST] + 1)
#endif
}

#ifdef BUG_PRE_VOTE_NOT_STICKY
#define PRE_STICKY 0
#else
#define PRE_STICKY 1
#endif
#ifdef BUG_VOTE_NOT_STICKY
#define STICKY 0
#else
#define STICKY 1
#endif

/* election_pre_vote() and its answer: granted, or the denier's own term. */
inline consider_pre_vote(replica, t) {
#ifdef BUG_PRE_VOTE_RAISES
    if
    :: t > term[replica] -> raise(replica, t)
    :: else
    fi;
#endif
    if
    :: t > term[replica] && !PRE_STICKY ->
        if
        :: is_pre_candidate && t == term[LOST] + 1 ->
            votes = votes | BIT(replica);
            if
            :: ELECTS(votes, ALL) -> campaign()
            :: else
            fi
        :: else
        fi
    :: else ->
        GOAL(pre_vote_denied);
        if
        :: term[replica] > term[LOST] && !is_gone -> raise(LOST, term[replica])
        :: else
        fi
    fi
}

/* election_vote() */
inline consider(replica, t) {
    if
    :: t > term[replica] && !STICKY -> raise(replica, t)
    :: t > term[replica] && STICKY -> GOAL(old_request_ignored)
    :: else
    fi
}

/* An append of the leader, and the answer of one that is in a higher term. */
inline hear() {
    if
    :: term[LOST] > term[LEADER] -> raise(LEADER, term[LOST])
    :: else ->
        raise(LOST, term[LEADER]);
        GOAL(lost_one_is_back)
    fi
}

#define PRE_ASKS(t) (_pid != LOST && HAS(pre_asked, t))
#define ASKS(t) (_pid != LOST && HAS(asked, t))
#define IS_LOST (_pid == LOST && begun && !is_gone)

active [REPLICAS] proctype replica() {
    byte t;
    if
    :: _pid == LOST ->
        if
        :: true                                  /* Cut off after it had heard the leader, */
        :: term[LOST] = 0                        /* or before it did, */
        :: term[LOST] = 2; asked = BIT(2); is_gone = 1 /* or while it asked for votes, for good. */
        fi;
        begun = 1
    :: else
    fi;
end_of_bounds:
    do
    :: d_step { IS_LOST && term[LOST] < TERMS -> time_out(); t = 0 }
    :: d_step { IS_LOST -> hear(); t = 0 }
    :: atomic {
            if
            :: PRE_ASKS(1) -> t = 1
            :: PRE_ASKS(2) -> t = 2
            :: PRE_ASKS(3) -> t = 3
            fi;
            d_step { consider_pre_vote(_pid, t); t = 0 }
        }
    :: atomic {
            if
            :: ASKS(1) -> t = 1
            :: ASKS(2) -> t = 2
            :: ASKS(3) -> t = 3
            fi;
            d_step { consider(_pid, t); t = 0 }
        }
    od
}
