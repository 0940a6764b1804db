/* An operator of a drill: commands of this program, typed one after the other while the drill goes
 * on. What they print goes to a log. Ended with whoever started them. */
#ifndef TOOLS_DRILL_OPERATOR_H
#define TOOLS_DRILL_OPERATOR_H

#include <stdint.h>
#include <sys/types.h>

#include "matching/base/status.h"

#define DRILL_OPERATOR_COMMANDS_MAX 2u

struct drill_operator {
    pid_t pid; /* 0: nobody is at work. */
    const char *log;
};

/* Begin: `commands` are up to DRILL_OPERATOR_COMMANDS_MAX lists of arguments that end with NULL,
 * and NULL after the last; the second one only if the first ends well; one that does not is typed
 * again after a second, `tries` times in all, as people do. Texts need to live only until this
 * returns, `log` as long as the operator. STATUS_IO: no process. */
MUST_USE enum status drill_operator_start(struct drill_operator *worker, const char *tool,
                                          const char *log, const char *const *const commands[],
                                          uint32_t tries);

/* STATUS_NOT_YET: at work. STATUS_OK: all ended well. STATUS_IO: one did not; the log has its last
 * words. Then nobody is at work any more. */
MUST_USE enum status drill_operator_look(struct drill_operator *worker);

/* Ends whoever is at work, at once. */
void drill_operator_end(struct drill_operator *worker);

#endif
