#include "gateway/site_genesis.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gateway/genesis_file.h"
#include "gateway/site_failure.h"
#include "gateway/site_files.h"
#include "matching/base/assertion.h"

static_assert(SITE_GENESIS_ERROR_BYTES >= GENESIS_FILE_ERROR_BYTES, "a sentence fits");
static_assert(SITE_GENESIS_ERROR_BYTES >= SITE_FAILURE_BYTES, "a sentence fits");

/* The genesis of a site alone need not name its journal. */
static enum status site_genesis_complete(struct config *config, char *error)
{
    struct config_site *own = &config->sites[config->site_index];
    if (own->incarnation_set) {
        return STATUS_OK;
    }
    char path[CONFIG_PATH_BYTES + 32];
    (void)snprintf(path, sizeof path, "%s/" SITE_JOURNAL_DIRECTORY, config->data);
    struct journal_id id;
    struct journal_error why = {""};
    int descriptor;
    enum status status = journal_id_open(&id, &descriptor, path, false, &why);
    if (status != STATUS_OK) {
        site_failure_journal(error, status, why.text);
        return status;
    }
    (void)close(descriptor);
    own->incarnation_set = true;
    memcpy(own->incarnation, id.incarnation, sizeof own->incarnation);
    config->genesis[config->site_index] = *own;
    return STATUS_OK;
}

enum status site_genesis_check(struct site_genesis *began, struct config *config,
                               char error[static SITE_GENESIS_ERROR_BYTES])
{
    ASSERT(config->genesis_count >= 1);
    ASSERT(config->site_index < config->site_count);
    enum status status = site_genesis_complete(config, error);
    if (status == STATUS_OK) {
        genesis_of(&began->genesis, config);
        status = genesis_file_check(config, &began->genesis, &began->kept, error);
    }
    if (status == STATUS_OK && !began->kept && config->site_index >= config->genesis_count) {
        /* `site add` keeps the genesis before the configuration names it, and this site is none of
         * it: it would begin as a cluster of its own under the other one's members. */
        (void)snprintf(error, SITE_GENESIS_ERROR_BYTES,
                       "%s/" SITE_GENESIS_FILE " is missing, and this site is not among those of "
                       "bootstrap: `causeway site add` was stopped before it was done: run it "
                       "again. Where this site has been started before, copy the file from another "
                       "one: it is the same at all sites of a cluster",
                       config->data);
        status = STATUS_DAMAGED;
    }
    return status;
}

/* Also of shards that the configuration does not name. */
static bool site_genesis_empty(const struct journal *journal)
{
    bool empty = true;
    for (uint16_t shard_id = 1; shard_id <= SHARDS_MAX; shard_id++) {
        struct journal_tail tail;
        journal_persisted(journal, shard_id, &tail);
        empty = empty && tail.last_log_index == 0 && tail.term == 0;
    }
    return empty;
}

enum status site_genesis_judge(const struct site_genesis *began, const struct config *config,
                               const struct journal *journal,
                               char error[static SITE_GENESIS_ERROR_BYTES])
{
    ASSERT(journal != NULL);
    if (began->kept || site_genesis_empty(journal)) {
        return STATUS_OK;
    }
    (void)snprintf(error, SITE_GENESIS_ERROR_BYTES,
                   "%s/" SITE_GENESIS_FILE " is missing, though the journal beside it is not "
                   "empty: nothing says what this site began with. The file is the same at all "
                   "sites of a cluster: copy it from another one; a directory made by an earlier "
                   "version has none, and its site joins as a new one (`causeway init`, `causeway "
                   "site add`)",
                   config->data);
    return STATUS_DAMAGED;
}

enum status site_genesis_keep(struct site_genesis *began, const struct config *config,
                              char error[static SITE_GENESIS_ERROR_BYTES])
{
    ASSERT(began->genesis.text[0] != '\0');
    if (began->kept) {
        return STATUS_OK;
    }
    enum status status = genesis_file_write(&began->genesis, config->data, error);
    began->kept = status == STATUS_OK;
    return status;
}
