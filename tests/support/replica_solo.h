/* One replica, site 1 of five voters at providers A, B, C, A, B, and a test that plays all others.
 * Nothing is durable before solo_persist(). */
#ifndef TESTS_SUPPORT_REPLICA_SOLO_H
#define TESTS_SUPPORT_REPLICA_SOLO_H

#include "replication/replica.h"

struct solo {
    struct replica replica;
    struct replica_log_slot slots[64];
    struct replica_output output; /* Of the last step. */
    uint64_t now_ns;
    struct replica_entry entries[8]; /* Of the message being made. */
};

/* A segment of `term` at `log_index`; `branch` tells different histories apart. */
struct replica_position solo_position(uint64_t log_index, uint64_t term, uint8_t branch);

/* With a durable log of segments 1, 2, ... of these terms, ended by 0, and nothing said since. */
void solo_start(struct solo *solo, uint64_t term, uint8_t voted_site_id, const uint64_t *terms,
                uint8_t branch);
void solo_step(struct solo *solo, struct replica_input *input);
void solo_wait(struct solo *solo, uint64_t for_ns); /* And a tick. */
/* What the journal reports: the end of the log as it is durable. */
void solo_persist(struct solo *solo, uint64_t term, uint8_t voted_site_id,
                  struct replica_position last);
/* All that it asked for is durable. */
void solo_persist_all(struct solo *solo);

/* A message from a site to this one; fields beyond these are set before solo_receive(). */
struct replica_message solo_message(enum replica_message_type type, uint8_t from, uint64_t term);
void solo_receive(struct solo *solo, const struct replica_message *message);
/* An append of `count` segments of `entry_term` behind `before`, all of a branch. */
void solo_append(struct solo *solo, uint8_t from, uint64_t term, struct replica_position before,
                 uint32_t count, uint64_t entry_term, uint8_t branch, uint64_t commit_log_index);
/* Acknowledgement of a segment by a site. */
void solo_acknowledge(struct solo *solo, uint8_t from, struct replica_position position);
/* Win the next election; the opening segment is sealed and durable. */
void solo_lead(struct solo *solo);
struct replica_position solo_seal(struct solo *solo);

/* The first message of a type in the last output; NULL: none. */
const struct replica_message *solo_said(const struct solo *solo, enum replica_message_type type);

#endif
