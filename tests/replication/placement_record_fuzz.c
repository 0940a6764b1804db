/* Any bytes: refused, or a record that is stored again as the same bytes. */
#include "replication/placement_record.h"

#include <string.h>

#include "matching/base/assertion.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct placement_record record;
    if (placement_record_load(&record, data, size) == STATUS_OK) {
        uint8_t again[PLACEMENT_RECORD_BYTES];
        placement_record_store(again, &record);
        ASSERT(size == sizeof again);
        ASSERT(memcmp(again, data, size) == 0);
    }
    return 0;
}
