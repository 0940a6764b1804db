/* `causeway market` as an operator runs it, against an administration port with a real engine. */
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/credential.h"
#include "matching/base/assertion.h"
#include "tests/support/admin_site.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/http.h"
#include "tests/support/site_process.h"

#define MARKET                                                                                     \
    "shards:\n  - id: 1\n    day_end: 22:00\n    firms: [{name: ACME}]\n    instruments:\n"        \
    "      - {symbol: AAPL, tick: 0.01, price_max: 1000, quantity_max: 100}\n"                     \
    "      - {symbol: GOOG, tick: 0.01, price_max: 1000, quantity_max: 100}\n"                     \
    "    sessions: [{name: ALICE, firm: ACME, password: secret}]\n"

static char output[65536];
static struct http_response response;

static int setup_with(void **state, uint32_t timeout_ms)
{
    struct admin_site_double *site = malloc(sizeof *site);
    ASSERT(site != NULL);
    admin_site_start(site, timeout_ms);
    *state = site;
    return 0;
}

static int setup(void **state)
{
    return setup_with(state, 60000);
}

static int setup_impatient(void **state)
{
    return setup_with(state, 100);
}

static int teardown(void **state)
{
    admin_site_stop(*state);
    free(*state);
    return 0;
}

static void write_file(const struct admin_site_double *site, const char *name, const char *text,
                       char path[static TEST_PATH_BYTES + 32])
{
    (void)snprintf(path, TEST_PATH_BYTES + 32, "%s/%s", site->directory, name);
    FILE *file = fopen(path, "we");
    ASSERT(file != NULL);
    ASSERT(fputs(text, file) >= 0);
    ASSERT(fclose(file) == 0);
}

/* Runs `causeway market` with up to four more arguments (NULL: none); both outputs to `output`. */
static int market(const struct admin_site_double *site, const char *a, const char *b, const char *c,
                  const char *d)
{
    char build[TEST_PATH_BYTES];
    char program[TEST_PATH_BYTES + 16];
    test_paths_build(build);
    (void)snprintf(program, sizeof program, "%s/causeway", build);
    const char *const arguments[] = {program, "market", "--config", site->config_path, a, b,
                                     c,       d,        NULL};
    return site_process_run(output, sizeof output, arguments);
}

static int apply(const struct admin_site_double *site, const char *text)
{
    char path[TEST_PATH_BYTES + 32];
    write_file(site, "market.yaml", text, path);
    return market(site, "apply", path, NULL, NULL);
}

static void assert_output(const char *text)
{
    if (strstr(output, text) == NULL) {
        print_error("no \"%s\" in:\n%s\n", text, output);
    }
    assert_non_null(strstr(output, text));
}

/* An object of shard 1 in GET /market, by its name. The caller's to json_decref(). */
static json_t *object_named(const struct admin_site_double *site, const char *list, const char *key,
                            const char *name)
{
    http_request(&response, site->port, "GET", "/market", ADMIN_SITE_TOKEN, NULL);
    json_t *root = json_loads(response.body, 0, NULL);
    assert_non_null(root);
    json_t *shard = json_array_get(json_object_get(root, "shards"), 0);
    json_t *found = NULL;
    size_t index = 0;
    json_t *object = NULL;
    json_array_foreach(json_object_get(shard, list), index, object)
    {
        if (strcmp(json_string_value(json_object_get(object, key)), name) == 0) {
            found = json_incref(object);
        }
    }
    assert_non_null(found);
    json_decref(root);
    return found;
}

static void applied_twice_changes_nothing(void **state)
{
    struct admin_site_double *site = *state;
    assert_int_equal(apply(site, MARKET), 0);
    assert_output("created   firm       ACME     shard 1\n");
    assert_output("created   instrument AAPL     shard 1\n");
    assert_output("created   session    ALICE    shard 1\n");
    assert_output("changed   shard      1        shard 1: day_end_set false -> true");
    assert_output("4 created, 1 changed, 0 unchanged, 0 failed\n");
    uint32_t commands = atomic_load(&site->commands_seen);
    assert_int_equal(commands, 5);
    assert_int_equal(apply(site, MARKET), 0);
    assert_output("unchanged session    ALICE    shard 1\n");
    assert_output("0 created, 0 changed, 5 unchanged, 0 failed\n");
    assert_int_equal(atomic_load(&site->commands_seen), commands);
}

static void what_an_outage_leads_to_is_set(void **state)
{
    struct admin_site_double *site = *state;
    assert_int_equal(apply(site, "shards:\n  - id: 1\n    reopen: cancel-only for 30s\n"
                                 "    firms: [{name: ACME}]\n    sessions:\n"
                                 "      - {name: ALICE, firm: ACME, password: secret,\n"
                                 "         cancel_on_disconnect: after 5s}\n"),
                     0);
    assert_output("changed   shard      1        shard 1: cancel_only_ms 0 -> 30000\n");
    json_t *session = object_named(site, "sessions", "name", "ALICE");
    assert_true(json_is_true(json_object_get(session, "cancel_on_disconnect")));
    assert_int_equal(json_integer_value(json_object_get(session, "grace_ms")), 5000);
    assert_int_equal(json_integer_value(json_object_get(session, "grace_ends_ns")), 0);
    json_decref(session);
    assert_int_equal(apply(site, "shards:\n  - id: 1\n    reopen: at once\n"
                                 "    sessions: [{name: ALICE, firm: ACME}]\n"),
                     0);
    assert_output("changed   shard      1        shard 1: cancel_only_ms 30000 -> 0\n");
    assert_output("changed   session    ALICE    shard 1: cancel_on_disconnect true -> false, "
                  "grace_ms 5000 -> 0\n");
}

static void change_is_told_in_decimals(void **state)
{
    struct admin_site_double *site = *state;
    assert_int_equal(apply(site, MARKET), 0);
    assert_int_equal(
        apply(site, "shards:\n  - id: 1\n    instruments:\n"
                    "      - {symbol: AAPL, tick: 0.05, price_max: 999.95, quantity_max: 100}\n"),
        0);
    assert_output("changed   instrument AAPL     shard 1: tick 0.01 -> 0.05, price_max 1000 -> "
                  "999.95\n");
    assert_output("0 created, 1 changed, 0 unchanged, 0 failed\n");
}

static void assert_password(const struct admin_site_double *site, const char *padded, bool right)
{
    json_t *session = object_named(site, "sessions", "name", "ALICE");
    struct credential credential = {.hash_operations = (uint32_t)json_integer_value(
                                        json_object_get(session, "hash_operations")),
                                    .hash_memory_kib = (uint32_t)json_integer_value(
                                        json_object_get(session, "hash_memory_kib"))};
    uint8_t stored[CREDENTIAL_HASH_BYTES];
    const char *salt = json_string_value(json_object_get(session, "salt"));
    const char *hash = json_string_value(json_object_get(session, "hash"));
    for (size_t i = 0; i < sizeof stored; i++) {
        unsigned value = 0;
        assert_int_equal(sscanf(hash + 2 * i, "%2x", &value), 1);
        stored[i] = (uint8_t)value;
        if (i < sizeof credential.salt) {
            assert_int_equal(sscanf(salt + 2 * i, "%2x", &value), 1);
            credential.salt[i] = (uint8_t)value;
        }
    }
    assert_int_equal(credential_hash(&credential, (const uint8_t *)padded), STATUS_OK);
    assert_int_equal(memcmp(credential.hash, stored, sizeof stored) == 0, right);
    json_decref(session);
}

static void password_is_stored_hashed_and_changes(void **state)
{
    struct admin_site_double *site = *state;
    assert_int_equal(apply(site, MARKET), 0);
    assert_password(site, "secret    ", true);
    assert_password(site, "secreT    ", false);
    const char *changed = "shards:\n  - id: 1\n    sessions:\n"
                          "      - {name: ALICE, firm: ACME, password: other}\n";
    assert_int_equal(apply(site, changed), 0);
    assert_output("changed   session    ALICE    shard 1: password\n");
    assert_password(site, "other     ", true);
    /* Without one the old one stays. */
    assert_int_equal(apply(site, "shards:\n  - id: 1\n    sessions:\n"
                                 "      - {name: ALICE, firm: ACME, open_orders_max: 3}\n"),
                     0);
    assert_output("session    ALICE    shard 1: open_orders_max 10000 -> 3\n");
    assert_password(site, "other     ", true);
    assert_null(strstr(output, "other"));
}

static void states_are_set_and_kept(void **state)
{
    struct admin_site_double *site = *state;
    assert_int_equal(apply(site, MARKET), 0);
    assert_int_equal(market(site, "halt", "GOOG", NULL, NULL), 0);
    assert_output("changed   instrument GOOG     shard 1: state open -> halted\n");
    /* A file without a state does not undo it. */
    assert_int_equal(apply(site, MARKET), 0);
    assert_output("0 created, 0 changed, 5 unchanged, 0 failed\n");
    assert_int_equal(market(site, "cancel-only", "--all", NULL, NULL), 0);
    assert_output("0 created, 2 changed, 0 unchanged, 0 failed\n");
    assert_int_equal(market(site, "open", "AAPL", "GOOG", "AAPL"), 0);
    assert_output("0 created, 2 changed, 0 unchanged, 0 failed\n");
    assert_int_equal(market(site, "open", "AAPL", "NONE", NULL), 1);
    assert_output("no shard has an instrument NONE");
    json_t *goog = object_named(site, "instruments", "symbol", "GOOG");
    assert_string_equal(json_string_value(json_object_get(goog, "state")), "open");
    assert_int_equal(json_integer_value(json_object_get(goog, "version")), 4);
    json_decref(goog);
}

static void refusals_are_explained(void **state)
{
    struct admin_site_double *site = *state;
    assert_int_equal(apply(site, "shards:\n  - id: 1\n    sessions:\n"
                                 "      - {name: A, firm: NONE, password: x}\n"),
                     1);
    assert_output("failed    session    A        shard 1: its firm does not exist");
    assert_output("0 created, 0 changed, 0 unchanged, 1 failed\n");
    assert_int_equal(apply(site, "shards:\n  - id: 1\n    sessions: [{name: A, firm: B}]\n"), 1);
    assert_output("session A      is new: it needs `password`");
    assert_int_equal(apply(site, "shards:\n  - id: 3\n"), 1);
    assert_output("the site has no shard 3; it has 1 shards");
    assert_int_equal(apply(site, "shards:\n  - id: 1\n    nonsense: 1\n"), 1);
    assert_output("market.yaml:3: there is no key `nonsense` here");
    assert_int_equal(atomic_load(&site->commands_seen), 1);
}

static void json_is_for_scripts(void **state)
{
    struct admin_site_double *site = *state;
    char path[TEST_PATH_BYTES + 32];
    write_file(site, "market.yaml", MARKET, path);
    assert_int_equal(market(site, "apply", path, "--json", NULL), 0);
    json_t *root = json_loads(output, 0, NULL);
    assert_non_null(root);
    assert_int_equal(json_integer_value(json_object_get(root, "created")), 4);
    assert_int_equal(json_integer_value(json_object_get(root, "changed")), 1);
    json_t *first = json_array_get(json_object_get(root, "objects"), 0);
    assert_string_equal(json_string_value(json_object_get(first, "kind")), "firm");
    assert_string_equal(json_string_value(json_object_get(first, "name")), "ACME");
    assert_string_equal(json_string_value(json_object_get(first, "result")), "created");
    json_decref(root);
}

/* The first answers are lost after the commands were executed: asked again with the same request
 * id, nothing happens twice. */
static void lost_answers_are_asked_for_again(void **state)
{
    struct admin_site_double *site = *state;
    atomic_store(&site->lose_answers, 2);
    assert_int_equal(apply(site, MARKET), 0);
    assert_output("4 created, 1 changed, 0 unchanged, 0 failed\n");
    assert_int_equal(atomic_load(&site->commands_seen), 7);
    json_t *firm = object_named(site, "firms", "name", "ACME");
    assert_int_equal(json_integer_value(json_object_get(firm, "version")), 1);
    json_decref(firm);
}

static void silence_ends(void **state)
{
    struct admin_site_double *site = *state;
    atomic_store(&site->refuse, STATUS_NOT_YET);
    char path[TEST_PATH_BYTES + 32];
    write_file(site, "market.yaml", MARKET, path);
    assert_int_equal(market(site, "apply", path, "--wait", "300ms"), 1);
    assert_output("failed    firm       ACME     shard 1: the shard takes no commands now");
    assert_output("failed    instrument GOOG     shard 1: not tried");
    assert_output("0 created, 0 changed, 0 unchanged, 5 failed\n");
}

static void wrong_token_and_no_site(void **state)
{
    struct admin_site_double *site = *state;
    char path[TEST_PATH_BYTES + 32];
    write_file(site, "market.yaml", MARKET, path);
    char token[TEST_PATH_BYTES + 32];
    write_file(site, "admin.token", "ffffffffffffffffffffffffffffffff\n", token);
    assert_int_equal(chmod(token, 0600), 0);
    assert_int_equal(market(site, "apply", path, NULL, NULL), 1);
    assert_output("the site refuses the token");
    assert_int_equal(chmod(token, 0644), 0);
    assert_int_equal(market(site, "apply", path, NULL, NULL), 1);
    assert_output("chmod 600");
    assert_int_equal(unlink(token), 0);
    assert_int_equal(market(site, "apply", path, NULL, NULL), 1);
    assert_output("admin.token is missing");
    /* Port 1 of this machine has no listener. */
    write_file(site, "admin.token", ADMIN_SITE_TOKEN, token);
    assert_int_equal(chmod(token, 0600), 0);
    write_file(site, "site.yaml",
               "cluster: test\nsite: one\ndata: .\n"
               "listen: {ouch: \"127.0.0.1:2\", admin: \"127.0.0.1:1\"}\n"
               "bootstrap:\n  sites:\n    - {name: one, provider: metal, role: voter, key: "
               "8fe67fd62dcb33f639e32116b1020935e2141d8b90f3d684096b93645f0c54d8}\n"
               "  shards:\n    - {id: 1, name: EQ, prefer: [one], commit_providers: 1}\n",
               token);
    assert_int_equal(market(site, "apply", path, "--wait", "0s"), 1);
    assert_output("nobody listens on 127.0.0.1:1");
    assert_output("is causewayd running?");
}

static void wrong_arguments(void **state)
{
    struct admin_site_double *site = *state;
    assert_int_equal(market(site, NULL, NULL, NULL, NULL), 2);
    assert_int_equal(market(site, "close", "AAPL", NULL, NULL), 2);
    assert_output("'close' is none of apply, open, halt, cancel-only");
    assert_int_equal(market(site, "apply", NULL, NULL, NULL), 2);
    assert_int_equal(market(site, "apply", "a", "b", NULL), 2);
    assert_int_equal(market(site, "halt", NULL, NULL, NULL), 2);
    assert_int_equal(market(site, "halt", "A", "--all", NULL), 2);
    assert_output("halt takes symbols or --all");
    assert_int_equal(market(site, "--help", NULL, NULL, NULL), 0);
    assert_output("causeway market apply market.yaml");
}

/* Two operators at once: every object is made once, and both are told the truth. */
struct operator
{
    const struct admin_site_double *site;
    char path[TEST_PATH_BYTES + 32];
    char output[65536];
    int status;
};

static void *operate(void *argument)
{
    struct operator* self = argument;
    char build[TEST_PATH_BYTES];
    char program[TEST_PATH_BYTES + 16];
    test_paths_build(build);
    (void)snprintf(program, sizeof program, "%s/causeway", build);
    const char *const arguments[] = {program, "market",   "--config", self->site->config_path,
                                     "apply", self->path, NULL};
    self->status = site_process_run(self->output, sizeof self->output, arguments);
    return NULL;
}

static void two_operators_at_once(void **state)
{
    struct admin_site_double *site = *state;
    static struct operator operators[2];
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) {
        operators[i].site = site;
        write_file(site, "market.yaml", MARKET, operators[i].path);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, operate, &operators[i]), 0);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    json_t *firm = object_named(site, "firms", "name", "ACME");
    assert_int_equal(json_integer_value(json_object_get(firm, "version")), 1);
    json_decref(firm);
    json_t *alice = object_named(site, "sessions", "name", "ALICE");
    assert_int_equal(json_integer_value(json_object_get(alice, "version")), 1);
    json_decref(alice);
    for (int i = 0; i < 2; i++) {
        /* The slower one may find the session's salt changed under it: a conflict, told so. */
        if (operators[i].status != 0) {
            assert_int_equal(operators[i].status, 1);
            assert_non_null(strstr(operators[i].output, "somebody else has changed it"));
        }
    }
    assert_password(site, "secret    ", true);
}

#define ON_SITE(test)      cmocka_unit_test_setup_teardown(test, setup, teardown)
#define ON_IMPATIENT(test) cmocka_unit_test_setup_teardown(test, setup_impatient, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_SITE(applied_twice_changes_nothing),
        ON_SITE(what_an_outage_leads_to_is_set),
        ON_SITE(change_is_told_in_decimals),
        ON_SITE(password_is_stored_hashed_and_changes),
        ON_SITE(states_are_set_and_kept),
        ON_SITE(refusals_are_explained),
        ON_SITE(json_is_for_scripts),
        ON_IMPATIENT(lost_answers_are_asked_for_again),
        ON_SITE(silence_ends),
        ON_SITE(wrong_token_and_no_site),
        ON_SITE(wrong_arguments),
        ON_SITE(two_operators_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
