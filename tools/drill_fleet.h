/* The sites of a scenario as real processes: made, configured, started, and harmed as the timeline
 * says; each in a network namespace of its own behind emulated lines, or all on loopback where that
 * is forbidden. One thread. Every failure comes with a sentence. */
#ifndef TOOLS_DRILL_FLEET_H
#define TOOLS_DRILL_FLEET_H

#include <stdbool.h>
#include <stdint.h>

#include "matching/base/status.h"
#include "tools/drill_disk.h"
#include "tools/drill_lines.h"
#include "tools/drill_operator.h"
#include "tools/drill_place.h"
#include "tools/drill_refusal.h"
#include "tools/scenario.h"
#include "tools/site_child.h"
#include "tools/wan.h"

#define DRILL_FLEET_ENDPOINT_BYTES 32u
#define DRILL_FLEET_OPERATORS_MAX  8u /* At work at a time. */

struct drill_fleet_site {
    struct drill_place_site place;
    struct site_child child;
    char ouch[DRILL_FLEET_ENDPOINT_BYTES];
    char peer[DRILL_FLEET_ENDPOINT_BYTES];
    char admin[DRILL_FLEET_ENDPOINT_BYTES];
    bool wanted;     /* It should be running. */
    bool restarting; /* Asked to end, and started again when it has. */
    bool frozen;
    bool small_disk;        /* Its directory is a drill_disk. */
    bool disk_full;         /* It was filled: the site may end by itself. */
    uint64_t full_until_ns; /* So long it may end late of that, and starts anew. */
    char wall_offset[DRILL_PLACE_PATH_BYTES]; /* Of its clock (gateway/wall_offset.h); may be "". */
    int64_t wall_offset_ns;
};

/* The commands that an operator has begun. */
struct drill_fleet_operator {
    struct drill_operator worker;
    char log[DRILL_PLACE_PATH_BYTES];
    const char *does; /* "transfer". */
};

struct drill_fleet {
    const struct scenario *scenario;
    struct drill_place place;
    uint32_t port;   /* free_port.h */
    struct wan *wan; /* NULL: loopback, and `reason` says why. */
    char reason[WAN_SPACE_ERROR_BYTES];
    struct drill_lines lines;
    struct drill_fleet_site sites[SITES_MAX];
    uint32_t faults_left_out;                     /* That need what this machine does not allow, */
    char left_out_reason[DRILL_DISK_ERROR_BYTES]; /* and why, of the last one. */
    char disk_reason[DRILL_DISK_ERROR_BYTES];     /* Why there are no small disks. */
    struct drill_fleet_operator operators[DRILL_FLEET_OPERATORS_MAX];
    uint32_t operators_begun;
    uint32_t operator_tries;           /* Of each command. */
    char refused[DRILL_REFUSAL_BYTES]; /* What a site says of the placement without the override. */
    char error[DRILL_PLACE_ERROR_BYTES];
};

/* Directory, network and sites; nothing runs yet. The process must have one thread. `loopback`: do
 * not even try namespaces. */
MUST_USE enum status drill_fleet_make(struct drill_fleet *fleet, const struct scenario *scenario,
                                      const char *directory, uint64_t seed, bool loopback);
/* Ends all children at once and removes the network; for every end. */
void drill_fleet_close(struct drill_fleet *fleet);

/* Namespace of the clients, for whoever wants to live there; -1 on loopback. */
int drill_fleet_clients(const struct drill_fleet *fleet);

/* Start every site and wait until all serve. Before that, where the placement is overridden, it
 * must be refused without that. */
MUST_USE enum status drill_fleet_start(struct drill_fleet *fleet);
/* Apply a market file through whichever site takes it, within a minute. */
MUST_USE enum status drill_fleet_market(struct drill_fleet *fleet);

/* Something of the timeline happens, but what operators do (drill_operate.h). What cannot be done
 * here is left out and counted. STATUS_IO: a process cannot be started, or a command of an operator
 * failed. */
MUST_USE enum status drill_fleet_fault(struct drill_fleet *fleet,
                                       const struct scenario_fault *fault, uint64_t now_ns);
/* Lines that change by and by; sites that restart. Call it every 20 ms or so. STATUS_CLOSED: a site
 * ended by itself. */
MUST_USE enum status drill_fleet_tick(struct drill_fleet *fleet, uint64_t now_ns);

/* Whether all that should run, and are not frozen or full, have come to serve. */
bool drill_fleet_whole(struct drill_fleet *fleet);

/* The flow is over: all lines as usual, frozen ones on again, and wait until all that should run
 * serve. */
MUST_USE enum status drill_fleet_calm(struct drill_fleet *fleet, uint64_t now_ns);
/* SIGTERM to all, and wait. The mask of those that ended well. */
uint16_t drill_fleet_stop(struct drill_fleet *fleet);
/* Sites that should be running now. */
uint16_t drill_fleet_wanted(const struct drill_fleet *fleet);

#endif
