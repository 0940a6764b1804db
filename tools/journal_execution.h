/* Executes what a journal holds, once more and offline: an engine for each shard, and what its
 * event hash comes to after every segment. The same journal gives the same hashes, whoever compiled
 * the program; those of /status and of audits between sites are the same, too. */
#ifndef TOOLS_JOURNAL_EXECUTION_H
#define TOOLS_JOURNAL_EXECUTION_H

#include <stdint.h>

#include "gateway/config.h"
#include "matching/base/status.h"
#include "matching/command.h"
#include "replication/segment.h"

struct journal_execution;

struct journal_execution_options {
    const struct config_tuning *tuning; /* Sizes of the market: those of the sites. */
    void *context;
    /* A segment has been executed. `segment->payload` is not there any more. */
    void (*executed)(void *context, uint16_t shard_id, const struct segment *segment,
                     uint64_t event_hash);
};

/* STATUS_FULL: no memory. Engines are made when their shards appear. */
MUST_USE enum status journal_execution_create(struct journal_execution **execution,
                                              const struct journal_execution_options *options);
void journal_execution_destroy(struct journal_execution *execution);

/* The next segment of the shard, its commands after it, one by one. STATUS_NOT_FOUND: the shard's
 * journal does not begin with its first command, so nothing can be said of it; STATUS_FULL: no
 * memory. */
MUST_USE enum status journal_execution_segment(struct journal_execution *execution,
                                               uint16_t shard_id, const struct segment *segment);
void journal_execution_command(struct journal_execution *execution, const struct command *command);

/* There is no further segment: the last one is executed. */
void journal_execution_end(struct journal_execution *execution);

#endif
