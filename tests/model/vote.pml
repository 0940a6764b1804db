/* Votes in single steps: what of term and vote is durable when, pre-votes, transfers, crashes.
 * replica_election.c without logs: whether a voter finds a candidate fresh enough is left open. */

#ifndef TERMS
#define TERMS 3 /* Or 2. */
#endif
#include "common.pml"

#define FOLLOWER 0
#define PRE_CANDIDATE 1
#define CANDIDATE 2
#define LEADER 3

byte term[REPLICAS];
byte vote[REPLICAS]; /* Replica + 1; 0: nobody. */
byte disk_term[REPLICAS];
byte disk_vote[REPLICAS];
byte role[REPLICAS];
byte votes[REPLICAS];     /* Received; of a candidate 0: the own one is not durable yet. */
byte owes[REPLICAS];      /* Replica + 1: gets an answer when the vote is durable. */
bool knows[REPLICAS];     /* Its leader in this term. */
bool wished[REPLICAS];    /* By a leader: skips pre-vote and stickiness, and nothing else. */

/* Facts, by term: who has asked for votes, who of them on a leader's wish, who leads. Appends and
 * wishes of a leader may come from then on; answers to a candidate when they are made or, as
 * making them again changes nothing, later. */
byte asked[TERMS + 1];
byte asked_by_wish[TERMS + 1];
byte leader_of[TERMS + 1];
#ifdef BUG_LATE_ANSWER_COUNTED
byte answered[REPLICAS]; /* By whom, in any term. */
#endif

hidden byte who;
hidden byte least;

#define IS_DURABLE(replica) \
    (disk_term[replica] == term[replica] && disk_vote[replica] == vote[replica])
#define WON(replica) ELECTS(votes[replica], ALL)

/* Requests that nobody can receive any more. */
inline forget() {
    least = TERMS + 1;
    for (who : 0 .. REPLICAS - 1) {
        least = LESSER(least, disk_term[who])
    }
    for (who : 1 .. TERMS) {
        if
        :: who < least -> asked[who] = 0; asked_by_wish[who] = 0; leader_of[who] = 0
        :: else
        fi
    }
}

inline raise(replica, t) {
    role[replica] = FOLLOWER;
    term[replica] = t;
    vote[replica] = 0;
    votes[replica] = 0;
    owes[replica] = 0;
    knows[replica] = 0;
    wished[replica] = 0
}

inline lead(replica) {
    MUST(one_leader_in_a_term, !leader_of[term[replica]]);
    role[replica] = LEADER;
    votes[replica] = 0;
    wished[replica] = 0;
    leader_of[term[replica]] = replica + 1;
    if
    :: term[replica] == TERMS -> GOAL(leader_in_last_term)
    :: else
    fi
}

inline ask(replica) {
    votes[replica] = votes[replica] | BIT(replica);
#ifdef BUG_LATE_ANSWER_COUNTED
    votes[replica] = votes[replica] | answered[replica];
#endif
    asked[term[replica]] = asked[term[replica]] | BIT(replica);
    asked_by_wish[term[replica]] = asked_by_wish[term[replica]] | (wished[replica] << replica);
    if
    :: WON(replica) -> lead(replica)
    :: else
    fi
}

/* election_campaign() */
inline campaign(replica, by_wish) {
    least = votes[replica];
    raise(replica, term[replica] + 1);
    role[replica] = CANDIDATE;
    vote[replica] = replica + 1;
    wished[replica] = by_wish;
#ifdef BUG_PRE_VOTE_COUNTED
    votes[replica] = least;
#endif
#ifdef BUG_ASKS_BEFORE_DURABLE
    ask(replica)
#endif
}

/* election_count(): of a vote or, towards a pre-candidate, of a pre-vote. */
inline count(replica, voter) {
    votes[replica] = votes[replica] | BIT(voter);
    if
    :: WON(replica) && role[replica] == CANDIDATE -> lead(replica)
    :: WON(replica) && role[replica] == PRE_CANDIDATE -> campaign(replica, 0)
    :: else
    fi
}

/* election_vote_reply(): yes. */
inline answer(voter, candidate) {
#ifdef BUG_LATE_ANSWER_COUNTED
    answered[candidate] = answered[candidate] | BIT(voter);
#endif
    if
    :: role[candidate] == CANDIDATE && term[candidate] == term[voter] && votes[candidate] ->
        count(candidate, voter)
    :: else
    fi
}

#if defined BUG_VOTE_TWICE
#define FREE(voter, candidate) 1
#elif defined BUG_VOTE_TWICE_BY_WISH
#define FREE(voter, candidate) \
    (!vote[voter] || vote[voter] == candidate + 1 || HAS(asked_by_wish[term[voter]], candidate))
#else
#define FREE(voter, candidate) (!vote[voter] || vote[voter] == candidate + 1)
#endif

/* election_vote() */
inline consider(voter, candidate, t) {
    if
    :: t > term[voter] -> raise(voter, t)
    :: else
    fi;
    if
    :: role[voter] == FOLLOWER && !knows[voter] && FREE(voter, candidate) ->
        vote[voter] = candidate + 1;
#ifdef BUG_VOTE_BEFORE_DURABLE
        answer(voter, candidate)
#else
        if
        :: IS_DURABLE(voter) -> answer(voter, candidate)
        :: else -> owes[voter] = candidate + 1
        fi
#endif
    :: else
    fi;
    forget()
}

/* replica_election_persisted() */
inline persist(replica) {
    disk_term[replica] = term[replica];
    disk_vote[replica] = vote[replica];
    if
    :: owes[replica] ->
        who = owes[replica] - 1;
        owes[replica] = 0;
        answer(replica, who)
    :: role[replica] == CANDIDATE -> ask(replica)
    :: else
    fi;
    forget()
}

inline crash(replica) {
    if
    :: vote[replica] && vote[replica] != disk_vote[replica] -> GOAL(vote_lost_in_a_crash)
    :: else
    fi;
    raise(replica, disk_term[replica]);
    vote[replica] = disk_vote[replica]
}

/* An append of a leader. */
inline hear(replica, t) {
    if
    :: t > term[replica] -> raise(replica, t)
    :: else
    fi;
    role[replica] = FOLLOWER;
    votes[replica] = 0;
    wished[replica] = 0;
    knows[replica] = 1;
    forget()
}

/* election_may_campaign() */
#define CAN_CAMPAIGN \
    (role[_pid] != LEADER && disk_term[_pid] == term[_pid] && term[_pid] < TERMS)
#if REPLICAS == 3
#define STANDS (_pid == 0 || term[0] > 0) /* All are alike at first. */
#else
#define STANDS (_pid == 0 || (_pid == 1 && term[0] > 0)) /* A bound: the others only vote. */
#endif
#define CAN_PRE_VOTE(candidate) \
    (_pid != candidate && role[candidate] == PRE_CANDIDATE && !HAS(votes[candidate], _pid))
#define IS_ASKED(candidate, t) (_pid != candidate && HAS(asked[t], candidate) && t >= term[_pid])
#define IS_LED(t) \
    (leader_of[t] && leader_of[t] != _pid + 1 && (t > term[_pid] || (t == term[_pid] && !knows[_pid])))

/* Any answer tells its sender's term, durable or not. */
#define IS_TOLD_BY(replica) (term[replica] > term[_pid])

#define PRE_VOTE(replica) :: CAN_PRE_VOTE(replica) -> candidate = replica
#define REQUEST(replica, t_) :: IS_ASKED(replica, t_) -> candidate = replica; t = t_
#define TERM(replica) :: IS_TOLD_BY(replica) -> t = term[replica]
#define APPEND(t_) :: IS_LED(t_) -> t = t_
#if TERMS == 2
#define REQUESTS(replica) REQUEST(replica, 1) REQUEST(replica, 2)
#define APPENDS APPEND(1) APPEND(2)
#else
#define REQUESTS(replica) REQUEST(replica, 1) REQUEST(replica, 2) REQUEST(replica, 3)
#define APPENDS APPEND(1) APPEND(2) APPEND(3)
#endif

active [REPLICAS] proctype replica() {
    byte candidate, t;
end_of_bounds:
    do
    :: d_step { /* election_pre_campaign() */
            CAN_CAMPAIGN && STANDS && role[_pid] != PRE_CANDIDATE ->
            role[_pid] = PRE_CANDIDATE;
            votes[_pid] = BIT(_pid);
            wished[_pid] = 0;
            knows[_pid] = 0
        }
    :: d_step { /* election_transferred() */
            CAN_CAMPAIGN && STANDS && role[_pid] == FOLLOWER && knows[_pid] ->
            campaign(_pid, 1);
            candidate = 0
        }
    :: atomic { /* A pre-vote may be old when it comes, so its voter's term does not matter. */
            if
            PRE_VOTE(0)
            PRE_VOTE(1)
            PRE_VOTE(2)
#if REPLICAS == 5
            PRE_VOTE(3)
            PRE_VOTE(4)
#endif
            fi;
            d_step { count(candidate, _pid); candidate = 0 }
        }
    :: atomic {
            if
            REQUESTS(0)
            REQUESTS(1)
            REQUESTS(2)
#if REPLICAS == 5
            REQUESTS(3)
            REQUESTS(4)
#endif
            fi;
            d_step { consider(_pid, candidate, t); candidate = 0; t = 0 }
        }
    :: atomic {
            if
            APPENDS
            fi;
            d_step { hear(_pid, t); t = 0 }
        }
    :: atomic {
            if
            TERM(0)
            TERM(1)
            TERM(2)
#if REPLICAS == 5
            TERM(3)
            TERM(4)
#endif
            fi;
            d_step { raise(_pid, t); forget(); t = 0 }
        }
    :: d_step { !IS_DURABLE(_pid) -> persist(_pid); t = 0 }
    :: d_step { crash(_pid); t = 0 }
    od
}
