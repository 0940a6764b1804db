/* Two ways in: the input is a batch of records, which must come back exactly; or it is packed
 * bytes, which must unpack within bounds, and what they unpack to must come back exactly. */
#include "matching/command_columns.h"

#include <stdlib.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "matching/base/limits.h"

#define COMMANDS_MAX 64u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_exact(const struct command *commands, uint32_t count, uint64_t base,
                        struct command_columns_scratch *scratch)
{
    static uint8_t packed[COMMANDS_MAX * 160 + 2048];
    static struct command unpacked[COMMANDS_MAX];
    size_t bytes = 0;
    command_columns_pack(packed, sizeof packed, &bytes, commands, count, base, scratch);
    enum status status = command_columns_unpack(unpacked, count, packed, bytes, base, scratch);
    ASSERT(status == STATUS_OK);
    ASSERT(memcmp(unpacked, commands, count * sizeof commands[0]) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct command_columns_scratch *scratch;
    static struct command commands[COMMANDS_MAX];
    if (scratch == NULL) {
        scratch = malloc(command_columns_scratch_bytes());
        ASSERT(scratch != NULL);
    }
    if (size < 10) {
        return 0;
    }
    uint32_t count = 1 + data[0] % COMMANDS_MAX;
    uint64_t base;
    memcpy(&base, data + 1, sizeof base);
    if (data[9] % 2 == 0) {
        memset(commands, 0, sizeof commands);
        size_t bytes =
            size - 10 < count * sizeof commands[0] ? size - 10 : count * sizeof commands[0];
        memcpy(commands, data + 10, bytes);
        check_exact(commands, count, base, scratch);
    } else if (command_columns_unpack(commands, count, data + 10, size - 10, base, scratch) ==
               STATUS_OK) {
        check_exact(commands, count, base, scratch);
    }
    return 0;
}
