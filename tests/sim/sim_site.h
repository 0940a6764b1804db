/* A simulated site: its process with loop, journal, shards and markets, and what is left of it when
 * it ends. */
#ifndef TESTS_SIM_SIM_SITE_H
#define TESTS_SIM_SIM_SITE_H

#include "tests/sim/sim_world.h"

enum sim_site_end {
    SIM_SITE_CLEAN, /* In order. */
    SIM_SITE_KILL,  /* The process dies. */
    SIM_SITE_POWER, /* The machine does. */
};

/* Memory, once a world; and back. */
void sim_site_make(struct sim_world *world, uint8_t site_id);
void sim_site_free(struct sim_site *site);
/* Nothing is left of the last run. */
void sim_site_reset(struct sim_world *world, struct sim_site *site);

/* A new, empty journal with a new incarnation and key, as by `causeway init`. The site is down. */
void sim_site_birth(struct sim_world *world, struct sim_site *site);

/* Start the process. It may end at once: then the site stays down, and perhaps counts as lost. */
void sim_site_start(struct sim_world *world, struct sim_site *site);
/* End it, if it runs. */
void sim_site_end(struct sim_world *world, struct sim_site *site, enum sim_site_end end);

/* A turn of its loop is due, soon or as late as the site is slow. */
void sim_site_wake(struct sim_world *world, struct sim_site *site);
/* Events of the queue. Stale ones do nothing. */
void sim_site_turn(struct sim_world *world, struct sim_site *site, uint64_t start, uint64_t due_ns);
void sim_site_disk(struct sim_world *world, struct sim_site *site, uint64_t start, uint32_t handle);
void sim_site_store(struct sim_world *world, struct sim_site *site, uint64_t start);
void sim_site_snapshot(struct sim_world *world, struct sim_site *site, uint64_t start,
                       uint32_t index);
void sim_site_frame(struct sim_world *world, const struct sim_event *event);

#endif
