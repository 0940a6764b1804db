/* The sentence with which a site ends when its journal fails: what the journal found and, where
 * bytes differ from what was written, how an operator learns how much of it is whole. Pure. */
#ifndef GATEWAY_SITE_FAILURE_H
#define GATEWAY_SITE_FAILURE_H

#include <stdbool.h>
#include <stddef.h>

#include "matching/base/status.h"
#include "replication/journal_error.h"

/* Room for a journal's longest sentence and the advice. */
#define SITE_FAILURE_BYTES (JOURNAL_ERROR_BYTES + 160u)

/* Whether this status says that a journal's bytes are not those that were written, which is more
 * than a disk that is full or a directory that belongs to somebody else. */
bool site_failure_is_damage(enum status status);

/* Into `error`, for a journal that gave `status`. `found` is the journal's own sentence and may be
 * empty; then the status speaks for it. A sentence that is too long loses its end, never the
 * advice. */
void site_failure_journal(char error[static SITE_FAILURE_BYTES], enum status status,
                          const char *found);

#endif
