/* What a replica takes for durable, when its journal reports late: one follower, its journal with
 * records on their way to disk, leaders of several terms whose logs differ. replica_persisted(),
 * follower_truncate(), follower_acknowledged(); the journal writes in one order and may stop anywhere. */

#ifndef TERMS
#define TERMS 4
#endif
#ifndef LOG
#define LOG 2
#endif
#define WIDTH 3
#define PACKED short
#include "log.pml"

/* Logs of the leaders, made at first: each goes on from a part of an earlier one. */
PACKED sent[TERMS + 1];
byte made;

/* In memory. */
byte term;
PACKED log;
byte matched; /* With the leader of this term; 0 before it is heard. */
byte cut_term;
byte persisted;
byte persisted_term;
byte answered; /* The highest index acknowledged in this term. */

/* On disk, and on the way there, oldest first. */
byte disk_term;
PACKED disk;
#define RECORDS 6
#define NEW_TERM 8 /* + term */
#define CUT 16     /* + index: what is behind goes */
#define ADD 24     /* + entry */
byte record[RECORDS];
byte records;

hidden byte meets;
hidden byte end;
hidden byte i;

inline write_later(what) {
    record[records] = what;
    records++
}

/* An acknowledgement: durable here and matched, in a term that is durable (rules 2, 3). */
#ifdef BUG_ANSWER_BEFORE_TERM
#define MAY_ANSWER 1
#else
#define MAY_ANSWER (persisted_term == term)
#endif
inline answer() {
    if
    :: MAY_ANSWER ->
        answered = GREATER(answered, LESSER(matched, persisted));
        MUST(answered_in_a_durable_term, answered == 0 || disk_term >= term)
    :: else
    fi
}

/* follower_append(): `t` says where its log and ours part, and the next entry if `more`. */
inline receive(t, more) {
    if
    :: t > term ->
        term = t;
        matched = 0;
        answered = 0;
        write_later(NEW_TERM + t)
    :: else
    fi;
    meets = COMMON(log, sent[t]);
    if
    :: more ->
        if
        :: LENGTH(log) > meets ->
            log = UP_TO(log, meets);
            cut_term = term;
#ifndef BUG_CUT_IS_STILL_DURABLE
            persisted = LESSER(persisted, meets);
#endif
            write_later(CUT + meets)
        :: else
        fi;
        meets++;
        log = WITH(log, meets, ENTRY(sent[t], meets));
        write_later(ADD + ENTRY(sent[t], meets))
    :: else
    fi;
    matched = GREATER(matched, meets);
    answer()
}

/* The oldest record reaches the disk. */
inline write() {
    if
    :: record[0] < CUT -> disk_term = record[0] - NEW_TERM
    :: record[0] >= CUT && record[0] < ADD -> disk = UP_TO(disk, record[0] - CUT)
    :: else -> end = LENGTH(disk) + 1; disk = WITH(disk, end, record[0] - ADD)
    fi;
    for (i : 1 .. RECORDS - 1) {
        record[i - 1] = record[i]
    }
    record[RECORDS - 1] = 0;
    records--
}

/* replica_persisted() */
#ifdef BUG_REPORT_BY_INDEX
#define IS_OURS (LENGTH(disk) <= LENGTH(log))
#else
#define IS_OURS (LENGTH(disk) <= LENGTH(log) && SAME(disk, log, LENGTH(disk)))
#endif
#ifdef BUG_REPORT_FROM_BEFORE_CUT
#define IS_AFTER_CUT 1
#else
#define IS_AFTER_CUT (disk_term >= cut_term)
#endif
inline report() {
    if
    :: !IS_AFTER_CUT && LENGTH(disk) > persisted && SAME(disk, log, LENGTH(disk)) ->
        GOAL(tail_cut_and_put_back)
    :: else
    fi;
    persisted_term = GREATER(persisted_term, disk_term);
    if
    :: IS_AFTER_CUT && IS_OURS && LENGTH(disk) >= persisted -> persisted = LENGTH(disk)
    :: else
    fi;
    answer()
}

/* replica_init(), replica_restore() */
inline crash() {
    term = disk_term;
    log = disk;
    matched = 0;
    answered = 0;
    cut_term = 0;
    persisted = LENGTH(disk);
    persisted_term = disk_term;
    for (i : 0 .. RECORDS - 1) {
        record[i] = 0
    }
    records = 0
}

/* What is taken for durable, and so acknowledged or claimed in an election, is what a crash leaves:
 * now, and as no record undoes it, later. */
inline check() {
    MUST(durable_survives_a_crash, SAME(disk, log, persisted) && LENGTH(disk) >= persisted);
    MUST(answered_survives_a_crash, SAME(disk, log, answered) && LENGTH(disk) >= answered)
}

#define FROM(t) (made == TERMS && t >= term && records + 3 <= RECORDS)
#define TELLS(t) (FROM(t) && (t > term || matched < COMMON(log, sent[t])))
#define BRINGS(t) (FROM(t) && COMMON(log, sent[t]) < LENGTH(sent[t]))
#define MESSAGES(t_)                        \
    :: TELLS(t_) -> t = t_; more = 0 \
    :: BRINGS(t_) -> t = t_; more = 1

active proctype follower() {
    byte t, more;
    /* The leader of term `made` + 1 goes on from the first `more` entries of that of term t. */
    do
    :: made < TERMS ->
        atomic {
            select(t : 0 .. made);
            select(more : 0 .. LENGTH(sent[t]));
            made++;
            sent[made] = UP_TO(sent[t], more);
            do
            :: more < LOG -> more++; sent[made] = WITH(sent[made], more, made)
            :: break
            od;
            t = 0;
            more = 0
        }
    :: else -> break
    od;
end_of_bounds:
    do
    :: atomic {
            if
            MESSAGES(1)
            MESSAGES(2)
            MESSAGES(3)
            MESSAGES(4)
            fi;
            d_step { receive(t, more); check(); t = 0; more = 0 }
        }
    :: d_step { records -> write(); check(); t = 0 }
    :: d_step { made == TERMS -> report(); check(); t = 0 }
    :: d_step { records -> crash(); check(); t = 0 }
    od
}
