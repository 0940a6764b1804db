#include "tools/human.h"

#include <stdio.h>

#include "matching/base/assertion.h"

#define HUMAN_NS_A_S UINT64_C(1000000000)

struct human human_number(uint64_t number)
{
    struct human human;
    char digits[24];
    int count = snprintf(digits, sizeof digits, "%llu", (unsigned long long)number);
    ASSERT(count > 0);
    int at = 0;
    for (int i = 0; i < count; i++) {
        if (i > 0 && (count - i) % 3 == 0) {
            human.text[at++] = ',';
        }
        human.text[at++] = digits[i];
    }
    ASSERT(at < (int)sizeof human.text);
    human.text[at] = '\0';
    return human;
}

/* Three significant digits of value / unit, and what it is called. */
static struct human human_scaled(uint64_t value, uint64_t unit, const char *name)
{
    ASSERT(unit > 0);
    struct human human;
    unsigned long long whole = value / unit;
    uint64_t rest = value % unit;
    if (unit == 1 || whole >= 100) {
        (void)snprintf(human.text, sizeof human.text, "%llu%s", whole, name);
    } else if (whole >= 10) {
        (void)snprintf(human.text, sizeof human.text, "%llu.%u%s", whole,
                       (unsigned)(rest * 10 / unit), name);
    } else {
        (void)snprintf(human.text, sizeof human.text, "%llu.%02u%s", whole,
                       (unsigned)(rest * 100 / unit), name);
    }
    return human;
}

struct human human_count(uint64_t count)
{
    if (count < 1000) {
        return human_scaled(count, 1, "");
    }
    if (count < 1000000) {
        return human_scaled(count, 1000, " k");
    }
    if (count < 1000000000) {
        return human_scaled(count, 1000000, " M");
    }
    return human_scaled(count, 1000000000, " G");
}

struct human human_duration(uint64_t duration_ns)
{
    if (duration_ns < 1000) {
        return human_scaled(duration_ns, 1, " ns");
    }
    if (duration_ns < 1000000) {
        return human_scaled(duration_ns, 1000, " us");
    }
    if (duration_ns < HUMAN_NS_A_S) {
        return human_scaled(duration_ns, 1000000, " ms");
    }
    uint64_t seconds = duration_ns / HUMAN_NS_A_S;
    if (seconds < 120) {
        return human_scaled(duration_ns, HUMAN_NS_A_S, " s");
    }
    struct human human;
    (void)snprintf(human.text, sizeof human.text, "%llu min %u s",
                   (unsigned long long)(seconds / 60), (unsigned)(seconds % 60));
    return human;
}

struct human human_bytes(uint64_t bytes)
{
    if (bytes < 1u << 10) {
        return human_scaled(bytes, 1, " B");
    }
    if (bytes < 1u << 20) {
        return human_scaled(bytes, 1u << 10, " KiB");
    }
    if (bytes < 1u << 30) {
        return human_scaled(bytes, 1u << 20, " MiB");
    }
    return human_scaled(bytes, 1u << 30, " GiB");
}

/* part / whole in hundredths of a percent, without overflow. */
static uint64_t human_hundredths(uint64_t part, uint64_t whole)
{
    while (part > UINT64_MAX / 10000) {
        part /= 2;
        whole /= 2;
    }
    return part * 10000 / whole;
}

struct human human_percent(uint64_t part, uint64_t whole)
{
    ASSERT(part <= whole);
    struct human human;
    uint64_t hundredths = whole == 0 ? 10000 : human_hundredths(part, whole);
    (void)snprintf(human.text, sizeof human.text, "%llu.%02u %%",
                   (unsigned long long)(hundredths / 100), (unsigned)(hundredths % 100));
    return human;
}
