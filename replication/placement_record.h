/* What a placement segment holds: a membership, and the plan that it is a step of.
 *
 * Pure. Layout: protocol.md, "Placement". The leader seals one for every step; every site reads it
 * from its log, so a plan goes on under any leader. */
#ifndef REPLICATION_PLACEMENT_RECORD_H
#define REPLICATION_PLACEMENT_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "matching/base/status.h"
#include "replication/placement.h"

#define PLACEMENT_RECORD_BYTES           928u
#define PLACEMENT_RECORD_PLACEMENT_BYTES 456u
#define PLACEMENT_RECORD_HASH_BYTES      32u

struct placement_record {
    struct placement placement;
    bool planned;            /* A plan is under way: */
    struct placement target; /* towards this one, whose epoch means nothing, */
    uint32_t waived_rules;   /* with what the operator gave up for it. */
    bool repaired;           /* Not planned, but by quorum repair (repair.h): */
    uint64_t generation;     /* that it began, */
    uint8_t attestation_hash[PLACEMENT_RECORD_HASH_BYTES]; /* and what the operator attested. */
};

/* Asserts that the fields are in range. */
void placement_record_store(uint8_t target[static PLACEMENT_RECORD_BYTES],
                            const struct placement_record *record);

/* STATUS_SHORT, STATUS_BAD_VERSION; STATUS_BAD_FORMAT: another size, a field out of range, padding
 * that is not zero. */
MUST_USE enum status placement_record_load(struct placement_record *record, const uint8_t *source,
                                           size_t source_bytes);

/* A placement alone, as it stands in records of several kinds. Loading: false when a field is out
 * of range or padding is not zero. */
void placement_record_store_one(uint8_t target[static PLACEMENT_RECORD_PLACEMENT_BYTES],
                                const struct placement *placement);
MUST_USE bool
placement_record_load_one(struct placement *placement,
                          const uint8_t source[static PLACEMENT_RECORD_PLACEMENT_BYTES]);

#endif
