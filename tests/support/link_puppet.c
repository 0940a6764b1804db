#include "tests/support/link_puppet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"

#define HALF_BYTES (64u << 10)
#define TOKEN      5u
#define BATCH      16u

static bool accepts_anybody(void *context, const uint8_t public_key[static TLS_KEY_BYTES])
{
    (void)public_key;
    return context != NULL;
}

void link_puppet_open(struct link_puppet *puppet, uint16_t port, uint8_t seed_byte)
{
    *puppet = (struct link_puppet){.memory = malloc(2 * HALF_BYTES),
                                   .framer_memory = malloc(LINK_FRAMER_BYTES)};
    assert_non_null(puppet->memory);
    assert_non_null(puppet->framer_memory);
    struct io_options options = {.handles_max = 2,
                                 .receive_buffer_bytes = 4096,
                                 .receive_buffer_count = 8};
    assert_int_equal(io_create(&puppet->io, &options), STATUS_OK);
    stream_init(&puppet->stream, puppet->io, puppet->memory, HALF_BYTES);
    link_framer_init(&puppet->framer, puppet->framer_memory);
    uint8_t seed[TLS_KEY_BYTES];
    char reason[TLS_REASON_BYTES];
    memset(seed, seed_byte, sizeof seed);
    struct tls_options tls_options = {.seed = seed};
    assert_int_equal(tls_context_create(&puppet->context, &tls_options, reason), STATUS_OK);
    assert_int_equal(tls_create(&puppet->tls, puppet->context), STATUS_OK);
    char endpoint[32];
    (void)snprintf(endpoint, sizeof endpoint, "127.0.0.1:%u", port);
    assert_int_equal(stream_connect(&puppet->stream, endpoint, TOKEN), STATUS_OK);
}

void link_puppet_close(struct link_puppet *puppet)
{
    io_destroy(puppet->io);
    tls_destroy(puppet->tls);
    tls_context_destroy(puppet->context);
    free(puppet->memory);
    free(puppet->framer_memory);
}

static void end(struct link_puppet *puppet)
{
    puppet->ended = true;
    puppet->established = false;
    if (puppet->stream.state != STREAM_FREE) {
        stream_close(&puppet->stream);
    }
}

static void take_frames(struct link_puppet *puppet)
{
    const uint8_t *bytes;
    uint32_t count;
    while (link_framer_next(&puppet->framer, &bytes, &count) == STATUS_OK) {
        struct link_frame frame;
        assert_int_equal(link_wire_decode(&frame, bytes, count), STATUS_OK);
        puppet->frames++;
        puppet->bye = frame.type == LINK_WIRE_BYE ? frame.bye.reason : puppet->bye;
    }
}

static void take(struct link_puppet *puppet, const struct stream_event *event)
{
    if (puppet->ended) {
        return;
    }
    tls_input(puppet->tls, event->data, event->data_bytes);
    enum status status = STATUS_OK;
    if (!puppet->established) {
        status = tls_handshake(puppet->tls);
        puppet->established = status == STATUS_OK;
        stream_flush(&puppet->stream);
    }
    while (status == STATUS_OK) {
        uint32_t bytes_max;
        uint32_t bytes;
        uint8_t *room = link_framer_room(&puppet->framer, &bytes_max);
        status = tls_read(puppet->tls, room, bytes_max, &bytes);
        if (status == STATUS_OK) {
            link_framer_received(&puppet->framer, bytes);
            take_frames(puppet);
        }
    }
    if (status != STATUS_NOT_YET) {
        end(puppet);
    }
}

void link_puppet_poll(void *context)
{
    struct link_puppet *puppet = context;
    struct io_completion completions[BATCH];
    uint32_t count = io_poll(puppet->io, completions, BATCH, 0);
    for (uint32_t i = 0; i < count; i++) {
        struct stream_event event;
        stream_complete(&puppet->stream, &completions[i], &event);
        if (event.kind == STREAM_OPENED) {
            struct tls_judge judge = {.context = puppet, .accepts = accepts_anybody};
            assert_int_equal(tls_start(puppet->tls, &puppet->stream, true, &judge), STATUS_OK);
            assert_int_equal(tls_handshake(puppet->tls), STATUS_NOT_YET);
            stream_flush(&puppet->stream);
        } else if (event.kind == STREAM_DATA) {
            take(puppet, &event);
            stream_release(&puppet->stream, &completions[i]);
        } else if (event.kind == STREAM_ENDED) {
            end(puppet);
        }
    }
}

void link_puppet_say_bytes(struct link_puppet *puppet, const uint8_t *bytes, uint32_t bytes_count)
{
    assert_true(puppet->established);
    while (bytes_count > 0) {
        uint32_t written;
        assert_int_equal(tls_write(puppet->tls, bytes, bytes_count, &written), STATUS_OK);
        bytes += written;
        bytes_count -= written;
    }
    stream_flush(&puppet->stream);
}

void link_puppet_say(struct link_puppet *puppet, const struct link_frame *frame)
{
    static uint8_t bytes[65536];
    size_t count = link_wire_encode(bytes, sizeof bytes, frame);
    link_puppet_say_bytes(puppet, bytes, (uint32_t)count);
}
