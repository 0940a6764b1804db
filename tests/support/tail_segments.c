#include "tests/support/tail_segments.h"

#include <string.h>

#include "matching/base/assertion.h"
#include "replication/codec.h"

void tail_segments_signer(struct segment_signer *signer, struct segment_verifier *verifier,
                          uint8_t number)
{
    uint8_t seed[crypto_sign_SEEDBYTES] = {number};
    (void)crypto_sign_seed_keypair(verifier->public_key, signer->secret_key, seed);
    segment_key_id(verifier->key_id, verifier->public_key);
    memcpy(signer->key_id, verifier->key_id, sizeof signer->key_id);
}

void tail_segments_seal(struct tail_segments *tail, uint64_t log_index, uint64_t term,
                        uint16_t shard_id, const struct segment_signer *signer)
{
    ASSERT(tail->count < TAIL_SEGMENTS_MAX);
    uint8_t *target = tail->bytes + tail->begins[tail->count];
    memset(target + SEGMENT_HEADER_BYTES, (int)tail->count + 1, TAIL_SEGMENTS_PAYLOAD);
    bool first = tail->count == 0;
    struct segment segment = {.shard_id = shard_id,
                              .cluster_id = segment_cluster_id(TAIL_SEGMENTS_CLUSTER),
                              .term = term,
                              .log_index = first ? log_index : tail->last.log_index + 1,
                              .first_command_sequence =
                                  first ? 1 : tail->last.first_command_sequence + 2,
                              .command_count = 2,
                              .base_timestamp_ns = TAIL_SEGMENTS_TIME_NS,
                              .raw_bytes = TAIL_SEGMENTS_PAYLOAD,
                              .stored_bytes = TAIL_SEGMENTS_PAYLOAD,
                              .codec = CODEC_STORED};
    if (first) {
        memset(segment.previous_chain_hash, 7, sizeof segment.previous_chain_hash);
    } else {
        memcpy(segment.previous_chain_hash, tail->last.chain_hash,
               sizeof segment.previous_chain_hash);
    }
    segment_seal(&segment, target, SEGMENT_HEADER_BYTES + TAIL_SEGMENTS_PAYLOAD, signer);
    tail->last = segment;
    tail->count++;
    tail->begins[tail->count] = tail->begins[tail->count - 1] + segment_bytes(&segment);
}
