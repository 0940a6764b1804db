/* Any bytes as the body of POST /command: read without harm, and what is accepted reads back equal
 * after it has been written again. */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/admin_json.h"
#include "gateway/admin_read.h"
#include "matching/base/assertion.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct command command;
    uint16_t shard_id = 0;
    char error[ADMIN_READ_ERROR_BYTES];
    if (admin_read_command(&command, &shard_id, (const char *)data, size, error) != STATUS_OK) {
        ASSERT(error[0] != '\0');
        return 0;
    }
    json_t *json = admin_json_from_command(&command, shard_id);
    ASSERT(json != NULL);
    char *text = json_dumps(json, 0);
    ASSERT(text != NULL);
    struct command again;
    uint16_t shard_again = 0;
    ASSERT(admin_read_command(&again, &shard_again, text, strlen(text), error) == STATUS_OK);
    ASSERT(shard_again == shard_id);
    ASSERT(memcmp(&again, &command, sizeof again) == 0);
    free(text);
    json_decref(json);
    return 0;
}
