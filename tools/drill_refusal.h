/* A placement that breaks a promise is refused unless an operator overrides it: seen by starting a
 * site of the drill without the override, before anything else. */
#ifndef TOOLS_DRILL_REFUSAL_H
#define TOOLS_DRILL_REFUSAL_H

#include "matching/base/status.h"
#include "tools/drill_place.h"

#define DRILL_REFUSAL_BYTES 512u

/* Start `program` (causewayd) with the configuration `config`, of which every `override` is left
 * out, as DIRECTORY/refused.yaml with a log beside it, and wait until it ends. `sentence`: what it
 * said. STATUS_NOT_FOUND: nothing is overridden there. STATUS_EXISTS: it served, or ended without
 * saying that it denies the placement: nothing was refused. STATUS_IO: files, or no such program.
 * `error` has a sentence of the last two. */
MUST_USE enum status drill_refusal_see(const char *program, const char *directory,
                                       const char *config,
                                       char sentence[static DRILL_REFUSAL_BYTES],
                                       char error[static DRILL_PLACE_ERROR_BYTES]);

#endif
