/* Timers of the market: due at a time, fired by the first command at or after it (rules.md 1.3):
 * the day end, the reopening. (grace.h has those of sessions.) Pure: time comes with the commands.
 */
#ifndef MATCHING_TIMER_H
#define MATCHING_TIMER_H

#include <stdbool.h>
#include <stdint.h>

#define TIMER_DAY_NS         UINT64_C(86400000000000)
#define TIMER_MILLISECOND_NS UINT64_C(1000000)

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

/* So many milliseconds after `now_ns`, or the last time there is. */
static inline uint64_t timer_later_ns(uint64_t now_ns, uint32_t milliseconds)
{
    uint64_t later_ns = now_ns + milliseconds * TIMER_MILLISECOND_NS;
    return later_ns < now_ns ? UINT64_MAX : later_ns;
}

/* Set to so many milliseconds (> 0) after `now_ns`; likewise. */
void timer_set_later(struct timer *timer, uint64_t now_ns, uint32_t milliseconds);

void timer_clear(struct timer *timer);

#endif
