/* A machine behind a shard that writes down what it is given, for tests. Asserts what every machine
 * relies on: records are stamped once, sequences have no gaps. */
#ifndef TESTS_SUPPORT_RECORD_MACHINE_H
#define TESTS_SUPPORT_RECORD_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include "replication/shard.h"

#define RECORD_MACHINE_APPLIED_MAX 65536u

struct record_machine_record {
    uint64_t value;
    uint64_t timestamp_ns;
    uint64_t waited_ns;
    uint64_t tick;
};

struct record_machine {
    struct record_machine_record applied[RECORD_MACHINE_APPLIED_MAX];
    uint64_t applied_count;
    uint64_t hash; /* Of all of them. */
    uint64_t ticks_applied;
    uint64_t opened_count;  /* Terms, */
    uint64_t opened_ns;     /* the last one at this time; */
    uint64_t planned_count; /* so many of them handed over. */
    bool due_set;
    uint64_t due_ns;
    struct shard *answers; /* Each record applied that has value 1000 submits another one here. */
};

/* How a shard calls it; `machine` outlives the shard. */
struct shard_machine record_machine_of(struct record_machine *machine);

#endif
