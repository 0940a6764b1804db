/* What a drill tells: text for people, report.json for scripts, a picture of the timeline. */
#ifndef TOOLS_DRILL_REPORT_H
#define TOOLS_DRILL_REPORT_H

#include "tools/drill_proof.h"

/* Prints the report to stdout and writes report.json and timeline.png into the run directory. A
 * picture that cannot be drawn (no gnuplot) is said, and no failure. STATUS_IO: a file cannot be
 * written. */
MUST_USE enum status drill_report(struct drill *drill, const struct drill_proof *proof);

#endif
