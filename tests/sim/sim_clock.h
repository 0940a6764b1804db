/* The clocks of a simulated site: a wall clock that may be wrong in every way, and a monotonic one
 * that began somewhere. Pure. */
#ifndef TESTS_SIM_SIM_CLOCK_H
#define TESTS_SIM_SIM_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* True UTC at simulated time 0: 2023-11-15 00:00:00. */
#define SIM_CLOCK_START_NS UINT64_C(1700006400000000000)

struct sim_clock {
    int64_t usual_offset_ns; /* What a kept clock is off by. */
    int64_t offset_ns;       /* Now, but for the drift since `drift_from_ns`. */
    int64_t drift_ppm;
    uint64_t drift_from_ns;
    bool frozen;
    uint64_t frozen_wall_ns;
    uint64_t monotonic_start_ns;
};

void sim_clock_init(struct sim_clock *clock, int64_t usual_offset_ns, uint64_t monotonic_start_ns);

/* `now_ns` is simulated time, here and below. */
uint64_t sim_clock_monotonic_ns(const struct sim_clock *clock, uint64_t now_ns);
uint64_t sim_clock_wall_ns(const struct sim_clock *clock, uint64_t now_ns);
uint64_t sim_clock_true_ns(uint64_t now_ns);

void sim_clock_step(struct sim_clock *clock, uint64_t now_ns, int64_t by_ns);
void sim_clock_drift(struct sim_clock *clock, uint64_t now_ns, int64_t ppm);
void sim_clock_freeze(struct sim_clock *clock, uint64_t now_ns);
/* It is kept again: off by as much as usual. */
void sim_clock_mend(struct sim_clock *clock);

#endif
