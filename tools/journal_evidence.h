/* `causeway journal evidence`: lists what a site has kept of tails that were never committed
 * (gateway/site_evidence.h), and says of each piece whether it proves itself with public keys
 * alone. Reads files only: the site may run. */
#ifndef TOOLS_JOURNAL_EVIDENCE_H
#define TOOLS_JOURNAL_EVIDENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/config.h"
#include "replication/segment.h"

#define JOURNAL_EVIDENCE_ERROR_BYTES 1024u
#define JOURNAL_EVIDENCE_FILE_BYTES  256u

/* Segments of one file that one leader sealed in one term; or a file that holds none. */
struct journal_evidence_piece {
    char file[JOURNAL_EVIDENCE_FILE_BYTES];
    bool tail; /* Of a log, as named; else some other file, of which nothing below but bytes is
                  known (the state of a fenced engine has no signature). */
    uint16_t shard_id;
    uint64_t first_log_index;
    uint64_t last_log_index;
    uint64_t term;
    uint8_t key_id[SEGMENT_KEY_ID_BYTES]; /* Who signed. */
    uint64_t segments;
    uint64_t commands;
    uint64_t bytes;
    uint64_t sealed_ns; /* UTC: the leader's clock at the first of them. */
    uint64_t kept_ns;   /* UTC: when the file was written. */
    /* STATUS_OK: hash, chain and signature of every segment hold. Else the first thing that does
     * not, at bad_log_index; STATUS_SHORT with 0: the file is not all that its name says. */
    enum status status;
    uint64_t bad_log_index;
};

struct journal_evidence_options {
    const char *directory; /* With the files. */
    uint64_t cluster_id;
    const struct segment_verifier *verifiers;
    uint32_t verifier_count;
    void *context;
    void (*piece)(void *context, const struct journal_evidence_piece *piece);
};

struct journal_evidence_result {
    uint64_t files; /* With tails. */
    uint64_t pieces;
    uint64_t segments;
    uint64_t commands;
    uint64_t bytes;
    uint64_t bad;   /* Pieces that do not verify. */
    uint64_t other; /* Files that are no tails. */
};

/* Oldest log index first, shard by shard. No such directory: nothing was ever kept. STATUS_DENIED,
 * _IO or _FULL: not all could be read, and `error` gets a sentence. */
MUST_USE enum status journal_evidence_read(const struct journal_evidence_options *options,
                                           struct journal_evidence_result *result,
                                           char error[static JOURNAL_EVIDENCE_ERROR_BYTES]);

/* The same as an operator sees it, on stdout: a line a piece, and what it comes to; `json`: an
 * object a line. `config_path`: the site's, for its keys, cluster and directory and for the names
 * of those who signed; NULL, then `options` has all of it. Where both say something, `options`
 * counts. Returns the exit status of the program: OPTIONS_EXIT_FAILED when a piece does not verify.
 */
int journal_evidence_list(const struct journal_evidence_options *options, const char *config_path,
                          bool json);

#endif
