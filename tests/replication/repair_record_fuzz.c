/* Any bytes: refused, or a repair that is stored again as the same bytes. */

#include "replication/repair_record.h"

#include <string.h>

#include "matching/base/assertion.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct repair repair;
    if (repair_record_load(&repair, data, size) == STATUS_OK) {
        uint8_t again[REPAIR_RECORD_BYTES];
        repair_record_store(again, &repair);
        ASSERT(size == sizeof again);
        ASSERT(memcmp(again, data, size) == 0);
    }
    return 0;
}
