/* Walks over a stopped site's journal: every segment verified with public keys, every command
 * decoded. */
#ifndef TOOLS_JOURNAL_WALK_H
#define TOOLS_JOURNAL_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/config.h"
#include "matching/base/status.h"
#include "matching/command.h"
#include "replication/journal_reader.h"

#define JOURNAL_WALK_ERROR_BYTES 1024u

struct journal_walk_command {
    const struct journal_reader_segment *segment;
    uint64_t command_sequence;
    const struct command *command;
};

struct journal_walk_options {
    const char
        *config_path; /* Of the site: data directory, cluster, and public keys; or NULL, then: */
    const char *directory; /* The journal's; instead of the configuration's when both are given. */
    const char *cluster;
    const struct segment_verifier
        *verifiers; /* Instead of the configuration's when there are any. */
    uint32_t verifier_count;
    void *context;
    /* Each may be NULL. `done` of `about` segments: for progress; the ring's come on top. */
    void (*segment)(void *context, const struct journal_reader_segment *segment, uint64_t done,
                    uint64_t about);
    void (*command)(void *context, const struct journal_walk_command *command);
};

struct journal_walk_result {
    char site[CONFIG_NAME_BYTES];
    uint64_t segments;
    uint64_t commands;
    uint64_t bytes; /* Of the segments as they are stored. */
    struct journal_tail tails[SHARDS_MAX];
};

/* STATUS_OK: all of it verified to its end. Otherwise `error` names the first thing that does not
 * hold, and the result what came before it. */
MUST_USE enum status journal_walk(const struct journal_walk_options *options,
                                  struct journal_walk_result *result,
                                  char error[static JOURNAL_WALK_ERROR_BYTES]);

#endif
