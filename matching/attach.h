/* Logons, logoffs and the silence of sites: who is attached to a session, under which epoch, and
 * what becomes of those who left (rules.md 2). */
#ifndef MATCHING_ATTACH_H
#define MATCHING_ATTACH_H

#include "matching/market.h"

void attach_logon(struct market *market, const struct command *command);
void attach_logoff(struct market *market, const struct command *command);

/* End the session's epoch, if somebody is attached: it counts as disconnected. */
void attach_end(struct market *market, uint32_t session_id);

/* End the epochs of all sessions attached to the site, in order of session ids, behind
 * `*session_id`, where it stands afterwards. STATUS_MORE: the batch is full, call again. */
MUST_USE enum status attach_silence(struct market *market, uint8_t site_id, uint32_t *session_id);

#endif
