/* The way out: from the session's stream, and what the door says by itself, to the socket. */
#include <string.h>

#include "gateway/door_table.h"
#include "matching/base/assertion.h"

#define DOOR_READ_EVENTS  32u /* Read from the stream at a time. */
#define DOOR_MESSAGE_ROOM (SOUPBIN_HEADER_BYTES + OUCH_MESSAGE_BYTES_MAX)

/* What is being filled for one send. */
struct door_output {
    uint8_t *target;
    uint32_t bytes;
    uint32_t messages;
};

static uint8_t *door_output_place(const struct door_output *output)
{
    ASSERT(output->bytes <= DOOR_SEND_BYTES);
    return output->target + output->bytes;
}

static uint32_t door_output_room(const struct door_output *output)
{
    return DOOR_SEND_BYTES - output->bytes;
}

void door_output_ready(struct doors *doors, struct door *door)
{
    if (door->ready || door->state == DOOR_FREE || door->state == DOOR_CLOSING) {
        return;
    }
    uint32_t index = door_index(doors, door);
    door->ready = true;
    door->next_ready = DOOR_NONE;
    if (doors->ready.first == DOOR_NONE) {
        doors->ready.first = index;
    } else {
        doors->table[doors->ready.last].next_ready = index;
    }
    doors->ready.last = index;
}

static void door_output_refusals(struct door *door, struct door_output *output, bool unsequenced)
{
    for (uint32_t i = 0; i < door->refusal_count; i++) {
        uint8_t *place = door_output_place(output);
        size_t payload_bytes = ouch_refused_encode(place + SOUPBIN_HEADER_BYTES,
                                                   door_output_room(output) - SOUPBIN_HEADER_BYTES,
                                                   &door->refusals[i]);
        output->bytes +=
            (uint32_t)soupbin_header_encode(place, door_output_room(output),
                                            unsequenced ? SOUPBIN_UNSEQUENCED : SOUPBIN_DEBUG,
                                            payload_bytes);
        output->messages++;
    }
    door->refusal_count = 0;
}

/* Render the stream from the door's cursor on, as much as fits. */
static enum status door_output_stream(struct doors *doors, struct door *door,
                                      struct door_output *output)
{
    struct session_store *streams = doors->options.markets[door->market_index].streams;
    struct event events[DOOR_READ_EVENTS];
    while (door_output_room(output) >= DOOR_READ_EVENTS * DOOR_MESSAGE_ROOM) {
        uint32_t count = 0;
        enum status status = session_store_read(streams, door->session_id, door->generation,
                                                door->cursor, events, DOOR_READ_EVENTS, &count);
        if (status != STATUS_OK) {
            return status;
        }
        for (uint32_t i = 0; i < count; i++) {
            ASSERT(events[i].sequence == door->cursor);
            uint8_t *place = door_output_place(output);
            size_t payload_bytes =
                ouch_event_encode(place + SOUPBIN_HEADER_BYTES,
                                  door_output_room(output) - SOUPBIN_HEADER_BYTES, &events[i]);
            output->bytes += (uint32_t)soupbin_header_encode(place, door_output_room(output),
                                                             SOUPBIN_SEQUENCED, payload_bytes);
            output->messages++;
            door->cursor++;
        }
        if (count < DOOR_READ_EVENTS) {
            return STATUS_OK;
        }
    }
    return STATUS_OK;
}

static enum status door_output_fill(struct doors *doors, struct door *door,
                                    struct door_output *output)
{
    if (door->send_rejected != 0) {
        output->bytes +=
            (uint32_t)soupbin_rejected_encode(door_output_place(output), door_output_room(output),
                                              door->send_rejected);
        door->send_rejected = 0;
        door->close_when_sent = true;
        return STATUS_OK;
    }
    if (door->send_accepted) {
        struct soupbin_accepted accepted = {.session = door->generation, .sequence = door->cursor};
        output->bytes += (uint32_t)soupbin_accepted_encode(door_output_place(output),
                                                           door_output_room(output), &accepted);
        door->send_accepted = false;
    }
    if (door->state == DOOR_ATTACHED || door->state == DOOR_DRAINING) {
        door_output_refusals(door, output,
                             door->version_4_10 || doors->options.soupbin_unsequenced);
        enum status status = door_output_stream(doors, door, output);
        if (status != STATUS_OK) {
            return status;
        }
    }
    if (door->send_end && door->cursor > door->end_sequence) {
        output->bytes +=
            (uint32_t)soupbin_empty_encode(door_output_place(output), door_output_room(output),
                                           SOUPBIN_END_OF_SESSION);
        door->send_end = false;
        door->close_when_sent = true;
        return STATUS_OK;
    }
    if (door->send_heartbeat && output->bytes == 0) {
        output->bytes +=
            (uint32_t)soupbin_empty_encode(door_output_place(output), door_output_room(output),
                                           SOUPBIN_SERVER_HEARTBEAT);
    }
    door->send_heartbeat = false;
    return STATUS_OK;
}

/* Fill and start one send, if there is anything to say. */
static enum status door_output_start(struct doors *doors, struct door *door)
{
    ASSERT(!door->sending);
    struct door_output output = {.target = doors->send_memory +
                                           (size_t)door_index(doors, door) * DOOR_SEND_BYTES};
    enum status status = door_output_fill(doors, door, &output);
    if (status == STATUS_NOT_FOUND && door->state == DOOR_DRAINING) {
        /* Ended twice while the client was behind: the rest is gone, and `Z` would hide that. */
        door_end(doors, door, DOOR_END_SESSION_ENDED);
        return STATUS_OK;
    }
    if (status != STATUS_OK || output.bytes == 0) {
        return status;
    }
    door->sending = true;
    doors->counts.messages_out += output.messages;
    doors->counts.bytes_out += output.bytes;
    door->sent_ns = io_now_ns(doors->options.io);
    io_send(doors->options.io, door->handle, output.target, output.bytes, door_token(doors, door));
    return STATUS_OK;
}

void door_output_sent(struct doors *doors, struct door *door, int32_t result)
{
    ASSERT(door->sending);
    door->sending = false;
    if (door->state == DOOR_CLOSING) {
        return;
    }
    if (result < 0) {
        door_end(doors, door, DOOR_END_CONNECTION_FAILED);
    } else if (door->close_when_sent) {
        door_end(doors, door, (enum door_end)door->end);
    } else {
        door_output_ready(doors, door);
    }
}

enum status door_output_run(struct doors *doors)
{
    /* Only those ready now: a door that becomes ready again has its turn in the next run. */
    uint32_t last = doors->ready.last;
    while (doors->ready.first != DOOR_NONE) {
        uint32_t index = doors->ready.first;
        struct door *door = &doors->table[index];
        ASSERT(door->ready);
        if (!door->sending && door->state != DOOR_FREE && door->state != DOOR_CLOSING &&
            !door->close_when_sent) {
            enum status status = door_output_start(doors, door);
            if (status != STATUS_OK) {
                return status;
            }
        }
        doors->ready.first = door->next_ready;
        door->ready = false;
        door->next_ready = DOOR_NONE;
        if (index == last) {
            break;
        }
    }
    return STATUS_OK;
}
