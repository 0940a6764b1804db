/* Leadership transfer: a leader's wish that a follower campaign, taken at once or much later, among
 * elections that begin otherwise. replica_duty.c, election_transferred(). That a transfer gives no
 * second vote is shown by vote.pml. */

#define REPLICAS 3
#ifndef TERMS
#define TERMS 3
#endif
#ifndef LOG
#define LOG 2
#endif
#define WIDTH 3
#define PACKED short
#define TERM_OF(entry) (entry)
#define VOTERS(replica) ALL
#define AT_1 1
#define AT_2 2
#define AT_3 4
#define FIRST(others) (USED || (_pid == 0 && others == 2)) /* All are alike at first. */
#define COUNTED(index, set) (ENTRY(log[leader], index) == term[leader] && COMMITS(set, ALL, 1))

/* Facts: the term in which its leader has wished that a replica campaigns. */
#define on_raise(replica) wished[replica] = 0
#define on_cut(replica) skip
#define on_append(replica) skip
#define on_crash(replica) skip
#include "replica.pml"

byte wished[REPLICAS];

inline check_commit() {
    skip
}
#define IS_ON_DISK(replica) SAME(disk[replica], ledger, LENGTH(ledger))
inline check_disk() {
    set = SET_OF(IS_ON_DISK);
    MUST(acknowledged_stays_on_a_quorum_of_disks, COMMITS(set, ALL, 1))
}

/* replica_duty_hand_over(): when a term has committed something, and to one that has everything. */
#define HAS_ALL_OF(replica, of) \
    (LESSER(matched[replica], DURABLE(replica)) == LENGTH(log[of]))
#define CAN_WISH(replica) \
    (leads[_pid] && told[term[_pid]] && matched_with[replica] == term[_pid] && \
     HAS_ALL_OF(replica, _pid) && wished[replica] != term[_pid])

/* election_transferred(). Meanwhile the leader may have given up waiting and gone on. */
#define CAN_TAKE (wished[_pid] && matched_with[_pid] == wished[_pid] && CAN_CAMPAIGN)
#define LEADER_OF_WISH (leader_of[wished[_pid]] - 1)
#if defined BUG_FRESHNESS_SKIPPED_BY_WISH
#define CAN_ELECT_BY_WISH(others) (CAN_TAKE && CAN_BE_ELECTED_BY(others))
#elif defined BUG_WISH_IS_A_VOTE
#define CAN_ELECT_BY_WISH(others) (CAN_TAKE && others == 0 && ENOUGH(BIT(LEADER_OF_WISH)))
#else
#define CAN_ELECT_BY_WISH(others) (CAN_TAKE && CAN_BE_ELECTED_BY(others) && !DENIED(others))
#endif
#define ELECTION_BY_WISH(set) :: CAN_ELECT_BY_WISH(set) -> others = set

inline take(replica, others) {
    GOAL(wish_taken);
    if
    :: leads[LEADER_OF_WISH] && LENGTH(log[LEADER_OF_WISH]) > LENGTH(log[replica]) ->
        GOAL(wish_taken_late)
    :: else
    fi;
    elect(replica, others)
}

active [REPLICAS] proctype replica() {
    byte others, from, kind;
end_of_bounds:
    do
    :: atomic {
            if
            ELECTION(1)
            ELECTION(2)
            ELECTION(4)
            fi;
            d_step { elect(_pid, others); others = 0 }
        }
    :: atomic {
            if
            ELECTION_BY_WISH(0)
            ELECTION_BY_WISH(1)
            ELECTION_BY_WISH(2)
            ELECTION_BY_WISH(4)
            fi;
            d_step { take(_pid, others); others = 0 }
        }
    :: CAN_WISH(0) -> wished[0] = term[_pid]
    :: CAN_WISH(1) -> wished[1] = term[_pid]
    :: CAN_WISH(2) -> wished[2] = term[_pid]
    :: d_step { leads[_pid] && LENGTH(log[_pid]) < LOG -> seal(_pid, term[_pid]); others = 0 }
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
