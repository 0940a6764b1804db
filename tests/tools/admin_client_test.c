/* The client against servers that answer oddly; market_tool_test.c has it against ours. */
#include "tools/admin_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "matching/base/assertion.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/text_fixture.h"

#define TOKEN        "0123456789abcdef"
#define SECOND_NS    UINT64_C(1000000000)
#define REPLIES_MAX  8
#define REQUEST_SIZE 4096

/* Takes one connection after the other, notes the request, sends the next reply, closes. */
struct server {
    int listener;
    uint16_t port;
    pthread_t thread;
    const char *replies[REPLIES_MAX]; /* NULL ends. */
    char requests[REPLIES_MAX][REQUEST_SIZE];
    int served;
};

static struct text_fixture fixture;
static char config_path[TEST_PATH_BYTES + 64];

static void *serve(void *argument)
{
    struct server *server = argument;
    for (int i = 0; i < REPLIES_MAX && server->replies[i] != NULL; i++) {
        int fd = accept(server->listener, NULL, NULL);
        ASSERT(fd >= 0);
        size_t used = 0;
        while (strstr(server->requests[i], "\r\n\r\n") == NULL) {
            ssize_t got = recv(fd, server->requests[i] + used, REQUEST_SIZE - 1 - used, 0);
            ASSERT(got > 0);
            used += (size_t)got;
        }
        ASSERT(send(fd, server->replies[i], strlen(server->replies[i]), MSG_NOSIGNAL) >= 0);
        (void)shutdown(fd, SHUT_RDWR);
        (void)close(fd);
        server->served++;
    }
    return NULL;
}

static void server_start(struct server *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof address;
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT(server->listener >= 0);
    ASSERT(bind(server->listener, (const struct sockaddr *)&address, sizeof address) == 0);
    ASSERT(listen(server->listener, 8) == 0);
    ASSERT(getsockname(server->listener, (struct sockaddr *)&address, &bytes) == 0);
    server->port = ntohs(address.sin_port);
    ASSERT(pthread_create(&server->thread, NULL, serve, server) == 0);
}

static void server_stop(struct server *server)
{
    ASSERT(pthread_join(server->thread, NULL) == 0);
    (void)close(server->listener);
}

static void write_config(uint16_t port)
{
    char text[1024];
    (void)snprintf(text, sizeof text,
                   "cluster: test\nsite: one\ndata: .\n"
                   "listen: {ouch: \"127.0.0.1:1\", admin: \"127.0.0.1:%u\"}\n"
                   "bootstrap:\n  sites:\n    - {name: one, provider: metal, role: voter, key: "
                   "8fe67fd62dcb33f639e32116b1020935e2141d8b90f3d684096b93645f0c54d8}\n"
                   "  shards:\n    - {id: 1, name: EQ, prefer: [one], commit_providers: 1}\n",
                   port);
    text_fixture_write(&fixture, "admin.token", TOKEN "\n");
    ASSERT(chmod(fixture.path, 0600) == 0);
    text_fixture_write(&fixture, "site.yaml", text);
    memcpy(config_path, fixture.path, sizeof config_path);
}

static struct admin_client *open_client(uint16_t port)
{
    char error[ADMIN_CLIENT_ERROR_BYTES];
    struct admin_client *client = NULL;
    write_config(port);
    assert_int_equal(admin_client_open(&client, config_path, NULL, error), STATUS_OK);
    return client;
}

#define OK(body)   "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" body
#define BUSY(body) "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\r\n" body

static void token_and_body_are_sent(void **state)
{
    (void)state;
    static struct server server = {.replies = {OK("{\"a\":1}")}};
    server_start(&server);
    struct admin_client *client = open_client(server.port);
    json_t *body = json_pack("{s:i}", "shard", 1);
    struct admin_client_answer answer;
    assert_int_equal(admin_client_ask(client, "/command", body, 0, &answer), STATUS_OK);
    assert_int_equal(answer.http_status, 200);
    assert_int_equal(json_integer_value(json_object_get(answer.json, "a")), 1);
    json_decref(answer.json);
    json_decref(body);
    admin_client_close(client);
    server_stop(&server);
    assert_non_null(strstr(server.requests[0], "POST /command HTTP/1.1\r\n"));
    assert_non_null(strstr(server.requests[0], "Authorization: Bearer " TOKEN "\r\n"));
    assert_non_null(strstr(server.requests[0], "Content-Length: 11\r\n"));
}

/* 503 with "again", a closed connection: asked again; anything else is final. */
static void asks_again_only_where_that_helps(void **state)
{
    (void)state;
    static struct server server = {
        .replies = {BUSY("{\"again\":true}"), "", BUSY("{\"error\":\"no\",\"again\":false}")}};
    server_start(&server);
    struct admin_client *client = open_client(server.port);
    struct admin_client_answer answer;
    assert_int_equal(admin_client_ask(client, "/status", NULL, 60 * SECOND_NS, &answer), STATUS_OK);
    assert_int_equal(answer.http_status, 503);
    assert_string_equal(admin_client_complaint(&answer), "no");
    json_decref(answer.json);
    admin_client_close(client);
    server_stop(&server);
    assert_int_equal(server.served, 3);
}

static void odd_answers_are_named(void **state)
{
    (void)state;
    static struct server server = {
        .replies = {OK("<html>"), OK(""), "HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n{}"}};
    server_start(&server);
    struct admin_client *client = open_client(server.port);
    struct admin_client_answer answer;
    assert_int_equal(admin_client_ask(client, "/status", NULL, SECOND_NS, &answer),
                     STATUS_BAD_FORMAT);
    assert_non_null(strstr(admin_client_error(client), "without JSON"));
    assert_int_equal(admin_client_ask(client, "/status", NULL, SECOND_NS, &answer),
                     STATUS_BAD_FORMAT);
    assert_int_equal(admin_client_ask(client, "/status", NULL, SECOND_NS, &answer), STATUS_OK);
    assert_int_equal(answer.http_status, 302);
    json_decref(answer.json);
    admin_client_close(client);
    server_stop(&server);
    assert_int_equal(server.served, 3);
}

static void configuration_must_lead_somewhere(void **state)
{
    (void)state;
    char error[ADMIN_CLIENT_ERROR_BYTES];
    struct admin_client *client = NULL;
    write_config(0);
    assert_int_equal(admin_client_open(&client, config_path, NULL, error), STATUS_BAD_ARGUMENT);
    assert_non_null(strstr(error, "port 0"));
    assert_int_equal(admin_client_open(&client, "no/such/file", NULL, error), STATUS_NOT_FOUND);
    assert_non_null(strstr(error, "no/such/file"));
    assert_null(client);
}

static int setup(void **state)
{
    (void)state;
    text_fixture_make(&fixture);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    text_fixture_remove(&fixture);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(token_and_body_are_sent),
        cmocka_unit_test(asks_again_only_where_that_helps),
        cmocka_unit_test(odd_answers_are_named),
        cmocka_unit_test(configuration_must_lead_somewhere),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
