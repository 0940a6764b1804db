/* What an operator puts a name to when a quorum repair leaves sites behind
 * (replication/protocol.md, "What cannot be proved"): a text, signed, whose hash stands in the
 * journal of the repaired shard. Made by `causeway site recover`, checked by `causeway journal
 * verify --attestation`. */
#ifndef TOOLS_ATTESTATION_H
#define TOOLS_ATTESTATION_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "matching/base/status.h"
#include "replication/journal_reader.h"
#include "replication/key_store.h"
#include "replication/repair.h"
#include "replication/segment.h"

#define ATTESTATION_TEXT_BYTES  8192u
#define ATTESTATION_ERROR_BYTES 1024u

struct attestation {
    char text[ATTESTATION_TEXT_BYTES];
    uint8_t hash[REPAIR_HASH_BYTES]; /* Of the whole text: what the journal has. */
    char key[KEY_STORE_HEX_BYTES];   /* Public, of who signed. */
};

/* The first lines of the text; what is attested follows in lines of its own. */
#define ATTESTATION_BEGINS "causeway attestation\ncluster: %s\nshard: %u\n"

/* Append key and signature to the text, which ends with a line and leaves 256 bytes; fill in the
 * rest. */
void attestation_sign(struct attestation *attestation, const struct segment_signer *signer);

/* Read a file. STATUS_BAD_SIGNATURE: it is not what the key in it has signed; STATUS_NOT_FOUND,
 * STATUS_BAD_FORMAT. `error` has a sentence. */
MUST_USE enum status attestation_read(struct attestation *attestation, const char *path,
                                      char error[static ATTESTATION_ERROR_BYTES]);

/* One that is looked for in a journal. */
struct attestation_search {
    struct attestation attestation;
    char trusted_key[KEY_STORE_HEX_BYTES]; /* The operator's; empty: a site must have signed. */
    uint64_t log_index;                    /* 0: not found. */
    uint64_t generation;
    uint16_t shard_id;
    bool by_member; /* A site that the repair kept has signed. */
};

/* Read it, as above; `key_path` is the operator's public key (NULL: a site signed). */
MUST_USE enum status attestation_search_begin(struct attestation_search *search, const char *path,
                                              const char *key_path,
                                              char error[static ATTESTATION_ERROR_BYTES]);

/* Look at one more verified segment. */
void attestation_search_segment(struct attestation_search *search,
                                const struct journal_reader_segment *found);

/* After the last one. STATUS_NOT_FOUND: no repair in this journal names it; STATUS_UNKNOWN_KEY:
 * nobody vouches for who signed. `error` has a sentence then. */
MUST_USE enum status attestation_search_end(const struct attestation_search *search,
                                            char error[static ATTESTATION_ERROR_BYTES]);

/* What was found, to stdout or as JSON (NULL without memory). */
void attestation_search_print(const struct attestation_search *search);
json_t *attestation_search_json(const struct attestation_search *search);

#endif
