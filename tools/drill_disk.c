#include "tools/drill_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "matching/base/assertion.h"

#define DRILL_DISK_PATH_BYTES 1024u
#define DRILL_DISK_FILLER     "filler"
#define DRILL_DISK_TRIES      16 /* Each takes what the one before has left. */

static const char *const drill_disk_mkfs[] = {"/sbin/mkfs.ext4", "/usr/sbin/mkfs.ext4"};

static enum status drill_disk_fail(char *reason, const char *what)
{
    int error = errno;
    (void)snprintf(reason, DRILL_DISK_ERROR_BYTES, "%.160s: %s", what, strerror(error));
    return error == ENOSPC                                        ? STATUS_NO_SPACE
           : error == EPERM || error == EACCES || error == ENOENT ? STATUS_DENIED
                                                                  : STATUS_IO;
}

static const char *drill_disk_maker(void)
{
    for (size_t i = 0; i < sizeof drill_disk_mkfs / sizeof drill_disk_mkfs[0]; i++) {
        if (access(drill_disk_mkfs[i], X_OK) == 0) {
            return drill_disk_mkfs[i];
        }
    }
    return NULL;
}

enum status drill_disk_permit(char reason[static DRILL_DISK_ERROR_BYTES])
{
    if (drill_disk_maker() == NULL) {
        (void)snprintf(reason, DRILL_DISK_ERROR_BYTES,
                       "no mkfs.ext4 here (package e2fsprogs) to make a small disk with");
        return STATUS_DENIED;
    }
    if (access("/dev/loop-control", R_OK | W_OK) != 0) {
        return drill_disk_fail(reason, "no loop devices to make a small disk with");
    }
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) {
        return drill_disk_fail(reason, "cannot mount a small disk");
    }
    return STATUS_OK;
}

/* Run a program to its end, without a word. */
static enum status drill_disk_run(char *const arguments[])
{
    pid_t pid = fork();
    if (pid == 0) {
        int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
        (void)dup2(nothing, STDIN_FILENO);
        (void)dup2(nothing, STDOUT_FILENO);
        (void)dup2(nothing, STDERR_FILENO);
        (void)execvp(arguments[0], arguments);
        _exit(127);
    }
    int ended = -1;
    pid_t reaped = -1;
    while (pid > 0 && (reaped = waitpid(pid, &ended, 0)) < 0 && errno == EINTR) {
    }
    return pid > 0 && reaped == pid && ended == 0 ? STATUS_OK : STATUS_IO;
}

static enum status drill_disk_image(const char *image, uint64_t disk_bytes, char *reason)
{
    int fd = open(image, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return drill_disk_fail(reason, image);
    }
    bool sized = ftruncate(fd, (off_t)disk_bytes) == 0;
    enum status status = sized ? STATUS_OK : drill_disk_fail(reason, image);
    (void)close(fd);
    return status;
}

enum status drill_disk_make(const char *directory, const char *image, uint64_t disk_bytes,
                            char reason[static DRILL_DISK_ERROR_BYTES])
{
    char maker[DRILL_DISK_PATH_BYTES];
    char image_copy[DRILL_DISK_PATH_BYTES];
    char directory_copy[DRILL_DISK_PATH_BYTES];
    const char *found = drill_disk_maker();
    ASSERT(found != NULL); /* drill_disk_permit(). */
    ASSERT(strlen(image) < DRILL_DISK_PATH_BYTES && strlen(directory) < DRILL_DISK_PATH_BYTES);
    (void)snprintf(maker, sizeof maker, "%s", found);
    (void)snprintf(image_copy, sizeof image_copy, "%s", image);
    (void)snprintf(directory_copy, sizeof directory_copy, "%s", directory);
    char quiet[] = "-qFm0"; /* Nothing is kept back for root. */
    char mount_name[] = "mount";
    char option[] = "-o";
    char loop[] = "loop";
    char *const make[] = {maker, quiet, image_copy, NULL};
    char *const mount_it[] = {mount_name, option, loop, image_copy, directory_copy, NULL};
    enum status status = drill_disk_image(image, disk_bytes, reason);
    if (status == STATUS_OK && mkdir(directory, 0700) != 0 && errno != EEXIST) {
        status = drill_disk_fail(reason, directory);
    }
    if (status == STATUS_OK && drill_disk_run(make) != STATUS_OK) {
        (void)snprintf(reason, DRILL_DISK_ERROR_BYTES, "mkfs.ext4 cannot make a disk here");
        status = STATUS_IO;
    }
    if (status == STATUS_OK && drill_disk_run(mount_it) != STATUS_OK) {
        (void)snprintf(reason, DRILL_DISK_ERROR_BYTES, "a small disk cannot be mounted here");
        status = STATUS_DENIED;
    }
    if (status == STATUS_OK) { /* A directory for a site has nothing in it. */
        char found_path[DRILL_DISK_PATH_BYTES + 16];
        (void)snprintf(found_path, sizeof found_path, "%s/lost+found", directory);
        (void)rmdir(found_path);
    }
    return status;
}

static void drill_disk_filler(char path[static DRILL_DISK_PATH_BYTES], const char *directory)
{
    int bytes = snprintf(path, DRILL_DISK_PATH_BYTES, "%s/" DRILL_DISK_FILLER, directory);
    ASSERT(bytes > 0);
    ASSERT((size_t)bytes < DRILL_DISK_PATH_BYTES);
}

enum status drill_disk_fill(const char *directory)
{
    char path[DRILL_DISK_PATH_BYTES];
    drill_disk_filler(path, directory);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return errno == ENOSPC ? STATUS_OK : STATUS_IO;
    }
    struct statvfs space = {.f_bavail = 1};
    off_t taken = lseek(fd, 0, SEEK_END);
    for (int i = 0; i < DRILL_DISK_TRIES && space.f_bavail > 0; i++) {
        if (fstatvfs(fd, &space) == 0 && space.f_bavail > 0) {
            off_t more = (off_t)space.f_bavail * (off_t)space.f_frsize;
            while (more >= (off_t)space.f_frsize && fallocate(fd, 0, taken, more) != 0) {
                more /= 2; /* The file system's own blocks need some. */
            }
            taken += more >= (off_t)space.f_frsize ? more : 0;
        }
    }
    (void)close(fd);
    return taken > 0 || space.f_bavail == 0 ? STATUS_OK : STATUS_IO;
}

enum status drill_disk_free(const char *directory)
{
    char path[DRILL_DISK_PATH_BYTES];
    drill_disk_filler(path, directory);
    return unlink(path) == 0 || errno == ENOENT ? STATUS_OK : STATUS_IO;
}
