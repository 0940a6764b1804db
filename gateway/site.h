/* A site: assembles journal, shards, engines, streams and doors into one process and runs its loop.
 *
 * One thread opens, runs and closes a site; only site_stop() may come from elsewhere. */
#ifndef GATEWAY_SITE_H
#define GATEWAY_SITE_H

#include <stddef.h>

#include "gateway/config.h"
#include "matching/base/status.h"

#define SITE_ERROR_BYTES 1280u

struct site;

/* Read the keys, open and recover the journal, rebuild the market and the streams. Takes as long as
 * the journal is (progress is logged). On failure `error` holds a sentence: what is wrong and what
 * to do. */
MUST_USE enum status site_open(struct site **site, const struct config *config,
                               char error[static SITE_ERROR_BYTES]);

/* Open a term, then the doors, and serve until site_stop() or an error that must end the process: a
 * write that failed, a stream that reads back wrong. Logs "event=ready" when clients are served. */
MUST_USE enum status site_run(struct site *site, char error[static SITE_ERROR_BYTES]);

/* Make site_run() return in good order. From any thread or signal handler. */
void site_stop(struct site *site);

void site_close(struct site *site);

#endif
