#include "tests/support/order_flow.h"

#include <poll.h>
#include <sodium.h>
#include <string.h>
#include <sys/wait.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/site_cluster.h"

#define FLOW_WINDOW 8u /* Orders under way in order_flow_trade(). */

#define FLOW_SILENT_MS 1000 /* A client that says nothing for 15 s is disconnected. */

#define FLOW_AT_REFERENCE 9u /* In Accepted: behind the type and the stamp. */

static uint32_t flow_reference(const struct soup_packet *packet)
{
    const uint8_t *at = packet->payload + FLOW_AT_REFERENCE;
    assert_true(packet->payload_bytes >= FLOW_AT_REFERENCE + 4);
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void flow_order(struct order_flow *flow, uint32_t reference)
{
    soup_client_order(&flow->client, reference, 'B', 10, flow->symbol, 500000, '0');
}

void order_flow_begin(struct order_flow *flow, const struct site_process *site, const char *session,
                      const char *symbol)
{
    memset(flow, 0, sizeof *flow);
    flow->site = site;
    flow->session = session;
    flow->symbol = symbol;
    soup_client_join(&flow->client, site->ouch_port, session, TEST_MARKET_PASSWORD, 1);
    struct soup_packet packet =
        soup_client_expect(&flow->client, 'S'); /* The stream's beginning. */
    assert_true(packet.payload_bytes > 0);
}

void order_flow_move(struct order_flow *flow, const struct site_process *site)
{
    uint64_t next = flow->client.next_sequence;
    soup_client_close(&flow->client);
    site_cluster_join(&flow->client, site, flow->session, next);
    flow->site = site;
    for (uint32_t reference = flow->accepted + 1; reference <= flow->sent; reference++) {
        flow_order(flow, reference);
    }
}

void order_flow_close(struct order_flow *flow)
{
    assert_int_equal(flow->sent, flow->accepted);
    soup_client_close(&flow->client);
}

void order_flow_send(struct order_flow *flow)
{
    flow_order(flow, ++flow->sent);
}

static bool flow_wait(struct order_flow *flow, int wait_ms)
{
    struct pollfd poll_fd = {.fd = flow->client.fd, .events = POLLIN};
    return flow->client.parsed_bytes < flow->client.buffered_bytes ||
           poll(&poll_fd, 1, wait_ms) != 0;
}

bool order_flow_answered(struct order_flow *flow)
{
    return flow_wait(flow, 0);
}

/* An answer. True: acknowledged; false: refused, unsequenced, which takes nothing up. */
static bool flow_answer(struct order_flow *flow)
{
    struct soup_packet packet;
    while (!flow_wait(flow, FLOW_SILENT_MS)) {
        soup_client_packet(&flow->client, 'R', NULL, 0);
    }
    assert_true(soup_client_receive(&flow->client, &packet));
    if (packet.type != 'S') {
        assert_int_equal(packet.type, '+');
        flow->refused++;
        return false;
    }
    assert_int_equal(packet.payload[0], 'A');
    assert_int_equal(flow_reference(&packet), flow->accepted + 1);
    flow->accepted++;
    flow->client.next_sequence++;
    return true;
}

/* The next answer, whatever it is; it must be right. Orders are under way. */
static void flow_take(struct order_flow *flow)
{
    assert_true(flow->accepted < flow->sent);
    if (flow_answer(flow)) {
        return;
    }
    /* Nothing overtakes what is refused: those behind it are as well. */
    uint32_t refused = 1;
    while (flow->accepted + refused < flow->sent) {
        refused += flow_answer(flow) ? 0 : 1;
    }
    flow->sent = flow->accepted;
    site_cluster_pause(flow->site); /* Until somebody leads. */
}

void order_flow_drain(struct order_flow *flow)
{
    uint32_t until = flow->sent;
    while (flow->accepted < until) {
        if (flow->sent == flow->accepted) {
            order_flow_send(flow);
        }
        flow_take(flow);
    }
    assert_int_equal(flow->sent, flow->accepted);
}

void order_flow_trade(struct order_flow *flow, uint32_t count)
{
    uint32_t until = flow->accepted + count;
    assert_int_equal(flow->sent, flow->accepted);
    while (flow->accepted < until) {
        while (flow->sent < until && flow->sent - flow->accepted < FLOW_WINDOW) {
            order_flow_send(flow);
        }
        flow_take(flow);
    }
}

void order_flow_start(struct order_flow *flow, struct site_process *site)
{
    int status = 0;
    site_process_launch(site);
    while (!site_process_logged_since(site, site->log_bytes, "event=ready")) {
        order_flow_trade(flow, 1);
        site_cluster_pause(site);
    }
    assert_true(site_process_await(site, &status));
}

int order_flow_finish(struct order_flow *flow, pid_t pid)
{
    int status = 0;
    pid_t ended = 0;
    while (ended == 0) {
        order_flow_trade(flow, 1);
        site_cluster_pause(flow->site);
        ended = waitpid(pid, &status, WNOHANG);
    }
    assert_int_equal(ended, pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void order_flow_verify(struct order_flow *flow, const struct site_process *site)
{
    crypto_generichash_state state;
    uint8_t hash[sizeof flow->stream_hash];
    assert_int_equal(flow->client.fd, -1);
    (void)crypto_generichash_init(&state, NULL, 0, sizeof hash);
    site_cluster_join(&flow->client, site, flow->session, 1);
    for (uint32_t reference = 0; reference <= flow->accepted; reference++) {
        struct soup_packet packet;
        assert_true(soup_client_receive(&flow->client, &packet));
        assert_int_equal(packet.type, 'S');
        assert_int_equal(packet.payload[0], reference == 0 ? 'S' : 'A');
        if (reference > 0) {
            assert_int_equal(flow_reference(&packet), reference);
        }
        (void)crypto_generichash_update(&state, packet.payload, packet.payload_bytes);
    }
    soup_client_close(&flow->client);
    (void)crypto_generichash_final(&state, hash, sizeof hash);
    if (flow->stream_seen) {
        assert_memory_equal(hash, flow->stream_hash, sizeof hash);
    }
    memcpy(flow->stream_hash, hash, sizeof hash);
    flow->stream_seen = true;
    /* And nothing stands behind them. */
    soup_client_join(&flow->client, site->ouch_port, flow->session, TEST_MARKET_PASSWORD, 0);
    assert_int_equal(flow->client.next_sequence, flow->accepted + 2);
    soup_client_close(&flow->client);
}
