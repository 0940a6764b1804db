/* A small text in the data directory that is replaced as a whole. Blocking; start-up, and where a
 * change is rare. */
#ifndef GATEWAY_DATA_FILE_H
#define GATEWAY_DATA_FILE_H

#include "matching/base/status.h"
#include "replication/journal_error.h"

/* Write DIRECTORY/NAME in one step, durable when it returns: after a crash there is the former text
 * or this one. What journal_file_failed() says; `error` gets a sentence. */
MUST_USE enum status data_file_write(const char *directory, const char *name, const char *text,
                                     struct journal_error *error);

#endif
