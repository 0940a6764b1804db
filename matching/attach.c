#include "matching/attach.h"

/* Say that the session's epoch has ended. False: nobody was attached. */
static bool attach_detach(struct market *market, uint32_t session_id)
{
    struct session *session = &market->participants.sessions[session_id];
    if (session->attached_site_id == 0) {
        return false;
    }
    ASSERT(session->epoch > 0);
    ASSERT(!grace_runs(&market->participants.grace, session_id));
    participant_attach(&market->participants, session, 0);
    event_writer_put_short(&market->writer,
                           event_writer_head(EVENT_SESSION_LOGOFF, 0, 0, 0, session_id), 0,
                           event_writer_reference(session->epoch, 0), 0);
    return true;
}

/* rules.md 2.6 */
void attach_end(struct market *market, uint32_t session_id)
{
    struct participants *participants = &market->participants;
    const struct command_session *terms = &participants->profiles[session_id].terms;
    if (attach_detach(market, session_id) && terms->cancel_on_disconnect == 1) {
        grace_start(&participants->grace, session_id,
                    timer_later_ns(market->timestamp_ns, terms->grace_ms), terms->grace_ms);
    }
}

/* rules.md 2.7 */
enum status attach_silence(struct market *market, uint8_t site_id, uint32_t *session_id)
{
    const struct participants *participants = &market->participants;
    ASSERT(*session_id <= participants->sessions_count);
    if (site_id < 1 || site_id > SITES_MAX) {
        return STATUS_OK;
    }
    while (*session_id < participants->sessions_count &&
           participants->attached_counts[site_id] > 0) {
        if (event_writer_room(&market->writer) == 0) {
            return STATUS_MORE;
        }
        ++*session_id;
        if (participants->sessions[*session_id].attached_site_id == site_id) {
            attach_end(market, *session_id);
        }
    }
    ASSERT(participants->attached_counts[site_id] == 0);
    return STATUS_OK;
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
    (void)attach_detach(market, command->session_id);
    grace_stop(&participants->grace, command->session_id);
    session->epoch++;
    session->input_number_next = 1;
    participant_attach(participants, session, command->site_id);
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
