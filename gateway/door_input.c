/* The way in: logins, and a client's messages to commands. */
#include <sodium.h>
#include <string.h>

#include "gateway/door_table.h"
#include "matching/base/assertion.h"

#define DOOR_HEARTBEAT_LIMIT_MS_MIN 2000u /* What a 4.10 login may ask for, at the least. */

/* What became of one packet. */
enum door_verdict {
    DOOR_GO_ON,
    DOOR_WAIT,  /* Not taken: the shard's queue is full. */
    DOOR_ENDED, /* The door is closing; its bytes mean nothing more. */
};

static const struct door_market *door_market(const struct doors *doors, const struct door *door)
{
    ASSERT(door->market_index < doors->options.market_count);
    return &doors->options.markets[door->market_index];
}

/* Say Login Rejected, then close. */
void door_input_reject(struct doors *doors, struct door *door, enum soupbin_reject reason)
{
    door->send_rejected = (uint8_t)reason;
    door->end =
        reason == SOUPBIN_NOT_AUTHORIZED ? DOOR_END_NOT_AUTHORIZED : DOOR_END_NO_SUCH_SESSION;
    door->state = DOOR_LOGIN;
    door_output_ready(doors, door);
}

static bool door_find_session(const struct doors *doors, struct door *door,
                              const uint8_t name[SESSION_NAME_BYTES],
                              struct engine_session *session)
{
    for (uint32_t i = 0; i < doors->options.market_count; i++) {
        const struct engine *engine = doors->options.markets[i].engine;
        uint32_t session_id = 0;
        if (engine_session_find(engine, name, &session_id) == STATUS_OK &&
            engine_session_view(engine, session_id, session) == STATUS_OK) {
            door->market_index = i;
            return true;
        }
    }
    return false;
}

static bool door_some_market_closed(const struct doors *doors)
{
    bool closed = false;
    for (uint32_t i = 0; i < doors->options.market_count; i++) {
        closed = closed || doors->options.markets[i].closed;
    }
    return closed;
}

static enum door_verdict door_login(struct doors *doors, struct door *door,
                                    const struct soupbin_packet *packet)
{
    struct soupbin_login login;
    enum status status = soupbin_login_decode(&login, packet->payload, packet->payload_bytes);
    if (status == STATUS_BAD_FORMAT) {
        door_end(doors, door, DOOR_END_BAD_PACKET);
        return DOOR_ENDED;
    }
    door->version_4_10 = login.version_4_10;
    if (login.version_4_10 && login.heartbeat_timeout_ms >= DOOR_HEARTBEAT_LIMIT_MS_MIN) {
        door->heartbeat_timeout_ms = login.heartbeat_timeout_ms;
    }
    /* A session id that is no number of ours names no generation: 0 never matches one. */
    door->generation = status == STATUS_NOT_FOUND ? 0 : login.session;
    if (status == STATUS_OK && login.session_any) {
        door->generation = UINT64_MAX;
    }
    door->login_sequence = login.sequence;

    struct engine_session session;
    if (!door_find_session(doors, door, login.username, &session)) {
        sodium_memzero(&login, sizeof login);
        if (door_some_market_closed(doors)) { /* It may be there: that engine may be behind. */
            door_end(doors, door, DOOR_END_MARKET_CLOSED);
            return DOOR_ENDED;
        }
        door_input_reject(doors, door, SOUPBIN_NOT_AUTHORIZED);
        return DOOR_GO_ON;
    }
    if (door_market(doors, door)->closed) { /* Neither right nor wrong: try another site. */
        sodium_memzero(&login, sizeof login);
        door_end(doors, door, DOOR_END_MARKET_CLOSED);
        return DOOR_ENDED;
    }
    struct credential_request request = {.ticket = door_token(doors, door),
                                         .credential = {.hash_operations = session.hash_operations,
                                                        .hash_memory_kib =
                                                            session.hash_memory_kib}};
    memcpy(request.credential.salt, session.salt, sizeof session.salt);
    memcpy(request.credential.hash, session.hash, sizeof session.hash);
    memcpy(request.password, login.password, sizeof login.password);
    status = credential_submit(doors->options.credentials, &request);
    sodium_memzero(&request, sizeof request);
    sodium_memzero(&login, sizeof login);
    if (status == STATUS_FULL) {
        return DOOR_WAIT;
    }
    door->state = DOOR_VERIFYING;
    door->login_session_id = session.session_id;
    return DOOR_GO_ON;
}

bool door_input_fits(const struct door *door, const struct engine_session *session)
{
    if (door->generation != UINT64_MAX && door->generation != session->generation) {
        return false;
    }
    return door->login_sequence <= session->sequence_next;
}

static void door_pause(struct doors *doors, struct door *door)
{
    if (door->paused) {
        return;
    }
    uint32_t index = door_index(doors, door);
    door->paused = true;
    door->next_paused = DOOR_NONE;
    if (doors->paused.first == DOOR_NONE) {
        doors->paused.first = index;
    } else {
        doors->table[doors->paused.last].next_paused = index;
    }
    doors->paused.last = index;
    doors->counts.pauses++;
    io_receive_pause(doors->options.io, door->handle);
}

void door_input_attach(struct doors *doors, struct door *door)
{
    ASSERT(door->state == DOOR_VERIFYING);
    door->verified = true;
    const struct door_market *market = door_market(doors, door);
    struct engine_session session;
    enum status status = engine_session_view(market->engine, door->login_session_id, &session);
    ASSERT(status == STATUS_OK);
    if (!door_input_fits(door, &session)) {
        door_input_reject(doors, door, SOUPBIN_SESSION_NOT_AVAILABLE);
        return;
    }
    if (door_logoff_waiting(&doors->logoffs[door->market_index])) {
        door_pause(doors, door);
        return;
    }
    struct command command = {.type = COMMAND_SESSION_LOGON,
                              .session_id = door->login_session_id,
                              .site_id = doors->options.site_id};
    command.body.logon.connection_id = door->connection_id;
    status = router_submit(market->router, &command, io_now_ns(doors->options.io));
    if (status == STATUS_OK) {
        door->state = DOOR_ATTACHING;
    } else {
        door_pause(doors, door);
    }
}

/* What a refusal echoes: which message, in which order flow channel. */
static void door_reference(const struct command *command, struct ouch_refused *refused)
{
    switch ((enum command_type)command->type) {
    case COMMAND_ORDER_ENTER:
    case COMMAND_ORDER_REPLACE:
        refused->user_reference = command->body.order.user_reference;
        refused->channel = command->body.order.channel;
        return;
    case COMMAND_ORDER_CANCEL:
        refused->user_reference = command->body.cancel.user_reference;
        refused->channel = command->body.cancel.channel;
        return;
    case COMMAND_ACCOUNT_QUERY:
        refused->channel = command->body.query.channel;
        return;
    case COMMAND_TICK:
    case COMMAND_SESSION_LOGON:
    case COMMAND_SESSION_LOGOFF:
    case COMMAND_SITE_SILENT:
    case COMMAND_INSTRUMENT_SET:
    case COMMAND_INSTRUMENT_STATE:
    case COMMAND_FIRM_SET:
    case COMMAND_SESSION_SET:
    case COMMAND_SESSION_END:
    case COMMAND_SHARD_SET:
        break;
    }
    ASSERT(false); /* ouch_command_decode() makes no others. */
}

static enum door_verdict door_refuse(struct doors *doors, struct door *door,
                                     const struct command *command, enum ouch_refusal reason)
{
    if (door->refusal_count == DOOR_REFUSALS_MAX) {
        return DOOR_WAIT;
    }
    struct ouch_refused refused = {.timestamp_ns = io_wall_ns(doors->options.io), .reason = reason};
    door_reference(command, &refused);
    door->refusals[door->refusal_count++] = refused;
    doors->counts.refused++;
    door_output_ready(doors, door);
    return DOOR_GO_ON;
}

/* Whether an order stands behind one that was refused and has not been sent again. */
static bool door_overtakes(const struct door *door, const struct command_order *order)
{
    return order->channel < CHANNELS_MAX && door->refused_references[order->channel] != 0 &&
           order->user_reference > door->refused_references[order->channel];
}

/* Refuse an order, and all with higher references of its channel until it is sent again. */
static enum door_verdict door_refuse_order(struct doors *doors, struct door *door,
                                           const struct command *command, enum ouch_refusal reason)
{
    const struct command_order *order = &command->body.order;
    enum door_verdict verdict = door_refuse(doors, door, command, reason);
    if (verdict == DOOR_GO_ON && order->channel < CHANNELS_MAX && !door_overtakes(door, order)) {
        door->refused_references[order->channel] = order->user_reference;
        door->refused_reason = (uint8_t)reason;
    }
    return verdict;
}

static enum door_verdict door_message(struct doors *doors, struct door *door,
                                      const struct soupbin_packet *packet)
{
    struct command command;
    enum status status = ouch_command_decode(&command, packet->payload, packet->payload_bytes);
    if (status != STATUS_OK) {
        door_end(doors, door,
                 status == STATUS_BAD_VERSION ? DOOR_END_NOT_SERVED : DOOR_END_BAD_MESSAGE);
        return DOOR_ENDED;
    }
    bool adds = command.type == COMMAND_ORDER_ENTER || command.type == COMMAND_ORDER_REPLACE;
    if (door_market(doors, door)->halted) {
        return adds ? door_refuse_order(doors, door, &command, OUCH_REFUSED_HALTED)
                    : door_refuse(doors, door, &command, OUCH_REFUSED_HALTED);
    }
    if (adds && doors->refuse_orders) {
        return door_refuse_order(doors, door, &command, OUCH_REFUSED_NEARLY_FULL);
    }
    if (adds && door_overtakes(door, &command.body.order)) {
        return door_refuse(doors, door, &command, (enum ouch_refusal)door->refused_reason);
    }
    command.session_id = door->session_id;
    command.epoch = door->epoch;
    command.input_number = door->input_number_next;
    command.site_id = doors->options.site_id;
    status = router_submit(door_market(doors, door)->router, &command, door->arrived_ns);
    if (status == STATUS_NOT_YET) {
        return adds ? door_refuse_order(doors, door, &command, OUCH_REFUSED_NO_QUORUM)
                    : door_refuse(doors, door, &command, OUCH_REFUSED_NO_QUORUM);
    }
    if (status == STATUS_FULL) {
        return DOOR_WAIT;
    }
    ASSERT(status == STATUS_OK);
    if (adds && command.body.order.channel < CHANNELS_MAX) {
        door->refused_references[command.body.order.channel] = 0;
    }
    door->input_number_next++;
    doors->counts.messages_in++;
    return DOOR_GO_ON;
}

static enum door_verdict door_packet(struct doors *doors, struct door *door,
                                     const struct soupbin_packet *packet)
{
    switch (packet->type) {
    case SOUPBIN_LOGIN_REQUEST:
        if (door->state == DOOR_LOGIN && door->send_rejected == 0) {
            return door_login(doors, door, packet);
        }
        break;
    case SOUPBIN_UNSEQUENCED:
        if (door->state == DOOR_ATTACHED) {
            return door_message(doors, door, packet);
        }
        if (door->state == DOOR_DRAINING) {
            return DOOR_GO_ON; /* Nothing of an ended generation is executed any more. */
        }
        break;
    case SOUPBIN_CLIENT_HEARTBEAT:
    case SOUPBIN_DEBUG:
        return DOOR_GO_ON;
    case SOUPBIN_LOGOUT_REQUEST:
        door_end(doors, door, DOOR_END_LOGOUT);
        return DOOR_ENDED;
    default: /* Any byte may come. */
        break;
    }
    door_end(doors, door, DOOR_END_BAD_PACKET);
    return DOOR_ENDED;
}

/* Complete the packet whose start is in door->partial from `data`; returns the bytes taken. */
static uint32_t door_partial_fill(struct door *door, const uint8_t *data, uint32_t data_bytes)
{
    uint32_t taken = 0;
    while (taken < data_bytes) {
        uint32_t wanted = SOUPBIN_HEADER_BYTES;
        if (door->partial_bytes >= SOUPBIN_HEADER_BYTES) {
            struct soupbin_packet packet;
            enum status status = soupbin_decode(&packet, door->partial, door->partial_bytes,
                                                CLIENT_PACKET_BYTES_MAX);
            if (status != STATUS_SHORT) {
                break;
            }
            wanted = 2u + ((uint32_t)door->partial[0] << 8 | door->partial[1]);
        }
        ASSERT(wanted > door->partial_bytes);
        ASSERT(wanted <= CLIENT_PACKET_BYTES_MAX);
        uint32_t piece = wanted - door->partial_bytes;
        if (piece > data_bytes - taken) {
            piece = data_bytes - taken;
        }
        memcpy(door->partial + door->partial_bytes, data + taken, piece);
        door->partial_bytes += piece;
        taken += piece;
    }
    return taken;
}

/* Parse from `*offset` on; false when the door is not to go on with these bytes (closed, or waits).
 */
static bool door_parse(struct doors *doors, struct door *door, const uint8_t *data,
                       uint32_t data_bytes, uint32_t *offset)
{
    for (;;) {
        bool partial = door->partial_bytes > 0;
        if (partial) {
            *offset += door_partial_fill(door, data + *offset, data_bytes - *offset);
        }
        struct soupbin_packet packet;
        enum status status = partial ? soupbin_decode(&packet, door->partial, door->partial_bytes,
                                                      CLIENT_PACKET_BYTES_MAX)
                                     : soupbin_decode(&packet, data + *offset, data_bytes - *offset,
                                                      CLIENT_PACKET_BYTES_MAX);
        if (status == STATUS_BAD_FORMAT) {
            door_end(doors, door, DOOR_END_BAD_PACKET);
            return false;
        }
        if (status == STATUS_SHORT) {
            if (!partial) {
                door->partial_bytes = data_bytes - *offset;
                memcpy(door->partial, data + *offset, door->partial_bytes);
                *offset = data_bytes;
            }
            return true;
        }
        switch (door_packet(doors, door, &packet)) {
        case DOOR_GO_ON:
            break;
        case DOOR_WAIT:
            return false;
        case DOOR_ENDED:
            return false;
        }
        if (partial) {
            door->partial_bytes = 0;
        } else {
            *offset += packet.packet_bytes;
        }
    }
}

/* Behind what the door keeps already: one poll may bring several buffers of a connection. */
static void door_hold(struct doors *doors, struct door *door,
                      const struct io_completion *completion)
{
    uint32_t buffer = completion->buffer_id;
    ASSERT(buffer < doors->options.buffer_ids_max);
    doors->held[buffer] = (struct door_held){*completion, doors->arrived_ns, DOOR_NONE};
    if (door->held_first == DOOR_NONE) {
        door->held_first = buffer;
    } else {
        doors->held[door->held_last].next = buffer;
    }
    door->held_last = buffer;
}

/* The first kept buffer is done with. */
static void door_unhold(struct doors *doors, struct door *door)
{
    ASSERT(door->held_first != DOOR_NONE);
    struct door_held *held = &doors->held[door->held_first];
    io_buffer_release(doors->options.io, &held->completion);
    door->held_first = held->next;
    door->held_offset = 0;
}

void door_input_drop(struct doors *doors, struct door *door)
{
    while (door->held_first != DOOR_NONE) {
        door_unhold(doors, door);
    }
}

void door_input_received(struct doors *doors, struct door *door,
                         const struct io_completion *completion)
{
    if (completion->result <= 0) {
        door_end(doors, door,
                 completion->result == 0 ? DOOR_END_PEER_CLOSED : DOOR_END_CONNECTION_FAILED);
        return;
    }
    doors->counts.bytes_in += (uint64_t)completion->result;
    door->received_ns = io_now_ns(doors->options.io);
    if (door->held_first == DOOR_NONE) {
        door->arrived_ns = doors->arrived_ns;
        door->held_offset = 0;
        if (door_parse(doors, door, completion->data, (uint32_t)completion->result,
                       &door->held_offset) ||
            door->state == DOOR_CLOSING) {
            io_buffer_release(doors->options.io, completion);
            return;
        }
        door_pause(doors, door);
    }
    door_hold(doors, door, completion);
}

/* Whether everything held back is taken now. */
static bool door_retry(struct doors *doors, struct door *door)
{
    if (door->state == DOOR_VERIFYING && door->verified) {
        door_input_attach(doors, door);
        if (door->paused) {
            return false;
        }
    }
    while (door->held_first != DOOR_NONE) {
        const struct door_held *held = &doors->held[door->held_first];
        door->arrived_ns = held->arrived_ns;
        if (!door_parse(doors, door, held->completion.data, (uint32_t)held->completion.result,
                        &door->held_offset)) {
            return false;
        }
        door_unhold(doors, door);
    }
    return true;
}

void door_input_go_on(struct doors *doors, struct door *door)
{
    if (door->state == DOOR_FREE || door->state == DOOR_CLOSING) {
        return;
    }
    if (door_retry(doors, door)) {
        door->received_ns = io_now_ns(doors->options.io); /* Nobody listened to it until now. */
        io_receive_resume(doors->options.io, door->handle);
    } else if (door->state != DOOR_CLOSING) {
        door_pause(doors, door);
    }
}
