/* The administration port over real sockets, with a real engine behind it. */
#include "gateway/admin.h"

#include <jansson.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/admin_gather.h"
#include "matching/base/assertion.h"
#include "tests/support/admin_site.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/http.h"

#define FIRM_SET                                                                                   \
    "{\"shard\":1,\"request_id\":%d,\"expected_version\":%d,\"type\":\"firm_set\","                \
    "\"object\":{\"name\":\"%s\",\"enabled\":%s}}"

static struct http_response response;

static int setup(void **state)
{
    struct admin_site_double *site = malloc(sizeof *site);
    ASSERT(site != NULL);
    admin_site_start(site, 60000);
    *state = site;
    return 0;
}

static int setup_impatient(void **state)
{
    struct admin_site_double *site = malloc(sizeof *site);
    ASSERT(site != NULL);
    admin_site_start(site, 50);
    *state = site;
    return 0;
}

static int teardown(void **state)
{
    admin_site_stop(*state);
    free(*state);
    return 0;
}

static json_t *body_json(void)
{
    json_error_t error;
    json_t *root = json_loads(response.body, 0, &error);
    if (root == NULL) {
        print_error("not JSON: %s\n", response.body);
    }
    assert_non_null(root);
    return root;
}

static void assert_json_text(const char *key, const char *expected)
{
    json_t *root = body_json();
    assert_string_equal(json_string_value(json_object_get(root, key)), expected);
    json_decref(root);
}

static void assert_error_contains(const char *text)
{
    json_t *root = body_json();
    const char *error = json_string_value(json_object_get(root, "error"));
    assert_non_null(error);
    if (strstr(error, text) == NULL) {
        print_error("no \"%s\" in: %s\n", text, error);
    }
    assert_non_null(strstr(error, text));
    json_decref(root);
}

static void post(struct admin_site_double *site, const char *body)
{
    http_request(&response, site->port, "POST", "/command", ADMIN_SITE_TOKEN, body);
}

static void post_firm(struct admin_site_double *site, int request, int version, const char *name,
                      const char *enabled)
{
    char body[256];
    (void)snprintf(body, sizeof body, FIRM_SET, request, version, name, enabled);
    post(site, body);
}

static void status_shows_site_and_shards(void **state)
{
    struct admin_site_double *site = *state;
    http_request(&response, site->port, "GET", "/status", NULL, NULL);
    assert_int_equal(response.status, 200);
    json_t *root = body_json();
    const char *cluster = NULL;
    const char *hash = NULL;
    int uptime = 0, used = 0, silent = 0, term = 0, leader = 0, commands = -1;
    json_error_t error;
    int failed = json_unpack_ex(
        root, &error, 0, "{s:s, s:i, s:{s:i}, s:{s:{s:i}}, s:[{s:s, s:{s:i, s:b}, s:{s:i}}]}",
        "cluster", &cluster, "uptime_ns", &uptime, "journal", "store_used_bytes", &used, "clients",
        "ends", door_end_text(DOOR_END_SILENT), &silent, "shards", "event_hash", &hash, "log",
        "term", &term, "leader", &leader, "totals", "commands", &commands);
    if (failed != 0) {
        print_error("%s\n", error.text);
    }
    assert_int_equal(failed, 0);
    assert_string_equal(cluster, "test");
    assert_int_equal(uptime, 12345);
    assert_int_equal(used, 77);
    assert_int_equal(silent, 5);
    assert_int_equal(term, 4);
    assert_true(leader);
    assert_int_equal(commands, 0);
    assert_int_equal(strlen(hash), 16);
    json_decref(root);
}

static void metrics_are_prometheus_text(void **state)
{
    struct admin_site_double *site = *state;
    http_request(&response, site->port, "GET", "/metrics", NULL, NULL);
    assert_int_equal(response.status, 200);
    assert_non_null(strstr(response.bytes, "Content-Type: text/plain; version=0.0.4"));
    assert_non_null(strstr(response.body, "\ncauseway_store_used_bytes 77\n"));
    assert_non_null(strstr(response.body, "\ncauseway_shard_term{shard=\"EQ\"} 4\n"));
    assert_non_null(strstr(response.body, "\ncauseway_client_ends_total{reason=\"silent\"} 5\n"));
    assert_non_null(strstr(response.body, "\ncauseway_admin_requests_total 1\n"));
}

static void command_changes_once(void **state)
{
    struct admin_site_double *site = *state;
    post_firm(site, 1, 0, "ACME", "true");
    assert_int_equal(response.status, 200);
    assert_json_text("result", "done");
    /* The same request again: the same answer, nothing done twice. */
    post_firm(site, 1, 0, "ACME", "true");
    assert_int_equal(response.status, 200);
    assert_json_text("result", "done");
    /* A late one with an old version changes nothing. */
    post_firm(site, 2, 0, "ACME", "false");
    assert_int_equal(response.status, 409);
    assert_json_text("result", "conflict");
    http_request(&response, site->port, "GET", "/market", ADMIN_SITE_TOKEN, NULL);
    assert_non_null(strstr(response.body, "\"enabled\":true"));
    assert_int_equal(atomic_load(&site->commands_seen), 3);
}

/* More objects than a window of requests: lists are complete and in order. */
static void market_lists_everything(void **state)
{
    struct admin_site_double *site = *state;
    enum { FIRMS = 2 * ADMIN_GATHER_WINDOW };
    for (int i = 1; i <= FIRMS; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "F%d", i);
        post_firm(site, i, 0, name, "true");
        assert_int_equal(response.status, 200);
    }
    http_request(&response, site->port, "GET", "/market", ADMIN_SITE_TOKEN, NULL);
    assert_int_equal(response.status, 200);
    json_t *root = body_json();
    json_t *shard = json_array_get(json_object_get(root, "shards"), 0);
    json_t *firms = json_object_get(shard, "firms");
    assert_int_equal(json_array_size(firms), FIRMS);
    for (int i = 1; i <= FIRMS; i++) {
        json_t *firm = json_array_get(firms, (size_t)i - 1);
        assert_int_equal(json_integer_value(json_object_get(firm, "id")), i);
        assert_int_equal(json_integer_value(json_object_get(firm, "version")), 1);
    }
    assert_int_equal(json_array_size(json_object_get(shard, "instruments")), 0);
    assert_int_equal(json_array_size(json_object_get(shard, "sessions")), 0);
    json_decref(root);
}

static void token_is_needed(void **state)
{
    struct admin_site_double *site = *state;
    const char *const wrong[] = {NULL, "", "0123456789abcdef0123456789abcdee",
                                 "0123456789abcdef0123456789abcdef0", "0123456789abcdef"};
    char body[256];
    (void)snprintf(body, sizeof body, FIRM_SET, 1, 0, "ACME", "true");
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        http_request(&response, site->port, "POST", "/command", wrong[i], body);
        assert_int_equal(response.status, 401);
        assert_non_null(strstr(response.bytes, "WWW-Authenticate: Bearer"));
        assert_error_contains("admin.token");
        http_request(&response, site->port, "GET", "/market", wrong[i], NULL);
        assert_int_equal(response.status, 401);
    }
    assert_int_equal(atomic_load(&site->commands_seen), 0);
    http_request(&response, site->port, "GET", "/metrics", NULL, NULL);
    assert_non_null(strstr(response.body, "\ncauseway_admin_unauthorized_total 10\n"));
}

static void garbage_is_refused(void **state)
{
    struct admin_site_double *site = *state;
    post(site, "{\"shard\":1,");
    assert_int_equal(response.status, 400);
    assert_error_contains("not JSON: line 1");
    post(site, "");
    assert_int_equal(response.status, 400);
    post(site, "[]");
    assert_error_contains("must be a JSON object");
    post(site, "{\"shard\":1,\"request_id\":1,\"expected_version\":0,\"type\":\"firm_set\","
               "\"object\":{\"name\":\"ACME\",\"enabled\":true,\"enabeld\":true}}");
    assert_int_equal(response.status, 400);
    assert_error_contains("unknown field \"enabeld\"");
    assert_int_equal(atomic_load(&site->commands_seen), 0);
    /* And it serves on. */
    post_firm(site, 1, 0, "ACME", "true");
    assert_int_equal(response.status, 200);
}

static void unknown_pages_are_refused(void **state)
{
    struct admin_site_double *site = *state;
    http_request(&response, site->port, "GET", "/", NULL, NULL);
    assert_int_equal(response.status, 404);
    http_request(&response, site->port, "GET", "/command", ADMIN_SITE_TOKEN, NULL);
    assert_int_equal(response.status, 405);
    http_request(&response, site->port, "DELETE", "/status", NULL, NULL);
    assert_int_equal(response.status, 405);
    post(site, "{\"shard\":2,\"request_id\":1,\"expected_version\":0,\"type\":\"session_end\","
               "\"object\":{\"name\":\"A\"}}");
    assert_int_equal(response.status, 404);
    assert_error_contains("no such shard");
}

static void huge_body_is_refused(void **state)
{
    struct admin_site_double *site = *state;
    static char body[ADMIN_BODY_BYTES_MAX + 2];
    memset(body, ' ', sizeof body - 1);
    post(site, body);
    assert_int_equal(response.status, 413);
    /* Without announcing its length. */
    int fd = http_connect(site->port);
    const char head[] = "POST /command HTTP/1.1\r\nHost: test\r\nConnection: close\r\n"
                        "Authorization: Bearer " ADMIN_SITE_TOKEN "\r\n"
                        "Transfer-Encoding: chunked\r\n\r\n";
    assert_true(http_send(fd, head, sizeof head - 1));
    bool open = true;
    for (uint32_t sent = 0; open && sent <= ADMIN_BODY_BYTES_MAX; sent += 1024) {
        open = http_send(fd, "400\r\n", 5) && http_send(fd, body, 1024) && http_send(fd, "\r\n", 2);
    }
    if (open) {
        (void)http_send(fd, "0\r\n\r\n", 5);
    }
    http_receive(fd, &response);
    assert_int_equal(response.status, 413);
    /* The largest allowed is read: it is only blanks, so no JSON. */
    body[ADMIN_BODY_BYTES_MAX] = '\0';
    post(site, body);
    assert_int_equal(response.status, 400);
}

static void silent_loop_times_out(void **state)
{
    struct admin_site_double *site = *state;
    atomic_store(&site->silent, true);
    http_request(&response, site->port, "GET", "/status", NULL, NULL);
    assert_int_equal(response.status, 503);
    assert_error_contains("no answer in time");
    assert_non_null(strstr(response.body, "\"again\":true"));
    post_firm(site, 1, 0, "ACME", "true");
    assert_int_equal(response.status, 503);
    assert_error_contains("same request_id");
    /* It recovers when the loop does. */
    atomic_store(&site->silent, false);
    do {
        http_request(&response, site->port, "GET", "/status", NULL, NULL);
    } while (response.status == 503);
    assert_int_equal(response.status, 200);
}

/* The command is executed, its answer is lost, and the retry is answered without a second change.
 */
static void lost_answer_is_found_by_asking_again(void **state)
{
    struct admin_site_double *site = *state;
    atomic_store(&site->lose_answers, 1);
    post_firm(site, 9, 0, "ACME", "true");
    assert_int_equal(response.status, 503);
    do {
        post_firm(site, 9, 0, "ACME", "true");
    } while (response.status == 503);
    assert_int_equal(response.status, 200);
    assert_json_text("result", "done");
    do {
        http_request(&response, site->port, "GET", "/market", ADMIN_SITE_TOKEN, NULL);
    } while (response.status == 503);
    assert_non_null(strstr(response.body, "\"version\":1"));
}

static void refused_command_says_so(void **state)
{
    struct admin_site_double *site = *state;
    atomic_store(&site->refuse, STATUS_NOT_YET);
    post_firm(site, 1, 0, "ACME", "true");
    assert_int_equal(response.status, 503);
    assert_error_contains("takes no commands now");
    atomic_store(&site->refuse, STATUS_FULL);
    post_firm(site, 1, 0, "ACME", "true");
    assert_int_equal(response.status, 503);
    assert_error_contains("too busy");
}

/* One that waits holds up nobody: the other connection is answered first. */
static void two_at_once(void **state)
{
    struct admin_site_double *site = *state;
    atomic_store(&site->silent, true);
    int first = http_connect(site->port);
    const char slow[] = "GET /status HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";
    assert_true(http_send(first, slow, sizeof slow - 1));
    http_request(&response, site->port, "GET", "/nothing", NULL, NULL);
    assert_int_equal(response.status, 404);
    atomic_store(&site->silent, false);
    http_request(&response, site->port, "GET", "/status", NULL, NULL);
    assert_int_equal(response.status, 200);
    (void)close(first);
    /* Both wait at the same time and both are answered. */
    int fds[8];
    for (int i = 0; i < 8; i++) {
        fds[i] = http_connect(site->port);
    }
    for (int i = 0; i < 8; i++) {
        assert_true(http_send(fds[i], slow, sizeof slow - 1));
    }
    for (int i = 0; i < 8; i++) {
        http_receive(fds[i], &response);
        assert_int_equal(response.status, 200);
    }
}

/* Everything taken: the next one hears it, and what waits is still answered at the end. */
static void too_many_at_once(void **state)
{
    struct admin_site_double *site = *state;
    atomic_store(&site->silent, true);
    const char slow[] = "GET /status HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";
    int fds[ADMIN_EXCHANGES_MAX + 1];
    for (uint32_t i = 0; i <= ADMIN_EXCHANGES_MAX; i++) {
        fds[i] = http_connect(site->port);
        assert_true(http_send(fds[i], slow, sizeof slow - 1));
    }
    uint32_t refused = 0, timed_out = 0;
    for (uint32_t i = 0; i <= ADMIN_EXCHANGES_MAX; i++) {
        http_receive(fds[i], &response);
        assert_int_equal(response.status, 503);
        refused += strstr(response.body, "too many requests") != NULL;
        timed_out += strstr(response.body, "no answer in time") != NULL;
    }
    assert_int_equal(refused, 1);
    assert_int_equal(timed_out, ADMIN_EXCHANGES_MAX);
}

/* Whoever leaves while it waits leaves nothing behind that a late answer could hit. */
static void client_that_leaves_harms_nothing(void **state)
{
    struct admin_site_double *site = *state;
    const char slow[] =
        "GET /market HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer " ADMIN_SITE_TOKEN "\r\n\r\n";
    for (int i = 0; i < 200; i++) {
        int fd = http_connect(site->port);
        assert_true(http_send(fd, slow, sizeof slow - 1));
        (void)close(fd);
    }
    do {
        http_request(&response, site->port, "GET", "/status", NULL, NULL);
    } while (response.status == 503);
    assert_int_equal(response.status, 200);
}

/* An exchange timed out and its place is taken by another: the late answer must not reach that. */
static void late_answer_is_dropped(void **state)
{
    struct admin_site_double *site = *state;
    do {
        atomic_store(&site->hold, true);
        http_request(&response, site->port, "GET", "/status", NULL, NULL);
        assert_int_equal(response.status, 503);
        uint32_t held = atomic_load(&site->held_count);
        assert_int_not_equal(held, 0);
        char body[256];
        char request[768];
        (void)snprintf(body, sizeof body, FIRM_SET, 1, 0, "ACME", "true");
        (void)snprintf(request, sizeof request,
                       "POST /command HTTP/1.1\r\nHost: test\r\nConnection: close\r\n"
                       "Authorization: Bearer " ADMIN_SITE_TOKEN
                       "\r\nContent-Length: %zu\r\n\r\n%s",
                       strlen(body), body);
        int fd = http_connect(site->port);
        assert_true(http_send(fd, request, strlen(request)));
        while (atomic_load(&site->held_count) == held) {
            (void)sched_yield();
        }
        admin_site_release(site);
        http_receive(fd, &response);
        /* On a slow machine this one may time out as well: then once more. */
    } while (response.status == 503);
    assert_int_equal(response.status, 200);
    assert_json_text("result", "done");
}

static void stop_answers_what_waits(void **state)
{
    (void)state;
    struct admin_site_double *site = malloc(sizeof *site);
    assert_non_null(site);
    admin_site_start(site, 60000);
    atomic_store(&site->silent, true);
    int fd = http_connect(site->port);
    const char slow[] = "GET /status HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";
    assert_true(http_send(fd, slow, sizeof slow - 1));
    /* An answered request after it shows that the first has arrived. */
    http_request(&response, site->port, "GET", "/nothing", NULL, NULL);
    admin_site_stop(site);
    free(site);
    http_receive(fd, &response);
    assert_true(response.status == 503 || response.status == 0);
}

static void bad_start_says_what_to_do(void **state)
{
    struct admin_site_double *site = *state;
    char endpoint[32];
    char error[ADMIN_ERROR_BYTES];
    struct admin *admin = NULL;
    (void)snprintf(endpoint, sizeof endpoint, "127.0.0.1:%u", site->port);
    struct admin_options options = {.endpoint = endpoint,
                                    .token_path = site->token_path,
                                    .link = site->link};
    assert_int_equal(admin_start(&admin, &options, error), STATUS_IN_USE);
    assert_non_null(strstr(error, endpoint));
    assert_non_null(strstr(error, "another process has this port"));
    options.endpoint = "203.0.113.1:7901";
    assert_int_equal(admin_start(&admin, &options, error), STATUS_BAD_ARGUMENT);
    options.endpoint = "localhost:7901";
    assert_int_equal(admin_start(&admin, &options, error), STATUS_BAD_ARGUMENT);
    options.endpoint = "127.0.0.1:0";
    assert_int_equal(chmod(site->token_path, 0640), 0);
    assert_int_equal(admin_start(&admin, &options, error), STATUS_DENIED);
    assert_non_null(strstr(error, "chmod 600"));
    options.token_path = "nowhere/admin.token";
    assert_int_equal(admin_start(&admin, &options, error), STATUS_NOT_FOUND);
    assert_non_null(strstr(error, "causeway init"));
    assert_null(admin);
}

#define ON_SITE(test)      cmocka_unit_test_setup_teardown(test, setup, teardown)
#define ON_IMPATIENT(test) cmocka_unit_test_setup_teardown(test, setup_impatient, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_SITE(status_shows_site_and_shards),
        ON_SITE(metrics_are_prometheus_text),
        ON_SITE(command_changes_once),
        ON_SITE(market_lists_everything),
        ON_SITE(token_is_needed),
        ON_SITE(garbage_is_refused),
        ON_SITE(unknown_pages_are_refused),
        ON_SITE(huge_body_is_refused),
        ON_IMPATIENT(silent_loop_times_out),
        ON_IMPATIENT(lost_answer_is_found_by_asking_again),
        ON_SITE(refused_command_says_so),
        ON_SITE(two_at_once),
        ON_IMPATIENT(too_many_at_once),
        ON_IMPATIENT(client_that_leaves_harms_nothing),
        ON_IMPATIENT(late_answer_is_dropped),
        cmocka_unit_test(stop_answers_what_waits),
        ON_SITE(bad_start_says_what_to_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
