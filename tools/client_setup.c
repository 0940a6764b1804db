#include "tools/client_setup.h"

#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "matching/base/assertion.h"

static enum status client_setup_fail(char *error, enum status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static enum status client_setup_fail(char *error, enum status status, const char *format, ...)
{
    ASSERT(status != STATUS_OK);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(error, CLIENT_SETUP_ERROR_BYTES, format, arguments);
    va_end(arguments);
    return status;
}

static enum status client_setup_endpoint(struct client_setup *setup,
                                         const struct client_setup_options *options, char *error)
{
    if (options->connect != NULL) {
        if (strlen(options->connect) >= sizeof setup->endpoint) {
            return client_setup_fail(error, STATUS_BAD_ARGUMENT, "--connect: too long");
        }
        (void)snprintf(setup->endpoint, sizeof setup->endpoint, "%s", options->connect);
        return STATUS_OK;
    }
    if (options->config_path == NULL) {
        return client_setup_fail(error, STATUS_BAD_ARGUMENT,
                                 "where is the exchange? Give --config FILE or --connect "
                                 "ADDR:PORT");
    }
    struct config *config = malloc(sizeof *config);
    if (config == NULL) {
        return client_setup_fail(error, STATUS_FULL, "no memory");
    }
    static_assert(CONFIG_ERROR_BYTES <= CLIENT_SETUP_ERROR_BYTES, "the sentence fits");
    enum status status = config_read(config, options->config_path, error);
    if (status == STATUS_OK) {
        memcpy(setup->endpoint, config->listen_ouch, sizeof setup->endpoint);
    }
    free(config);
    return status;
}

/* The shard asked for; NULL: the file has none of that id. */
static const struct market_file_shard *client_setup_shard(const struct market_file *market,
                                                          uint16_t shard_id)
{
    for (uint32_t i = 0; i < market->shard_count; i++) {
        if (shard_id == 0 || market->shards[i].shard_id == shard_id) {
            return &market->shards[i];
        }
    }
    return NULL;
}

static enum status client_setup_market(struct client_setup *setup, const char *path,
                                       uint16_t shard_id, char *error)
{
    if (path == NULL) {
        return client_setup_fail(error, STATUS_BAD_ARGUMENT,
                                 "who trades? Give --market FILE: the market file with the "
                                 "sessions and their passwords");
    }
    static_assert(MARKET_FILE_ERROR_BYTES <= CLIENT_SETUP_ERROR_BYTES, "the sentence fits");
    enum status status = market_file_read(&setup->market, path, error);
    if (status != STATUS_OK) {
        return status;
    }
    const struct market_file_shard *shard = client_setup_shard(&setup->market, shard_id);
    setup->shard = shard;
    if (shard == NULL || shard->instrument_count == 0) {
        market_file_free(&setup->market);
        return client_setup_fail(error, STATUS_BAD_ARGUMENT, "%s: %s", path,
                                 shard == NULL ? "there is no such shard in it"
                                               : "its shard has no instrument");
    }
    setup->symbols = calloc(shard->instrument_count, sizeof *setup->symbols);
    if (setup->symbols == NULL) {
        market_file_free(&setup->market);
        return client_setup_fail(error, STATUS_FULL, "no memory");
    }
    for (uint32_t i = 0; i < shard->instrument_count; i++) {
        memcpy(setup->symbols[i], shard->instruments[i].terms.symbol, SYMBOL_BYTES);
    }
    return STATUS_OK;
}

enum status client_setup_open(struct client_setup *setup,
                              const struct client_setup_options *options,
                              char error[static CLIENT_SETUP_ERROR_BYTES])
{
    memset(setup, 0, sizeof *setup);
    enum status status = client_setup_endpoint(setup, options, error);
    return status == STATUS_OK
               ? client_setup_market(setup, options->market_path, options->shard_id, error)
               : status;
}

void client_setup_close(struct client_setup *setup)
{
    market_file_free(&setup->market);
    free(setup->symbols);
    memset(setup, 0, sizeof *setup);
}

/* A padded name as text. */
static void client_setup_text(char *target, const uint8_t *padded, size_t bytes)
{
    memcpy(target, padded, bytes);
    while (bytes > 0 && target[bytes - 1] == ' ') {
        bytes--;
    }
    target[bytes] = '\0';
}

static enum status client_setup_sessions(const struct client_setup *setup, uint32_t session_count,
                                         struct ouch_client *client, char *error)
{
    uint32_t added = 0;
    for (uint32_t i = 0; i < setup->shard->session_count && added < session_count; i++) {
        const struct market_file_session *session = &setup->shard->sessions[i];
        char name[SESSION_NAME_BYTES + 1];
        char password[SOUPBIN_PASSWORD_BYTES + 1];
        if (!session->password_given) {
            continue;
        }
        client_setup_text(name, session->terms.name, SESSION_NAME_BYTES);
        client_setup_text(password, session->password, SOUPBIN_PASSWORD_BYTES);
        uint32_t index;
        enum status status = ouch_client_session_add(client, name, password, &index);
        sodium_memzero(password, sizeof password);
        if (status != STATUS_OK) {
            return client_setup_fail(error, status, "no memory for session %s", name);
        }
        added++;
    }
    if (added < session_count) {
        return client_setup_fail(error, STATUS_BAD_ARGUMENT,
                                 "the market file has %u sessions with passwords, not %u", added,
                                 session_count);
    }
    return STATUS_OK;
}

enum status client_setup_client(const struct client_setup *setup,
                                struct ouch_client_options options, uint32_t session_count,
                                struct ouch_client **client,
                                char error[static CLIENT_SETUP_ERROR_BYTES])
{
    ASSERT(session_count > 0);
    options.endpoint = setup->endpoint;
    options.sessions_max = session_count;
    enum status status = ouch_client_create(client, &options);
    if (status != STATUS_OK) {
        return client_setup_fail(error, status, "the client does not start: %s",
                                 status_text(status));
    }
    status = client_setup_sessions(setup, session_count, *client, error);
    if (status != STATUS_OK) {
        ouch_client_destroy(*client);
        *client = NULL;
    }
    return status;
}

enum status client_setup_instrument(const struct client_setup *setup, const char *symbol,
                                    uint32_t *instrument)
{
    uint8_t padded[SYMBOL_BYTES];
    size_t bytes = strlen(symbol);
    if (bytes > SYMBOL_BYTES) {
        return STATUS_NOT_FOUND;
    }
    memset(padded, ' ', sizeof padded);
    memcpy(padded, symbol, bytes);
    for (uint32_t i = 0; i < setup->shard->instrument_count; i++) {
        if (memcmp(setup->symbols[i], padded, sizeof padded) == 0) {
            *instrument = i;
            return STATUS_OK;
        }
    }
    return STATUS_NOT_FOUND;
}
