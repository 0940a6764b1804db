#include "tests/support/test_market.h"

#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/credential.h"
#include "gateway/site_files.h"
#include "matching/base/assertion.h"
#include "tests/support/http.h"

#define MARKET_TRY_MS    5
#define MARKET_TRIES_MAX 12000u /* A minute. */

void test_market_token(const struct site_process *site, char token[static 128])
{
    char path[TEST_PATH_BYTES + 64];
    (void)snprintf(path, sizeof path, "%s/data/" SITE_ADMIN_TOKEN_FILE, site->directory);
    FILE *file = fopen(path, "re");
    ASSERT(file != NULL);
    ASSERT(fgets(token, 128, file) != NULL);
    (void)fclose(file);
    token[strcspn(token, "\n")] = '\0';
}

static int test_market_command_to(const struct site_process *site, uint16_t shard_id,
                                  const char *type, uint32_t version, const char *object)
{
    char token[128];
    test_market_token(site, token);
    char body[1024];
    int bytes = snprintf(body, sizeof body,
                         "{\"shard\":%u,\"request_id\":%u,\"expected_version\":%u,\"type\":\"%s\","
                         "\"object\":%s}",
                         shard_id, (randombytes_random() >> 1) | 1u, version, type, object);
    ASSERT(bytes > 0);
    ASSERT((size_t)bytes < sizeof body);
    struct http_response *response = calloc(1, sizeof *response);
    ASSERT(response != NULL);
    int status = 0;
    bool again = true;
    /* While a leader is being elected: the same request, again. */
    for (uint32_t tries = 0; again && tries < MARKET_TRIES_MAX; tries++) {
        http_request(response, site->admin_port, "POST", "/command", token, body);
        status = response->status;
        again = status != 200 && strstr(response->body, "\"again\":true") != NULL;
        if (again) {
            (void)poll(NULL, 0, MARKET_TRY_MS);
        }
    }
    if (status != 200) {
        (void)fprintf(stderr, "%s\n", response->body != NULL ? response->body : "no answer");
    }
    free(response);
    return status;
}

int test_market_command(const struct site_process *site, const char *type, uint32_t version,
                        const char *object)
{
    return test_market_command_to(site, 1, type, version, object);
}

static void market_session(const struct site_process *site, uint16_t shard_id, const char *name,
                           const char *more)
{
    struct credential credential = {.hash_operations = 1, .hash_memory_kib = 64};
    randombytes_buf(credential.salt, sizeof credential.salt);
    uint8_t password[SOUPBIN_PASSWORD_BYTES];
    memset(password, ' ', sizeof password);
    memcpy(password, TEST_MARKET_PASSWORD, strlen(TEST_MARKET_PASSWORD));
    ASSERT(credential_hash(&credential, password) == STATUS_OK);
    char salt[2 * sizeof credential.salt + 1];
    char hash[2 * sizeof credential.hash + 1];
    char object[512];
    (void)snprintf(object, sizeof object,
                   "{\"name\":\"%s\",\"firm\":\"ACME\",\"open_orders_max\":100000,"
                   "%s\"maximum_age_ns\":0,\"hash_operations\":1,\"hash_memory_kib\":64,"
                   "\"salt\":\"%s\",\"hash\":\"%s\"}",
                   name, more,
                   sodium_bin2hex(salt, sizeof salt, credential.salt, sizeof credential.salt),
                   sodium_bin2hex(hash, sizeof hash, credential.hash, sizeof credential.hash));
    ASSERT(test_market_command_to(site, shard_id, "session_set", 0, object) == 200);
}

static void market_firm(const struct site_process *site, uint16_t shard_id)
{
    ASSERT(test_market_command_to(site, shard_id, "firm_set", 0,
                                  "{\"name\":\"ACME\",\"enabled\":true}") == 200);
}

static void market_instrument(const struct site_process *site, uint16_t shard_id,
                              const char *symbol, int64_t price_min, int64_t price_max)
{
    char object[512];
    (void)snprintf(object, sizeof object,
                   "{\"symbol\":\"%s\",\"tick_size\":100,\"price_min\":%lld,\"price_max\":%lld,"
                   "\"quantity_lots_max\":1000000,\"price_decimals\":4,\"quantity_decimals\":0,"
                   "\"state\":\"open\",\"equity\":true}",
                   symbol, (long long)price_min, (long long)price_max);
    ASSERT(test_market_command_to(site, shard_id, "instrument_set", 0, object) == 200);
}

void test_market_apply_to(const struct site_process *site, uint16_t shard_id, const char *session)
{
    ASSERT(sodium_init() >= 0);
    market_firm(site, shard_id);
    market_instrument(site, shard_id, "TEST", 100, 1000000000);
    market_session(site, shard_id, session, "");
}

void test_market_session(const struct site_process *site, const char *name)
{
    market_session(site, 1, name, "");
}

void test_market_session_grace(const struct site_process *site, const char *name, uint32_t grace_ms)
{
    char more[64];
    (void)snprintf(more, sizeof more, "\"cancel_on_disconnect\":true,\"grace_ms\":%u,", grace_ms);
    market_session(site, 1, name, more);
}

void test_market_firm(const struct site_process *site)
{
    market_firm(site, 1);
}

void test_market_instrument(const struct site_process *site, const char *symbol, int64_t price_min,
                            int64_t price_max)
{
    market_instrument(site, 1, symbol, price_min, price_max);
}

char *test_market_get(const struct site_process *site, const char *path)
{
    char token[128];
    test_market_token(site, token);
    struct http_response *response = calloc(1, sizeof *response);
    ASSERT(response != NULL);
    http_request(response, site->admin_port, "GET", path, token, NULL);
    ASSERT(response->status == 200);
    char *text = strdup(response->body);
    ASSERT(text != NULL);
    free(response);
    return text;
}

void test_market_apply(const struct site_process *site)
{
    static const char *const sessions[] = {"ALICE", "BOB",   "CAROL", "DAVE", "ERIN",
                                           "FRANK", "GRACE", "HEIDI", "IVAN", "JUDY"};
    ASSERT(sodium_init() >= 0);
    test_market_firm(site);
    test_market_instrument(site, "TEST", 100, 1000000000);
    for (size_t i = 0; i < sizeof sessions / sizeof sessions[0]; i++) {
        test_market_session(site, sessions[i]);
    }
}
