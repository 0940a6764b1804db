#include "matching/attach.h"

void attach_end(struct market *market, uint32_t session_id)
{
    struct session *session = &market->participants.sessions[session_id];
    if (session->attached_site_id == 0) {
        return;
    }
    ASSERT(session->epoch > 0);
    session->attached_site_id = 0;
    event_writer_put_short(&market->writer,
                           event_writer_head(EVENT_SESSION_LOGOFF, 0, 0, 0, session_id), 0,
                           event_writer_reference(session->epoch, 0), 0);
}

void attach_logon(struct market *market, const struct command *command)
{
    struct participants *participants = &market->participants;
    bool known = command->session_id - 1 < participants->sessions_count;
    if (!known || command->site_id < 1 || command->site_id > SITES_MAX ||
        participants->sessions[command->session_id].epoch == UINT32_MAX) {
        market->totals.stale++;
        return;
    }
    struct session *session = &participants->sessions[command->session_id];
    attach_end(market, command->session_id);
    session->epoch++;
    session->input_number_next = 1;
    session->attached_site_id = command->site_id;
    event_writer_put_trade(&market->writer,
                           event_writer_head(EVENT_SESSION_LOGON, 0, 0, 0, command->session_id), 0,
                           event_writer_reference(session->epoch, 0), session->sequence_next,
                           command->body.logon.connection_id, 0);
}

void attach_logoff(struct market *market, const struct command *command)
{
    if (participant_admit(&market->participants, command) == NULL) {
        market->totals.stale++;
        return;
    }
    attach_end(market, command->session_id);
}
