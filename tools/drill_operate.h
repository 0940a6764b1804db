/* What operators do in a drill: hand shards over, repair quorums; with the commands that they type,
 * while everything goes on. One thread. */
#ifndef TOOLS_DRILL_OPERATE_H
#define TOOLS_DRILL_OPERATE_H

#include "matching/base/status.h"
#include "tools/drill_fleet.h"
#include "tools/scenario.h"

/* Begin a SCENARIO_TRANSFER or SCENARIO_RECOVER. STATUS_IO, STATUS_FULL: it cannot be begun;
 * fleet->error says why. */
MUST_USE enum status drill_operate(struct drill_fleet *fleet, const struct scenario_fault *fault);

/* Who is done, and how. STATUS_IO: a command failed. */
MUST_USE enum status drill_operate_look(struct drill_fleet *fleet);

/* Until all are done. STATUS_TIMEOUT: after a minute one is not. */
MUST_USE enum status drill_operate_wait(struct drill_fleet *fleet);

#endif
