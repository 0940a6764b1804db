#include "matching/timer.h"

#include "matching/base/assertion.h"

void timer_set_daily(struct timer *timer, uint64_t now_ns, uint32_t second_of_day)
{
    ASSERT(second_of_day < 86400);

    uint64_t offset_ns = second_of_day * UINT64_C(1000000000);
    uint64_t due_ns = now_ns - now_ns % TIMER_DAY_NS;
    bool beyond = __builtin_add_overflow(due_ns, offset_ns, &due_ns);
    if (!beyond && due_ns <= now_ns) {
        beyond = __builtin_add_overflow(due_ns, TIMER_DAY_NS, &due_ns);
    }
    timer_clear(timer);
    if (!beyond) {
        ASSERT(due_ns > now_ns);
        timer->set = true;
        timer->due_ns = due_ns;
    }
}

void timer_set_later(struct timer *timer, uint64_t now_ns, uint32_t milliseconds)
{
    ASSERT(milliseconds > 0);
    uint64_t due_ns = timer_later_ns(now_ns, milliseconds);
    timer_clear(timer);
    if (due_ns != UINT64_MAX) {
        ASSERT(due_ns > now_ns);
        timer->set = true;
        timer->due_ns = due_ns;
    }
}

void timer_clear(struct timer *timer)
{
    timer->set = false;
    timer->due_ns = 0;
}
