/* Membership: placements in the log, in force from where they stand, one change at a time.
 * replica_membership.c, placement_judge_step(). Replicas are voters or learners; providers: replicas 0
 * and 1 at one, 2 at another. */

#define REPLICAS 3
#ifndef TERMS
#define TERMS 3
#endif
#ifndef LOG
#define LOG 3
#endif
#ifndef GENESIS
#define GENESIS 7 /* All are voters; commits span one provider. */
#endif

/* An entry: term, voters in force, commit_providers - 1 in force. */
#define WIDTH 6
#define PACKED int
#define TERM_OF(entry) ((entry)&3)
#define MADE(t, placement) ((t) | (placement) << 2)
#define VOTERS_OF(placement) ((placement)&7)
#define PROVIDERS_OF(placement) (((placement) >> 3) + 1)
#define AT_1 3
#define AT_2 4
#define AT_3 0

#define PLACEMENT_AT(log, index) ((index) > 0 -> ENTRY(log, index) >> 2 : GENESIS)
#define PLACEMENT(log) PLACEMENT_AT(log, LENGTH(log))

#define VOTERS(replica) VOTERS_OF(placement[replica])

/* Replicas 0 and 1 are alike at first. */
/* election_is_eligible() */
#define IS_VOTER (HAS(VOTERS(_pid), _pid) || HAS(VOTERS_OF(previous[_pid]), _pid))
#define FIRST(others) (IS_VOTER && (USED || _pid != 1))

/* replica_membership_commit_providers(): until a placement is committed, the greater of the two. */
#ifdef BUG_NEW_RULE_ONLY
#define SPANS(replica) PROVIDERS_OF(placement[replica])
#else
#define SPANS(replica)                                     \
    (placement_index[replica] <= LENGTH(ledger)            \
         -> PROVIDERS_OF(placement[replica])               \
         : GREATER(PROVIDERS_OF(placement[replica]), PROVIDERS_OF(previous[replica])))
#endif
#define OWN_TERM(index) (TERM_OF(ENTRY(log[leader], index)) == term[leader])
#if defined BUG_LEARNER_COUNTED
#define ENOUGH_HOLD(set) \
    (COUNT(set) * 2 > COUNT(VOTERS(leader)) && SPANNED(set, ALL) >= SPANS(leader))
#elif defined BUG_LEADER_COUNTED
#define ENOUGH_HOLD(set) COMMITS(set, VOTERS(leader) | BIT(leader), SPANS(leader))
#else
#define ENOUGH_HOLD(set) COMMITS(set, VOTERS(leader), SPANS(leader))
#endif
#define COUNTED(index, set) (OWN_TERM(index) && ENOUGH_HOLD(set))

#include "replica.pml"

/* As the code keeps them: in force, where it stands in the log, what was before. */
byte placement[REPLICAS] = GENESIS;
byte placement_index[REPLICAS];
byte previous[REPLICAS] = GENESIS;

/* replica_membership_take() */
hidden byte wanted;
inline take(replica, index) {
    previous[replica] = placement[replica];
    placement[replica] = wanted;
    placement_index[replica] = index
}
/* replica_membership_cut(): that one step back is enough is part of what is to be shown. */
inline on_cut(replica) {
#ifdef BUG_CUT_PLACEMENT_KEPT
    skip
#else
    if
    :: placement_index[replica] > meets ->
        placement[replica] = previous[replica];
        placement_index[replica] = 0;
        GOAL(placement_dropped)
    :: else
    fi
#endif
}
inline on_append(replica) {
    wanted = PLACEMENT_AT(log[replica], meets);
    if
    :: wanted != PLACEMENT_AT(log[replica], meets - 1) -> take(replica, meets)
    :: else
    fi;
    MUST(placement_is_that_of_the_log, placement[replica] == PLACEMENT(log[replica]))
}
/* What recovery finds in the log. */
inline on_crash(replica) {
    placement[replica] = GENESIS;
    placement_index[replica] = 0;
    previous[replica] = GENESIS;
    for (to : 1 .. LENGTH(log[replica])) {
        wanted = PLACEMENT_AT(log[replica], to);
        if
        :: wanted != placement[replica] -> take(replica, to)
        :: else
        fi
    }
}
inline on_raise(replica) {
    skip
}

/* The placement committed so far promises what follows it, whoever leads. */
#define COMES_FROM_DISK(replica) SAME(disk[replica], log[leader], end)
#define PROMISED \
    GREATER(PROVIDERS_OF(PLACEMENT(ledger)), PROVIDERS_OF(PLACEMENT(UP_TO(log[leader], end))))
inline check_commit() {
    set = SET_OF(COMES_FROM_DISK);
    to = PROMISED;
    MUST(acknowledged_is_on_a_quorum_of_disks,
         COMMITS(set, VOTERS_OF(PLACEMENT(log[leader])), to));
    if
    :: PLACEMENT(UP_TO(log[leader], end)) != PLACEMENT(ledger) -> GOAL(placement_committed)
    :: else
    fi
}
inline check_disk() {
    skip
}

/* A term opens with an empty entry; before that is committed nothing else is sealed (rule 5). */
#ifdef BUG_OPENING_SKIPPED
#define SERVES 1
#define MAY_SEAL 0
#else
#define SERVES (told[term[_pid]] > 0)
#define MAY_SEAL (LAST_TERM(log[_pid]) != term[_pid] || SERVES)
#endif
#define LAST_TERM(log) TERM_OF(LAST(log))

/* replica_membership_change() */
#ifdef BUG_CHANGE_EARLY
#define BUSY 0
#else
#define BUSY (placement_index[_pid] > told[term[_pid]])
#endif
#define LEGAL(placement) \
    (VOTERS_OF(placement) && SPANNED(ALL, VOTERS_OF(placement)) >= PROVIDERS_OF(placement))
#define CAN_CHANGE(what) \
    (leads[_pid] && SERVES && LENGTH(log[_pid]) < LOG && !BUSY && LEGAL(placement[_pid] ^ (what)))
#define CHANGE(what_) :: CAN_CHANGE(what_) -> what = what_

active [REPLICAS] proctype replica() {
    byte others, from, kind, what;
end_of_bounds:
    do
    :: atomic {
            if
            ELECTION(0)
            ELECTION(1)
            ELECTION(2)
            ELECTION(3)
            ELECTION(4)
            ELECTION(5)
            ELECTION(6)
            fi;
            d_step { elect(_pid, others); others = 0 }
        }
    :: d_step {
            leads[_pid] && LENGTH(log[_pid]) < LOG && MAY_SEAL ->
            seal(_pid, MADE(term[_pid], placement[_pid]));
            others = 0
        }
    :: atomic {
            if
            CHANGE(1) /* A learner becomes a voter, or a voter a learner. */
            CHANGE(2)
            CHANGE(4)
            CHANGE(8) /* Providers to span. */
            fi;
            d_step {
                wanted = placement[_pid] ^ what;
                seal(_pid, MADE(term[_pid], wanted));
                end = LENGTH(log[_pid]);
                take(_pid, end);
                what = 0
            }
        }
    :: atomic {
            if
            ANY_MESSAGE
            fi;
            d_step { receive(_pid, from, kind); from = 0; kind = 0 }
        }
    :: d_step { disk[_pid] != log[_pid] -> persist(_pid); others = 0 }
    :: d_step { disk[_pid] != log[_pid] -> crash(_pid); others = 0 }
    od
}
