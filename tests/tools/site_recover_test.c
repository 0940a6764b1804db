/* Three of five sites are gone for good: the operator attests it, two go on, the dead come back and
 * are refused, a new site joins. Real processes. */
#include "tools/site_recover.h"

#include <dirent.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/site_cluster.h"
#include "tests/support/site_process.h"
#include "tests/support/soup_client.h"
#include "tests/support/test_market.h"

#define SITES      5u
#define OUTPUT_MAX 8192u
#define CONFIRMED  "site-1, site-2, site-3 are off for good"

static char directory[TEST_PATH_BYTES];
static char output_path[TEST_PATH_BYTES + 16];
static char operator_path[TEST_PATH_BYTES + 16]; /* His key. */
static char output[OUTPUT_MAX];
static struct site_process sites[SITES + 1];
static struct soup_client client;
static uint32_t next_reference;

static int teardown(void **state)
{
    (void)state;
    for (uint32_t at = 0; at <= SITES; at++) {
        site_process_kill(&sites[at]);
    }
    test_paths_remove(directory);
    return 0;
}

static int setup(void **state)
{
    (void)state;
    memset(sites, 0, sizeof sites);
    test_paths_make(directory, "site_recover");
    (void)snprintf(output_path, sizeof output_path, "%s/output", directory);
    site_process_init_cluster(sites, SITES, directory, "EQ=site-1,site-2,site-3,site-4,site-5");
    for (uint32_t at = 0; at < SITES; at++) {
        site_process_launch(&sites[at]);
    }
    for (uint32_t at = 0; at < SITES; at++) {
        int status = 0;
        if (!site_process_await(&sites[at], &status)) {
            site_process_show_log(&sites[at]);
            (void)teardown(state); /* Nobody else does. */
            return -1;
        }
    }
    test_market_apply(&sites[4]);
    next_reference = 1;
    return 0;
}

static void trade(uint32_t count)
{
    site_cluster_trade(&client, next_reference, count);
    next_reference += count;
}

/* The client was silent while programs ran: where they run slowly, its site has ended the
 * connection. It goes on where it was. */
static void come_back(void)
{
    uint64_t next = client.next_sequence;
    soup_client_close(&client);
    site_cluster_join(&client, &sites[4], "ALICE", next);
}

/* It has just been started. */
static void await_answer(uint32_t at)
{
    const char *const status[] = {sites[at].tool, "status", "--config", sites[at].config,
                                  "--wait",       "50s",    NULL};
    assert_int_equal(site_process_run(output, sizeof output, status), 0);
}

static pid_t begin_recover_of(const char *paths, const char *confirm, const char *more)
{
    const char *const arguments[] = {sites[3].tool, "site",  "recover", "--config", paths,
                                     "--confirm",   confirm, more,      NULL};
    return site_process_begin(output_path, arguments);
}

static pid_t begin_recover(const char *confirm, const char *more)
{
    char paths[2 * TEST_PATH_BYTES + 64];
    (void)snprintf(paths, sizeof paths, "%s,%s", sites[3].config, sites[4].config);
    return begin_recover_of(paths, confirm, more);
}

/* The same as an operator does it, who types `words`, and signs with a key of his own. */
static pid_t begin_recover_typed(const char *words)
{
    static const char script[] =
        "printf %s \"$1\" | \"$2\" site recover --config \"$3\" --key \"$4\"";
    char paths[2 * TEST_PATH_BYTES + 64];
    (void)snprintf(paths, sizeof paths, "%s,%s", sites[3].config, sites[4].config);
    const char *const arguments[] = {"/bin/sh",     "-c",  script,        "sh", words,
                                     sites[3].tool, paths, operator_path, NULL};
    return site_process_begin(output_path, arguments);
}

static int finish(pid_t pid)
{
    return site_process_finish(pid, output_path, output, sizeof output);
}

static void kill_three(void)
{
    soup_client_join(&client, sites[4].ouch_port, "ALICE", TEST_MARKET_PASSWORD, 0);
    trade(20);
    for (uint32_t at = 0; at < 3; at++) {
        site_process_kill(&sites[at]);
    }
    for (uint32_t at = 3; at < SITES; at++) {
        site_cluster_await_status(&sites[at], "\"leader_site_id\":0");
    }
}

/* All that were given up run again: each hears of the repair from those who went on, and ends. */
static void expect_dead_are_refused(void)
{
    for (uint32_t at = 0; at < 3; at++) {
        site_process_launch(&sites[at]);
    }
    for (uint32_t at = 0; at < 3; at++) {
        int status = 0;
        for (uint32_t waits = 0; !site_process_ended(&sites[at]); waits++) {
            if (waits == SITE_PROCESS_WAIT_MS / 10) {
                site_process_show_log(&sites[at]);
                fail_msg("site %u goes on", at + 1);
            }
            (void)poll(NULL, 0, 10);
        }
        assert_int_equal(waitpid(sites[at].pid, &status, 0), sites[at].pid);
        sites[at].pid = 0;
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 1);
        assert_true(site_process_logged(&sites[at], "repaired without this site"));
    }
}

/* A seventh journal, of the new generation, joins and learns. */
static void expect_it_grows(void)
{
    site_process_init_reachable(&sites[SITES], directory, "site-6", "provider-6");
    char paths[2 * TEST_PATH_BYTES + 64];
    (void)snprintf(paths, sizeof paths, "%s,%s", sites[3].config, sites[4].config);
    const char *const arguments[] = {sites[3].tool, "site",
                                     "add",         sites[SITES].directory,
                                     "--config",    paths,
                                     "--override",  "provider-loss,no-spare-provider",
                                     NULL};
    if (finish(site_process_begin(output_path, arguments)) != 0) {
        fail_msg("%s", output);
    }
    int status = 0;
    if (!site_process_start(&sites[SITES], &status)) {
        site_process_show_log(&sites[SITES]);
        fail();
    }
}

/* A process on the third site's port that answers, and cannot say more yet. */
static pid_t begin_unready(void)
{
    static const char answer[] = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 29\r\n"
                                 "Connection: close\r\n\r\n{\"error\":\"reads its journal\"}";
    int one = 1;
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons(sites[2].admin_port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(listener >= 0);
    assert_int_equal(setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one), 0);
    assert_int_equal(bind(listener, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 8), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        for (;;) {
            char request[4096];
            int peer = accept(listener, NULL, NULL);
            if (peer < 0 || recv(peer, request, sizeof request, 0) <= 0 ||
                send(peer, answer, sizeof answer - 1, MSG_NOSIGNAL) < 0) {
                _exit(1);
            }
            (void)close(peer);
        }
    }
    assert_int_equal(close(listener), 0);
    return pid;
}

/* Who is named and answers anything but a report is on: nobody gives it up for that. Nor is
 * somebody given up who is named and off. */
static void expect_the_named_must_report(void)
{
    char paths[3 * TEST_PATH_BYTES + 64];
    (void)snprintf(paths, sizeof paths, "%s,%s,%s", sites[3].config, sites[2].config,
                   sites[4].config);
    pid_t unready = begin_unready();
    int status = finish(begin_recover_of(paths, CONFIRMED, NULL));
    (void)kill(unready, SIGKILL);
    assert_int_equal(waitpid(unready, NULL, 0), unready);
    assert_int_equal(status, 1);
    if (strstr(output, "site-3 does not report: reads its journal") == NULL) {
        fail_msg("%s", output);
    }
    assert_int_equal(finish(begin_recover_of(paths, CONFIRMED, NULL)), 1);
    assert_non_null(strstr(output, "site-3 does not report: nobody listens"));
    assert_non_null(strstr(output, "nothing is changed"));
    assert_true(site_cluster_status_holds(&sites[3], "\"generation\":0,"));
    assert_false(site_cluster_status_holds(&sites[3], "\"repairing\":true"));
}

static void expect_not_confirmed(pid_t pid)
{
    assert_int_equal(finish(pid), 1);
    assert_non_null(strstr(output, "not confirmed"));
    assert_non_null(strstr(output, CONFIRMED));
    assert_true(site_cluster_status_holds(&sites[3], "\"generation\":0,"));
    assert_false(site_cluster_status_holds(&sites[3], "\"repairing\":true"));
}

/* Nothing happens without the right words, nor where it is only asked. */
static void expect_the_words_are_wanted(void)
{
    expect_not_confirmed(begin_recover("yes", NULL));
    expect_not_confirmed(begin_recover_typed("")); /* The end, and not a line. */
    assert_non_null(strstr(output, "To go on, type exactly: " CONFIRMED "\n> "));
    expect_not_confirmed(begin_recover_typed("\n" CONFIRMED "\n"));
    expect_not_confirmed(begin_recover_typed("site-1, site-2 are off for good\n"));
    expect_not_confirmed(begin_recover_typed(CONFIRMED "!\n"));
    assert_int_equal(finish(begin_recover("", "--dry-run")), 0);
    assert_true(site_cluster_status_holds(&sites[3], "\"generation\":0,"));
    assert_false(site_cluster_status_holds(&sites[3], "\"repairing\":true"));
}

/* The operator's key is made; later it is known to nobody but by its public half. */
static void make_operator_key(void)
{
    (void)snprintf(operator_path, sizeof operator_path, "%s/operator.key", directory);
    const char *const arguments[] = {sites[3].tool, "keygen", operator_path, NULL};
    if (site_process_run(output, sizeof output, arguments) != 0) {
        fail_msg("%s", output);
    }
}

/* Where the tool has said that it keeps what was attested. */
static void find_attestation(char path[static TEST_PATH_BYTES])
{
    const char *said = strstr(output, "attestation: ");
    assert_non_null(said);
    said += strlen("attestation: ");
    size_t bytes = strcspn(said, "\n");
    assert_true(bytes > 0 && bytes < TEST_PATH_BYTES);
    memcpy(path, said, bytes);
    path[bytes] = '\0';
}

static int verify(const struct site_process *site, const char *path, const char *key)
{
    const char *const arguments[] = {site->tool,   "journal",
                                     "verify",     "--config",
                                     site->config, "--attestation",
                                     path,         key != NULL ? "--attestation-key" : NULL,
                                     key,          NULL};
    return site_process_run(output, sizeof output, arguments);
}

/* What an auditor finds out with public keys: these journals name this text, which he signed. */
static void expect_attested(const char *path)
{
    char key[TEST_PATH_BYTES + 32];
    (void)snprintf(key, sizeof key, "%s.pub", operator_path);
    for (uint32_t at = 3; at <= SITES; at++) {
        if (verify(&sites[at], path, key) != 0) {
            fail_msg("%s", output);
        }
        assert_non_null(strstr(output, "the operator's key; in log index "));
    }
    assert_int_equal(verify(&sites[3], path, NULL), 1);
    assert_non_null(strstr(output, "no site of the repaired shard has this key"));
    /* One word changed: somebody else is said to be off. */
    FILE *file = fopen(path, "r+e");
    static char text[OUTPUT_MAX];
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    const char *off = strstr(text, "off for good: site-1");
    assert_non_null(off);
    assert_int_equal(fseek(file, off - text + (long)strlen("off for good: site-"), SEEK_SET), 0);
    assert_int_equal(fputc('4', file), '4');
    assert_int_equal(fclose(file), 0);
    assert_int_equal(verify(&sites[3], path, key), 1);
    assert_non_null(strstr(output, "the signature does not hold"));
}

static void test_three_of_five_are_gone_and_two_go_on(void **state)
{
    (void)state;
    char attestation[TEST_PATH_BYTES];
    kill_three();
    make_operator_key();
    expect_the_named_must_report();
    expect_the_words_are_wanted();
    if (finish(begin_recover_typed(CONFIRMED "\n")) != 0) {
        fail_msg("%s", output);
    }
    find_attestation(attestation);
    assert_non_null(strstr(output, "survivors\n"));
    assert_non_null(strstr(output, "this log is kept"));
    assert_non_null(strstr(output, "silent, and must be off for good: site-1, site-2, site-3"));
    assert_non_null(strstr(output, "is lost: they were a commit quorum by themselves"));
    assert_non_null(strstr(output, "attestation: "));
    assert_non_null(strstr(output, "shard 1 is repaired"));
    come_back();
    trade(20);
    expect_dead_are_refused();
    come_back();
    trade(5);
    assert_int_equal(client.next_sequence, 47); /* The beginning, then 45 orders. */
    expect_it_grows();
    come_back();
    trade(5);
    soup_client_close(&client);
    assert_int_equal(finish(begin_recover(CONFIRMED, NULL)), 0);
    assert_non_null(strstr(output, "a quorum is there"));
    site_cluster_stop_and_verify(&sites[3], SITES - 2);
    expect_attested(attestation);
}

/* Of all that were kept the journal names one, and a site's own key signed it. */
static void expect_one_attestation(void)
{
    uint32_t named = 0;
    char path[TEST_PATH_BYTES + 32];
    assert_int_equal(site_process_stop(&sites[4]), 0);
    (void)snprintf(path, sizeof path, "%s/data", sites[3].directory);
    DIR *kept = opendir(path);
    assert_non_null(kept);
    for (const struct dirent *entry = readdir(kept); entry != NULL; entry = readdir(kept)) {
        char file[TEST_PATH_BYTES + 32 + 256];
        if (strncmp(entry->d_name, "attestation-1-", strlen("attestation-1-")) == 0) {
            (void)snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
            /* One of a tool that was killed may be nothing whole. */
            bool good = verify(&sites[4], file, NULL) == 0;
            assert_true(!good || strstr(output, "a site's key; in log index ") != NULL);
            named += good ? 1 : 0;
        }
    }
    assert_int_equal(closedir(kept), 0);
    assert_int_equal(named, 1);
}

/* The tool is killed at any moment, so are the survivors; the next one carries it through. */
static void test_a_repair_that_is_killed_is_carried_through(void **state)
{
    (void)state;
    kill_three();
    soup_client_close(&client);
    for (uint32_t round = 0; round < 4; round++) {
        pid_t pid = begin_recover(CONFIRMED, NULL);
        for (uint32_t look = 0; look < round * 4; look++) {
            (void)site_cluster_status_holds(&sites[3], "\"repairing\":true");
        }
        (void)kill(pid, SIGKILL);
        (void)finish(pid);
        site_process_kill(&sites[3 + round % 2]);
        site_process_launch(&sites[3 + round % 2]);
        await_answer(3 + round % 2);
    }
    if (finish(begin_recover(CONFIRMED, NULL)) != 0) {
        fail_msg("%s", output);
    }
    assert_true(strstr(output, "is repaired") != NULL || strstr(output, "a quorum is there"));
    for (uint32_t at = 3; at < SITES; at++) {
        site_cluster_await_status(&sites[at], "\"serving\":true");
    }
    uint64_t next = 21 + 1;
    site_cluster_join(&client, &sites[4], "ALICE", next);
    trade(10);
    soup_client_close(&client);
    expect_dead_are_refused();
    expect_one_attestation();
}

static void test_the_words_name_everyone(void **state)
{
    (void)state;
    static struct site_view view;
    char text[SITE_RECOVER_TEXT_BYTES];
    for (uint32_t at = 0; at < SITES_MAX; at++) {
        (void)snprintf(view.sites[at].name, sizeof view.sites[at].name, "s%u", at + 1);
    }
    site_recover_sentence(text, &view, 0x101);
    assert_string_equal(text, "s1, s9 are off for good");
    site_recover_sentence(text, &view, 0); /* All report, and must agree to what was begun. */
    assert_string_equal(text, "everybody is on");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_three_of_five_are_gone_and_two_go_on, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_repair_that_is_killed_is_carried_through, setup,
                                        teardown),
        cmocka_unit_test(test_the_words_name_everyone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
