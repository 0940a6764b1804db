/* Genesis: what a cluster begins with, as one text that is the same at every site, and its hash.
 *
 * It is everything in `bootstrap` but the addresses: sites with their providers, roles, keys and
 * journals in the order of their ids; shards with who leads them, their commit_providers and the
 * rules given up. It counts until a membership stands in a shard's log, so a site that began with
 * another one would have another quorum. Hence it never changes by editing (DESIGN 6, rule 7): a
 * site keeps the text (genesis_file.h), and tells the others the hash (link.h).
 * Layout: protocol.md, "Genesis". Pure. */
#ifndef GATEWAY_GENESIS_H
#define GATEWAY_GENESIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/config.h"

#define GENESIS_TEXT_BYTES                                                                         \
    5120u /* SITES_MAX and SHARDS_MAX lines, the longest; a zero; in a file, a hash. */
#define GENESIS_HASH_BYTES       32u
#define GENESIS_DIFFERENCE_BYTES 512u

struct genesis {
    char text[GENESIS_TEXT_BYTES]; /* Ends with a zero. */
    uint8_t hash[GENESIS_HASH_BYTES];
};

/* Of a configuration. The incarnation of a site alone is in it only when it is known. */
void genesis_of(struct genesis *genesis, const struct config *config);
/* Put the hash of the text that is there. */
void genesis_seal(struct genesis *genesis);

/* Whether two begin the same. If not, `difference` says the first thing that differs, as part of a
 * sentence: "site 2 (gcp-use4) has the role `learner`, but began with `voter`". */
bool genesis_equal(const struct genesis *began, const struct genesis *now,
                   char difference[static GENESIS_DIFFERENCE_BYTES]);

#endif
