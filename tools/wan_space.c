#include "tools/wan_space.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "matching/base/assertion.h"

#define WAN_SPACE_DEVICE "wan0"
#define WAN_SPACE_TUN    "/dev/net/tun"
#define WAN_SPACE_OWN    "/proc/thread-self/ns/net"
#define WAN_SPACE_QUEUE  8192 /* Packets that wait for us; the default of 500 would lose. */

/* What a thread of its own does: only it moves into the new namespace. */
struct wan_space_work {
    struct wan_space space;
    uint32_t address;
    uint32_t prefix_bits;
    bool probe; /* Only see whether it is allowed. */
    enum status status;
    char *reason;
};

static void wan_space_fail(struct wan_space_work *work, const char *what)
{
    int error = errno;
    work->status =
        error == EPERM || error == EACCES || error == ENOSYS || error == ENOENT || error == ENODEV
            ? STATUS_DENIED
            : STATUS_IO;
    (void)snprintf(work->reason, WAN_SPACE_ERROR_BYTES, "%s: %s", what, strerror(error));
}

static void wan_space_name(struct ifreq *request, const char *device)
{
    memset(request, 0, sizeof *request);
    (void)snprintf(request->ifr_name, sizeof request->ifr_name, "%s", device);
}

/* An address or a mask of a device. */
static int wan_space_set(int control, unsigned long what, const char *device, uint32_t value)
{
    struct ifreq request;
    wan_space_name(&request, device);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(value)};
    memcpy(&request.ifr_addr, &address, sizeof address);
    return ioctl(control, what, &request);
}

static int wan_space_up(int control, const char *device)
{
    struct ifreq request;
    wan_space_name(&request, device);
    if (ioctl(control, SIOCGIFFLAGS, &request) != 0) {
        return -1;
    }
    request.ifr_flags = (short)(request.ifr_flags | IFF_UP | IFF_RUNNING);
    return ioctl(control, SIOCSIFFLAGS, &request);
}

static int wan_space_sizes(int control)
{
    struct ifreq request;
    wan_space_name(&request, WAN_SPACE_DEVICE);
    request.ifr_mtu = WAN_SPACE_MTU;
    if (ioctl(control, SIOCSIFMTU, &request) != 0) {
        return -1;
    }
    wan_space_name(&request, WAN_SPACE_DEVICE);
    request.ifr_qlen = WAN_SPACE_QUEUE;
    (void)ioctl(control, SIOCSIFTXQLEN, &request); /* Root's only; we live with the default. */
    return 0;
}

/* The device, in the namespace of this thread. */
static void wan_space_device(struct wan_space_work *work)
{
    struct ifreq request;
    wan_space_name(&request, WAN_SPACE_DEVICE);
    request.ifr_flags = IFF_TUN | IFF_NO_PI;
    work->space.tun_fd = open(WAN_SPACE_TUN, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (work->space.tun_fd < 0) {
        wan_space_fail(work, "cannot open " WAN_SPACE_TUN);
        return;
    }
    if (ioctl(work->space.tun_fd, TUNSETIFF, &request) != 0) {
        wan_space_fail(work, "cannot make a TUN device");
        return;
    }
    int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    uint32_t mask = UINT32_MAX << (32 - work->prefix_bits);
    if (control < 0 || wan_space_sizes(control) != 0 ||
        wan_space_set(control, SIOCSIFADDR, WAN_SPACE_DEVICE, work->address) != 0 ||
        wan_space_set(control, SIOCSIFNETMASK, WAN_SPACE_DEVICE, mask) != 0 ||
        wan_space_up(control, WAN_SPACE_DEVICE) != 0 || wan_space_up(control, "lo") != 0) {
        wan_space_fail(work, "cannot set up the TUN device");
    }
    if (control >= 0) {
        (void)close(control);
    }
}

static void *wan_space_thread(void *context)
{
    struct wan_space_work *work = context;
    if (unshare(CLONE_NEWNET) != 0) {
        wan_space_fail(work, "cannot make a network namespace");
        return NULL;
    }
    wan_space_device(work);
    if (work->status == STATUS_OK && !work->probe) {
        work->space.namespace_fd = open(WAN_SPACE_OWN, O_RDONLY | O_CLOEXEC);
        if (work->space.namespace_fd < 0) {
            wan_space_fail(work, "cannot hold the network namespace");
        }
    }
    return NULL;
}

static enum status wan_space_work(struct wan_space_work *work)
{
    pthread_t thread;
    work->space = (struct wan_space){.namespace_fd = -1, .tun_fd = -1};
    work->status = STATUS_OK;
    work->reason[0] = '\0';
    int failed = pthread_create(&thread, NULL, wan_space_thread, work);
    if (failed != 0) {
        errno = failed;
        wan_space_fail(work, "cannot start a thread");
        return work->status;
    }
    failed = pthread_join(thread, NULL);
    ASSERT(failed == 0);
    if (work->status != STATUS_OK || work->probe) {
        wan_space_close(&work->space);
    }
    return work->status;
}

enum status wan_space_open(struct wan_space *space, uint32_t address, uint32_t prefix_bits,
                           char reason[static WAN_SPACE_ERROR_BYTES])
{
    ASSERT(prefix_bits >= 8);
    ASSERT(prefix_bits <= 30);
    struct wan_space_work work = {.address = address, .prefix_bits = prefix_bits, .reason = reason};
    enum status status = wan_space_work(&work);
    *space = work.space;
    return status;
}

void wan_space_close(struct wan_space *space)
{
    if (space->tun_fd >= 0) {
        (void)close(space->tun_fd);
    }
    if (space->namespace_fd >= 0) {
        (void)close(space->namespace_fd);
    }
    *space = (struct wan_space){.namespace_fd = -1, .tun_fd = -1};
}

enum status wan_space_enter(const struct wan_space *space)
{
    ASSERT(space->namespace_fd >= 0);
    return setns(space->namespace_fd, CLONE_NEWNET) == 0 ? STATUS_OK : STATUS_DENIED;
}

static bool wan_space_write(const char *path, const char *text)
{
    int file = open(path, O_WRONLY | O_CLOEXEC);
    bool written = file >= 0 && write(file, text, strlen(text)) == (ssize_t)strlen(text);
    if (file >= 0) {
        (void)close(file);
    }
    return written;
}

/* A user namespace in which this user keeps his number and may make network namespaces. */
static bool wan_space_user(void)
{
    char users[64];
    char groups[64];
    (void)snprintf(users, sizeof users, "%u %u 1", (unsigned)geteuid(), (unsigned)geteuid());
    (void)snprintf(groups, sizeof groups, "%u %u 1", (unsigned)getegid(), (unsigned)getegid());
    return unshare(CLONE_NEWUSER) == 0 && wan_space_write("/proc/self/setgroups", "deny") &&
           wan_space_write("/proc/self/uid_map", users) &&
           wan_space_write("/proc/self/gid_map", groups);
}

enum status wan_space_permit(char reason[static WAN_SPACE_ERROR_BYTES])
{
    struct wan_space_work probe = {
        .address = 0x0A000001, .prefix_bits = 24, .probe = true, .reason = reason};
    enum status status = wan_space_work(&probe);
    if (status == STATUS_DENIED && geteuid() != 0 && wan_space_user()) {
        status = wan_space_work(&probe);
    }
    return status == STATUS_OK ? STATUS_OK : STATUS_DENIED;
}
