#include "tests/support/site_process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "matching/base/assertion.h"
#include "tools/free_port.h"

#define SITE_PROCESS_POLL_NS 5000000L

static uint32_t site_process_port; /* free_port.h */

static pid_t site_process_spawn(const char *const arguments[], int output)
{
    pid_t parent = getpid();
    pid_t pid = fork();
    ASSERT(pid >= 0);
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* A test that aborts leaves nothing running. */
        if (getppid() != parent) {
            _exit(127); /* It has ended already. */
        }
        (void)dup2(output, STDOUT_FILENO);
        (void)dup2(output, STDERR_FILENO);
        char *copy[32];
        int count = 0;
        for (; arguments[count] != NULL && count < 31; count++) {
            copy[count] = strdup(arguments[count]);
        }
        copy[count] = NULL;
        (void)execv(copy[0], copy);
        _exit(127);
    }
    return pid;
}

static int site_process_status(int status)
{
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int site_process_run(char *output, size_t output_bytes, const char *const arguments[])
{
    ASSERT(output_bytes > 0);
    int pipes[2];
    ASSERT(pipe2(pipes, O_CLOEXEC) == 0);
    pid_t pid = site_process_spawn(arguments, pipes[1]);
    (void)close(pipes[1]);
    size_t used = 0;
    for (;;) {
        char piece[4096];
        ssize_t bytes = read(pipes[0], piece, sizeof piece);
        if (bytes < 0 && errno == EINTR) {
            continue;
        }
        if (bytes <= 0) {
            break;
        }
        size_t room = output_bytes - 1 - used;
        size_t take = (size_t)bytes < room ? (size_t)bytes : room;
        memcpy(output + used, piece, take);
        used += take;
    }
    output[used] = '\0';
    (void)close(pipes[0]);
    int status = 0;
    ASSERT(waitpid(pid, &status, 0) == pid);
    return site_process_status(status);
}

uint16_t site_process_free_port(void)
{
    return free_port(&site_process_port);
}

/* Paths and ports of a site that is to be made. */
static void site_process_prepare(struct site_process *site, const char *directory, const char *name)
{
    memset(site, 0, sizeof *site);
    char build[TEST_PATH_BYTES];
    test_paths_build(build);
    (void)snprintf(site->directory, sizeof site->directory, "%s/%s", directory, name);
    (void)snprintf(site->config, sizeof site->config, "%s/site.yaml", site->directory);
    (void)snprintf(site->log, sizeof site->log, "%s/%s.log", directory, name);
    (void)snprintf(site->program, sizeof site->program, "%s/causewayd", build);
    (void)snprintf(site->tool, sizeof site->tool, "%s/causeway", build);
    site->ouch_port = site_process_free_port();
    site->admin_port = site_process_free_port();
}

static void site_process_make(struct site_process *site, const char *name, const char *provider,
                              const char *peer)
{
    char ouch[32];
    char admin[32];
    (void)snprintf(ouch, sizeof ouch, "127.0.0.1:%u", site->ouch_port);
    (void)snprintf(admin, sizeof admin, "127.0.0.1:%u", site->admin_port);
    const char *const arguments[] = {site->tool,
                                     "init",
                                     site->directory,
                                     "--cluster",
                                     "test",
                                     "--site",
                                     name,
                                     "--provider",
                                     provider,
                                     "--ouch",
                                     ouch,
                                     "--admin",
                                     admin,
                                     peer == NULL ? NULL : "--peer",
                                     peer,
                                     NULL};
    char output[4096];
    int status = site_process_run(output, sizeof output, arguments);
    if (status != 0) {
        (void)fprintf(stderr, "%s\n", output);
    }
    ASSERT(status == 0);
}

void site_process_init(struct site_process *site, const char *directory)
{
    site_process_prepare(site, directory, "site");
    site_process_make(site, "one", "local", NULL);
}

void site_process_init_cluster(struct site_process *sites, uint32_t count, const char *directory,
                               const char *shards)
{
    ASSERT(count >= 1 && count <= 9);
    const char *bootstrap[16] = {NULL, "bootstrap", "--shards", shards};
    for (uint32_t at = 0; at < count; at++) {
        struct site_process *site = &sites[at];
        char name[16];
        char provider[16];
        char peer[32];
        (void)snprintf(name, sizeof name, "site-%u", at + 1);
        (void)snprintf(provider, sizeof provider, "provider-%u", at + 1);
        (void)snprintf(peer, sizeof peer, "127.0.0.1:%u", site_process_free_port());
        site_process_prepare(site, directory, name);
        site_process_make(site, name, provider, peer);
        bootstrap[4 + at] = site->directory;
    }
    bootstrap[0] = sites[0].tool;
    char output[4096];
    int status = site_process_run(output, sizeof output, bootstrap);
    if (status != 0) {
        (void)fprintf(stderr, "%s\n", output);
    }
    ASSERT(status == 0);
}

void site_process_init_reachable(struct site_process *site, const char *directory, const char *name,
                                 const char *provider)
{
    char peer[32];
    (void)snprintf(peer, sizeof peer, "127.0.0.1:%u", site_process_free_port());
    site_process_prepare(site, directory, name);
    site_process_make(site, name, provider, peer);
}

pid_t site_process_begin(const char *output, const char *const arguments[])
{
    int file = open(output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ASSERT(file >= 0);
    pid_t pid = site_process_spawn(arguments, file);
    (void)close(file);
    return pid;
}

void site_process_read(const char *path, char *output, size_t output_bytes)
{
    FILE *file = fopen(path, "re");
    ASSERT(file != NULL);
    ASSERT(output_bytes > 0);
    output[fread(output, 1, output_bytes - 1, file)] = '\0';
    ASSERT(fclose(file) == 0);
}

int site_process_finish(pid_t pid, const char *path, char *output, size_t output_bytes)
{
    int status = 0;
    ASSERT(waitpid(pid, &status, 0) == pid);
    site_process_read(path, output, output_bytes);
    return site_process_status(status);
}

bool site_process_logged_since(const struct site_process *site, off_t from_bytes, const char *text)
{
    FILE *file = fopen(site->log, "re");
    if (file == NULL) {
        return false;
    }
    bool found = false;
    if (fseeko(file, from_bytes, SEEK_SET) == 0) {
        char line[4096];
        while (!found && fgets(line, sizeof line, file) != NULL) {
            found = strstr(line, text) != NULL && strchr(line, '\n') != NULL;
        }
    }
    (void)fclose(file);
    return found;
}

bool site_process_logged(const struct site_process *site, const char *text)
{
    return site_process_logged_since(site, 0, text);
}

bool site_process_pid_ended(pid_t pid)
{
    siginfo_t info = {0};
    ASSERT(pid > 0);
    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid != 0;
}

bool site_process_ended(const struct site_process *site)
{
    return site->pid == 0 || site_process_pid_ended(site->pid);
}

void site_process_launch(struct site_process *site)
{
    ASSERT(site->pid == 0);
    int log = open(site->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    ASSERT(log >= 0);
    struct stat before;
    ASSERT(fstat(log, &before) == 0);
    site->log_bytes = before.st_size;
    const char *const arguments[] = {site->program, "--config", site->config, NULL};
    site->pid = site_process_spawn(arguments, log);
    (void)close(log);
}

bool site_process_await(struct site_process *site, int *exit_status)
{
    ASSERT(site->pid != 0);
    for (long waited_ms = 0; waited_ms < SITE_PROCESS_WAIT_MS; waited_ms += 5) {
        int status = 0;
        if (waitpid(site->pid, &status, WNOHANG) == site->pid) {
            site->pid = 0;
            *exit_status = site_process_status(status);
            return false;
        }
        if (site_process_logged_since(site, site->log_bytes, "event=ready")) {
            return true;
        }
        struct timespec pause = {.tv_nsec = SITE_PROCESS_POLL_NS};
        (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
    }
    site_process_kill(site);
    ASSERT(false);
    return false;
}

bool site_process_start(struct site_process *site, int *exit_status)
{
    site_process_launch(site);
    return site_process_await(site, exit_status);
}

void site_process_kill(struct site_process *site)
{
    if (site->pid != 0) {
        (void)kill(site->pid, SIGKILL);
        (void)waitpid(site->pid, NULL, 0);
        site->pid = 0;
    }
}

int site_process_stop(struct site_process *site)
{
    ASSERT(site->pid != 0);
    (void)kill(site->pid, SIGTERM);
    int status = 0;
    ASSERT(waitpid(site->pid, &status, 0) == site->pid);
    site->pid = 0;
    return site_process_status(status);
}

void site_process_show_log(const struct site_process *site)
{
    ASSERT(site->log[0] != '\0');
    FILE *file = fopen(site->log, "re");
    if (file == NULL) {
        (void)fprintf(stderr, "there is no %s\n", site->log);
        return;
    }
    char line[4096];
    while (fgets(line, sizeof line, file) != NULL) {
        (void)fprintf(stderr, "    %s", line);
    }
    (void)fclose(file);
}
