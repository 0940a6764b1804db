#include "tests/support/link_relay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"

#define HALF_BYTES   (128u << 10)
#define LISTEN_TOKEN UINT64_C(0xFFFF)
#define BATCH        64u

void link_relay_open(struct link_relay *relay, uint16_t target_port)
{
    *relay = (struct link_relay){.target_port = target_port};
    struct io_options options = {.handles_max = 3 * LINK_RELAY_PAIRS,
                                 .receive_buffer_bytes = 65536,
                                 .receive_buffer_count = 64};
    assert_int_equal(io_create(&relay->io, &options), STATUS_OK);
    assert_int_equal(io_listen(relay->io, "127.0.0.1:0", LISTEN_TOKEN, &relay->listener,
                               &relay->port),
                     STATUS_OK);
    relay->recorded = malloc(LINK_RELAY_RECORDED_BYTES);
    assert_non_null(relay->recorded);
    for (uint32_t i = 0; i < 2 * LINK_RELAY_PAIRS; i++) {
        struct link_relay_end *end = &relay->pairs[i / 2].ends[i % 2];
        end->memory = malloc(2 * HALF_BYTES);
        end->hold = malloc(LINK_RELAY_HOLD_BYTES);
        end->pieces = calloc(LINK_RELAY_PIECES, sizeof *end->pieces);
        assert_non_null(end->pieces);
        assert_non_null(end->memory);
        assert_non_null(end->hold);
        stream_init(&end->stream, relay->io, end->memory, HALF_BYTES);
    }
}

void link_relay_close(struct link_relay *relay)
{
    io_destroy(relay->io);
    free(relay->recorded);
    for (uint32_t i = 0; i < 2 * LINK_RELAY_PAIRS; i++) {
        free(relay->pairs[i / 2].ends[i % 2].memory);
        free(relay->pairs[i / 2].ends[i % 2].hold);
        free(relay->pairs[i / 2].ends[i % 2].pieces);
    }
}

static void drop_held(struct link_relay_pair *pair)
{
    for (uint32_t i = 0; i < 2; i++) {
        pair->ends[i].hold_bytes = 0;
        pair->ends[i].pieces_out = pair->ends[i].pieces_in;
    }
}

static void end_pair(struct link_relay_pair *pair)
{
    for (uint32_t i = 0; i < 2; i++) {
        if (pair->ends[i].stream.state != STREAM_FREE) {
            stream_close(&pair->ends[i].stream);
        }
    }
}

void link_relay_set_mode(struct link_relay *relay, enum link_relay_mode mode)
{
    relay->mode = mode;
    for (uint32_t i = 0; i < LINK_RELAY_PAIRS; i++) {
        if (mode == LINK_RELAY_CUT) {
            end_pair(&relay->pairs[i]);
        }
        if (mode != LINK_RELAY_CARRY) {
            drop_held(&relay->pairs[i]);
        }
    }
}

static void on_accepted(struct link_relay *relay, const struct io_completion *completion)
{
    assert_true(completion->result >= 0);
    relay->accepted++;
    for (uint32_t i = 0; i < LINK_RELAY_PAIRS && relay->mode != LINK_RELAY_CUT; i++) {
        struct link_relay_end *ends = relay->pairs[i].ends;
        if (ends[0].stream.state != STREAM_FREE || ends[1].stream.state != STREAM_FREE) {
            continue;
        }
        char endpoint[32];
        (void)snprintf(endpoint, sizeof endpoint, "127.0.0.1:%u", relay->target_port);
        drop_held(&relay->pairs[i]);
        stream_accept(&ends[0].stream, completion->handle, (uint64_t)2 * i);
        assert_int_equal(stream_connect(&ends[1].stream, endpoint, (uint64_t)2 * i + 1), STATUS_OK);
        return;
    }
    io_close(relay->io, completion->handle, LISTEN_TOKEN);
}

static void on_data(struct link_relay *relay, uint32_t index, const struct stream_event *event)
{
    struct link_relay_end *end = &relay->pairs[index / 2].ends[index % 2];
    if (index == 0 && relay->accepted == 1 &&
        relay->recorded_bytes + event->data_bytes <= LINK_RELAY_RECORDED_BYTES) {
        memcpy(relay->recorded + relay->recorded_bytes, event->data, event->data_bytes);
        relay->recorded_bytes += event->data_bytes;
    }
    if (relay->mode != LINK_RELAY_CARRY) {
        return;
    }
    assert_true(event->data_bytes <= LINK_RELAY_HOLD_BYTES - end->hold_bytes);
    assert_true(end->pieces_in - end->pieces_out < LINK_RELAY_PIECES);
    end->pieces[end->pieces_in++ % LINK_RELAY_PIECES] =
        (struct link_relay_piece){event->data_bytes, io_now_ns(relay->io) + relay->delay_ns};
    memcpy(end->hold + end->hold_bytes, event->data, event->data_bytes);
    end->hold_bytes += event->data_bytes;
}

static void carry(struct link_relay *relay, struct link_relay_end *from, struct link_relay_end *to)
{
    while (from->pieces_out < from->pieces_in) {
        struct link_relay_piece *piece = &from->pieces[from->pieces_out % LINK_RELAY_PIECES];
        uint32_t bytes;
        uint8_t *room = stream_room(&to->stream, &bytes);
        bytes = bytes < piece->bytes ? bytes : piece->bytes;
        if (io_now_ns(relay->io) < piece->release_ns || bytes == 0) {
            break;
        }
        memcpy(room, from->hold, bytes);
        stream_filled(&to->stream, bytes);
        from->hold_bytes -= bytes;
        memmove(from->hold, from->hold + bytes, from->hold_bytes);
        piece->bytes -= bytes;
        from->pieces_out += piece->bytes == 0 ? 1 : 0;
    }
    stream_flush(&to->stream);
}

void link_relay_poll(void *context)
{
    struct link_relay *relay = context;
    struct io_completion completions[BATCH];
    uint32_t count = io_poll(relay->io, completions, BATCH, 0);
    for (uint32_t i = 0; i < count; i++) {
        const struct io_completion *completion = &completions[i];
        if (completion->token == LISTEN_TOKEN) {
            if (completion->kind == IO_ACCEPTED) {
                on_accepted(relay, completion);
            }
            continue;
        }
        uint32_t index = (uint32_t)completion->token;
        struct link_relay_pair *pair = &relay->pairs[index / 2];
        struct stream_event event;
        stream_complete(&pair->ends[index % 2].stream, completion, &event);
        if (event.kind == STREAM_DATA) {
            on_data(relay, index, &event);
            stream_release(&pair->ends[index % 2].stream, completion);
        } else if (event.kind == STREAM_ENDED && relay->mode == LINK_RELAY_SWALLOW) {
            stream_close(&pair->ends[index % 2].stream); /* The other end learns nothing. */
        } else if (event.kind == STREAM_ENDED) {
            end_pair(pair);
        }
    }
    for (uint32_t i = 0; i < LINK_RELAY_PAIRS; i++) {
        carry(relay, &relay->pairs[i].ends[0], &relay->pairs[i].ends[1]);
        carry(relay, &relay->pairs[i].ends[1], &relay->pairs[i].ends[0]);
    }
}
