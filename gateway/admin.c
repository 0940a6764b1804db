#include "gateway/admin.h"

#include <microhttpd.h>
#include <poll.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/admin_gather.h"
#include "gateway/admin_json.h"
#include "gateway/admin_membership.h"
#include "gateway/admin_read.h"
#include "gateway/admin_reply.h"
#include "gateway/admin_token.h"
#include "gateway/log.h"
#include "gateway/metrics.h"
#include "matching/base/assertion.h"
#include "replication/io/io_socket.h"
#include "replication/io/monotonic.h"

#define ADMIN_IDLE_LIMIT_S       15u           /* Silent connections are closed. */
#define ADMIN_CONNECTION_BYTES   (32u * 1024u) /* Headers included; more: 431. */
#define ADMIN_SLOT_BITS          8u
#define ADMIN_NANOSECONDS_PER_MS UINT64_C(1000000)

static_assert(ADMIN_EXCHANGES_MAX <= 1u << ADMIN_SLOT_BITS, "a slot fits into a ticket");
static_assert(ADMIN_EXCHANGES_MAX * ADMIN_GATHER_WINDOW <= ADMIN_LINK_REQUESTS_MAX / 2,
              "late answers of exchanges that timed out have room besides");

enum admin_page {
    ADMIN_PAGE_STATUS,
    ADMIN_PAGE_METRICS,
    ADMIN_PAGE_MARKET,
    ADMIN_PAGE_COMMAND,
    ADMIN_PAGE_MEMBERSHIP,
    ADMIN_PAGE_CHANGE
};

/* One HTTP request under way. */
struct admin_exchange {
    struct admin *admin;
    struct MHD_Connection *connection;
    uint64_t serial; /* Part of its tickets; 0: free. */
    enum admin_page page;
    bool started;   /* The whole request is there, the loop has been asked. */
    bool suspended; /* Waits for the loop. */
    bool timed_out;
    bool body_too_large;
    uint64_t due_ns;
    struct admin_gather gather;
    size_t body_bytes;
    char body[ADMIN_BODY_BYTES_MAX];
};

struct admin {
    struct admin_link *link;
    struct MHD_Daemon *daemon;
    struct admin_token token;
    struct metrics_admin counts;
    uint64_t timeout_ns;
    uint64_t serial_last;
    int listener;
    uint16_t port;
    atomic_bool stopping;
    pthread_t thread;
    struct admin_exchange exchanges[ADMIN_EXCHANGES_MAX];
};

static enum MHD_Result admin_respond_command(struct admin_exchange *exchange)
{
    const struct event *event = &exchange->gather.event;
    unsigned http_status = 0;
    const char *result = admin_json_result(event->reason, &http_status);
    char peer[ADMIN_REPLY_PEER_BYTES];
    admin_reply_peer(peer, exchange->connection);
    log_line(LOG_LEVEL_INFO, "administration",
             "peer=%s type=%s shard=%u request=%llu result=%s version=%u", peer,
             admin_json_type_text(exchange->gather.command.type), exchange->gather.shard_id,
             (unsigned long long)event->match_number, result != NULL ? result : "none",
             event->user_reference);
    return admin_reply_json(exchange->connection, http_status, admin_json_administration(event));
}

static enum MHD_Result admin_respond_change(struct admin_exchange *exchange)
{
    const struct admin_gather *gather = &exchange->gather;
    unsigned http_status = 0;
    char peer[ADMIN_REPLY_PEER_BYTES];
    json_t *json = admin_change_json(&gather->result, &http_status);
    admin_reply_peer(peer, exchange->connection);
    log_line(LOG_LEVEL_INFO, "membership-change", "peer=%s kind=%d shard=%u result=%s", peer,
             (int)gather->change.what, gather->change.shard_id,
             json_string_value(json_object_get(json, "result")));
    return admin_reply_json(exchange->connection, http_status, json);
}

static enum MHD_Result admin_respond_failure(struct admin_exchange *exchange)
{
    struct MHD_Connection *connection = exchange->connection;
    enum status status = exchange->gather.status;
    if (exchange->timed_out || status == STATUS_TIMEOUT) {
        exchange->admin->counts.timeouts++;
        return admin_reply_error(connection, MHD_HTTP_SERVICE_UNAVAILABLE, true,
                                 exchange->page == ADMIN_PAGE_COMMAND
                                     ? "no answer in time: the command may still be executed; "
                                       "send it again with the same request_id"
                                     : "no answer in time: the site is busy or starting");
    }
    if (status == STATUS_NOT_FOUND) {
        return admin_reply_error(connection, MHD_HTTP_NOT_FOUND, false, "no such shard here");
    }
    if (status == STATUS_NOT_YET) {
        return admin_reply_error(connection, MHD_HTTP_SERVICE_UNAVAILABLE, true,
                                 "the shard takes no commands now: it is starting, has no quorum "
                                 "or is led elsewhere");
    }
    if (status == STATUS_FOREIGN) {
        return admin_reply_error(connection, MHD_HTTP_SERVICE_UNAVAILABLE, false,
                                 "the shard has halted here and takes nothing any more: /status "
                                 "says why; another site may take it");
    }
    return admin_reply_error(connection, MHD_HTTP_SERVICE_UNAVAILABLE, true,
                             "the site is too busy to take this now");
}

static enum MHD_Result admin_respond_result(struct admin_exchange *exchange)
{
    struct admin_gather *gather = &exchange->gather;
    if (!gather->done || gather->status != STATUS_OK) {
        return admin_respond_failure(exchange);
    }
    switch (exchange->page) {
    case ADMIN_PAGE_STATUS:
        return admin_reply_json(exchange->connection, MHD_HTTP_OK,
                                admin_json_status(&gather->site, gather->shards));
    case ADMIN_PAGE_METRICS:
        return admin_reply_text(
            exchange->connection, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8",
            metrics_text(&gather->site, gather->shards, &exchange->admin->counts));
    case ADMIN_PAGE_MARKET:
        return admin_reply_json(exchange->connection, MHD_HTTP_OK,
                                json_pack("{s:s, s:s, s:O}", "cluster", gather->site.cluster,
                                          "site", gather->site.site, "shards", gather->market));
    case ADMIN_PAGE_COMMAND:
        return admin_respond_command(exchange);
    case ADMIN_PAGE_MEMBERSHIP:
        return admin_reply_json(exchange->connection, MHD_HTTP_OK,
                                admin_membership_json(&gather->site, gather->shards));
    case ADMIN_PAGE_CHANGE:
        return admin_respond_change(exchange);
    }
    ASSERT(false);
    return MHD_NO;
}

/* Send what the exchange may ask now. False: too many requests are under way. */
static bool admin_ask(struct admin_exchange *exchange)
{
    struct admin *admin = exchange->admin;
    struct admin_request request;
    bool asked = false;
    bool room = true;
    while (room && admin_gather_next(&exchange->gather, &request)) {
        request.ticket =
            exchange->serial << ADMIN_SLOT_BITS | (uint64_t)(exchange - admin->exchanges);
        room = admin_link_send(admin->link, &request) == STATUS_OK;
        asked = true;
    }
    if (asked) {
        admin_link_wake_loop(admin->link);
    }
    return room;
}

/* What the body asks for. False: `error` says what is wrong with it. */
static bool admin_begin_gather(struct admin_exchange *exchange,
                               char error[static ADMIN_READ_ERROR_BYTES])
{
    struct admin_gather *gather = &exchange->gather;
    struct admin_change change;
    struct command command;
    uint16_t shard_id = 0;
    static_assert(ADMIN_READ_ERROR_BYTES >= ADMIN_CHANGE_ERROR_BYTES, "a sentence fits");
    switch (exchange->page) {
    case ADMIN_PAGE_COMMAND:
        if (admin_read_command(&command, &shard_id, exchange->body, exchange->body_bytes, error) !=
            STATUS_OK) {
            return false;
        }
        admin_gather_begin(gather, ADMIN_GATHER_COMMAND, &command, shard_id);
        return true;
    case ADMIN_PAGE_CHANGE:
        if (admin_change_read(&change, exchange->body, exchange->body_bytes, error) != STATUS_OK) {
            return false;
        }
        admin_gather_begin_change(gather, &change);
        return true;
    case ADMIN_PAGE_MARKET:
        admin_gather_begin(gather, ADMIN_GATHER_MARKET, NULL, 0);
        return true;
    case ADMIN_PAGE_STATUS:
    case ADMIN_PAGE_METRICS:
    case ADMIN_PAGE_MEMBERSHIP:
        admin_gather_begin(gather, ADMIN_GATHER_STATUS, NULL, 0);
        return true;
    }
    ASSERT(false);
    return false;
}

/* The request is complete: ask the loop and wait, or answer at once what is wrong. */
static enum MHD_Result admin_begin(struct admin_exchange *exchange)
{
    if (exchange->body_too_large) {
        return admin_reply_error(exchange->connection, MHD_HTTP_CONTENT_TOO_LARGE, false,
                                 "the body is too large");
    }
    char error[ADMIN_READ_ERROR_BYTES];
    if (!admin_begin_gather(exchange, error)) {
        return admin_reply_error(exchange->connection, MHD_HTTP_BAD_REQUEST, false, error);
    }
    exchange->started = true;
    exchange->due_ns = monotonic_now_ns() + exchange->admin->timeout_ns;
    if (!admin_ask(exchange)) {
        exchange->gather.status = STATUS_FULL;
        return admin_respond_failure(exchange);
    }
    exchange->suspended = true;
    MHD_suspend_connection(exchange->connection);
    return MHD_YES;
}

struct admin_route {
    const char *path;
    const char *method;
    enum admin_page page;
    bool open; /* Without the token. */
};

/* NULL, with the HTTP status that says why. */
static const struct admin_route *admin_route_find(const char *path, const char *method,
                                                  unsigned *http_status)
{
    static const struct admin_route routes[] = {
        {"/status", MHD_HTTP_METHOD_GET, ADMIN_PAGE_STATUS, true},
        {"/metrics", MHD_HTTP_METHOD_GET, ADMIN_PAGE_METRICS, true},
        {"/market", MHD_HTTP_METHOD_GET, ADMIN_PAGE_MARKET, false},
        {"/command", MHD_HTTP_METHOD_POST, ADMIN_PAGE_COMMAND, false},
        {"/membership", MHD_HTTP_METHOD_GET, ADMIN_PAGE_MEMBERSHIP, true},
        {"/membership", MHD_HTTP_METHOD_POST, ADMIN_PAGE_CHANGE, false},
    };
    *http_status = MHD_HTTP_NOT_FOUND;
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        if (strcmp(routes[i].path, path) == 0) {
            if (strcmp(routes[i].method, method) == 0) {
                return &routes[i];
            }
            *http_status = MHD_HTTP_METHOD_NOT_ALLOWED;
        }
    }
    return NULL;
}

static bool admin_body_announced_too_large(struct MHD_Connection *connection)
{
    const char *length =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
    return length != NULL && strtoull(length, NULL, 10) > ADMIN_BODY_BYTES_MAX;
}

static struct admin_exchange *admin_exchange_take(struct admin *admin)
{
    for (uint32_t i = 0; i < ADMIN_EXCHANGES_MAX; i++) {
        struct admin_exchange *exchange = &admin->exchanges[i];
        if (exchange->serial == 0) {
            memset(exchange, 0, offsetof(struct admin_exchange, body));
            exchange->admin = admin;
            exchange->serial = ++admin->serial_last;
            return exchange;
        }
    }
    return NULL;
}

/* The headers are there: refuse what needs no body to be refused. */
static enum MHD_Result admin_open(struct admin *admin, struct MHD_Connection *connection,
                                  const char *path, const char *method, void **state)
{
    admin->counts.requests++;
    unsigned http_status = 0;
    const struct admin_route *route = admin_route_find(path, method, &http_status);
    if (route == NULL) {
        return admin_reply_error(connection, http_status, false,
                                 "there are GET /status, GET /metrics, GET /market, GET and POST "
                                 "/membership, and POST /command");
    }
    if (!route->open &&
        !admin_token_matches(&admin->token,
                             MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
                                                         MHD_HTTP_HEADER_AUTHORIZATION))) {
        admin->counts.unauthorized++;
        char peer[ADMIN_REPLY_PEER_BYTES];
        admin_reply_peer(peer, connection);
        log_line(LOG_LEVEL_WARN, "unauthorized", "peer=%s path=%s count=%llu", peer, route->path,
                 (unsigned long long)admin->counts.unauthorized);
        return admin_reply_error(connection, MHD_HTTP_UNAUTHORIZED, false,
                                 "send the token of the site's data directory (admin.token) as "
                                 "\"Authorization: Bearer TOKEN\"");
    }
    if (admin_body_announced_too_large(connection)) {
        return admin_reply_error(connection, MHD_HTTP_CONTENT_TOO_LARGE, false,
                                 "the body is too large");
    }
    struct admin_exchange *exchange = admin_exchange_take(admin);
    if (exchange == NULL) {
        return admin_reply_error(connection, MHD_HTTP_SERVICE_UNAVAILABLE, true,
                                 "too many requests at the same time");
    }
    exchange->connection = connection;
    exchange->page = route->page;
    *state = exchange;
    return MHD_YES;
}

static enum MHD_Result admin_handle(void *context, struct MHD_Connection *connection,
                                    const char *path, const char *method, const char *version,
                                    const char *upload, size_t *upload_bytes, void **state)
{
    (void)version;
    struct admin_exchange *exchange = *state;
    if (exchange == NULL) {
        return admin_open(context, connection, path, method, state);
    }
    if (*upload_bytes > 0) {
        size_t room = sizeof exchange->body - exchange->body_bytes;
        exchange->body_too_large = exchange->body_too_large || *upload_bytes > room;
        if (!exchange->body_too_large) {
            memcpy(exchange->body + exchange->body_bytes, upload, *upload_bytes);
            exchange->body_bytes += *upload_bytes;
        }
        *upload_bytes = 0;
        return MHD_YES;
    }
    return exchange->started ? admin_respond_result(exchange) : admin_begin(exchange);
}

static void admin_completed(void *context, struct MHD_Connection *connection, void **state,
                            enum MHD_RequestTerminationCode code)
{
    (void)context;
    (void)connection;
    (void)code;
    struct admin_exchange *exchange = *state;
    if (exchange != NULL) {
        ASSERT(!exchange->suspended);
        admin_gather_end(&exchange->gather);
        /* A command may carry a credential. */
        sodium_memzero(exchange->body, exchange->body_bytes);
        exchange->serial = 0;
        *state = NULL;
    }
}

static void admin_resume(struct admin_exchange *exchange)
{
    ASSERT(exchange->suspended);
    exchange->suspended = false;
    MHD_resume_connection(exchange->connection);
}

static void admin_take_answers(struct admin *admin)
{
    admin_link_quiet(admin->link);
    struct admin_answer answer;
    while (admin_link_receive(admin->link, &answer) == STATUS_OK) {
        uint64_t slot = answer.ticket & ((1u << ADMIN_SLOT_BITS) - 1);
        ASSERT(slot < ADMIN_EXCHANGES_MAX);
        struct admin_exchange *exchange = &admin->exchanges[slot];
        /* An answer may be late: its exchange has ended meanwhile. */
        if (exchange->serial != answer.ticket >> ADMIN_SLOT_BITS || !exchange->suspended) {
            continue;
        }
        admin_gather_answer(&exchange->gather, &answer);
        if (!exchange->gather.done && !admin_ask(exchange)) {
            exchange->gather.status = STATUS_FULL;
            exchange->gather.done = true;
        }
        if (exchange->gather.done) {
            admin_resume(exchange);
        }
    }
}

/* Ends what has waited too long, or everything. */
static void admin_expire(struct admin *admin, uint64_t now_ns, bool all)
{
    for (uint32_t i = 0; i < ADMIN_EXCHANGES_MAX; i++) {
        struct admin_exchange *exchange = &admin->exchanges[i];
        if (exchange->suspended && (all || exchange->due_ns <= now_ns)) {
            exchange->timed_out = true;
            admin_resume(exchange);
        }
    }
}

/* How long the thread may sleep. */
static int admin_wait_ms(const struct admin *admin)
{
    uint64_t now_ns = monotonic_now_ns();
    uint64_t wait_ms = ADMIN_TIMEOUT_MS;
    for (uint32_t i = 0; i < ADMIN_EXCHANGES_MAX; i++) {
        const struct admin_exchange *exchange = &admin->exchanges[i];
        if (!exchange->suspended) {
            continue;
        }
        uint64_t left_ns = exchange->due_ns > now_ns ? exchange->due_ns - now_ns : 0;
        uint64_t left_ms = (left_ns + ADMIN_NANOSECONDS_PER_MS - 1) / ADMIN_NANOSECONDS_PER_MS;
        wait_ms = left_ms < wait_ms ? left_ms : wait_ms;
    }
    MHD_UNSIGNED_LONG_LONG daemon_ms = 0;
    if (MHD_get_timeout(admin->daemon, &daemon_ms) == MHD_YES && daemon_ms < wait_ms) {
        wait_ms = daemon_ms;
    }
    return (int)wait_ms;
}

static void *admin_run(void *argument)
{
    struct admin *admin = argument;
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(admin->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    ASSERT(info != NULL);
    struct pollfd descriptors[] = {
        {.fd = info->epoll_fd, .events = POLLIN},
        {.fd = admin_link_descriptor(admin->link), .events = POLLIN},
    };
    while (!atomic_load(&admin->stopping)) {
        /* Connections resumed since the last turn go on here, and new ones begin to wait. */
        (void)MHD_run(admin->daemon);
        (void)poll(descriptors, 2, admin_wait_ms(admin));
        admin_take_answers(admin);
        admin_expire(admin, monotonic_now_ns(), false);
    }
    admin_expire(admin, 0, true);
    (void)MHD_run(admin->daemon);
    return NULL;
}

static void admin_log(void *context, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

static void admin_log(void *context, const char *format, va_list arguments)
{
    (void)context;
    char text[256];
    (void)vsnprintf(text, sizeof text, format, arguments);
    text[strcspn(text, "\n")] = '\0';
    log_line(LOG_LEVEL_WARN, "admin-http", "message=\"%s\"", text);
}

static enum status admin_listen(struct admin *admin, const char *endpoint,
                                char error[static ADMIN_ERROR_BYTES])
{
    struct io_address address;
    enum status status = io_socket_parse(&address, endpoint);
    if (status == STATUS_OK) {
        status = io_socket_listen(&address, false, &admin->listener, &admin->port);
    }
    if (status != STATUS_OK) {
        (void)snprintf(error, ADMIN_ERROR_BYTES, "cannot listen for operators on %s: %s", endpoint,
                       status == STATUS_IN_USE
                           ? "another process has this port; stop it or change listen.admin"
                           : "the address is not one of this machine, or not allowed");
    }
    return status;
}

static enum status admin_open_token(struct admin *admin, const char *path,
                                    char error[static ADMIN_ERROR_BYTES])
{
    char text[ADMIN_TOKEN_BYTES_MAX + 1];
    enum status status = admin_token_read(text, path, error, ADMIN_ERROR_BYTES);
    if (status == STATUS_OK) {
        admin_token_set(&admin->token, text);
    }
    sodium_memzero(text, sizeof text);
    return status;
}

static enum status admin_start_daemon(struct admin *admin)
{
    admin->daemon =
        MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL,
                         NULL, admin_handle, admin, MHD_OPTION_EXTERNAL_LOGGER, admin_log, NULL,
                         MHD_OPTION_LISTEN_SOCKET, admin->listener, MHD_OPTION_NOTIFY_COMPLETED,
                         admin_completed, admin, MHD_OPTION_CONNECTION_LIMIT, ADMIN_CONNECTIONS_MAX,
                         MHD_OPTION_CONNECTION_TIMEOUT, ADMIN_IDLE_LIMIT_S,
                         MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)ADMIN_CONNECTION_BYTES,
                         MHD_OPTION_END);
    if (admin->daemon == NULL) {
        return STATUS_FULL;
    }
    if (pthread_create(&admin->thread, NULL, admin_run, admin) != 0) {
        MHD_stop_daemon(admin->daemon); /* Closes the listener, too. */
        return STATUS_FULL;
    }
    return STATUS_OK;
}

enum status admin_start(struct admin **admin, const struct admin_options *options,
                        char error[static ADMIN_ERROR_BYTES])
{
    ASSERT(options->link != NULL);
    ASSERT(options->endpoint != NULL);

    struct admin *made = calloc(1, sizeof *made);
    if (made == NULL) {
        (void)snprintf(error, ADMIN_ERROR_BYTES, "no memory for the administration port");
        return STATUS_FULL;
    }
    made->link = options->link;
    made->listener = -1;
    made->timeout_ns = (options->timeout_ms != 0 ? options->timeout_ms : ADMIN_TIMEOUT_MS) *
                       ADMIN_NANOSECONDS_PER_MS;
    enum status status = admin_open_token(made, options->token_path, error);
    if (status == STATUS_OK) {
        status = admin_listen(made, options->endpoint, error);
    }
    if (status == STATUS_OK) {
        status = admin_start_daemon(made);
        if (status != STATUS_OK) {
            (void)snprintf(error, ADMIN_ERROR_BYTES,
                           "cannot start the administration port: no memory or no thread");
        }
    }
    if (status != STATUS_OK) {
        free(made);
        return status;
    }
    *admin = made;
    return STATUS_OK;
}

void admin_stop(struct admin *admin)
{
    atomic_store(&admin->stopping, true);
    admin_link_wake(admin->link);
    (void)pthread_join(admin->thread, NULL);
    MHD_stop_daemon(admin->daemon);
    sodium_memzero(&admin->token, sizeof admin->token);
    free(admin);
}

uint16_t admin_port(const struct admin *admin)
{
    return admin->port;
}
