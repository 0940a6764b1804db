#include "tools/admin_client.h"

#include <curl/curl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/admin_token.h"
#include "gateway/members.h"
#include "gateway/site_files.h"
#include "matching/base/assertion.h"
#include "replication/io/monotonic.h"
#include "tools/pause.h"

#define ANSWER_BYTES_MAX   (64u * 1024u * 1024u)
#define ATTEMPT_LIMIT_MS   8000L /* The site itself gives up after 5 s. */
#define CONNECT_LIMIT_MS   3000L
#define PAUSE_NS           UINT64_C(200000000)
#define HEADER_BYTES       (ADMIN_TOKEN_BYTES_MAX + 32u)
#define HTTP_UNAVAILABLE   503L
#define HTTP_UNAUTHORIZED  401L
#define ENDPOINT_URL_BYTES (CONFIG_ENDPOINT_BYTES + 64u)

struct admin_client {
    CURL *curl;
    struct curl_slist *headers;
    char config_path[CONFIG_PATH_BYTES];
    char endpoint[CONFIG_ENDPOINT_BYTES];
    char error[ADMIN_CLIENT_ERROR_BYTES];
    char *bytes; /* Of the answer. */
    size_t byte_count;
};

static size_t admin_client_take(char *data, size_t one, size_t count, void *context)
{
    struct admin_client *client = context;
    ASSERT(one == 1);
    if (client->byte_count + count > ANSWER_BYTES_MAX) {
        return 0;
    }
    char *bytes = realloc(client->bytes, client->byte_count + count + 1);
    if (bytes == NULL) {
        return 0;
    }
    memcpy(bytes + client->byte_count, data, count);
    client->bytes = bytes;
    client->byte_count += count;
    client->bytes[client->byte_count] = '\0';
    return count;
}

static enum status admin_client_headers(struct admin_client *client, const char *data, char *error)
{
    char path[CONFIG_PATH_BYTES + 32];
    char token[ADMIN_TOKEN_BYTES_MAX + 1];
    char header[HEADER_BYTES];
    (void)snprintf(path, sizeof path, "%s/" SITE_ADMIN_TOKEN_FILE, data);
    enum status status = admin_token_read(token, path, error, ADMIN_CLIENT_ERROR_BYTES);
    if (status != STATUS_OK) {
        return status;
    }
    (void)snprintf(header, sizeof header, "Authorization: Bearer %s", token);
    client->headers = curl_slist_append(client->headers, header);
    client->headers = curl_slist_append(client->headers, "Content-Type: application/json");
    /* Bodies are small: do not ask before sending them. */
    client->headers = curl_slist_append(client->headers, "Expect:");
    sodium_memzero(token, sizeof token);
    sodium_memzero(header, sizeof header);
    return client->headers != NULL ? STATUS_OK : STATUS_FULL;
}

static void admin_client_prepare(struct admin_client *client)
{
    CURL *curl = client->curl;
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, client->headers);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, admin_client_take);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, client);
    (void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_LIMIT_MS);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, ATTEMPT_LIMIT_MS);
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    /* The token goes to this address and nowhere else: no proxy, no redirection. */
    (void)curl_easy_setopt(curl, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http");
}

enum status admin_client_open(struct admin_client **client, const char *config_path,
                              struct config *config, char error[static ADMIN_CLIENT_ERROR_BYTES])
{
    ASSERT(config_path != NULL);
    static_assert(ADMIN_CLIENT_ERROR_BYTES >= MEMBERS_ERROR_BYTES, "members_read() fills it");

    struct config *read = calloc(1, sizeof *read);
    struct admin_client *made = calloc(1, sizeof *made);
    enum status status = STATUS_FULL;
    (void)snprintf(error, ADMIN_CLIENT_ERROR_BYTES, "too little memory");
    if (read == NULL || made == NULL) {
        goto fail;
    }
    status = members_read(read, config_path, error);
    if (status != STATUS_OK) {
        goto fail;
    }
    const char *port = strrchr(read->listen_admin, ':');
    ASSERT(port != NULL);
    if (strcmp(port, ":0") == 0) {
        (void)snprintf(error, ADMIN_CLIENT_ERROR_BYTES,
                       "%s: listen.admin has port 0, any free one: give it a port of its own",
                       config_path);
        status = STATUS_BAD_ARGUMENT;
        goto fail;
    }
    (void)snprintf(made->endpoint, sizeof made->endpoint, "%s", read->listen_admin);
    (void)snprintf(made->config_path, sizeof made->config_path, "%s", config_path);
    status = admin_client_headers(made, read->data, error);
    if (status != STATUS_OK) {
        goto fail;
    }
    made->curl = curl_easy_init();
    if (made->curl == NULL) {
        status = STATUS_FULL;
        goto fail;
    }
    admin_client_prepare(made);
    if (config != NULL) {
        *config = *read;
    }
    error[0] = '\0';
    free(read);
    *client = made;
    return STATUS_OK;

fail:
    if (made != NULL) {
        curl_slist_free_all(made->headers);
    }
    free(made);
    free(read);
    return status;
}

void admin_client_close(struct admin_client *client)
{
    curl_easy_cleanup(client->curl);
    curl_slist_free_all(client->headers);
    free(client->bytes);
    free(client);
}

static enum status admin_client_failed(struct admin_client *client, CURLcode code)
{
    switch ((int)code) {
    case CURLE_COULDNT_CONNECT:
        (void)snprintf(client->error, sizeof client->error,
                       "nobody listens on %s (listen.admin of %s): is causewayd running?",
                       client->endpoint, client->config_path);
        return STATUS_CLOSED;
    case CURLE_OPERATION_TIMEDOUT:
        (void)snprintf(client->error, sizeof client->error, "no answer from %s in time",
                       client->endpoint);
        return STATUS_TIMEOUT;
    default:
        (void)snprintf(client->error, sizeof client->error, "the connection to %s failed: %s",
                       client->endpoint, curl_easy_strerror(code));
        return STATUS_CLOSED;
    }
}

/* Once. */
static enum status admin_client_try(struct admin_client *client, const char *path, const char *body,
                                    struct admin_client_answer *answer)
{
    char url[ENDPOINT_URL_BYTES];
    (void)snprintf(url, sizeof url, "http://%s%s", client->endpoint, path);
    (void)curl_easy_setopt(client->curl, CURLOPT_URL, url);
    if (body != NULL) {
        (void)curl_easy_setopt(client->curl, CURLOPT_POSTFIELDSIZE, (long)strlen(body));
        (void)curl_easy_setopt(client->curl, CURLOPT_POSTFIELDS, body);
    } else {
        (void)curl_easy_setopt(client->curl, CURLOPT_HTTPGET, 1L);
    }
    client->byte_count = 0;
    CURLcode code = curl_easy_perform(client->curl);
    if (code != CURLE_OK) {
        return admin_client_failed(client, code);
    }
    answer->http_status = 0;
    (void)curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &answer->http_status);
    answer->json =
        json_loadb(client->byte_count > 0 ? client->bytes : "", client->byte_count, 0, NULL);
    if (answer->json == NULL) {
        (void)snprintf(client->error, sizeof client->error,
                       "%s answered HTTP %ld without JSON: is it a site's administration port?",
                       client->endpoint, answer->http_status);
        return STATUS_BAD_FORMAT;
    }
    return STATUS_OK;
}

enum status admin_client_ask(struct admin_client *client, const char *path, const json_t *body,
                             uint64_t patience_ns, struct admin_client_answer *answer)
{
    ASSERT(path[0] == '/');
    char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
    ASSERT((text != NULL) == (body != NULL));
    uint64_t started_ns = monotonic_now_ns();
    enum status status;
    for (;;) {
        memset(answer, 0, sizeof *answer);
        status = admin_client_try(client, path, text, answer);
        bool again = status == STATUS_CLOSED || status == STATUS_TIMEOUT ||
                     (status == STATUS_OK && answer->http_status == HTTP_UNAVAILABLE &&
                      json_is_true(json_object_get(answer->json, "again")));
        uint64_t waited_ns = monotonic_now_ns() - started_ns;
        if (!again || waited_ns + PAUSE_NS > patience_ns) {
            break;
        }
        json_decref(answer->json);
        answer->json = NULL;
        pause_ns(PAUSE_NS);
    }
    free(text);
    return status;
}

const char *admin_client_error(const struct admin_client *client)
{
    return client->error;
}

const char *admin_client_complaint(const struct admin_client_answer *answer)
{
    if (answer->http_status == HTTP_UNAUTHORIZED) {
        return "the site refuses the token: the configuration names another data directory than "
               "the running site has";
    }
    const char *error = json_string_value(json_object_get(answer->json, "error"));
    return error != NULL ? error : "the site answered with something unexpected";
}
