#include "tools/drill_operator.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "matching/base/assertion.h"
#include "tools/pause.h"

#define DRILL_OPERATOR_WORDS_MAX   24u
#define DRILL_OPERATOR_EXEC_FAILED 127
#define DRILL_OPERATOR_PAUSE_NS    UINT64_C(1000000000) /* Between two tries. */

/* In a new process; nothing but what is safe between fork() and exec(). */
static _Noreturn void operator_become(const char *tool, const char *const command[])
{
    char *words[DRILL_OPERATOR_WORDS_MAX + 2];
    size_t count = 0;
    words[count++] = (char *)(uintptr_t)tool;
    for (size_t i = 0; command[i] != NULL && count <= DRILL_OPERATOR_WORDS_MAX; i++) {
        words[count++] = (char *)(uintptr_t)command[i];
    }
    words[count] = NULL;
    (void)execv(tool, words);
    _exit(DRILL_OPERATOR_EXEC_FAILED);
}

/* Whether it ended well, at the latest with the last try. */
static bool operator_try(const char *tool, const char *const command[], uint32_t tries)
{
    const pid_t parent = getpid();
    for (uint32_t i = 0; i < tries; i++) {
        if (i > 0) {
            pause_ns(DRILL_OPERATOR_PAUSE_NS);
        }
        pid_t pid = fork();
        if (pid == 0) {
            (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
            if (getppid() != parent) {
                _exit(DRILL_OPERATOR_EXEC_FAILED); /* The operator was ended before. */
            }
            operator_become(tool, command);
        }
        int ended = -1;
        while (pid > 0 && waitpid(pid, &ended, 0) < 0 && errno == EINTR) {
        }
        if (ended == 0) {
            return true;
        }
    }
    return false;
}

static _Noreturn void operator_work(const char *tool, int log, const char *const *const commands[],
                                    uint32_t tries)
{
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)dup2(log, STDOUT_FILENO);
    (void)dup2(log, STDERR_FILENO);
    for (size_t i = 0; i < DRILL_OPERATOR_COMMANDS_MAX && commands[i] != NULL; i++) {
        if (!operator_try(tool, commands[i], tries)) {
            _exit(1);
        }
    }
    _exit(0);
}

enum status drill_operator_start(struct drill_operator *worker, const char *tool, const char *log,
                                 const char *const *const commands[], uint32_t tries)
{
    ASSERT(worker->pid == 0);
    ASSERT(tries > 0);
    ASSERT(commands[0] != NULL);
    int file = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    pid_t parent = getpid();
    pid_t pid = file >= 0 ? fork() : -1;
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) {
            _exit(DRILL_OPERATOR_EXEC_FAILED); /* The parent died first. */
        }
        (void)setpgid(0, 0);
        operator_work(tool, file, commands, tries);
    }
    if (file >= 0) {
        (void)close(file);
    }
    if (pid < 0) {
        return STATUS_IO;
    }
    *worker = (struct drill_operator){.pid = pid, .log = log};
    return STATUS_OK;
}

enum status drill_operator_look(struct drill_operator *worker)
{
    int ended = -1;
    ASSERT(worker->pid > 0);
    pid_t reaped = waitpid(worker->pid, &ended, WNOHANG);
    if (reaped == 0 || (reaped < 0 && errno == EINTR)) {
        return STATUS_NOT_YET;
    }
    ASSERT(reaped == worker->pid);
    worker->pid = 0;
    return ended == 0 ? STATUS_OK : STATUS_IO;
}

void drill_operator_end(struct drill_operator *worker)
{
    if (worker->pid > 0) {
        (void)kill(worker->pid, SIGKILL); /* What it runs goes with it. */
        while (waitpid(worker->pid, NULL, 0) < 0 && errno == EINTR) {
        }
        worker->pid = 0;
    }
}
