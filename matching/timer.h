/* Timers of the market: due at a time, fired by the first command at or after it (rules.md 1.3).
 *
 * The day end is the only one so far. Pure: time comes with the commands. */
#ifndef MATCHING_TIMER_H
#define MATCHING_TIMER_H

#include <stdbool.h>
#include <stdint.h>

#define TIMER_DAY_NS UINT64_C(86400000000000)

struct timer {
    uint64_t due_ns; /* Zero while it is not set. */
    bool set;
};

static inline bool timer_is_due(const struct timer *timer, uint64_t now_ns)
{
    return timer->set && now_ns >= timer->due_ns;
}

/* Set to the next time after `now_ns` (UTC) at which this second of the day begins. A time beyond
 * the range of timestamps leaves it unset. Asserts: second_of_day < 86,400. */
void timer_set_daily(struct timer *timer, uint64_t now_ns, uint32_t second_of_day);

void timer_clear(struct timer *timer);

#endif
