/* Numbers as people read them, with units: "12,345", "1.23 M", "340 us", "1.5 MiB". */
#ifndef TOOLS_HUMAN_H
#define TOOLS_HUMAN_H

#include <stdint.h>

struct human {
    char text[32];
};

/* All digits, thousands apart: "1,234,567". */
struct human human_number(uint64_t number);
/* Three digits and a thousand's letter: "999", "1.23 k", "45.6 M". Rounded down. */
struct human human_count(uint64_t count);
/* "870 ns", "12.3 us", "1.50 ms", "2.75 s", "3 min 20 s". Rounded down. */
struct human human_duration(uint64_t duration_ns);
/* "512 B", "1.50 KiB", "64.0 MiB". Rounded down. */
struct human human_bytes(uint64_t bytes);
/* "98.76 %": `part` of `whole`, rounded down, so that 100 % means all. 0 of 0 is 100 %. */
struct human human_percent(uint64_t part, uint64_t whole);

#endif
