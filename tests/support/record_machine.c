#include "tests/support/record_machine.h"

#include <string.h>

#include "matching/base/assertion.h"
#include "matching/base/checksum.h"

static void record_stamp(void *context, void *record, uint64_t timestamp_ns, uint64_t waited_ns)
{
    (void)context;
    struct record_machine_record *stamped = record;
    ASSERT(stamped->timestamp_ns == 0); /* Once. */
    stamped->timestamp_ns = timestamp_ns;
    stamped->waited_ns = waited_ns;
}

static uint64_t record_timestamp(void *context, const void *record)
{
    (void)context;
    return ((const struct record_machine_record *)record)->timestamp_ns;
}

static void record_apply(void *context, uint64_t command_sequence, const void *record)
{
    struct record_machine *machine = context;
    const struct record_machine_record *applied = record;
    ASSERT(command_sequence == machine->applied_count + 1);
    ASSERT(machine->applied_count < RECORD_MACHINE_APPLIED_MAX);
    machine->applied[machine->applied_count++] = *applied;
    machine->hash = checksum_mix(machine->hash, applied->value);
    machine->hash = checksum_mix(machine->hash, applied->timestamp_ns);
    machine->ticks_applied += applied->tick;
    if (machine->due_set && applied->timestamp_ns >= machine->due_ns) {
        machine->due_set = false;
    }
    if (machine->answers != NULL && applied->value == 1000) {
        const struct record_machine_record answer = {.value = 1001};
        enum status status = shard_submit(machine->answers, &answer, 0);
        ASSERT(status == STATUS_OK);
    }
}

static void record_opened(void *context, uint64_t timestamp_ns, bool planned)
{
    struct record_machine *machine = context;
    ASSERT(timestamp_ns >= machine->opened_ns);
    machine->opened_count++;
    machine->opened_ns = timestamp_ns;
    machine->planned_count += planned ? 1 : 0;
    machine->hash = checksum_mix(machine->hash, timestamp_ns);
}

static bool record_due(void *context, uint64_t *due_ns)
{
    struct record_machine *machine = context;
    *due_ns = machine->due_ns;
    return machine->due_set;
}

static void record_tick(void *context, void *record)
{
    (void)context;
    *(struct record_machine_record *)record = (struct record_machine_record){.tick = 1};
}

static uint64_t record_event_hash(void *context)
{
    return ((const struct record_machine *)context)->hash;
}

static size_t record_pack_bound(void *context, uint32_t count)
{
    (void)context;
    return count * sizeof(struct record_machine_record);
}

static size_t record_pack(void *context, void *target, size_t target_bytes, const void *records,
                          uint32_t count, uint64_t base_timestamp_ns)
{
    ASSERT(target_bytes >= record_pack_bound(context, count));
    ASSERT(((const struct record_machine_record *)records)->timestamp_ns == base_timestamp_ns);
    memcpy(target, records, count * sizeof(struct record_machine_record));
    return count * sizeof(struct record_machine_record);
}

static enum status record_unpack(void *context, void *records, uint32_t count, const void *source,
                                 size_t source_bytes, uint64_t base_timestamp_ns)
{
    (void)context;
    (void)base_timestamp_ns;
    if (source_bytes != count * sizeof(struct record_machine_record)) {
        return STATUS_BAD_FORMAT;
    }
    memcpy(records, source, source_bytes);
    return STATUS_OK;
}

struct shard_machine record_machine_of(struct record_machine *machine)
{
    return (struct shard_machine){.context = machine,
                                  .record_bytes = sizeof(struct record_machine_record),
                                  .stamp = record_stamp,
                                  .timestamp_ns = record_timestamp,
                                  .apply = record_apply,
                                  .opened = record_opened,
                                  .due = record_due,
                                  .tick = record_tick,
                                  .event_hash = record_event_hash,
                                  .pack_bound = record_pack_bound,
                                  .pack = record_pack,
                                  .unpack = record_unpack};
}
