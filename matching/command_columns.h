/* Commands to compressible bytes and back: a pure column transform, without any state between
 * calls.
 *
 * Records are split by field and delta-coded against what the batch itself makes predictable (the
 * record before, the session's or channel's last number), so that a general compressor behind it
 * finds long runs of zeros. Exact: unpack(pack(x)) == x for every batch of valid-layout commands,
 * reserved bytes included. Layout: replication/protocol.md, "Command columns". */
#ifndef MATCHING_COMMAND_COLUMNS_H
#define MATCHING_COMMAND_COLUMNS_H

#include <stddef.h>
#include <stdint.h>

#include "matching/base/status.h"
#include "matching/command.h"

/* Working memory of one call, so that the transform itself stays pure: owned by the caller, content
 * meaningless between calls. */
struct command_columns_scratch;
size_t command_columns_scratch_bytes(void);

/* Largest output of command_columns_pack() for `count` commands. */
size_t command_columns_bound(uint32_t count);

/* Pack `count` (1 .. SEGMENT_COMMANDS_MAX) commands into `target`; `*packed_bytes` is set.
 * Timestamps are coded relative to `base_timestamp_ns`. Asserts: target_bytes >=
 * command_columns_bound(count). Commands of an unknown type pack as raw bytes: the transform judges
 * nothing. */
void command_columns_pack(void *target, size_t target_bytes, size_t *packed_bytes,
                          const struct command *commands, uint32_t count,
                          uint64_t base_timestamp_ns, struct command_columns_scratch *scratch);

/* The inverse. `source` may hold any bytes: STATUS_BAD_FORMAT when it is not exactly the packed
 * form of `count` commands; then `commands` is unspecified. Never reads or writes out of bounds. */
MUST_USE enum status command_columns_unpack(struct command *commands, uint32_t count,
                                            const void *source, size_t source_bytes,
                                            uint64_t base_timestamp_ns,
                                            struct command_columns_scratch *scratch);

#endif
