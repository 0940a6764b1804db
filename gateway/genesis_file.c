#include "gateway/genesis_file.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "gateway/data_file.h"
#include "gateway/site_files.h"
#include "matching/base/assertion.h"

#define GENESIS_FILE_HEAD       "causeway genesis "
#define GENESIS_FILE_FIRST      GENESIS_FILE_HEAD "1\n"
#define GENESIS_FILE_HASH       "hash "
#define GENESIS_FILE_HASH_BYTES (sizeof GENESIS_FILE_HASH - 1 + 2 * GENESIS_HASH_BYTES + 1)
#define GENESIS_FILE_PATH_BYTES (CONFIG_PATH_BYTES + 32u)

static void genesis_file_hash_line(char line[static GENESIS_FILE_HASH_BYTES + 1],
                                   const struct genesis *genesis)
{
    char hex[2 * GENESIS_HASH_BYTES + 1];
    (void)sodium_bin2hex(hex, sizeof hex, genesis->hash, GENESIS_HASH_BYTES);
    int bytes = snprintf(line, GENESIS_FILE_HASH_BYTES + 1, GENESIS_FILE_HASH "%s\n", hex);
    ASSERT(bytes == (int)GENESIS_FILE_HASH_BYTES);
}

/* What the file holds stands in `genesis->text`. STATUS_DAMAGED: not what genesis_file_write()
 * wrote. */
static enum status genesis_file_parse(struct genesis *genesis, size_t bytes)
{
    char line[GENESIS_FILE_HASH_BYTES + 1];
    char said[GENESIS_FILE_HASH_BYTES];
    char *text = genesis->text;
    if (bytes <= sizeof GENESIS_FILE_FIRST - 1 + GENESIS_FILE_HASH_BYTES ||
        bytes == GENESIS_TEXT_BYTES || memchr(text, '\0', bytes) != NULL ||
        strncmp(text, GENESIS_FILE_HEAD, sizeof GENESIS_FILE_HEAD - 1) != 0) {
        return STATUS_DAMAGED;
    }
    if (strncmp(text, GENESIS_FILE_FIRST, sizeof GENESIS_FILE_FIRST - 1) != 0) {
        return STATUS_BAD_VERSION;
    }
    size_t text_bytes = bytes - GENESIS_FILE_HASH_BYTES;
    memcpy(said, text + text_bytes, GENESIS_FILE_HASH_BYTES);
    text[text_bytes] = '\0';
    genesis_seal(genesis);
    genesis_file_hash_line(line, genesis);
    return memcmp(said, line, GENESIS_FILE_HASH_BYTES) == 0 ? STATUS_OK : STATUS_DAMAGED;
}

static enum status genesis_file_load(struct genesis *genesis, const char *path)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return errno == ENOENT || errno == ENOTDIR ? STATUS_NOT_FOUND : STATUS_DENIED;
    }
    size_t bytes = fread(genesis->text, 1, GENESIS_TEXT_BYTES, file);
    bool failed = ferror(file) != 0;
    (void)fclose(file);
    return failed ? STATUS_DENIED : genesis_file_parse(genesis, bytes);
}

enum status genesis_file_read(struct genesis *genesis, const char *directory,
                              char error[static GENESIS_FILE_ERROR_BYTES])
{
    char path[GENESIS_FILE_PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/" SITE_GENESIS_FILE, directory);
    error[0] = '\0';
    enum status status = genesis_file_load(genesis, path);
    if (status == STATUS_BAD_VERSION) {
        (void)snprintf(error, GENESIS_FILE_ERROR_BYTES,
                       "%s is of a version that this program does not speak; use the program that "
                       "wrote it",
                       path);
    } else if (status != STATUS_OK && status != STATUS_NOT_FOUND) {
        (void)snprintf(error, GENESIS_FILE_ERROR_BYTES,
                       "%s cannot be read, or does not hold what this site wrote there: it says "
                       "what the cluster began with; copy it from another site of the cluster",
                       path);
    }
    return status;
}

enum status genesis_file_check(const struct config *config, const struct genesis *genesis,
                               bool *kept, char error[static GENESIS_FILE_ERROR_BYTES])
{
    struct genesis began;
    char difference[GENESIS_DIFFERENCE_BYTES];
    ASSERT(genesis->text[0] != '\0');
    enum status status = genesis_file_read(&began, config->data, error);
    *kept = status == STATUS_OK;
    if (status != STATUS_OK) {
        return status == STATUS_NOT_FOUND ? STATUS_OK : status;
    }
    if (genesis_equal(&began, genesis, difference)) {
        return STATUS_OK;
    }
    (void)snprintf(error, GENESIS_FILE_ERROR_BYTES,
                   "bootstrap: %s. What stands there was used once and, but for addresses, is not "
                   "changed by editing: put it back as the file " SITE_GENESIS_FILE
                   " in the data directory has it. Members, roles and commit_providers change with "
                   "`causeway site`, at all sites together. Only where the journal still holds "
                   "nothing may that file be removed, to begin otherwise",
                   difference);
    return STATUS_FOREIGN;
}

enum status genesis_file_write(const struct genesis *genesis, const char *directory,
                               char error[static GENESIS_FILE_ERROR_BYTES])
{
    char text[GENESIS_TEXT_BYTES];
    char line[GENESIS_FILE_HASH_BYTES + 1];
    struct journal_error why = {""};
    ASSERT(strncmp(genesis->text, GENESIS_FILE_FIRST, sizeof GENESIS_FILE_FIRST - 1) == 0);
    genesis_file_hash_line(line, genesis);
    int bytes = snprintf(text, sizeof text, "%s%s", genesis->text, line);
    ASSERT(bytes > 0 && (size_t)bytes < sizeof text);
    enum status status = data_file_write(directory, SITE_GENESIS_FILE, text, &why);
    if (status != STATUS_OK) {
        memcpy(error, why.text, sizeof why.text);
    }
    return status;
}
