#include "tools/site_child.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "matching/base/assertion.h"
#include "tools/pause.h"

#define SITE_CHILD_POLL_NS     UINT64_C(2000000)
#define SITE_CHILD_READY       "event=ready"
#define SITE_CHILD_BLOCK_BYTES 4096u
#define SITE_CHILD_EXEC_FAILED 127

void site_child_init(struct site_child *child, const char *program, const char *config,
                     const char *log)
{
    ASSERT(program != NULL);
    ASSERT(log != NULL);
    *child =
        (struct site_child){.program = program, .config = config, .log = log, .namespace_fd = -1};
}

/* In the new process: nothing but what is safe between fork() and exec(). */
static _Noreturn void site_child_become(const struct site_child *child, int log, pid_t parent)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(SITE_CHILD_EXEC_FAILED); /* The parent died first. */
    }
    if (child->namespace_fd >= 0 && setns(child->namespace_fd, CLONE_NEWNET) != 0) {
        _exit(SITE_CHILD_EXEC_FAILED);
    }
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)setpgid(0, 0); /* Ctrl-C reaches the tool, which then ends the child in good order. */
    if (dup2(log, STDERR_FILENO) >= 0 && dup2(log, STDOUT_FILENO) >= 0) {
        (void)execl(child->program, child->program, "--config", child->config, (char *)NULL);
    }
    _exit(SITE_CHILD_EXEC_FAILED);
}

enum status site_child_start(struct site_child *child)
{
    ASSERT(child->pid == 0);
    if (access(child->program, X_OK) != 0) {
        return STATUS_NOT_FOUND;
    }
    int log = open(child->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    struct stat before;
    if (log < 0 || fstat(log, &before) != 0) {
        return STATUS_IO;
    }
    child->log_from_bytes = (uint64_t)before.st_size;
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        site_child_become(child, log, parent);
    }
    (void)close(log);
    if (pid < 0) {
        return STATUS_IO;
    }
    child->pid = pid;
    child->starts++;
    return STATUS_OK;
}

/* Take the end of the process if there is one; `options` for waitpid(). */
static bool site_child_reap(struct site_child *child, int options)
{
    ASSERT(child->pid > 0);
    int status;
    pid_t ended;
    do {
        ended = waitpid(child->pid, &status, options);
    } while (ended < 0 && errno == EINTR);
    if (ended == 0) {
        return false;
    }
    ASSERT(ended == child->pid);
    child->exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    child->pid = 0;
    return true;
}

/* Whether a whole line of this start says that it is ready. */
static bool site_child_ready(const struct site_child *child)
{
    FILE *file = fopen(child->log, "re");
    if (file == NULL) {
        return false;
    }
    bool ready = false;
    if (fseeko(file, (off_t)child->log_from_bytes, SEEK_SET) == 0) {
        char line[SITE_CHILD_BLOCK_BYTES];
        while (!ready && fgets(line, sizeof line, file) != NULL) {
            ready = strstr(line, SITE_CHILD_READY) != NULL && strchr(line, '\n') != NULL;
        }
    }
    (void)fclose(file);
    return ready;
}

enum status site_child_look(struct site_child *child)
{
    if (child->pid == 0 || site_child_reap(child, WNOHANG)) {
        return STATUS_CLOSED;
    }
    return site_child_ready(child) ? STATUS_OK : STATUS_NOT_YET;
}

enum status site_child_wait(struct site_child *child, uint32_t limit_ms)
{
    enum status status;
    uint64_t waited_ns = 0;
    while ((status = site_child_look(child)) == STATUS_NOT_YET) {
        if (waited_ns >= (uint64_t)limit_ms * 1000000) {
            return STATUS_TIMEOUT;
        }
        pause_ns(SITE_CHILD_POLL_NS);
        waited_ns += SITE_CHILD_POLL_NS;
    }
    return status;
}

static void site_child_signal(const struct site_child *child, int number)
{
    ASSERT(child->pid >= 0);
    if (child->pid > 0) {
        (void)kill(child->pid, number);
    }
}

void site_child_freeze(const struct site_child *child)
{
    site_child_signal(child, SIGSTOP);
}

void site_child_thaw(const struct site_child *child)
{
    site_child_signal(child, SIGCONT);
}

void site_child_ask(const struct site_child *child)
{
    site_child_signal(child, SIGTERM);
}

void site_child_kill(struct site_child *child)
{
    if (child->pid > 0) {
        (void)kill(child->pid, SIGKILL);
        (void)site_child_reap(child, 0);
    }
    ASSERT(child->pid == 0);
}

int site_child_stop(struct site_child *child, uint32_t limit_ms)
{
    if (child->pid == 0) {
        return child->exit_status;
    }
    (void)kill(child->pid, SIGTERM);
    uint64_t waited_ns = 0;
    while (!site_child_reap(child, WNOHANG)) {
        if (waited_ns >= (uint64_t)limit_ms * 1000000) {
            site_child_kill(child);
            break;
        }
        pause_ns(SITE_CHILD_POLL_NS);
        waited_ns += SITE_CHILD_POLL_NS;
    }
    return child->exit_status;
}

void site_child_last_words(const struct site_child *child, char *text, size_t text_bytes)
{
    ASSERT(text_bytes > 0);
    text[0] = '\0';
    FILE *file = fopen(child->log, "re");
    if (file == NULL) {
        return;
    }
    char line[SITE_CHILD_BLOCK_BYTES];
    if (fseeko(file, (off_t)child->log_from_bytes, SEEK_SET) == 0) {
        while (fgets(line, sizeof line, file) != NULL) {
            line[strcspn(line, "\n")] = '\0';
            (void)snprintf(text, text_bytes, "%s", line);
        }
    }
    (void)fclose(file);
}
