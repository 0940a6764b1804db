#include "tests/support/asserts.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "matching/base/assertion.h"

bool asserts_stop(void (*function)(void *argument), void *argument)
{
    pid_t child = fork();
    ASSERT(child >= 0);
    if (child == 0) {
        int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
        (void)dup2(nowhere, STDERR_FILENO);
        (void)signal(SIGABRT, SIG_DFL); /* cmocka catches it. */
        function(argument);
        _exit(0);
    }
    int status = 0;
    pid_t ended = waitpid(child, &status, 0);
    ASSERT(ended == child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}
