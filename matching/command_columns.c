#include "matching/command_columns.h"

#include "matching/base/assertion.h"
#include "matching/command_columns_batch.h"
struct command_columns_scratch {
    struct column_batch batch;
};

size_t command_columns_scratch_bytes(void)
{
    return sizeof(struct command_columns_scratch);
}

size_t command_columns_bound(uint32_t count)
{
    static_assert(SEGMENT_COMMANDS_MAX * sizeof(struct command) +
                          2 * COLUMN_BATCH_HEADER_BYTES_MAX <=
                      SEGMENT_RAW_BYTES_MAX,
                  "what packs to the bound is a valid payload");
    ASSERT(count <= SEGMENT_COMMANDS_MAX);
    return count * sizeof(struct command) + 2 * (size_t)COLUMN_BATCH_HEADER_BYTES_MAX;
}

void command_columns_pack(void *target, size_t target_bytes, size_t *packed_bytes,
                          const struct command *commands, uint32_t count,
                          uint64_t base_timestamp_ns, struct command_columns_scratch *scratch)
{
    ASSERT(count >= 1);
    ASSERT(target_bytes >= command_columns_bound(count));
    *packed_bytes =
        command_columns_pack_batch(&scratch->batch, target, commands, count, base_timestamp_ns);
    ASSERT(*packed_bytes > 0);
    ASSERT(*packed_bytes <= target_bytes);
}

enum status command_columns_unpack(struct command *commands, uint32_t count, const void *source,
                                   size_t source_bytes, uint64_t base_timestamp_ns,
                                   struct command_columns_scratch *scratch)
{
    ASSERT(count >= 1);
    ASSERT(count <= SEGMENT_COMMANDS_MAX);
    return command_columns_unpack_batch(&scratch->batch, commands, count, source, source_bytes,
                                        base_timestamp_ns);
}
