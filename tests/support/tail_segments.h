/* Sealed segments of one shard, one behind the other, for tests of what is kept of a log. */
#ifndef TESTS_SUPPORT_TAIL_SEGMENTS_H
#define TESTS_SUPPORT_TAIL_SEGMENTS_H

#include <stddef.h>
#include <stdint.h>

#include "replication/segment.h"

#define TAIL_SEGMENTS_MAX     8u
#define TAIL_SEGMENTS_PAYLOAD 40u
#define TAIL_SEGMENTS_CLUSTER "test"
#define TAIL_SEGMENTS_TIME_NS UINT64_C(1700000000000000000)

struct tail_segments {
    uint8_t bytes[TAIL_SEGMENTS_MAX * (SEGMENT_HEADER_BYTES + TAIL_SEGMENTS_PAYLOAD)];
    size_t begins[TAIL_SEGMENTS_MAX + 1]; /* The last one: where the next would begin. */
    uint32_t count;
    struct segment last;
};

/* A key of its own for each number. */
void tail_segments_signer(struct segment_signer *signer, struct segment_verifier *verifier,
                          uint8_t number);
/* One more, of two commands; the first of a tail stands at `log_index`, which counts only then. */
void tail_segments_seal(struct tail_segments *tail, uint64_t log_index, uint64_t term,
                        uint16_t shard_id, const struct segment_signer *signer);

#endif
