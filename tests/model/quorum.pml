/* Quorums of every placement: voters and learners over three providers, commits that span one to
 * three of them, and what one step of a change makes of it. placement.c. No time passes here: one
 * placement is chosen, then all sets of replicas are looked at. */

#define REPLICAS 5
#define AT_1 at_1
#define AT_2 at_2
#define AT_3 (ALL & ~(at_1 | at_2))
#include "common.pml"

#define EVERY 31

/* The placement; the others are learners. */
byte voters;
byte at_1;
byte at_2;
byte providers; /* That a commit spans. */

hidden byte set;
hidden byte next; /* Voters after one step. */
hidden byte who;

#if defined BUG_HALF_ELECTS
#define MAY_ELECT(set, voters) (COUNT((set) & (voters)) * 2 >= COUNT(voters))
#else
#define MAY_ELECT(set, voters) ELECTS(set, voters)
#endif
#if defined BUG_LEARNER_COUNTED
#define MAY_COMMIT(set) (COUNT(set) * 2 > COUNT(voters) && SPANNED(set, ALL) >= providers)
#elif defined BUG_PROVIDERS_IGNORED
#define MAY_COMMIT(set) ELECTS(set, voters)
#else
#define MAY_COMMIT(set) COMMITS(set, voters, providers)
#endif
#ifdef BUG_TWO_CHANGES
#define STEP(who) (BIT(who) | BIT((who + 1) % REPLICAS))
#else
#define STEP(who) BIT(who)
#endif

/* What `set` can do, nothing that the rest of the voters can do may contradict. */
inline look() {
    MUST(elections_meet, !MAY_ELECT(set, voters) || !MAY_ELECT(ALL & ~set, voters));
    if
    :: MAY_COMMIT(set) ->
        GOAL(commit_quorum);
        /* Nothing acknowledged is lost with a minority of the voters, */
        MUST(commits_meet_elections, !MAY_ELECT(ALL & ~set, voters));
        /* or with one provider, when two are asked for. */
        MUST(providers_are_spanned,
             providers < 2 || ((set & voters & ~at_1) && (set & voters & ~at_2) &&
                               (set & voters & ~AT_3)));
        MUST(providers_are_counted, SPANNED(set, voters) >= providers)
    :: else
    fi;
    for (who : 0 .. REPLICAS - 1) {
        next = voters ^ STEP(who);
        if
        :: next && MAY_COMMIT(set) ->
            MUST(commits_meet_elections_of_the_next_placement, !MAY_ELECT(ALL & ~set, next))
        :: else
        fi;
        MUST(elections_meet_those_of_the_next_placement,
             !next || !MAY_ELECT(set, voters) || !MAY_ELECT(ALL & ~set, next))
    }
}

active proctype placement() {
    atomic {
        select(voters : 1 .. EVERY);
        select(at_1 : 0 .. EVERY);
        select(at_2 : 0 .. EVERY);
        select(providers : 1 .. 3);
    }
    d_step {
        if
        :: (at_1 & at_2) == 0 && SPANNED(ALL, voters) >= providers ->
            set = 0;
            do
            :: set <= ALL -> look(); set++
            :: else -> break
            od
        :: else
        fi;
        voters = 0;
        at_1 = 0;
        at_2 = 0;
        providers = 0
    }
}
