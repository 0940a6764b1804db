#include "tests/support/changed_past.h"

#include <stdio.h>
#include <string.h>

#include "gateway/config.h"
#include "gateway/market_snapshot.h"
#include "gateway/site_files.h"
#include "gateway/site_market.h"
#include "replication/key_store.h"
#include "replication/snapshot_store.h"
#include "tests/support/cmocka_all.h"

void changed_past_make(const struct site_process *site, uint64_t request_id)
{
    static struct config config;
    char error[CONFIG_ERROR_BYTES];
    char key_error[KEY_STORE_ERROR_BYTES];
    char path[CONFIG_PATH_BYTES + 32];
    char directory[CONFIG_PATH_BYTES + 32];
    uint64_t log_indexes[SNAPSHOT_KEPT_MAX];
    struct segment_signer *signer = NULL;
    struct segment_verifier verifier;
    struct snapshot_store *store = NULL;
    struct market_snapshot *snapshot = NULL;
    struct site_market_body body;
    struct snapshot_manifest facts;
    assert_int_equal(config_read(&config, site->config, error), STATUS_OK);
    (void)snprintf(path, sizeof path, "%s/" SITE_KEY_FILE, config.data);
    (void)snprintf(directory, sizeof directory, "%s/" SITE_SNAPSHOTS_DIRECTORY, config.data);
    assert_int_equal(key_store_read(&signer, path, key_error), STATUS_OK);
    key_store_verifier(&verifier, signer);
    const struct snapshot_store_options options = {.directory = directory,
                                                   .cluster_id = segment_cluster_id("test"),
                                                   .signer = signer,
                                                   .verifiers = &verifier,
                                                   .verifier_count = 1};
    assert_int_equal(snapshot_store_open(&store, &options), STATUS_OK);
    assert_true(snapshot_store_list(store, 1, log_indexes) >= 2);
    assert_int_equal(market_snapshot_create(&snapshot), STATUS_OK);
    (void)snprintf(path, sizeof path, "%s/" SITE_STREAM_NEXT_FILE, config.data, 1);
    assert_int_equal(site_market_body_make(&body, &config, path), STATUS_OK);
    assert_int_equal(market_snapshot_load(snapshot, store, 1, log_indexes[0], body.engine,
                                          body.streams, config.tuning.sessions_max, &facts),
                     STATUS_OK);
    static struct event events[EVENT_BATCH_MAX];
    struct event_batch batch = {.events = events, .capacity = EVENT_BATCH_MAX};
    struct command command = {.type = COMMAND_FIRM_SET,
                              .timestamp_ns = facts.last_timestamp_ns,
                              .input_number = request_id};
    memcpy(command.body.firm.name, "EVIL", 4);
    uint64_t hash = engine_event_hash(body.engine);
    assert_int_equal(engine_apply(body.engine, &command, &batch), STATUS_OK);
    assert_true(engine_event_hash(body.engine) != hash);
    uint32_t removed = 0;
    assert_int_equal(snapshot_store_set_aside(store, 1, log_indexes[0], &removed), STATUS_OK);
    enum status status = market_snapshot_start(snapshot, store, &facts, body.engine, body.streams,
                                               config.tuning.sessions_max);
    assert_int_equal(status, STATUS_OK);
    do {
        status = market_snapshot_step(snapshot);
    } while (status == STATUS_MORE);
    assert_int_equal(status, STATUS_OK);
    site_market_body_free(&body);
    market_snapshot_destroy(snapshot);
    snapshot_store_close(store);
    key_store_release(signer);
}
