/* Packets as the emulated line sees them. */
#include "tools/wan_packet.h"

#include <string.h>

#include "tests/support/cmocka_all.h"

/* 10.99.0.1 to 10.99.0.2, TCP with SYN. */
static const uint8_t syn[40] = {0x45, 0, 0, 40, 0, 1, 0x40, 0, 64, 6, 0, 0, 10, 99, 0, 1,    10,
                                99,   0, 2, 1,  2, 3, 4,    0, 0,  0, 0, 0, 0,  0,  0, 0x50, 0x02};

static void addresses(void **state)
{
    (void)state;
    struct wan_packet packet;
    assert_int_equal(wan_packet_decode(&packet, syn, sizeof syn), STATUS_OK);
    assert_int_equal(packet.source, 0x0A630001);
    assert_int_equal(packet.destination, 0x0A630002);
    assert_true(packet.connects);
}

static void what_asks_for_a_connection(void **state)
{
    (void)state;
    struct wan_packet packet;
    uint8_t other[sizeof syn];
    memcpy(other, syn, sizeof syn);
    other[33] = 0x12; /* SYN and ACK: an answer. */
    assert_int_equal(wan_packet_decode(&packet, other, sizeof other), STATUS_OK);
    assert_false(packet.connects);
    other[33] = 0x18; /* Data. */
    assert_int_equal(wan_packet_decode(&packet, other, sizeof other), STATUS_OK);
    assert_false(packet.connects);
    memcpy(other, syn, sizeof syn);
    other[9] = 17; /* UDP. */
    assert_int_equal(wan_packet_decode(&packet, other, sizeof other), STATUS_OK);
    assert_false(packet.connects);
    memcpy(other, syn, sizeof syn);
    other[7] = 1; /* A later fragment: what stands there is data. */
    assert_int_equal(wan_packet_decode(&packet, other, sizeof other), STATUS_OK);
    assert_false(packet.connects);
}

static void options_before_tcp(void **state)
{
    (void)state;
    struct wan_packet packet;
    uint8_t longer[44] = {0};
    memcpy(longer, syn, 20);
    memcpy(longer + 24, syn + 20, 20);
    longer[0] = 0x46;
    assert_int_equal(wan_packet_decode(&packet, longer, sizeof longer), STATUS_OK);
    assert_true(packet.connects);
}

/* Every cut of a packet, every first byte: never read beyond, never taken for IPv4 when it is not.
 */
static void no_packet(void **state)
{
    (void)state;
    struct wan_packet packet;
    for (size_t bytes = 0; bytes < sizeof syn; bytes++) {
        enum status status = wan_packet_decode(&packet, syn, bytes);
        assert_int_equal(status, bytes < 20 ? STATUS_BAD_FORMAT : STATUS_OK);
        if (bytes >= 20) {
            assert_int_equal(packet.connects, bytes > 33);
        }
    }
    uint8_t other[sizeof syn];
    for (unsigned first = 0; first < 256; first++) {
        memcpy(other, syn, sizeof syn);
        other[0] = (uint8_t)first;
        bool right = first >= 0x45 && first <= 0x4A; /* A header of 20 to 40 bytes. */
        assert_int_equal(wan_packet_decode(&packet, other, sizeof other),
                         right ? STATUS_OK : STATUS_BAD_FORMAT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(addresses),
                                       cmocka_unit_test(what_asks_for_a_connection),
                                       cmocka_unit_test(options_before_tcp),
                                       cmocka_unit_test(no_packet)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
