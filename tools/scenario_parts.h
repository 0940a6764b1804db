/* The parts of scenario.c: nobody else includes this. What is wrong stands in `reader`. */
#ifndef TOOLS_SCENARIO_PARTS_H
#define TOOLS_SCENARIO_PARTS_H

#include "gateway/config_reader.h"
#include "tools/scenario.h"
#include "tools/scenario_schema.h"

#define SCENARIO_PLACE_BYTES 64u

struct scenario_place {
    char text[SCENARIO_PLACE_BYTES];
};

/* "sites[2].region". */
struct scenario_place scenario_place_of(const char *list, uint32_t index, const char *key);

/* "clients.region". */
struct scenario_place scenario_place_at(const char *text);

/* Optional texts: NULL leaves the target alone. */
void scenario_duration(struct config_reader *reader, struct scenario_place place, const char *text,
                       uint64_t most_ns, uint64_t *target);
/* "0.5%" to parts in a million. */
void scenario_share(struct config_reader *reader, struct scenario_place place, const char *text,
                    uint32_t *target_ppm);
/* Bytes a second: "2MB". */
void scenario_rate(struct config_reader *reader, struct scenario_place place, const char *text,
                   uint64_t *target);
bool scenario_yes(struct config_reader *reader, struct scenario_place place, const char *text);

/* scenario_sites.c: sites, shards, clients, and the regions that they name. */
void scenario_sites_read(struct scenario *scenario, struct config_reader *reader,
                         const struct scenario_schema *file);

/* scenario_timeline.c: the faults, after sites, shards and clients are there. */
void scenario_timeline_read(struct scenario *scenario, struct config_reader *reader,
                            const struct scenario_schema *file);

#endif
