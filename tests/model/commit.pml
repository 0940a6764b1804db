/* Vote and commit over logs: elections by freshness, appends, tails that are cut, crashes that lose
 * what was not durable, commits that span providers. README.md has bounds and what is left out. */

#ifndef TERMS
#define TERMS 3
#endif
#ifndef LOG
#define LOG 3
#endif
#define WIDTH 3
#define PACKED short
#define TERM_OF(entry) (entry)
#define VOTERS(replica) ALL

#ifdef TWO_PROVIDERS
/* The smallest placement where a majority may lack a provider: two replicas at one, one at another. */
#define AT_1 3
#define AT_2 4
#define AT_3 0
#define PROVIDERS 2
#define FIRST(others) 1
#elif REPLICAS == 5
#define AT_1 3
#define AT_2 12
#define AT_3 16
#define PROVIDERS 3
#define FIRST(others) (USED || _pid == 0 || _pid == 4)
#else
#define AT_1 1
#define AT_2 2
#define AT_3 4
#define PROVIDERS 1
#define FIRST(others) (USED || (_pid == 0 && others == 2)) /* All are alike at first. */
#endif

#define OWN_TERM(index) (TERM_OF(ENTRY(log[leader], index)) == term[leader])
#if defined BUG_OLD_TERM_COUNTED
#define COUNTED(index, set) COMMITS(set, ALL, PROVIDERS)
#elif defined BUG_PROVIDERS_IGNORED
#define COUNTED(index, set) (OWN_TERM(index) && ELECTS(set, ALL))
#else
#define COUNTED(index, set) (OWN_TERM(index) && COMMITS(set, ALL, PROVIDERS))
#endif

#define on_raise(replica) skip
#define on_cut(replica) skip
#define on_append(replica) skip
#define on_crash(replica) skip
#include "replica.pml"

#define COMES_FROM_DISK(replica) SAME(disk[replica], log[leader], end)
inline check_commit() {
    set = SET_OF(COMES_FROM_DISK);
    MUST(acknowledged_is_on_a_quorum_of_disks, COMMITS(set, ALL, PROVIDERS))
}
#define IS_ON_DISK(replica) SAME(disk[replica], ledger, LENGTH(ledger))
inline check_disk() {
    set = SET_OF(IS_ON_DISK);
    MUST(acknowledged_stays_on_a_quorum_of_disks, COMMITS(set, ALL, PROVIDERS))
}

active [REPLICAS] proctype replica() {
    byte others, from, kind;
end_of_bounds:
    do
    :: atomic {
            if
#if REPLICAS == 3
            ELECTION(1)
            ELECTION(2)
            ELECTION(4)
#else
            ELECTION(3)
            ELECTION(5)
            ELECTION(6)
            ELECTION(9)
            ELECTION(10)
            ELECTION(12)
            ELECTION(17)
            ELECTION(18)
            ELECTION(20)
            ELECTION(24)
#endif
            fi;
            d_step { elect(_pid, others); others = 0 }
        }
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
