/* The parts of a replica, for replica*.c alone. Each takes the output of the step under way. */
#ifndef REPLICATION_REPLICA_INSIDE_H
#define REPLICATION_REPLICA_INSIDE_H

#include "replication/replica.h"

/* ---- replica.c ---- */

/* A message to a site, with the fields that all have. */
struct replica_message *replica_send(struct replica *replica, struct replica_output *output,
                                     enum replica_message_type type, uint8_t site_id);
/* Enter a higher term, as a follower without a vote. */
void replica_raise_term(struct replica *replica, struct replica_output *output, uint64_t term);
/* Become a follower in this term; `leader_site_id` 0: of nobody yet. */
void replica_follow(struct replica *replica, struct replica_output *output, uint8_t leader_site_id);
void replica_stop(struct replica *replica, enum replica_halt halt);
/* A follower that heard from its leader, or a candidate that begins: the clock starts anew. */
void replica_delay_election(struct replica *replica);
uint64_t replica_heartbeat_ns(const struct replica *replica);
/* What others are told of the round trip: their election timeout must outlast a wait of this
 * process to run, too. */
uint64_t replica_told_round_trip_ns(const struct replica *replica);

static inline uint16_t replica_bit(uint8_t site_id)
{
    return (uint16_t)(1u << (site_id - 1));
}

/* ---- replica_election.c ---- */

void replica_election_tick(struct replica *replica, struct replica_output *output);
void replica_election_receive(struct replica *replica, struct replica_output *output,
                              const struct replica_message *message);
void replica_election_persisted(struct replica *replica, struct replica_output *output);

/* ---- replica_follower.c ---- */

void replica_follower_receive(struct replica *replica, struct replica_output *output,
                              const struct replica_message *message);
void replica_follower_persisted(struct replica *replica, struct replica_output *output);
void replica_follower_install(struct replica *replica, struct replica_output *output,
                              const struct replica_input *input);

/* ---- replica_leader.c ---- */

void replica_leader_begin(struct replica *replica, struct replica_output *output);
void replica_leader_reply(struct replica *replica, struct replica_output *output,
                          const struct replica_message *message);
void replica_leader_appended(struct replica *replica, struct replica_output *output,
                             const struct replica_entry *entry);
void replica_leader_persisted(struct replica *replica, struct replica_output *output);
void replica_leader_headers(struct replica *replica, struct replica_output *output,
                            const struct replica_input *input);
/* A heartbeat, or whatever else keeps the follower in touch. */
void replica_leader_touch(struct replica *replica, struct replica_output *output, uint8_t site_id);

/* ---- replica_duty.c: what a leader looks after as time passes ---- */

void replica_duty_tick(struct replica *replica, struct replica_output *output);
void replica_duty_transfer(struct replica *replica, struct replica_output *output, uint8_t site_id);
/* If the target of a transfer has everything, tell it to campaign. */
void replica_duty_hand_over(struct replica *replica, struct replica_output *output);
/* Voters heard within an election timeout, this one included. */
uint16_t replica_duty_heard(const struct replica *replica);

/* ---- replica_membership.c ---- */

/* The placement of an appended segment rules from now on. */
void replica_membership_take(struct replica *replica, const struct placement *placement,
                             uint64_t log_index);
/* A repair has been made active here, with the membership of the log as it was restored. */
void replica_membership_repair(struct replica *replica, const struct repair *repair);
/* Whether a log that ends at `last` has what the repair kept. */
bool replica_membership_kept(const struct replica *replica, const struct replica_position *last);
/* The log is what a snapshot with this membership stands for. */
void replica_membership_install(struct replica *replica, const struct placement *placement,
                                uint64_t log_index);
/* A term begins here: the repaired membership is sealed before anything else but its opening. */
void replica_membership_begin(struct replica *replica);
/* The log ends before `log_index` now. */
void replica_membership_cut(struct replica *replica, uint64_t log_index);
void replica_membership_change(struct replica *replica, struct replica_output *output,
                               const struct placement *placement);
/* Something has been committed: a leader that is no voter any more leaves. */
void replica_membership_committed(struct replica *replica, struct replica_output *output);
/* Providers that a commit must span now: under the old and the new rule until the new one is
 * committed. */
uint8_t replica_membership_commit_providers(const struct replica *replica);

/* ---- replica_audit.c ---- */

void replica_audit_applied(struct replica *replica, struct replica_output *output,
                           const struct replica_audit *audit);
void replica_audit_receive(struct replica *replica, struct replica_output *output,
                           const struct replica_message *message);
/* Whether a majority has agreed, here and in this term, on what comes after whatever a voter that
 * halted in an earlier term has halted for: then its voice is not needed. */
bool replica_audit_is_past(const struct replica *replica, const struct replica_message *message);
/* Another engine executes from now on, and what the former one has told counts no more. */
void replica_audit_begin(struct replica *replica);
void replica_audit_latest(const struct replica *replica, struct replica_audit *audit);

#endif
