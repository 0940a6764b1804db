#include "tests/sim/sim_clock.h"

#include "matching/base/assertion.h"

#define SIM_CLOCK_PPM 1000000

void sim_clock_init(struct sim_clock *clock, int64_t usual_offset_ns, uint64_t monotonic_start_ns)
{
    *clock = (struct sim_clock){.usual_offset_ns = usual_offset_ns,
                                .offset_ns = usual_offset_ns,
                                .monotonic_start_ns = monotonic_start_ns};
    ASSERT(clock->drift_ppm == 0);
}

uint64_t sim_clock_monotonic_ns(const struct sim_clock *clock, uint64_t now_ns)
{
    return clock->monotonic_start_ns + now_ns;
}

uint64_t sim_clock_true_ns(uint64_t now_ns)
{
    return SIM_CLOCK_START_NS + now_ns;
}

static int64_t clock_offset_ns(const struct sim_clock *clock, uint64_t now_ns)
{
    if (clock->drift_ppm == 0) {
        return clock->offset_ns;
    }
    ASSERT(now_ns >= clock->drift_from_ns);
    return clock->offset_ns +
           (int64_t)(now_ns - clock->drift_from_ns) / SIM_CLOCK_PPM * clock->drift_ppm;
}

uint64_t sim_clock_wall_ns(const struct sim_clock *clock, uint64_t now_ns)
{
    if (clock->frozen) {
        return clock->frozen_wall_ns;
    }
    return sim_clock_true_ns(now_ns) + (uint64_t)clock_offset_ns(clock, now_ns);
}

void sim_clock_step(struct sim_clock *clock, uint64_t now_ns, int64_t by_ns)
{
    clock->offset_ns = clock_offset_ns(clock, now_ns) + by_ns;
    clock->drift_from_ns = now_ns;
    clock->frozen_wall_ns += (uint64_t)by_ns;
}

void sim_clock_drift(struct sim_clock *clock, uint64_t now_ns, int64_t ppm)
{
    clock->offset_ns = clock_offset_ns(clock, now_ns);
    clock->drift_from_ns = now_ns;
    clock->drift_ppm = ppm;
}

void sim_clock_freeze(struct sim_clock *clock, uint64_t now_ns)
{
    if (!clock->frozen) {
        clock->frozen_wall_ns = sim_clock_wall_ns(clock, now_ns);
        clock->frozen = true;
    }
}

void sim_clock_mend(struct sim_clock *clock)
{
    clock->offset_ns = clock->usual_offset_ns;
    clock->drift_ppm = 0;
    clock->frozen = false;
}
