/* Real packets of real sockets through the emulated network. Delays are only ever compared with
 * what they are at least: how fast this machine is does not matter. */
#include "tools/wan.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"

#define PORT 7777
#define MS   UINT64_C(1000000)

static uint64_t now_ns(void)
{
    struct timespec now;
    assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &now), 0);
    return (uint64_t)now.tv_sec * 1000 * MS + (uint64_t)now.tv_nsec;
}

static struct wan *wan_or_skip(uint32_t nodes)
{
    char reason[WAN_SPACE_ERROR_BYTES];
    if (wan_space_permit(reason) != STATUS_OK) {
        print_message("skipped: no privileges: %s\n", reason);
        skip();
    }
    struct wan *wan;
    enum status status = wan_start(&wan, nodes, 1, reason);
    assert_string_equal(status == STATUS_OK ? "" : reason, "");
    return wan;
}

static struct sockaddr_in address_of(uint32_t node)
{
    char text[WAN_ADDRESS_BYTES];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    wan_address(node, text);
    assert_int_equal(inet_pton(AF_INET, text, &address.sin_addr), 1);
    return address;
}

/* A socket at the node, bound to PORT. Receiving gives up after a minute. */
static int socket_at(struct wan *wan, uint32_t node, int type)
{
    assert_int_equal(wan_enter(wan, node), STATUS_OK);
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    struct sockaddr_in address = address_of(node);
    const int bytes = 1 << 20;
    const struct timeval limit = {.tv_sec = 60};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void send_to(int fd, uint32_t node, uint32_t number, size_t bytes)
{
    uint8_t data[1024] = {0};
    struct sockaddr_in address = address_of(node);
    memcpy(data, &number, sizeof number);
    assert_int_equal(sendto(fd, data, bytes, 0, (const struct sockaddr *)&address, sizeof address),
                     bytes);
}

static uint32_t receive(int fd)
{
    uint8_t data[1024];
    uint32_t number;
    assert_true(recv(fd, data, sizeof data, 0) >= (ssize_t)sizeof number);
    memcpy(&number, data, sizeof number);
    return number;
}

static void assert_nothing_came(int fd)
{
    uint8_t data[1024];
    assert_int_equal(recv(fd, data, sizeof data, MSG_DONTWAIT), -1);
    assert_int_equal(errno, EAGAIN);
}

static void delayed(void **state)
{
    (void)state;
    struct wan *wan = wan_or_skip(2);
    int one = socket_at(wan, 0, SOCK_DGRAM);
    int other = socket_at(wan, 1, SOCK_DGRAM);
    struct wan_line line = {.delay_ns = 40 * MS, .jitter_ns = 5 * MS};
    wan_line_set(wan, 0, 1, &line);
    line.delay_ns = 25 * MS;
    wan_line_set(wan, 1, 0, &line);
    assert_int_equal(wan_line_of(wan, 0, 1).delay_ns, 40 * MS);
    for (uint32_t i = 0; i < 5; i++) {
        uint64_t sent_ns = now_ns();
        send_to(one, 1, i, 100);
        assert_int_equal(receive(other), i);
        uint64_t there_ns = now_ns();
        assert_true(there_ns >= sent_ns + 40 * MS);
        send_to(other, 0, i, 100);
        assert_int_equal(receive(one), i);
        assert_true(now_ns() >= there_ns + 25 * MS);
    }
    assert_int_equal(wan_counts(wan, 0, 1).delivered, 5);
    assert_int_equal(wan_strays(wan), 0);
    (void)close(one);
    (void)close(other);
    wan_stop(wan);
}

static void losses_counted(void **state)
{
    (void)state;
    struct wan *wan = wan_or_skip(2);
    int one = socket_at(wan, 0, SOCK_DGRAM);
    int other = socket_at(wan, 1, SOCK_DGRAM);
    struct wan_line line = {.loss_ppm = WAN_LINE_PPM / 2};
    wan_line_set(wan, 0, 1, &line);
    for (uint32_t i = 0; i < 200; i++) {
        send_to(one, 1, i, 64);
    }
    uint32_t received = 0;
    uint32_t number = 0;
    uint32_t last = 0;
    /* Some number gets through at last; what was before it has been dealt with. */
    for (uint32_t i = 200; number < 200 && i < 5000; i++) {
        send_to(one, 1, i, 64);
        while (number < 200 && (wan_counts(wan, 0, 1).delivered > received)) {
            number = receive(other);
            assert_true(received == 0 || number > last);
            last = number;
            received++;
        }
    }
    assert_true(number >= 200);
    struct wan_model_counts counts = wan_counts(wan, 0, 1);
    assert_true(counts.lost > 0);
    assert_true(received < last + 1);
    assert_true(counts.delivered >= received);
    (void)close(one);
    (void)close(other);
    wan_stop(wan);
}

/* Node 2 hears of everything from node 0 in order: once it has, the line to node 1 has been tried.
 */
static void partitions(void **state)
{
    (void)state;
    struct wan *wan = wan_or_skip(3);
    int one = socket_at(wan, 0, SOCK_DGRAM);
    int other = socket_at(wan, 1, SOCK_DGRAM);
    int third = socket_at(wan, 2, SOCK_DGRAM);
    const struct wan_line cut = {.cut = true};
    const struct wan_line whole = {.cut = false};
    wan_line_set(wan, 0, 1, &cut); /* One way only. */
    send_to(other, 0, 1, 64);
    assert_int_equal(receive(one), 1);
    for (uint32_t i = 0; i < 20; i++) {
        send_to(one, 1, 2, 64);
    }
    send_to(one, 2, 3, 64);
    assert_int_equal(receive(third), 3);
    assert_nothing_came(other);
    assert_int_equal(wan_counts(wan, 0, 1).cut, 20);
    wan_line_set(wan, 1, 0, &cut); /* Both ways. */
    send_to(other, 0, 4, 64);
    send_to(other, 2, 5, 64);
    assert_int_equal(receive(third), 5);
    assert_nothing_came(one);
    wan_line_set(wan, 0, 1, &whole);
    wan_line_set(wan, 1, 0, &whole);
    send_to(one, 1, 6, 64);
    assert_int_equal(receive(other), 6);
    send_to(other, 0, 7, 64);
    assert_int_equal(receive(one), 7);
    (void)close(one);
    (void)close(other);
    (void)close(third);
    wan_stop(wan);
}

static void rate_keeps_order(void **state)
{
    (void)state;
    struct wan *wan = wan_or_skip(2);
    int one = socket_at(wan, 0, SOCK_DGRAM);
    int other = socket_at(wan, 1, SOCK_DGRAM);
    struct wan_line line = {.rate_bytes = 200000, .queue_bytes = 1000000};
    wan_line_set(wan, 0, 1, &line);
    uint64_t sent_ns = now_ns();
    for (uint32_t i = 0; i < 40; i++) {
        send_to(one, 1, i, 972); /* 1,000 with the headers of IPv4 and UDP. */
    }
    for (uint32_t i = 0; i < 40; i++) {
        assert_int_equal(receive(other), i);
    }
    assert_true(now_ns() >= sent_ns + 200 * MS);
    assert_int_equal(wan_counts(wan, 0, 1).delivered_bytes, 40000);
    (void)close(one);
    (void)close(other);
    wan_stop(wan);
}

/* What stands goes on, what is new is not heard. */
static void connections(void **state)
{
    (void)state;
    struct wan *wan = wan_or_skip(2);
    int door = socket_at(wan, 1, SOCK_STREAM);
    assert_int_equal(listen(door, 4), 0);
    struct sockaddr_in address = address_of(1);
    int first = socket_at(wan, 0, SOCK_STREAM);
    assert_int_equal(connect(first, (const struct sockaddr *)&address, sizeof address), 0);
    int accepted = accept(door, NULL, NULL);
    assert_true(accepted >= 0);
    const struct wan_line line = {.connects_lost = true};
    wan_line_set(wan, 0, 1, &line);
    int second = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(second >= 0);
    assert_int_equal(connect(second, (const struct sockaddr *)&address, sizeof address), -1);
    assert_int_equal(errno, EINPROGRESS);
    uint32_t number = 77;
    assert_int_equal(send(first, &number, sizeof number, 0), sizeof number);
    number = 0;
    assert_int_equal(recv(accepted, &number, sizeof number, MSG_WAITALL), sizeof number);
    assert_int_equal(number, 77);
    assert_true(wan_counts(wan, 0, 1).refused >= 1);
    (void)close(first);
    (void)close(second);
    (void)close(accepted);
    (void)close(door);
    wan_stop(wan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(delayed), cmocka_unit_test(losses_counted),
                                       cmocka_unit_test(partitions),
                                       cmocka_unit_test(rate_keeps_order),
                                       cmocka_unit_test(connections)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
